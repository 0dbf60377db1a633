"""The templates of data card and gallery, and their escaping of values from outside."""
