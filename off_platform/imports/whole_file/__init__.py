"""Rules on an import as a whole."""
