"""Reads JSON and JSON Lines."""
