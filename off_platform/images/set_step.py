"""What the step of `image_set` does."""

from typing import Any

from off_platform.image_sets.built_set import BuiltSet
from off_platform.image_sets.set_step import SetStep
from off_platform.images.choice import WING, Choice, MonthOptions
from off_platform.images.image_set import Request, make_image_set, request_from
from off_platform.images.labels import set_manifest
from off_platform.storage.lake_layout import IMAGE_SETS
from off_platform.storage.objects import Source


class ImageSetStep(SetStep[Choice, MonthOptions]):
    """The step of a set of photos."""

    asset, wing, sets, options = "image_set", WING, IMAGE_SETS, Choice
    manifest = staticmethod(set_manifest)

    def request(self, choice: Choice, description: str, varied: dict[str, Any]) -> Request:
        """See `request_from`."""
        return request_from(self.settings, self.partition, choice, description, varied)

    def make(self, source: Source, request: Request) -> BuiltSet:
        """See `make_image_set`."""
        return make_image_set(
            self.lake, source, request, self.folder, self.connection, self.display
        )
