"""The data card: says what is true of the set, survives any value, and its code runs."""

import hashlib
import io
import json
import re
import runpy
import tarfile
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from off_platform.image_sets.pages.card import (
    CardFacts,
    CardKeyList,
    CardKind,
    CardPhotoSizes,
    CardProblem,
    CardTally,
    CardVerification,
    Spread,
    data_card,
)

HOSTILE = [
    "<script>alert(1)</script>",
    "a | b | c",
    "```\n# heading",
    "`code` **bold** _soft_ ~~gone~~",
    "![x](https://example.org/x.png) [y](javascript:alert(1))",
    "<https://example.org> https://example.org www.example.org a@example.org",
    "---\nlicense: mit",
    "- item\n- item",
    "1. item",
    "# heading",
    "&lt;b&gt; &#60;b&#62;",
    "\\",
    "\\|",
    "$x$",
    "lone \ud800 surrogate, \x00 and \x1b[31m",
    "\u202egnp.exe\u2028line",
    "",
]
FETCHED = CardTally(kind="400", status="fetched", objects=980, size=23_700_000)
FACTS = CardFacts(
    name="cereals-front",
    title="Cereals, front",
    description="Photos of breakfast cereals with the text on them.",
    source="Open Food Facts images bucket",
    source_url="https://openfoodfacts.github.io/openfoodfacts-server/api/aws-images-dataset/",
    options=(("kinds", "400, ocr"), ("countries", "en:france")),
    seed=42,
    candidates=123_456,
    key_list=CardKeyList(
        month="2026-10",
        etag='"0123456789abcdef-8"',
        md5="d41d8cd98f00b204e9800998ecf8427e",
        keys=29_972_731,
        url="https://openfoodfacts-images.s3.eu-west-3.amazonaws.com/data/data_keys.gz",
    ),
    samples=1_000,
    kinds=(
        CardKind(name="400", meaning="the photo made 400 pixels large", suffix=".400.jpg"),
        CardKind(name="ocr", meaning="the text on it", suffix=".json.gz", photo=False),
    ),
    tallies=(
        FETCHED,
        CardTally(kind="400", status="missing", objects=20),
        CardTally(kind="ocr", status="fetched", objects=1_000, size=9_000_000),
    ),
    problems=tuple(
        CardProblem(
            key=f"data/401/235/911/{number}/1.400.jpg", status="missing", reason=f"Reason {number}."
        )
        for number in range(4300, 4320)
    ),
    photo_sizes=(
        CardPhotoSizes(
            kind="400",
            photos=980,
            width=Spread(smallest=120, median=300, largest=400),
            height=Spread(smallest=88, median=399.5, largest=400),
        ),
    ),
    shards=2,
    example="401_235_911_4303_1",
    verification=CardVerification(
        md5_equal=1970,
        in_parts=7,
        md5_not_comparable=3,
        length_equal=1980,
        photos_whole=980,
        photos_decoded=98,
    ),
    command="off-platform images build cereals-front --month 2026-10",
    licence="CC BY-SA 3.0",
    licence_id="cc-by-sa-3.0",
    licence_url="https://creativecommons.org/licenses/by-sa/3.0/",
    attribution="Open Food Facts contributors",
    tags=("food", "ocr"),
    limits=("Some recent images are missing.",),
)


def front_matter(card: str) -> dict[str, Any]:
    loaded = yaml.safe_load(card.split("---\n")[1])
    assert isinstance(loaded, dict)
    return loaded


def tokens(card: str) -> list[Token]:
    body = card.split("---\n", 2)[2]
    parsed = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(body)
    return [part for token in parsed for part in (token, *(token.children or ()))]


def texts(card: str) -> str:
    return "\n".join(
        token.content for token in tokens(card) if token.type in {"text", "code_inline"}
    )


def snippets(card: str) -> list[str]:
    return [t.content for t in tokens(card) if t.type == "fence" and t.info == "python"]


def rows(card: str) -> list[str]:
    return [line for line in card.splitlines() if line.startswith("|")]


def test_the_same_facts_give_the_same_card() -> None:
    card = data_card(FACTS)
    assert data_card(replace(FACTS)) == card
    assert card.endswith("\n")
    assert not card.endswith("\n\n")
    assert "\n\n\n" not in card


