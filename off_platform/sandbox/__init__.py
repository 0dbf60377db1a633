"""Small generated copies of the public buckets, for trying out and for tests.

`make.py` makes all of it. One folder a bucket: what lies in it is planned (`images_plan.py`), drawn
(`products.py` to `labels.py` to `packages.py` to `photos.py`) and written (`images_bucket.py`); the
bins bucket likewise in `bins_plan.py` with `bins_metadata.py`, `bins_photos.py`, `bins_bucket.py`.
Every brand and every product is invented; the same seed gives the same bytes.
"""
