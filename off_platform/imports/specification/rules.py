"""The rules of the document "Data Formats Specification", as data. Pure.

A rule is what one finding breaks; rules of one kind make one asset check. Quotes are the
document's own sentences; where it is silent, `source` says whose rule it is. How a text is read is
in `values/`, what concerns several columns in `schemas.py`, the whole file in `whole_file/`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from off_platform.imports.specification.headings import HEADINGS

Level = Literal["error", "warning", "info"]
LEVELS: tuple[Level, ...] = ("error", "warning", "info")

OFF = "Open Food Facts itself"
CONVENTION = "How Off Platform reads the document"
# Of a value, in a sentence about it.
MOST_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Check:
    """Rules of one kind, reported together as one asset check.

    Attributes:
        id: the asset check's name.
        sentence: what must hold, for people.
        blocking: whether nothing that hangs on the tables may go on; only where nothing was read.
    """

    id: str
    sentence: str
    blocking: bool = False


@dataclass(frozen=True, slots=True)
class ImportRule:
    """One rule.

    Attributes:
        id: short name; it stands in every finding.
        check: id of the check that it belongs to.
        level: `error`: the record (or file) may not pass; `warning`: legal but suspicious; `info`:
            otherwise changed or assumed in silence.
        sentence: what must hold, for people.
        mend: what the producer does about it.
        source: the document's own sentence, or whose rule it is.
    """

    id: str
    check: str
    level: Level
    sentence: str
    mend: str
    source: str

    @property
    def heading(self) -> str:
        """What is wrong where it is broken, without a period."""
        return HEADINGS[self.id]


CHECKS: tuple[Check, ...] = (
    Check("readable", "The file is a CSV, TSV, JSON or XLSX file that can be read.", blocking=True),
    Check("header", "Columns are named, each once, and one of them identifies products.",
          blocking=True),
    Check("file_format", "The file has the form that the document describes."),
    Check("rows", "Every row has a cell for every column, and one product a row."),
    Check("columns", "Every column is one of the document's."),
    Check("whole_file_damage", "No program spoilt the identifiers of the whole file."),
    Check("identifier", "Every product has an identifier, and its identifiers agree."),
    Check("barcode_format", "Barcodes are text of digits, with a length that barcodes have."),
    Check("barcode_check_digit", "Barcodes have a valid check digit."),
    Check("barcode_use", "Barcodes are those of products sold everywhere."),
    Check("duplicates", "No product stands twice in the import."),
    Check("product_name", "Every product has a name."),
    Check("aliases", "Two names of one field say the same."),
    Check("numbers", "Numbers are numbers, with a period and without a unit."),
    Check("ranges", "Nutritional values lie in reasonable ranges."),
    Check("macronutrients", "Fat, carbohydrates and proteins do not exceed 100 g per 100 g."),
    Check("plausible_values", "Nutritional values fit one another and Open Food Facts' limits."),
    Check("energy", "Energy in kJ and in kcal agree, and its unit is clear."),
    Check("salt_and_sodium", "Salt is sodium times 2.5."),
    Check("quantities", "Package sizes are a number with a metric unit."),
    Check("countries", "Countries are ISO 3166-1 codes or English names."),
    Check("languages", "Languages are ISO 639-1 codes."),
    Check("timestamps", "Timestamps are Unix seconds in the past, in order."),
    Check("urls", "URLs are http or https addresses."),
    Check("texts", "Texts are clean, and what is missing is left empty."),
)  # fmt: skip


def _rule(
    rule_id: str, check: str, level: Level, sentence: str, mend: str, source: str = CONVENTION
) -> ImportRule:
    return ImportRule(rule_id, check, level, sentence, mend, source)


_DIGITS = "No spaces, dashes, or other characters"
_PERIOD = "Use period (`.`) as decimal separator"
_NO_UNITS = "No units in the number field"
_KEEP_TEXT = "Store barcodes as strings, not numbers"
_SODIUM = "If you have sodium, calculate salt as: `salt = sodium × 2.5`"  # noqa: RUF001 - a quote
_CSV = "Header Row: Required (field names)"

RULES: tuple[ImportRule, ...] = (
    _rule("file_empty", "readable", "error", "The file holds something.",
          "Export the file again; this one is empty."),
    _rule("no_records", "readable", "error", "The file holds at least one product.",
          "Export the file again, with the products below the header.", "One product per row"),
    _rule("not_an_import_format", "readable", "error", "The file is CSV, TSV, JSON or XLSX.",
          "Save it as CSV in UTF-8, or as .xlsx.", "Format: `.xlsx` (not `.xls`)"),
    _rule("not_utf8", "readable", "error", "The text is UTF-8.",
          "Save the file again and choose UTF-8 as its encoding.", "Encoding: UTF-8 (required)"),
    _rule("nul_bytes", "readable", "error", "The text has no NUL bytes.",
          "Export the file again; it is damaged or not a text file."),
    _rule("line_too_long", "readable", "error", "No line is longer than 16 MB.",
          "Look whether line endings are missing or a quote is not closed.",
          "Line Ending: Unix (`\\n`) or Windows (`\\r\\n`)"),
    _rule("cell_too_long", "readable", "error", "No cell is longer than 1 MB.",
          "Look whether a quote is not closed."),
    _rule("quote_not_closed", "readable", "error", "Every quote is closed.",
          "Close the quote; write a quote inside a quoted field twice.",
          'Escape quotes with double quotes (`""`)'),
    _rule("line_ending", "readable", "error", "Lines end with a line feed.",
          "Save the file again with Unix or Windows line endings.",
          "Line Ending: Unix (`\\n`) or Windows (`\\r\\n`)"),
    _rule("quote_misplaced", "rows", "error", "Quotes enclose whole fields.",
          "Quote the whole field, and write quotes inside it twice.",
          "Quote fields containing commas, newlines, or quotes"),
    _rule("xlsx_damaged", "readable", "error", "The XLSX file is whole.",
          "Open it in your spreadsheet program and save it again as .xlsx.",
          "Format: `.xlsx` (not `.xls`)"),
    _rule("xlsx_too_large", "readable", "error", "The XLSX file unpacks to a reasonable size.",
          "Remove empty rows, columns and pictures, or save it as CSV.",
          "Conversion: Convert to CSV for version control"),
    _rule("json_invalid", "readable", "error", "The JSON is valid.",
          "Mend the JSON at the line and column that are named.", "Valid JSON syntax"),
    _rule("json_too_deep", "readable", "error", "The JSON is not nested deeply.",
          "Write an array of flat objects.", "Array of objects (one per product)"),
    _rule("json_not_records", "readable", "error", "The JSON is an array of objects.",
          "Write an array of objects, one per product.", "Array of objects (one per product)"),
    _rule("no_header", "header", "error", "The first row names the columns.",
          "Put a first row with field names above the products.", _CSV),
    _rule("doubled_header", "header", "error", "No two columns have the same name.",
          "Rename or remove one of the two columns.", "Use consistent field names"),
    _rule("too_many_columns", "header", "error", "There are no more than 2,000 columns.",
          "Keep only the columns that the document names.", "Use consistent field names"),
    _rule("no_identifier_column", "header", "error",
          "There is a column `barcode`, `code`, `gtin` or `product_id`.",
          "Name the column of the barcodes `barcode`.", "*At least one identifier required"),
    _rule("wrong_delimiter", "file_format", "error", "The delimiter fits the file's format.",
          "Save it as CSV with commas, or as .tsv with tabs.",
          "Delimiter: Comma (`,`)"),
    _rule("separator_hint", "file_format", "info", "The file begins with its header.",
          "Remove the first line: only Excel knows what it means.", _CSV),
    _rule("line_ending_doubled", "file_format", "warning",
          "Lines end with one carriage return at most.",
          "Save the file again with Unix or Windows line endings.",
          "Line Ending: Unix (`\\n`) or Windows (`\\r\\n`)"),
    _rule("byte_order_mark", "file_format", "info", "The file begins with its first field name.",
          "Nothing needs to be done; the mark was read over."),
    _rule("json_lines", "file_format", "info", "The JSON is one array.",
          "Nothing needs to be done; one object a line is read too.",
          "Array of objects (one per product)"),
    _rule("more_sheets", "file_format", "warning", "The workbook has a single sheet.",
          "Only the named sheet was read; save others as files of their own.",
          "Single sheet preferred"),
    _rule("hidden_sheets", "file_format", "info", "Every sheet of the workbook is visible.",
          "Nothing needs to be done; unhide a sheet if it has products.", "Single sheet preferred"),
    _rule("hidden_cells", "file_format", "info", "No row or column of the sheet is hidden.",
          "Nothing needs to be done; remove from the sheet what is not to be imported."),
    _rule("rows_above_header", "file_format", "info", "The header is the first row.",
          "Remove the rows above the names of the columns.", _CSV),
    _rule("header_trimmed", "file_format", "info",
          "Column names have no spaces around them, and nothing that cannot be seen.",
          "Remove the spaces, or write the name anew.", "Trim leading/trailing whitespace"),
    _rule("ragged_row", "rows", "error", "The row has as many cells as there are columns.",
          "Quote fields that contain commas; add missing cells.",
          "Quote fields containing commas, newlines, or quotes"),
    _rule("empty_line", "rows", "info", "There are no empty lines.", "Remove the empty lines.",
          "Avoid empty lines"),
    _rule("rows_in_quotes", "rows", "error", "No quoted cell holds other rows.",
          "Close the quote on the line that opens it; write a quote inside a quoted field twice.",
          "One product per row"),
    _rule("line_ends_in_quotes", "rows", "warning",
          "Lines within a quoted cell have as many delimiters as a row.",
          "Look whether a quote is missing on the first of the lines that are named.",
          "One product per row"),
    _rule("merged_cells", "rows", "warning", "No cells of products are merged.",
          "Unmerge the cells, and write the value into each cell that it is meant for.",
          "One product per row"),
    _rule("cell_error_value", "rows", "error", "No cell shows a spreadsheet's error.",
          "Mend the formula, or leave the cell empty."),
    _rule("formula_without_value", "rows", "error", "The result of every formula is stored.",
          "Open the file in a spreadsheet program and save it, so that results are stored."),
    _rule("number_is_date", "numbers", "error", "No date stands for a number.",
          "Format the column as text or number and write the number again.", "Integer or decimal"),
    _rule("number_shown_otherwise", "numbers", "warning",
          "The cell shows the number that it holds.",
          "Look which of the two is right, and give the column the number format 'General'.",
          "Integer or decimal"),
    _rule("json_nested", "rows", "error",
          "Values are texts and numbers; only `nutrition` is nested.",
          "Write the value as text; lists are separated by commas.", "Consistent property names"),
    _rule("json_duplicate_key", "rows", "error", "No property stands twice in one object.",
          "Remove one of the two.", "Consistent property names"),
    _rule("unknown_column", "columns", "warning", "The column is one of the document's.",
          "Rename the column if it is one of the document's; others are not imported.",
          "Use consistent field names"),
    _rule("unknown_language_suffix", "columns", "warning",
          "The ending of the column's name is a language.",
          "Use a two-letter code, such as `product_name_fr`.", "Use ISO 639-1 two-letter codes"),
    _rule("boolean_mixed", "columns", "warning", "Yes and no are written in one way.",
          "Use `true`/`false`, `1`/`0` or `yes`/`no`, one of them in the whole file.",
          "Consistent within a dataset"),
    _rule("damage_scientific", "whole_file_damage", "error",
          "Barcodes were not turned into `7,6223E+12` by a spreadsheet.",
          "Export again, and format the column as text before opening it.", _KEEP_TEXT),
    _rule("damage_lost_zeros", "whole_file_damage", "error",
          "Barcodes did not lose their leading zeros.",
          "Export again with the column as text, or put the zeros back in front.",
          "Leading zeros in barcodes removed"),
    _rule("damage_extra_digit", "whole_file_damage", "error",
          "Barcodes did not get a digit too many.",
          "Export again without the appended digit, or remove it.", _KEEP_TEXT),
    _rule("damage_fraction", "whole_file_damage", "error",
          "Barcodes were not written as numbers with `.0` behind them.",
          "Export again with the column as text, or remove the `.0`.", _KEEP_TEXT),
    _rule("damage_lost_check_digit", "whole_file_damage", "error",
          "Barcodes did not lose their last digit.",
          "Export again with all digits; compare some barcodes with their packages.",
          "EAN-13: 13 digits, valid check digit"),
    _rule("barcode_damaged", "whole_file_damage", "error",
          "Barcodes are not of a column that was damaged as a whole.",
          "Take the repaired code where one is proposed; export again for the others.",
          _KEEP_TEXT),
    _rule("identifier_missing", "identifier", "error", "The record has an identifier.",
          "Fill in its barcode.", "A unique identifier (barcode, code, or product_id)"),
    _rule("identifiers_disagree", "identifier", "error",
          "`barcode`, `code` and `gtin` of a record name one product.",
          "Keep the right one of them."),
    _rule("product_id_only", "identifier", "warning", "The record has a barcode.",
          "Add the barcode: Open Food Facts cannot import products without one.", OFF),
    _rule("barcode_not_text", "barcode_format", "error", "Barcodes are text, not numbers.",
          "Format the column as text; in JSON put the barcode into quotes.", _KEEP_TEXT),
    _rule("barcode_not_digits", "barcode_format", "error", "Barcodes have digits only.",
          "Remove everything but the digits.", _DIGITS),
    _rule("barcode_length", "barcode_format", "error",
          "Barcodes have 13, 12, 8 or 6 digits, 14 in `gtin`.",
          "Compare the barcode, or the proposal, with the package.",
          "EAN-13: 13 digits, valid check digit"),
    _rule("barcode_lost_zero", "barcode_format", "error", "Barcodes keep their leading zeros.",
          "Put the zeros back in front if the proposal is the code on the package.",
          "Leading zeros in barcodes removed"),
    _rule("barcode_scientific", "barcode_format", "error",
          "Barcodes are not numbers like `7,6223E+12`.",
          "Export again with the column as text, or compare the proposal with the package.",
          _KEEP_TEXT),
    _rule("barcode_all_zeros", "barcode_format", "error", "Barcodes are not all zeros.",
          "Fill in the barcode of the package."),
    _rule("barcode_check_digit", "barcode_check_digit", "error",
          "The last digit is the check digit of those before it.",
          "Compare the barcode with the package.", "EAN-13: 13 digits, valid check digit"),
    _rule("barcode_restricted", "barcode_use", "warning",
          "Barcodes are not of a shop's own numbering.",
          "Shops number by themselves with 02, 04 and 2...; give the producer's barcode.",
          "GS1 General Specifications: restricted circulation numbers"),
    _rule("barcode_trade_unit", "barcode_use", "warning",
          "The GTIN is of the product, not of a case of them.",
          "Give the barcode of the single product.",
          "GS1 General Specifications: indicator digits 1 to 9"),
    _rule("barcode_short_upc_e", "barcode_use", "warning",
          "UPC-E barcodes have number system and check digit.", "Write all 8 digits of it.",
          "UPC-E: 6 or 8 digits"),
    _rule("duplicate_product", "duplicates", "error", "The product stands once in the import.",
          "Keep one of the rows that are named.",
          "A unique identifier (barcode, code, or product_id)"),
    _rule("files_disagree", "duplicates", "error", "Files of one import say the same of a product.",
          "Keep the right one of the two values."),
    _rule("product_name_missing", "product_name", "error",
          "The record has a `product_name`, or one in some language.",
          "Fill in the product's name.", "A product name"),
    _rule("aliases_disagree", "aliases", "error", "Two columns of one field say the same.",
          "Keep the right one of the two values."),
    _rule("aliases_merged", "aliases", "info", "A field has one column.",
          "Nothing needs to be done; both say the same."),
    _rule("number_decimal_comma", "numbers", "error", "Decimals are written with a period.",
          "Write a period instead of the comma.", _PERIOD),
    _rule("number_thousands", "numbers", "error", "Numbers have no thousands separators.",
          "Write the number without separators.", "No thousands separators"),
    _rule("number_with_unit", "numbers", "error", "Numbers have no unit.",
          "Write the number alone, in the unit of the field.", _NO_UNITS),
    _rule("number_with_modifier", "numbers", "error", "Numbers have no `<`, `>`, `~`.",
          "Write the number alone.", "Integer or decimal"),
    _rule("number_trace", "numbers", "error", "Traces are written as a number.",
          "Write 0, or leave the cell empty.", "Integer or decimal"),
    _rule("number_with_sign", "numbers", "error",
          "Numbers have no sign but a hyphen (`-`) for minus.",
          "Write the number alone, with a hyphen if it is below 0.", "Integer or decimal"),
    _rule("number_other_digits", "numbers", "error", "Digits are 0 to 9.",
          "Write the number with the digits 0 to 9.", "Integer or decimal"),
    _rule("number_not_finite", "numbers", "error", "Numbers are finite.",
          "Write the value of the package, or leave the cell empty.", "Integer or decimal"),
    _rule("not_a_number", "numbers", "error",
          "Numbers are written in digits, such as 0.5.",
          "Write the number of the package, or leave the cell empty.", "Integer or decimal"),
    _rule("energy_two_values", "numbers", "error", "A cell holds one value.",
          "Put the value in kJ into `energy_kj`, that in kcal into `energy_kcal`.",
          "Both can be provided"),
    _rule("negative", "ranges", "error", "Nutritional values are 0 or more.",
          "Write the value of the package.", "Must be ≥ 0"),
    _rule("above_range", "ranges", "error", "Nutritional values are at most what is reasonable.",
          "Look whether the value is per 100 g, and in the unit of the field.",
          "Reasonable ranges"),
    _rule("macronutrients_above_100", "macronutrients", "error",
          "Fat, carbohydrates and proteins together are no more than 100 g.",
          "Look whether the values are per 100 g.",
          "Sum of macronutrients should not exceed 100g (per 100g)"),
    _rule("nutrient_above_off_limit", "plausible_values", "warning",
          "No nutrient is above 105 g, no energy above 3,911 kJ.",
          "Look whether the value is per 100 g.", OFF),
    _rule("macronutrients_and_salt", "plausible_values", "warning",
          "Fat, carbohydrates, proteins and salt together are no more than 105 g.",
          "Look whether the values are per 100 g.", OFF),
    _rule("saturated_fat_above_fat", "plausible_values", "warning",
          "Saturated fat is part of the fat.", "Look whether the two are mixed up.", OFF),
    _rule("sugars_above_carbohydrates", "plausible_values", "warning",
          "Sugars are part of the carbohydrates.", "Look whether the two are mixed up.", OFF),
    _rule("energy_disagrees", "energy", "warning", "kJ are 3.7 to 4.7 times the kcal.",
          "Look whether the two are mixed up, or one is per portion.", "Both can be provided"),
    _rule("energy_unit_detected", "energy", "info",
          "The unit of `energy` is told by the column's name.",
          "Name the column `energy_kj` or `energy_kcal`.", "Energy (auto-detected)"),
    _rule("energy_unit_assumed", "energy", "warning",
          "The unit of `energy` can be told from the other values.",
          "Name the column `energy_kj` or `energy_kcal`.", "Energy (auto-detected)"),
    _rule("salt_derived", "salt_and_sodium", "info", "Salt is given.",
          "Nothing needs to be done; salt was computed.",
          _SODIUM),
    _rule("salt_and_sodium_disagree", "salt_and_sodium", "warning",
          "Salt and sodium times 2.5 differ by no more than 0.1 g.",
          "Look whether one of them is the other, or in mg; salt is taken.",
          _SODIUM),
    _rule("quantity_without_unit", "quantities", "warning", "The quantity has a number and a unit.",
          "Write number and unit, such as 400g.", 'Include unit with value: "400g", "1L"'),
    _rule("quantity_not_positive", "quantities", "warning", "The quantity is more than 0.",
          "Write the quantity of the package.", "Package size with unit"),
    _rule("quantity_not_metric", "quantities", "warning", "The quantity is metric.",
          "Write it in g, kg, ml or l.", "Metric system required"),
    _rule("country_unknown", "countries", "warning", "The country is known.",
          "Use the two-letter code, such as FR.", "Use ISO 3166-1 alpha-2 codes"),
    _rule("country_alias", "countries", "info", "The country's code is the one of ISO 3166-1.",
          "Nothing needs to be done; the ISO code was taken.", "Use ISO 3166-1 alpha-2 codes"),
    _rule("language_unknown", "languages", "error", "The language is an ISO 639-1 code.",
          "Use two-letter codes, such as en or fr.", "Use ISO 639-1 codes"),
    _rule("language_upper_case", "languages", "info", "Languages are written in small letters.",
          "Nothing needs to be done; small letters were taken.", "Use ISO 639-1 codes"),
    _rule("language_separator", "languages", "warning", "Languages are separated by commas.",
          "Write commas.", "Comma separated for multiple"),
    _rule("timestamp_iso", "timestamps", "info", "Timestamps are Unix seconds.",
          "Nothing needs to be done; the date was converted.",
          "Unix timestamp (seconds since epoch)"),
    _rule("timestamp_milliseconds", "timestamps", "error",
          "Timestamps are seconds, not milliseconds.", "Divide by 1000.",
          "Unix timestamp (seconds since epoch)"),
    _rule("not_a_timestamp", "timestamps", "error", "Timestamps are Unix seconds or ISO 8601.",
          "Write Unix seconds, or YYYY-MM-DD HH:MM:SS.", "ISO 8601 format"),
    _rule("timestamp_in_future", "timestamps", "warning", "Timestamps lie in the past.",
          "Look at the clock, or whether the number is in seconds."),
    _rule("created_after_modified", "timestamps", "warning",
          "A product is created before it is modified.", "Look whether the two are mixed up."),
    _rule("not_a_url", "urls", "error", "The address begins with http:// or https:// and a host.",
          "Write the whole address, such as https://example.org/front.jpg."),
    _rule("text_trimmed", "texts", "info", "Texts have no white space around them.",
          "Nothing needs to be done; it was removed.", "Trim leading/trailing whitespace"),
    _rule("text_control_character", "texts", "warning", "Texts have no control characters.",
          "Remove the invisible character.", "Text values"),
    _rule("text_invisible_character", "texts", "warning", "Texts have no invisible characters.",
          "Remove the invisible character, or accept the repaired text.", "Text values"),
    _rule("text_replacement_character", "texts", "warning", "No character was lost.",
          "Export again in UTF-8; the characters shown as � are lost.", "Ensure UTF-8 encoding"),
    _rule("text_double_encoded", "texts", "warning", "Special characters show as they should.",
          "Export again in UTF-8, or accept the repaired text.", "Ensure UTF-8 encoding"),
    _rule("text_turned", "texts", "warning",
          "No date, time of day or truth value stands for a text.",
          "Format the column as text and write again what the package says."),
    _rule("missing_marker", "texts", "info", "What is missing is left empty.",
          "Leave the cell empty.", "Empty strings for missing values or omit field"),
    _rule("list_empty_part", "texts", "info", "Lists have no empty parts.",
          "Nothing needs to be done; the empty parts were dropped.",
          "Comma or semicolon separated list"),
    _rule("file_not_read", "file_format", "warning", "Every file of the folder is read.",
          "Only ordinary files .csv, .tsv, .json, .jsonl and .xlsx beside each other are; put it "
          "there under such a name if it is one."),
    _rule("image_without_record", "file_format", "warning",
          "Every picture beside the file belongs to a product.",
          "Name pictures {barcode}_front.jpg after a product of the import.",
          "Include image files in an `images/` directory"),
    _rule("image_unreadable", "file_format", "warning", "Pictures can be opened.",
          "Save the picture again as JPEG or PNG.",
          "Include image files in an `images/` directory"),
)  # fmt: skip

BY_ID: Mapping[str, ImportRule] = {rule.id: rule for rule in RULES}


def rules_of(check: str) -> tuple[ImportRule, ...]:
    """The rules that a check reports on."""
    return tuple(rule for rule in RULES if rule.check == check)


def worst_level(check: str) -> Level:
    """The level that a check can reach."""
    return min((rule.level for rule in rules_of(check)), key=LEVELS.index)


def told(rule_id: str, value: str | None = None, detail: str = "") -> str:
    """What is wrong, one sentence for a person.

    Args:
        rule_id: the rule that is broken.
        value: what stands in the file; None when nothing does.
        detail: what else is known, the end of the sentence.
    """
    shown = "This" if value is None else f"'{value[:MOST_SHOWN]}'"
    if value is not None and len(value) > MOST_SHOWN:
        shown = f"'{value[:MOST_SHOWN]}...'"
    sentence = BY_ID[rule_id].sentence
    wanted = sentence.removesuffix(".")
    # A name of a field or format at the beginning stays as it is.
    wanted = wanted if wanted[:2].isupper() or wanted[0] == "`" else wanted[0].lower() + wanted[1:]
    return f"{shown} breaks the rule that {wanted}{f'; {detail}' if detail else ''}."
