"""What a barcode is, in three forms: one text (`text.py`), a column (`columns.py`), SQL (`sql.py`).

One property test compares the three with one another, and the check digits with python-stdnum.
"""
