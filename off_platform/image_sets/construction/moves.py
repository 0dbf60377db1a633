"""The list of moves that makes a set of what was built, which a later run completes.

A manifest is in place before files that it no longer names are removed. `replacement.py` writes the
list.
"""

import json
from collections.abc import Callable
from typing import Any, TypeGuard

from off_platform.image_sets.files.set_files import BUILDING, is_moved, is_of_build, is_stale
from off_platform.storage.folder import Folder

MOVES = f"{BUILDING}/moves.json"


class UnusableFolderError(ValueError):
    """A set cannot be built in a folder; the message says what to do."""


def json_of(folder: Folder, name: str) -> dict[str, Any]:
    """A file's JSON object; empty if there is none."""
    try:
        found = json.loads(folder.read(name))
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def finish_moves(folder: Folder) -> None:
    """Completes the moves of a finished set, also after a killed run; otherwise does nothing.

    Raises:
        UnusableFolderError: the list of moves has a name that sets do not use.
    """
    if not folder.exists(MOVES):
        return
    todo = json_of(folder, MOVES)
    moves, stale = _moves_in(todo.get("moves")), todo.get("stale")
    if moves is None or not _are_names(stale, is_stale):
        raise UnusableFolderError(
            f"{folder.address(MOVES)} is damaged; nothing was changed: remove it and run again."
        )
    folder.settle()
    folder.move_all(moves[:-1])
    folder.move_all(moves[-1:])
    # The manifest, which is the last, is in place before files it no longer names are removed, and
    # the list of moves last.
    folder.settle()
    folder.remove_all(stale)
    folder.remove(BUILDING)


def _moves_in(found: object) -> list[tuple[str, str]] | None:
    """The moves of a list from a file; None if it has names that sets do not use."""
    if not isinstance(found, list):
        return None
    moves = []
    for each in found:
        if not (isinstance(each, list) and _are_names(each, str) and len(each) == len(("", ""))):
            return None
        source, to = each
        below, _, name = source.partition("/")
        top = name.split("/")[0]
        if below != BUILDING or not (is_moved(top) or is_of_build(top)):
            return None
        if not is_moved(to.split("/")[0]) or ".." in (*source.split("/"), *to.split("/")):
            return None
        moves.append((source, to))
    return moves


def _are_names(names: object, fits: Callable[[str], object]) -> TypeGuard[list[str]]:
    return isinstance(names, list) and all(isinstance(name, str) and fits(name) for name in names)
