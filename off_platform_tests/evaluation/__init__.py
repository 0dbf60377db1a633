"""Tests of `off_platform/evaluation`."""
