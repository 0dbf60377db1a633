"""The gallery page: complete, streamed, self-contained, and harmless whatever it shows."""

import io
import json
import re
import shutil
import subprocess
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from dataclasses import replace
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from off_platform.image_sets.pages.gallery import (
    AHEAD,
    GalleryFacts,
    GalleryItem,
    GalleryObject,
    write_gallery,
)
from off_platform_tests.waiting import PATIENCE_SECONDS

FACTS = GalleryFacts(
    name="cereals-front",
    description="Photos of breakfast cereals.",
    source="Open Food Facts images bucket",
    source_url="https://openfoodfacts.github.io/openfoodfacts-server/api/aws-images-dataset/",
    licence="CC BY-SA 3.0",
    licence_url="https://creativecommons.org/licenses/by-sa/3.0/",
    attribution="Open Food Facts contributors",
    samples=30_000,
    statuses={"missing": 1_103, "fetched": 58_712},
    size=1_420_000_000,
    snapshot="2026-10",
)
HOSTILE = [
    "<script>alert(1)</script>",
    '"onerror="alert(1)',
    "' onmouseover='alert(1)",
    "</script><script>alert(1)</script>",
    "</pre></div></li></ul></main><img src=x onerror=alert(1)>",
    "</textarea></title></style>",
    "<!-- ",
    "]]>",
    "{{ 7 * 7 }}{% raw %}",
    "javascript:alert(1)",
    "\u2028\u2029",
    "&lt;b&gt;&amp;",
    "lone \ud800 and \x00 and \x1b[31m",
    "\u202egpj.exe",
]
EMPTY = {"meta", "img", "input", "rect", "path", "wbr", "link", "br"}


