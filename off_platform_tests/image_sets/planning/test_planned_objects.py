"""What a set has already: finished groups, objects of the lake, copies of an earlier run."""

import json
from pathlib import Path

import duckdb

from off_platform.image_sets.construction.plans import IDENTITY, PLAN, rows_name
from off_platform.image_sets.planning.planned_objects import Counted, PlannedObjects
from off_platform.storage.lake_layout import MANIFEST
from off_platform.storage.local_folder import LocalFolder

OBJECTS = """SELECT i AS sample, 'k' || i AS key, CASE WHEN i < 8 THEN 'photo' ELSE 'metadata' END
    AS kind, CASE i WHEN 9 THEN 'md5' END AS known_md5, i // 3 AS "group" FROM range(10) AS r(i)"""
SIZES = "SELECT 'k' || i AS key, 100 + i AS bytes FROM range(10) AS r(i) WHERE i <> 4"


def counted(folder: Path, *, begun: bool) -> list[Counted]:
    with duckdb.connect() as connection:
        planned = PlannedObjects(
            *(connection, OBJECTS, SIZES, LocalFolder(folder)), begun=begun, scratch=folder
        )
        assert planned.samples == 10
        # Those that are there already are not asked for.
        keys = planned.sampled_keys("photo", 100, seed=1)
        assert keys == planned.sampled_keys("photo", 100, seed=1)
        assert {"k4", "k5", "k6"} <= {*keys}
        assert not {"k3", "k7"} & {*keys}
        assert planned.sampled_keys("photo", 2, seed=1) == keys[:2]
        return planned.by_kind()


def test_every_object_is_counted_in_one_state(tmp_path: Path) -> None:
    (tmp_path / ".building").mkdir()
    with duckdb.connect() as connection:
        connection.execute(f"COPY ({OBJECTS}) TO '{tmp_path / PLAN}' (FORMAT parquet)")
        had = """SELECT * FROM (VALUES ('k3', 'photo', 'fetched', 60), ('k7', 'photo', 'fetched',
            70), ('k6', 'photo', 'missing', NULL)) AS h(key, kind, status, stored_bytes)"""
        connection.execute(f"COPY ({had}) TO '{tmp_path / MANIFEST}' (FORMAT parquet)")
    digest = "d" * 64
    (tmp_path / IDENTITY).write_text(json.dumps({"digest": digest}))
    (tmp_path / rows_name(0, digest)).touch()
    # The first three are done; of 3 to 7 two are in the set, and the size of one is not known.
    photos, metadata = counted(tmp_path, begun=True)
    assert photos == Counted("photo", 8, 3, 0, 2, 3, 105 + 106, 2, 60 + 70)
    assert metadata == Counted("metadata", 2, 0, 1, 0, 1, 108, 1, 109)
    assert photos.requested == 5
    # Under another plan nothing is done.
    photos, _ = counted(tmp_path, begun=False)
    assert photos == Counted("photo", 8, 0, 0, 2, 6, 100 + 101 + 102 + 105 + 106, 5, 60 + 70)
