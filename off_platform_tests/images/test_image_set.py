"""An image set from its options on: what may be asked, under which name, and real photos."""

import gzip
import os
import shlex
import shutil
import subprocess
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from off_platform.asset_checks import check_results
from off_platform.dumps.published_files import NoFileError
from off_platform.image_sets.declaration.declared import (
    UnknownSetError,
    UnusableChoiceError,
    WrongDeclarationError,
    checked_choice,
    declared_choice,
    declared_sets,
    name_from,
)
from off_platform.image_sets.declaration.names import NAME
from off_platform.image_sets.manifest import manifest_table
from off_platform.image_sets.manifest_checks import check_manifest
from off_platform.image_sets.set_results import set_metadata
from off_platform.images import keys
from off_platform.images.choice import WING, Choice
from off_platform.images.image_set import Request, command, newest_month, request_from
from off_platform.images.product_schemas import PRODUCTS
from off_platform.images.products import make_products
from off_platform.images.snapshots import NoSnapshotError
from off_platform.sandbox.make import Sandbox
from off_platform.settings import Settings
from off_platform.storage.lake import NoSuchTableError
from off_platform.storage.lake_layout import MANIFEST
from off_platform.storage.objects import Access, Source
from off_platform_tests.images_desk import MONTH, NEXT_MONTH, Desk, desk_at, write_list

PROJECT = Path(__file__).resolve().parents[2]
SETTINGS = Settings(_env_file=None)
BUCKET = Source("s3://openfoodfacts-images", Access("eu-west-3"))


@pytest.fixture
def declaring(tmp_path: Path) -> Callable[[str], Path]:
    """Writes a declaring file."""

    def declare(text: str) -> Path:
        path = tmp_path / "image_sets.toml"
        path.write_text(text)
        return path

    return declare


def test_a_declared_set(declaring: Callable[[str], Path]) -> None:
    path = declaring(
        """
        [images.teas]
        description = "Teas of France."
        kind = "raw+ocr"
        n = "all"
        per_product = 2
        edited_from = 2026-03-01
        countries = ["en:france"]
        [images.plain]
        """
    )
    choice, description = declared_choice(path, WING, Choice, "teas")
    assert description == "Teas of France."
    assert choice == Choice(
        kind="raw+ocr",
        n=None,
        per_product=2,
        edited_from=date(2026, 3, 1),
        countries=("en:france",),
    )
    assert declared_choice(path, WING, Choice, "plain") == (Choice(), "The image set plain.")


