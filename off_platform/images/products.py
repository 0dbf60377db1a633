"""The Open Food Facts database dump as the table of facts that images are chosen by.

Reads the three published shapes (CSV, JSON Lines, Parquet) from a local file with DuckDB, once and
streaming, whatever the size. Fetching the dump, writing the table and choosing by it live elsewhere.
"""

import gzip
import json
import re
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Literal, cast

from off_platform.barcodes import EAN_8_DIGITS, EAN_13_DIGITS, MOST_DIGITS

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection, DuckDBPyRelation

Shape = Literal["csv", "jsonl", "parquet"]
# How a column's values are stored: plain text, JSON text, list of text, list of image records.
Form = Literal["text", "json", "list", "images"]

COLUMN_TYPES = {
    "code": "VARCHAR",
    "last_editor": "VARCHAR",
    "last_modified": "TIMESTAMP",
    "last_image": "DATE",
    "photos": "INTEGER",
    "countries": "VARCHAR[]",
    "categories": "VARCHAR[]",
    "languages": "VARCHAR[]",
}
# Which columns of a dump tell a fact: the first that has a value wins.
SOURCES = {
    "code": ("code",),
    "last_editor": ("last_editor", "last_modified_by"),
    "last_modified": ("last_modified_t",),
    "last_image": ("last_image_t", "images", "last_image_dates_tags"),
    "photos": ("images",),
    "countries": ("countries_tags",),
    "categories": ("categories_tags",),
    "languages": ("languages_codes", "languages_tags", "lang", "lc"),
}
# A line of JSON above this is no product; DuckDB keeps two buffers of this size a thread.
MOST_BYTES_OF_A_LINE = 32 * 1024 * 1024
# So many unreadable lines are no damage, they are another kind of file.
MOST_UNREADABLE_LINES = 100_000

_WANTED = frozenset(column for columns in SOURCES.values() for column in columns)
_JSON_FORMS: dict[str, Form] = {
    "images": "json",
    "last_image_dates_tags": "json",
    "countries_tags": "json",
    "categories_tags": "json",
    "languages_codes": "json",
    "languages_tags": "json",
}
_EXPECTED = (
    "expected is an Open Food Facts database dump: its tab-separated CSV or JSON Lines, plain or "
    "gzipped, or its Parquet"
)
_GZIP_MAGIC = b"\x1f\x8b"
_PARQUET_MAGIC = b"PAR1"
_OTHER_MAGICS = {
    b"PK\x03\x04": "a ZIP archive or an Excel workbook (xlsx)",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook (xls)",
    b"\x28\xb5\x2f\xfd": "compressed with Zstandard",
    b"BZh": "compressed with bzip2",
    b"\xfd7zXZ": "compressed with xz",
    b"\x81\x99\xe2\x6d": "a MongoDB archive",
    _GZIP_MAGIC: "gzipped twice",
    _PARQUET_MAGIC: "a gzipped Parquet file",
    b"<": "an HTML or XML page",
    b"[": "one JSON array, not a JSON object a line",
}
_PEEKED_LINES = 1_000
_ROWS = "dump_rows"
_UNREADABLE = "dump_unreadable_lines"
_UNREADABLE_SCANS = "dump_unreadable_lines_scans"

