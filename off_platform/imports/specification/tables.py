"""The tables of the imports wing, as data, built from the document's fields.

The rules of records are in `rules.py`; `PRODUCTS_ACCEPTED` has the checks of all rules, as it must
not contain records that break them.
"""

from collections.abc import Mapping

from off_platform.imports.specification.fields import FIELDS, Field, Type
from off_platform.imports.specification.rules import CHECKS, LEVELS, worst_level
from off_platform.quality import SHAPE, SHAPE_RULE, Column, Rule, Table

IMPORT = "import"
# The status of a quarantined record.
OPEN = "open"
SETTLED = "settled"
SUPERSEDED = "superseded"
# The tables' files during a validation.
ACCEPTED = "accepted.parquet"
QUARANTINED = "quarantined.parquet"
FINDINGS = "findings.parquet"

_TYPES: Mapping[Type, str] = {
    "barcode": "string",
    "text": "string",
    "list": "list<string>",
    "countries": "list<string>",
    "languages": "list<string>",
    "language": "string",
    "number": "double",
    "timestamp": "timestamp",
    "url": "string",
    "quantity": "string",
}


def _described(field: Field) -> str:
    unit = f", in {field.unit} per 100 g or 100 ml" if field.unit else ""
    return f"{field.description}{unit}."


RECORD_COLUMNS: tuple[Column, ...] = (
    Column(
        "row", "int64", "Row of the record in the file; the header is row 1.", rule=SHAPE, least=1
    ),
    Column(
        "product",
        "string",
        "The product: its barcode in normal form, or `id:` and the producer's own id.",
    ),
    Column(
        "other_reading",
        "string",
        "The product if its 8 digits are UPC-E, or its 6 digits written out in full.",
        nullable=True,
    ),
    *(Column(field.name, _TYPES[field.type], _described(field), nullable=True) for field in FIELDS),
    Column("amount", "double", "The quantity in g or ml.", nullable=True),
    Column("amount_unit", "string", "`g` or `ml`.", nullable=True),
    Column(
        "by_language",
        "map<string,string>",
        "Texts of columns such as `product_name_fr`.",
        nullable=True,
    ),
    Column(
        "derived",
        "list<string>",
        "Columns that were computed, such as salt from sodium.",
        nullable=True,
    ),
)

PRODUCTS_ACCEPTED = Table(
    "products_accepted",
    "One row per accepted record: it breaks no rule of error level, and is typed and normalised.",
    RECORD_COLUMNS,
    (
        SHAPE_RULE,
        *(
            Rule(
                check.id,
                check.sentence,
                "error" if worst_level(check.id) == "error" else "warning",
                blocking=check.blocking,
            )
            for check in CHECKS
        ),
    ),
)

PRODUCTS_QUARANTINED = Table(
    "products_quarantined",
    "One row per rejected record, as in the file, with the rules that it breaks.",
    (
        Column("row", "int64", "Row of the record in the file; the header is row 1."),
        Column("product", "string", "Its identifier as in the file.", nullable=True),
        Column(
            "normal_form",
            "string",
            "The product as in `products_accepted`, from the barcode as given or its certain "
            "correction; null if the record has none.",
            nullable=True,
        ),
        Column("rules", "list<string>", "The rules of error level that it breaks."),
        Column(
            "record",
            "map<string,string>",
            "Its non-empty cells by column, each cut to 10,000 characters.",
        ),
    ),
    of_view=(
        Column(
            "status",
            "string",
            "`settled` when a newer import accepted the product, `superseded` when newer imports "
            "also have it in quarantine, otherwise `open`.",
            one_of=(OPEN, SETTLED, SUPERSEDED),
        ),
        Column(
            "settled_by",
            "string",
            "The first newer import that accepted the product, otherwise the first that "
            "contains it; null when open.",
            nullable=True,
        ),
    ),
)

IMPORT_FINDINGS = Table(
    "import_findings",
    "One row per finding: one rule broken by one record, or by the file.",
    (
        Column("file", "string", "Name of the file."),
        Column(
            "row",
            "int64",
            "Row in the file; in JSON, the position in the list. Null for the whole file.",
            nullable=True,
        ),
        Column(
            "line",
            "int64",
            "For CSV, TSV and JSON, the line on which the row begins; it differs from "
            "the row if cells contain line breaks.",
            nullable=True,
        ),
        Column("sheet", "string", "For XLSX, the sheet.", nullable=True),
        Column(
            "cell",
            "string",
            "For XLSX, the cell, such as `F8`, or several, `F8 + G8`; null for the whole row.",
            nullable=True,
        ),
        Column("column", "string", "Name of the column in the file.", nullable=True),
        Column("field", "string", "Name of its field in the specification.", nullable=True),
        Column("rule", "string", "Id of the rule, as in `off-platform docs import_rules`."),
        Column("level", "string", "`error`, `warning` or `info`.", one_of=LEVELS),
        Column("value", "string", "The value in the file, up to 500 characters.", nullable=True),
        Column("message", "string", "What is wrong, in a sentence."),
        Column(
            "proposal",
            "string",
            "The proposed value; empty to leave the cell empty.",
            nullable=True,
        ),
        Column("certain", "bool", "Whether the proposal can be applied without review."),
        Column("product", "string", "The record's identifier as in the file.", nullable=True),
    ),
    made_of={"file": ("import_file.name",)},
)

