"""The OCR result of a drawn photo as Google Cloud Vision would give it, and the awkward ones.

The words and their places come from `photos.py`; nothing is recognised here.
"""

import gzip
import json
from collections.abc import Iterable, Sequence
from typing import Any

from off_platform.sandbox.assortment import Motif
from off_platform.sandbox.faces import Block, Word
from off_platform.sandbox.geometry import Corners, Point, Window
from off_platform.sandbox.products import Product
from off_platform.sandbox.seeds import chance, happens

Json = dict[str, Any]

# What Cloud Vision sees in such photos, with Google's own identifiers.
_LABELS = {
    "Food": "/m/02wbm",
    "Ingredient": "/m/07xgrh",
    "Cuisine": "/m/01ykh",
    "Dish": "/m/02q08p0",
    "Font": "/m/03gq5hm",
    "Liquid": "/m/04k94",
    "Fluid": "/m/02yfx",
    "Number": "/m/05fwb",
}
_WET: set[Motif] = {"citrus", "drop", "bramble"}

# What lies in place of a result when Cloud Vision could not read the photo.
FAILED = {"responses": [{"error": {"code": 14, "message": "We can not access the URL currently."}}]}
EMPTY: Json = {"responses": []}
WITHOUT_RESPONSES: Json = {"created_at": 1_651_020_033}


def result(product: Product, image_id: int, blocks: Sequence[Block], size: tuple[int, int]) -> Json:
    """What Cloud Vision would have answered.

    Args:
        product: whose photo it is; gives language and labels.
        image_id: of the photo.
        blocks: the legible words and their corners, in pixels of the upright photo.
        size: width and height of the upright photo in pixels.
    """
    luck = chance("ocr", product.code, image_id)
    response: Json = {"labelAnnotations": _labels(product, image_id)}
    if blocks:
        response["textAnnotations"] = _text_annotations(blocks, product.language)
    response["safeSearchAnnotation"] = dict.fromkeys(
        ("adult", "spoof", "medical", "violence", "racy"), "VERY_UNLIKELY"
    )
    if blocks:
        response["fullTextAnnotation"] = _full_text(blocks, product.language, size)
    answer: Json = {"responses": [response]}
    # Older results lack it.
    if happens(luck, 0.7):
        answer["created_at"] = product.created_t + luck.randrange(60, 86_400)
    return answer


def file(answer: Json) -> bytes:
    """The answer as the bucket keeps it: JSON without spaces, gzipped, without a date in it."""
    text = json.dumps(answer, ensure_ascii=False, separators=(",", ":"))
    return gzip.compress(text.encode(), mtime=0)


def _labels(product: Product, image_id: int) -> list[Json]:
    luck = chance("ocr labels", product.code, image_id)
    wanted = [
        name for name in _LABELS if product.sort.motif in _WET or name not in {"Liquid", "Fluid"}
    ]
    scores = sorted((round(luck.uniform(0.5, 0.96), 7) for _ in range(4)), reverse=True)
    return [
        {"mid": _LABELS[name], "description": name, "score": score, "topicality": score}
        for name, score in zip(luck.sample(wanted, 4), scores, strict=True)
    ]


def _polygon(corners: Corners) -> Json:
    return {"vertices": [{"x": round(x), "y": round(y)} for x, y in corners]}


def _hull(words: Iterable[Word]) -> Corners:
    """The upright rectangle around words."""
    points = [point for word in words for point in word.corners]
    across, down = [x for x, _ in points], [y for _, y in points]
    return Window(min(across), min(down), max(across), max(down)).corners


def _text_annotations(blocks: Sequence[Block], language: str) -> list[Json]:
    """First the whole text, then every word by itself."""
    words = [word for block in blocks for line in block for word in line]
    whole = {
        "locale": language,
        "description": _text(blocks),
        "boundingPoly": _polygon(_hull(words)),
    }
    return [whole, *({"description": w.text, "boundingPoly": _polygon(w.corners)} for w in words)]


def _text(blocks: Sequence[Block]) -> str:
    lines = [" ".join(word.text for word in line) for block in blocks for line in block]
    return "".join(f"{line}\n" for line in lines)


def _full_text(blocks: Sequence[Block], language: str, size: tuple[int, int]) -> Json:
    """The text by page, block, paragraph, word and symbol."""
    detected = {"detectedLanguages": [{"languageCode": language, "confidence": 1}]}
    page = {
        "property": {"detectedLanguages": [{"languageCode": language, "confidence": 0.92}]},
        "width": size[0],
        "height": size[1],
        "blocks": [_block(block, language, detected) for block in blocks],
    }
    return {"pages": [page], "text": _text(blocks)}


def _block(block: Block, language: str, detected: Json) -> Json:
    box = _polygon(_hull(word for line in block for word in line))
    words: list[Json] = []
    for line in block:
        end = "LINE_BREAK" if line is block[-1] else "EOL_SURE_SPACE"
        ends = ["SPACE"] * (len(line) - 1) + [end]
        words += [_word(*each, language) for each in zip(line, ends, strict=True)]
    paragraph = {"property": detected, "boundingBox": box, "words": words}
    return {
        "property": detected,
        "boundingBox": box,
        "paragraphs": [paragraph],
        "blockType": "TEXT",
    }


def _word(word: Word, end: str, language: str) -> Json:
    detected = {"detectedLanguages": [{"languageCode": language}]}
    symbols = [
        {"property": detected, "boundingBox": _polygon(_slice(word, place)), "text": letter}
        for place, letter in enumerate(word.text)
    ]
    symbols[-1]["property"] = {**detected, "detectedBreak": {"type": end}}
    return {"property": detected, "boundingBox": _polygon(word.corners), "symbols": symbols}


def _slice(word: Word, place: int) -> Corners:
    """A letter's share of its word's corners, as if all letters were equally wide."""
    upper_left, upper_right, lower_right, lower_left = word.corners
    start, end = place / len(word.text), (place + 1) / len(word.text)
    return (
        _between(upper_left, upper_right, start),
        _between(upper_left, upper_right, end),
        _between(lower_left, lower_right, end),
        _between(lower_left, lower_right, start),
    )


def _between(first: Point, second: Point, share: float) -> Point:
    return (
        first[0] + (second[0] - first[0]) * share,
        first[1] + (second[1] - first[1]) * share,
    )
