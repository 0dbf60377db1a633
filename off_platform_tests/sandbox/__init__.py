"""Tests of off_platform.sandbox."""
