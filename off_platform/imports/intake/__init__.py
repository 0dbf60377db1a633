"""From an incoming file to the stored original."""
