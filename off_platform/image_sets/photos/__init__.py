"""One photo or OCR result: whether it is complete, what it shows, the form it is stored in."""
