"""Image sets of any bucket: declared, built, shown."""