IMPORTS = Table(
    "imports",
    "One row per import, with the properties of its file.",
    (
        Column("name", "string", "Name of the file or folder."),
        Column("imported_at", "timestamp", "When it was first imported."),
        Column(
            "format",
            "string",
            "`csv`, `tsv`, `json`, `json_lines`, `xlsx` or `folder`; null when it cannot be read.",
            nullable=True,
        ),
        Column("bytes", "int64", "Size in bytes.", nullable=True),
        Column("sha256", "string", "SHA-256 of the file.", nullable=True),
        Column("encoding", "string", "Encoding, for text formats.", nullable=True),
        Column("delimiter", "string", "Delimiter, for CSV and TSV.", nullable=True),
        Column("sheet", "string", "Sheet that was read, for XLSX.", nullable=True),
        Column("columns", "list<string>", "The header as in the file.", nullable=True),
        Column(
            "refused",
            "string",
            "Why the file was refused as a whole; null if it was not.",
            nullable=True,
        ),
    ),
)

PRODUCTS_IMPORTED = Table(
    "products_imported",
    "One row per product: its newest accepted record over all imports.",
    (
        Column("import", "string", "The import that the record comes from."),
        Column("imported_at", "timestamp", "When its file was first imported."),
        *RECORD_COLUMNS,
        Column(
            "photos",
            "int64",
            "Number of its photos in the newest key index; null if there is none.",
            nullable=True,
        ),
    ),
    (
        SHAPE_RULE,
        Rule("products_unique", "Every product has one row."),
        Rule(
            "have_photos",
            "At least half of the products have photos in the bucket.",
            "warning",
            tolerated=0.5,
        ),
    ),
    made_of={
        "imported_at": ("import_file.imported_at",),
        **{column.name: (f"products_accepted.{column.name}",) for column in RECORD_COLUMNS},
        "photos": ("products_accepted.product", "key_index.barcode", "key_index.kind"),
    },
)

PRODUCTS_EXPORT = Table(
    "products_export",
    "One row per product to export: its file, and what the format cannot express.",
    (
        Column("product", "string", "The product, as in `products_imported`."),
        Column("import", "string", "The import that its record comes from."),
        Column(
            "code",
            "string",
            "Its barcode in the file, as `code`; null if not exported.",
            nullable=True,
        ),
        Column("file", "string", "Name of the file; null if not exported.", nullable=True),
        Column("language", "string", "Its main language, the column `lc`.", pattern="[a-z]{2}"),
        Column(
            "language_from",
            "string",
            "Where the language comes from: `lc`, the only `product_name` or the only one of "
            "`languages`; or `assumed`.",
            one_of=("lc", "product_name", "languages", "assumed"),
        ),
        Column("left_out", "list<string>", "Its fields that the format cannot express."),
        Column("reason", "string", "Why it is not exported; null if it is.", nullable=True),
    ),
    (
        SHAPE_RULE,
        Rule("all_exported", "Every record is exported.", "warning"),
        Rule("in_files_once", "Every exported record is in the files exactly once."),
        Rule("columns_valid", "The files contain only values that the importer accepts."),
        Rule("reads_back", "Validated as imports, the files give exactly the exported records."),
        Rule("language_known", "Every record names its language.", "warning"),
        Rule("pictures_accepted", "The importer accepts every picture.", "warning"),
    ),
    made_of={
        "product": ("products_imported.product",),
        "import": ("products_imported.import",),
        "code": ("products_imported.product",),
        "language": tuple(
            f"products_imported.{name}"
            for name in ("lc", "product_name", "by_language", "languages")
        ),
        "language_from": tuple(
            f"products_imported.{name}"
            for name in ("lc", "product_name", "by_language", "languages")
        ),
        "left_out": tuple(f"products_imported.{field.name}" for field in FIELDS),
        "reason": ("products_imported.product",),
    },
)

PRODUCTS_COMPARED = Table(
    "products_compared",
    "One row per value that the newest accepted record of a product would add to or change in Open "
    "Food Facts, compared with its products dump; a record without such a value has one row.",
    (
        Column("product", "string", "The product, as in `products_imported`."),
        Column("import", "string", "The import that its record comes from."),
        Column(
            "status",
            "string",
            "Status of the record: `new`, `same`, `adds` (values only) or `differs`.",
            one_of=("new", "same", "adds", "differs"),
        ),
        Column(
            "field",
            "string",
            "The field; null if the record adds or changes nothing.",
            nullable=True,
        ),
        Column(
            "outcome",
            "string",
            "`adds` where Open Food Facts has no value, otherwise `differs`.",
            nullable=True,
        ),
        Column("value", "string", "The import's value, cut to 500 characters.", nullable=True),
        Column(
            "known",
            "string",
            "The value of Open Food Facts, in the field's unit, cut to 500 characters.",
            nullable=True,
        ),
        Column("factor", "double", "For numbers, `value` divided by `known`.", nullable=True),
        Column(
            "compared",
            "int64",
            "Number of values of this field that the import and Open Food Facts both have, without "
            "those that are 0 in both.",
            nullable=True,
        ),
        Column(
            "reason",
            "string",
            "For numbers, the likely reason why most values of the column are far from the known "
            "ones, such as a wrong unit; null if few are, or no reason is evident.",
            nullable=True,
        ),
    ),
    (
        SHAPE_RULE,
        Rule(
            "agrees_with_what_is_known",
            "No column of an import contradicts most of what Open Food Facts has.",
            "warning",
        ),
    ),
    made_of={
        "product": ("products_imported.product",),
        "import": ("products_imported.import",),
        "value": tuple(f"products_imported.{field.name}" for field in FIELDS),
    },
)

# The tables of an import, and their files during its validation.
STAGED = (
    (PRODUCTS_ACCEPTED, ACCEPTED),
    (PRODUCTS_QUARANTINED, QUARANTINED),
    (IMPORT_FINDINGS, FINDINGS),
)
