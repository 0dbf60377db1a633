"""The images wing's tables: columns, and the rules that are their asset checks.

`checks.py` evaluates them.
"""

from typing import get_args

from off_platform.barcodes.text import NORMAL_FORM
from off_platform.dumps.facts import GRADES, MOST_TEXT
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
_IMAGE_ID = Column(
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
        Column("url", "string", "Where the key list was copied from."),
        Column("etag", "string", "Its ETag upstream."),
        Column(
            "bytes", "int64", "Size of the gzip file, in bytes.", rule="key_list_not_empty", least=1
        ),
        Column("unpacked_bytes", "int64", "Size of the keys, in bytes."),
        Column("last_modified", "timestamp", "When the list was written, according to the bucket."),
        Column(
            "md5", "string", "MD5 of the gzip file.", rule="md5_recorded", pattern="[0-9a-f]{32}"
        ),
        Column("keys", "int64", "Number of keys.", rule="key_list_not_empty", least=1),
        Column("copied_at", "timestamp", "When it was copied."),
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
        _IMAGE_ID,
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
            "Directory: today's (`current`), unsplit (`document`), with extra zeros (`other`).",
            rule="layouts_known",
            one_of=get_args(Layout),
        ),
    ),
    (
        VALUES_RULE,
        Rule(
            "every_line_accounted_for",
            "The rows of the index and of the oddities add up to the lines of the key list.",
            blocking=True,
        ),
        Rule("keys_sorted", "The key list is sorted, byte by byte.", "warning"),
        Rule("keys_unique", "No key is listed twice."),
        Rule(
            "keys_well_formed",
            "Every key is data/, a directory made from a barcode, and the name of an image.",
        ),
        Rule("barcodes_in_normal_form", "Every barcode is in its normal form."),
        Rule("image_ids_not_negative", "Every image id is a number of 0 or more."),
        Rule("kinds_known", "Every kind is raw, 400 or ocr."),
        Rule("layouts_known", "Every directory is of a known layout."),
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
    f"One row per photo of a snapshot, in {SLICES} slices, of which a random choice reads a few.",
    (
        Column(
            "slice",
            "int32",
            "Its row group, from 0: a hash of barcode and image id.",
            rule="slices_numbered",
            least=0,
        ),
        _BARCODE,
        _IMAGE_ID,
        Column(
            "kinds",
            "string",
            "Its objects in the key list: `raw`, `400`, `ocr`, joined by `+`.",
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
        Column("reason", "string", "Why it is not a key."),
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
            "Kind of the objects.",
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
        Column("objects", "int64", "How many.", rule="changes_known", least=1),
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
        Column("since", "string", "Month of the previous snapshot.", nullable=True),
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
        Column("objects_added", "int64", "New objects since then.", nullable=True),
        Column("objects_removed", "int64", "Objects removed since then.", nullable=True),
        Column("products_new", "int64", "Products that had no objects then.", nullable=True),
        Column("products_gone", "int64", "Products that have no objects any more.", nullable=True),
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

PRODUCTS = Table(
    "products",
    "One row per product of Open Food Facts' database dump: the facts that images are chosen by.",
    (
        Column(
            "code",
            "string",
            "The product, in normal form.",
            rule="codes_in_normal_form",
            pattern=NORMAL_FORM,
        ),
        Column("last_editor", "string", "Who edited it last.", nullable=True),
        Column("last_modified", "timestamp", "When it was edited last.", nullable=True),
        Column("last_image", "date", "Day of the newest photo.", nullable=True),
        Column("photos", "int32", "Number of photos, if the dump has it.", nullable=True),
        Column(
            "countries",
            "list<string>",
            "Tags of the countries where it is sold, such as en:france.",
            nullable=True,
        ),
        Column(
            "categories",
            "list<string>",
            "Tags of its categories and of those above them, from broad to narrow.",
            nullable=True,
        ),
        Column("languages", "list<string>", "Codes of the languages on it.", nullable=True),
        Column("name", "string", "Its name in its main language.", nullable=True),
        Column(
            "names",
            "list<string>",
            "Its names, each after the code of its language, such as fr:Camembert.",
            nullable=True,
        ),
        Column("brands", "list<string>", "Its brands, as on the product.", nullable=True),
        Column("category", "string", "Tag of its most specific category.", nullable=True),
        Column(
            "product_labels",
            "list<string>",
            "Tags of the labels on the product, such as en:organic.",
            nullable=True,
        ),
        Column("quantity", "string", "Quantity as on the product, such as 250 g.", nullable=True),
        Column(
            "nutriscore",
            "string",
            "Nutri-Score: a, b, c, d or e; null if unknown or not applicable.",
            nullable=True,
            rule="grades_known",
            one_of=GRADES,
        ),
        Column(
            "nova",
            "int32",
            "NOVA group: 1 for unprocessed, 4 for ultra-processed food.",
            nullable=True,
            rule="grades_known",
            least=1,
        ),
        Column(
            "ingredients_text", "string", "Its ingredients in its main language.", nullable=True
        ),
    ),
    (
        VALUES_RULE,
        Rule("codes_in_normal_form", "Every code is in its normal form."),
        Rule("codes_unique", "Every product has one row."),
        Rule("products_not_empty", "The dump names at least one product.", blocking=True),
        Rule(
            "grades_known",
            "Every Nutri-Score is a letter from a to e, and every NOVA group a number from 1 to 4.",
        ),
        Rule(
            "texts_bounded",
            f"No name is longer than {MOST_TEXT['name']:,} characters, and no list of ingredients "
            f"than {MOST_TEXT['ingredients_text']:,}.",
        ),
        Rule(
            "category_among_categories",
            "The most specific category is one of the product's categories.",
            "warning",
            tolerated=0.01,
        ),
        Rule("no_future_dates", "Nothing was edited after the dump was read.", "warning"),
        Rule(
            "few_rows_without_a_code",
            "No more than 1 % of the dump's rows have no usable code.",
            "warning",
            tolerated=0.01,
        ),
    ),
)

PRODUCT_PHOTOS = Table(
    "product_photos",
    "One row per photo of a product: what it was selected as, and its size in pixels, from the "
    "database dump.",
    (
        Column(
            "code",
            "string",
            "The product, in normal form.",
            rule="codes_in_normal_form",
            pattern=NORMAL_FORM,
        ),
        _IMAGE_ID,
        Column(
            "selected",
            "list<string>",
            "What it was selected as: front, ingredients, nutrition or packaging, with the "
            "language, such as front_fr.",
        ),
        Column(
            "width",
            "int32",
            "Width of the photo as sent, in pixels.",
            nullable=True,
            rule="sizes_positive",
            least=1,
        ),
        Column(
            "height",
            "int32",
            "Height of the photo as sent, in pixels.",
            nullable=True,
            rule="sizes_positive",
            least=1,
        ),
    ),
    (
        VALUES_RULE,
        Rule("codes_in_normal_form", "Every code is in its normal form."),
        Rule("image_ids_not_negative", "Every image id is a number of 0 or more."),
        Rule("photos_unique", "Every photo has one row."),
        Rule("photos_have_products", "Every photo's product is in `products`."),
        Rule("selections_known", "Every selection is a kind of picture, with or without language."),
        Rule("sizes_positive", "Width and height, in pixels, are positive, or both unknown."),
    ),
)
