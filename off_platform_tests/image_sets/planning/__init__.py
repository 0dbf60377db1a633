"""Tests of off_platform.image_sets.fetching."""
