"""Which samples belong together, and in which split each is."""
