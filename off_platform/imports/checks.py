"""The findings of the asset checks of an import's tables.

Rules and their checks are in `specification/rules.py`; files are validated by `validation.py`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa

from off_platform.imports.outputs.report import file_of, records_by_product
from off_platform.imports.readers.cell_addresses import where
from off_platform.imports.specification.bounds import NUMBERS, derive
from off_platform.imports.specification.fields import BY_NAME, FIELDS
from off_platform.imports.specification.rules import BY_ID, CHECKS, LEVELS, RULES, rules_of
from off_platform.imports.specification.schemas import (
    BOUNDED_TYPES,
    accepted_schema,
    derived_schema,
    failures,
    number_schema,
)
from off_platform.imports.whole_file.verdict import Verdict
from off_platform.quality import MOST_EXAMPLES, SHAPE, Finding
from off_platform.storage.sql import literal
from off_platform.words import visible

if TYPE_CHECKING:
    import duckdb

BATCH_ROWS = 50_000
_NAME = """coalesce(product_name, list_extract(list_filter(map_entries(by_language),
    lambda entry: starts_with(entry.key, 'product_name_')), 1).value) AS name"""
_BOUNDED = [field.name for field in FIELDS if field.type in BOUNDED_TYPES]
_NAMED = ("row", "product", "other_reading", "name")
# The columns that have bounds, timestamps in Unix seconds, and the first name in any language.
_ENFORCED = ", ".join(
    f"epoch({name})::BIGINT AS {name}"
    if name in BY_NAME and BY_NAME[name].type == "timestamp"
    else _NAME
    if name == "name"
    else name
    for name in (*_NAMED, *_BOUNDED)
)
NOT_LOOKED_AT = "Not checked, as the file was refused: see the checks readable and header."


def of_accepted(
    connection: "duckdb.DuckDBPyConnection",
    accepted: str,
    findings: str,
    verdict: Verdict,
    broken_in: Mapping[str, Finding] | None = None,
) -> dict[str, Finding]:
    """The findings of an import by check, and the shape of its accepted records.

    Args:
        connection: DuckDB that can read the lake.
        accepted: SQL for the rows of `products_accepted`.
        findings: SQL for those of `import_findings`.
        verdict: of the import.
        broken_in: those of `enforced`, if known.
    """
    made = {check.id: _nothing(check.id, verdict) for check in CHECKS}
    for check, errors, warnings, infos, in_rows, in_file, rules in _counted(connection, findings):
        found = made[check]
        # Rows of a refused file are only positions: none was read as a record.
        records = 0 if verdict.refused else in_rows
        of_file = in_file + in_rows - records
        # Findings on the file are not records; at most all records break the rule.
        found.broken, found.of = (records, verdict.records) if records else (of_file, of_file)
        found.level = "error" if errors else "warning"
        found.facts = {"errors": errors, "warnings": warnings, "infos": infos}
        if found.broken:
            found.note = f"Broken by {_what(found, records, of_file)}: {rules}."
            found.examples += _examples(connection, findings, check, verdict)
        elif infos:
            found.note = f"Passed; {infos:,} values were changed or assumed: {rules}."
    if broken_in is None:
        broken_in = enforced(connection, accepted)
    for check, broken in broken_in.items():
        _add_enforced(made[check], broken)
    return {SHAPE: _shape(connection, accepted), **made}


def enforced(connection: "duckdb.DuckDBPyConnection", accepted: str) -> dict[str, Finding]:
    """`enforced_in` of one import."""
    return enforced_in(connection, [accepted])[0]


def enforced_in(
    connection: "duckdb.DuckDBPyConnection", accepted: Sequence[str]
) -> list[dict[str, Finding]]:
    """The findings of the specification's schemas in accepted records, by check.

    There are none unless a reader accepted a value that breaks a rule of level error. They are
    independent of the readers: the schemas are made from fields and rules
    (`specification/schemas.py`). Small imports are examined together, as a pass over few records
    takes as long as one over thousands.

    Args:
        connection: DuckDB that can read the lake.
        accepted: SQL for the rows of `products_accepted` of each import.

    Returns:
        The findings of each import.
    """
    found: list[dict[str, Finding]] = [{} for _ in accepted]
    sizes = []
    for at, (of, twice) in enumerate(_sizes(connection, accepted)):
        sizes.append(of)
        if twice:
            _enforced_of(found[at], "duplicate_product", of).add(twice, [])
    selected = (
        f"SELECT {at} AS of_import, {_ENFORCED} FROM {rows}" for at, rows in enumerate(accepted)
    )
    batches = connection.sql(" UNION ALL ".join(selected)).to_arrow_reader(BATCH_ROWS)
    for batch in _joined(batches):
        for at, rule, rows in _broken_in(batch):
            examples = [f"row {row} ({rule})" for row in rows[:MOST_EXAMPLES]]
            _enforced_of(found[at], rule, sizes[at]).add(len(rows), examples)
    return found


def _sizes(
    connection: "duckdb.DuckDBPyConnection", accepted: Sequence[str]
) -> list[tuple[int, int]]:
    """Of each import the number of records, and of those whose product has another one."""
    counted = (
        f"SELECT {at} AS of_import, count(*) AS rows, count(*) - count(DISTINCT product) AS twice "
        f"FROM {rows}"
        for at, rows in enumerate(accepted)
    )
    query = f"SELECT rows, twice FROM ({' UNION ALL '.join(counted)}) ORDER BY of_import"
    return connection.execute(query).fetchall()


def _broken_in(batch: pa.RecordBatch) -> Iterator[tuple[int, str, "pd.Series[int]"]]:
    """The rules of level error that records break: the place of the import, rule and rows."""
    of_import = batch["of_import"].to_pandas()
    # Few files have all fields, and the checks of each column take time.
    empty = {name for name in batch.schema.names if batch[name].null_count == len(batch)}
    frame = batch.select([*_NAMED, *(each for each in _BOUNDED if each not in empty)]).to_pandas()
    numbers = frame[[each.name for each in NUMBERS if each.name in frame]].astype("float64")
    derived = derive({str(name): numbers[name].to_numpy() for name in numbers})
    checked = (
        (accepted_schema(), frame),
        (number_schema(), numbers),
        (derived_schema(), pd.DataFrame(derived, index=frame.index)),
    )
    for schema, part in checked:
        for rule, group in failures(schema, part).groupby("check"):
            if BY_ID[str(rule)].level == "error":
                broken = frame["row"].loc[group["index"].drop_duplicates()]
                for at, rows in broken.groupby(of_import):
                    yield int(str(at)), str(rule), rows


def _joined(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Batches of `BATCH_ROWS` rows at least, but the last.

    DuckDB ends a batch with each import, and a pass of the schemas takes as long over one import of
    a thousand rows as over ten.
    """
    held: list[pa.RecordBatch] = []
    for batch in batches:
        held.append(batch)
        if sum(map(len, held)) >= BATCH_ROWS:
            yield pa.concat_batches(held)
            held.clear()
    if held:
        yield pa.concat_batches(held)


