"""A Dagster data platform over three public sources: images, bins, product imports."""

from importlib import import_module

# The Dagster components; loaded when first used, as the command line needs no Dagster.
_COMPONENTS = ("BinImageSet", "ImageSet")


def __getattr__(name: str) -> object:
    if name in _COMPONENTS:
        return getattr(import_module("off_platform.components"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_COMPONENTS})
