"""The last step of a set: its groups become manifest, files and pages, and are put in place.

`fetching/build.py` fetches; the rooms `division/`, `layouts/` and `pages/` write.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from off_platform.image_sets.construction.containers import Container, Places, demand_built
from off_platform.image_sets.construction.planned_rows import write_outcomes
from off_platform.image_sets.construction.replacement import place_files, prefix_of, put_in_place
from off_platform.image_sets.declaration.how import How
from off_platform.image_sets.declaration.labels import Labels
from off_platform.image_sets.division.described import Described, describe
from off_platform.image_sets.files.stored_objects import StoredObjects
from off_platform.image_sets.layouts.arranging import arrange
from off_platform.image_sets.layouts.image_folder import write_image_folders
from off_platform.image_sets.layouts.sample_columns import sample_columns
from off_platform.image_sets.pages.about import About
from off_platform.image_sets.pages.croissant.document import CroissantFile, SetTexts, croissant
from off_platform.image_sets.pages.croissant.facts import (
    CROISSANT,
    BuiltFiles,
    croissant_facts,
    described_shards,
)
from off_platform.image_sets.pages.set_contents import Contents, InSet
from off_platform.image_sets.pages.set_pages import write_pages
from off_platform.image_sets.set_states import SetFacts
from off_platform.storage.engine import copy_query, reserve_for_writer
from off_platform.storage.folder import Folder
from off_platform.storage.lake_layout import MANIFEST
from off_platform.storage.sql import file_literal

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True)
class Finishing:
    """How fetched objects become a set.

    Attributes:
        how: the set is built.
        labels: of its samples.
        gallery_samples: samples shown in the gallery.
        links: see `splits.split_set`.
        facts: what the set is built with, which its manifest's file says.
    """

    how: How
    labels: Labels | None = None
    gallery_samples: int = 2000
    links: str | None = None
    facts: SetFacts = field(default_factory=SetFacts)

    @property
    def is_described(self) -> bool:
        """Whether there is more to show of its samples than their sizes."""
        return bool(self.how.looks or self.label_names)

    @property
    def label_names(self) -> list[str]:
        """The names of the labels."""
        return [column.name for column in self.labels.columns] if self.labels else []


def finish(
    folder: Folder,
    about: About,
    connection: "duckdb.DuckDBPyConnection",
    finishing: Finishing,
    more: Callable[[Path], list[str]] | None = None,
) -> InSet:
    """Joins the groups to a set: manifest, card, gallery and sheet, moved into place together.

    Args:
        folder: the set's.
        about: the wing's facts about it.
        connection: DuckDB that can read the folder.
        finishing: how.
        more: writes the wing's own files to the given folder, and returns their names.

    Returns:
        The content of the set.
    """
    with folder.scratch() as scratch, StoredObjects(folder) as objects:
        with reserve_for_writer(connection):
            built = _write_manifest(folder, scratch, about, connection, finishing)
        places = built.files.places
        contents = Contents(folder, str(scratch / MANIFEST), connection, objects, places)
        pages = write_pages(
            scratch,
            about,
            contents,
            finishing.how,
            finishing.label_names,
            gallery_samples=finishing.gallery_samples,
            charts=finishing.is_described,
        )
        in_set = contents.in_set
        own = more(scratch) if more else []
        if contents.is_image_folder:
            labels = scratch / about.labels if about.labels else None
            columns = sample_columns(connection, contents.rows, finishing.label_names)
            where = (scratch / MANIFEST, labels, columns, scratch)
            own = [*own, *write_image_folders(connection, *where)]
        _write_croissant(scratch, about, finishing.how, folder, connection, built.files)
        written = [*pages, CROISSANT, *own]
        place_files(folder, scratch, written)
        names = [*built.arranged, *written]
        put_in_place(folder, scratch, names, built.containers, connection)
    return in_set


@dataclass(frozen=True)
class _Built:
    """What a set is put together from.

    Attributes:
        containers: that become files of the set.
        arranged: names of the files and folders that were arranged.
        files: where both are.
    """

    containers: Sequence[Container]
    arranged: Sequence[str]
    files: BuiltFiles


def _write_manifest(
    folder: Folder,
    scratch: Path,
    about: About,
    connection: "duckdb.DuckDBPyConnection",
    finishing: Finishing,
) -> _Built:
    """Writes the manifest to the scratch folder, and places arranged files."""
    outcomes, described = scratch / "outcomes.parquet", scratch / "described.parquet"
    containers = write_outcomes(folder, outcomes, _constants(about), connection)
    demand_built(folder, containers)
    names, how = finishing.label_names, finishing.how
    facts = finishing.facts.in_file
    describe(connection, folder, outcomes, how, names, finishing.links, Described(described, facts))
    outcomes.unlink()
    if not how.arranged:
        described.rename(scratch / MANIFEST)
        shards = {
            each.name: CroissantFile(name=each.name, size=each.bytes, sha256=each.sha256)
            for each in containers
            if each.bytes is not None and each.sha256 is not None
        }
        return _Built(containers, (), BuiltFiles(Places(containers), shards))
    staged = Places(containers)
    made = arrange(connection, folder, described, how, names, scratch, staged)
    shards = described_shards(scratch, made.names)
    place_files(folder, scratch, made.names)
    places = f"read_parquet({file_literal(made.locations)})"
    replaced = ", ".join(f'l."{name}" AS "{name}"' for name in ("path", "offset", "stored_bytes"))
    query = f"""SELECT d.* REPLACE ({replaced})
        FROM read_parquet({file_literal(described)}) AS d LEFT JOIN {places} AS l USING (position)
        ORDER BY position"""
    copy_query(connection, query, scratch / MANIFEST, facts=facts)
    moved = made.names if prefix_of(folder) else ()
    return _Built((), made.names, BuiltFiles(Places((), moved), shards))


def _constants(about: About) -> dict[str, str]:
    return {
        "image_set": about.name,
        "url": about.address,
        "licence": about.licence,
        "attribution": about.attribution,
    }


def _write_croissant(
    to: Path,
    about: About,
    how: How,
    folder: Folder,
    connection: "duckdb.DuckDBPyConnection",
    built: BuiltFiles,
) -> None:
    texts = SetTexts(
        name=about.name,
        description=about.description,
        licence_url=about.licence_url,
        attribution=about.attribution,
        source_url=about.source_url,
        keywords=about.tags,
    )
    facts = croissant_facts(texts, folder, to / MANIFEST, connection, how.form.ending, built)
    (to / CROISSANT).write_text(croissant(facts), encoding="utf-8")
