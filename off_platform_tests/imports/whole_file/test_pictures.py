"""Pictures beside the files of an import: each belongs to a product, and can be opened."""

from pathlib import Path

import pytest
from PIL import Image

from off_platform_tests.imports.conftest import Judged, Validate

UPC = "012345678905"


def judged(validate: Validate, pictures: dict[str, bytes | None]) -> Judged:
    """An import of one product with pictures; None is one that is sound."""

    def write(folder: Path) -> None:
        (folder / "images").mkdir(parents=True)
        (folder / "a.csv").write_text(f"barcode,product_name\n{UPC},Pasta\n")
        for name, data in pictures.items():
            path = folder / "images" / name
            if data is not None:
                path.write_bytes(data)
            else:
                form = "PNG" if name.lower().endswith("png") else "JPEG"
                Image.new("RGB", (20, 30), "red").save(path, form)

    return validate(write, "import")


def sound(tmp_path: Path) -> bytes:
    path = tmp_path / "picture.jpg"
    Image.effect_noise((200, 200), 50).save(path)
    return path.read_bytes()


def test_pictures_of_products_have_no_finding(validate: Validate) -> None:
    # However the barcode is written.
    names = (f"{UPC}_front.jpg", f"0{UPC}_ingredients_fr.PNG", f"{UPC}_nutrition_de.jpeg")
    found = judged(validate, {**dict.fromkeys(names), "Thumbs.db": b"of Windows"})
    assert (found.findings, found.verdict.accepted) == ([], 1)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("3017620422003_front.jpg", "belongs to no product"),
        ("front.jpg", "not named after a product"),
        (f"{UPC}_back.jpg", "not named after a product"),
        (f"{UPC}_front.gif", "not named after a product"),
    ],
)
def test_a_picture_without_a_record_is_listed(validate: Validate, name: str, message: str) -> None:
    found = judged(validate, {name: None})
    (finding,) = found.findings
    assert (finding["rule"], finding["level"]) == ("image_without_record", "warning")
    assert finding["value"] == f"images/{name}"
    assert message in finding["message"]
    assert found.verdict.accepted == 1


@pytest.mark.parametrize("damage", ["text", "cut", "empty"])
def test_a_picture_that_cannot_be_opened_is_listed(
    validate: Validate, tmp_path: Path, damage: str
) -> None:
    data = {"text": b"<html>Sorry</html>", "cut": sound(tmp_path)[:3000], "empty": b""}[damage]
    found = judged(validate, {f"{UPC}_front.jpg": data})
    (finding,) = found.findings
    assert (finding["rule"], finding["value"]) == ("image_unreadable", f"images/{UPC}_front.jpg")
    assert found.verdict.accepted == 1
