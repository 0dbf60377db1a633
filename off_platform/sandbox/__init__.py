"""Small generated copies of the public buckets, for trying out and for tests."""
