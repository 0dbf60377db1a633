"""The OCR result of a drawn photo in the form of Google Cloud Vision's, and the awkward results.

The words and their corners come from `photos.py`; nothing is recognized here.
"""

import gzip
import json
from collections.abc import Iterable, Sequence
from typing import Any

from off_platform.sandbox.faces import Block, Corners, Point, Word
from off_platform.sandbox.products import Product
from off_platform.sandbox.seeds import chance, happens

Json = dict[str, Any]

# Labels that Cloud Vision gives such photos, with Google's identifiers.
_LABELS = {
    "Food": "/m/02wbm",
    "Ingredient": "/m/07xgrh",
    "Cuisine": "/m/01ykh",
    "Dish": "/m/02q08p0",
    "Font": "/m/03gq5hm",
    "Number": "/m/05fwb",
}

# What the bucket has in place of a result where Cloud Vision could not read the photo.
FAILED: Json = {
    "responses": [{"error": {"code": 14, "message": "We can not access the URL currently."}}]
}
EMPTY: Json = {"responses": []}
WITHOUT_RESPONSES: Json = {"created_at": 1_651_020_033}


def result(product: Product, image_id: int, blocks: Sequence[Block], size: tuple[int, int]) -> Json:
    """What Cloud Vision would answer.

    Args:
        product: that the photo shows; gives the language.
        image_id: of the photo.
        blocks: the words that can be read and their corners, in pixels of the upright photo.
        size: width and height of the upright photo in pixels.
    """
    luck = chance("ocr", product.code, image_id)
    scores = sorted((round(luck.uniform(0.5, 0.96), 7) for _ in range(4)), reverse=True)
    response: Json = {
        "labelAnnotations": [
            {"mid": _LABELS[name], "description": name, "score": score, "topicality": score}
            for name, score in zip(luck.sample(list(_LABELS), 4), scores, strict=True)
        ],
        "safeSearchAnnotation": dict.fromkeys(
            ("adult", "spoof", "medical", "violence", "racy"), "VERY_UNLIKELY"
        ),
    }
    if blocks:
        response["textAnnotations"] = _text_annotations(blocks, product.language)
        page = {
            "property": _detected(product.language, confidence=0.92),
            "width": size[0],
            "height": size[1],
            "blocks": [_block(block, product.language) for block in blocks],
        }
        response["fullTextAnnotation"] = {"pages": [page], "text": _text(blocks)}
    answer: Json = {"responses": [response]}
    # Older results have no time.
    if happens(luck, 0.7):
        answer["created_at"] = product.created_t + luck.randrange(60, 86_400)
    return answer


def file(answer: Json) -> bytes:
    """The answer as the bucket stores it: JSON without spaces, gzipped without a time."""
    text = json.dumps(answer, ensure_ascii=False, separators=(",", ":"))
    return gzip.compress(text.encode(), mtime=0)


def _polygon(corners: Corners) -> Json:
    return {"vertices": [{"x": round(x), "y": round(y)} for x, y in corners]}


def _around(words: Iterable[Word]) -> Json:
    """The upright rectangle around words."""
    across, down = zip(*(point for word in words for point in word.corners), strict=True)
    left, top, right, bottom = min(across), min(down), max(across), max(down)
    return _polygon(((left, top), (right, top), (right, bottom), (left, bottom)))


def _text_annotations(blocks: Sequence[Block], language: str) -> list[Json]:
    """The whole text first, then every word by itself."""
    words = [word for block in blocks for line in block for word in line]
    whole = {"locale": language, "description": _text(blocks), "boundingPoly": _around(words)}
    return [whole, *({"description": w.text, "boundingPoly": _polygon(w.corners)} for w in words)]


def _text(blocks: Sequence[Block]) -> str:
    lines = [" ".join(word.text for word in line) for block in blocks for line in block]
    return "".join(f"{line}\n" for line in lines)


def _detected(language: str, **more: float) -> Json:
    return {"detectedLanguages": [{"languageCode": language, **more}]}


def _block(block: Block, language: str) -> Json:
    words: list[Json] = []
    for line in block:
        end = "LINE_BREAK" if line is block[-1] else "EOL_SURE_SPACE"
        ends = ["SPACE"] * (len(line) - 1) + [end]
        words += [_word(*each, language) for each in zip(line, ends, strict=True)]
    box = {
        "property": _detected(language, confidence=1),
        "boundingBox": _around(word for line in block for word in line),
    }
    return {**box, "paragraphs": [{**box, "words": words}], "blockType": "TEXT"}


def _word(word: Word, end: str, language: str) -> Json:
    detected = _detected(language)
    symbols = [
        {"property": detected, "boundingBox": _polygon(_slice(word, place)), "text": letter}
        for place, letter in enumerate(word.text)
    ]
    symbols[-1]["property"] = {**detected, "detectedBreak": {"type": end}}
    return {"property": detected, "boundingBox": _polygon(word.corners), "symbols": symbols}


def _slice(word: Word, place: int) -> Corners:
    """The part of a word's corners for one letter, as if all letters had the same width."""
    upper_left, upper_right, lower_right, lower_left = word.corners
    start, end = place / len(word.text), (place + 1) / len(word.text)

    def along(first: Point, second: Point, share: float) -> Point:
        across, down = second[0] - first[0], second[1] - first[1]
        return first[0] + across * share, first[1] + down * share

    upper = along(upper_left, upper_right, start), along(upper_left, upper_right, end)
    return *upper, along(lower_left, lower_right, end), along(lower_left, lower_right, start)
