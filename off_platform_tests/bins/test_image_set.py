"""Image sets of bins, from a server's bucket over the tables to photos with labels on disk."""

import json
import os
import random
import shlex
import shutil
import subprocess
import tarfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import obstore
import pytest
from PIL import Image

from off_platform.asset_checks import check_results
from off_platform.bins.choice import WING, BinChoice
from off_platform.bins.image_set import (
    ATTRIBUTION,
    LICENCE,
    Request,
    command,
    make_bin_image_set,
    request_from,
)
from off_platform.image_sets.built_set import BuiltSet
from off_platform.image_sets.construction.moves import UnusableFolderError
from off_platform.image_sets.declaration.declared import (
    UnknownSetError,
    UnusableChoiceError,
    WrongDeclarationError,
    checked_choice,
    declared_choice,
    declared_sets,
)
from off_platform.image_sets.fetching.build import SourceUnreachableError
from off_platform.image_sets.files.set_files import BUILDING
from off_platform.image_sets.manifest import manifest_table
from off_platform.image_sets.manifest_checks import check_manifest
from off_platform.image_sets.set_results import set_metadata
from off_platform.sandbox.make import Sandbox
from off_platform.settings import Settings
from off_platform.storage.folder import Folder
from off_platform.storage.lake import Lake
from off_platform.storage.lake_layout import MANIFEST
from off_platform.storage.local_folder import LocalFolder
from off_platform.storage.locks import FolderInUseError
from off_platform.storage.objects import Access, Source
from off_platform_tests.bins.conftest import BUCKET, FILES, BinsDesk
from off_platform_tests.images_desk import rows_of, tree
from off_platform_tests.interruptions import Kills, StoppingFolder, forks
from off_platform_tests.s3.server import Faults, S3Server

PROJECT = Path(__file__).resolve().parents[2]
SETTINGS = Settings(_env_file=None, attempts=3)
SHARD_SAMPLES = 7
ALL = {"n": None, "id_space": "both"}
TINY = {"n": 5}

Row = dict[str, Any]


def request_of(name: str = "few", layout: str = "shards", **options: Any) -> Request:
    """A request with the settings of these tests."""
    given = {"layout": layout, "shard_samples": SHARD_SAMPLES, **options}
    choice = BinChoice.model_validate(given)
    return request_from(SETTINGS, name, choice, "A set of the tests.", {})


@dataclass
class Sets:
    """Sets over tables that are not changed, in a folder of the test's own."""

    desk: BinsDesk
    server: S3Server
    root: Path

    def make(
        self,
        to: str = "few",
        *,
        layout: str = "shards",
        folder: Folder | None = None,
        **options: Any,
    ) -> BuiltSet:
        """Makes a set of these options."""
        into = folder or LocalFolder(self.root / to)
        request = request_of(layout=layout, **{"labels": ["none"], **options})
        return make_bin_image_set(
            self.desk.lake, self.desk.source, request, into, self.desk.connection
        )

    def manifest(self, to: str = "few") -> list[Row]:
        """The rows of a set's manifest, in order."""
        return rows_of(self.desk.connection, self.root / to / MANIFEST)

    def samples(self, to: str = "few") -> list[str]:
        """The bins of a set, in order."""
        return [row["sample"] for row in self.manifest(to) if row["kind"] == "photo"]

    def answers(self) -> Counter[int]:
        """How many requests were answered how."""
        return Counter(seen.status for seen in self.server.requests)


@pytest.fixture(scope="module")
def tables(
    sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[BinsDesk, S3Server]]:
    """All tables of the sandbox's bins, fetched from a server; to be looked at only."""
    lake = Lake(str(tmp_path_factory.mktemp("tables")))
    with S3Server({BUCKET: sandbox.bins.folder}) as server, lake.connect() as connection:
        desk = BinsDesk(lake, Source(f"s3://{BUCKET}", Access(endpoint=server.url)), connection)
        desk.collect()
        desk.make()
        yield desk, server


@pytest.fixture
def sets(tables: tuple[BinsDesk, S3Server], tmp_path: Path) -> Iterator[Sets]:
    desk, server = tables
    server.requests.clear()
    yield Sets(desk, server, tmp_path)
    server.faults = Faults()


@pytest.fixture(scope="module")
def whole(tables: tuple[BinsDesk, S3Server], tmp_path_factory: pytest.TempPathFactory) -> Sets:
    """A set of all bins in shards; to be looked at only."""
    desk, server = tables
    made = Sets(desk, server, tmp_path_factory.mktemp("whole"))
    made.make(**ALL)
    return made


