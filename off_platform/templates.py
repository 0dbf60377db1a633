"""The template engine of pages and cards: every value is escaped, and an unknown name is an error.

Each caller adds the filters of its templates, which are in the folder `templates` of its package.
"""

from collections.abc import Callable

from jinja2 import Environment, PackageLoader, StrictUndefined


def template_engine(
    package: str, finalize: Callable[[object], object] | None = None
) -> Environment:
    """A template engine, with the filter `amount` for numbers.

    Args:
        package: the package whose folder `templates` has the templates.
        finalize: applied to every value before it is escaped.
    """
    made = Environment(
        loader=PackageLoader(package),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=finalize,
    )
    made.filters["amount"] = "{:,}".format
    return made
