"""What is open over all wings: imports, months and image sets that somebody should look at."""
