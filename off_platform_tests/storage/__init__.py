"""Tests of off_platform.storage."""
