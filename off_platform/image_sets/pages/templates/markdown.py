"""The template engine for Markdown: values cannot add markup, table cells, or front matter.

The templates are in this folder; HTML pages have their own engine.
"""

import json
import re
from functools import cache

from jinja2 import Environment
from markupsafe import Markup

from off_platform.templates import template_engine
from off_platform.words import readable, share, size, web_address

_SPECIAL = re.compile(r"[\\`*_\[\]|~$@]|:(?=//)|(?<=www)\.", re.IGNORECASE)
_LINE_START = re.compile(r"^(?:[-+=#]|\d+(?=[.)](?:\s|$)))")
_CODE = re.compile(r'[A-Za-z0-9_./:+=,%"-]+(?: [A-Za-z0-9_./:+=,%"-]+)*')
_FILE_PATTERN = re.compile(r"[A-Za-z0-9_./*\[\]-]+")
_BARE_YAML = re.compile(r"(?!(?:null|true|false|yes|no|on|off|y|n)$)[a-z][a-z0-9.-]*")
_SIZE_CATEGORIES = (
    (1_000, "n<1K"),
    (10_000, "1K<n<10K"),
    (100_000, "10K<n<100K"),
    (1_000_000, "100K<n<1M"),
    (10_000_000, "1M<n<10M"),
    (100_000_000, "10M<n<100M"),
)


@cache
def markdown_environment() -> Environment:
    """Return the template engine for Markdown.

    Returns:
        An environment that escapes every value unless a filter has already written it as Markdown:
        `code`, `fenced`, `link`, `yaml`. Unknown names in a template raise.
    """
    # Every value is escaped for Markdown unless a filter below has already written it so.
    made = template_engine("off_platform.image_sets.pages", _plain)
    made.filters |= {
        "chart": _chart,
        "code": _code,
        "fenced": _fenced,
        "link": _link,
        "pattern": _pattern,
        "pixels": "{:,g}".format,
        "share": share,
        "size": size,
        "size_category": _size_category,
        "yaml": _yaml,
    }
    return made


def _markdown(text: str) -> Markup:
    return Markup(text)  # noqa: S704 - the only door to unescaped text; all callers escape


def _one_line(value: object) -> str:
    return " ".join(readable(str(value)).split())


def _plain(value: object) -> Markup:
    if hasattr(value, "__html__"):
        return _markdown(str(value))
    text = _SPECIAL.sub(r"\\\g<0>", _one_line("" if value is None else value)) or "\u2014"
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    start = _LINE_START.match(text)
    if start is None:
        return _markdown(text)
    mark = len(start[0]) if start[0].isdigit() else 0
    return _markdown(f"{text[:mark]}\\{text[mark:]}")


def _code(value: object) -> Markup:
    text = _one_line(value)
    return _markdown(f"`{text}`") if _CODE.fullmatch(text) else _plain(value)


def _pattern(value: str) -> Markup:
    """A pattern of file names, as it is in code and front matter."""
    return _markdown(value) if _FILE_PATTERN.fullmatch(value) else _plain(value)


def _fenced(value: str, language: str) -> Markup:
    text = readable(value, 20_000)
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return _markdown(f"{fence}{language}\n{text}\n{fence}")


def _link(label: str, url: str | None) -> Markup:
    address = web_address(url)
    return _plain(label) if address is None else _markdown(f"[{_plain(label)}](<{address}>)")


def _chart(title: str, file: str) -> Markup:
    """A picture beside the card; its name is one of ours."""
    return _markdown(f"![{_plain(title)}]({file})")


def _yaml(value: str) -> Markup:
    text = _one_line(value)
    return _markdown(text if _BARE_YAML.fullmatch(text) else json.dumps(text, ensure_ascii=False))


def _size_category(samples: int) -> str:
    return next((name for bound, name in _SIZE_CATEGORIES if samples < bound), "100M<n<1B")
