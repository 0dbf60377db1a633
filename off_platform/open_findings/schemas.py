"""The table `open_findings`, as data."""

from off_platform.quality import SHAPE, SHAPE_RULE, Column, Rule, Table

OPEN_FINDINGS = Table(
    "open_findings",
    "One row per open item: imports with open records in quarantine, months that are "
    "missing, image sets that lack objects or are older than the newest month.",
    (
        Column(
            "kind",
            "string",
            "`import`, `month` or `image set`.",
            rule=SHAPE,
            one_of=("import", "month", "image set"),
        ),
        Column("name", "string", "The import or set, or the month such as `2026-11`."),
        Column("since", "timestamp", "Since when it is open; null if unknown.", nullable=True),
        Column(
            "number",
            "int64",
            "Open records, missing tables or missing objects; 0 if it cannot be counted.",
        ),
        Column("what", "string", "What is open, in a sentence."),
        Column("to_do", "string", "What to do, in a sentence."),
        Column(
            "is_lost",
            "bool",
            "Whether it cannot be recovered, such as a month that was not copied.",
        ),
    ),
    (
        SHAPE_RULE,
        Rule("imports_settled", "No import has open records in quarantine.", "warning"),
        Rule("months_made", "Every month was copied and indexed.", "warning"),
        Rule(
            "sets_complete",
            "Every image set is finished, has its objects and was chosen from the newest month.",
            "warning",
        ),
    ),
    made_of={
        "since": ("import_file.imported_at",),
        "number": ("products_quarantined.row", "image_set.status", "bin_image_set.status"),
    },
)
# The rule of each kind.
RULE_OF = {"import": "imports_settled", "month": "months_made", "image set": "sets_complete"}
