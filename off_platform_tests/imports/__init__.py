"""Tests of off_platform.imports."""
