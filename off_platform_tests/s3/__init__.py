"""A double of S3 for tests and benchmarks: folders as buckets, with faults on demand.

It does what no other server does: it cuts, stalls, flips and changes objects, answers SlowDown in
bursts, and records what it was asked. What S3 itself promises is tested against moto's server as
well (`storage/conftest.py`). It knows path-style requests for objects: GET and HEAD with ranges,
If-Match and If-None-Match; PUT, copy and DELETE; ListObjectsV2; uploads in parts. It checks no
signature, listens on this machine only, and keeps neither metadata nor versions.

`requests` reads, `service` and `writes` decide, `answers` writes, `buckets` and `listings` know the
objects, `connections` and `server` are the network.
"""
