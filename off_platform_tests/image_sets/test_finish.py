"""What a person looks at agrees with the manifest and the files, and is the same every time."""

import gzip
import html
import io
import json
import re
from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from off_platform.image_sets.construction.containers import Places
from off_platform.image_sets.files.set_files import BUILDING
from off_platform.image_sets.files.stored_objects import StoredObjects
from off_platform.image_sets.pages.about import options_as_text
from off_platform.image_sets.pages.card import PROBLEMS_NAMED
from off_platform.image_sets.pages.set_contents import Contents
from off_platform.image_sets.pages.set_pages import CARD, GALLERY, SHEET
from off_platform.sandbox.make import Sandbox
from off_platform.storage.lake_layout import MANIFEST
from off_platform_tests.images_desk import BUCKET, Desk, desk_at, source_of, tree
from off_platform_tests.s3.server import Faults, S3Server

# Nearly every one of them makes a set, or runs Dagster.
pytestmark = pytest.mark.slow


@pytest.fixture
def desk(month_desk: Desk) -> Desk:
    """What every test here starts from."""
    return month_desk


def contents_of(desk: Desk, name: str = "tryout") -> Contents:
    folder = desk.folder(name)
    return Contents(
        folder, folder.address(MANIFEST), desk.connection, StoredObjects(folder), Places(())
    )


@pytest.mark.parametrize("layout", ["shards", "files"])
def test_figures_are_those_of_the_manifest(desk: Desk, layout: Any) -> None:
    made = desk.make(kind="raw+ocr", layout=layout)
    rows = desk.manifest()
    contents = contents_of(desk)
    assert contents.samples == made.contents.samples == len({row["sample"] for row in rows})
    assert contents.in_set == made.contents
    assert made.contents.by_status == Counter(row["status"] for row in rows)
    assert made.contents.size == sum(row["bytes"] or 0 for row in rows)
    counted = Counter((row["kind"], row["status"]) for row in rows)
    assert {(t.kind, t.status): t.objects for t in contents.tallies} == counted
    assert contents.shards == (len(list(_shards(desk))) if layout == "shards" else 0)
    unhad = [(row["key"], row["status"]) for row in rows if row["status"] != "fetched"]
    assert [(problem.key, problem.status) for problem in contents.problems(3)] == unhad[:3]
    verified = contents.verification
    fetched = [row for row in rows if row["status"] == "fetched"]
    assert (verified.length_equal, verified.md5_equal) == (len(fetched), len(fetched))
    assert (verified.in_parts, verified.md5_not_comparable) == (0, 0)
    assert verified.photos_whole == sum(row["kind"] == "raw" for row in fetched)
    assert verified.photos_decoded == sum(row["decoded"] for row in fetched)
    (sizes,) = contents.photo_sizes
    widths = sorted(row["width"] for row in fetched if row["width"])
    assert (sizes.width.smallest, sizes.width.largest) == (widths[0], widths[-1])
    assert sizes.photos == len(widths)


def _shards(desk: Desk) -> Iterator[str]:
    return (name for name in desk.folder().names() if name.endswith(".tar"))


@pytest.mark.parametrize("option", ["multipart_etags", "encrypted"])
def test_objects_whose_etag_is_not_their_md5_are_counted_apart(
    option: str, sandbox: Sandbox, tmp_path: Path
) -> None:
    with (
        S3Server({BUCKET: sandbox.images.folder}, **{option: True}) as server,
        desk_at(tmp_path / "lake", source_of(server)) as desk,
    ):
        desk.month()
        desk.make(kind="400")
        verified = contents_of(desk).verification
        count = verified.length_equal
        expected = {"multipart_etags": (count, 0), "encrypted": (0, count)}[option]
        assert count > 20
        assert verified.md5_equal == 0
        assert (verified.in_parts, verified.md5_not_comparable) == expected


def test_rows_come_sample_by_sample(desk: Desk) -> None:
    desk.make(kind="400+ocr")
    rows = [{name: row[name] for name in row if name != "last_modified"} for row in desk.manifest()]
    found = list(contents_of(desk).rows_by_sample(4))
    assert [row for of_sample in found for row in of_sample] == [
        row | {"group": 0} for row in rows[:8]
    ]
    assert [[row["kind"] for row in of_sample] for of_sample in found] == [["400", "ocr"]] * 4
    assert len(list(contents_of(desk).rows_by_sample(1000))) == len(rows) // 2


@pytest.mark.parametrize("layout", ["shards", "files"])
def test_bytes_are_found_in_both_layouts(desk: Desk, sandbox: Sandbox, layout: Any) -> None:
    desk.make(kind="raw", layout=layout)
    contents = contents_of(desk)
    for row in desk.manifest():
        found = contents.bytes_of(row | {"group": 0})
        if row["status"] == "fetched":
            assert found == (sandbox.images.folder / row["key"]).read_bytes()
        else:
            assert found is None
    desk.folder().remove(row["path"].split("/")[0] if row["path"] else "00000.tar")
    last = next(row for row in reversed(desk.manifest()) if row["path"])
    assert contents_of(desk).bytes_of(last | {"group": 0}) is None


