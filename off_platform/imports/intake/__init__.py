"""From the file somebody hands in to the original that is kept."""