# Open Food Facts names a language by its English tag, `en:french`, where it does not give the code.
# The usual ones stand first, for a look-up walks the list.
_LANGUAGES = """
en english fr french de german es spanish it italian nl dutch pt portuguese pl polish ro romanian
sv swedish da danish fi finnish cs czech hu hungarian bg bulgarian el greek el modern-greek
ru russian ar arabic hr croatian sk slovak sl slovene sl slovenian sr serbian no norwegian
nb bokmal nb norwegian-bokmal nn nynorsk nn norwegian-nynorsk lt lithuanian lv latvian et estonian
uk ukrainian tr turkish he hebrew ja japanese zh chinese ko korean th thai vi vietnamese
id indonesian ms malay hi hindi ca catalan eu basque gl galician is icelandic mk macedonian
sq albanian bs bosnian ka georgian hy armenian az azerbaijani kk kazakh uz uzbek fa persian
ur urdu bn bengali ta tamil te telugu ml malayalam mr marathi gu gujarati pa punjabi kn kannada
ne nepali si sinhala my burmese km khmer lo lao mn mongolian tl tagalog la latin eo esperanto
ga irish cy welsh mt maltese lb luxembourgish be belarusian af afrikaans sw swahili am amharic
aa afar ab abkhaz ab abkhazian ae avestan ak akan an aragonese as assamese av avar av avaric
ay aymara ba bashkir bh bihari bi bislama bm bambara bo tibetan br breton ce chechen ch chamorro
co corsican cr cree cu church-slavonic cu old-church-slavonic cv chuvash dv maldivian dz dzongkha
ee ewe ff fula fj fijian fo faroese fy west-frisian fy western-frisian gd scottish-gaelic
gn guarani gv manx ha hausa ho hiri-motu ht haitian-creole ht haitian hz herero ia interlingua
ie interlingue ig igbo ii nuosu ik inupiat ik inupiaq io ido iu inuktitut jv javanese kg kongo
ki gikuyu ki kikuyu kj kwanyama kl greenlandic kr kanuri ks kashmiri ku kurdish kv komi kw cornish
ky kyrgyz lg luganda li limburgish ln lingala lu luba-katanga mg malagasy mh marshallese mi maori
mo moldovan na nauruan nd northern-ndebele ng ndonga ng ndonga-dialect nr southern-ndebele
nv navajo ny chewa ny chichewa oc occitan oj ojibwe om oromo or odia or oriya os ossetian pi pali
ps pashto qu quechua rm romansh rn kirundi rw kinyarwanda sa sanskrit sc sardinian sd sindhi
se northern-sami sg sango sm samoan sn shona so somali ss swazi st sotho su sundanese tg tajik
ti tigrinya tk turkmen tn tswana to tongan ts tsonga tt tatar tw twi ty tahitian ug uyghur
ve venda vo volapuk wa walloon wo wolof xh xhosa yi yiddish yo yoruba za zhuang zu zulu
""".split()


class UnknownDumpError(ValueError):
    """The file is no dump that can be read to its end; the message is one sentence for a person."""


@dataclass(frozen=True)
class Dump:
    """A dump as its first bytes show it.

    Attributes:
        path: where it lies.
        shape: which of the published shapes it has.
        gzipped: whether the whole file is gzipped.
        columns: all its columns in their order; of JSON Lines those that its first lines have.
        forms: the columns that tell facts, with the form of their values.
    """

    path: Path
    shape: Shape
    gzipped: bool
    columns: tuple[str, ...]
    forms: dict[str, Form]


def products_query(connection: "DuckDBPyConnection", dump: Path) -> str:
    """Read a dump and give the SQL that selects the table `products` of it.

    The dump is read here, once, into a temporary table of the connection (which DuckDB spills to
    its temporary directory when memory runs short); the SQL, and that of `rejected_query`, holds
    for this connection until the next dump is read.

    Args:
        connection: an open connection.
        dump: a local file; its content decides what it is, not its ending.

    Returns:
        SQL that gives the columns of `COLUMN_TYPES`, a row a product, in the order of `code`. Of
        several rows of one product the one modified last is taken. A fact that the dump lacks is
        null in every row; a list that a product has nothing of is empty.

    Raises:
        UnknownDumpError: it is no dump, or one that is cut off or damaged.
    """
    found = _recognised(dump)
    for table in (_ROWS, _UNREADABLE, _UNREADABLE_SCANS):
        connection.execute(f"DROP TABLE IF EXISTS temp.{table}")
    with _damage_told(dump):
        connection.execute(f"CREATE TEMP TABLE {_ROWS} AS {_rows_sql(found)}")
    if found.shape == "csv":
        _keep_unreadable_lines(connection, dump)
    # Rows alike in all that is compared but not in the rest must not swap from run to run.
    newest = "last_modified DESC NULLS LAST, last_image DESC NULLS LAST, hash(kept)"
    return (
        f"SELECT {', '.join(COLUMN_TYPES)} FROM {_ROWS} AS kept WHERE code IS NOT NULL "  # noqa: S608 - names of this module only
        f"QUALIFY row_number() OVER (PARTITION BY code ORDER BY {newest}) = 1 ORDER BY code"
    )


