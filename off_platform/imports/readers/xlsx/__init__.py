"""Reads XLSX workbooks."""
