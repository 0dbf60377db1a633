"""Bins in plain Python, from the JSON without the code under test, and as tables for DuckDB."""

import json
import tarfile
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa

if TYPE_CHECKING:
    import duckdb

ARCHIVE = "bins/metadata_00001-02000.tar.gz"
MAIN_DIGITS = 5
FEW_ITEMS = 6


class PlainBin(NamedTuple):
    """A bin: its id, what it should hold, how many of each FCSKU it lists, and its JSON."""

    id: str
    expected_quantity: int
    items: Mapping[str, int]
    text: str = "{}"

    @property
    def id_space(self) -> str:
        """`main` or `pilot`, by whether the id is padded."""
        return "main" if len(self.id) >= MAIN_DIGITS else "pilot"

    @property
    def position(self) -> int:
        """Its number within the id space."""
        return int(self.id)


def bins_of(archive: Path) -> list[PlainBin]:
    """The bins whose metadata an archive has, in the order of their ids."""
    found = []
    with tarfile.open(archive) as files:
        for member in files:
            opened = files.extractfile(member)
            if opened is None or not member.name.endswith(".json"):
                continue
            text = opened.read().decode()
            data = json.loads(text)
            items = {fcsku: item["quantity"] for fcsku, item in data["BIN_FCSKU_DATA"].items()}
            found.append(PlainBin(Path(member.name).stem, data["EXPECTED_QUANTITY"], items, text))
    return sorted(found)


def visits_by_hand(bins: Iterable[PlainBin]) -> dict[str, str]:
    """The visit of each bin: groups that share items first, then empty bins join lone ones."""
    listed = list(bins)
    at = {each.position: each for each in listed if each.id_space == "main"}
    visits = {each.id: each.id for each in listed}

    def join(earlier: PlainBin, later: PlainBin) -> None:
        first, other = visits[earlier.id], visits[later.id]
        visits.update({bin_id: first for bin_id, visit in visits.items() if visit == other})

    for place in sorted(at):
        for step in (1, 2):
            beside = at.get(place + step)
            skipped = step == 2 and place + 1 in at
            if beside and not skipped and at[place].items.keys() & beside.items.keys():
                join(at[place], beside)
    sizes = Counter(visits.values())
    lone = {place for place, each in at.items() if sizes[visits[each.id]] == 1}
    for place in sorted(lone):
        if place + 1 in lone and not (at[place].items and at[place + 1].items):
            join(at[place], at[place + 1])
    return visits


def leak_by_hand(split_of: Mapping[str, str], visits: Mapping[str, str]) -> tuple[int, int]:
    """How many bins are outside train, and how many of them have a sibling in train."""
    in_train = {visits[bin_id] for bin_id, split in split_of.items() if split == "train"}
    outside = [bin_id for bin_id, split in split_of.items() if split != "train"]
    return len(outside), sum(visits[bin_id] in in_train for bin_id in outside)


def make_tables(
    connection: "duckdb.DuckDBPyConnection", bins: Iterable[PlainBin]
) -> tuple[str, str]:
    """Makes the tables `bins` (with the visits found by hand) and `bin_items`; their names."""
    listed = list(bins)
    visits = visits_by_hand(listed)
    columns = {
        "id": pa.array([each.id for each in listed], pa.string()),
        "id_space": pa.array([each.id_space for each in listed], pa.string()),
        "position": pa.array([each.position for each in listed], pa.int64()),
        "expected_quantity": pa.array([each.expected_quantity for each in listed], pa.int64()),
        "items_quantity": pa.array([sum(each.items.values()) for each in listed], pa.int64()),
        "skus": pa.array([len(each.items) for each in listed], pa.int64()),
        "difficulty": pa.array(
            ["moderate" if each.expected_quantity < FEW_ITEMS else "hard" for each in listed],
            pa.string(),
        ),
        "visit_id": pa.array([visits[each.id] for each in listed], pa.string()),
        "text": pa.array([each.text for each in listed], pa.string()),
    }
    rows = [(each.id, fcsku) for each in listed for fcsku in each.items]
    items = {
        "bin_id": pa.array([bin_id for bin_id, _ in rows], pa.string()),
        "fcsku": pa.array([fcsku for _, fcsku in rows], pa.string()),
        "asin": pa.array([fcsku for _, fcsku in rows], pa.string()),
        "clean_name": pa.array([f"Item {fcsku}" for _, fcsku in rows], pa.string()),
        "quantity": pa.array([n for each in listed for n in each.items.values()], pa.int64()),
    }
    for name, table in (("bins", columns), ("bin_items", items)):
        connection.register("given", pa.table(table))
        connection.execute(f"CREATE OR REPLACE TABLE {name} AS FROM given").fetchall()
        connection.unregister("given")
    return "bins", "bin_items"