def labels_by_hand(desk: BinsDesk, ids: list[str]) -> dict[str, Row]:
    """What the tables say of some bins, by id."""
    split_of = {row["id"]: row["split"] for row in desk.rows("bin_splits")}
    text_of = {row["id"]: row["text"] for row in desk.rows("bin_metadata")}
    return {
        row["id"]: {**row, "split": split_of[row["id"]], "text": text_of[row["id"]]}
        for row in desk.rows("bins")
        if row["id"] in ids
    }


def test_every_usable_bin_with_a_photo_is_in_the_set(whole: Sets, sandbox: Sandbox) -> None:
    bucket = sandbox.bins.folder
    photos = {path.stem for path in (bucket / "bin-images").iterdir()}
    usable = {row["id"] for row in whole.desk.rows("bins")}
    assert sorted(whole.samples()) == sorted(photos & usable)
    assert len(photos & usable) > 50
    # Neither of them can have a label or a photo.
    for name in ("a photo has no metadata", "metadata have no photo", "a metadata file was cut"):
        assert not {*sandbox.bins.awkward[name]} & {*whole.samples()}


def test_shards_hold_photos_with_their_metadata_as_the_bucket_has_them(
    whole: Sets, sandbox: Sandbox
) -> None:
    # The first shard begins with the samples that show a loader all fields.
    rows = iter(sorted(whole.manifest(), key=lambda row: (row["path"], row["offset"])))
    shards = sorted((whole.root / "few").glob("*.tar"))
    assert len(shards) > 1
    for path in shards:
        with tarfile.open(path) as shard:
            members = shard.getmembers()
            for member in members:
                row, file = next(rows), shard.extractfile(member)
                folder, suffix = (
                    ("bin-images", "jpg") if row["kind"] == "photo" else ("metadata", "json")
                )
                assert member.name == f"{row['sample']}.{suffix}"
                assert row["key"] == f"{folder}/{member.name}"
                assert (row["path"], row["offset"]) == (path.name, member.offset_data)
                assert file
                assert file.read() == (sandbox.bins.folder / row["key"]).read_bytes()
            # A loader takes neighbours of one stem for a sample.
            stems = [member.name.split(".")[0] for member in members]
            assert stems[::2] == stems[1::2]
            assert len(stems) <= 2 * SHARD_SAMPLES
    assert next(rows, None) is None


def test_the_manifest_says_of_metadata_what_the_bucket_says(whole: Sets) -> None:
    for row in whole.manifest():
        if row["kind"] == "metadata":
            found = obstore.head(whole.desk.source.store, row["key"])
            assert (row["bytes"], row["etag"]) == (found["size"], found["e_tag"])
            assert row["last_modified"] == found["last_modified"]
            assert row["md5"] == (found["e_tag"] or "").strip('"')


def test_no_metadata_is_asked_for_again(sets: Sets) -> None:
    made = sets.make(**ALL)
    assert {seen.path.split("/")[2] for seen in sets.server.requests} == {"bin-images"}
    assert len(sets.server.requests) == made.contents.samples == made.tally.done / 2


@pytest.mark.slow
def test_metadata_that_the_lake_has_otherwise_by_now_is_fetched(sets: Sets, tmp_path: Path) -> None:
    """A plan names the text that its labels were made from; another run may have renewed it."""
    lake = Lake(str(shutil.copytree(sets.desk.lake.root.address(), tmp_path / "lake")))
    with lake.connect() as connection:
        table = Path(lake.address("bin_metadata"))
        connection.execute(f"CREATE TABLE changed AS FROM '{table}'").fetchall()
        # One is renewed, of one the bytes are not those of its MD5, one is gone.
        for change in (
            "UPDATE changed SET md5 = md5('{}'), text = '{}' WHERE id = '00001'",
            "UPDATE changed SET text = trim(text) || ' ' WHERE id = '00002'",
            "DELETE FROM changed WHERE id = '00003'",
        ):
            connection.execute(change).fetchall()
        connection.execute(f"COPY changed TO '{table}'").fetchall()
        desk = BinsDesk(lake, sets.desk.source, connection)
        made = Sets(desk, sets.server, tmp_path)
        made.make("other", **ALL)
    keys = {seen.path.partition(f"/{BUCKET}/")[2] for seen in sets.server.requests}
    named = [f"metadata/0000{number}.json" for number in (1, 2, 3)]
    assert {key for key in keys if key.startswith("metadata/")} == {*named}
    sets.make("few", **ALL)
    assert shards_of(tmp_path / "other") == shards_of(tmp_path / "few")


def shards_of(folder: Path) -> dict[str, bytes]:
    """The bytes of a set's shards."""
    return {path.name: path.read_bytes() for path in folder.glob("*.tar")}


