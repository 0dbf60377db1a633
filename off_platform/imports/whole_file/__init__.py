"""What only all records of an import say together."""