def test_an_unknown_set_names_those_that_are(declaring: Callable[[str], Path]) -> None:
    path = declaring("[images.b]\n[images.a]\n[bins.c]\n")
    with pytest.raises(UnknownSetError, match=r"no image set 'c' in .*; declared are: a, b\."):
        declared_choice(path, WING, Choice, "c")
    with pytest.raises(UnknownSetError, match="declared are: none"):
        declared_choice(declaring(""), WING, Choice, "a")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"kind": "front"}, ["kind='front'"]),
        ({"n": 0}, ["n=0"]),
        ({"n": "some"}, ["n='some'"]),
        ({"per_product": -1}, ["per_product=-1"]),
        ({"barcode_prefixes": ["30'"]}, ['barcode_prefixes.0="30\'"']),
        ({"barcode_prefixes": ["1" * 25]}, ["barcode_prefixes.0"]),
        ({"barcode_prefixes": ["٣"]}, ["barcode_prefixes.0"]),
        ({"barcode_prefixes": ["1\n"]}, ["barcode_prefixes.0"]),
        ({"image_ids": ["x"]}, ["image_ids.0='x'"]),
        ({"edited_from": "soon"}, ["edited_from='soon'"]),
        ({"countries": "en:france"}, ["countries='en:france'"]),
        ({"last_editors": ["\ud800"]}, ["last_editors.0"]),
        ({"country": ["en:france"]}, ["country=", "The options are n, seed, keep_formats, "]),
    ],
)
def test_a_wrong_option_is_one_sentence(options: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(UnusableChoiceError) as refused:
        checked_choice(Choice, options, "here")
    sentence = str(refused.value)
    assert sentence.startswith("here: the option ")
    assert "\n" not in sentence
    for word in words:
        assert word in sentence


def test_the_projects_own_sets_can_be_used() -> None:
    path = PROJECT / "image_sets.toml"
    names = declared_sets(path, "images")
    assert names
    for name in names:
        choice, description = declared_choice(path, WING, Choice, name)
        assert description != f"The image set {name}."
        assert choice.n


@pytest.mark.parametrize(
    ("varied", "expected"),
    [
        ({}, {}),
        ({"n": None, "seed": None, "countries": None}, {}),
        ({"n": 5, "seed": 0}, {"n": 5, "seed": 0}),
        ({"all": True}, {"n": None}),
        ({"all": True, "n": 7}, {"n": None}),
        ({"barcode_prefixes": ["20"], "edited_until": "2026-01-31"},
         {"barcode_prefixes": ("20",), "edited_until": date(2026, 1, 31)}),
        ({"to": "elsewhere", "month": "2026-11-01"}, {}),
    ],
)  # fmt: skip
def test_options_are_varied_for_a_run(varied: dict[str, Any], expected: dict[str, Any]) -> None:
    choice = Choice(kind="raw", n=100, seed=3, countries=("en:france",))
    request = request_from(SETTINGS, "teas", choice, "Teas.", varied)
    assert request.choice == choice.model_copy(update=expected)
    assert request.run.month == varied.get("month")
    assert request.how.layout == "shards"
    assert request.how.limits.concurrency == SETTINGS.concurrency
    assert request_from(SETTINGS, "teas", choice, "", {"layout": "files"}).how.layout == "files"


@pytest.mark.parametrize(
    ("name", "varied", "error", "words"),
    [
        ("teas", {"layout": "zip"}, UnusableChoiceError, "layout='zip' is wrong"),
        ("teas", {"n": -1}, UnusableChoiceError, "teas: the option n=-1"),
        ("../teas", {}, WrongDeclarationError, "cannot name an image set"),
        ("", {}, WrongDeclarationError, "cannot name an image set"),
    ],
)
def test_wrong_variations(
    name: str, varied: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        request_from(SETTINGS, name, Choice(), "", varied)


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("photos", "photos"),
        ("My Photos (2026)", "my-photos-2026"),
        ("../up/Teas_1", "teas_1"),
        ("茶", "image-set"),
        ("--", "image-set"),
        ("x" * 100, "x" * 63),
    ],
)
def test_a_set_is_named_after_its_folder(folder: str, name: str) -> None:
    assert name_from(Path(folder)) == name


@given(st.text(min_size=1).filter(lambda name: "\0" not in name))
def test_every_folder_gives_a_name(folder: str) -> None:
    assert NAME.fullmatch(name_from(Path(folder)))
    assert name_from(None) == "image-set"


def _request(**options: Any) -> Request:
    choice = Choice.model_validate(options)
    return request_from(SETTINGS, "teas", choice, "", {})


def test_the_command_makes_the_same_choice() -> None:
    options = {
        "n": 12,
        "seed": -7,
        "kind": "raw+ocr",
        "per_product": 2,
        "barcode_prefixes": ["20", "301"],
        "image_ids": [1, 400],
        "last_editors": ["o'brien $HOME"],
        "edited_from": "2026-01-01",
        "edited_until": "2026-02-01",
        "countries": ["en:france"],
        "categories": ["en:teas", "en:green teas"],
        "languages": ["fr"],
        "product_labels": ["en:organic"],
        "nutriscore": ["a", "b"],
        "nova": [1, 4],
        "pictures": ["front", "ingredients_fr"],
        "least_width": 300,
        "least_height": 400,
        "labels": ["name", "nova"],
    }
    words = shlex.split(command(_request(**options), BUCKET, MONTH))
    assert words[:2] == ["off-platform", "images"]
    singular = {
        "barcode_prefixes": "barcode-prefix",
        "image_ids": "image-id",
        "last_editors": "last-editor",
        "countries": "country",
        "categories": "category",
        "languages": "language",
        "product_labels": "product-label",
        "pictures": "picture",
        "labels": "label",
    }
    pairs = [*zip(words[2:-4:2], words[3:-4:2], strict=True)]
    for name, value in options.items():
        values = value if isinstance(value, list) else [value]
        option = singular.get(name, name.replace("_", "-"))
        assert [each for flag, each in pairs if flag == f"--{option}"] == [*map(str, values)]
    assert len(pairs) == sum(
        len(value) if isinstance(value, list) else 1 for value in options.values()
    )
    assert words[-4:] == ["--month", MONTH, "--out", "teas"]
    assert "--n all" in command(_request(n=None), BUCKET, MONTH)
    assert "--with-ocr" in command(_request(with_ocr=True), BUCKET, MONTH)
    assert "--label" not in command(_request(), BUCKET, MONTH)
    assert "--label none" in command(_request(labels=[]), BUCKET, MONTH)
    assert _request(labels=["none"]).choice.labels == ()


