"""A double of the Hugging Face Hub: the part that publishing a dataset needs."""
