"""Readers: a file that somebody hands in, by its content, as batches of text; no rule of values."""