def test_the_manifest_fulfils_its_rules(whole: Sets) -> None:
    table = manifest_table(0.0)
    findings = check_manifest(
        whole.desk.connection,
        table,
        str(whole.root / "few" / MANIFEST),
        samples=None,
        decoded_share=0.01,
    )
    results = check_results(table, "bin_image_set", findings)
    assert [result.check_name for result in results if not result.passed] == []
    for row in whole.manifest():
        assert (row["status"], row["licence"], row["attribution"]) == (
            "fetched", LICENCE, ATTRIBUTION,
        )  # fmt: skip
        assert row["url"] == f"{whole.server.url}/{BUCKET}/{row['key']}"
        assert (row["barcode"], row["image_id"]) == (None, None)


def test_labels_are_what_the_tables_say(whole: Sets) -> None:
    by_hand = labels_by_hand(whole.desk, whole.samples())
    labels = rows_of(whole.desk.connection, whole.root / "few" / "labels.parquet")
    assert [row["id"] for row in labels] == sorted(
        whole.samples(), key=lambda each: (by_hand[each]["id_space"], by_hand[each]["position"])
    )
    for row in labels:
        assert {name: by_hand[row["id"]][name] for name in row} == row
    assert {*labels[0]} == {
        "id", "id_space", "expected_quantity", "items_quantity", "difference", "skus",
        "difficulty", "visit_id", "split",
    }  # fmt: skip
    assert {row["split"] for row in labels} == {"train", "validation", "test"}
    assert any(row["difference"] for row in labels)


def test_abid_lists_are_what_the_tables_say(whole: Sets, sandbox: Sandbox) -> None:
    folder = whole.root / "few"
    main = [
        row
        for row in labels_by_hand(whole.desk, whole.samples()).values()
        if row["id_space"] == "main"
    ]
    of_place = {row["position"] - 1: row for row in main}
    metadata = json.loads((folder / "abid_metadata.json").read_text())
    # The sandbox has bins of six digits: between them and the others nothing is at hand.
    assert len(metadata) == 100_001
    for place, found in enumerate(metadata):
        row = of_place.get(place)
        key = row and sandbox.bins.folder / "metadata" / f"{row['id']}.json"
        assert found == (json.loads(key.read_text()) if key else {})
    for split, name in (("train", "train"), ("validation", "val")):
        of_split = sorted(row["position"] for row in main if row["split"] == split)
        listed = (folder / f"abid_random_{name}set.txt").read_text().split()
        assert [int(line) for line in listed] == of_split
        counted = json.loads((folder / f"abid_counting_{name}set.json").read_text())
        assert counted == [
            [position - 1, of_place[position - 1]["expected_quantity"]]
            for position in of_split
            if of_place[position - 1]["expected_quantity"] < 6
        ]
        assert counted


def test_udacitys_list_has_the_classes_of_the_tables(whole: Sets) -> None:
    rows = labels_by_hand(whole.desk, whole.samples()).values()
    listed = json.loads((whole.root / "few" / "udacity_file_list.json").read_text())
    assert list(listed) == ["1", "2", "3", "4", "5"]
    for quantity, paths in listed.items():
        assert sorted(paths) == sorted(
            f"data/metadata/{row['id']}.json"
            for row in rows
            if row["expected_quantity"] == int(quantity)
        )


def test_a_set_is_nice_to_look_at(whole: Sets) -> None:
    folder = whole.root / "few"
    names = {path.name for path in folder.iterdir() if path.suffix != ".tar"}
    assert names - {".scratch"} == FILES
    card = (folder / "README.md").read_text()
    assert card.startswith("---\n")
    assert "license: cc-by-nc-sa-3.0" in card
    assert f"[{LICENCE}](<https://creativecommons.org/licenses/by-nc-sa/3.0/us/>)" in card
    assert "its licence forbids commercial use" in card
    assert f"{len(whole.samples())} of {len(whole.samples())} candidates" in card
    # Texts in a sentence of the card must not show their escapes.
    assert "\\`" not in card
    gallery = (folder / "gallery.html").read_text()
    assert gallery.count("data:image/") >= SHARD_SAMPLES
    assert "Expected quantity: " in gallery
    with Image.open(folder / "contact_sheet.jpg") as sheet:
        assert min(sheet.size) > 300
    # It must do without the network: what it shows is in it.
    assert "default-src 'none'; img-src data:;" in gallery