def rejected_query() -> str:
    """SQL for the rows of the dump read last that the table `products` does not have.

    Returns:
        SQL that gives `reason` (one short sentence, VARCHAR) and `rows` (BIGINT), a row a reason,
        in the order of `reason`; none when nothing was left out. With the rows of `products` they
        add up to the lines of the dump, its header and empty lines apart.
    """
    return f"""
SELECT * FROM (
  SELECT reason, count(*) AS rows FROM {_ROWS} WHERE reason IS NOT NULL GROUP BY reason
  UNION ALL
  SELECT 'another row of the same product is newer', count(code) - count(DISTINCT code) FROM {_ROWS}
) WHERE rows > 0 ORDER BY reason"""  # noqa: S608 - names of this module only


def facts_of(dump: Path) -> set[str]:
    """Which columns of the table `products` a dump can fill; the others would be all null.

    Args:
        dump: a local file. Of JSON Lines the first thousand lines are looked at, else only the
            header.

    Raises:
        UnknownDumpError: it is no dump.
    """
    forms = _recognised(dump).forms
    return {fact for fact, columns in SOURCES.items() if any(column in forms for column in columns)}


def normal_form_sql(column: str) -> str:
    """The SQL twin of `barcodes.normal_form`; null where that raises.

    Args:
        column: SQL of a VARCHAR, usually a column's name. Never text from outside.
    """
    significant = f"ltrim({column}, '0')"
    return (
        f"CASE WHEN NOT regexp_full_match({column}, '[0-9]+') OR length({column}) > {MOST_DIGITS} "
        f"OR {significant} = '' THEN NULL "
        f"WHEN length({significant}) <= {EAN_8_DIGITS} THEN lpad({significant}, {EAN_8_DIGITS}, '0') "
        f"WHEN length({significant}) < {EAN_13_DIGITS} "
        f"THEN lpad({significant}, {EAN_13_DIGITS}, '0') ELSE {significant} END"
    )


def _recognised(dump: Path) -> Dump:
    with dump.open("rb") as file:
        magic = file.read(4)
        file.seek(-min(4, dump.stat().st_size), 2)
        end = file.read(4)
    if magic == _PARQUET_MAGIC:
        if end != _PARQUET_MAGIC:
            raise UnknownDumpError(f"{dump.name} is Parquet that was cut off: fetch it again.")
        return _recognised_parquet(dump)
    gzipped = magic.startswith(_GZIP_MAGIC)
    with _damage_told(dump), _plain(dump, gzipped=gzipped) as file:
        return _recognised_text(dump, file, gzipped=gzipped)


def _plain(dump: Path, *, gzipped: bool) -> IO[bytes]:
    return cast("IO[bytes]", gzip.open(dump, "rb")) if gzipped else dump.open("rb")


def _recognised_text(dump: Path, file: IO[bytes], *, gzipped: bool) -> Dump:
    first = file.readline(MOST_BYTES_OF_A_LINE).removeprefix(b"\xef\xbb\xbf")
    while first.isspace():
        first = file.readline(MOST_BYTES_OF_A_LINE)
    start = first.lstrip()
    for magic, name in _OTHER_MAGICS.items():
        if start.startswith(magic):
            raise UnknownDumpError(f"{dump.name} is {name}; {_EXPECTED}.")
    if not start:
        raise UnknownDumpError(f"{dump.name} is empty; {_EXPECTED}.")
    if start.startswith(b"{"):
        columns = _json_columns(dump, [first, *_lines(file)])
        forms = {name: _JSON_FORMS.get(name, "text") for name in columns if name in _WANTED}
        return Dump(dump, "jsonl", gzipped, columns, forms)
    columns = _csv_columns(dump, first)
    return Dump(
        dump, "csv", gzipped, columns, {name: "text" for name in columns if name in _WANTED}
    )


def _lines(file: IO[bytes]) -> Iterator[bytes]:
    left = MOST_BYTES_OF_A_LINE
    for _ in range(_PEEKED_LINES):
        line = file.readline(left)
        left -= len(line)
        if not line or left <= 0:
            return
        yield line


