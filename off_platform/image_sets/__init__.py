"""Image sets of any bucket; rooms in the order of the flow, each imports only rooms before it.

`files/` names and bytes of a set's files; `declaration/` what a set shall be; `photos/` one object;
`construction/` the folder of a half-built set; `fetching/` its groups, in parts; `division/` near
duplicates and splits; `layouts/` files for loaders; `pages/` card, gallery and Croissant;
`request.py` and `finish.py` put them together; `planning/` says what a set takes; `publishing/`
sends a finished one. `manifest.py`, the table, is below all of them.
"""
