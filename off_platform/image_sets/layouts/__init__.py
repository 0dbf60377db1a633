"""The files of a set for loaders: shards, loose files, class folders, Parquet."""
