"""AWS clients for calls that obstore lacks, signed with the standard AWS chain.

The door to boto3, which takes 0.15 s to load: a lake on disk and a public bucket do without.
"""

from typing import Any

CONNECT_SECONDS = 10


def client(
    service: str,
    region: str | None,
    endpoint: str | None = None,
    *,
    attempts: int = 2,
    seconds: float = 60,
) -> Any:
    """A client, which threads may share; creating it takes 0.1 s.

    Args:
        service: its name in boto3.
        region: of the service.
        endpoint: a custom endpoint.
        attempts: per request; more than one retries requests without an answer.
        seconds: to wait for an answer.
    """
    import boto3
    from botocore.config import Config

    config = Config(
        retries={"total_max_attempts": attempts},
        connect_timeout=CONNECT_SECONDS,
        read_timeout=seconds,
    )
    return boto3.client(service, region_name=region, endpoint_url=endpoint, config=config)
