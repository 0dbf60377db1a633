"""Texts to countries and languages."""
