"""Where the files are that ship with the package: Dagster's settings, declared sets, pages.

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


def pages() -> dict[str, Path]:
    """The pages of the documentation: the name of each, such as `settings`, and its path."""
    files = (path for path in shipped("docs").iterdir() if path.is_file())
    return {"readme": shipped("README.md")} | {path.stem: path for path in sorted(files)}


def is_clone(folder: Path) -> bool:
    """Whether a folder is the clone that this code runs from, with its Makefile."""
    return folder.resolve() == _TOP_OF_CLONE.resolve() and (folder / "Makefile").exists()
