"""Where the files are that ship with the package: settings of Dagster, declared sets, examples.

In a clone they are at its top; a wheel has the same files beside this module (`force-include` in
pyproject.toml).
"""

from pathlib import Path

_HERE = Path(__file__).parent
_TOP_OF_CLONE = _HERE.parents[1]
SHIPPED = (
    *("workspace.yaml", "dagster.yaml", "image_sets.toml", ".env.example"),
    "off_platform_defs/README.md",
)


def shipped(name: str) -> Path:
    """The path of one of the files in `SHIPPED`."""
    installed = _HERE / name
    return installed if installed.exists() else _TOP_OF_CLONE / name


def is_clone(folder: Path) -> bool:
    """Whether a folder is the clone that this code runs from, with its Makefile."""
    return folder.resolve() == _TOP_OF_CLONE.resolve() and (folder / "Makefile").exists()
