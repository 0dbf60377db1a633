"""The bucket as files: the same bytes again, sound photos, every awkward case."""

import gzip
import hashlib
import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image, ImageOps

from off_platform.images import keys
from off_platform.sandbox.bucket_folder import MARKER
from off_platform.sandbox.images_bucket import ImagesBucket, make_images_bucket
from off_platform.sandbox.images_plan import KINDS, LEAST_PRODUCTS


def tree(bucket: ImagesBucket) -> dict[str, str]:
    """The hash of every file below a bucket, by its key."""
    files = sorted(path for path in bucket.folder.rglob("*") if path.is_file())
    return {
        path.relative_to(bucket.folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


def key_list(bucket: ImagesBucket) -> bytes:
    return gzip.decompress((bucket.folder / keys.KEY_LIST).read_bytes())


def ocr(bucket: ImagesBucket, name: str) -> object:
    (key,) = bucket.awkward[name]
    return json.loads(gzip.decompress((bucket.folder / key).read_bytes()))


def test_the_same_seed_gives_the_same_bytes(bucket: ImagesBucket, repaired: ImagesBucket) -> None:
    assert tree(bucket) == tree(repaired)


def test_another_seed_gives_another_bucket(bucket: ImagesBucket, other_seed: ImagesBucket) -> None:
    here, there = tree(bucket), tree(other_seed)
    shared = {key for key in here.keys() & there.keys() if key.endswith(".jpg")}
    assert shared
    broken = {*bucket.awkward["html_page"], *other_seed.awkward["html_page"]}
    assert not [key for key in shared - broken if here[key] == there[key]]
    assert [path.name for path in other_seed.folder.parent.iterdir()] == ["bucket"]


def test_what_a_killed_make_left_is_removed(repaired: ImagesBucket) -> None:
    beside = {path.name for path in repaired.folder.parent.iterdir()}
    assert beside == {"bucket"}
    assert not (repaired.folder / "data" / "999").exists()
    assert repaired.made


def test_a_killed_build_leaves_nothing_behind(tmp_path: Path) -> None:
    folder = tmp_path / "bucket"
    program = (
        "import pathlib, sys; from off_platform.sandbox.images_bucket import make_images_bucket;"
        "make_images_bucket(pathlib.Path(sys.argv[1]))"
    )
    with subprocess.Popen([sys.executable, "-c", program, str(folder)]) as making:  # noqa: S603 - ours
        while making.poll() is None and not list(tmp_path.glob("bucket.part/**/*.jpg")):
            time.sleep(0.01)
        making.kill()
    assert making.returncode == -signal.SIGKILL
    assert [path.name for path in tmp_path.iterdir()] == ["bucket.part"]


def test_an_existing_bucket_is_kept(bucket: ImagesBucket, tmp_path: Path) -> None:
    folder = tmp_path / "bucket"
    shutil.copytree(bucket.folder, folder)
    (folder / "data" / "note.txt").write_text("still here")
    again = make_images_bucket(folder, products=LEAST_PRODUCTS, seed=1)
    assert not again.made
    assert (folder / "data" / "note.txt").exists()
    assert again.awkward == bucket.awkward


def test_other_folders_are_not_touched(tmp_path: Path) -> None:
    mine = tmp_path / "holiday.jpg"
    mine.write_bytes(b"mine")
    with pytest.raises(FileExistsError, match="not a sandbox"):
        make_images_bucket(tmp_path, products=LEAST_PRODUCTS)
    with pytest.raises(FileExistsError, match="not a sandbox"):
        make_images_bucket(mine, products=LEAST_PRODUCTS)
    assert mine.read_bytes() == b"mine"


def test_photos_open_and_their_copies_are_upright_and_400_pixels_long(bucket: ImagesBucket) -> None:
    broken = {*bucket.awkward["truncated_jpeg"], *bucket.awkward["html_page"]}
    sound = [path for path in bucket.folder.rglob("*.400.jpg")
             if path.relative_to(bucket.folder).as_posix() not in broken]  # fmt: skip
    assert len(sound) > 15
    for path in sound:
        with Image.open(path) as small, Image.open(str(path).replace(".400.jpg", ".jpg")) as raw:
            small.load()
            raw.load()
            assert small.format == raw.format == "JPEG"
            assert max(small.size) == 400
            assert not small.getexif()
            width, height = ImageOps.exif_transpose(raw).size
            assert small.width / small.height == pytest.approx(width / height, abs=0.01)


def test_the_list_is_sorted_by_bytes_and_ends_without_a_newline(bucket: ImagesBucket) -> None:
    text = key_list(bucket)
    lines = text.split(b"\n")
    assert lines == sorted(lines)
    assert not text.endswith(b"\n")
    assert len(lines) == len(set(lines)) == bucket.line_count
    many = [line.rsplit(b"/")[-1] for line in lines if line.endswith((b"/1.jpg", b"/1400.jpg"))]
    assert many.index(b"1400.jpg") == many.index(b"1.jpg", many.index(b"1400.jpg") - 1) + 1


def test_list_and_bucket_differ_only_in_the_awkward_cases(bucket: ImagesBucket) -> None:
    files = {key for key in tree(bucket) if key != MARKER}
    listed = set(key_list(bucket).decode().split("\n"))
    gone = {*bucket.awkward["listed_but_gone"], *bucket.awkward["junk_line"]}
    assert listed - files == gone
    assert files - listed == {*bucket.awkward["stored_but_unlisted"]}
    assert len(files) == bucket.object_count + 1


def test_the_rare_barcodes_have_the_keys_of_the_genuine_ones(bucket: ImagesBucket) -> None:
    found = {name: paths[0] for name, paths in bucket.awkward.items()}
    assert found["document_barcode"] == "data/401/235/911/4303/1.jpg"
    assert found["ean_8"].startswith("data/000/002/048/")
    assert found["unsplit_layout"] == "data/20065034/1.jpg"
    assert found["fourteen_digits"] == "data/123/456/700/00017/1.jpg"
    assert found["fourteen_digits_leading_zero"] == "data/201/234/560/0010/1.jpg"
    assert found["eighteen_digits"] == "data/290/530/101/113758688/1.jpg"
    assert found["image_id_400"].endswith("/400.jpg")
    assert found["image_id_1400"].endswith("/1400.jpg")
    assert all((bucket.folder / path).is_file() for name, path in found.items()
               if name not in {"listed_but_gone", "junk_line"})  # fmt: skip
    assert (bucket.folder / "data/000/002/006/5034/2.jpg").is_file()


def test_the_broken_photos_are_broken_as_named(bucket: ImagesBucket) -> None:
    for key in bucket.awkward["truncated_jpeg"]:
        with Image.open(bucket.folder / key) as image, pytest.raises(OSError, match="truncated"):
            image.load()
    for key in bucket.awkward["html_page"]:
        assert (bucket.folder / key).read_bytes().startswith(b"<!DOCTYPE html>")


def test_the_broken_ocr_results_are_broken_as_named(bucket: ImagesBucket) -> None:
    failed = ocr(bucket, "ocr_error")
    assert isinstance(failed, dict)
    assert failed["responses"][0]["error"]["code"]
    assert ocr(bucket, "ocr_empty_responses") == {"responses": []}
    without = ocr(bucket, "ocr_without_responses")
    assert isinstance(without, dict)
    assert "responses" not in without
    raw, _ = bucket.awkward["without_ocr"]
    assert not (bucket.folder / raw.replace(".jpg", ".json.gz")).exists()


def test_the_list_names_itself_and_holds_junk(bucket: ImagesBucket) -> None:
    lines = key_list(bucket).decode().split("\n")
    assert bucket.awkward["list_names_itself"] == (keys.KEY_LIST,)
    assert keys.KEY_LIST in lines
    (junk,) = bucket.awkward["junk_line"]
    assert junk in lines
    with pytest.raises(keys.NotAKeyError):
        keys.parse(junk)


def test_only_a_few_planned_things_change_after_a_month(
    bucket: ImagesBucket, next_month: ImagesBucket
) -> None:
    before, after = tree(bucket), tree(next_month)
    apart = {MARKER, keys.KEY_LIST}
    assert after.keys() - before.keys() == set(next_month.added)
    assert before.keys() - after.keys() == set(next_month.removed)
    kept = (before.keys() & after.keys()) - apart
    assert {key for key in kept if before[key] != after[key]} == set(next_month.changed)
    assert len(next_month.changed) == 1
    assert len(next_month.removed) == len(KINDS)
    assert len(next_month.added) >= len(KINDS)
    codes = {keys.parse(key).barcode for key in next_month.added}
    assert codes.isdisjoint(keys.parse(key).barcode for key in before if key not in apart)
    assert (bucket.added, bucket.removed, bucket.changed) == ((), (), ())


def test_files_are_dated_and_only_what_changed_is_younger(
    bucket: ImagesBucket, next_month: ImagesBucket
) -> None:
    dates = {key: (bucket.folder / key).stat().st_mtime for key in tree(bucket)}
    later = {key: (next_month.folder / key).stat().st_mtime for key in tree(next_month)}
    kept = (dates.keys() & later.keys()) - {MARKER, keys.KEY_LIST}
    assert tuple(key for key in kept if later[key] > dates[key]) == next_month.changed
    for photo in bucket.photos:
        assert {dates[key] for key in photo.keys(photo.stored)} <= {photo.uploaded_t}
