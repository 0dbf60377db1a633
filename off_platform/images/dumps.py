"""The Open Food Facts database dump as a table of facts, by which images are chosen.

Reads the three published formats (CSV, JSON Lines, Parquet) from a local file with DuckDB, once and
streaming. Fetching the file, writing the table and choosing happen elsewhere.
"""

import gzip
import json
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import duckdb

from off_platform.barcodes import sql as barcode_sql
from off_platform.storage.sql import literal

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

# The columns of the table `products`: type, and the columns of a dump to read, best first.
FACTS = {
    "code": ("VARCHAR", ("code",)),
    "last_editor": ("VARCHAR", ("last_editor", "last_modified_by")),
    "last_modified": ("TIMESTAMP", ("last_modified_t",)),
    "last_image": ("DATE", ("last_image_t", "images", "last_image_dates_tags")),
    "photos": ("INTEGER", ("images",)),
    "countries": ("VARCHAR[]", ("countries_tags",)),
    "categories": ("VARCHAR[]", ("categories_tags",)),
    "languages": ("VARCHAR[]", ("languages_codes", "languages_tags", "lang", "lc")),
}
# A longer line of JSON is not a product; DuckDB keeps two buffers of this size per thread.
_MOST_BYTES = 32 * 1024 * 1024
# This many unreadable lines mean a wrong file, not damage.
MOST_UNREADABLE_LINES = 100_000

_WANTED = tuple(dict.fromkeys(name for _, names in FACTS.values() for name in names))
# The SQL that reads a column, by the form of its values; lists become VARCHAR[]. The photos of
# `images` become their upload times; `images` also has selections of them, such as `front_fr`, but
# only ids of photos are all digits.
_PHOTOS = "list_filter({0}, lambda image: regexp_full_match(image.key, '[0-9]+'))"
_OLD_OR_NEW_SHAPE = "coalesce(TRY_CAST({0} AS JSON) -> '$.uploaded', TRY_CAST({0} AS JSON))"
_READ = {
    "text": "{0}::VARCHAR",
    "list": "{0}",
    "split": "string_split({0}, ',')",
    "array": "json_extract_string({0}, '$[*]')",
    "keys": "json_keys({0})",
    "photo list": f"list_transform({_PHOTOS}, lambda image: image.uploaded_t::VARCHAR)",
    "photo object": "list_transform("
    + _PHOTOS.format(f"map_entries(TRY_CAST({_OLD_OR_NEW_SHAPE} AS MAP(VARCHAR, JSON)))")
    + ", lambda image: image.value ->> '$.uploaded_t')",
}
# TIMESTAMP in UTC from seconds since 1970, null outside 1970 to 2100; a list of tags without empty
# ones; the two-letter codes of a list, sorted, null if there are none (`xx` means unknown).
_WHOLE = "TRY_CAST({0} AS BIGINT)"
_MOMENT = f"CASE WHEN {_WHOLE} BETWEEN 1 AND 4102444800 THEN make_timestamp({_WHOLE} * 1000000) END"
_TAGS = "list_filter(list_transform({0}, lambda tag: trim(tag)), lambda tag: tag <> '')"
_KNOWN = "list_filter({0}, lambda code: regexp_full_match(code, '[a-z]{{2}}') AND code <> 'xx')"
_CODES = f"NULLIF(list_sort(list_distinct({_KNOWN})), [])"
_EXPECTED = "expected an Open Food Facts dump: CSV with tabs, JSON Lines or Parquet"
_OTHER_MAGICS = {
    b"PK\x03\x04": "a ZIP archive or an Excel workbook (xlsx)",
    b"\x81\x99\xe2\x6d": "a MongoDB archive",
    b"<": "an HTML or XML page",
    b"[": "one JSON array, not one JSON object per line",
    b"{": "JSON, but its first lines are not products with a `code`",
    b"": "text whose first line does not name a column `code` between tabs",
}
_ROWS = "dump_rows"
_UNREADABLE = "dump_unreadable_lines"
# Open Food Facts names a language by its English tag, `en:french`, unless it gives the code. Common
# ones come first, as a look-up scans the list.
_LANGUAGES = (
    "en english fr french de german es spanish it italian nl dutch pt portuguese pl polish "
    "ro romanian sv swedish da danish fi finnish cs czech hu hungarian bg bulgarian el greek "
    "el modern-greek la latin ru russian ar arabic hr croatian sk slovak sl slovene sl slovenian "
    "sr serbian no norwegian nb bokmal nn nynorsk lt lithuanian lv latvian et estonian "
    "uk ukrainian tr turkish he hebrew ja japanese zh chinese ko korean th thai vi vietnamese "
    "id indonesian ms malay hi hindi ca catalan eu basque gl galician is icelandic mk macedonian "
    "sq albanian bs bosnian ka georgian hy armenian az azerbaijani kk kazakh uz uzbek ky kyrgyz "
    "tk turkmen tg tajik fa persian ps pashto ku kurdish ur urdu bn bengali pa punjabi ta tamil "
    "te telugu kn kannada ml malayalam mr marathi gu gujarati ne nepali si sinhala my burmese "
    "km khmer lo lao mn mongolian bo tibetan tl tagalog jv javanese mg malagasy mi maori ga irish "
    "gd scottish-gaelic cy welsh br breton co corsican oc occitan mt maltese lb luxembourgish "
    "rm romansh be belarusian eo esperanto af afrikaans sw swahili am amharic ht haitian-creole"
)


