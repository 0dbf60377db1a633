"""The template of the import report; `report.py` gathers its content."""
