"""Tests of off_platform.images."""