class UnknownDumpError(ValueError):
    """The file is not a readable dump; the message is one sentence."""


@dataclass(frozen=True)
class _Dump:
    """A dump as detected from its start; `forms` has its wanted columns, with keys of `_READ`."""

    path: Path
    shape: Literal["csv", "jsonl", "parquet"]
    gzipped: bool
    columns: tuple[str, ...]
    forms: Mapping[str, str]


def products_query(connection: "DuckDBPyConnection", dump: Path) -> str:
    """Read a dump; return SQL that selects the table `products` from it.

    The dump is read here, once, into a temporary table of the connection, which DuckDB spills to
    its temporary directory when memory runs short. This SQL and that of `rejected_query` are valid
    in this connection until the next dump is read.

    Args:
        connection: an open connection.
        dump: a local file; its format is detected from its content, not its extension.

    Returns:
        SQL for the columns of `FACTS`, one row per product, ordered by `code`. Of several rows of a
        product the last modified one is taken. A fact that the dump lacks is null in every row; a
        missing list of a product is empty.

    Raises:
        UnknownDumpError: it is not a dump, or is cut off or damaged.
    """
    found = _recognised(dump)
    for table in (_ROWS, _UNREADABLE, f"{_UNREADABLE}_scans"):
        connection.execute(f"DROP TABLE IF EXISTS temp.{table}").fetchall()
    with _damage_named(dump):
        connection.execute(f"CREATE TEMP TABLE {_ROWS} AS {_rows_sql(found)}").fetchall()
    if found.shape == "csv":
        _keep_unreadable_lines(connection, dump)
    # By every column, so that rows modified at the same time keep their order between runs.
    newest = "last_modified DESC NULLS LAST, last_image DESC NULLS LAST, " + ", ".join(FACTS)
    return (
        f"SELECT {', '.join(FACTS)} FROM {_ROWS} WHERE code IS NOT NULL "
        f"QUALIFY row_number() OVER (PARTITION BY code ORDER BY {newest}) = 1 ORDER BY code"
    )


def rejected_query() -> str:
    """SQL that counts the rows of the last dump that are not in the table `products`.

    Returns:
        SQL for `reason` (a sentence, VARCHAR) and `rows` (BIGINT, above 0), ordered by `reason`.
        Together with `products` they add up to the dump's lines, without header and empty lines.
    """
    return (
        f"SELECT * FROM (SELECT reason, count(*) AS rows FROM {_ROWS} WHERE code IS NULL "
        "GROUP BY reason UNION ALL SELECT 'another row of the same product was modified later', "
        f"count(code) - count(DISTINCT code) FROM {_ROWS}) WHERE rows > 0 ORDER BY reason"
    )


def facts_of(dump: Path) -> set[str]:
    """The columns of the table `products` that a dump can fill; the others are null.

    Args:
        dump: a local file. Of JSON Lines the first thousand lines are examined, otherwise the
            header.

    Raises:
        UnknownDumpError: it is not a dump.
    """
    forms = _recognised(dump).forms
    return {fact for fact, (_, names) in FACTS.items() if not forms.keys().isdisjoint(names)}


