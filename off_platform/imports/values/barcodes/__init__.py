"""Texts to barcodes."""
