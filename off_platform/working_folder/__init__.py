"""A folder that the platform works in: the files that ship with the package for it."""
