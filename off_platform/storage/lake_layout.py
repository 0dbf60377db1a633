"""The names of folders and files in a lake."""

TABLES = "tables"
IMAGE_SETS = "image_sets"
BIN_IMAGE_SETS = "bin_image_sets"
MANIFEST = "manifest.parquet"
PART = "part.parquet"
# The partition column of the tables of a month.
MONTH = "month"
