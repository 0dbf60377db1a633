"""Reads OCR results of Google Cloud Vision, gzipped JSON, if they are complete."""

import json
import re
import zlib
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple, NoReturn, TypeVar

from off_platform.image_sets.photos.file_formats import NotWholeError, foreign
from off_platform.words import escaped

OcrStatus = Literal["text", "no text", "empty", "error"]
_MAX_GZIP_MEMBERS = 100
_JSON_NAMES: dict[type, str] = {dict: "an object", list: "a list", str: "a text"}
_Json = TypeVar("_Json", bound=dict[str, Any] | list[Any] | str)
_OCR_FIELDS = (b'"responses"', b'"error"', b'"fullTextAnnotation"', b'"textAnnotations"')


# A language as Cloud Vision names it: en, zh-Hans; `und` is none.
_LANGUAGE = re.compile(r"(?!und\b)[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}")


class OcrResult(NamedTuple):
    """A complete OCR result.

    Attributes:
        status: whether it has text.
        text: the text found.
        error: Cloud Vision's error, if any.
        language: code of the language of the text; None if it is not known.
        confidence: mean confidence of the words, or of the pages where words have none, 0 to 1;
            None where there is neither, as in most results of Open Food Facts.
    """

    status: OcrStatus
    text: str = ""
    error: str | None = None
    language: str | None = None
    confidence: float | None = None


def read_ocr(data: bytes, max_bytes: int) -> OcrResult:
    """Reads a gzipped OCR result.

    Args:
        data: the whole object, gzipped.
        max_bytes: unpacked bytes above which it is refused.

    Raises:
        NotWholeError: it is not complete.
    """
    document = _parsed(_unpacked(data, max_bytes))
    if not isinstance(document, dict):
        raise _odd("the OCR result", document, dict)
    response = _first(document, "responses")
    # A request refused as a whole has an error instead of responses.
    error = document.get("error") or (response or {}).get("error")
    if error:
        message = error.get("message") if isinstance(error, dict) else error
        said = escaped(message) if isinstance(message, str) else "it did not say why"
        return OcrResult("error", error=said)
    if response is None:
        return OcrResult("empty")
    full = _member(response, "fullTextAnnotation", dict) or {}
    first = _first(response, "textAnnotations") or {}
    text = _member(full, "text", str) or _member(first, "description", str) or ""
    if not text.strip():
        return OcrResult("no text", text)
    pages = [*_objects(full.get("pages"))]
    return OcrResult("text", text, None, _language(pages, first), _confidence(pages))


def _language(pages: list[dict[str, Any]], first: dict[str, Any]) -> str | None:
    """The likeliest language of the first page that has one, otherwise that of the whole text.

    These facts are no reason to refuse a result, so fields of another form are passed over.
    """
    for page in pages:
        of_page = page.get("property")
        detected = _objects(of_page.get("detectedLanguages") if isinstance(of_page, dict) else None)
        known = [each for each in detected if _is_language(each.get("languageCode"))]
        if known:
            likeliest = max(known, key=lambda each: _share(each.get("confidence")) or 0.0)
            return str(likeliest["languageCode"])
    locale = first.get("locale")
    return str(locale) if _is_language(locale) else None


def _confidence(pages: list[dict[str, Any]]) -> float | None:
    words = [_share(word.get("confidence")) for word in _words(pages)]
    for shares in (words, [_share(page.get("confidence")) for page in pages]):
        known = [share for share in shares if share is not None]
        if known:
            return sum(known) / len(known)
    return None


def _words(pages: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for page in pages:
        for block in _objects(page.get("blocks")):
            for paragraph in _objects(block.get("paragraphs")):
                yield from _objects(paragraph.get("words"))


def _objects(items: object) -> Iterator[dict[str, Any]]:
    return (
        (each for each in items if isinstance(each, dict)) if isinstance(items, list) else iter(())
    )


def _share(value: object) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and 0 <= value <= 1 else None  # type: ignore[operator, arg-type]


def _is_language(value: object) -> bool:
    return isinstance(value, str) and bool(_LANGUAGE.fullmatch(value))


def _unpacked(data: bytes, max_bytes: int) -> bytes:
    parts: list[bytes] = []
    left, rest = max_bytes, data
    # Zeros after the last member are padding, which gzip also accepts.
    while rest.strip(b"\0") or not parts:
        if not rest.startswith(b"\x1f\x8b"):
            where = f"the gzip file has {len(rest):,} bytes after its end: " if parts else ""
            raise NotWholeError(where + foreign(rest, "but not gzipped"))
        member = zlib.decompressobj(wbits=31)
        try:
            parts.append(member.decompress(rest, left + 1))
        except zlib.error as error:
            raise NotWholeError(f"the gzip file is damaged: {escaped(str(error))}") from error
        left -= len(parts[-1])
        if left < 0 or len(parts) > _MAX_GZIP_MEMBERS:
            bound = f"{max_bytes:,} bytes or {_MAX_GZIP_MEMBERS} members"
            raise NotWholeError(f"the gzip file unpacks to more than {bound}")
        if not member.eof:
            raise NotWholeError(f"the gzip file ends too early: cut at {len(data):,} bytes")
        rest = member.unused_data
    unpacked = b"".join(parts)
    if unpacked.startswith(b"\x1f\x8b"):
        raise NotWholeError("gzipped twice: unpacked once, it is a gzip file again")
    return unpacked


def _parsed(unpacked: bytes) -> object:
    # A Python call per object doubles the time, so it is made only if a field may be repeated.
    hook = _refuse_twice if any(unpacked.count(field) > 1 for field in _OCR_FIELDS) else None
    try:
        # JSON readers may skip a byte order mark (RFC 8259, section 8.1).
        text = unpacked.decode("utf-8-sig")
        return json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=hook)
    except UnicodeDecodeError as error:
        raise NotWholeError(f"unpacked, this is not UTF-8 at byte {error.start:,}") from error
    except RecursionError as error:
        raise NotWholeError("the JSON is nested too deeply to be read") from error
    except ValueError as error:
        if unpacked.lstrip()[:1] in (b"{", b"["):
            raise NotWholeError(f"the JSON is damaged: {escaped(str(error))}") from error
        raise NotWholeError(f"unpacked, {foreign(unpacked, 'not JSON')}") from error


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _refuse_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("a field appears twice in one object")
    return members


def _member(holder: dict[str, Any], name: str, wanted: type[_Json]) -> _Json | None:
    value = holder.get(name)
    if value is not None and not isinstance(value, wanted):
        raise _odd(name, value, wanted)
    return value


def _first(holder: dict[str, Any], name: str) -> dict[str, Any] | None:
    items = _member(holder, name, list)
    if items and not isinstance(items[0], dict):
        raise _odd(f"{name}[0]", items[0], dict)
    return items[0] if items else None


def _odd(name: str, value: object, wanted: type) -> NotWholeError:
    found = _JSON_NAMES.get(type(value)) or json.dumps(value)[:20]
    return NotWholeError(f"unlike Cloud Vision's: {name} is {found}, not {_JSON_NAMES[wanted]}")