@pytest.mark.slow
def test_a_second_run_fetches_nothing_and_changes_nothing(sets: Sets) -> None:
    made = sets.make(**ALL)
    # One request per photo: the metadata is at hand.
    assert sets.answers() == {200: made.tally.done // 2}
    before = tree(sets.root / "few")
    sets.server.requests.clear()
    again = sets.make(**ALL)
    assert sets.answers() == {304: made.tally.done // 2}
    assert again.tally.bytes == 0
    assert again.tally.by_end == {"unchanged": made.tally.done}
    assert tree(sets.root / "few") == before


@pytest.mark.slow
@pytest.mark.parametrize("layout", ["shards", "files"])
def test_made_again_elsewhere_it_is_the_same_to_the_byte(sets: Sets, layout: str) -> None:
    options = {"n": 12, "per_class": 2, "seed": 3}
    first = sets.make("first", layout=layout, **options)
    second = sets.make("second", layout=layout, **options)
    assert first.contents == second.contents
    assert tree(sets.root / "first") == tree(sets.root / "second")


def test_loose_files_have_the_buckets_names(sets: Sets, sandbox: Sandbox) -> None:
    sets.make(layout="files", n=9)
    folder = sets.root / "few"
    for row in sets.manifest():
        name = row["key"].rsplit("/", 1)[1]
        assert row["path"] == f"00000/{name}"
        assert (folder / row["path"]).read_bytes() == (
            sandbox.bins.folder / row["key"]
        ).read_bytes()
    folders = [path.name for path in folder.iterdir() if path.is_dir() and path.name[0] != "."]
    assert folders == ["00000"]
    loose = list((folder / "00000").iterdir())
    assert len(loose) == 18


def test_bins_of_a_file_are_left_out(sets: Sets, tmp_path: Path) -> None:
    sets.make(n=6)
    listed = sets.samples()
    names = tmp_path / "blurred.txt"
    names.write_text("\n".join([*(f"{bin_id}.jpg" for bin_id in listed[:2]), "99999"]))
    declared = SETTINGS.model_copy(update={"image_sets": tmp_path / "image_sets.toml"})
    request = request_from(declared, "few", BinChoice(n=4, exclude="blurred.txt"), "", {})
    made = make_bin_image_set(
        sets.desk.lake, sets.desk.source, request, LocalFolder(sets.root / "few"),
        sets.desk.connection,
    )  # fmt: skip
    assert sets.samples() == listed[2:]
    assert made.chosen_from == "the table bins, without 2 bins of the 3 in blurred.txt"
    names.write_text("no id")
    with pytest.raises(UnusableChoiceError, match=r"line 1 of .*blurred\.txt is 'no id'"):
        make_bin_image_set(
            sets.desk.lake, sets.desk.source, request, LocalFolder(sets.root / "few"),
            sets.desk.connection,
        )  # fmt: skip


@pytest.mark.slow
def test_a_labelled_set_is_split_by_visits_and_items(sets: Sets) -> None:
    options = {"n": None, "split": "train=0.6,test=0.4", "stratify": "difficulty"}
    sets.make(**options, item_disjoint=True, labels=["caption", "item_asins", "visit_id"])
    rows = [row for row in sets.manifest() if row["kind"] == "photo"]
    assert {row["split"] for row in rows} == {"train", "test", "excluded"}
    of_split: dict[str, set[str]] = {"train": set(), "test": set(), "excluded": set()}
    for row in rows:
        assert row["unit"] == row["visit_id"]
        assert row["perceptual_hash"]
        assert (row["excluded_because"] is None) == (row["split"] != "excluded")
        of_split[row["split"]] |= {row["visit_id"], *row["item_asins"]}
    assert not of_split["train"] & of_split["test"]
    labels = rows_of(sets.desk.connection, sets.root / "few" / "labels.parquet")
    assert {row["id"]: row["split"] for row in labels} == {
        row["sample"]: row["split"] for row in rows
    }
    table = manifest_table(0.0)
    findings = check_manifest(
        sets.desk.connection, table, str(sets.root / "few" / MANIFEST), samples=None,
        decoded_share=0.01,
    )  # fmt: skip
    assert not findings["shape"].broken


@pytest.mark.slow
def test_another_choice_replaces_the_set_and_fetches_only_what_it_has_not(sets: Sets) -> None:
    sets.make(n=12)
    had = set(sets.samples())
    sets.server.requests.clear()
    sets.make(n=20)
    # A larger n keeps what a smaller one chose.
    assert sets.samples()[:12] == [each for each in sets.samples() if each in had]
    assert sets.answers() == {304: 12, 200: 8}
    sets.make(n=3)
    assert set(sets.samples()) < had
    names = {path.name for path in (sets.root / "few").iterdir()}
    assert names - {".scratch"} == FILES | {"00000.tar"}


@pytest.mark.slow
def test_what_is_missing_has_no_label_and_comes_with_the_next_run(sets: Sets) -> None:
    sets.server.faults = Faults(missing=0.2, seed=4)
    made = sets.make(**ALL)
    missing = {row["key"] for row in sets.manifest() if row["status"] == "missing"}
    # The metadata was collected before.
    assert missing
    assert all(key.startswith("bin-images/") for key in missing)
    assert made.contents.by_status["missing"] == len(missing)
    labels = rows_of(sets.desk.connection, sets.root / "few" / "labels.parquet")
    gone = {Path(key).stem for key in missing}
    assert {row["id"] for row in labels} == set(sets.samples()) - gone
    listed = (sets.root / "few" / "udacity_file_list.json").read_text()
    assert not any(f"/{each}.json" in listed for each in gone)
    assert made.contents.problems[0].key in (sets.root / "few" / "README.md").read_text()

    sets.server.faults = Faults()
    sets.server.requests.clear()
    assert sets.make(**ALL).contents.by_status == {"fetched": made.tally.done}
    fetched = {seen.path for seen in sets.server.requests if seen.status == 200}
    assert fetched == {f"/{BUCKET}/{key}" for key in missing}
    afresh = sets.make("afresh", **ALL)
    assert afresh.contents.by_status == {"fetched": made.tally.done}
    assert tree(sets.root / "few") == tree(sets.root / "afresh")


@pytest.mark.slow
def test_faults_of_the_network_cost_no_bin(sets: Sets) -> None:
    sets.make("quiet", n=20)
    sets.server.faults = Faults(slow_down=0.15, cut=0.1, flip=0.1)
    made = sets.make("noisy", n=20)
    assert sets.answers()[503]
    assert made.contents.by_status == {"fetched": made.tally.done}
    assert tree(sets.root / "noisy") == tree(sets.root / "quiet")


@pytest.mark.slow
def test_a_bucket_out_of_reach_leaves_the_set_as_it_is(sets: Sets) -> None:
    sets.make(**TINY)
    before = tree(sets.root / "few")
    with S3Server({BUCKET: sets.root}) as server:
        gone = server.url
    away = Source(f"s3://{BUCKET}", Access(endpoint=gone))
    desk = BinsDesk(sets.desk.lake, away, sets.desk.connection)
    with pytest.raises(SourceUnreachableError, match="consecutive objects failed"):
        Sets(desk, sets.server, sets.root).make(**TINY)
    assert {
        name: digest
        for name, digest in tree(sets.root / "few").items()
        if not name.startswith(BUILDING)
    } == before
    sets.make(**TINY)
    assert tree(sets.root / "few") == before


@pytest.mark.slow
def test_a_run_stopped_at_any_change_ends_with_the_same_bytes(sets: Sets) -> None:
    sets.make("whole", **TINY)
    stops = 0
    while True:
        path = sets.root / f"stopped-{stops}"
        try:
            sets.make(folder=StoppingFolder(path, stops), **TINY)
        except KeyboardInterrupt:
            sets.make(folder=LocalFolder(path), **TINY)
            assert tree(path) == tree(sets.root / "whole"), stops
            stops += 6
            continue
        break
    assert stops > 20


@pytest.mark.slow
def test_a_stopped_run_is_gone_on_with_and_fetches_only_the_rest(sets: Sets) -> None:
    sets.make("whole", **ALL)
    total = sets.answers()[200]
    # Plan, its samples, its name, two groups, each with its shard, its rows and the end of its
    # draft, one shard.
    with pytest.raises(KeyboardInterrupt):
        sets.make(folder=StoppingFolder(sets.root / "few", 10), **ALL)
    building = sets.root / "few" / BUILDING
    done = {rows.name[:5] for rows in building.glob("*.rows.jsonl")}
    assert done
    # The draft of a group that is done may not be removed yet.
    kept = sum(
        draft.read_text().count('"in_lake": false')
        for draft in building.glob("*.draft/journal.jsonl")
        if draft.parent.name[:5] not in done
    )
    sets.server.requests.clear()
    made = sets.make(**ALL)
    assert made.continued
    assert sets.answers() == {200: total - SHARD_SAMPLES * len(done) - kept}
    assert tree(sets.root / "few") == tree(sets.root / "whole")


@pytest.mark.slow
@pytest.mark.parametrize("column", ["expected_quantity", "items_quantity", "visit_id"])
def test_a_stopped_run_is_not_gone_on_with_when_the_tables_say_otherwise(
    sets: Sets, tmp_path: Path, column: str
) -> None:
    """Its groups have the metadata of before, which the labels would not."""
    lake = Lake(str(shutil.copytree(sets.desk.lake.root.address(), tmp_path / "lake")))
    with lake.connect() as connection:
        stopped = Sets(BinsDesk(lake, sets.desk.source, connection), sets.server, tmp_path)
        with pytest.raises(KeyboardInterrupt):
            stopped.make(folder=StoppingFolder(tmp_path / "few", 9), **ALL)
        table = Path(lake.address("bins"))
        value = "'00001'" if column == "visit_id" else f"{column} + 1"
        connection.execute(f"CREATE TABLE changed AS FROM '{table}'").fetchall()
        connection.execute(f"UPDATE changed SET {column} = {value} WHERE id = '00003'").fetchall()
        connection.execute(f"COPY changed TO '{table}'").fetchall()
        assert not stopped.make(**ALL).continued


@pytest.mark.slow
def test_a_stopped_run_is_not_gone_on_with_from_another_bucket(
    sets: Sets, sandbox: Sandbox
) -> None:
    with pytest.raises(KeyboardInterrupt):
        sets.make(folder=StoppingFolder(sets.root / "few", 9), **ALL)
    there = Source(str(sandbox.bins.folder))
    elsewhere = Sets(BinsDesk(sets.desk.lake, there, sets.desk.connection), sets.server, sets.root)
    assert not elsewhere.make(**ALL).continued
    assert {row["url"] for row in sets.manifest()} == {
        there.address + row["key"] for row in sets.manifest()
    }


def _make_at(lake_folder: Path, source: Source, to: Path) -> None:
    """What a process does: a set over a lake's tables."""
    lake = Lake(str(lake_folder))
    with lake.connect() as connection:
        desk = BinsDesk(lake, source, connection)
        make_bin_image_set(
            desk.lake, desk.source, request_of(**ALL), LocalFolder(to), desk.connection
        )


@pytest.mark.parametrize(
    "times", [pytest.param(1, marks=pytest.mark.slow), pytest.param(20, marks=pytest.mark.soak)]
)
def test_killed_processes_end_with_the_same_bytes(sets: Sets, times: int) -> None:
    sets.server.faults = Faults(latency_seconds=0.01)
    lake, context, luck = Path(sets.desk.lake.root.address()), forks(), random.Random(7)
    sets.make("whole", **ALL)
    begun = time.monotonic()
    sets.make("timed", **ALL)
    longest = 1.5 * (time.monotonic() - begun) + 0.3
    kills = Kills(times, longest, luck)
    for number in kills.rounds():
        to = sets.root / f"killed-{number}"
        for _ in range(luck.choice((1, 1, 2))):
            kills.try_one(context, _make_at, lake, sets.desk.source, to)
        sets.make(folder=LocalFolder(to), **ALL)
        assert tree(to) == tree(sets.root / "whole")


def test_before_the_tables_are_there_it_says_what_to_do(bins_desk: BinsDesk) -> None:
    folder = LocalFolder(Path(bins_desk.lake.url) / "few")
    with pytest.raises(
        UnusableChoiceError, match="no bins yet; run `off-platform run`, or the job monthly"
    ):
        make_bin_image_set(
            bins_desk.lake, bins_desk.source, request_of(), folder, bins_desk.connection
        )
    assert not folder.entries()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"least_quantity": 10_000}, "few: no bin fits the options; nothing was changed."),
        (
            {"skus": ["B0NOSUCH01"]},
            "few: no bin fits the options: no bin has 'B0NOSUCH01'; nothing was changed.",
        ),
        (
            {"asins": ["x' OR 1=1 --", "B"]},
            "few: no bin fits the options: no bin has \"x' OR 1=1 --\", 'B'; nothing was changed.",
        ),
        # The other one is a key, but not an ASIN.
        (
            {"asins": ["ZZ00SANDBX"]},
            "few: no bin fits the options: no bin has 'ZZ00SANDBX'; nothing was changed.",
        ),
    ],
)
def test_a_choice_without_matches_changes_nothing(
    sets: Sets, options: dict[str, Any], sentence: str
) -> None:
    sets.make(**TINY)
    before = tree(sets.root / "few")
    with pytest.raises(UnusableChoiceError) as refused:
        sets.make(**options)
    assert str(refused.value) == sentence
    assert tree(sets.root / "few") == before


