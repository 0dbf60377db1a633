"""`croissant.json`: the document, and the facts of a set that it states."""
