"""The page of the lake's tables."""

from collections.abc import Iterable, Mapping

from off_platform.bins import schemas as bins
from off_platform.documentation.markdown import as_page, as_table
from off_platform.image_sets.manifest import manifest_table
from off_platform.images import schemas as images
from off_platform.images.product_schemas import PRODUCT_PHOTOS, PRODUCTS
from off_platform.imports.specification import tables as imports
from off_platform.open_findings.schemas import OPEN_FINDINGS
from off_platform.quality import Column, Table

MOST_SOURCES = 10


def tables_page() -> str:
    """Every table of the lake, with its columns and checks."""
    lines = [
        "# Tables",
        "",
        (
            "Each table is a view in `off_platform.duckdb` at the lake's root, and Parquet files "
            "below `tables/`. Views of tables with one file per month or import also have the "
            "column `month` (its first day) or `import`. *Made of* are columns of other assets. "
            "When a *blocking* check fails, the assets downstream are skipped."
        ),
        "",
    ]
    for wing, tables in _TABLES.items():
        lines += [f"## {wing}", ""]
        if wing in _NOTES:
            lines += [_NOTES[wing], ""]
        for table in tables:
            lines += [
                f"### `{table.name}`",
                "",
                table.description,
                "",
                *_columns(*_own(table)),
                "",
            ]
            if table.of_view:
                lines += ["Additional columns of the view:", "", *_columns(table.of_view, {}), ""]
            if table.rules:
                lines += ["Checks:", "", *_checks(table), ""]
    return as_page(lines)


_NOTES = {
    "Image sets": (
        "The manifest of a set is `manifest.parquet` in its folder. The views `manifest` and "
        "`bin_manifest` are those of all sets of the lake. Labels are further columns: see "
        "`labels` in [image_sets.md](image_sets.md)."
    )
}


def _own(table: Table) -> tuple[list[Column], Mapping[str, tuple[str, ...]]]:
    """The columns to describe; those that are another table's, unchanged, are one line."""
    if table is not imports.PRODUCTS_IMPORTED:
        return list(table.columns), table.made_of
    accepted = imports.PRODUCTS_ACCEPTED
    same = [each for each in table.columns if each in accepted.columns]
    described = "All columns of `products_accepted`, unchanged."
    columns = [each for each in table.columns if each not in same]
    columns.insert(table.columns.index(same[0]), Column("...", "", described))
    return columns, {**table.made_of, "...": tuple(f"{accepted.name}.{c.name}" for c in same)}


_TABLES: Mapping[str, tuple[Table, ...]] = {
    "What is open": (OPEN_FINDINGS,),
    "Image sets": (manifest_table(),),
    "Images": (
        images.SNAPSHOTS,
        images.KEY_INDEX,
        images.KEY_INDEX_ODDITIES,
        images.PHOTOS,
        images.KEY_CHANGES,
        images.MONTH_FIGURES,
        PRODUCTS,
        PRODUCT_PHOTOS,
    ),
    "Bins": bins.TABLES,
    "Imports": (
        imports.IMPORTS,
        imports.PRODUCTS_ACCEPTED,
        imports.PRODUCTS_QUARANTINED,
        imports.IMPORT_FINDINGS,
        imports.PRODUCTS_IMPORTED,
        imports.PRODUCTS_COMPARED,
        imports.PRODUCTS_EXPORT,
    ),
}


def _columns(columns: Iterable[Column], made_of: Mapping[str, tuple[str, ...]]) -> list[str]:
    rows = (
        (
            f"`{column.name}`",
            column.type,
            "yes" if column.nullable else "",
            column.description,
            _sources(made_of.get(column.name, ())),
        )
        for column in columns
    )
    return as_table(("column", "type", "nullable", "description", "made of"), rows)


def _sources(columns: tuple[str, ...]) -> str:
    """The columns by name; more than ten are those of their tables."""
    tables = dict.fromkeys(f"{column.partition('.')[0]}.*" for column in columns)
    shown = columns if len(columns) <= MOST_SOURCES else tables
    return ", ".join(f"`{source}`" for source in shown)


def _checks(table: Table) -> list[str]:
    rows = (
        (f"`{rule.id}`", rule.level + (", blocking" if rule.blocking else ""), rule.sentence)
        for rule in table.rules
    )
    return as_table(("check", "level", "requirement"), rows)
