"""A set to make, from options to a finished folder, whatever the bucket. No Dagster here.

The wing provides the objects of a set, the facts about its bucket, and its labels.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from off_platform.image_sets import building
from off_platform.image_sets.build import build_groups
from off_platform.image_sets.built_set import BuiltSet
from off_platform.image_sets.claim import claimed
from off_platform.image_sets.command import command_line
from off_platform.image_sets.declared import checked_choice, demand_name, varied_description
from off_platform.image_sets.finish import About, finish, options_as_text
from off_platform.image_sets.how import How
from off_platform.image_sets.options import BUILT, RunOptions, SetChoice, command_words
from off_platform.settings import Settings
from off_platform.storage.folders import Folder
from off_platform.storage.objects import Source
from off_platform.storage.progress import Display
from off_platform.storage.transfer import Limits, limits_from

if TYPE_CHECKING:
    import duckdb

Choice = TypeVar("Choice", bound=SetChoice)
Run = TypeVar("Run", bound=RunOptions)


@dataclass(frozen=True)
class Request(Generic[Choice, Run]):
    """A set to make.

    Attributes:
        name: of the set.
        choice: which objects it takes.
        description: what it is, in a sentence.
        limits: of the transfers.
        run: what was asked of this run alone.
        settings: by name, those of the wing that decide what the set has.
    """

    name: str
    choice: Choice
    description: str
    limits: Limits
    run: Run
    settings: Mapping[str, object] = field(default_factory=dict)

    @property
    def how(self) -> How:
        """How it is built."""
        choice = self.choice
        return How(choice.layout, self.limits, choice.decoded_share, choice.keep_formats)

    def facts(self, source: Source, *always: str) -> dict[str, Any]:
        """What a card says of the request.

        Args:
            source: the bucket.
            always: options that are named even where they have their default, before the others.

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
            "asked": self.choice.n,
        }

    def command(self, wing: str, source: Source, *more: str) -> str:
        """The command line that makes the same set.

        Args:
            wing: its command.
            source: the bucket.
            more: words to follow those of the choice.
        """
        words = [*command_words(self.choice), *more]
        return command_line(wing, words, self.name, source, self.settings)


@dataclass(frozen=True)
class Chosen:
    """What a wing chose for a request.

    Attributes:
        objects: SQL for them in order, see `building.Plan`.
        identity: of what they were chosen from; an interrupted run is continued only under it.
        candidates: samples that fit the options.
        chosen_from: what that was, in words.
        kinds: that the wing has, by which a folder is known as a set's.
        texts: SQL of a table with the bytes of some, see `build_groups`.
        labels: makes the wing's own files, see `finish`.
    """

    objects: str
    identity: dict[str, Any]
    candidates: int
    chosen_from: str
    kinds: Collection[str]
    texts: str | None = None
    labels: Callable[[Path], list[str]] | None = None


def requested(
    settings: Settings,
    name: str,
    declared: Choice,
    description: str,
    varied: Mapping[str, Any],
    run: type[Run],
    *settings_of_wing: str,
) -> Request[Choice, Run]:
    """A set to make, with options varied for this time; what is None is as it was.

    Args:
        settings: bounds of the transfers, and those of the wing.
        name: of the set.
        declared: its options.
        description: what it is.
        varied: options by name, `all` among them; names that are no option are left alone.
        run: the model of what can be asked of one run.
        settings_of_wing: names of its settings that decide what the set has.

    Raises:
        UnusableChoiceError: an option is wrong.
        WrongDeclarationError: the name is none of a set.
    """
    given = {option: value for option, value in varied.items() if value is not None}
    if given.get("all"):
        given["n"] = "all"
    options = declared.model_dump()
    options |= {option: value for option, value in given.items() if option in options}
    choice = checked_choice(type(declared), options, name)
    of_run = {option: value for option, value in given.items() if option in run.model_fields}
    asked = checked_choice(run, of_run, name)
    return Request(
        demand_name(name),
        choice,
        varied_description(description, declared, choice),
        limits_from(settings),
        asked,
        {each: getattr(settings, each) for each in settings_of_wing},
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
    """Makes, continues or refreshes a set in a folder.

    Raises:
        off_platform.image_sets.build.SourceUnreachableError: the bucket cannot be reached.
        off_platform.image_sets.build.WrongSourceError: it has too little of what was chosen.
        off_platform.image_sets.building.UnusableFolderError: the folder holds something else.
        off_platform.storage.locks.FolderInUseError: another run is at work in the folder.
    """
    identity = {
        "choice": request.choice.model_dump(mode="json", exclude=BUILT),
        "source": source.url,
        "layout": request.how.layout,
        "decoded_share": request.how.decoded_share,
        **chosen.identity,
    }
    plan = building.Plan(request.name, chosen.objects, identity, request.choice.shard_samples)
    with claimed(folder, connection, chosen.kinds):
        continued = building.begin(folder, plan, connection)
        tally = build_groups(folder, source, request.how, connection, display, chosen.texts)
        contents = finish(folder, about, connection, request.choice.gallery_samples, chosen.labels)
    found = (chosen.chosen_from, request.choice.n, chosen.candidates)
    return BuiltSet(folder, *found, continued, tally, contents)
