"""How good the predictions of a model are on an image set."""
