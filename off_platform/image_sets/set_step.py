"""What the step of a set's asset does, for the sets of every bucket."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar, Generic

import dagster as dg

from off_platform.image_sets.built_set import BuiltSet
from off_platform.image_sets.declaration.declared import declared_choice
from off_platform.image_sets.planning.started import observer
from off_platform.image_sets.request import Choice, Request, Run
from off_platform.image_sets.set_results import choice_of, set_findings, set_result
from off_platform.quality import Finding, Table
from off_platform.resources import BucketResource
from off_platform.storage.folder import Folder
from off_platform.storage.objects import Source
from off_platform.table_assets import Evaluated, Step


class SetStep(Step, Generic[Choice, Run]):
    """The step of a set, whose name is the partition.

    Attributes:
        asset: its name.
        wing: as declarations of sets name it.
        sets: the folder of the lake with the wing's sets.
        options: the model of a set's options.
    """

    asset: ClassVar[str]
    wing: ClassVar[str]
    sets: ClassVar[str]
    options: type[Choice]

    @staticmethod
    @abstractmethod
    def manifest(missing_share_most: float) -> Table:
        """The manifest of a set, with the wing's rules."""

    @abstractmethod
    def request(
        self, choice: Choice, description: str, varied: dict[str, Any]
    ) -> Request[Choice, Run]:
        """The requested set, with some options varied."""

    @abstractmethod
    def make(self, source: Source, request: Request[Choice, Run]) -> BuiltSet:
        """Builds, resumes or refreshes the set."""

    def more_findings(self) -> Mapping[str, Finding]:
        """The findings of the wing's own rules, by rule."""
        return {}

    @property
    def folder(self) -> Folder:
        """The set's folder."""
        return self.lake.root.below(f"{self.sets}/{self.partition}")

    def build(
        self, context: dg.AssetExecutionContext, bucket: BucketResource, varied: dict[str, Any]
    ) -> dg.MaterializeResult[Any]:
        """Builds, resumes or refreshes the set; gives its metadata and the results of its checks.

        Args:
            context: of the run, which observes what is planned.
            bucket: with the objects.
            varied: options of the launchpad, by name.
        """
        request = self.request(*self._declared(), varied)
        observed = observer(context, self.settings, bucket.url)
        made = self.make(bucket.open(), replace(request, when_planned=observed))
        self.lake.refresh_views()
        choice, more = request.choice, self.more_findings()
        table = self.manifest(choice.missing_share_most)
        return set_result(self.asset, table, made, choice, self.connection, more)

    def stored(self) -> Evaluated:
        """The findings on the set, in what is stored."""
        declared, _ = self._declared()
        choice = choice_of(self.folder, declared, self.connection)
        table = self.manifest(choice.missing_share_most)
        found = set_findings(table, self.folder, choice, self.connection)
        yield table, self.asset, {**found, **self.more_findings()}

    def _declared(self) -> tuple[Choice, str]:
        return declared_choice(self.settings.image_sets, self.wing, self.options, self.partition)
