"""OCR results: the shape of Cloud Vision's answers, and words where the photo shows them."""

import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from off_platform.sandbox import ocr, photos
from off_platform.sandbox.products import product

REAL = (
    "off/ocr/0011110702081_2.json",
    "off/ocr/5400910301160_1.json",
    "off/ocr/5000159422345_3.json.gz",
)


@pytest.fixture(scope="module")
def answer() -> dict[str, Any]:
    shown = product(1, 0)
    photo = photos.photograph(shown, 2)
    return ocr.result(shown, 2, photo.blocks, photo.image.size)


def paths(value: object, path: str = "") -> Iterator[str]:
    """The path of every key in nested JSON, with the name of its value's type behind."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from paths(inner, f"{path}/{key}")
    elif isinstance(value, list):
        for inner in value:
            yield from paths(inner, f"{path}[]")
    else:
        yield f"{path}:{'number' if isinstance(value, int | float) else type(value).__name__}"


def test_every_key_is_one_that_real_results_have(
    answer: dict[str, Any], real_data: Callable[[str], Path]
) -> None:
    real: set[str] = set()
    for name in REAL:
        content = real_data(name).read_bytes()
        text = gzip.decompress(content) if name.endswith(".gz") else content
        real |= set(paths(json.loads(text)))
    assert set(paths(answer)) <= real


def test_the_whole_text_comes_first_and_then_every_word(answer: dict[str, Any]) -> None:
    (response,) = answer["responses"]
    whole, *words = response["textAnnotations"]
    assert whole["locale"] in {"en", "fr", "de", "it", "es"}
    assert whole["description"].split() == [word["description"] for word in words]
    assert response["fullTextAnnotation"]["text"] == whole["description"]


def test_the_symbols_spell_the_text_with_its_breaks(answer: dict[str, Any]) -> None:
    (response,) = answer["responses"]
    (page,) = response["fullTextAnnotation"]["pages"]
    breaks = {"SPACE": " ", "EOL_SURE_SPACE": "\n", "LINE_BREAK": "\n"}
    spelt = ""
    for block in page["blocks"]:
        for paragraph in block["paragraphs"]:
            for word in paragraph["words"]:
                for symbol in word["symbols"]:
                    found = symbol["property"].get("detectedBreak")
                    spelt += symbol["text"] + (breaks[found["type"]] if found else "")
    assert spelt == response["fullTextAnnotation"]["text"]


def test_vertices_are_whole_pixels_within_the_page(answer: dict[str, Any]) -> None:
    (response,) = answer["responses"]
    (page,) = response["fullTextAnnotation"]["pages"]
    assert (page["width"], page["height"]) == product(1, 0).camera
    for annotation in response["textAnnotations"]:
        vertices = annotation["boundingPoly"]["vertices"]
        assert len(vertices) == 4
        for x, y in (vertex.values() for vertex in vertices):
            assert isinstance(x, int)
            assert isinstance(y, int)
            assert 0 <= x <= page["width"]
            assert 0 <= y <= page["height"]


def test_a_photo_without_words_has_labels_but_no_text_and_not_always_a_time() -> None:
    answers = [ocr.result(product(1, n), 1, [], (480, 640)) for n in range(40)]
    assert answers[0]["responses"][0].keys() == {"labelAnnotations", "safeSearchAnnotation"}
    assert 5 < len([each for each in answers if "created_at" in each]) < 40


def test_the_file_is_gzipped_json_without_a_time() -> None:
    content = ocr.file({"responses": [{"text": "Müsli"}]})
    assert content[4:8] == bytes(4)
    assert gzip.decompress(content) == '{"responses":[{"text":"Müsli"}]}'.encode()