def _json_columns(dump: Path, lines: Iterable[bytes]) -> tuple[str, ...]:
    columns: dict[str, None] = {}
    for line in lines:
        try:
            product = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(product, dict):
            columns.update(dict.fromkeys(product))
    if "code" not in columns:
        raise UnknownDumpError(
            f"{dump.name} is JSON, but none of its first lines is a product with a `code`; "
            f"{_EXPECTED}."
        )
    return tuple(columns)


def _csv_columns(dump: Path, header: bytes) -> tuple[str, ...]:
    if b"\0" in header:
        raise UnknownDumpError(f"{dump.name} is no text; {_EXPECTED}.")
    columns = tuple(header.decode("utf-8", "replace").rstrip("\r\n").split("\t"))
    if "code" in columns:
        return columns
    others = re.split(r'"?[,;|]"?', columns[0].strip('"'))
    reason = (
        "is a table whose columns are not separated by tabs"
        if "code" in others
        else "is text whose first line does not name a column `code`"
    )
    raise UnknownDumpError(f"{dump.name} {reason}; {_EXPECTED}.")


def _recognised_parquet(dump: Path) -> Dump:
    import duckdb  # noqa: PLC0415 - 0.1 s, only when a dump is read

    try:
        with duckdb.connect() as connection:
            source = connection.sql(f"SELECT * FROM read_parquet({_literal(dump)})")  # noqa: S608 - escaped
            forms = _parquet_forms(source)
            columns = tuple(source.columns)
    except duckdb.Error as error:
        raise UnknownDumpError(f"{dump.name} is damaged Parquet: fetch it again.") from error
    if "code" not in forms:
        raise UnknownDumpError(f"{dump.name} is Parquet without a column `code`; {_EXPECTED}.")
    return Dump(dump, "parquet", gzipped=False, columns=columns, forms=forms)


def _parquet_forms(source: "DuckDBPyRelation") -> dict[str, Form]:
    forms: dict[str, Form] = {}
    for name, kind in zip(source.columns, source.types, strict=True):
        if name not in _WANTED:
            continue
        shown = str(kind)
        if shown == "VARCHAR[]":
            forms[name] = "list"
        elif shown.startswith("STRUCT(") and shown.endswith("[]"):
            if {"key", "uploaded_t"} <= {child for child, _ in kind.children[0][1].children}:
                forms[name] = "images"
        elif kind.id not in {"list", "struct", "map", "union", "array"}:
            forms[name] = "text"
    return forms


@contextmanager
def _damage_told(dump: Path) -> Iterator[None]:
    """Turn what readers say of a damaged file into one sentence; a full disk stays what it is."""
    import duckdb  # noqa: PLC0415 - 0.1 s, only when a dump is read

    cut_off = f"{dump.name} is gzipped but cut off or damaged: fetch it again."
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise UnknownDumpError(cut_off) from error
    except duckdb.IOException as error:
        if "GZIP" not in str(error).upper():
            raise
        raise UnknownDumpError(cut_off) from error
    except duckdb.InvalidInputException as error:
        reason = str(error).splitlines()[0]
        raise UnknownDumpError(f"{dump.name} cannot be read to its end: {reason}") from error


def _keep_unreadable_lines(connection: "DuckDBPyConnection", dump: Path) -> None:
    connection.execute(
        f"INSERT INTO {_ROWS} (reason) "  # noqa: S608 - names of this module only
        f"SELECT 'the line is not UTF-8 or too long' FROM (SELECT DISTINCT line FROM {_UNREADABLE})"
    )
    unreadable = connection.execute(f"SELECT count(*) FROM {_UNREADABLE}").fetchone()  # noqa: S608 - as above
    if unreadable and unreadable[0] >= MOST_UNREADABLE_LINES:
        raise UnknownDumpError(
            f"{dump.name} has {MOST_UNREADABLE_LINES} lines or more that are not UTF-8; {_EXPECTED}."
        )


