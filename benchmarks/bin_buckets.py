"""Generates a folder that stands for the bins bucket: `python -m benchmarks.bin_buckets N FOLDER`.

Metadata of 2 kB in the genuine shape, an item in every second bin shared with the one before; of
the photos there is only a byte each, for the listing.
"""

import json
import sys
from pathlib import Path
from random import Random

# As many as the dataset's pilot set has; the rest is of the main set.
PILOT = 1_200
NAME = (
    "A name as long as names of products in this dataset mostly are, with two or three words more"
)


def ids(bins: int) -> list[str]:
    """Ids of both spaces."""
    pilot = min(PILOT, bins // 10)
    main = [f"{number:05d}" for number in range(1, bins - pilot + 1)]
    return [*main, *(str(number) for number in range(1, pilot + 1))]


def metadata(bin_id: str, luck: Random, shared: str | None) -> tuple[str, str]:
    """The JSON of a bin, and an item that the next bin may share."""
    is_pilot = len(bin_id) < len("00001")
    count = (int(bin_id) - 1) // 200 if is_pilot else luck.choice((2, 3, 3, 4))
    fcskus = [f"B0{luck.randrange(16**8):08X}" for _ in range(count)]
    if shared and fcskus:
        fcskus[0] = shared
    data = {fcsku: _item(fcsku, luck, is_pilot=is_pilot) for fcsku in fcskus}
    top = {
        "BIN_FCSKU_DATA": data,
        "EXPECTED_QUANTITY": sum(each["quantity"] for each in data.values()),
    }
    if is_pilot:
        top["image_fname"] = f"{bin_id}.jpg"
    return json.dumps(top, indent=4, sort_keys=True), fcskus[-1] if fcskus else ""


def _item(fcsku: str, luck: Random, *, is_pilot: bool) -> dict[str, object]:
    sides = sorted((luck.uniform(0.5, 14) for _ in range(3)), reverse=True)
    measures = {
        side: {"unit": "IN", "value": value}
        for side, value in zip(("length", "width", "height"), sides, strict=True)
    }
    item: dict[str, object] = {
        "asin": fcsku,
        "name": NAME,
        "quantity": 1 if is_pilot else luck.choice((1, 1, 2)),
        "weight": {"unit": "pounds", "value": luck.uniform(0.1, 9)},
        **measures,
    }
    return item if is_pilot else {**item, "normalizedName": NAME}


def main(bins: int, folder: Path) -> None:
    """Writes all of it."""
    luck, shared = Random(1), None  # noqa: S311 - the same bytes each time
    for part in ("metadata", "bin-images"):
        (folder / part).mkdir(parents=True)
    for number, bin_id in enumerate(ids(bins)):
        text, item = metadata(bin_id, luck, shared if number % 2 else None)
        shared = item or None
        (folder / "metadata" / f"{bin_id}.json").write_text(text, encoding="utf-8")
        (folder / "bin-images" / f"{bin_id}.jpg").write_bytes(b"\xff")


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
