"""Accepted records as files that Open Food Facts imports."""
