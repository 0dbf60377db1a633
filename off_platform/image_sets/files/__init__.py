"""The files of a set: their names, the order of samples in a shard, and the bytes of objects."""