def test_the_front_matter_is_the_hubs() -> None:
    assert "\nlicense: cc-by-sa-3.0\n" in data_card(FACTS)
    assert front_matter(data_card(FACTS)) == {
        "pretty_name": "Cereals, front",
        "license": "cc-by-sa-3.0",
        "tags": ["image", "webdataset", "food", "ocr"],
        "size_categories": ["1K<n<10K"],
        "configs": [{"config_name": "samples", "default": True, "data_files": "*.tar"}],
        "dataset_info": [
            {
                "config_name": "samples",
                "features": [
                    {"name": kind.suffix[1:], "dtype": "image" if kind.photo else "json"}
                    for kind in FACTS.kinds
                ]
                + [{"name": name, "dtype": "string"} for name in ("__key__", "__url__")],
            }
        ],
    }


@pytest.mark.parametrize(
    ("samples", "category"),
    [
        (0, "n<1K"),
        (999, "n<1K"),
        (1_000, "1K<n<10K"),
        (99_999, "10K<n<100K"),
        (9_991_449, "1M<n<10M"),
        (100_000_000, "100M<n<1B"),
    ],
)
def test_the_size_category_is_the_hubs(samples: int, category: str) -> None:
    assert front_matter(data_card(replace(FACTS, samples=samples)))["size_categories"] == [category]


def test_a_word_that_yaml_would_read_otherwise_stays_a_word() -> None:
    card = data_card(replace(FACTS, tags=("no", "null", "1.0", "y"), licence_id="true"))
    assert front_matter(card)["tags"][2:] == ["no", "null", "1.0", "y"]
    assert front_matter(card)["license"] == "true"


def test_it_says_how_the_set_was_chosen() -> None:
    card = data_card(FACTS)
    assert "1,000 of 123,456 candidates, drawn with seed `42`." in card
    assert "| `countries` | `en:france` |" in card
    assert "| Month | `2026-10` |" in card
    assert '| ETag | `"0123456789abcdef-8"` |' in card
    assert "| MD5 | `d41d8cd98f00b204e9800998ecf8427e` |" in card
    assert "| Keys in it | 29,972,731 |" in card


def test_a_choice_without_options_seed_or_key_list_is_described_too() -> None:
    card = data_card(replace(FACTS, options=(), seed=None, key_list=None))
    assert "123,456 candidates. No option was set: every sample is a candidate." in card
    assert "key list" not in card
    assert "Snapshot" not in card


def test_it_counts_by_kind_and_status() -> None:
    card = data_card(FACTS)
    assert "| `400` | fetched | 980 | 23.7 MB | 98.0 % |" in card
    assert "| `400` | missing | 20 | 0 bytes | 2.0 % |" in card
    assert "| `ocr` | fetched | 1,000 | 9.0 MB | 100 % |" in card
    assert "| **all** | | **2,000** | **32.7 MB** | |" in card


def test_a_share_never_rounds_to_all_or_nothing() -> None:
    tallies = (
        CardTally(kind="400", status="fetched", objects=99_999, size=1),
        CardTally(kind="400", status="failed", objects=1),
    )
    card = data_card(replace(FACTS, tallies=tallies))
    assert "| over 99.9 % |" in card
    assert "| below 0.1 % |" in card


def test_it_lists_missing_objects() -> None:
    card = data_card(FACTS)
    assert "20 of 2,000 objects are not in the set. They are listed here, and in" in card
    assert "| `data/401/235/911/4319/1.400.jpg` | missing | Reason 4319. |" in card


def test_it_names_no_more_than_the_first_twenty() -> None:
    problems = (*FACTS.problems, CardProblem(key="data/last.jpg", status="corrupt", reason=None))
    tallies = (*FACTS.tallies, CardTally(kind="400", status="corrupt", objects=1))
    card = data_card(replace(FACTS, problems=problems, tallies=tallies))
    assert (
        "21 of 2,001 objects are not in the set. The first 20 are listed here, all of them" in card
    )
    assert "data/last.jpg" not in card


def test_a_complete_set_says_so() -> None:
    card = data_card(replace(FACTS, tallies=(FETCHED,), problems=()))
    assert "None: every chosen object is in the set." in card


def test_it_says_how_large_the_photos_are() -> None:
    card = data_card(FACTS)
    assert "| `400` | 980 | width | 120 | 300 | 400 |" in card
    assert "| `400` | 980 | height | 88 | 399.5 | 400 |" in card
    assert "Photo sizes" not in data_card(replace(FACTS, photo_sizes=()))


