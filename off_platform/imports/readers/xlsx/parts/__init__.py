"""The parts of a workbook: its package, its number formats, and the rows of its sheets."""
