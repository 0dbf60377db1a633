"""The shards and folders of loose files under construction, as the rows of their groups name them.

Several makers may build one group: a worker that was taken for lost, or a run beside another. Each
has its own container, and the rows of a group, of which there can be one file only, name the
container that counts.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from off_platform.image_sets.construction.plans import digest_of, rows_name
from off_platform.image_sets.files.set_files import BUILDING
from off_platform.storage.folder import Folder


@dataclass(frozen=True)
class Container:
    """A shard, or a folder of loose files, as the rows of its group name it.

    Attributes:
        name: in the set; that of loose files is the same for all groups.
        group: its number.
        place: where it is until it is moved.
        bytes: its size; that of a folder is not counted.
        sha256: of a shard.
    """

    name: str
    group: int
    place: str
    bytes: int | None = None
    sha256: str | None = None

    @property
    def line(self) -> dict[str, object]:
        """As in the rows of a group."""
        return dict(zip(OF_CONTAINERS, vars(self).values(), strict=True))


OF_CONTAINERS = {
    "container": "VARCHAR",
    "of_group": "BIGINT",
    "built_at": "VARCHAR",
    "container_bytes": "BIGINT",
    "container_sha256": "VARCHAR",
}


class Places:
    """Where the files of a set are while it is put together."""

    def __init__(self, containers: Sequence[Container], moved: Collection[str] = ()) -> None:
        """Takes what was built, and the names of other files and folders that will be moved."""
        self._shards = {each.name: each.place for each in containers if each.bytes is not None}
        self._folders = {each.group: each.place for each in containers if each.bytes is None}
        self._moved = frozenset(moved)

    def of(self, path: str, group: int | None = None) -> str:
        """The place of an object's file.

        Args:
            path: as in the manifest.
            group: of a loose file.
        """
        folder, _, file = path.partition("/")
        if folder in self._moved:
            return f"{BUILDING}/{path}"
        if file and group in self._folders:
            return f"{self._folders[group]}/{file}"
        return self._shards.get(path, path)


class DamagedBuildError(OSError):
    """A container is not as its maker has left it; the message is one sentence."""


def demand_built(folder: Folder, containers: Sequence[Container]) -> None:
    """Ensures that each shard is there in its whole size; if not, a later run builds it again.

    Raises:
        DamagedBuildError: one is not.
    """
    shards = [each for each in containers if each.bytes is not None]
    if not shards:
        return
    inside = all(each.place.startswith(BUILDING) for each in shards)
    sizes = folder.sizes(BUILDING if inside else "")
    damaged = [each for each in shards if sizes.get(each.place) != each.bytes]
    if damaged:
        folder.remove_all(rows_name(each.group, digest_of(folder)) for each in damaged)
        raise DamagedBuildError(
            f"{len(damaged):,} shards, such as {folder.address(damaged[0].place)}, were changed "
            "while the set was built; run again to build them again."
        )