def test_it_says_how_the_set_was_verified() -> None:
    card = data_card(FACTS)
    assert "- 1,970 objects have an MD5 that equals their ETag.\n- 7 objects were uploaded" in card
    assert "- 3 objects could not be compared: their ETag is not a checksum of their bytes." in card
    assert "- 98 of them were decoded in full." in card


def test_it_says_how_to_make_the_set_again() -> None:
    assert f"```shell\n{FACTS.command}\n```" in data_card(FACTS)


def test_licence_attribution_and_limits_are_inputs() -> None:
    facts = replace(
        FACTS, licence="CC0", licence_id="cc0-1.0", attribution="Nobody", limits=("Blurred.",)
    )
    card = data_card(facts)
    assert "CC BY-SA" not in card
    assert "Open Food Facts contributors" not in card
    assert "[CC0](<https://creativecommons.org" in card
    assert "- Blurred." in card
    assert "Known limits" not in data_card(replace(FACTS, limits=()))


def test_loose_files_are_described_as_such() -> None:
    card = data_card(replace(FACTS, shards=0))
    assert "- Loose files" in card
    assert "tarfile" not in card
    assert "webdataset" not in card.lower()


def test_one_shard_is_not_a_range() -> None:
    assert "1 shard, `00000.tar`, in WebDataset form" in data_card(replace(FACTS, shards=1))


@pytest.mark.parametrize("suffix", ["jpg", "", '.jpg"', ".jp g", "../x", ".jpg\n"])
def test_an_invalid_suffix_is_refused(suffix: str) -> None:
    with pytest.raises(ValueError, match="is not a suffix"):
        CardKind(name="400", meaning="", suffix=suffix)


def with_values(values: Sequence[str]) -> CardFacts:
    several = [values[number % len(values)] for number in range(16)]
    return replace(
        FACTS,
        name=several[0],
        title=several[1],
        description=several[2],
        source=several[3],
        options=((several[4], several[5]),),
        key_list=CardKeyList(month=several[6], etag=several[7], md5=several[8]),
        kinds=(CardKind(name=several[9], meaning=several[10], suffix=".jpg"),),
        problems=(CardProblem(key=several[11], status="missing", reason=several[12]),),
        command=several[13],
        attribution=several[14],
        example=several[15],
        limits=(several[0], several[1]),
        tags=tuple(values),
    )


def shape(card: str) -> list[str]:
    text = {"text", "code_inline", "text_special", "softbreak"}
    return [token.type for token in tokens(card) if token.type not in text]


@cache
def plain_shape() -> list[str]:
    return shape(data_card(with_values(["plain words"])))


def agree(values: Sequence[str]) -> None:
    card = data_card(with_values(values))
    card.encode()
    assert shape(card) == plain_shape()
    assert not {"html_block", "html_inline", "image"} & set(shape(card))
    matter = front_matter(card)
    assert list(matter) == [
        "pretty_name", "license", "tags", "size_categories", "configs", "dataset_info",
    ]  # fmt: skip
    assert matter["license"] == "cc-by-sa-3.0"


@pytest.mark.parametrize("value", HOSTILE)
def test_a_hostile_value_changes_only_its_own_text(value: str) -> None:
    agree([value])


@pytest.mark.slow
@given(st.lists(st.text(max_size=40), min_size=1, max_size=6))
def test_values_change_only_their_own_text(values: list[str]) -> None:
    agree(values)


@pytest.mark.slow
@given(st.text("|`*_<>&\\[]()!#-+=~$@:/. \nab1", min_size=1, max_size=30))
def test_a_value_made_of_markup_is_read_back_as_written(value: str) -> None:
    agree([value])
    written = " ".join(value.split())
    card = data_card(replace(FACTS, limits=(f"before {value} after",)))
    assert re.sub(r"\s", "", f"before {written} after") in re.sub(r"\s", "", texts(card))


def test_addresses_in_values_do_not_become_links() -> None:
    limits = ("see https://example.org/x or www.example.org or mail a@example.org",)
    card = data_card(replace(FACTS, limits=limits))
    assert "https\\://example.org" in card
    assert "www\\.example.org" in card
    assert "a\\@example.org" in card


