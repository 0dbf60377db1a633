"""The tables of what is in the bins bucket, object by object: columns with units, and rules.

`listing.py` and `collect.py` build them; `checks.py` evaluates the rules. The tables made of them
are in `schemas.py`.
"""

from off_platform.bins import lineage
from off_platform.bins.keys import ID, SPACES
from off_platform.quality import SHAPE, VALUES_RULE, Column, Rule, Table

BIN_OBJECTS = Table(
    "bin_objects",
    "One row per object listed below `metadata/` and `bin-images/` in the bins bucket.",
    (
        Column("key", "string", "Key in the bucket."),
        Column(
            "part", "string", "`metadata` or `image`.", rule=SHAPE, one_of=("metadata", "image")
        ),
        Column(
            "id",
            "string",
            "Id of the bin, from the file name; null if that is not an id.",
            nullable=True,
        ),
        Column("id_space", "string", "`main` or `pilot`; null without an id.", nullable=True),
        Column(
            "bytes", "int64", "Size of the object, in bytes.", rule="objects_not_empty", least=1
        ),
        Column("etag", "string", "ETag of the object.", nullable=True),
        Column("last_modified", "timestamp", "When it was written to the bucket.", nullable=True),
    ),
    (
        VALUES_RULE,
        Rule("listing_not_empty", "The bucket lists metadata and images.", blocking=True),
        Rule("objects_not_empty", "No object is empty."),
        Rule(
            "key_format",
            "The file name in every key is an id of the main or of the pilot set.",
            "warning",
            tolerated=0.001,
        ),
        Rule(
            "metadata_has_image",
            "Every metadata object has its image: they share an id.",
            "warning",
            tolerated=0.001,
        ),
        Rule("image_has_metadata", "Every image has its metadata.", "warning", tolerated=0.001),
    ),
)

BIN_METADATA = Table(
    "bin_metadata",
    "One row per metadata object: the JSON of a bin, unchanged.",
    (
        Column("key", "string", "Key in the bucket."),
        Column("id", "string", "Id of the bin.", rule="ids_valid", pattern=ID),
        Column("id_space", "string", "`main` or `pilot`.", rule="ids_valid", one_of=SPACES),
        Column("etag", "string", "ETag of the object; null if never fetched.", nullable=True),
        Column("last_modified", "timestamp", "When it was written to the bucket.", nullable=True),
        Column("bytes", "int64", "Size of the object, in bytes.", nullable=True),
        Column("md5", "string", "MD5 of the object's bytes.", nullable=True),
        Column(
            "text",
            "string",
            "The JSON as fetched; null when it could not be fetched.",
            nullable=True,
        ),
        Column("usable", "bool", "Whether the bin has rows in the other tables."),
        Column(
            "oddity", "string", "Short name of the oddity; null if there is none.", nullable=True
        ),
        Column("reason", "string", "Description of the oddity, in a sentence.", nullable=True),
    ),
    (
        VALUES_RULE,
        Rule("ids_valid", "Every id belongs to the main or to the pilot set."),
        Rule("every_object_accounted_for", "Every listed metadata object has its row."),
        Rule("all_fetched", "No object is missing, refused or failed.", tolerated=0.001),
        Rule("json_valid", "The text is complete, valid JSON, and not HTML."),
        Rule("items_valid", "Items are objects, with whole numbers as quantities."),
        Rule("json_keys_unique", "No JSON object has the same key twice."),
        Rule(
            "fields_known",
            "The JSON has exactly the known fields, at the top level and in items.",
            "warning",
        ),
        Rule(
            "pilot_image_name_matches",
            "In the pilot set, `image_fname` is the file name of the image.",
        ),
        Rule("md5_matches_etag", "Where the ETag is an MD5, it matches the fetched bytes."),
    ),
    made_of=lineage.BIN_METADATA,
)

BIN_ODDITIES = Table(
    "bin_oddities",
    "One row per odd or unusable object, with the reason.",
    (
        Column("key", "string", "Key in the bucket."),
        Column("id", "string", "Id of the bin; null if the key has none.", nullable=True),
        Column("oddity", "string", "Short name of the oddity."),
        Column("usable", "bool", "Whether the bin still has rows in the other tables."),
        Column("reason", "string", "Description of the oddity, in a sentence."),
    ),
    (
        VALUES_RULE,
        Rule(
            "few_oddities",
            "At most 0.1 % of the objects are odd or unusable.",
            "warning",
            tolerated=0.001,
        ),
    ),
    made_of=lineage.BIN_ODDITIES,
)
