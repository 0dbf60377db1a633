"""What one record says as a whole, and its findings."""