def _recognised(dump: Path) -> _Dump:
    with dump.open("rb") as file:
        magic = file.read(4)
    gzipped = magic.startswith(b"\x1f\x8b")
    with _damage_named(dump):
        if magic == b"PAR1":
            return _recognised_parquet(dump)
        with gzip.open(dump) if gzipped else dump.open("rb") as file:
            lines = iter(lambda: file.readline(_MOST_BYTES), b"")
            return _recognised_text(dump, lines, gzipped=gzipped)


def _recognised_text(dump: Path, lines: Iterator[bytes], *, gzipped: bool) -> _Dump:
    first = next((line for line in lines if not line.isspace()), b"").removeprefix(b"\xef\xbb\xbf")
    if first.lstrip().startswith(b"{"):
        columns = _json_columns([first, *islice(lines, 1_000)])
        found = _Dump(dump, "jsonl", gzipped, columns, _forms(columns, "array", "keys"))
    else:
        columns = tuple(first.decode("utf-8", "replace").rstrip("\r\n").split("\t"))
        found = _Dump(dump, "csv", gzipped, columns, _forms(columns, "split", "split"))
    if "code" in columns:
        return found
    start = first.lstrip()
    name = next(name for magic, name in _OTHER_MAGICS.items() if start.startswith(magic))
    raise UnknownDumpError(f"{dump.name} is {name if start else 'empty'}; {_EXPECTED}.")


def _json_columns(lines: Iterable[bytes]) -> tuple[str, ...]:
    columns: dict[str, None] = {}
    for line in lines:
        with suppress(ValueError, RecursionError):
            product = json.loads(line)
            columns |= dict.fromkeys(product if isinstance(product, dict) else ())
    return tuple(columns)


def _forms(columns: Iterable[str], tags: str, codes: str) -> dict[str, str]:
    special = {"images": "photo object", "languages_codes": codes}
    return {
        name: special.get(name, tags if name.endswith("_tags") else "text")
        for name in _WANTED
        if name in columns
    }


def _recognised_parquet(dump: Path) -> _Dump:
    with duckdb.connect() as connection:
        described = connection.execute(f"DESCRIBE FROM read_parquet({_literal(dump)})").fetchall()
    types = {str(name): str(kind) for name, kind, *_ in described}
    if "code" not in types:
        raise UnknownDumpError(f"{dump.name} is Parquet without `code`; {_EXPECTED}.")
    forms = _forms(types, "split", "split")
    for name in tuple(forms):
        if types[name] == "VARCHAR[]":
            forms[name] = "list"
        elif re.match(r"STRUCT\(.*\bkey\b.*\buploaded_t\b.*\)\[\]$", types[name]):
            forms[name] = "photo list"
    return _Dump(dump, "parquet", gzipped=False, columns=tuple(types), forms=forms)


@contextmanager
def _damage_named(dump: Path) -> Iterator[None]:
    """Turn errors on a damaged file into one sentence; errors of a full disk pass through."""
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile, duckdb.Error) as error:
        of_the_file = type(error) in {duckdb.Error, duckdb.InvalidInputException}
        if isinstance(error, duckdb.Error) and not of_the_file and "GZIP" not in str(error).upper():
            raise
        reason = f"is truncated or damaged; fetch it again ({str(error).splitlines()[0]})"
        raise UnknownDumpError(f"{dump.name} {reason}.") from error


def _keep_unreadable_lines(connection: "DuckDBPyConnection", dump: Path) -> None:
    kept = connection.execute(
        f"INSERT INTO {_ROWS} (reason) SELECT 'the line is not UTF-8, or too long' "
        f"FROM (SELECT DISTINCT line FROM {_UNREADABLE})"
    ).fetchall()
    if kept[0][0] >= MOST_UNREADABLE_LINES:
        raise UnknownDumpError(f"{dump.name} has too many lines that are not UTF-8; {_EXPECTED}.")


