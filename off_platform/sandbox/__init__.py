"""Small generated copies of the public buckets, to try the platform with and for its tests.

`make.py` makes all of it. What a bucket holds is planned (`images_plan.py`, `bins_plan.py`), drawn
(`photos.py`, `bins_photos.py`) and written (`images_bucket.py`, `bins_bucket.py`). All brands and
products are invented; the same seed gives the same bytes.
"""
