"""The tables of bins, their items, visits and splits: columns with units, and rules.

`inventory.py`, `visits.py` and `splits.py` build them; `checks.py` evaluates the rules. The tables
that they are made of are in `object_schemas.py`.
"""

from off_platform.bins import lineage
from off_platform.bins.keys import ID, SPACES
from off_platform.bins.object_schemas import BIN_METADATA, BIN_OBJECTS, BIN_ODDITIES
from off_platform.quality import SHAPE, VALUES_RULE, Column, Rule, Table

SPLITS = ("train", "validation", "test")
# ABID (silverbottlep/abid_challenge) calls bins of fewer items moderate, others hard.
HARD_FROM = 6

BINS = Table(
    "bins",
    "One row per bin: expected quantity, quantity in its inventory, and its photo.",
    (
        Column(
            "id",
            "string",
            "Id of the bin, as text: `1` and `00001` are different bins.",
            rule="ids_valid",
            pattern=ID,
        ),
        Column("id_space", "string", "`main` or `pilot`.", rule="ids_valid", one_of=SPACES),
        Column(
            "position",
            "int64",
            "The id as a number, unique within its `id_space`.",
            least=1,
            rule=SHAPE,
        ),
        Column(
            "expected_quantity",
            "int64",
            "Number of items that the photo should show.",
            least=0,
            rule=SHAPE,
        ),
        Column("items_quantity", "int64", "Sum of the quantities of its items."),
        Column("difference", "int64", "`expected_quantity` minus `items_quantity`."),
        Column("skus", "int64", "Number of different items.", least=0, rule=SHAPE),
        Column("empty", "bool", "Whether the inventory has no item."),
        Column(
            "difficulty",
            "string",
            "`moderate` for fewer than 6 expected items, else `hard`.",
            rule=SHAPE,
            one_of=("moderate", "hard"),
        ),
        Column("image_key", "string", "Key of the photo; null when there is none.", nullable=True),
        Column("etag", "string", "ETag of the photo.", nullable=True),
        Column("metadata_md5", "string", "MD5 of the metadata object that the row was made from."),
        Column(
            "visit_id",
            "string",
            "Id of the visit, which is that of its first bin.",
            rule="ids_valid",
            pattern=ID,
        ),
    ),
    (
        VALUES_RULE,
        Rule("ids_valid", "Every id belongs to the main or to the pilot set."),
        Rule(
            "ids_unique", "Every bin has one row, and no id is in both the main and the pilot set."
        ),
        Rule(
            "items_not_below_expected",
            "The sum of the items is not below the expected quantity.",
            "warning",
            tolerated=0.001,
        ),
        Rule(
            "items_not_above_expected", "The sum of the items is not above the expected quantity."
        ),
        Rule("pilot_balanced", "In the pilot set, the expected quantity is (id - 1) // 200."),
        Rule(
            "published_figures",
            "The whole dataset has its published figures: 536,434 bins, and the mean, standard "
            "deviation, quartiles and classes of their quantities.",
        ),
    ),
    made_of=lineage.BINS,
)

BIN_ITEMS = Table(
    "bin_items",
    "One row per item of a bin's inventory.",
    (
        Column("bin_id", "string", "Id of the bin.", rule=SHAPE, pattern=ID),
        Column("id_space", "string", "`main` or `pilot`.", rule=SHAPE, one_of=SPACES),
        Column("fcsku", "string", "Key of the item; usually its ASIN."),
        Column("asin", "string", "ASIN or ISBN-10.", nullable=True),
        Column("quantity", "int64", "Quantity of the item.", rule="quantity_positive", least=1),
        Column("length", "double", "Longest side as given, usually in inches.", nullable=True),
        Column("width", "double", "Middle side as given, usually in inches.", nullable=True),
        Column("height", "double", "Shortest side as given, usually in inches.", nullable=True),
        Column(
            "length_mm",
            "double",
            "Longest side, in millimetres; null if the unit is unknown.",
            nullable=True,
        ),
        Column(
            "width_mm",
            "double",
            "Middle side, in millimetres; null if the unit is unknown.",
            nullable=True,
        ),
        Column(
            "height_mm",
            "double",
            "Shortest side, in millimetres; null if the unit is unknown.",
            nullable=True,
        ),
        Column("weight", "double", "Weight as given, usually in pounds.", nullable=True),
        Column(
            "weight_g", "double", "Weight, in grams; null if the unit is unknown.", nullable=True
        ),
        Column(
            "unit_length",
            "string",
            "Unit of the sides as given, mostly `IN`; several where they differ.",
            nullable=True,
        ),
        Column(
            "unit_weight", "string", "Unit of the weight as given, usually `pounds`.", nullable=True
        ),
        Column("name", "string", "Name as given.", nullable=True),
        Column(
            "normalized_name",
            "string",
            "`normalizedName` as given; the pilot set has none.",
            nullable=True,
        ),
        Column(
            "clean_name",
            "string",
            "The name without HTML entities, control characters and needless white space.",
            nullable=True,
        ),
    ),
    (
        VALUES_RULE,
        Rule("quantity_positive", "Every quantity is 1 or more."),
        Rule("units_known", "Sides and weights have a known unit."),
        Rule("sides_in_order", "Length is the longest side and height the shortest."),
        Rule("sides_all_or_none", "Length, width and height are given together or not at all."),
        Rule("sides_not_negative", "No side and no weight is negative."),
        Rule(
            "names_both_or_none",
            "In the main set, `name` and `normalizedName` are given together.",
            "warning",
            tolerated=0.001,
        ),
        Rule("items_unique", "No item is listed twice in one bin."),
    ),
    made_of=lineage.BIN_ITEMS,
)