def test_many_unknown_codes_are_not_all_named(sets: Sets) -> None:
    with pytest.raises(UnusableChoiceError) as refused:
        sets.make(skus=[f"B0NOSUCH{number:02d}" for number in range(40)])
    assert "'B0NOSUCH00', 'B0NOSUCH01', 'B0NOSUCH02' and 37 more" in str(refused.value)


def test_a_known_code_among_unknown_ones_is_enough(sets: Sets) -> None:
    made = sets.make(skus=["B0NOSUCH01", "ZZ00SANDBX"])
    assert made.candidates == len(sets.samples()) == 1


def test_a_folder_of_something_else_is_left_alone(sets: Sets) -> None:
    (sets.root / "few").mkdir()
    (sets.root / "few" / "notes.txt").write_text("mine")
    with pytest.raises(UnusableFolderError, match="is not an image set"):
        sets.make(**TINY)
    assert [path.name for path in (sets.root / "few").iterdir()] == ["notes.txt"]
    assert not sets.server.requests


def test_one_run_at_a_time_works_in_a_folder(sets: Sets) -> None:
    folder = LocalFolder(sets.root / "few")
    with folder.locked(), pytest.raises(FolderInUseError):
        sets.make(**TINY)
    assert not sets.server.requests


def test_fewer_than_requested_is_reported(sets: Sets) -> None:
    short = sets.make(n=1234, difficulty="hard")
    sentence = f"1,234 were requested; only {short.contents.samples} fit"
    assert short.shortfall == sentence
    assert short.candidates == short.contents.samples
    assert sentence in (sets.root / "few" / "README.md").read_text()
    assert set_metadata(short)["too_few"] == sentence


