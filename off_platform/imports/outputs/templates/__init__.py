"""What the import report looks like; what it says is gathered in `report.py`."""