ITEMS = Table(
    "items",
    "One row per ASIN: its name, its sides and largest weight, and the number of bins with it.",
    (
        Column("asin", "string", "ASIN or ISBN-10."),
        Column("bins", "int64", "Number of bins that contain it.", least=1, rule=SHAPE),
        Column("units", "int64", "Sum of its quantities over all bins."),
        Column("name", "string", "Its most common name, cleaned.", nullable=True),
        Column("length", "double", "Most common longest side, in inches.", nullable=True),
        Column("width", "double", "Most common middle side, in inches.", nullable=True),
        Column("height", "double", "Most common shortest side, in inches.", nullable=True),
        Column(
            "variants",
            "int64",
            "Number of different combinations of name and sides.",
            least=1,
            rule=SHAPE,
        ),
        Column("heaviest", "double", "Largest weight given, in pounds.", nullable=True),
        Column("largest", "double", "Largest volume given, in cubic inches.", nullable=True),
    ),
    (
        VALUES_RULE,
        Rule("asins_unique", "Every ASIN has one row."),
        Rule(
            "asin_format",
            "Every ASIN has 10 characters: capital letters and digits.",
            "warning",
            tolerated=0.001,
        ),
        Rule(
            "one_variant",
            "Every ASIN has one name, and one length, width and height.",
            "warning",
            tolerated=0.05,
        ),
    ),
    made_of=lineage.ITEMS,
)

BIN_VISITS = Table(
    "bin_visits",
    "One row per visit: consecutive photos of one bin. Neighbouring ids belong together if they "
    "share an item, or if one is empty and the other would otherwise be alone.",
    (
        Column(
            "visit_id",
            "string",
            "Id of the visit, which is that of its first bin.",
            rule=SHAPE,
            pattern=ID,
        ),
        Column("first", "string", "Id of its first bin."),
        Column("last", "string", "Id of its last bin."),
        Column("photos", "int64", "Number of its photos, one per bin id.", rule=SHAPE, least=1),
        Column("shared_items", "int64", "Number of items in both its first and its last bin."),
        Column(
            "sku_delta",
            "int64",
            "Number of different items in the last bin minus that in the first.",
        ),
        Column(
            "quantity_delta", "int64", "Expected quantity of the last bin minus that of the first."
        ),
    ),
    (
        VALUES_RULE,
        Rule("every_bin_in_one_visit", "Every bin belongs to exactly one visit."),
        Rule("pilot_visits_single", "Every visit of the pilot set is a single bin."),
        Rule("visit_length", "A visit has at most 20 photos.", "warning", tolerated=0.001),
    ),
    made_of=lineage.BIN_VISITS,
)

BIN_SPLITS = Table(
    "bin_splits",
    "One row per bin: whether it is in train, validation or test. Visits stay whole.",
    (
        Column("id", "string", "Id of the bin.", rule=SHAPE, pattern=ID),
        Column("visit_id", "string", "Id of its visit.", rule=SHAPE, pattern=ID),
        Column("expected_quantity", "int64", "Number of items that the photo should show."),
        Column(
            "split",
            "string",
            "`train`, `validation` or `test`.",
            rule="splits_known",
            one_of=SPLITS,
        ),
        Column(
            "random_split",
            "string",
            "A split with the same shares that ignores visits, for comparison.",
            rule="splits_known",
            one_of=SPLITS,
        ),
    ),
    (
        VALUES_RULE,
        Rule("splits_known", "Every bin is in train, validation or test."),
        Rule("every_bin_in_one_split", "Every bin has one row."),
        Rule(
            "no_leak",
            "No visit is in two splits, nor are neighbours whose JSON shows that they are one bin.",
        ),
        Rule(
            "shares_met",
            "Each split has its share of the bins, within 1 % of all bins or what chance allows.",
            "warning",
        ),
        Rule(
            "balanced",
            "Each split has the same mean expected quantity, within 5 % or what chance allows.",
            "warning",
        ),
        Rule(
            "declared_sets_disjoint",
            "No declared held-out set shares a visit with a declared set that is not held out.",
        ),
    ),
    made_of=lineage.BIN_SPLITS,
)

TABLES = (
    BIN_OBJECTS,
    BIN_METADATA,
    BIN_ODDITIES,
    BINS,
    BIN_ITEMS,
    ITEMS,
    BIN_VISITS,
    BIN_SPLITS,
)

NEIGHBOURS_DIFFER = Rule(
    "neighbours_look_different",
    "In the image sets of the lake, photos of neighbouring ids in different splits look different.",
    "warning",
)