@pytest.mark.slow
def test_a_split_of_a_set_leaks_no_visit(sets: Sets) -> None:
    visits: dict[str, set[str]] = {}
    for split in ("train", "validation", "test"):
        made = sets.make(split, split=split, n=None)
        labels = rows_of(sets.desk.connection, sets.root / split / "labels.parquet")
        assert {row["split"] for row in labels} == {split}
        assert len(labels) == made.contents.samples
        visits[split] = {row["visit_id"] for row in labels}
    assert not visits["train"] & (visits["validation"] | visits["test"])
    assert not visits["validation"] & visits["test"]


def test_the_projects_own_sets_can_be_used() -> None:
    path = PROJECT / "image_sets.toml"
    names = declared_sets(path, WING)
    assert names
    for name in names:
        choice, description = declared_choice(path, WING, BinChoice, name)
        assert description != f"The image set {name}."
        assert choice.n


def test_a_set_that_is_not_declared_names_those_that_are(tmp_path: Path) -> None:
    path = tmp_path / "image_sets.toml"
    path.write_text("[bins.b]\n[images.c]\n[bins.a]\n")
    with pytest.raises(UnknownSetError, match=r"no image set 'c' in .*; declared are: a, b\."):
        declared_choice(path, WING, BinChoice, "c")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"n": 0}, "n=0"),
        ({"id_space": "padded"}, "id_space='padded'"),
        ({"difficulty": "easy"}, "difficulty='easy'"),
        ({"only_split": "val"}, "only_split='val'"),
        ({"least_quantity": -1}, "least_quantity=-1"),
        ({"per_class": 0}, "per_class=0"),
        ({"asins": "B00TEST001"}, "asins='B00TEST001'"),
        ({"skus": [""]}, "skus.0=''"),
        ({"skus": ["x" * 101]}, "skus.0="),
        ({"asins": ["a\0"]}, "asins.0="),
        ({"asins": ["\ud800"]}, "asins.0="),
        ({"sku": ["B00TEST001"]}, "The options are n, seed, keep_formats, labels"),
    ],
)
def test_a_wrong_option_is_one_sentence(options: dict[str, Any], words: str) -> None:
    with pytest.raises(UnusableChoiceError) as refused:
        checked_choice(BinChoice, options, "here")
    sentence = str(refused.value)
    assert sentence.startswith("here: the option ")
    assert words in sentence
    assert "\n" not in sentence