class Page(HTMLParser):
    """A parsed page: its tags in order, and the text inside each element by tag and class."""

    def __init__(self, source: str) -> None:
        """Parse the page."""
        super().__init__()
        self.source = source
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self._open: list[int] = []
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the tag."""
        names = dict(attrs)
        self.tags.append((tag, names))
        if tag not in EMPTY:
            self.texts.append((f"{tag}.{names.get('class') or names.get('id') or ''}", ""))
            self._open.append(len(self.texts) - 1)

    def handle_endtag(self, tag: str) -> None:
        """Close the innermost element."""
        if tag not in EMPTY:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        """Add text to every element around it."""
        for number in self._open:
            name, text = self.texts[number]
            self.texts[number] = (name, text + data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """Return the attributes of all elements with a tag."""
        return [attributes for name, attributes in self.tags if name == tag]

    def inside(self, name: str) -> list[str]:
        """Return the texts inside all elements named like `p.key`: tag, then class or id."""
        return [text for element, text in self.texts if element == name]


def photo(size: tuple[int, int] = (400, 300), colour: str = "teal") -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, "JPEG")
    return file.getvalue()


def row(number: int = 1, **facts: Any) -> dict[str, Any]:
    barcode = f"40123591143{number:02}"
    directory = f"{barcode[:3]}/{barcode[3:6]}/{barcode[6:9]}/{barcode[9:]}"
    return {
        "position": number,
        "sample": f"{directory.replace('/', '_')}_1",
        "key": f"data/{directory}/1.400.jpg",
        "barcode": barcode,
        "image_id": 1,
        "kind": "400",
        "status": "fetched",
        "reason": None,
        "bytes": 23_700,
        "shown_width": 400,
        "shown_height": 300,
        "path": "00000.tar",
        "offset": 512,
        "url": f"https://openfoodfacts-images.s3.eu-west-3.amazonaws.com/data/{directory}/1.400.jpg",
    } | facts


def item(number: int = 1, *, picture: bytes | None = None, **facts: Any) -> GalleryItem:
    return GalleryItem.from_manifest([row(number, **facts)], photo=picture)


def page_of(*items: GalleryItem, facts: GalleryFacts = FACTS, limit: int = 2_000) -> Page:
    destination = io.StringIO()
    write_gallery(items, destination, facts, limit=limit)
    return Page(destination.getvalue())


def policy(page: Page) -> dict[str, str]:
    (content,) = [
        meta["content"]
        for meta in page.all("meta")
        if meta.get("http-equiv") == "Content-Security-Policy"
    ]
    assert content is not None
    return {part.split()[0]: " ".join(part.split()[1:]) for part in content.split(";")}


def content_hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


def test_a_card_shows_photo_barcode_key_and_size() -> None:
    page = page_of(item(picture=photo()))
    assert page.inside("h2.title") == ["4012359114301"]
    assert page.inside("p.key")[0] == "data/401/235/911/4301/1.400.jpg"
    assert page.inside("p.measures")[0] == "400 \u00d7 300 \u00b7 23.7 kB"
    (image,) = page.all("img")
    assert (image["width"], image["height"], image["loading"]) == ("200", "150", "lazy")
    source = image["src"]
    assert source is not None
    drawn = Image.open(io.BytesIO(b64decode(source.removeprefix("data:image/jpeg;base64,"))))
    assert drawn.size == (200, 150)


def test_a_sample_without_barcode_is_named_by_its_sample() -> None:
    rows = [{"sample": "00523", "key": "523.jpg", "kind": "photo", "status": "fetched"}]
    page = page_of(GalleryItem.from_manifest(rows, photo=photo()))
    assert page.inside("h2.title") == ["00523"]


def test_a_photo_that_cannot_be_drawn_says_why() -> None:
    page = page_of(item(picture=photo()[:-40]), item(2, picture=b"<html>"))
    assert page.all("img") == []
    assert [use["href"] for use in page.all("use")] == ["#damaged", "#damaged"]
    damaged, foreign = page.inside("p.reason")
    assert damaged.startswith("no preview The JPEG is damaged")
    assert foreign == "no preview The bytes are not a JPEG photo."


@pytest.mark.parametrize("status", ["missing", "refused", "corrupt", "failed", "unheard-of"])
def test_what_could_not_be_had_is_a_card_with_its_reason(status: str) -> None:
    page = page_of(item(status=status, reason="Not there (404).", bytes=None, path=None))
    (card,) = [attributes for attributes in page.all("li") if attributes.get("class") == "card"]
    assert card["data-status"] == status
    assert page.inside("p.reason")[0] == f"400 {status} Not there (404)."


def test_a_sample_has_the_worst_status_of_its_objects_and_shows_its_photo() -> None:
    rows = [row(), row(kind="ocr", status="missing", reason="Gone."), row(kind="raw")]
    sample = GalleryItem.from_manifest(rows, photo=photo())
    page = page_of(sample)
    assert sample.status == "missing"
    assert len(page.all("img")) == 1
    assert page.inside("p.reason")[0] == "ocr missing Gone."
    assert len(page.inside("section.object")) == 3


def test_manifest_rows_of_several_samples_are_refused() -> None:
    with pytest.raises(ValueError, match="not of 2"):
        GalleryItem.from_manifest([row(1), row(2)])
    with pytest.raises(ValueError, match="not of 0"):
        GalleryItem.from_manifest([])


def test_text_is_there_to_be_opened() -> None:
    text = "Zutaten: Hafer,\n  Zucker & Salz <5%\n\u4e2d\u6587"
    page = page_of(GalleryItem.from_manifest([row()], photo=photo(), text=text))
    assert page.inside("pre.text") == [text]
    assert page.inside("span.badge") == ["text"]
    assert page_of(item()).inside("pre.text") == []


def test_very_long_text_is_cut() -> None:
    page = page_of(GalleryItem.from_manifest([row()], text="x" * 1_000_000))
    assert page.inside("pre.text") == ["x" * 7_999 + "\u2026"]
    assert len(page.source) < 60_000


def test_text_without_a_photo_is_shown_in_its_place() -> None:
    page = page_of(GalleryItem.from_manifest([row(kind="ocr")], text="Sucre, sel"))
    assert page.inside("span.excerpt") == ["Sucre, sel"]


def test_the_head_says_what_the_set_is() -> None:
    page = page_of()
    assert page.inside("dl.facts")[0].split("\n") == [
        "",
        "Samples30,000",
        "Size1.4 GB",
        "Snapshot2026-10",
        "SourceOpen Food Facts images bucket",
        "LicenceCC BY-SA 3.0",
        "AttributionOpen Food Facts contributors",
        "",
    ]
    assert page.inside("ul.legend")[0].split("\n")[1:-1] == ["58,712 fetched", "1,103 missing"]


def test_a_set_without_any_object_is_a_page_too() -> None:
    page = page_of(facts=replace(FACTS, statuses={}, samples=0, snapshot=None))
    assert page.all("rect") == [
        {"x": "10", "y": "14", "width": "44", "height": "36", "rx": "4"}
        | {"stroke-dasharray": "5 4"}
    ]
    assert page.inside("p.shown")[0].strip().startswith("All 0 samples are shown here")


def test_the_bar_is_as_long_as_all_objects_together() -> None:
    bars = [rect for rect in page_of().all("rect") if rect.get("data-status")]
    assert [bar["data-status"] for bar in bars] == ["fetched", "missing"]
    assert sum(float(bar["width"] or 0) for bar in bars) == pytest.approx(1000, abs=0.02)
    assert bars[1]["x"] == bars[0]["width"]


def test_a_large_set_is_cut_and_says_so() -> None:
    asked = 0

    def items() -> Iterator[GalleryItem]:
        nonlocal asked
        for number in range(3_000):
            asked += 1
            yield item(number % 100)

    destination = io.StringIO()
    assert write_gallery(items(), destination, FACTS) == asked == 2_000
    sentence = "2,000 of 30,000 samples are shown here; <code>manifest.parquet</code> lists all."
    assert sentence in destination.getvalue()


def test_a_whole_set_says_that_it_is_whole() -> None:
    page = page_of(item(1), item(2), facts=replace(FACTS, samples=2), limit=2)
    assert "All 2 samples are shown here" in page.inside("p.shown")[0]


def test_a_negative_limit_is_refused() -> None:
    with pytest.raises(ValueError, match="islice"):
        page_of(item(), limit=-1)


def test_no_more_than_a_few_samples_wait_to_be_written() -> None:
    destination = io.StringIO()

    def items() -> Iterator[GalleryItem]:
        for number in range(10, 40):
            if number >= 10 + AHEAD:
                assert f"Open {row(number - AHEAD)['barcode']}" in destination.getvalue()
            yield item(number, picture=photo((16, 16)))

    assert write_gallery(items(), destination, FACTS) == 30


def test_the_samples_keep_their_order_whichever_photo_takes_longer() -> None:
    sizes = [(3000, 2000) if number % 3 == 0 else (16, 16) for number in range(10, 40)]
    page = page_of(*(item(10 + at, picture=photo(size)) for at, size in enumerate(sizes)))
    assert page.inside("h2.title") == [row(number)["barcode"] for number in range(10, 40)]
    assert [image["width"] for image in page.all("img")] == [str(min(w, 200)) for w, _ in sizes]


def test_the_same_samples_give_the_same_page() -> None:
    assert page_of(item(picture=photo())).source == page_of(item(picture=photo())).source


def test_the_page_needs_no_network() -> None:
    page = page_of(item(picture=photo()))
    assert page.all("link") == page.all("iframe") == page.all("base") == []
    assert all("src" not in script for script in page.all("script"))
    assert all(str(image["src"]).startswith("data:image/jpeg;base64,") for image in page.all("img"))
    assert not re.search(r"@import|url\(|fetch\(|XMLHttpRequest|WebSocket", page.source)


def test_the_policy_allows_only_the_pages_script_and_style() -> None:
    page = page_of(item())
    (script,), (style,) = page.inside("script."), page.inside("style.")
    assert policy(page) == {
        "default-src": "'none'",
        "img-src": "data:",
        "style-src": content_hash(style),
        "script-src": content_hash(script),
        "base-uri": "'none'",
        "form-action": "'none'",
        "require-trusted-types-for": "'script'",
    }
    assert "innerHTML" not in script


def hostile_item(text: str) -> GalleryItem:
    thing = GalleryObject(
        kind=text, status=text, key=text, url=text, reason=text, size=1, path=text, offset=None
    )
    also = replace(thing, offset=3)
    return GalleryItem(sample=text, barcode=text, objects=(thing, also), photo=b"no", text=text)


def hostile_facts(text: str) -> GalleryFacts:
    return GalleryFacts(
        name=text,
        description=text,
        source=text,
        source_url=text,
        licence=text,
        licence_url=text,
        attribution=text,
        samples=1,
        statuses={text: 1},
        size=1,
        snapshot=text,
    )


def shape(page: Page) -> list[tuple[str, tuple[str, ...]]]:
    # A slash in a key adds a line break opportunity; a text that is not a URL is not a link.
    return [
        (tag, tuple(names))
        for tag, names in page.tags
        if tag not in {"wbr", "a"} and names.get("class") != "link"
    ]


def agree(text: str) -> None:
    page = page_of(hostile_item(text), facts=hostile_facts(text))
    plain = page_of(hostile_item("plain"), facts=hostile_facts("plain"))
    page.source.encode()
    assert shape(page) == shape(plain)
    assert policy(page) == policy(plain)
    for tag, names in page.tags:
        assert not any(name.startswith("on") or name == "style" for name in names), tag
    for link in page.all("a"):
        assert re.match(r"https?://|[\w%.~-][\w%.~/-]*$", link["href"] or "")
        assert link["rel"] == "noopener noreferrer"


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_values_are_only_text(text: str) -> None:
    agree(text)


@pytest.mark.parametrize("text", HOSTILE[:10])
def test_hostile_values_are_still_readable(text: str) -> None:
    page = page_of(hostile_item(text), facts=hostile_facts(text))
    assert page.inside("h2.title") == [f"{text} text"]
    assert page.inside("pre.text") == [text]
    assert page.inside("p.key")[0] == text


@given(
    st.text(min_size=1, max_size=60) | st.text("<>\"'&/= \n!-scriptonX", min_size=1, max_size=60)
)
def test_no_value_adds_anything_but_text(text: str) -> None:
    agree(text)


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "data:text/html,x", "//example.org/x", "https://[", "x", ""]
)
def test_only_web_addresses_become_links(url: str) -> None:
    page = page_of(item(url=url), facts=replace(FACTS, source_url=url, licence_url=None))
    assert page.all("a") == []


def test_loose_files_are_linked_and_shards_are_named() -> None:
    loose = page_of(item(path="files/4 1.jpg", offset=None, url=None))
    assert "files/4%201.jpg" in [link["href"] for link in loose.all("a")]
    packed = page_of(item(path="00003.tar", offset=1536))
    assert packed.inside("p.place") == ["In 00003.tar, from byte 1,536"]


@pytest.mark.parametrize("path", ["../secret.jpg", "/etc/passwd", "//example.org/x", "a/../../b"])
def test_files_outside_the_set_are_not_linked(path: str) -> None:
    page = page_of(item(path=path, offset=None, url=None))
    assert not [link for link in page.all("a") if "http" not in str(link["href"])]


def test_a_path_that_looks_like_a_scheme_stays_a_path() -> None:
    page = page_of(item(path="javascript:alert(1)", offset=None, url=None))
    assert "javascript%3Aalert%281%29" in [link["href"] for link in page.all("a")]


def test_a_browser_runs_only_the_pages_code(tmp_path: Path) -> None:
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no browser is installed here")
    hostile = [replace(hostile_item(text), sample="hostile") for text in HOSTILE[:5]]
    path = tmp_path / "gallery.html"
    with path.open("w", encoding="utf-8") as destination:
        write_gallery([item(1), item(2, status="missing"), *hostile], destination, FACTS)
    finished = subprocess.run(  # noqa: S603 - the browser found on the PATH
        [
            browser,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            f"--user-data-dir={tmp_path / 'profile'}",
            "--dump-dom",
            path.as_uri(),
        ],
        capture_output=True,
        timeout=PATIENCE_SECONDS,
        check=True,
    )
    page = Page(finished.stdout.decode())
    assert page.inside("div.filters") == [
        "all 7fetched 1missing 1" + "".join(f"{text} 1" for text in HOSTILE[:5])
    ]


def test_real_photos_and_texts_make_a_page(real_data: Callable[[str], Path]) -> None:
    paths = sorted(real_data("off/images").glob("*.jpg"))
    text = json.loads((real_data("off/ocr") / "0011110702081_2.json").read_bytes())
    full = text["responses"][0]["fullTextAnnotation"]["text"]
    page = page_of(
        *(
            GalleryItem.from_manifest([row(number)], photo=path.read_bytes(), text=full)
            for number, path in enumerate(paths)
        )
    )
    assert len(page.all("img")) == len(paths)
    assert page.inside("p.reason") == []
    assert page.inside("pre.text") == [full] * len(paths)


def test_labels_splits_and_groups_are_shown() -> None:
    rows = [
        {
            "sample": "a",
            "kind": "400",
            "status": "fetched",
            "key": "data/1.jpg",
            "split": "train",
            "duplicate_group": "b",
            "category": "<b>en:teas",
            "brands": ["x"],
        }
    ]
    item = GalleryItem.from_manifest(rows, labels=("category", "brands", "name"))
    assert item.badges == ("train", "near duplicate")
    assert dict(item.facts) == {
        "split": "train",
        "duplicate group": "b",
        "category": "<b>en:teas",
        "brands": "x",
    }
    page = io.StringIO()
    write_gallery([item], page, FACTS)
    assert '<dd dir="auto">&lt;b&gt;en:teas</dd>' in page.getvalue()
    assert page.getvalue().count('<span class="badge">near duplicate</span>') == 1
