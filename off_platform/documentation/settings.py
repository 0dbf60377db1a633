"""The page of settings."""

from collections.abc import Iterable

from off_platform.documentation.markdown import as_page, as_table
from off_platform.settings import COMMON, Settings


def settings_page() -> str:
    """Every setting."""
    seldom = [name for name in Settings.model_fields if name not in COMMON]
    return as_page(
        [
            "# Settings",
            "",
            (
                "Environment variables, or lines of `.env` in the folder that the platform is "
                "started in. Credentials are not settings: they come from the standard AWS "
                "credential chain. Options that differ between image sets are declared "
                "with the set: [image_sets.md](image_sets.md)."
            ),
            "",
            *_settings(COMMON),
            "",
            "## Rarely changed",
            "",
            *_settings(seldom),
        ]
    )


def _settings(names: Iterable[str]) -> list[str]:
    fields = {name: Settings.model_fields[name] for name in names}
    rows = (
        (
            f"`OFF_PLATFORM_{name.upper()}`",
            _default(field.default),
            field.description or "",
        )
        for name, field in fields.items()
    )
    return as_table(("setting", "default", "description"), rows)


def _default(value: object) -> str:
    """As one writes it in `.env`."""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return "" if value is None or not text else f"`{text}`"
