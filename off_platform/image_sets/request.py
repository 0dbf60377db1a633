"""A requested set of any bucket, from options to a finished folder. No Dagster here.

The wing provides the objects, the facts about its bucket, and the labels.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from off_platform.image_sets.built_set import BuiltSet
from off_platform.image_sets.construction.plans import Plan, begin, planned_samples
from off_platform.image_sets.declaration.command import command_line
from off_platform.image_sets.declaration.declared import (
    UnusableChoiceError,
    checked_choice,
    demand_name,
    varied_description,
)
from off_platform.image_sets.declaration.how import How, how_of
from off_platform.image_sets.declaration.labels import Labels, Units
from off_platform.image_sets.declaration.options import BUILT, RunOptions, SetChoice, command_words
from off_platform.image_sets.division.described import samples_query
from off_platform.image_sets.fetching.build import build_groups
from off_platform.image_sets.fetching.claim import claimed
from off_platform.image_sets.fetching.part import Site
from off_platform.image_sets.finish import Finishing, finish
from off_platform.image_sets.pages.about import About, options_as_text
from off_platform.image_sets.set_states import SetFacts
from off_platform.settings import Settings
from off_platform.storage.fleet import Fleet, Here, fleet_from
from off_platform.storage.folder import Folder
from off_platform.storage.lake import Lake
from off_platform.storage.objects import Source
from off_platform.storage.progress import Display
from off_platform.storage.transfer import Limits, limits_from

if TYPE_CHECKING:
    import duckdb

Choice = TypeVar("Choice", bound=SetChoice)
Run = TypeVar("Run", bound=RunOptions)


@dataclass(frozen=True)
class Request(Generic[Choice, Run]):
    """A requested set.

    Attributes:
        name: of the set.
        choice: its options.
        description: what it is, in a sentence.
        limits: of the transfers.
        run: options of this run only.
        settings: by name, the wing's settings that determine the set's content.
        fleet: where its objects are fetched.
        part_groups: shards per part of the work, elsewhere than in this process.
        when_planned: called with the set's folder once it has the plan.
    """

    name: str
    choice: Choice
    description: str
    limits: Limits
    run: Run
    settings: Mapping[str, object] = field(default_factory=dict)
    fleet: Fleet = field(default_factory=Here)
    part_groups: int = 4
    when_planned: "Callable[[Folder, duckdb.DuckDBPyConnection], object] | None" = None

    @property
    def how(self) -> How:
        """How to build it, apart from labels."""
        return how_of(self.choice, self.limits, labelled=False)

    def facts(self, source: Source, *always: str) -> dict[str, Any]:
        """The card's facts about the request.

        Args:
            source: the bucket.
            always: options that are listed first, even with their default.

        Returns:
            Arguments of `About`, by name.
        """
        options = self.choice.model_dump(mode="json", exclude_defaults=True, exclude=BUILT)
        shown = {name: getattr(self.choice, name) for name in always}
        return {
            "name": self.name,
            "title": f"Image set {self.name}",
            "description": self.description,
            "address": source.address,
            "options": options_as_text({**shown, "n": self.choice.n or "all", **options}),
            "seed": self.choice.seed,
            "requested": self.choice.n,
            "class_label": self.choice.stratify or self.choice.class_folders,
        }

    def command(self, wing: str, source: Source, *more: str) -> str:
        """The command line that builds the same set.

        Args:
            wing: its command.
            source: the bucket.
            more: words after those of the choice.
        """
        words = [*command_words(self.choice), *more]
        return command_line(wing, words, self.name, source, self.settings)


@dataclass(frozen=True)
class Chosen:
    """A wing's choice for a request.

    Attributes:
        objects: SQL for them in order, see `construction/plans.py`.
        identity: identity of the source of the choice; an interrupted run is resumed only under it.
        candidates: samples that fit the options.
        chosen_from: the source of the choice, in words.
        kinds: the wing's kinds, by which a folder is recognised as one of its sets.
        lake: which the texts are read from.
        units: what stays together in a split, from SQL for the samples: stem, barcode, image_id.
        labels: the same; None if there are none.
        no_labels: the message if labels were asked for and there are none.
        texts: SQL of a table with the bytes of some objects, see `Site`.
        exports: writes the wing's own files, see `finish`.
        links: SQL for one row per sample and what it shares with others, see `splits.split_set`.
        sizes: SQL for the sizes of objects in the bucket, if they are known: key, bytes.
    """

    objects: str
    identity: dict[str, Any]
    candidates: int
    chosen_from: str
    kinds: Collection[str]
    lake: Lake
    units: Callable[[str], Units]
    labels: Callable[[str], Labels | None] | None = None
    no_labels: str = ""
    texts: str | None = None
    exports: Callable[[Path], list[str]] | None = None
    links: str | None = None
    sizes: str | None = None


def requested(
    settings: Settings,
    name: str,
    declared: Choice,
    description: str,
    varied: Mapping[str, Any],
    run: type[Run],
    *settings_of_wing: str,
) -> Request[Choice, Run]:
    """A requested set, with some options varied; None means the declared value.

    Args:
        settings: limits of the transfers, and the wing's settings.
        name: of the set.
        declared: its options.
        description: what it is.
        varied: options by name, including `all`; other names are ignored.
        run: the model of a run's options.
        settings_of_wing: names of the wing's settings that determine the set's content.

    Raises:
        UnusableChoiceError: an option is invalid.
        WrongDeclarationError: the name is not valid for a set.
        off_platform.storage.fleet.UnusableFleetError: see `fleet_from`.
    """
    given = {option: value for option, value in varied.items() if value is not None}
    if given.get("all"):
        given["n"] = "all"
    options = declared.model_dump()
    options |= {option: value for option, value in given.items() if option in options}
    choice = checked_choice(type(declared), options, name)
    of_run = {option: value for option, value in given.items() if option in run.model_fields}
    run_options = checked_choice(run, of_run, name)
    return Request(
        demand_name(name),
        choice,
        varied_description(description, declared, choice),
        limits_from(settings),
        run_options,
        {each: getattr(settings, each) for each in settings_of_wing},
        fleet_from(settings),
        settings.part_groups,
    )


def make_set(
    source: Source,
    request: Request[Choice, Run],
    chosen: Chosen,
    about: About,
    folder: Folder,
    connection: "duckdb.DuckDBPyConnection",
    display: Display | None = None,
) -> BuiltSet:
    """Builds, resumes or refreshes a set in a folder.

    Raises:
        off_platform.image_sets.fetching.build.SourceUnreachableError: the bucket cannot be reached.
        off_platform.image_sets.fetching.build.WrongSourceError: it lacks too many of the chosen
            objects.
        off_platform.image_sets.construction.moves.UnusableFolderError: the folder contains
            something else.
        off_platform.storage.locks.FolderInUseError: another run is using the folder.
    """
    plan, how, labels = plan_for(source, request, chosen, folder)
    with claimed(folder, connection, chosen.kinds):
        begun = begin(folder, plan, connection)
        if request.when_planned:
            request.when_planned(folder, connection)
        site = Site(folder, chosen.lake, source, how, begun, chosen.texts)
        tally = build_groups(site, connection, request.fleet, request.part_groups, display)
        of_month = about.key_list
        facts = SetFacts(
            request.choice.model_dump(mode="json"),
            f"{of_month.month}-01" if of_month else None,
            of_month.md5 if of_month else None,
        )
        finishing = Finishing(how, labels, request.choice.gallery_samples, chosen.links, facts)
        contents = finish(folder, about, connection, finishing, chosen.exports)
    found = (chosen.chosen_from, request.choice.n, chosen.candidates)
    is_without = bool(request.choice.labels) and labels is None
    note = chosen.no_labels if is_without else ""
    return BuiltSet(folder, *found, begun.continued, tally, contents, note, finishing.is_described)


def plan_for(
    source: Source, request: Request[Choice, Run], chosen: Chosen, folder: Folder
) -> tuple[Plan, How, Labels | None]:
    """The plan of a set, how it is built, and its labels.

    Raises:
        UnusableChoiceError: a label that splits or folders are made by is missing.
    """
    planned = planned_samples(folder)
    labels = chosen.labels(planned) if chosen.labels else None
    demand_labels(request.choice, labels)
    how = how_of(request.choice, request.limits, labelled=bool(labels and labels.columns))
    identity = {
        "choice": request.choice.model_dump(mode="json", exclude=BUILT),
        "source": source.url,
        "layout": how.layout,
        "labelled": how.labelled,
        "decoded_share": how.decoded_share,
        **chosen.identity,
    }
    plan = Plan(
        request.name,
        chosen.objects,
        identity,
        how.shard_samples,
        samples_query(planned, labels, chosen.units(planned), how.stratify),
        how.form.ending,
    )
    return plan, how, labels


def demand_labels(choice: SetChoice, labels: Labels | None) -> None:
    """Ensures that the labels that splits and folders are made by are there, and single values.

    Raises:
        UnusableChoiceError: they are not.
    """
    columns = {column.name: column for column in labels.columns} if labels else {}
    for option in ("stratify", "class_folders"):
        name = getattr(choice, option)
        if name is None:
            continue
        if name not in columns:
            known = ", ".join(columns) or "there are no labels"
            raise UnusableChoiceError(f"{option}: there is no label {name!r} ({known}).")
        if columns[name].type.startswith(("list<", "map<")):
            raise UnusableChoiceError(
                f"{option}: the label {name} has several values per sample; name one with a single "
                "value."
            )
