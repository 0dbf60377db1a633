"""The images wing's tables of a month: columns, and the rules that are their asset checks.

`checks.py` evaluates them. The tables made from a dump of products are in `product_schemas.py`.
"""

from typing import get_args

from off_platform.barcodes.text import NORMAL_FORM
from off_platform.images import lineage
from off_platform.images.keys import KEY, PHOTO_KINDS, Kind, Layout
from off_platform.images.photo_order import SLICES
from off_platform.quality import VALUES_RULE, Column, Rule, Table

# Of all photos, from one snapshot to the next.
OCR_FALLEN_MOST = 0.01
_BARCODE = Column(
    "barcode",
    "string",
    "The product, in normal form: 8 digits, or 13 and more.",
    rule="barcodes_in_normal_form",
    pattern=NORMAL_FORM,
)
IMAGE_ID = Column(
    "image_id",
    "int32",
    "The image's number within its product.",
    rule="image_ids_not_negative",
    least=0,
)

SNAPSHOTS = Table(
    "snapshots",
    "One row per month: the key list as copied, with its size in bytes, MD5 and time.",
    (
        Column("url", "string", "URL that the key list was copied from."),
        Column("etag", "string", "ETag of the key list upstream."),
        Column(
            "bytes", "int64", "Size of the gzip file, in bytes.", rule="key_list_not_empty", least=1
        ),
        Column("unpacked_bytes", "int64", "Size of the unpacked key list, in bytes."),
        Column("last_modified", "timestamp", "When the bucket says the key list was written."),
        Column(
            "md5", "string", "MD5 of the gzip file.", rule="md5_recorded", pattern="[0-9a-f]{32}"
        ),
        Column("keys", "int64", "Number of keys.", rule="key_list_not_empty", least=1),
        Column("copied_at", "timestamp", "When the key list was copied."),
    ),
    (
        Rule("key_list_not_empty", "The key list names at least one object.", blocking=True),
        Rule(
            "key_list_not_shrunk",
            "The key list lost no more than the configured share of its keys since the last one.",
            blocking=True,
        ),
        Rule("md5_recorded", "The MD5 of the copied key list is recorded."),
        Rule(
            "md5_matches_etag", "Where the ETag is an MD5, it matches the copied bytes.", "warning"
        ),
        Rule("copied_in_its_month", "The key list was copied in the month it is filed under."),
        Rule(
            "no_month_missing",
            "No month is missing between this snapshot and the previous one.",
            "warning",
        ),
        VALUES_RULE,
    ),
    made_of=lineage.SNAPSHOTS,
)

KEY_INDEX = Table(
    "key_index",
    "One row per object of a snapshot, sorted by key.",
    (
        Column(
            "key",
            "string",
            "The object's key in the bucket.",
            rule="keys_well_formed",
            pattern=KEY,
        ),
        _BARCODE,
        IMAGE_ID,
        Column(
            "kind",
            "string",
            "`raw` as sent, `400` the 400 px copy, `ocr` the OCR result.",
            rule="kinds_known",
            one_of=get_args(Kind),
        ),
        Column(
            "layout",
            "string",
            "Form of the directory: `current`, split after 3, 6 and 9 digits; `document`, not "
            "split; `other`, with extra zeros.",
            rule="layouts_known",
            one_of=get_args(Layout),
        ),
    ),
    (
        VALUES_RULE,
        Rule(
            "every_line_accounted_for",
            "The rows of `key_index` and `key_index_oddities` add up to the lines of the key list.",
            blocking=True,
        ),
        Rule("keys_sorted", "The key list is sorted, byte by byte.", "warning"),
        Rule("keys_unique", "No key is listed twice."),
        Rule(
            "keys_well_formed",
            "Every key is `data/`, a directory made from a barcode, and the file name of an image.",
        ),
        Rule("barcodes_in_normal_form", "Every barcode is in its normal form."),
        Rule("image_ids_not_negative", "Every image id is a number of 0 or more."),
        Rule("kinds_known", "Every kind is raw, 400 or ocr."),
        Rule("layouts_known", "Every layout is current, document or other."),
        Rule("few_oddities", "At most the configured share of lines are not keys.", "warning"),
        Rule(
            "photos_have_copies_and_ocr",
            "At least 95 % of the photos have their 400 px copy and their OCR result.",
            "warning",
        ),
    ),
    made_of=lineage.KEY_INDEX,
)

