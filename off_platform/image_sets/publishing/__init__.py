"""A finished set is copied to the Hugging Face Hub or a bucket."""
