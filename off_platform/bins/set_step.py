"""What the step of `bin_image_set` does."""

from collections.abc import Mapping
from typing import Any

from off_platform.bins.choice import WING, BinChoice
from off_platform.bins.image_set import Request, make_bin_image_set, request_from
from off_platform.bins.labels import set_manifest
from off_platform.bins.schemas import NEIGHBOURS_DIFFER
from off_platform.bins.similar_photos import compare_neighbours, sets_at_hand
from off_platform.image_sets.built_set import BuiltSet
from off_platform.image_sets.declaration.options import RunOptions
from off_platform.image_sets.set_step import SetStep
from off_platform.quality import Finding
from off_platform.storage.lake_layout import BIN_IMAGE_SETS
from off_platform.storage.objects import Source


class BinImageSetStep(SetStep[BinChoice, RunOptions]):
    """The step of a set of bins."""

    asset, wing, sets, options = "bin_image_set", WING, BIN_IMAGE_SETS, BinChoice
    manifest = staticmethod(set_manifest)

    def request(self, choice: BinChoice, description: str, varied: dict[str, Any]) -> Request:
        """See `request_from`."""
        return request_from(self.settings, self.partition, choice, description, varied)

    def make(self, source: Source, request: Request) -> BuiltSet:
        """See `make_bin_image_set`."""
        return make_bin_image_set(
            self.lake, source, request, self.folder, self.connection, self.display
        )

    def more_findings(self) -> Mapping[str, Finding]:
        """Compares neighbouring photos of different splits with those of other sets at hand."""
        at_hand = sets_at_hand(self.lake, self.settings, self.partition)
        found = compare_neighbours(self.lake, self.connection, self.partition, at_hand)
        return {NEIGHBOURS_DIFFER.id: found}
