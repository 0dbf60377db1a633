"""Credentials in URLs and among environment variables: how they are recognised, and hidden.

Pure: `settings.py` reads the environment.
"""

import re
from collections.abc import Mapping
from urllib.parse import unquote

# Names of variables with credentials: ours, AWS's, Postgres' and most others'.
_SECRET_NAME = re.compile(r"SECRET|PASSW|PWD|TOKEN|WEBHOOK|ALERTS|CREDENTIAL|ACCESS_KEY|API_KEY")
# Credentials in a URL: before its host, or in its query.
_USER_IN_ADDRESS = re.compile(r"(?<=://)[^/?#]*@")
_SECRET_IN_QUERY = re.compile(
    r"(?i)(?<=[?&;])(x-amz-(?:signature|credential|security-token)|sig|signature|key|secret|"
    r"(?:access|api|auth)?[-_]?(?:token|key|password)|pass(?:word)?|pwd|awsaccesskeyid)=[^&;#]*"
)
# Tokens in the path of a URL, for example; no message contains the whole URL.
_PARTS_OF_URLS = re.compile(r"[\s,/?&=:@#]+")


def demand_no_credentials(address: str) -> str:
    """Refuses a URL with a secret: addresses are written to manifests, cards, tables and the UI.

    Returns:
        The address.

    Raises:
        ValueError: what it must not contain, and how to sign requests instead.
    """
    if "://" not in address:
        return address
    if _USER_IN_ADDRESS.search(address):
        raise ValueError(
            "must not contain a user name or password, as addresses are written to cards and "
            "tables; use the standard AWS chain with s3:// and OFF_PLATFORM_SOURCES_ACCESS=signed"
        )
    if _SECRET_IN_QUERY.search(address):
        raise ValueError(
            "must not be signed or contain a token, as addresses are written to cards and tables; "
            "use the standard AWS chain with s3:// and OFF_PLATFORM_SOURCES_ACCESS=signed"
        )
    return address


def without_credentials(text: str) -> str:
    """A text with `***` for the credentials of URLs in it."""
    return _SECRET_IN_QUERY.sub(r"\1=***", _USER_IN_ADDRESS.sub("***@", text))


def secrets_among(variables: Mapping[str, str | None]) -> list[str]:
    """The values of variables with credentials, and the parts of those that are URLs.

    Args:
        variables: environment variables by name.

    Returns:
        Texts that must not be written to files, longest first.
    """
    whole = {
        value for name, value in variables.items() if value and _SECRET_NAME.search(name.upper())
    }
    parts = {part for value in whole if "://" in value for part in _PARTS_OF_URLS.split(value)}
    return sorted(whole | parts | {unquote(part) for part in parts}, key=len, reverse=True)
