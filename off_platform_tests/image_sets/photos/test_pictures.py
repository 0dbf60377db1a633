"""Pictures that are named as JPEGs and are none, and how photos are turned: as Pillow has it."""

import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from off_platform.bins import image_set as bins
from off_platform.bins.choice import BinChoice
from off_platform.bins.image_set_assets import BinImageSetConfig
from off_platform.image_sets.declaration.declared import declared_choice
from off_platform.image_sets.photos.contents import Content, check_jpeg, decode_jpeg
from off_platform.image_sets.photos.jpeg import orientation_in
from off_platform.image_sets.photos.pictures import check_other_format
from off_platform.images import image_set as images
from off_platform.images.choice import Choice
from off_platform.images.image_set_assets import ImageSetConfig
from off_platform.settings import Settings
from off_platform.storage.objects import Source
from off_platform_tests.images_desk import Desk, Row, desk_at

FORMATS: list[tuple[str, dict[str, Any]]] = [
    ("PNG", {}),
    ("WebP", {}),
    ("WebP", {"lossless": True}),
    ("WebP", {"exif": b"Exif\0\0MM\0*"}),
    ("GIF", {}),
]


def picture(form: str, size: tuple[int, int] = (30, 20), **options: Any) -> bytes:
    stream = io.BytesIO()
    pixels = bytes(i * i % 251 for i in range(size[0] * size[1] * 3))
    Image.frombytes("RGB", size, pixels).save(stream, form, **options)
    return stream.getvalue()


def photo(orientation: int, order: str = "<") -> bytes:
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    exif[0x0112] = orientation
    exif.endian = order
    return picture("JPEG", exif=exif)


@pytest.mark.parametrize(("form", "options"), FORMATS)
def test_a_whole_picture_is_known_by_its_bytes(form: str, options: dict[str, Any]) -> None:
    content = check_other_format(picture(form, **options))
    assert content == Content(width=30, height=20, format=form, decoded=True)


