"""The Open Food Facts images wing: key list, key index, choice of images."""
