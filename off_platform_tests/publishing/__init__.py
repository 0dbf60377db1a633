"""Sets are published whole, the card last, and a killed run is resumed."""
