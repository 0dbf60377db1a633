"""Writes what is generated: `python -m off_platform.documentation`."""

from off_platform.documentation import write

write()