def _rows_sql(dump: Dump) -> str:
    """A row a line of the dump: the facts, and why it cannot be a product, or null."""
    return f"""
WITH source AS ({_source_sql(dump)}),
seen AS (SELECT *, {_uploads_sql(dump)} AS uploads FROM source)
SELECT
  {_reason_sql(dump)} AS reason,
  CASE WHEN reason IS NULL THEN {normal_form_sql("code")} END::VARCHAR AS code,
  {_first_text_sql(dump, "last_editor")} AS last_editor,
  {_moment_sql(dump, "last_modified_t")} AS last_modified,
  {_last_image_sql(dump)} AS last_image,
  len(uploads)::INTEGER AS photos,
  {_tags_sql(dump, "countries_tags")} AS countries,
  {_tags_sql(dump, "categories_tags")} AS categories,
  {_languages_sql(dump)} AS languages
FROM seen"""  # noqa: S608 - no text from outside but the escaped path


def _source_sql(dump: Dump) -> str:
    path = _literal(dump.path)
    if dump.shape == "parquet":
        casts = {"text": "::VARCHAR"}
        wanted = ", ".join(
            f'"{name}"{casts.get(form, "")} AS {name}' for name, form in dump.forms.items()
        )
        return f"SELECT {wanted} FROM read_parquet({path})"  # noqa: S608 - names of this module only
    if dump.shape == "jsonl":
        types = ", ".join(
            f"{name}: '{'JSON' if form == 'json' else 'VARCHAR'}'"
            for name, form in dump.forms.items()
        )
        compression = "gzip" if dump.gzipped else "uncompressed"
        return (
            f"SELECT * FROM read_json({path}, format='newline_delimited', columns={{{types}}}, "  # noqa: S608 - as above
            f"ignore_errors=true, maximum_object_size={MOST_BYTES_OF_A_LINE}, "
            f"compression='{compression}')"
        )
    return _csv_sql(dump, path)


def _csv_sql(dump: Dump, path: str) -> str:
    # Columns go by place: a header's names never get into SQL, and the one column too many shows
    # lines that are longer than the header, as null in the last shows those that are shorter.
    places = ", ".join(f"'c{place}': 'VARCHAR'" for place in range(len(dump.columns) + 1))
    wanted = ", ".join(f"c{dump.columns.index(name)} AS {name}" for name in dump.forms)
    last = len(dump.columns) - 1
    # The dump has no quoting: a quote is text. The null text is one that no field holds.
    return (
        f"SELECT {wanted}, c{last} IS NOT NULL AND c{last + 1} IS NULL AS whole "  # noqa: S608 - as above
        f"FROM read_csv({path}, columns={{{places}}}, auto_detect=false, header=true, "
        f"delim='\t', quote='', escape='', comment='', nullstr='\x01', null_padding=true, "
        f"strict_mode=false, compression='{'gzip' if dump.gzipped else 'none'}', "
        f"store_rejects=true, rejects_table='{_UNREADABLE}', rejects_scan='{_UNREADABLE_SCANS}', "
        f"rejects_limit={MOST_UNREADABLE_LINES})"
    )


def _reason_sql(dump: Dump) -> str:
    unreadable = ""
    if dump.shape == "csv":
        unreadable = "WHEN NOT whole THEN 'the line has another number of columns than the header'"
    elif dump.shape == "jsonl":
        nothing = " AND ".join(f"{name} IS NULL" for name in dump.forms)
        unreadable = f"WHEN {nothing} THEN 'the line is no JSON object of a product'"
    return f"""CASE {unreadable}
    WHEN coalesce(code, '') = '' THEN 'the code is empty'
    WHEN NOT regexp_full_match(code, '[0-9]+') THEN 'the code holds more than digits'
    WHEN length(code) > {MOST_DIGITS} THEN 'the code has more than {MOST_DIGITS} digits'
    WHEN ltrim(code, '0') = '' THEN 'the code is all zeros' END"""


def _first_text_sql(dump: Dump, fact: str) -> str:
    found = [
        f"NULLIF(trim({name}), '')" for name in SOURCES[fact] if dump.forms.get(name) == "text"
    ]
    return f"coalesce({', '.join(found)})" if found else "NULL::VARCHAR"


def _seconds_sql(expression: str) -> str:
    """SQL of a TIMESTAMP in UTC from seconds since 1970; null outside 1970 to 2100."""
    seconds = f"TRY_CAST({expression} AS BIGINT)"
    return (
        f"CASE WHEN {seconds} BETWEEN 1 AND 4102444800 THEN make_timestamp({seconds} * 1000000) END"
    )