@pytest.mark.parametrize(
    ("varied", "expected"),
    [
        ({}, {}),
        ({"n": None, "seed": None, "asins": None, "exact": None}, {}),
        ({"n": 5, "seed": 0, "exact": False}, {"n": 5, "seed": 0, "exact": False}),
        ({"all": True, "n": 7}, {"n": None}),
        (
            {"skus": ["B00TEST001"], "split": "test"},
            {"skus": ("B00TEST001",), "only_split": "test"},
        ),
        ({"to": "elsewhere", "image_set": "other"}, {}),
    ],
)
def test_options_are_varied_for_a_run(varied: dict[str, Any], expected: dict[str, Any]) -> None:
    choice = BinChoice(n=100, seed=3, exact=True, asins=("B00TEST001",))
    request = request_from(SETTINGS, "few", choice, "Few.", varied)
    assert request.choice == choice.model_copy(update=expected)
    assert request.how.layout == "shards"
    assert request_from(SETTINGS, "few", choice, "", {"layout": "files"}).how.layout == "files"


@pytest.mark.parametrize(
    ("name", "varied", "error", "words"),
    [
        ("few", {"layout": "zip"}, UnusableChoiceError, "layout='zip' is wrong"),
        ("few", {"n": -1}, UnusableChoiceError, "few: the option n=-1"),
        ("../few", {}, WrongDeclarationError, "cannot name an image set"),
    ],
)
def test_wrong_variations(
    name: str, varied: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        request_from(SETTINGS, name, BinChoice(), "", varied)


def test_the_command_makes_the_same_choice() -> None:
    options = {
        "n": 12,
        "seed": -7,
        "id_space": "both",
        "difficulty": "moderate",
        "least_quantity": 1,
        "most_quantity": 5,
        "per_class": 2,
        "one_per_visit": True,
        "exact": True,
        "asins": ["B00TEST001", "o'brien $HOME"],
        "skus": ["ZZ00SANDBX"],
        "split": "train",
        "layout": "files",
        "shard_samples": SHARD_SAMPLES,
    }
    bucket = Source("s3://aft-vbi-pds", Access("us-east-1"))
    words = shlex.split(command(request_of(**options), bucket))
    singular = {"asins": "asin", "skus": "sku", "split": "only-split"}
    expected = ["off-platform", "bins"]
    for name, value in options.items():
        option = f"--{singular.get(name, name.replace('_', '-'))}"
        for each in value if isinstance(value, list) else [value]:
            expected += [option] if each is True else [option, str(each)]
    assert words == [*expected, "--out", "few"]
    assert "--n all" in command(request_of(n=None), bucket)
    assert "--exact" not in command(request_of(n=None), bucket)


@pytest.mark.parametrize(
    ("source", "settings", "expected"),
    [
        (Source("s3://aft-vbi-pds", Access("us-east-1")), {}, []),
        (
            Source("s3://my-bucket", Access("eu-west-1", "http://host:9000", signed=True)),
            {"bins_split_seed": -3},
            [
                "OFF_PLATFORM_BINS_SPLIT_SEED=-3",
                "OFF_PLATFORM_BINS_BUCKET=s3://my-bucket",
                "OFF_PLATFORM_BINS_REGION=eu-west-1",
                "OFF_PLATFORM_SOURCES_ENDPOINT=http://host:9000",
                "OFF_PLATFORM_SOURCES_ACCESS=signed",
            ],
        ),
        (
            Source("/my copy/$(of) it's"),
            {"bins_train_share": 0.5, "bins_validation_share": 0.25},
            [
                "OFF_PLATFORM_BINS_TRAIN_SHARE=0.5",
                "OFF_PLATFORM_BINS_VALIDATION_SHARE=0.25",
                "OFF_PLATFORM_BINS_BUCKET=/my copy/$(of) it's",
            ],
        ),
        (Source("var/sandbox/aft-vbi-pds"), {}, ["OFF_PLATFORM_SANDBOX=1"]),
    ],
)
def test_the_command_sets_what_is_not_the_default(
    source: Source, settings: dict[str, Any], expected: list[str]
) -> None:
    request = request_from(Settings(_env_file=None, **settings), "few", BinChoice(), "", {})
    line = command(request, source)
    assert shlex.split(line)[: len(expected) + 2] == [*expected, "off-platform", "bins"]
    if expected:
        shown = subprocess.run(  # noqa: S603 - our own line
            ["sh", "-c", line.split(" off-platform ")[0] + " env"],  # noqa: S607 - any shell
            capture_output=True, text=True, check=True, env={"PATH": os.environ["PATH"]},
        )  # fmt: skip
        assert set(expected) <= set(shown.stdout.splitlines())


@pytest.fixture
def real_photos(real_bucket: Path, real_data: Callable[[str], Path], bins_bucket: Path) -> Path:
    """A bucket of those genuine bins whose genuine photo is at hand too."""
    folder = bins_bucket
    for photo in real_data("bins/images").glob("*.jpg"):
        metadata = real_bucket / "metadata" / f"{photo.stem}.json"
        if metadata.exists():
            shutil.copyfile(photo, folder / "bin-images" / photo.name)
            shutil.copyfile(metadata, folder / "metadata" / metadata.name)
    return folder


@pytest.mark.slow
def test_genuine_photos_and_labels(real_photos: Path, bins_desk: BinsDesk, tmp_path: Path) -> None:
    desk = bins_desk
    desk.collect()
    desk.make()
    request = request_from(SETTINGS, "genuine", BinChoice(n=None, decoded_share=1.0), "", {})
    made = make_bin_image_set(
        desk.lake, desk.source, request, LocalFolder(tmp_path / "genuine"), desk.connection
    )
    assert made.contents.by_status == {"fetched": 2 * made.contents.samples}
    assert made.contents.samples == len(list((real_photos / "bin-images").iterdir())) >= 30
    labels = {
        row["id"]: row["expected_quantity"]
        for row in rows_of(desk.connection, tmp_path / "genuine" / "labels.parquet")
    }
    rows = rows_of(desk.connection, tmp_path / "genuine" / MANIFEST)
    assert all(row["decoded"] for row in rows if row["kind"] == "photo")
    for row in rows:
        data = made.folder.read(row["path"], row["offset"], row["stored_bytes"])
        if row["kind"] == "photo":
            with Image.open(BytesIO(data)) as photo:
                assert photo.size == (row["width"], row["height"])
        else:
            assert json.loads(data)["EXPECTED_QUANTITY"] == labels[row["sample"]]
