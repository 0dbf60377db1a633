"""Where things are in a lake: the names of its folders and files, which are all there is here."""

TABLES = "tables"
IMAGE_SETS = "image_sets"
BIN_IMAGE_SETS = "bin_image_sets"
MANIFEST = "manifest.parquet"
PART = "part.parquet"