def _moment_sql(dump: Dump, name: str) -> str:
    return _seconds_sql(name) if dump.forms.get(name) == "text" else "NULL::TIMESTAMP"


def _list_sql(dump: Dump, name: str) -> str:
    """SQL of a column's elements as VARCHAR[], in whatever form the dump has them."""
    return {
        "list": name,
        "json": f"json_extract_string({name}, '$[*]')",
        "text": f"string_split({name}, ',')",
    }[dump.forms[name]]


def _tags_sql(dump: Dump, name: str) -> str:
    if name not in dump.forms:
        return "NULL::VARCHAR[]"
    trimmed = f"list_transform({_list_sql(dump, name)}, lambda tag: trim(tag))"
    return f"coalesce(list_filter({trimmed}, lambda tag: tag <> ''), []::VARCHAR[])"


def _uploads_sql(dump: Dump) -> str:
    """SQL of the uploaded photos' times as text, a photo an element.

    Selected pictures such as `front_fr` stand in the same place and are no uploads; the ids of
    uploads are all digits. A product without photos has no images at all in JSON Lines.
    """
    form = dump.forms.get("images")
    if form is None:
        return "NULL::VARCHAR[]"
    photos, time = "images", "image.uploaded_t"
    if form != "images":
        held = "TRY_CAST(images AS JSON)"
        photos = (
            f"map_entries(TRY_CAST(coalesce({held} -> '$.uploaded', {held}) AS MAP(VARCHAR, JSON)))"
        )
        time = "image.value ->> '$.uploaded_t'"
    uploads = f"list_filter({photos}, lambda image: regexp_full_match(image.key, '[0-9]+'))"
    times = f"list_transform({uploads}, lambda image: ({time})::VARCHAR)"
    return f"CASE WHEN images IS NULL THEN []::VARCHAR[] ELSE {times} END"


def _last_image_sql(dump: Dump) -> str:
    newest = "list_max(list_transform(uploads, lambda time: TRY_CAST(time AS BIGINT)))"
    found = [_moment_sql(dump, "last_image_t"), _seconds_sql(newest)]
    dates = "NULL"
    if "last_image_dates_tags" in dump.forms:
        # The tags hold the month and the year too, `2020-01-18`, `2020-01`, `2020`.
        whole = (
            f"list_filter({_list_sql(dump, 'last_image_dates_tags')}, lambda tag: length(tag) = 10)"
        )
        dates = f"list_max(list_transform({whole}, lambda tag: TRY_CAST(tag AS DATE)))"
    return f"coalesce(coalesce({', '.join(found)})::DATE, {dates})"


def _languages_sql(dump: Dump) -> str:
    found = [
        f"NULLIF(list_sort(list_distinct(list_filter({codes}, lambda code: "
        "regexp_full_match(code, '[a-z]{2}') AND code <> 'xx'))), []::VARCHAR[])"
        for codes in _language_codes(dump)
    ]
    return f"coalesce({', '.join(found)}, []::VARCHAR[])" if found else "NULL::VARCHAR[]"


def _language_codes(dump: Dump) -> Iterator[str]:
    """SQL of VARCHAR[] for each column that tells languages, the surest first."""
    for name in SOURCES["languages"]:
        form = dump.forms.get(name)
        if form is None:
            continue
        if name in {"lang", "lc"}:
            yield f"[{name}]"
        elif name == "languages_codes":
            yield f"json_keys({name})" if form == "json" else _list_sql(dump, name)
        else:
            known = ", ".join(
                f"'{english}': '{code}'"
                for code, english in zip(_LANGUAGES[::2], _LANGUAGES[1::2], strict=True)
            )
            english = "regexp_replace(tag, '^en:|-languages?$', '', 'g')"
            yield f"list_transform({_list_sql(dump, name)}, lambda tag: (MAP {{{known}}})[{english}])"


def _literal(path: Path) -> str:
    """The path as an SQL literal that names this one file, whatever its name holds."""
    escaped = re.sub(r"([*?\[])", r"[\1]", str(path.absolute()))
    return "'" + escaped.replace("'", "''") + "'"