def test_the_card_shows_the_sets_figures(desk: Desk) -> None:
    made = desk.make(kind="400+ocr", n=20, seed=4, image_ids=[1, 2, 400])
    card = desk.folder().read(CARD).decode()
    rows = desk.manifest()
    assert f"{len({row['sample'] for row in rows})} of {made.candidates} candidates" in card
    assert "drawn with seed `4`" in card
    assert r"| `image_ids` | \[1, 2, 400\] |" in card
    assert "| `n` | `20` |" in card
    for row in rows:
        if row["status"] != "fetched":
            assert f"`{row['key']}`" in card
    command = re.search(r"off-platform images .*", card)
    assert command
    assert command[0] == (
        "off-platform images --n 20 --seed 4 --kind 400+ocr --image-id 1 --image-id 2 "
        "--image-id 400 --shard-samples 5 --gallery-samples 30 --month 2026-11-01 --out tryout"
    )
    # Nothing that differs from run to run or from machine to machine.
    assert str(desk.lake.root.address()) not in card


def test_the_gallery_shows_the_samples(desk: Desk) -> None:
    desk.make(kind="400+ocr", n=12)
    page = desk.folder().read(GALLERY).decode()
    for row in desk.manifest():
        assert row["barcode"] in page
    assert page.count("data:image/jpeg;base64,") == sum(
        row["status"] == "fetched" and row["kind"] == "400" for row in desk.manifest()
    )


def test_the_gallery_shows_the_texts(desk: Desk, sandbox: Sandbox) -> None:
    desk.make(kind="ocr")
    page = desk.folder().read(GALLERY).decode()
    as_read, shown = html.unescape(page), 0
    for row in desk.manifest():
        if row["ocr_status"] == "text":
            stored = json.loads(gzip.decompress((sandbox.images.folder / row["key"]).read_bytes()))
            text = stored["responses"][0]["fullTextAnnotation"]["text"]
            assert text in as_read
            shown += 1
    assert shown > 10
    # Manifests of earlier versions have no texts.
    manifest = desk.folder().address(MANIFEST)
    desk.connection.execute(
        f"CREATE TABLE old AS SELECT * REPLACE (NULL::VARCHAR AS ocr_text) FROM '{manifest}'"
    ).fetchall()
    desk.connection.execute(f"COPY old TO '{manifest}'").fetchall()
    assert desk.make(kind="ocr").tally.by_end["fetched"] == 0
    assert not any(row["ocr_text"] for row in desk.manifest())
    assert desk.folder().read(GALLERY).decode() == page


def test_the_gallery_is_bounded(desk: Desk) -> None:
    # The desk shows at most 30 samples, of which raw photos and small copies make more.
    desk.make(kind="400")
    desk.make("both", kind="raw")
    assert len(desk.manifest()) == 27
    pages = [desk.folder(name).read(GALLERY).decode() for name in ("tryout", "both")]
    assert all(page.count("<html") == 1 for page in pages)


def test_the_contact_sheet_is_a_picture(desk: Desk) -> None:
    desk.make(kind="400")
    with Image.open(io.BytesIO(desk.folder().read(SHEET))) as sheet:
        assert sheet.format == "JPEG"
        sheet.load()
        assert min(sheet.size) > 200


def test_a_set_without_photos_has_all_its_pages(desk: Desk) -> None:
    desk.make(kind="ocr")
    folder = desk.folder()
    assert {CARD, GALLERY, SHEET, MANIFEST} <= set(folder.names())
    assert "Photo sizes" not in folder.read(CARD).decode()
    assert "data:image/jpeg" not in folder.read(GALLERY).decode()


def test_only_the_first_problems_are_named(desk: Desk, server: S3Server) -> None:
    server.faults = Faults(missing=0.95, seed=1)
    desk.make(kind="raw+ocr")
    unhad = [row for row in desk.manifest() if row["status"] != "fetched"]
    assert len(unhad) > PROBLEMS_NAMED
    card = desk.folder().read(CARD).decode()
    named = [row for row in unhad if f"| `{row['key']}` |" in card]
    assert named == unhad[:PROBLEMS_NAMED]


def test_pages_are_the_same_bytes_every_time(desk: Desk) -> None:
    desk.make(kind="raw+ocr")
    first = tree(Path(desk.folder().address()))
    desk.folder().remove("")
    desk.make(kind="raw+ocr")
    assert tree(Path(desk.folder().address())) == first
    assert not desk.folder().names(BUILDING)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, ()),
        ({"n": None, "a": [], "b": ()}, ()),
        ({"kind": "raw", "n": 3}, (("kind", "raw"), ("n", "3"))),
        ({"seed": 0}, (("seed", "0"),)),
        ({"tags": ["a", "b'"], "day": date(2026, 1, 2)},
         (("tags", '["a", "b\'"]'), ("day", '"2026-01-02"'))),
    ],
)  # fmt: skip
def test_options_as_a_card_shows_them(
    options: dict[str, Any], expected: tuple[tuple[str, str], ...]
) -> None:
    assert options_as_text(options) == expected
