"""What a server needs."""
