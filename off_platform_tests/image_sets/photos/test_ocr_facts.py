"""Text, language and confidence of OCR results: the real ones read anew, and hostile ones."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from off_platform.image_sets.photos.contents import OCR_TEXT_BYTES, Content, check_for, check_ocr
from off_platform.sandbox.make import Sandbox


def packed(document: object) -> bytes:
    return gzip.compress(json.dumps(document).encode(), mtime=0)


def page(*confidences: object, **more: object) -> dict[str, Any]:
    """A page of words with these confidences."""
    words = [{"confidence": each, "symbols": [{"text": "x"}]} for each in confidences]
    return {"blocks": [{"paragraphs": [{"words": words}]}], **more}


def detected(*languages: tuple[object, object]) -> dict[str, Any]:
    listed = [{"languageCode": code, "confidence": share} for code, share in languages]
    return {"property": {"detectedLanguages": listed}}


def read(pages: object, text: object = "Tea", locale: object = None) -> Content:
    response = {
        "fullTextAnnotation": {"text": text, "pages": pages},
        "textAnnotations": [{"description": text, "locale": locale}],
    }
    return check_ocr(packed({"responses": [response]}), with_text=True)


@pytest.mark.parametrize(
    ("name", "language", "start", "characters"),
    [
        ("0011110702081_2.json", "en", "Nutrition Facts\nabout 20 servings", 200),
        ("5400910301160_1.json", "fr", "NUTRIDIA BIO e 500G", 50),
        ("5000159422345_3.json.gz", "es", "Portions par paquet: / Portionen pro", 1_000),
        ("face_detection.json", "en", "Sample text with face", 10),
    ],
)
def test_the_genuine_results(
    real_data: Callable[[str], Path], name: str, language: str, start: str, characters: int
) -> None:
    data = real_data(f"off/ocr/{name}").read_bytes()
    data = data if name.endswith(".gz") else gzip.compress(data)
    found = check_ocr(data, with_text=True)
    assert (found.problem, found.ocr_status, found.ocr_language) == (None, "text", language)
    text = json.loads(gzip.decompress(data))["responses"][0]["fullTextAnnotation"]["text"]
    assert found.ocr_text == text
    assert text.startswith(start)
    assert len(text) > characters
    # None of them has the confidence of a word: Open Food Facts asks for TEXT_DETECTION.
    assert found.ocr_confidence is None


def test_the_text_is_kept_only_if_asked_for() -> None:
    data = packed({"responses": [{"textAnnotations": [{"description": "Tea", "locale": "en"}]}]})
    assert check_for("ocr")(data) == Content(ocr_status="text", ocr_language="en")
    assert check_for("ocr", with_text=True)(data).ocr_text == "Tea"


@pytest.mark.parametrize(
    ("pages", "confidence"),
    [
        ([page(0.5, 1)], 0.75),
        ([page(0.5), page(0.9, 0.1)], 0.5),
        ([page(None, 0.25)], 0.25),
        ([page(confidence=0.8), page(confidence=0.6)], 0.7),
        ([page(0.2, confidence=0.8)], 0.2),
        ([page(0, 1)], 0.5),
        ([page(*[True, "0.9", -1, 2, 10**400, [1], {}])], None),
        ([page()], None),
        ([], None),
        (None, None),
        ("pages", None),
        ([None, 5, [], {"blocks": {"paragraphs": []}}, {"blocks": [{"paragraphs": "x"}]}], None),
    ],
)
def test_the_mean_confidence_of_words_or_of_pages(pages: object, confidence: float | None) -> None:
    found = read(pages)
    assert found.problem is None
    assert found.ocr_confidence == pytest.approx(confidence)


@pytest.mark.parametrize(
    ("pages", "locale", "language"),
    [
        ([detected(("fr", 0.9))], "en", "fr"),
        ([detected(("fr", 0.2), ("zh-Hans", 0.7))], None, "zh-Hans"),
        ([detected(("de", None), ("fr", None))], None, "de"),
        ([{}, detected(("it", 1))], None, "it"),
        ([detected(("und", 1))], "pt-BR", "pt-BR"),
        ([detected((None, 1), (5, 1), ("", 1), ("x" * 500, 1), ("fr\n", 1))], "nl", "nl"),
        ([{"property": "fr"}, {"property": {"detectedLanguages": "fr"}}], "sv", "sv"),
        ([], "und", None),
        ([], {"a": 1}, None),
        ([], None, None),
    ],
)
def test_the_likeliest_language(pages: object, locale: object, language: str | None) -> None:
    found = read(pages, locale=locale)
    assert found.problem is None
    assert found.ocr_language == language


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("a\0b\n", "ab\n"),
        ("\ud800!", "?!"),
        ("x" * 70_000, "x" * OCR_TEXT_BYTES),
        ("é" * 40_000, "é" * (OCR_TEXT_BYTES // 2)),
        ("a" + "\N{CJK UNIFIED IDEOGRAPH-8336}" * 30_000, None),
    ],
)
def test_the_text_is_bounded_and_can_be_stored(text: str, kept: str | None) -> None:
    found = read([], text).ocr_text
    assert found is not None
    assert found == kept or (kept is None and text.startswith(found))
    assert OCR_TEXT_BYTES - 4 < len(found.encode()) <= OCR_TEXT_BYTES or len(text) < 10


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"responses": []},
        {"error": "no"},
        {"responses": [{"fullTextAnnotation": {"text": " \n"}}]},
    ],
)
def test_without_text_there_are_no_facts(document: object) -> None:
    found = check_ocr(packed(document), with_text=True)
    assert (found.ocr_text, found.ocr_language, found.ocr_confidence) == (None, None, None)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["blocks", "paragraphs", "words", "confidence", "property"])
            | st.sampled_from(["detectedLanguages", "languageCode"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=15,
)


@given(pages=st.lists(JSON, max_size=3))
def test_whatever_the_pages_hold_the_result_is_whole(pages: object) -> None:
    found = read(pages)
    assert (found.problem, found.ocr_text) == (None, "Tea")
    assert found.ocr_confidence is None or 0 <= found.ocr_confidence <= 1


def test_the_results_of_the_sandbox_name_their_language(sandbox: Sandbox) -> None:
    languages = {
        check_ocr(path.read_bytes()).ocr_language
        for path in sandbox.images.folder.rglob("*.json.gz")
    }
    assert languages >= {"en", "fr"}