def _rows_sql(dump: _Dump) -> str:
    """One row per line of the dump: the facts, and why it is not a product, or null."""
    codes = _LANGUAGES.split()
    named = ", ".join(f"'{codes[at + 1]}': '{codes[at]}'" for at in range(0, len(codes), 2))
    name = "regexp_replace(tag, '^en:|-languages?$', '', 'g')"
    tagged = f"list_transform(languages_tags, lambda tag: (MAP {{{named}}})[{name}])"
    newest = f"list_max(list_transform(images, lambda time: {_WHOLE.format('time')}))"
    dates = "list_filter(last_image_dates_tags, lambda tag: length(tag) = 10)"
    languages = ", ".join(map(_CODES.format, ("languages_codes", tagged, "[lang]", "[lc]")))
    none = "NULL" if dump.forms.keys().isdisjoint(FACTS["languages"][1]) else "[]"
    return f"""
WITH source AS ({_source_sql(dump)})
SELECT
  coalesce(fault, {barcode_sql.fault("code")}) AS reason,
  CASE WHEN fault IS NULL THEN {barcode_sql.normal_form("code")} END AS code,
  coalesce(NULLIF(trim(last_editor), ''), NULLIF(trim(last_modified_by), '')) AS last_editor,
  {_MOMENT.format("last_modified_t")} AS last_modified,
  coalesce(
    {_MOMENT.format("last_image_t")}::DATE,
    {_MOMENT.format(newest)}::DATE,
    list_max(list_transform({dates}, lambda tag: TRY_CAST(tag AS DATE)))
  ) AS last_image,
  len(images)::INTEGER AS photos,
  {_TAGS.format("countries_tags")} AS countries,
  {_TAGS.format("categories_tags")} AS categories,
  coalesce({languages}, {none}) AS languages
FROM source"""


def _source_sql(dump: _Dump) -> str:
    """The wanted columns of the dump as text or lists, and `fault` if a line is unreadable."""
    wanted = ", ".join(f"{_column_sql(dump, name)} AS {name}" for name in _WANTED)
    path, compression = _literal(dump.path), "gzip" if dump.gzipped else "none"
    fault, reader = "NULL::VARCHAR", f"read_parquet({path})"
    if dump.shape == "csv":
        last = len(dump.columns) - 1
        whole = f"c{last} IS NOT NULL AND c{last + 1} IS NULL"
        fault = f"CASE WHEN NOT ({whole}) THEN 'the line has too many or too few columns' END"
        reader = _csv_sql(dump, compression)
    if dump.shape == "jsonl":
        nothing = " AND ".join(f"{name} IS NULL" for name in dump.forms)
        fault = f"CASE WHEN {nothing} THEN 'the line is not a JSON object of a product' END"
        types = {name: "VARCHAR" if form == "text" else "JSON" for name, form in dump.forms.items()}
        reader = (
            f"read_json({path}, format='newline_delimited', columns={types}, ignore_errors=true, "
            f"records='true', maximum_object_size={_MOST_BYTES}, compression='{compression}')"
        )
    return f"SELECT {wanted}, {fault} AS fault FROM {reader}"


def _column_sql(dump: _Dump, name: str) -> str:
    form = dump.forms.get(name)
    a_list = name == "images" or name.endswith(("_tags", "_codes"))
    if form is None:
        return "NULL::VARCHAR[]" if a_list else "NULL::VARCHAR"
    place = f"c{dump.columns.index(name)}" if dump.shape == "csv" else name
    read = _READ[form].format(place)
    return f"CASE WHEN {place} IS NULL THEN []::VARCHAR[] ELSE {read} END" if a_list else read


def _csv_sql(dump: _Dump, compression: str) -> str:
    # Columns are read by position, so that names from a header never get into SQL. An extra column
    # detects lines longer than the header, null in the last column detects shorter ones. The dump
    # has no quoting: a quote is text. The null text is one that no field contains.
    places = ", ".join(f"'c{place}': 'VARCHAR'" for place in range(len(dump.columns) + 1))
    return (
        f"read_csv({_literal(dump.path)}, columns={{{places}}}, auto_detect=false, header=true, "
        "delim='\t', quote='', escape='', comment='', nullstr='\x01', null_padding=true, "
        f"strict_mode=false, compression='{compression}', "
        f"store_rejects=true, rejects_table='{_UNREADABLE}', rejects_scan='{_UNREADABLE}_scans', "
        f"rejects_limit={MOST_UNREADABLE_LINES})"
    )


def _literal(path: Path) -> str:
    """The path as an SQL literal for this one file, with patterns in its name escaped."""
    return literal(re.sub(r"([*?\[])", r"[\1]", str(path.absolute())))
