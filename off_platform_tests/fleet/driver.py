"""A process that makes an image set on a Ray cluster, to be killed: `python -m ... ARGUMENTS`.

The arguments are one JSON object: `lake`, `endpoint` (None for a folder), `images` (URL of the
server of the images bucket), `ray` (address) and `options` of the set.
"""

import json
import sys
from typing import Any

from off_platform.storage.fleet import RayFleet
from off_platform.storage.objects import Access, Source
from off_platform_tests.images_desk import BUCKET, REGION, desk_at


def access_to(endpoint: str | None) -> Access | None:
    """How a lake in a bucket is reached."""
    return Access("us-east-1", endpoint, signed=True, retries=3) if endpoint else None


def make(lake: str, endpoint: str | None, images: str, ray: str, options: dict[str, Any]) -> None:
    """Makes the set."""
    source = Source(f"s3://{BUCKET}", Access(REGION, images, request_seconds=10))
    with desk_at(lake, source, access_to(endpoint)) as desk:
        desk.fleet = RayFleet(ray, places=2)
        desk.make(**options)


if __name__ == "__main__":
    make(**json.loads(sys.argv[1]))