@pytest.mark.parametrize("url", ["javascript:alert(1)", "//example.org", "https://[x", "data:,x"])
def test_only_web_addresses_become_links(url: str) -> None:
    card = data_card(replace(FACTS, licence_url=url, source_url=url))
    targets = [token.attrs["href"] for token in tokens(card) if token.type == "link_open"]
    assert all(str(target).startswith("https://") for target in targets)
    assert len(targets) == 4


def test_a_web_address_cannot_leave_its_link() -> None:
    url = "https://example.org/a>b) | <script>"
    card = data_card(replace(FACTS, licence_url=url))
    assert "(<https://example.org/a%3Eb%29%20%7C%20%3Cscript%3E>)" in card


def test_a_command_cannot_leave_its_fence() -> None:
    command = "off-platform images build\n```\n<script>"
    card = data_card(replace(FACTS, command=command))
    assert [t.content for t in tokens(card) if t.info == "shell"] == [command + "\n"]


def test_a_very_long_value_is_cut() -> None:
    assert len(data_card(replace(FACTS, description="x" * 100_000))) < 12_000


def manifest(lines: list[dict[str, Any]], folder: Path) -> None:
    columns = ("sample", "key", "kind", "status", "bytes", "md5", "path", "offset", "stored_bytes")
    schema = pa.schema(
        [
            (name, pa.int64() if name in {"bytes", "offset", "stored_bytes"} else pa.string())
            for name in columns
        ]
    )
    pq.write_table(pa.Table.from_pylist(lines, schema), folder / "manifest.parquet")


def put_down(folder: Path, *, shards: bool) -> None:
    contents = {"401_1.400.jpg": b"photo", "401_1.json.gz": b"text!!"}
    lines: list[dict[str, Any]] = [
        {
            "sample": "401_1",
            "key": name,
            "kind": "400",
            "status": "fetched",
            "bytes": len(content),
            "stored_bytes": len(content),
        }
        for name, content in contents.items()
    ]
    with tarfile.open(folder / "00000.tar", "w") as shard:
        for line, (name, content) in zip(lines, contents.items(), strict=True):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            line["md5"] = hashlib.md5(content, usedforsecurity=False).hexdigest()
            line["path"] = "00000.tar" if shards else name
            line["offset"] = shard.offset + tarfile.BLOCKSIZE if shards else None
            shard.addfile(member, io.BytesIO(content))
            if not shards:
                (folder / name).write_bytes(content)
    lines.append({"sample": "401_2", "key": "gone", "kind": "400", "status": "missing"})
    manifest(lines, folder)


@pytest.mark.parametrize("shards", [True, False])
def test_the_code_in_the_card_runs(
    *,
    shards: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    put_down(tmp_path, shards=shards)
    monkeypatch.chdir(tmp_path)
    card = data_card(replace(FACTS, shards=int(shards)))
    # Those for the loaders run with the loaders.
    loaders = re.compile("^import (webdataset|datasets)$", re.MULTILINE)
    runnable = [snippet for snippet in snippets(card) if not loaders.search(snippet)]
    assert len(runnable) == (3 if shards else 2)
    for number, snippet in enumerate(runnable):
        script = tmp_path / f"snippet_{number}.py"
        script.write_text(snippet)
        runpy.run_path(str(script))
    printed = capfd.readouterr().out
    assert "401_1.400.jpg 5 True\n401_1.json.gz 6 True\n" in printed
    assert ("401_1.400.jpg 5\n401_1.json.gz 6\n" in printed) is shards
    assert re.search(r"fetched.*2.*11", printed)


def test_copies_are_counted() -> None:
    words = "photos have the same bytes as another photo of the set"
    assert f"1,234 {words}" in data_card(replace(FACTS, copies=1_234))
    assert words not in data_card(FACTS)


def test_the_webdataset_code_asks_for_the_photos_member() -> None:
    (code,) = [snippet for snippet in snippets(data_card(FACTS)) if "import webdataset" in snippet]
    compile(code, "card", "exec")
    assert f"sample.get({json.dumps('400.jpg')})" in code


def test_tables_have_no_torn_rows() -> None:
    problems = tuple(CardProblem(key=text, status=text, reason=text) for text in HOSTILE)
    card = data_card(replace(FACTS, problems=problems))
    cells = [len(re.findall(r"(?<!\\)\|", row)) for row in rows(card) if "missing" not in row]
    assert min(cells) >= 3
    opened = sum(token.type == "tr_open" for token in tokens(card))
    separators = sum(token.type == "thead_open" for token in tokens(card))
    assert opened == len(rows(card)) - separators