@pytest.mark.parametrize(("form", "options"), FORMATS)
def test_a_truncated_image_is_reported(form: str, options: dict[str, Any]) -> None:
    data = picture(form, **options)
    content = check_other_format(data[: len(data) // 2])
    assert content is not None
    assert content.problem == f"the {form} cannot be decoded"


FRAMES = [Image.new("RGB", (30, 20), (40 * at, 0, 0)) for at in range(5)]


@pytest.mark.parametrize("form", ["PNG", "WebP", "GIF"])
@pytest.mark.parametrize("frames", [1, 5])
def test_an_image_without_its_last_bytes_is_reported(form: str, frames: int) -> None:
    stream = io.BytesIO()
    FRAMES[0].save(stream, form, save_all=frames > 1, append_images=FRAMES[1:frames])
    data = stream.getvalue()
    for whole in (data, data + b"\0\0"):
        assert check_other_format(whole) == Content(width=30, height=20, format=form, decoded=True)
    for kept in range(40, len(data)):
        content = check_other_format(data[:kept])
        assert content is not None
        assert content.problem is not None


@pytest.mark.parametrize("data", [b"", b"\xff\xd8\xff", b"GIF", b"RIFF\0\0\0\0WAVE", b"%PDF-1.4"])
def test_other_formats_are_left_alone(data: bytes) -> None:
    assert check_other_format(data) is None


BOMBS = {
    "PNG": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + (60_000).to_bytes(4) * 2 + bytes(20),
    "GIF": b"GIF89a\xff\xff\xff\xff" + bytes(20),
    "WebP": b"RIFF\xff\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\xff\x3f\0\xff\x3f\0" + bytes(20),
}


@pytest.mark.parametrize("form", BOMBS)
def test_too_many_pixels_are_refused_by_the_header(form: str) -> None:
    content = check_other_format(BOMBS[form])
    assert content is not None
    assert "pixels, and 1 to 64,000,000 are allowed" in str(content.problem)


@given(st.binary(max_size=60), st.sampled_from(list(BOMBS.values())), st.integers(0, 30))
def test_no_bytes_raise(tail: bytes, start: bytes, kept: int) -> None:
    check_other_format(start[:kept] + tail)
    check_jpeg(b"\xff\xd8" + start[:kept] + tail)
    orientation_in(b"II*\0" + tail)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("orientation", range(10))
def test_the_orientation_is_what_pillow_reads(orientation: int, order: str) -> None:
    data = photo(orientation, order)
    with Image.open(io.BytesIO(data)) as opened:
        assert opened.getexif()[0x0112] == orientation
    known = orientation if orientation in range(1, 9) else None
    assert check_jpeg(data).orientation == decode_jpeg(data).orientation == known
    assert check_jpeg(picture("JPEG")).orientation is None


@pytest.fixture
def odd(bucket: Path) -> dict[str, bytes]:
    """Photos of other formats, and a turned one, in the bucket, by key."""
    keys = sorted(path.relative_to(bucket).as_posix() for path in bucket.rglob("*.400.jpg"))
    sound = [key for key in keys if check_jpeg((bucket / key).read_bytes()).problem is None]
    data = [picture("PNG"), picture("WebP"), picture("GIF"), photo(6)]
    found = dict(zip(sound, data, strict=False))
    for key, made in found.items():
        (bucket / key).write_bytes(made)
    return found


def rows_of_odd(desk: Desk, odd: dict[str, bytes]) -> list[Row]:
    rows = {row["key"]: row for row in desk.manifest()}
    return [rows[key] for key in odd]


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_a_set_names_other_formats_or_keeps_them(
    bucket: Path, odd: dict[str, bytes], tmp_path: Path, seed: int
) -> None:
    with desk_at(tmp_path / "lake", Source(str(bucket))) as desk:
        desk.month()
        desk.make(kind="400", seed=seed)
        *others, turned = rows_of_odd(desk, odd)
        assert [row["status"] for row in others] == ["corrupt"] * 3
        assert [row["reason"].split(",")[0] for row in others] == [
            "this is a PNG", "this is a WebP", "this is a GIF",
        ]  # fmt: skip
        assert (turned["format"], turned["orientation"]) == ("JPEG", 6)
        assert (turned["width"], turned["height"]) == (30, 20)
        assert (turned["shown_width"], turned["shown_height"]) == (20, 30)

        desk.make(kind="400", seed=seed, keep_formats=True)
        *others, _ = rows_of_odd(desk, odd)
        assert [row["status"] for row in others] == ["fetched"] * 3
        assert [row["format"] for row in others] == ["PNG", "WebP", "GIF"]
        assert {(row["width"], row["height"]) for row in others} == {(30, 20)}
        again = rows_of_odd(desk, odd)
        desk.make(kind="400", seed=seed, keep_formats=True)
        assert rows_of_odd(desk, odd) == again


@pytest.mark.slow
def test_a_set_of_an_earlier_version_is_refreshed(
    bucket: Path, odd: dict[str, bytes], tmp_path: Path
) -> None:
    with desk_at(tmp_path / "lake", Source(str(bucket))) as desk:
        desk.month()
        desk.make(kind="400")
        manifest = Path(desk.folder().address("manifest.parquet"))
        older = tmp_path / "older.parquet"
        desk.connection.execute(f"""COPY (SELECT * EXCLUDE (format, orientation, shown_width,
            shown_height) FROM '{manifest}') TO '{older}'""")
        older.replace(manifest)
        desk.make(kind="400")
        assert {row["status"] for row in desk.manifest()} >= {"fetched"}
        assert rows_of_odd(desk, odd)[-1]["shown_width"] == 30


def test_formats_are_kept_wherever_requested(tmp_path: Path) -> None:
    declared = tmp_path / "image_sets.toml"
    declared.write_text("[images.some]\nkeep_formats = true\n[bins.some]\nkeep_formats = true\n")
    photos, _ = declared_choice(declared, "images", Choice, "some")
    boxes, _ = declared_choice(declared, "bins", BinChoice, "some")
    plain, varied = Settings(), {"keep_formats": True}
    assert ImageSetConfig(**varied).model_dump().items() >= varied.items()
    assert BinImageSetConfig(**varied).model_dump().items() >= varied.items()
    keeping = [
        images.request_from(plain, "some", photos, "", {}),
        images.request_from(plain, "some", Choice(), "", varied),
        bins.request_from(plain, "some", boxes, "", {}),
        bins.request_from(plain, "some", BinChoice(), "", varied),
    ]
    for request in keeping:
        assert (request.how.keep_formats, request.choice.keep_formats) == (True, True)
        source = Source("s3://somewhere")
        assert " --keep-formats " in request.command("images", source)
    for request in (
        images.request_from(plain, "some", Choice(), "", {}),
        bins.request_from(plain, "some", BinChoice(), "", {}),
    ):
        assert (request.how.keep_formats, request.choice.keep_formats) == (False, False)
