"""`off-platform`: the platform from the command line."""
