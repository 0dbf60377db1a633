"""What passes for a whole JPEG or OCR result, and the sentence each other object gets."""

import gzip
import io
import json
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from off_platform.image_sets.photos.contents import (
    Content,
    check_for,
    check_jpeg,
    check_ocr,
    decode_jpeg,
    ocr_text,
)
from off_platform.image_sets.photos.ocr_results import OcrStatus

# Names of tests must not change with the clock: workers of one run compare them.
gzipped = partial(gzip.compress, mtime=0)

END = b"\xff\xd9"
RealData = Callable[[str], Path]


def jpeg(mode: str = "RGB", size: tuple[int, int] = (24, 17), **options: Any) -> bytes:
    """A JPEG of a pattern with enough detail to be a few hundred bytes long."""
    bands = len(Image.new(mode, (1, 1)).getbands())
    pixels = bytes((i * i // 7) % 256 for i in range(size[0] * size[1] * bands))
    stream = io.BytesIO()
    Image.frombytes(mode, size, pixels).save(stream, "JPEG", **options)
    return stream.getvalue()


BASELINE = jpeg()
PROGRESSIVE = jpeg(progressive=True)
THUMBNAIL = jpeg(size=(8, 8))
EXIF = b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0"
# Announces five entries and holds none.
DAMAGED_EXIF = b"Exif\0\0II*\0\x08\0\0\0\x05\0"
WHOLE_JPEGS = {
    "baseline": BASELINE,
    "progressive": PROGRESSIVE,
    "with restarts": jpeg(restart_marker_rows=1),
    "grey": jpeg("L"),
    "CMYK": jpeg("CMYK"),
    "with a thumbnail in its EXIF": jpeg(exif=EXIF + THUMBNAIL),
    "with a comment that holds an end marker": jpeg(comment=b"end? " + END),
    "with padding before its end marker": BASELINE[:-2] + b"\xff\xff\xff" + END,
    "with stray bytes between segments": BASELINE[:20] + b"stray" + BASELINE[20:],
}
TRAILERS = {
    "zeros": bytes(1000),
    "one byte": b"\n",
    "a Samsung trailer": b"\0\0\x01\x0a\x0e\0\0\0Image_UTC_Data1600000000000SEFH" + b"SEFT",
    "a second image": BASELINE,
    "a cut second image": BASELINE[:-40],
}


def segment(marker: int, payload: bytes = b"") -> bytes:
    return bytes((0xFF, marker)) + (len(payload) + 2).to_bytes(2, "big") + payload


def frame(width: int = 8, height: int = 8, *, marker: int = 0xC0, precision: int = 8) -> bytes:
    sizes = height.to_bytes(2, "big") + width.to_bytes(2, "big")
    return segment(marker, bytes((precision,)) + sizes + b"\x01\x01\x11\x00")


START = b"\xff\xd8"
SCAN = segment(0xDA, b"\x01\x01\x00\x00\x3f\x00")
PICTURE = b"\x55\xaa\xff\x00\x55"
HALF = BASELINE[: len(BASELINE) - 100]

DAMAGED_JPEGS = [
    (b"", "this is empty, not a JPEG"),
    (b"<!DOCTYPE html><html>", "this is HTML, not a JPEG: it starts with '<!DOCTYPE html><'"),
    (b"  \n<html lang='fr'>", "this is HTML, not a JPEG"),
    (b"<?xml version='1.0'?><Error>", "this is XML, not a JPEG"),
    (b'{"message":"no"}', "this is JSON, not a JPEG"),
    (gzipped(b"{}"), "this is gzip, not a JPEG"),
    (b"\x89PNG\r\n\x1a\n", r"this is a PNG, not a JPEG: it starts with '\x89PNG\r\n\x1a\n'"),
    (b"RIFF\x01\0\0\0WEBPVP8 ", "this is a WebP, not a JPEG"),
    (b"\0\0\0\x18ftypheic", "this is a HEIC, not a JPEG"),
    (bytes(5000), "this is a run of zero bytes, not a JPEG"),
    (b"garbage", "this is of no known format, not a JPEG: it starts with 'garbage'"),
    (BASELINE[1:], "this is of no known format, not a JPEG"),
    (BASELINE[:-2], f"the JPEG ends before its end marker: cut at {len(BASELINE) - 2:,} bytes"),
    (BASELINE[:-2] + bytes(100), "the JPEG ends before its end marker"),
    (jpeg(exif=EXIF + THUMBNAIL)[:-2], "the JPEG ends before its end marker"),
    (START + frame() + SCAN[:4], "the JPEG ends before its end marker: cut at 19 bytes"),
    (START + b"\xff\xe0", "the JPEG ends before its end marker: cut at 4 bytes"),
    (START + b"\xff" * 1_000_000, "the JPEG ends before its end marker: cut at 1,000,002 bytes"),
    (START + b"\xff\xe0\x00\x00" + BASELINE[2:], "damaged at byte 4: a segment too short"),
    (START + b"\xff\xe0\x00\x01" + BASELINE[2:], "damaged at byte 4: a segment too short"),
    (START + b"\xff\x5a" + BASELINE[2:], "damaged at byte 2: there is no marker 0x5A"),
    (START + BASELINE, "damaged at byte 2: another JPEG starts"),
    (PROGRESSIVE[:-2] + PROGRESSIVE, "another JPEG starts"),
    (START + SCAN + PICTURE + END, "the JPEG has no frame header before byte 2"),
    (START + segment(0xE0) + END, "the JPEG has no frame header before byte 6"),
    (START + frame() + END, "the JPEG has no picture data before byte 15"),
    (START + frame() + frame() + SCAN + END, "the JPEG has a second frame header at byte 15"),
    (START + segment(0xC0) + SCAN + END, "the JPEG's frame header of 2 bytes is damaged"),
    (START + segment(0xC0, bytes(7)) + SCAN + END, "the JPEG's frame header of 9 bytes is damaged"),
    (
        START + segment(0xC0, b"\x08\0\x08\0\x08\0") + SCAN + END,
        "the JPEG's frame header of 8 bytes is damaged",
    ),
    (
        START + segment(0xC0, b"\x08\0\x08\0\x08\x01" + bytes(4)) + SCAN + END,
        "the JPEG's frame header of 12 bytes is damaged",
    ),
    (START + frame(width=0) + SCAN + PICTURE + END, "0 pixels wide and 8 high"),
    (START + frame(height=0) + SCAN + PICTURE + END, "8 pixels wide and 0 high"),
    (
        START + frame(height=0) + SCAN + PICTURE + segment(0xDC, b"\x00\x08") + END,
        "0 high: its height only follows the image data (DNL)",
    ),
    (START + segment(0xE0) * 6_000 + BASELINE[2:], "over 5,000 segments or 100 scans"),
    (
        START + frame(marker=0xC2) + (SCAN + PICTURE) * 101 + END,
        "over 5,000 segments or 100 scans",
    ),
    (START + frame() + segment(0xDA), "the JPEG ends before its end marker: cut at 19 bytes"),
    (START + frame() + segment(0xDA, b"\x01\x01" + END), "cut at 23 bytes"),
    (
        START + segment(0xC0, b"\x08\0\x08\0\x08\x02" + bytes(6)) + SCAN + segment(0xFE, END),
        "the JPEG ends before its end marker: cut at 34 bytes",
    ),
]


def assert_sound(content: Content) -> None:
    """Whatever the bytes were, the sentences are short and printable."""
    for sentence in (content.problem, content.ocr_error):
        assert sentence is None or (0 < len(sentence) < 400 and sentence.isprintable())
    if content.problem is not None:
        assert content == Content(problem=content.problem)


@pytest.mark.parametrize("data", WHOLE_JPEGS.values(), ids=WHOLE_JPEGS)
def test_a_whole_jpeg_passes_with_its_size(data: bytes) -> None:
    assert check_jpeg(data) == Content(width=24, height=17)
    assert decode_jpeg(data) == Content(width=24, height=17, decoded=True)


@pytest.mark.parametrize("data", [BASELINE, PROGRESSIVE], ids=["baseline", "progressive"])
@pytest.mark.parametrize("trailer", TRAILERS.values(), ids=TRAILERS)
def test_bytes_appended_by_cameras_are_allowed(data: bytes, trailer: bytes) -> None:
    assert check_jpeg(data + trailer) == Content(width=24, height=17)
    assert decode_jpeg(data + trailer) == Content(width=24, height=17, decoded=True)


@pytest.mark.parametrize("data", WHOLE_JPEGS.values(), ids=WHOLE_JPEGS)
def test_no_beginning_of_a_jpeg_passes(data: bytes) -> None:
    passing = [size for size in range(len(data)) if check_jpeg(data[:size]).problem is None]
    assert passing == []


def test_the_most_scans_and_segments_still_pass() -> None:
    scans = START + frame(marker=0xC2) + (SCAN + PICTURE) * 100 + END
    assert check_jpeg(scans) == Content(width=8, height=8)
    segments = START + segment(0xE0) * 4_900 + BASELINE[2:]
    assert check_jpeg(segments) == Content(width=24, height=17)


def test_an_end_marker_inside_a_later_segment_is_not_the_end() -> None:
    between_scans = PROGRESSIVE.index(b"\xff\xda", PROGRESSIVE.index(b"\xff\xda") + 2)
    cut = PROGRESSIVE[:between_scans] + segment(0xFE, b"said " + END)
    assert check_jpeg(cut + PROGRESSIVE[between_scans:]).problem is None
    assert "ends before its end marker" in str(check_jpeg(cut).problem)


@pytest.mark.parametrize(("data", "words"), DAMAGED_JPEGS, ids=[case[1] for case in DAMAGED_JPEGS])
def test_an_incomplete_jpeg_is_reported(data: bytes, words: str) -> None:
    for content in (check_jpeg(data), decode_jpeg(data)):
        assert words in str(content.problem)
        assert_sound(content)


def test_a_cut_jpeg_with_a_whole_one_behind_it_is_found_when_decoding() -> None:
    problem = decode_jpeg(HALF + BASELINE).problem
    assert problem == f"the JPEG is damaged at byte {len(HALF):,}: another JPEG starts"


@pytest.mark.parametrize("judge", [check_jpeg, decode_jpeg])
@pytest.mark.parametrize("marker", [0xC0, 0xC1, 0xC2])
def test_headers_are_checked_with_and_without_decoding(
    judge: Callable[[bytes], Content], marker: int
) -> None:
    def problem(*size: int, data: int = 0, **header: int) -> str | None:
        header = {"marker": marker} | header
        return judge(START + frame(*size, **header) + SCAN + PICTURE + bytes(data) + END).problem

    too_many = "pixels, more than the 178,956,970 allowed"
    assert problem(65_000, 65_000) == f"the JPEG has 65,000 x 65,000 {too_many}"
    assert problem(13_377, 13_378, data=10**6) == f"the JPEG has 13,377 x 13,378 {too_many}"
    assert problem(precision=12) == "the JPEG has 12 bits per sample, which few programs read"
    lossless = "the JPEG has the rare coding 0xC3, which few programs read"
    assert problem(marker=0xC3) == lossless


@pytest.mark.parametrize("judge", [check_jpeg, decode_jpeg])
def test_too_few_bytes_for_the_pixels_are_reported(
    judge: Callable[[bytes], Content],
) -> None:
    ends_early = START + frame(8_000, 6_000) + SCAN + PICTURE + END
    sentence = "the JPEG ends early: 7 bytes cannot hold 8,000 x 6,000 pixels"
    assert judge(ends_early).problem == sentence


def test_the_emptiest_pictures_have_room_enough() -> None:
    for mode in ("L", "RGB"):
        stream = io.BytesIO()
        Image.new(mode, (4_000, 3_000)).save(stream, "JPEG", optimize=True)
        assert check_jpeg(stream.getvalue()).problem is None
        assert decode_jpeg(stream.getvalue()).decoded


def test_a_large_picture_is_decoded_without_memory_for_its_pixels() -> None:
    stream = io.BytesIO()
    Image.new("L", (12_000, 8_000)).save(stream, "JPEG")
    tracemalloc.start()
    assert decode_jpeg(stream.getvalue()).decoded
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 12_000 * 8_000 / 10


def test_a_picture_of_many_pixels_in_several_scans_is_not_decoded() -> None:
    # Its coefficients alone would take 600 MB.
    large = START + frame(13_000, 13_000, marker=0xC2) + SCAN + PICTURE + END
    assert decode_jpeg(large) == check_jpeg(large) == Content(width=13_000, height=13_000)


def test_a_jpeg_without_tables_cannot_be_decoded() -> None:
    bare = START + frame() + SCAN + PICTURE + END
    assert str(decode_jpeg(bare).problem).startswith("the JPEG cannot be decoded: ")


def test_a_jpeg_of_twelve_bits_cannot_be_decoded() -> None:
    twelve = START + frame(precision=12) + SCAN + PICTURE + END
    problem = decode_jpeg(twelve).problem
    assert problem == "the JPEG has 12 bits per sample, which few programs read"


def test_a_picture_of_another_size_than_its_header_is_a_problem(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    load = JpegImageFile.load

    def load_another_size(picture: JpegImageFile) -> None:
        load(picture)
        picture._size = (3, 4)

    monkeypatch.setattr(JpegImageFile, "load", load_another_size)
    problem = decode_jpeg(BASELINE).problem
    assert problem == "the JPEG's header says 24 x 17 pixels, the picture has 3 x 4"


def test_damaged_exif_warns_nobody() -> None:
    data = jpeg(exif=DAMAGED_EXIF)
    with pytest.warns(UserWarning, match="Corrupt EXIF"):
        Image.open(io.BytesIO(data))
    assert decode_jpeg(data) == Content(width=24, height=17, decoded=True)


def test_many_pixels_warn_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 300)
    with pytest.warns(Image.DecompressionBombWarning):
        Image.open(io.BytesIO(BASELINE))
    assert decode_jpeg(BASELINE).problem is None


@given(st.binary(max_size=400))
def test_no_bytes_make_a_check_raise(data: bytes) -> None:
    for content in (check_jpeg(data), check_jpeg(b"\xff\xd8\xff" + data), check_ocr(data)):
        assert_sound(content)
    assert_sound(decode_jpeg(b"\xff\xd8\xff" + data))
    assert_sound(check_ocr(gzipped(data)))
    assert ocr_text(gzipped(data), 10) == ""


@given(
    st.sampled_from(sorted(WHOLE_JPEGS.values())),
    st.lists(st.tuples(st.integers(0, 2000), st.binary(min_size=1, max_size=4)), max_size=4),
    st.integers(0, 3),
)
def test_no_damage_makes_a_jpeg_check_raise(
    data: bytes, changes: list[tuple[int, bytes]], removed: int
) -> None:
    damaged = bytearray(data)
    for position, replacement in changes:
        place = position % len(damaged)
        damaged[place : place + max(1, len(replacement) - removed)] = replacement
    cheap, decoded = check_jpeg(bytes(damaged)), decode_jpeg(bytes(damaged))
    assert_sound(cheap)
    assert_sound(decoded)
    assert decoded.problem is not None or decoded == replace(cheap, decoded=True)


def test_real_photos_are_whole(real_data: RealData) -> None:
    photos = [*real_data("off/images").glob("*.jpg"), *real_data("bins/images").glob("*.jpg")]
    assert len(photos) > 50
    for photo in photos:
        data = photo.read_bytes()
        with Image.open(photo) as picture:
            expected = Content(width=picture.width, height=picture.height)
        assert check_jpeg(data) == expected, photo.name
        assert decode_jpeg(data) == replace(expected, decoded=True), photo.name
        assert check_jpeg(data[:-1]).problem is not None, photo.name
        assert check_jpeg(data[: len(data) // 2]).problem is not None, photo.name


def packed(document: object) -> bytes:
    return gzipped(json.dumps(document).encode())


def packed_text(text: str) -> bytes:
    return packed({"responses": [{"fullTextAnnotation": {"text": text, "pages": []}}]})


WHOLE_OCR = [
    ({"responses": [{"fullTextAnnotation": {"text": "Lait"}}]}, "text", "Lait"),
    ({"responses": [{"textAnnotations": [{"description": "Lait"}, {}]}]}, "text", "Lait"),
    (
        {"responses": [{"fullTextAnnotation": {"text": ""}, "textAnnotations": [{}]}]},
        "no text",
        "",
    ),
    ({"responses": [{"fullTextAnnotation": None, "textAnnotations": []}]}, "no text", ""),
    ({"responses": [{"fullTextAnnotation": {"text": " \n"}}]}, "no text", " \n"),
    ({"responses": [{}], "created_at": 1_651_020_033}, "no text", ""),
    ({"responses": [{"labelAnnotations": [{"description": "Food"}]}]}, "no text", ""),
    ({"responses": []}, "empty", ""),
    ({"responses": None}, "empty", ""),
    ({}, "empty", ""),
]


@pytest.mark.parametrize(("document", "status", "text"), WHOLE_OCR)
def test_a_whole_ocr_result_passes_with_its_status(
    document: object, status: OcrStatus, text: str
) -> None:
    assert check_ocr(packed(document)) == Content(ocr_status=status)
    assert ocr_text(packed(document), 100) == text


@pytest.mark.parametrize(
    ("error", "said"),
    [
        ({"code": 3, "message": "Bad image data."}, "Bad image data."),
        ({"code": 3, "message": "two\nlines \ud800"}, r"two\nlines \ud800"),
        ({"message": "x" * 1000}, "x" * 200 + "..."),
        ("quota", "quota"),
        ({"code": 3}, "it did not say why"),
        ([1], "it did not say why"),
    ],
)
def test_an_error_of_cloud_vision_is_complete_and_reported(error: object, said: str) -> None:
    for document in ({"responses": [{"error": error}]}, {"error": error}):
        assert check_ocr(packed(document)) == Content(ocr_status="error", ocr_error=said)
        assert ocr_text(packed(document), 100) == ""


@pytest.mark.parametrize(
    "data",
    [packed({}) + bytes(512), gzipped(b"\xef\xbb\xbf{}"), packed({}) + gzipped(b" ")],
)
def test_zeros_behind_the_end_and_a_byte_order_mark_are_passed_over(data: bytes) -> None:
    assert check_ocr(data) == check_ocr(packed({}))


NO_NUMBER = "is not a JSON number"
DAMAGED_OCR = [
    (b"", "this is empty, but not gzipped"),
    (b'{"responses":[]}', "this is JSON, but not gzipped: it starts with '{\"responses\":[]}'"),
    (b"<html>", "this is HTML, but not gzipped"),
    (BASELINE, "this is a JPEG, but not gzipped"),
    (packed({})[:-1], "the gzip file ends too early: cut at"),
    (packed({})[:12], "the gzip file ends too early: cut at 12 bytes"),
    (packed({})[:-8] + bytes(8), "the gzip file is damaged: "),
    (packed({})[:-4] + bytes(4), "the gzip file is damaged: "),
    (b"\x1f\x8b\x09" + bytes(20), "the gzip file is damaged: "),
    (packed({}) + b"more", "the gzip file has 4 bytes after its end: this is of no known format"),
    (gzipped(packed({})), "gzipped twice"),
    (packed({}) + gzipped(b"") * 100, "unpacks to more than 67,108,864 bytes or 100 members"),
    (gzipped(b""), "unpacked, this is empty, not JSON"),
    (gzipped(b"<!DOCTYPE html>"), "unpacked, this is HTML, not JSON"),
    (gzipped(BASELINE), "unpacked, this is not UTF-8 at byte 0"),
    (gzipped(b'{"a": "\xff"}'), "unpacked, this is not UTF-8 at byte 7"),
    (gzipped(b"\xff\xfe{\x00}\x00"), "unpacked, this is not UTF-8 at byte 0"),
    (gzipped(b'{"responses": [{'), "the JSON is damaged: "),
    (gzipped(b"{} {}"), "the JSON is damaged: Extra data"),
    (gzipped(b'{"a": NaN}'), f"the JSON is damaged: NaN {NO_NUMBER}"),
    (gzipped(b'{"a": -Infinity}'), f"the JSON is damaged: -Infinity {NO_NUMBER}"),
    (gzipped(b'{"a": ' + b"9" * 5000 + b"}"), "the JSON is damaged: "),
    (gzipped(b'{"a":' * 100_000), "the JSON is nested too deeply to be read"),
    (gzipped(b"[" * 100_000 + b"]" * 100_000), "the JSON is nested too deeply to be read"),
    (gzipped(b'{"responses": [], "responses": [{}]}'), "a field appears twice in one object"),
    (packed([]), "unlike Cloud Vision's: the OCR result is a list, not an object"),
    (packed("text"), "unlike Cloud Vision's: the OCR result is a text, not an object"),
    (packed(None), "unlike Cloud Vision's: the OCR result is null, not an object"),
    (packed({"responses": {}}), "responses is an object, not a list"),
    (packed({"responses": [None]}), "responses[0] is null, not an object"),
    (packed({"responses": [[]]}), "responses[0] is a list, not an object"),
    (
        packed({"responses": [{"fullTextAnnotation": "x"}]}),
        "fullTextAnnotation is a text, not an object",
    ),
    (packed({"responses": [{"fullTextAnnotation": {"text": 12}}]}), "text is 12, not a text"),
    (packed({"responses": [{"textAnnotations": True}]}), "textAnnotations is true, not a list"),
    (packed({"responses": [{"textAnnotations": [1.5]}]}), "textAnnotations[0] is 1.5, not"),
    (
        packed({"responses": [{"textAnnotations": [{"description": []}]}]}),
        "description is a list, not a text",
    ),
]


@pytest.mark.parametrize(("data", "words"), DAMAGED_OCR, ids=[case[1] for case in DAMAGED_OCR])
def test_an_incomplete_ocr_result_is_reported(data: bytes, words: str) -> None:
    content = check_ocr(data)
    assert words in str(content.problem)
    assert_sound(content)
    assert ocr_text(data, 100) == ""


def test_words_that_look_like_fields_are_not_repeated_fields() -> None:
    words = [{"description": word} for word in ("responses", "responses", "error", "error")]
    document = {"responses": [{"textAnnotations": words}]}
    assert check_ocr(packed(document)) == Content(ocr_status="text")


def test_several_gzip_members_are_one_file() -> None:
    data = gzipped(b'{"responses"') + gzipped(b": [{}]}")
    assert check_ocr(data) == Content(ocr_status="no text")


def test_no_beginning_of_an_ocr_result_passes() -> None:
    data = packed_text("Ingredients: milk")
    passing = [size for size in range(len(data)) if check_ocr(data[:size]).problem is None]
    assert passing == []


def test_unpacking_stops_at_the_bound() -> None:
    bomb = gzipped(bytes(32 * 1024 * 1024), compresslevel=1)
    tracemalloc.start()
    problem = check_ocr(bomb, max_bytes=1024 * 1024).problem
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert problem == "the gzip file unpacks to more than 1,048,576 bytes or 100 members"
    assert peak < 6 * 1024 * 1024


def test_the_bound_is_the_last_size_that_passes() -> None:
    document = b'{"responses": [{}]}'
    for data in (gzipped(document), gzipped(document) + gzipped(b"")):
        assert check_ocr(data, max_bytes=len(document)).problem is None
        assert "unpacks to more than 18 bytes" in str(check_ocr(data, max_bytes=18).problem)


def test_text_is_cut_to_the_limit_and_can_be_encoded() -> None:
    assert ocr_text(packed_text("Zutaten: Käse"), 10) == "Zutaten: K"
    assert ocr_text(packed_text("Käse"), 4) == "Käse"
    assert ocr_text(packed_text("Käse"), 0) == ocr_text(packed_text("Käse"), -1) == ""
    assert ocr_text(packed_text("half \ud83e pair"), 100) == "half ? pair"


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)


@given(
    JSON
    | st.fixed_dictionaries(
        {},
        optional={
            "error": JSON,
            "responses": JSON
            | st.lists(
                st.fixed_dictionaries(
                    {},
                    optional={
                        "error": JSON,
                        "fullTextAnnotation": JSON | st.fixed_dictionaries({"text": JSON}),
                        "textAnnotations": JSON
                        | st.lists(st.fixed_dictionaries({"description": JSON})),
                    },
                )
            ),
        },
    )
)
def test_no_shape_makes_the_ocr_check_raise(document: object) -> None:
    data = gzipped(json.dumps(document, allow_nan=False).encode(), compresslevel=1)
    content = check_ocr(data)
    assert_sound(content)
    assert (content.problem is None) != (content.ocr_status is None)
    assert (content.ocr_status == "error") == (content.ocr_error is not None)
    text = ocr_text(data, 5)
    assert len(text.encode()) <= 20
    assert not text.strip() or content.ocr_status == "text"


@given(st.integers(0, 200), st.integers(1, 255))
def test_one_changed_byte_never_makes_the_ocr_check_raise(position: int, change: int) -> None:
    data = bytearray(packed_text("Ingredients: milk"))
    data[position % len(data)] ^= change
    assert_sound(check_ocr(bytes(data)))


def test_a_changed_byte_of_the_packed_text_never_changes_the_text() -> None:
    text = "Ingredients: milk, milk, milk, and some more milk"
    data = packed_text(text)
    for position in range(10, len(data)):
        damaged = bytearray(data)
        damaged[position] ^= 0x10
        noticed = check_ocr(bytes(damaged)).problem is not None
        # Deflate may end in bits that mean nothing.
        assert noticed or ocr_text(bytes(damaged), 100) == text, position


def test_real_ocr_results_are_whole(real_data: RealData) -> None:
    paths = sorted(real_data("off/ocr").iterdir())
    assert len(paths) > 3
    for path in paths:
        data = path.read_bytes()
        if path.suffix == ".json":
            assert str(check_ocr(data).problem).startswith("this is JSON, but not gzipped")
            data = gzipped(data, compresslevel=1)
        found = check_ocr(data)
        assert (found.problem, found.ocr_status) == (None, "text"), path.name
        document = json.loads(gzip.decompress(data))
        text = document["responses"][0]["fullTextAnnotation"]["text"]
        assert ocr_text(data, 40) == text[:40]
        assert ocr_text(data, len(text) + 1) == text


def test_every_kind_has_its_check() -> None:
    assert check_for("raw")(BASELINE) == check_for("400")(BASELINE) == check_jpeg(BASELINE)
    assert check_for("ocr")(packed({})) == Content(ocr_status="empty")
    assert check_for("ocr")(BASELINE).problem is not None


@pytest.mark.parametrize("kind", ["", "jpg", "RAW", "400px"])
def test_a_kind_that_does_not_exist_has_no_check(kind: str) -> None:
    with pytest.raises(ValueError, match="there is no kind of object"):
        check_for(kind)
