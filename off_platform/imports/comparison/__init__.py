"""Accepted records compared with what Open Food Facts has."""