def test_the_command_builds_the_set_the_same_way() -> None:
    built = _request(n=1, layout="files", shard_samples=7, decoded_share=0.5, gallery_samples=0)
    assert command(built, BUCKET, MONTH).endswith(
        " --n 1 --seed 0 --kind 400 --layout files --shard-samples 7 --gallery-samples 0 "
        f"--decoded-share 0.5 --month {MONTH} --out teas"
    )


@pytest.mark.parametrize(
    ("source", "settings", "expected"),
    [
        (Source("s3://openfoodfacts-images", Access("eu-west-3")), {}, []),
        (
            Source("s3://my-bucket/deep", Access("eu-west-1", "http://host:9000", signed=True)),
            {"concurrency": 8},
            [
                "OFF_PLATFORM_IMAGES_BUCKET=s3://my-bucket/deep",
                "OFF_PLATFORM_IMAGES_REGION=eu-west-1",
                "OFF_PLATFORM_SOURCES_ENDPOINT=http://host:9000",
                "OFF_PLATFORM_SOURCES_ACCESS=signed",
            ],
        ),
        (Source("/my copy/$(of) it's"), {}, ["OFF_PLATFORM_IMAGES_BUCKET=/my copy/$(of) it's"]),
        (Source("var/sandbox/openfoodfacts-images"), {}, ["OFF_PLATFORM_SANDBOX=1"]),
    ],
)
def test_the_command_sets_what_is_not_the_default(
    source: Source, settings: dict[str, Any], expected: list[str]
) -> None:
    request = request_from(Settings(_env_file=None, **settings), "teas", Choice(), "", {})
    line = command(request, source, MONTH)
    assert shlex.split(line)[: len(expected) + 2] == [*expected, "off-platform", "images"]
    # A quoted assignment would be taken for a command.
    assert not line.startswith("'")
    if expected:
        shown = subprocess.run(  # noqa: S603 - our own line
            ["sh", "-c", line.split(" off-platform ")[0] + " env"],  # noqa: S607 - any shell
            capture_output=True, text=True, check=True, env={"PATH": os.environ["PATH"]},
        )  # fmt: skip
        assert set(expected) <= set(shown.stdout.splitlines())


def test_the_card_has_the_command_with_month_and_bucket(desk: Desk) -> None:
    desk.month()
    desk.make(n=3)
    card = desk.folder().read("README.md").decode()
    assert f"OFF_PLATFORM_SOURCES_ENDPOINT={desk.source.access.endpoint} " in card
    assert f"--month {MONTH} " in card
    assert "must contain the snapshot of `2026-11`" in card


def test_fewer_than_requested_is_reported(desk: Desk) -> None:
    desk.month()
    short = desk.make(n=1234, image_ids=[1, 2])
    sentence = f"1,234 were requested; only {short.contents.samples} fit"
    assert short.shortfall == sentence
    assert sentence in desk.folder().read("README.md").decode()
    assert set_metadata(short)["too_few"] == sentence
    for n in (3, None):
        enough = desk.make("enough", n=n)
        assert not enough.shortfall
        assert "too_few" not in set_metadata(enough)
        assert "were requested" not in desk.folder("enough").read("README.md").decode()


@pytest.mark.slow
def test_the_newest_month_is_taken_unless_another_is_named(desk: Desk, bucket: Path) -> None:
    with pytest.raises(NoSnapshotError, match="No month has been indexed yet"):
        newest_month(desk.lake)
    with pytest.raises(NoSnapshotError):
        desk.make(n=3)
    desk.month()
    desk.source = Source(str(bucket))
    write_list(bucket, [b"data/401/235/911/4303/1.400.jpg"])
    desk.month(NEXT_MONTH)
    newest = desk.make("newest", n=5)
    assert newest.chosen_from == f"the key index of {NEXT_MONTH[:7]}"
    assert (newest.candidates, newest.contents.samples) == (1, 1)
    older = desk.make("older", n=5, month=MONTH)
    assert older.chosen_from == f"the key index of {MONTH[:7]}"
    assert older.contents.samples == 5
    assert older.candidates > 20