def _enforced_of(found: dict[str, Finding], rule: str, of: int) -> Finding:
    return found.setdefault(BY_ID[rule].check, Finding(of=of))


def _add_enforced(found: Finding, broken: Finding) -> None:
    """Adds accepted records that break the specification, which always fail their check."""
    examples = f" ({', '.join(broken.examples)})" if broken.examples else ""
    note = (
        f"{broken.broken:,} of {broken.of:,} accepted records break it{examples}, which validation "
        "should have found: please report it."
    )
    found.broken, found.level = found.broken + broken.broken, "error"
    found.note = f"{found.note} {note}".strip()
    found.examples = [*broken.examples, *found.examples][:MOST_EXAMPLES]


def _nothing(check: str, verdict: Verdict) -> Finding:
    blocking = next(each.blocking for each in CHECKS if each.id == check)
    not_looked_at = verdict.refused is not None and not blocking
    return Finding(of=verdict.records, note=NOT_LOOKED_AT if not_looked_at else "")


def _what(found: Finding, records: int, of_file: int) -> str:
    """What breaks the rule: records, or the file as a whole."""
    file = "the file" if of_file == 1 else f"the file, {of_file:,} times"
    if not records:
        return file
    share = f"{records:,} of {found.of:,}, {found.share:.2%}"
    return f"{share}, and by {file}" if of_file else share


