"""Cells read from XML as spreadsheet programs write it, without a parser for each of them."""
