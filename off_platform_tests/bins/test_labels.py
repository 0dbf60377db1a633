"""Labels of bins, of genuine metadata and compared with it; visits and items for splits."""

import html
import re
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from off_platform.bins.choice import BinChoice
from off_platform.bins.labels import (
    CAPTION_MOST,
    LABELS,
    NAME_MOST,
    labels_of,
    links_query,
)
from off_platform.bins.splits import SplitShares, splits_query, units_of
from off_platform.image_sets.division.near_duplicates import same_looks
from off_platform.image_sets.division.splits import split_set
from off_platform.quality import Table
from off_platform_tests.bins.conftest import BinsDesk


def labelled(desk: BinsDesk, *asked: str) -> dict[str, dict[str, Any]]:
    """The labels of all bins, by id."""
    bins, items = (desk.lake.rows_of(table) for table in ("bins", "bin_items"))
    samples = f"SELECT id AS stem FROM {bins}"
    labels = labels_of(samples, asked=asked, bins=bins, bin_items=items)
    assert labels
    assert [column.name for column in labels.columns] == list(asked)
    table = desk.connection.sql(labels.query).to_arrow_table()
    assert table.schema.remove(0) == Table("labels", "", labels.columns).arrow
    rows = table.to_pylist()
    assert len(rows) == table.num_rows == len({row["sample"] for row in rows})
    return {row.pop("sample"): row for row in rows}


def test_labels_are_those_of_the_metadata(
    real: tuple[BinsDesk, Any], metadata: dict[str, Any]
) -> None:
    rows = labelled(real[0], *LABELS)
    assert len(rows) > 2000
    for bin_id, top in metadata.items():
        row, items = rows[bin_id], dict(sorted(top["BIN_FCSKU_DATA"].items()))
        quantities = [item["quantity"] for item in items.values()]
        assert row["expected_quantity"] == top["EXPECTED_QUANTITY"]
        assert row["items_quantity"] == sum(quantities)
        assert row["difference"] == top["EXPECTED_QUANTITY"] - sum(quantities)
        assert row["skus"] == len(items)
        assert row["item_quantities"] == quantities
        assert row["item_asins"] == [item["asin"] for item in items.values()]
        names = [
            item["name"] and re.sub(r"[\s\x7f-\xa0]+", " ", html.unescape(item["name"])).strip()
            for item in items.values()
        ]
        assert row["item_names"] == names
        lengths = [item["length"] and item["length"]["value"] * 25.4 for item in items.values()]
        assert row["item_lengths_mm"] == [length and pytest.approx(length) for length in lengths]
        assert len(row["item_weights_g"]) == len(row["item_widths_mm"]) == len(items)


def test_captions_name_every_item(real: tuple[BinsDesk, Any], metadata: dict[str, Any]) -> None:
    rows = labelled(real[0], "caption")
    for bin_id, top in metadata.items():
        caption, items = rows[bin_id]["caption"], top["BIN_FCSKU_DATA"]
        assert len(caption) <= CAPTION_MOST
        assert not re.search(r"&[a-z]+;|\s\s|[\x00-\x1f]", caption)
        if not items:
            assert caption == "nothing"
        elif len(caption) < CAPTION_MOST:
            parts = caption.split("; ")
            counts = [int(part.split(" x ", 1)[0]) for part in parts]
            assert counts == sorted((item["quantity"] for item in items.values()), reverse=True)
            assert all(len(part.split(" x ", 1)[1]) <= NAME_MOST for part in parts)


ITEM = pa.schema(
    {"bin_id": pa.string(), "fcsku": pa.string(), "asin": pa.string(), "clean_name": pa.string(),
     "quantity": pa.int64()}
)  # fmt: skip


def caption(*items: tuple[str, str | None, str | None, int]) -> str:
    rows = [dict(zip(ITEM.names, ("00001", *item), strict=True)) for item in items]
    with duckdb.connect() as connection:
        connection.register("items", pa.Table.from_pylist(rows, ITEM))
        labels = labels_of(
            "SELECT '00001' AS stem",
            asked=["caption"],
            bins="(SELECT '00001' AS id)",
            bin_items="items",
        )
        assert labels
        ((_, found),) = connection.execute(labels.query).fetchall()
    return str(found)


