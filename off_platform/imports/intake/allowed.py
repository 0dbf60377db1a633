"""Which files a run may import: those of the inbox and of the configured folders.

Anybody who may start runs in the UI can name a path on the server; its file is stored and shown.
"""

from pathlib import Path

from off_platform.storage.objects import is_local, local_folder


class NotAllowedError(PermissionError):
    """The path is in neither the inbox nor a configured folder; the message names the setting."""


def demand_allowed(place: str, inbox: str | None, folders: str) -> Path | None:
    """Ensures that a path or URL may be imported; links are resolved first.

    Args:
        place: a path, or a URL.
        inbox: the configured inbox.
        folders: further folders or prefixes, separated by commas.

    Returns:
        The path without links, which may lead elsewhere later; None for a URL.

    Raises:
        NotAllowedError: it may not be imported.
    """
    found = _resolved(place) if is_local(place) else None
    for allowed in [inbox or "", *folders.split(",")]:
        if allowed.strip() and _is_below(place, found, allowed.strip()):
            return found
    raise NotAllowedError(
        f"{place[:200]!r} is in neither the inbox (OFF_PLATFORM_INBOX) nor a folder of "
        "OFF_PLATFORM_IMPORT_FOLDERS, so a run may not read it; add its folder there."
    )


def _is_below(place: str, path: Path | None, allowed: str) -> bool:
    if is_local(place) != is_local(allowed):
        return False
    if path:
        return path.is_relative_to(_resolved(allowed))
    inside = place.removeprefix(f"{allowed.rstrip('/')}/")
    return inside != place and ".." not in inside.split("/")


def _resolved(place: str) -> Path:
    return local_folder(place).resolve()
