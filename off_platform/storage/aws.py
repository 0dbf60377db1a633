"""Clients of AWS for what obstore has no call, signed by the ordinary AWS chain."""

from typing import Any

import boto3
from botocore.config import Config

CONNECT_SECONDS = 10


def client(
    service: str,
    region: str | None,
    endpoint: str | None = None,
    *,
    attempts: int = 2,
    seconds: float = 60,
) -> Any:
    """A client, which threads may share; it takes 0.1 s to make.

    Args:
        service: its name in boto3.
        region: of the service.
        endpoint: another than that of AWS.
        attempts: for each request; more than one repeats what got no answer.
        seconds: to wait for an answer.
    """
    config = Config(
        retries={"total_max_attempts": attempts},
        connect_timeout=CONNECT_SECONDS,
        read_timeout=seconds,
    )
    return boto3.client(service, region_name=region, endpoint_url=endpoint, config=config)
