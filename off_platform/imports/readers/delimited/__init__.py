"""Reads CSV and TSV."""