PHOTOS = Table(
    "photos",
    f"One row per photo of a snapshot, in {SLICES} slices: a choice reads only a few of them.",
    (
        Column(
            "slice",
            "int32",
            "Number of the slice, from 0, by a hash of barcode and image id.",
            rule="slices_numbered",
            least=0,
        ),
        _BARCODE,
        IMAGE_ID,
        Column(
            "kinds",
            "string",
            "Kinds of its objects in the key list, joined by `+`, such as `raw+400+ocr`.",
            rule="kinds_known",
            one_of=PHOTO_KINDS,
        ),
    ),
    (
        VALUES_RULE,
        Rule(
            "photos_match_index",
            "The objects of the photos and those listed twice add up to the rows of the key index.",
            blocking=True,
        ),
        Rule("slices_numbered", f"Every photo is in a slice from 0 to {SLICES - 1}."),
        Rule("barcodes_in_normal_form", "Every barcode is in its normal form."),
        Rule("image_ids_not_negative", "Every image id is a number of 0 or more."),
        Rule("kinds_known", "Every photo has at least one object, of known kinds."),
    ),
    made_of=lineage.PHOTOS,
)

KEY_INDEX_ODDITIES = Table(
    "key_index_oddities",
    "One row per line of a snapshot that is not a key, with the reason.",
    (
        Column(
            "line", "int64", "Line number in the key list, from 1.", rule="lines_numbered", least=1
        ),
        Column("text", "string", "The line, cut to 500 characters."),
        Column("reason", "string", "Why the line is not a key."),
    ),
    (
        Rule("lines_numbered", "Every row has its line number in the key list, 1 or more."),
        VALUES_RULE,
    ),
    made_of=lineage.KEY_INDEX_ODDITIES,
)

KEY_CHANGES = Table(
    "key_changes",
    "One row per product, kind and change: objects added to or removed from the key list since the "
    "last snapshot.",
    (
        Column(
            "barcode",
            "string",
            "The product.",
            rule="barcodes_in_normal_form",
            pattern=NORMAL_FORM,
        ),
        Column(
            "kind",
            "string",
            "Kind of the objects: `raw`, `400` or `ocr`.",
            rule="kinds_known",
            one_of=get_args(Kind),
        ),
        Column(
            "change",
            "string",
            "`added` or `removed`.",
            rule="changes_known",
            one_of=("added", "removed"),
        ),
        Column("objects", "int64", "Number of objects.", rule="changes_known", least=1),
        Column("since", "string", "Month of the previous snapshot."),
    ),
    (
        VALUES_RULE,
        Rule(
            "changes_add_up",
            "The previous number of objects, plus added, minus removed, equals the number now.",
        ),
        Rule("barcodes_in_normal_form", "Every barcode is in its normal form."),
        Rule("kinds_known", "Every kind is raw, 400 or ocr."),
        Rule("changes_known", "Each change is an addition or a removal of at least one object."),
    ),
    made_of=lineage.KEY_CHANGES,
)

MONTH_FIGURES = Table(
    "months",
    "One row per month: what its snapshot has, and how it differs from the previous one.",
    (
        Column(
            "since",
            "string",
            "Month of the previous snapshot; null for the first one.",
            nullable=True,
        ),
        Column(
            "objects", "int64", "Number of keys in the index.", rule="counts_not_negative", least=0
        ),
        Column("products", "int64", "Number of products.", rule="counts_not_negative", least=0),
        Column("photos", "int64", "Number of photos as sent.", rule="counts_not_negative", least=0),
        Column("copies", "int64", "Number of 400 px copies.", rule="counts_not_negative", least=0),
        Column("ocr", "int64", "Number of OCR results.", rule="counts_not_negative", least=0),
        Column(
            "photos_with_ocr",
            "int64",
            "Number of photos as sent that have an OCR result.",
            rule="counts_not_negative",
            least=0,
        ),
        Column(
            "objects_added", "int64", "Objects added since the previous snapshot.", nullable=True
        ),
        Column(
            "objects_removed",
            "int64",
            "Objects removed since the previous snapshot.",
            nullable=True,
        ),
        Column(
            "products_new",
            "int64",
            "Products without objects in the previous snapshot.",
            nullable=True,
        ),
        Column(
            "products_gone",
            "int64",
            "Products with objects only in the previous snapshot.",
            nullable=True,
        ),
    ),
    (
        VALUES_RULE,
        Rule("counts_not_negative", "No count is negative."),
        Rule(
            "products_add_up",
            "The previous number of products, plus new, minus gone, equals the number now.",
        ),
        Rule(
            "ocr_kept",
            "Since the previous snapshot, the share of photos with OCR fell by at most "
            f"{OCR_FALLEN_MOST * 100:g} percentage point.",
            "warning",
        ),
    ),
    made_of=lineage.MONTH_FIGURES,
)
