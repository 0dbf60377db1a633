"""The error for a damaged file of the lake; `damage.py` finds it."""


class DamagedFileError(ValueError):
    """A file of the lake cannot be read; the message says which, and what to do."""