def test_a_month_that_is_not_there(desk: Desk) -> None:
    desk.month()
    with pytest.raises(NoSnapshotError, match="2026-12 has no snapshot"):
        desk.make(month=NEXT_MONTH)
    desk.sync(NEXT_MONTH)
    with pytest.raises(NoSuchTableError, match="no table key_index for month 2026-12-01"):
        desk.make(month=NEXT_MONTH)


def test_a_choice_without_matches_changes_nothing(desk: Desk) -> None:
    desk.month()
    desk.make(n=3)
    with pytest.raises(UnusableChoiceError) as refused:
        desk.make(barcode_prefixes=["99999"])
    assert str(refused.value) == (
        "tryout: no object of 2026-11 fits the options; nothing was changed."
    )
    assert len(desk.manifest()) == 3


def test_days_that_exclude_each_other_are_named() -> None:
    with pytest.raises(UnusableChoiceError, match="edited_from 2026-02-01 is after edited_until"):
        checked_choice(Choice, {"edited_from": "2026-02-01", "edited_until": "2026-01-01"}, "mine")


@pytest.mark.slow
def test_products_are_chosen_by(desk: Desk, sandbox: Sandbox) -> None:
    desk.month()
    with pytest.raises(UnusableChoiceError, match="needs the table products"):
        desk.make(countries=["en:italy"])
    make_products(desk.lake, str(sandbox.products_dump), SETTINGS, desk.connection)
    for asked, hint in {
        "Italy": r"No product has 'Italy' among its countries; there are 'en:italy', ",
        "en:Italy": r"No product has 'en:Italy' among its countries; there are 'en:italy', ",
    }.items():
        with pytest.raises(UnusableChoiceError, match=hint):
            desk.make(countries=[asked])
    made = desk.make(countries=["en:italy"])
    rows = desk.lake.rows_of(PRODUCTS.name)
    italian = desk.connection.execute(
        f"SELECT code FROM {rows} WHERE list_contains(countries, 'en:italy')"
    ).fetchall()
    barcodes = {row["barcode"] for row in desk.manifest()}
    assert len(barcodes) > 1
    assert barcodes <= {code for (code,) in italian}
    assert made.contents.samples < desk.make("everything").contents.samples


@pytest.mark.slow
def test_photos_are_chosen_by_what_they_show(desk: Desk, sandbox: Sandbox) -> None:
    desk.month()
    with pytest.raises(UnusableChoiceError, match="needs the table product_photos"):
        desk.make(pictures=["front"])
    make_products(desk.lake, str(sandbox.products_dump), SETTINGS, desk.connection)
    assert desk.make(pictures=["front"]).contents.samples > 3
    # In the sandbox, the first photo of a product shows its front.
    assert {row["image_id"] for row in desk.manifest()} <= {1, 5, 400, 1400}
    assert {row["picture"] for row in desk.manifest()} == {"front"}
    assert all(row["name"] and row["categories"] for row in desk.manifest())
    with pytest.raises(
        UnusableChoiceError, match=r"No photo was selected as 'front_xx'; there are"
    ):
        desk.make(pictures=["front_xx"])
    with pytest.raises(UnusableChoiceError, match=r"no object of 2026-11 fits the options"):
        desk.make(pictures=["front"], least_width=50_000)


def test_facts_that_the_tables_lack(desk: Desk, tmp_path: Path) -> None:
    desk.month()
    (tmp_path / "dump.csv").write_text("code\tcountries_tags\n3017620422003\ten:france\n")
    make_products(desk.lake, str(tmp_path / "dump.csv"), SETTINGS, desk.connection)
    for options, column in (
        ({"pictures": ["front"]}, "selected"),
        ({"least_height": 5}, "height"),
        ({"nova": [4]}, "nova"),
        ({"product_labels": ["en:organic"]}, "product_labels"),
    ):
        with pytest.raises(UnusableChoiceError, match=f"by {column}, which the products dump does"):
            desk.make(**options)
    # What a version without these columns made.
    table = Path(desk.lake.address("products"))
    kept = pq.read_table(table).drop_columns(["nova"])
    pq.write_table(kept, table)
    with pytest.raises(UnusableChoiceError, match="an earlier version made it; materialise prod"):
        desk.make(nova=[4])