def test_captions() -> None:
    assert caption() == "nothing"
    assert caption(("B", "B", "Foo", 2), ("A", "A", "Bar; baz", 1)) == "2 x Foo; 1 x Bar, baz"
    assert caption(("B", "B", None, 1), ("A", None, None, 1)) == "1 x A; 1 x B"
    long = caption(*((f"A{at:02d}", None, "x" * 200, 1) for at in range(22)))
    assert len(long) == CAPTION_MOST
    assert long.endswith("\N{HORIZONTAL ELLIPSIS}")
    assert long.startswith(f"1 x {'x' * (NAME_MOST - 1)}\N{HORIZONTAL ELLIPSIS}; 1 x ")


def test_labels_are_chosen_by_name() -> None:
    assert labels_of("samples", asked=(), bins="bins", bin_items="bin_items") is None
    assert BinChoice().labels == ()
    assert BinChoice(labels=("caption", "skus", "caption")).labels == ("caption", "skus")
    assert BinChoice(labels=("none",)).labels == ()
    for wrong in ({"labels": ["color"]}, {"stratify": "color", "folds": 2}):
        with pytest.raises(ValueError, match=r"there is no label color; there are id_space, expec"):
            BinChoice.model_validate(wrong)


@pytest.mark.parametrize("seed", [0, 7])
def test_a_set_with_the_shares_and_seed_of_bin_splits_has_the_same_splits(
    real: tuple[BinsDesk, Any], seed: int
) -> None:
    desk, shares = real[0], SplitShares(seed=seed)
    bins = desk.lake.rows_of("bins")
    units = units_of(f"SELECT id AS stem FROM {bins}", bins, seed)
    samples = f"""SELECT hash(sample) AS position, sample, unit, place, NULL AS stratum,
        NULL AS earlier, false AS known, NULL::VARCHAR AS md5, NULL::VARCHAR AS perceptual_hash
        FROM ({units.query})"""
    table = split_set(
        desk.connection, samples, same_looks(desk.connection, samples), shares.by_split
    )
    expected = desk.connection.execute(
        f"SELECT id, split FROM ({splits_query(bins, shares)})"
    ).fetchall()
    assert dict(
        zip(*(table[name].to_pylist() for name in ("sample", "split")), strict=True)
    ) == dict(expected)


def test_items_that_bins_share_link_them(
    real: tuple[BinsDesk, Any], metadata: dict[str, Any]
) -> None:
    desk = real[0]
    items = desk.lake.rows_of("bin_items")
    found = desk.connection.execute(links_query(items)).fetchall()
    links: dict[str, set[str]] = {}
    for sample, link in found:
        links.setdefault(sample, set()).add(link)
    for bin_id, top in metadata.items():
        asins = {item["asin"] or fcsku for fcsku, item in top["BIN_FCSKU_DATA"].items()}
        assert links.get(bin_id, set()) == asins


def test_an_item_disjoint_split_of_genuine_bins(real: tuple[BinsDesk, Any]) -> None:
    desk = real[0]
    bins, items = (desk.lake.rows_of(table) for table in ("bins", "bin_items"))
    samples = f"""SELECT hash(sample) AS position, sample, unit, place, NULL AS stratum,
        NULL AS earlier, false AS known, NULL::VARCHAR AS md5, NULL::VARCHAR AS perceptual_hash
        FROM ({units_of(f"SELECT id AS stem FROM {bins}", bins, 0).query})"""
    looks = same_looks(desk.connection, samples)
    shares = SplitShares().by_split
    table = split_set(desk.connection, samples, looks, shares, links=links_query(items))
    desk.connection.register("divided", table)
    try:
        ((excluded, because),) = desk.connection.execute(
            "SELECT count_if(split = 'excluded'), count(excluded_because) FROM divided"
        ).fetchall()
        shared = desk.connection.execute(f"""
            SELECT link FROM ({links_query(items)}) JOIN divided USING (sample)
            WHERE split <> 'excluded' GROUP BY link HAVING count(DISTINCT split) > 1""").fetchall()
    finally:
        desk.connection.unregister("divided")
    assert shared == []
    assert 0 < excluded == because