def _counted(connection: "duckdb.DuckDBPyConnection", findings: str) -> list[tuple[Any, ...]]:
    """Each check's errors, warnings, infos, broken records and places of the file, and rules."""
    of_rules = ", ".join(f"({literal(rule.id)}, {literal(rule.check)})" for rule in RULES)
    found = f"{findings} JOIN (VALUES {of_rules}) AS r(rule, of_check) USING (rule)"
    by_product = records_by_product(connection, "of_check", f"{found} WHERE level <> 'info'")
    return connection.execute(f"""
        WITH counted AS (
            SELECT of_check, rule, level, count(*) AS findings
            FROM {found} GROUP BY of_check, rule, level),
        broken AS (
            SELECT of_check, sum(records)::BIGINT AS records, sum(of_file)::BIGINT AS of_file
            FROM ({by_product}) GROUP BY of_check)
        SELECT of_check, {", ".join(_sum_of(level) for level in LEVELS)},
            coalesce(any_value(records), 0), coalesce(any_value(of_file), 0),
            string_agg(DISTINCT rule, ', ' ORDER BY rule)
        FROM counted LEFT JOIN broken USING (of_check) GROUP BY of_check""").fetchall()


def _sum_of(level: str) -> str:
    return f"coalesce(sum(findings) FILTER (level = {literal(level)}), 0)::BIGINT"


def _examples(
    connection: "duckdb.DuckDBPyConnection", findings: str, check: str, verdict: Verdict
) -> list[str]:
    """The worst findings of a check, one line each."""
    rules = ", ".join(literal(rule.id) for rule in rules_of(check))
    names = ("rule", "file", "row", "line", "sheet", "cell", "column", "value", "proposal")
    found = connection.execute(f"""
        SELECT {", ".join(f'"{name}"' for name in names)} FROM {findings}
        WHERE level <> 'info' AND rule IN ({rules})
        ORDER BY level = 'warning', row NULLS FIRST, file, "column" LIMIT {MOST_EXAMPLES}""")
    return [_example(dict(zip(names, each, strict=True)), verdict) for each in found.fetchall()]


def _example(found: Mapping[str, Any], verdict: Verdict) -> str:
    """One line; texts of the file are escaped."""
    value, proposal = found["value"], found["proposal"]
    file = visible(file_of(found, verdict)).replace("\n", " ")
    at = [file] if file else []
    at.append(visible(where(found)) or "file")
    what = f": {value!r}" if value is not None else ""
    better = f" -> {proposal!r}" if proposal is not None else ""
    return f"{', '.join(at)}{what}{better} ({found['rule']})"


def _shape(connection: "duckdb.DuckDBPyConnection", accepted: str) -> Finding:
    ((of, broken),) = connection.execute(
        "SELECT count(*), count(*) FILTER (row IS NULL OR row < 1 OR product IS NULL) "
        f"FROM {accepted}"
    ).fetchall()
    return Finding(broken=broken, of=of)


def of_imported(connection: "duckdb.DuckDBPyConnection", rows: str) -> Mapping[str, Finding]:
    """The findings of the checks of `products_imported`."""
    ((of, shape, twice, without, known),) = connection.execute(f"""
        SELECT count(*), count(*) FILTER (product IS NULL OR "import" IS NULL),
            count(*) - count(DISTINCT product), count(*) FILTER (photos = 0), count(photos)
        FROM {rows}""").fetchall()
    photos = Finding(without, known)
    if not known:
        photos.note = "There is no key index yet, so photos are unknown."
    return {
        SHAPE: Finding(shape, of),
        "products_unique": Finding(twice, of),
        "have_photos": photos,
    }
