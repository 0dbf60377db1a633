"""The tables made from a dump of products: columns, and the rules that are their asset checks.

`checks.py` evaluates them.
"""

from off_platform.barcodes.text import NORMAL_FORM
from off_platform.dumps.facts import GRADES, MOST_TEXT
from off_platform.images.schemas import IMAGE_ID
from off_platform.quality import VALUES_RULE, Column, Rule, Table

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
        Column("last_editor", "string", "User who edited the product last.", nullable=True),
        Column("last_modified", "timestamp", "When the product was edited last.", nullable=True),
        Column("last_image", "date", "Day of the newest photo.", nullable=True),
        Column(
            "photos", "int32", "Number of photos; null if the dump does not have it.", nullable=True
        ),
        Column(
            "countries",
            "list<string>",
            "Tags of the countries where it is sold, such as en:france.",
            nullable=True,
        ),
        Column(
            "categories",
            "list<string>",
            "Tags of its categories and of those above them, broad ones first.",
            nullable=True,
        ),
        Column(
            "languages",
            "list<string>",
            "Codes of the languages on the product, such as fr.",
            nullable=True,
        ),
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
        IMAGE_ID,
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
