"""What loaders need to know of a set that is split, labelled or in Parquet. Data only.

The card's front matter has it for Hugging Face's loaders, which otherwise infer splits from file
names, and the types of a shard's fields from its first five samples.
"""

from dataclasses import dataclass

from off_platform.image_sets.declaration.options import Layout
from off_platform.image_sets.files.set_files import LOOSE, TABLE_OF_FILES

TEXT_ENDINGS = {"ocr": ".ocr.json.gz", "metadata": ".metadata.txt"}
"""File name endings of texts in labelled shards, whose `.json` has the facts."""


@dataclass(frozen=True)
class Loading:
    """The files of a set, and what is in them.

    Attributes:
        layout: of the set.
        splits: those that have samples, in order; empty if the set is not split.
        classes: whether loose files are in a folder of their class.
        labelled: whether shards have the facts of each sample as `.json`.
        ending: of the names of photos.
    """

    layout: Layout
    splits: tuple[str, ...]
    classes: bool = False
    labelled: bool = False
    ending: str = ".jpg"

    @property
    def data_files(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """The split and the patterns of its files, without those that are excluded."""
        return tuple((split or "train", self._patterns(split)) for split in self.splits or ("",))

    def _patterns(self, split: str) -> tuple[str, ...]:
        if self.layout == "files":
            folder = split or LOOSE
            table = f"{split}/{TABLE_OF_FILES}" if split else TABLE_OF_FILES
            return f"{folder}/{'*/' if self.classes else ''}*{self.ending}", table
        ending = ".tar" if self.layout == "shards" else ".parquet"
        return (f"{split}-*{ending}" if split else f"[0-9]*{ending}",)

    @property
    def first_file(self) -> str:
        """The first shard or Parquet file."""
        return self.examples[0].replace("[0-9]*", "00000").replace("*", "00000")

    @property
    def examples(self) -> tuple[str, ...]:
        """The patterns of the first split, for code that opens it."""
        return self.data_files[0][1]

    def field_type(self, suffix: str, *, is_photo: bool) -> str:
        """The type of a field of shards, as Hugging Face names it.

        Args:
            suffix: of its file names.
            is_photo: whether it is a photo.
        """
        if is_photo:
            return "image"
        # A gzipped file is unpacked by the loader.
        return "string" if suffix.endswith(".txt") else "json"
