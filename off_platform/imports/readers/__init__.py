"""Readers: an incoming file, recognised by its content, as batches of text; no rules of values."""
