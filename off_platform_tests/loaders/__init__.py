"""Sets in the loaders that people train with."""
