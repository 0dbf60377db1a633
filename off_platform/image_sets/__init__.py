"""Image sets, whatever bucket they come from: declared, built, shown."""
