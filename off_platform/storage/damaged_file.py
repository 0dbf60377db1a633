"""The error for a file of the lake that is damaged; how it is found is `damage.py`."""


class DamagedFileError(ValueError):
    """A file of the lake cannot be read; the message says which, and what to do."""
