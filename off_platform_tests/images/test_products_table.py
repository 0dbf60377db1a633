"""The table `products`: from a file, from an address, or one sentence why not."""

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from off_platform.barcodes.text import normal_form
from off_platform.dumps.formats import UnknownDumpError
from off_platform.dumps.published_files import NoFileError
from off_platform.images.product_schemas import PRODUCT_PHOTOS, PRODUCTS
from off_platform.images.products import make_products, stored_facts
from off_platform.sandbox.make import PRODUCTS_DUMP, Sandbox
from off_platform.settings import Settings
from off_platform.storage.download import DownloadError
from off_platform_tests.images_desk import Desk, rows_of
from off_platform_tests.s3.server import Faults, S3Server

SETTINGS = Settings(_env_file=None, attempts=3)


def lines_of(sandbox: Sandbox) -> list[dict[str, Any]]:
    """The dump's lines, read without the wing."""
    return [
        json.loads(line)
        for line in gzip.decompress(sandbox.products_dump.read_bytes()).splitlines()
    ]


def test_the_sandboxes_dump(desk: Desk, sandbox: Sandbox) -> None:
    facts = make_products(desk.lake, str(sandbox.products_dump), SETTINGS, desk.connection)
    lines = lines_of(sandbox)
    rows = {row["code"]: row for row in rows_of(desk.connection, desk.lake.address("products"))}
    assert list(rows) == sorted(normal_form(line["code"]) for line in lines)
    assert (len(rows), facts.rejected, facts.reasons) == (len(lines), 0, ())
    assert facts.lacking == ()
    for line in lines:
        row = rows[normal_form(line["code"])]
        assert row["last_editor"] == line["last_modified_by"]
        modified = datetime.fromtimestamp(int(line["last_modified_t"]), UTC)
        assert row["last_modified"] == modified
        assert row["last_image"] == datetime.fromtimestamp(int(line["last_image_t"]), UTC).date()
        assert row["countries"] == line["countries_tags"]
        assert row["categories"] == line["categories_tags"]
        assert row["category"] == line["categories_tags"][-1]
        assert row["languages"] == [line["lang"]]
        assert row["name"] == line["product_name"]
        assert (row["nova"], row["quantity"]) == (line["nova_group"], line["quantity"])
    for table in (PRODUCTS, PRODUCT_PHOTOS):
        found = pq.read_schema(desk.lake.address(table.name))
        assert {field.name: field.type for field in found} == {
            field.name: field.type for field in table.arrow
        }
    photos = rows_of(desk.connection, desk.lake.address("product_photos"))
    assert len(photos) == sum(row["photos"] for row in rows.values())
    assert {row["code"] for row in photos} == rows.keys()
    assert [(row["code"], row["image_id"]) for row in photos] == sorted(
        (row["code"], row["image_id"]) for row in photos
    )
    assert any("packaging_" in str(row["selected"]) for row in photos)


def test_the_products_of_the_bucket_are_in_the_dump(desk: Desk, sandbox: Sandbox) -> None:
    # The codes meet in their normal form, whatever their zeros in either place.
    desk.month()
    make_products(desk.lake, str(sandbox.products_dump), SETTINGS, desk.connection)
    index = desk.lake.rows_of("key_index", ("month", "2026-11-01"))
    products = desk.lake.rows_of("products")
    strangers = desk.connection.execute(
        f"SELECT barcode FROM {index} WHERE barcode NOT IN (SELECT code FROM {products})"
    ).fetchall()
    assert strangers == []


def test_the_same_dump_gives_the_same_bytes(desk: Desk, sandbox: Sandbox) -> None:
    contents = set()
    for _ in range(2):
        make_products(desk.lake, str(sandbox.products_dump), SETTINGS, desk.connection)
        tables = (desk.lake.address(table) for table in ("products", "product_photos"))
        contents.add(b"".join(Path(table).read_bytes() for table in tables))
    assert len(contents) == 1


@pytest.mark.parametrize("fault", [None, "cut", "flip"])
@pytest.mark.parametrize("address", ["{url}/files/{name}", "s3://files/{name}"])
def test_a_dump_at_an_address(
    desk: Desk,
    sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
    address: str,
    fault: str | None,
) -> None:
    monkeypatch.setattr("off_platform.storage.download.time.sleep", lambda _: None)
    with S3Server({"files": sandbox.root}) as server:
        server.faults = Faults(**({fault: 1.0} if fault else {}))
        settings = Settings(_env_file=None, sources_endpoint=server.url, attempts=3)
        location = address.format(url=server.url, name=PRODUCTS_DUMP)
        facts = make_products(desk.lake, location, settings, desk.connection)
    assert facts.rejected == 0
    assert len(rows_of(desk.connection, desk.lake.address("products"))) == len(lines_of(sandbox))
    # What was fetched is gone again.
    assert [name for name in desk.lake.root.names() if "dump" in name] == []


def test_a_missing_file_is_reported_with_its_location(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "nothing.csv.gz"
    with pytest.raises(NoFileError) as refused:
        make_products(desk.lake, str(path), SETTINGS, desk.connection)
    assert str(refused.value) == (
        f"There is no dump of products at {path}; check OFF_PLATFORM_PRODUCTS_DUMP."
    )
    with pytest.raises(NoFileError):
        make_products(desk.lake, str(tmp_path), SETTINGS, desk.connection)


@pytest.mark.parametrize("data", [b"<html>", gzip.compress(b"code\tname\n" * 3000, mtime=0)[:-100]])
def test_a_file_that_is_not_a_dump_leaves_the_table(
    desk: Desk, sandbox: Sandbox, tmp_path: Path, data: bytes
) -> None:
    make_products(desk.lake, str(sandbox.products_dump), SETTINGS, desk.connection)
    before = Path(desk.lake.address("products")).read_bytes()
    (tmp_path / "dump").write_bytes(data)
    with pytest.raises(UnknownDumpError):
        make_products(desk.lake, str(tmp_path / "dump"), SETTINGS, desk.connection)
    assert Path(desk.lake.address("products")).read_bytes() == before


def test_an_address_at_which_there_is_nothing(desk: Desk, server: S3Server) -> None:
    location = f"{server.url}/openfoodfacts-images/no/dump.csv.gz"
    with pytest.raises(DownloadError, match=r"dump\.csv\.gz is not there"):
        make_products(desk.lake, location, SETTINGS, desk.connection)


def test_rows_that_are_left_out_are_counted(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "dump.csv"
    lines = ["code\tlast_modified_t", "3017620422003\t1", "\t2", "x\t3", "03017620422003\t4"]
    path.write_text("\n".join(lines))
    facts = make_products(desk.lake, str(path), SETTINGS, desk.connection)
    assert len(rows_of(desk.connection, desk.lake.address("products"))) == 1
    assert facts.rejected == 3
    assert facts.lacking
    assert stored_facts(desk.lake, desk.connection) == facts
    assert len(facts.reasons) == 3
    assert all(reason.startswith("1 rows: ") for reason in facts.reasons)
