"""The manifest of an image set: its columns and its rules.

Its rows are made by `fetching/build.py` and checked by `manifest_checks.py`.
"""

from off_platform.quality import SHAPE, SHAPE_RULE, Column, Rule, Table

UNITS = "no_unit_in_two_splits"
NEAR_DUPLICATES = "no_near_duplicates_in_two_splits"
SHARES = "split_shares_met"

# Objects other than photos describe the sample's photo.
TEXT_KINDS = ("ocr", "metadata")
STATUSES = ("fetched", "missing", "refused", "corrupt", "failed")

COLUMNS = (
    Column("position", "int64", "Order of the object in the set, from 0.", least=0, rule=SHAPE),
    Column("image_set", "string", "Name of the set."),
    Column("sample", "string", "Name of the sample; its objects share it."),
    Column("key", "string", "Key of the object in the bucket."),
    Column("barcode", "string", "The product, in normal form.", nullable=True),
    Column("image_id", "int32", "The image's number within its product.", nullable=True),
    Column("kind", "string", "Kind of object: raw, 400 or ocr; of bins photo or metadata."),
    Column(
        "status",
        "string",
        "Outcome: fetched, missing, refused, corrupt or failed.",
        rule="every_object_accounted_for",
        one_of=STATUSES,
    ),
    Column(
        "reason",
        "string",
        "Why it was not fetched, or why it is a copy from an earlier run, in a sentence.",
        nullable=True,
    ),
    Column("bytes", "int64", "Size of the object, in bytes.", nullable=True),
    Column("md5", "string", "MD5 of the object's bytes.", nullable=True),
    Column("etag", "string", "ETag of the object in the bucket.", nullable=True),
    Column("last_modified", "timestamp", "When it was written to the bucket.", nullable=True),
    Column("width", "int32", "Width of a photo as fetched, in pixels.", nullable=True),
    Column("height", "int32", "Height of a photo as fetched, in pixels.", nullable=True),
    Column("shown_width", "int32", "Width once turned upright, in pixels.", nullable=True),
    Column("shown_height", "int32", "Height once turned upright, in pixels.", nullable=True),
    Column("orientation", "int32", "EXIF orientation of a photo, 1 to 8.", nullable=True),
    Column("format", "string", "Format of a photo: JPEG; PNG, WebP or GIF if kept.", nullable=True),
    Column("decoded", "bool", "Whether the photo was decoded in full."),
    Column(
        "processing",
        "string",
        "How a photo was changed before it was stored; null if it is stored as fetched.",
        nullable=True,
    ),
    Column(
        "stored_width", "int32", "Width of a photo as stored in the set, in pixels.", nullable=True
    ),
    Column(
        "stored_height",
        "int32",
        "Height of a photo as stored in the set, in pixels.",
        nullable=True,
    ),
    Column("perceptual_hash", "string", "Perceptual hash of a photo, as hex.", nullable=True),
    Column(
        "sharpness",
        "double",
        "Variance of the Laplacian of a photo's grey values: blurred photos have a low one.",
        nullable=True,
    ),
    Column(
        "ocr_status",
        "string",
        "Outcome of the OCR: text, no text, empty or error.",
        nullable=True,
    ),
    Column("ocr_text", "string", "The text that Cloud Vision read.", nullable=True),
    Column("ocr_language", "string", "Code of the main language of that text.", nullable=True),
    Column("ocr_confidence", "double", "Mean confidence of that text, 0 to 1.", nullable=True),
    Column("unit", "string", "Product or visit, which stays whole in a split.", nullable=True),
    Column(
        "duplicate_group",
        "string",
        "First sample of its group of near duplicates; null if it has none.",
        nullable=True,
    ),
    Column("split", "string", "Split of the sample, or excluded.", nullable=True),
    Column(
        "excluded_because", "string", "Why the sample is in no split, in a sentence.", nullable=True
    ),
    Column("division", "string", "How the set was split: shares, seed, label.", nullable=True),
    Column(
        "path",
        "string",
        "The shard, file or Parquet file, relative to the set's folder.",
        nullable=True,
    ),
    Column(
        "offset",
        "int64",
        "Byte offset of its data in the shard, or row number in the Parquet file, from 0.",
        nullable=True,
    ),
    Column("stored_bytes", "int64", "Size as stored; OCR in shards is unpacked.", nullable=True),
    Column("url", "string", "URL at which the object can be viewed."),
    Column("licence", "string", "Licence of the object."),
    Column("attribution", "string", "The source to credit."),
)

NOT_IN_OLDER_ONES = frozenset(
    {
        *("shown_width", "shown_height", "orientation", "format"),
        *("processing", "stored_width", "stored_height", "perceptual_hash", "sharpness"),
        *("ocr_text", "ocr_language", "ocr_confidence"),
        *("unit", "duplicate_group", "split", "excluded_because", "division"),
    }
)
"""Columns that manifests of earlier versions lack; their sets can still be refreshed."""


def manifest_table(missing_share_most: float = 0) -> Table:
    """The manifest with its rules.

    Args:
        missing_share_most: tolerated share of missing objects, which differs between sets.
    """
    return Table(
        "manifest",
        "One row per object of an image set, with its outcome and where it is stored.",
        COLUMNS,
        (
            SHAPE_RULE,
            Rule("exactly_n_chosen", "The number of chosen samples is the one requested."),
            Rule(
                "every_object_accounted_for",
                "Each object of the choice has one row with its outcome.",
            ),
            Rule(
                "few_missing",
                "No more than the configured share of objects is missing or refused upstream.",
                tolerated=missing_share_most,
            ),
            Rule("none_corrupt", "Every fetched object is complete.", tolerated=missing_share_most),
            Rule("none_failed", "No object failed for a temporary reason."),
            Rule(
                "md5_recorded",
                "The MD5 of every fetched object is recorded; up to 200 objects are read again and "
                "compared with it.",
            ),
            Rule("md5_matches_etag", "Where the ETag is an MD5, it matches the fetched bytes."),
            Rule(
                "photo_sizes_read",
                "Width and height of every fetched photo were read from its header.",
            ),
            Rule("sample_decoded", "The configured share of photos was decoded in full."),
            Rule("paths_unique", "Every object has its own path."),
            Rule("photos_unique", "No two photos of a set have the same bytes.", "warning"),
            Rule(UNITS, "No product or visit is in two splits."),
            Rule(NEAR_DUPLICATES, "No photo has a copy or near duplicate in another split."),
            Rule(
                SHARES,
                "Each split has its share of the samples, within 1 % of all samples or what chance "
                "allows.",
                "warning",
            ),
            Rule(
                "ocr_succeeded",
                "Cloud Vision succeeded for the OCR results.",
                "warning",
                tolerated=0.02,
            ),
        ),
    )
