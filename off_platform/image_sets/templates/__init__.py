"""The templates of data card and gallery, and what keeps values from outside harmless in them."""
