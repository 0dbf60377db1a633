"""Reading the dumps that Open Food Facts publishes of its products."""
