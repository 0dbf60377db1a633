"""Objects of a set that are read again: other bytes than the manifest's are found."""

from pathlib import Path

import pytest

from off_platform.image_sets.manifest_checks import read_again
from off_platform_tests.images_desk import desk_at, source_of
from off_platform_tests.s3.server import S3Server


@pytest.mark.slow
@pytest.mark.parametrize("layout", ["shards", "files"])
def test_a_shard_with_other_bytes_is_found(server: S3Server, tmp_path: Path, layout: str) -> None:
    with desk_at(tmp_path / "lake", source_of(server)) as desk:
        desk.month()
        desk.make(kind="400", layout=layout)
        good = read_again(desk.connection, desk.folder())
        assert good.of > 10
        assert not good.broken
        row = next(row for row in desk.manifest() if row["path"])
        path = Path(desk.folder().address(row["path"]))
        data = path.read_bytes()
        at = (row["offset"] or 0) + row["bytes"] // 2
        path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        found = read_again(desk.connection, desk.folder())
        assert found.broken == 1
        assert row["key"] in found.examples[0]
        path.unlink()
        assert read_again(desk.connection, desk.folder()).broken >= 1
