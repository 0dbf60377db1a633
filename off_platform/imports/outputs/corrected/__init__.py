"""Corrected copies, one module per format."""
