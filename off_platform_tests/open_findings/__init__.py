"""What is open over all wings."""
