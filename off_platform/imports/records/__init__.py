"""Records as a whole, and their findings."""