@pytest.mark.slow
def test_a_category_takes_those_below_it(desk: Desk, sandbox: Sandbox, tmp_path: Path) -> None:
    desk.month()
    make_products(desk.lake, str(sandbox.products_dump), SETTINGS, desk.connection)
    with pytest.raises(UnusableChoiceError, match="No product has 'en:hot-things' among"):
        desk.make(categories=["en:hot-things"])
    taxonomy = tmp_path / "categories.json"
    taxonomy.write_text('{"en:herbal-teas": {"parents": ["en:teas", "en:hot-things"]}}')
    desk.settings["categories_taxonomy"] = str(taxonomy)
    made = desk.make(categories=["en:hot-things"])
    hot = {row["barcode"] for row in desk.manifest()}
    desk.make("teas", categories=["en:herbal-teas"])
    assert hot == {row["barcode"] for row in desk.manifest("teas")}
    assert made.contents.samples > 0
    card = Path(made.folder.address("README.md")).read_text(encoding="utf-8")
    assert f"OFF_PLATFORM_CATEGORIES_TAXONOMY={taxonomy}" in card
    desk.settings["categories_taxonomy"] = str(tmp_path / "none")
    with pytest.raises(NoFileError, match="There is no taxonomy of categories at"):
        desk.make(categories=["en:x"])


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"labels": ["name", "barcodes"]}, r"there is no label barcodes; there are name, names,"),
        ({"stratify": "colour", "folds": 3}, "there is no label colour; there are"),
        ({"nutriscore": ["f"]}, r"the option nutriscore.0='f' is wrong"),
        ({"nova": [5]}, r"the option nova.0=5 is wrong"),
        ({"pictures": ["side"]}, r"the option pictures.0='side' is wrong"),
        ({"pictures": ["front_fr') OR true --"]}, r"the option pictures.0="),
        ({"least_width": 0}, "the option least_width=0 is wrong"),
    ],
)
def test_wrong_facts_are_one_sentence(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UnusableChoiceError, match=sentence):
        checked_choice(Choice, options, "mine")


def _real_bucket(folder: Path, real_data: Callable[[str], Path]) -> dict[str, Path]:
    """A bucket of genuine photos and OCR results, with the key list that names them; by key."""
    objects: dict[str, Path] = {}
    for path in [*real_data("off/images").iterdir(), *real_data("off/ocr").iterdir()]:
        code, _, rest = path.name.partition("_")
        number, _, ending = rest.partition(".")
        kinds: dict[str, keys.Kind] = {"jpg": "raw", "400.jpg": "400"}
        kind = kinds.get(ending, "ocr")
        if code.isdigit():
            objects[keys.key(code, int(number), kind)] = path
    for key, path in objects.items():
        (folder / key).parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".json":
            (folder / key).write_bytes(gzip.compress(path.read_bytes(), mtime=0))
        else:
            shutil.copyfile(path, folder / key)
    write_list(folder, sorted(key.encode() for key in objects))
    return objects


@pytest.mark.slow
@pytest.mark.parametrize("layout", ["shards", "files"])
def test_real_photos_and_ocr_results(
    tmp_path: Path, real_data: Callable[[str], Path], layout: Any
) -> None:
    objects = _real_bucket(tmp_path / "bucket", real_data)
    assert len(objects) >= 9
    with desk_at(tmp_path / "lake", Source(str(tmp_path / "bucket"))) as desk:
        facts = desk.month()
        assert facts.rows == len(objects)
        total = 0
        for kind in ("raw", "400", "ocr", "raw+ocr"):
            made = desk.make(f"real-{kind.replace('+', '-')}", kind=kind, layout=layout,
                              decoded_share=1.0)  # fmt: skip
            assert made.contents.by_status == {"fetched": made.contents.by_status.total()}
            name = made.folder.address(MANIFEST)
            findings = check_manifest(
                desk.connection, manifest_table(0.0), name, samples=None, decoded_share=1.0
            )
            results = check_results(manifest_table(0.0), "image_set", findings)
            assert [each.check_name for each in results if not each.passed] == []
            total += made.contents.samples if "+" not in kind else 0
        assert total == len(objects)
        for row in desk.manifest("real-raw-ocr"):
            # The genuine pair: a photo and what Cloud Vision read on it.
            assert row["barcode"] == "0011110702081"
            assert row["ocr_status"] == ("text" if row["kind"] == "ocr" else None)
        for row in desk.manifest("real-raw"):
            assert row["decoded"]
            assert min(row["width"], row["height"]) > 100
