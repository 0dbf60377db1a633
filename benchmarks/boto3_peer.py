"""What one would write with boto3: many objects to files in threads, over one client.

`python -m benchmarks.boto3_peer URL KEY_LIST FOLDER`. Nothing is checked here.
"""

import gzip
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import boto3
from botocore import UNSIGNED
from botocore.config import Config

THREADS = 32


def fetch(url: str, key_list: Path, folder: Path) -> None:
    """Fetches the objects of a key list into a folder."""
    client = boto3.client(
        "s3",
        endpoint_url=url,
        region_name="us-east-1",
        config=Config(signature_version=UNSIGNED, max_pool_connections=THREADS),
    )

    def fetch_one(key: str) -> None:
        found = client.get_object(Bucket="bucket", Key=key)
        (folder / key.removeprefix("data/").replace("/", "_")).write_bytes(found["Body"].read())

    keys = gzip.decompress(key_list.read_bytes()).decode().splitlines()
    with ThreadPoolExecutor(THREADS) as threads:
        for _ in threads.map(fetch_one, keys):
            pass


if __name__ == "__main__":
    fetch(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
