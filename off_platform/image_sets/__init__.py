"""Image sets of any bucket; rooms in the order of the flow, each imports only rooms before it.

`files/` names and bytes of a set's files; `declaration/` what a set shall be; `photos/` one object;
`fetching/` the set under construction; `division/` near duplicates and splits; `layouts/` files for
loaders; `pages/` card, gallery and Croissant; `request.py` and `finish.py` put them together;
`publishing/` sends a finished set. `manifest.py`, the table, is below all of them.
"""
