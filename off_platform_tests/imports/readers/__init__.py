"""Tests of the readers of imports."""
