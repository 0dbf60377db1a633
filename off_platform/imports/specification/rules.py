"""The rules of the document "Data Formats Specification", as data. Pure.

A finding is one broken rule; rules of one kind form one asset check. `source` quotes the document,
or names another origin. `values/` checks texts, `bounds.py` several columns, `whole_file/` the
whole file.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from off_platform.imports.specification.headings import HEADINGS
from off_platform.words import shortened

Level = Literal["error", "warning", "info"]
LEVELS: tuple[Level, ...] = ("error", "warning", "info")

OFF = "Open Food Facts itself"
CONVENTION = "Off Platform's reading of the specification"
# Characters of a value shown in a message.
MOST_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Check:
    """Rules of one kind, reported together as one asset check.

    Attributes:
        id: the asset check's name.
        sentence: the condition, in a sentence.
        blocking: whether downstream assets are skipped; only if nothing could be read.
    """

    id: str
    sentence: str
    blocking: bool = False


@dataclass(frozen=True, slots=True)
class ImportRule:
    """One rule.

    Attributes:
        id: short name, given in every finding.
        check: id of its check.
        level: `error`: the record (or file) is not accepted; `warning`: valid but suspicious;
            `info`: a value was changed or assumed.
        sentence: the condition, in a sentence.
        fix: what the producer should do.
        source: a quotation from the document, or the origin of the rule.
    """

    id: str
    check: str
    level: Level
    sentence: str
    fix: str
    source: str

    @property
    def heading(self) -> str:
        """What is wrong when the rule is broken, without a period."""
        return HEADINGS[self.id]


CHECKS: tuple[Check, ...] = (
    Check("readable", "The file is a CSV, TSV, JSON or XLSX file that can be read.", blocking=True),
    Check("header", "Columns are named, each once, and one of them identifies products.",
          blocking=True),
    Check("file_format", "The file has the format that the specification describes."),
    Check("rows", "Every row has a cell for every column, and there is one product per row."),
    Check("columns", "Every column is in the specification."),
    Check("whole_file_damage", "The identifiers of the file were not damaged by a program."),
    Check("identifier", "Every product has an identifier, and its identifiers agree."),
    Check("barcode_format", "Barcodes are text, contain only digits and have a valid length."),
    Check("barcode_check_digit", "Barcodes have a valid check digit."),
    Check("barcode_use", "Barcodes are those of retail products, not of a shop or a case."),
    Check("duplicates", "Every product appears once in the import."),
    Check("product_name", "Every product has a name."),
    Check("aliases", "Two columns of one field have the same value."),
    Check("numbers", "Numbers use a decimal period and have no unit."),
    Check("ranges", "Nutritional values are in reasonable ranges."),
    Check("macronutrients", "Fat, carbohydrates and proteins do not exceed 100 g per 100 g."),
    Check("plausible_values",
          "Nutritional values are consistent and within Open Food Facts' limits."),
    Check("energy", "Energy in kJ and in kcal agree, and its unit is clear."),
    Check("salt_and_sodium", "Salt is sodium times 2.5."),
    Check("quantities", "Package sizes are a number with a metric unit."),
    Check("countries", "Countries are ISO 3166-1 codes or English names."),
    Check("languages", "Languages are ISO 639-1 codes."),
    Check("timestamps", "Timestamps are Unix seconds in the past, in order."),
    Check("urls", "URLs are http or https addresses."),
    Check("texts", "Texts have no stray characters, and missing values are empty."),
)  # fmt: skip


def _rule(
    rule_id: str, check: str, level: Level, sentence: str, fix: str, source: str = CONVENTION
) -> ImportRule:
    return ImportRule(rule_id, check, level, sentence, fix, source)


_DIGITS = "No spaces, dashes, or other characters"
_PERIOD = "Use period (`.`) as decimal separator"
_NO_UNITS = "No units in the number field"
_KEEP_TEXT = "Store barcodes as strings, not numbers"
_SODIUM = "If you have sodium, calculate salt as: `salt = sodium × 2.5`"  # noqa: RUF001 - a quote
_CSV = "Header Row: Required (field names)"

RULES: tuple[ImportRule, ...] = (
    _rule("file_empty", "readable", "error", "The file is not empty.",
          "Export the file again; this one is empty."),
    _rule("no_records", "readable", "error", "The file contains at least one product.",
          "Export the file again, with the products below the header.", "One product per row"),
    _rule("not_an_import_format", "readable", "error", "The file is CSV, TSV, JSON or XLSX.",
          "Save it as CSV in UTF-8, or as .xlsx.", "Format: `.xlsx` (not `.xls`)"),
    _rule("not_utf8", "readable", "error", "The text is UTF-8.",
          "Save the file again and choose UTF-8 as its encoding.", "Encoding: UTF-8 (required)"),
    _rule("nul_bytes", "readable", "error", "The text has no NUL bytes.",
          "Export the file again; it is damaged or not a text file."),
    _rule("line_too_long", "readable", "error", "No line is longer than 16 MB.",
          "Check for missing line endings or an unclosed quote.",
          "Line Ending: Unix (`\\n`) or Windows (`\\r\\n`)"),
    _rule("cell_too_long", "readable", "error", "No cell is longer than 1 MB.",
          "Check for an unclosed quote."),
    _rule("quote_not_closed", "readable", "error", "Every quote is closed.",
          "Close the quote; double a quote inside a quoted field.",
          'Escape quotes with double quotes (`""`)'),
    _rule("line_ending", "readable", "error", "Lines end with a line feed.",
          "Save the file again with Unix or Windows line endings.",
          "Line Ending: Unix (`\\n`) or Windows (`\\r\\n`)"),
    _rule("quote_misplaced", "rows", "error", "Quotes enclose whole fields.",
          "Quote the whole field, and double the quotes inside it.",
          "Quote fields containing commas, newlines, or quotes"),
    _rule("xlsx_damaged", "readable", "error", "The XLSX file is complete.",
          "Open it in your spreadsheet program and save it again as .xlsx.",
          "Format: `.xlsx` (not `.xls`)"),
    _rule("xlsx_too_large", "readable", "error", "The XLSX file unpacks to a reasonable size.",
          "Remove empty rows, columns and pictures, or save it as CSV.",
          "Conversion: Convert to CSV for version control"),
    _rule("json_invalid", "readable", "error", "The JSON is valid.",
          "Fix the JSON at the given line and column.", "Valid JSON syntax"),
    _rule("json_too_deep", "readable", "error", "The JSON is not nested deeply.",
          "Write an array of flat objects.", "Array of objects (one per product)"),
    _rule("json_not_records", "readable", "error", "The JSON is an array of objects.",
          "Write an array of objects, one per product.", "Array of objects (one per product)"),
    _rule("no_header", "header", "error", "The first row names the columns.",
          "Put a first row with field names above the products.", _CSV),
    _rule("doubled_header", "header", "error", "No two columns have the same name.",
          "Rename or remove one of the two columns.", "Use consistent field names"),
    _rule("too_many_columns", "header", "error", "There are no more than 2,000 columns.",
          "Keep only the columns of the specification.", "Use consistent field names"),
    _rule("no_identifier_column", "header", "error",
          "There is a column `barcode`, `code`, `gtin` or `product_id`.",
          "Name the column of the barcodes `barcode`.", "*At least one identifier required"),
    _rule("wrong_delimiter", "file_format", "error", "The delimiter fits the file's format.",
          "Save it as CSV with commas, or as .tsv with tabs.",
          "Delimiter: Comma (`,`)"),
    _rule("separator_hint", "file_format", "info", "The file begins with its header.",
          "Remove the first line: it is a hint that only Excel understands.", _CSV),
    _rule("line_ending_doubled", "file_format", "warning",
          "Lines end with one carriage return at most.",
          "Save the file again with Unix or Windows line endings.",
          "Line Ending: Unix (`\\n`) or Windows (`\\r\\n`)"),
    _rule("byte_order_mark", "file_format", "info", "The file begins with its first field name.",
          "No action needed; the mark was skipped."),
    _rule("json_lines", "file_format", "info", "The JSON is one array.",
          "No action needed; one object per line is read too.",
          "Array of objects (one per product)"),
    _rule("more_sheets", "file_format", "warning", "The workbook has a single sheet.",
          "Only the named sheet was read; save other sheets as separate files.",
          "Single sheet preferred"),
    _rule("hidden_sheets", "file_format", "info", "Every sheet of the workbook is visible.",
          "No action needed; unhide a sheet if it has products.", "Single sheet preferred"),
    _rule("hidden_cells", "file_format", "info", "No row or column of the sheet is hidden.",
          "No action needed; remove rows and columns that should not be imported."),
    _rule("rows_above_header", "file_format", "info", "The header is the first row.",
          "Remove the rows above the names of the columns.", _CSV),
    _rule("header_trimmed", "file_format", "info",
          "Column names have no surrounding spaces and no invisible characters.",
          "Remove the spaces, or retype the name.", "Trim leading/trailing whitespace"),
    _rule("ragged_row", "rows", "error", "The row has as many cells as there are columns.",
          "Quote fields that contain commas; add missing cells.",
          "Quote fields containing commas, newlines, or quotes"),
    _rule("empty_line", "rows", "info", "There are no empty lines.", "Remove the empty lines.",
          "Avoid empty lines"),
    _rule("rows_in_quotes", "rows", "error", "No quoted cell contains other rows.",
          "Close the quote on the line that opens it; double a quote inside a quoted field.",
          "One product per row"),
    _rule("line_ends_in_quotes", "rows", "warning",
          "Lines inside a quoted cell do not look like rows.",
          "Check whether a quote is missing on the first of the given lines.",
          "One product per row"),
    _rule("merged_cells", "rows", "warning", "No cells of products are merged.",
          "Unmerge the cells, and write the value into each cell it applies to.",
          "One product per row"),
    _rule("cell_error_value", "rows", "error", "No cell contains a spreadsheet error.",
          "Fix the formula, or leave the cell empty."),
    _rule("formula_without_value", "rows", "error", "The result of every formula is stored.",
          "Open the file in a spreadsheet program and save it; this stores the results."),
    _rule("number_is_date", "numbers", "error", "No cell contains a date instead of a number.",
          "Format the column as text or number and enter the number again.", "Integer or decimal"),
    _rule("number_shown_otherwise", "numbers", "warning",
          "The cell displays the number that it contains.",
          "Check which of the two is right, and set the column's number format to 'General'.",
          "Integer or decimal"),
    _rule("json_nested", "rows", "error",
          "Values are texts and numbers; only `nutrition` is nested.",
          "Write the value as text; lists are separated by commas.", "Consistent property names"),
    _rule("json_duplicate_key", "rows", "error", "No property appears twice in one object.",
          "Remove one of the two.", "Consistent property names"),
    _rule("unknown_column", "columns", "warning", "The column is in the specification.",
          "Rename the column if it is meant to be imported; unknown columns are ignored.",
          "Use consistent field names"),
    _rule("unknown_language_suffix", "columns", "warning",
          "The suffix of the column's name is a language code.",
          "Use a two-letter code, such as `product_name_fr`.", "Use ISO 639-1 two-letter codes"),
    _rule("boolean_mixed", "columns", "warning", "Yes and no are written the same way throughout.",
          "Use one of `true`/`false`, `1`/`0` or `yes`/`no` in the whole file.",
          "Consistent within a dataset"),
    _rule("damage_scientific", "whole_file_damage", "error",
          "Barcodes were not turned into `7,6223E+12` by a spreadsheet.",
          "Export again, and format the column as text before opening it.", _KEEP_TEXT),
    _rule("damage_lost_zeros", "whole_file_damage", "error",
          "Barcodes did not lose their leading zeros.",
          "Export again with the column as text, or put the zeros back in front.",
          "Leading zeros in barcodes removed"),
    _rule("damage_extra_digit", "whole_file_damage", "error",
          "Barcodes have no extra digit.",
          "Export again without the appended digit, or remove it.", _KEEP_TEXT),
    _rule("damage_fraction", "whole_file_damage", "error",
          "Barcodes do not end in `.0`.",
          "Export again with the column as text, or remove the `.0`.", _KEEP_TEXT),
    _rule("damage_lost_check_digit", "whole_file_damage", "error",
          "Barcodes did not lose their last digit.",
          "Export again with all digits; compare some barcodes with their packages.",
          "EAN-13: 13 digits, valid check digit"),
    _rule("barcode_damaged", "whole_file_damage", "error",
          "Barcodes are not in a column that was damaged as a whole.",
          "Use the repaired code where one is proposed; export again for the others.",
          _KEEP_TEXT),
    _rule("identifier_missing", "identifier", "error", "The record has an identifier.",
          "Fill in its barcode.", "A unique identifier (barcode, code, or product_id)"),
    _rule("identifiers_disagree", "identifier", "error",
          "`barcode`, `code` and `gtin` of a record identify one product.",
          "Keep the correct one."),
    _rule("product_id_only", "identifier", "warning", "The record has a barcode.",
          "Add the barcode: Open Food Facts cannot import products without one.", OFF),
    _rule("barcode_not_text", "barcode_format", "error", "Barcodes are text, not numbers.",
          "Format the column as text; in JSON, put the barcode in quotes.", _KEEP_TEXT),
    _rule("barcode_not_digits", "barcode_format", "error", "Barcodes contain only digits.",
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
          "Barcodes are not from a shop's internal numbering.",
          "Codes that start with 02, 04 or 2 are internal to shops; use the producer's barcode.",
          "GS1 General Specifications: restricted circulation numbers"),
    _rule("barcode_trade_unit", "barcode_use", "warning",
          "The GTIN identifies a single product, not a case.",
          "Use the barcode of the single product.",
          "GS1 General Specifications: indicator digits 1 to 9"),
    _rule("barcode_short_upc_e", "barcode_use", "warning",
          "UPC-E barcodes include number system and check digit.", "Write all 8 digits.",
          "UPC-E: 6 or 8 digits"),
    _rule("duplicate_product", "duplicates", "error", "The product appears once in the import.",
          "Keep one of the listed rows.",
          "A unique identifier (barcode, code, or product_id)"),
    _rule("files_disagree", "duplicates", "error", "Files of one import agree about a product.",
          "Keep the correct value."),
    _rule("product_name_missing", "product_name", "error",
          "The record has a `product_name` in at least one language.",
          "Fill in the product's name.", "A product name"),
    _rule("aliases_disagree", "aliases", "error", "Two columns of one field have the same value.",
          "Keep the correct value."),
    _rule("aliases_merged", "aliases", "info", "A field has one column.",
          "No action needed; both have the same value."),
    _rule("number_decimal_comma", "numbers", "error", "Decimals are written with a period.",
          "Use a period instead of the comma.", _PERIOD),
    _rule("number_thousands", "numbers", "error", "Numbers have no thousands separators.",
          "Write the number without separators.", "No thousands separators"),
    _rule("number_with_unit", "numbers", "error", "Numbers have no unit.",
          "Write only the number, in the unit of the field.", _NO_UNITS),
    _rule("number_with_modifier", "numbers", "error", "Numbers have no `<`, `>`, `~`.",
          "Write only the number.", "Integer or decimal"),
    _rule("number_trace", "numbers", "error", "Traces are written as a number.",
          "Write 0, or leave the cell empty.", "Integer or decimal"),
    _rule("number_with_sign", "numbers", "error",
          "The only sign of a number is a hyphen (`-`) for minus.",
          "Write only the number, with a hyphen if it is negative.", "Integer or decimal"),
    _rule("number_other_digits", "numbers", "error", "Digits are 0 to 9.",
          "Write the number with the digits 0 to 9.", "Integer or decimal"),
    _rule("number_not_finite", "numbers", "error", "Numbers are finite.",
          "Write the value from the package, or leave the cell empty.", "Integer or decimal"),
    _rule("not_a_number", "numbers", "error",
          "Numbers are written in digits, such as 0.5.",
          "Write the number from the package, or leave the cell empty.", "Integer or decimal"),
    _rule("energy_two_values", "numbers", "error", "A cell contains one value.",
          "Put the kJ value into `energy_kj` and the kcal value into `energy_kcal`.",
          "Both can be provided"),
    _rule("negative", "ranges", "error", "Nutritional values are 0 or more.",
          "Write the value from the package.", "Must be ≥ 0"),
    _rule("above_range", "ranges", "error", "Nutritional values are not unreasonably high.",
          "Check that the value is per 100 g and in the unit of the field.",
          "Reasonable ranges"),
    _rule("macronutrients_above_100", "macronutrients", "error",
          "Fat, carbohydrates and proteins together are no more than 100 g.",
          "Check that the values are per 100 g.",
          "Sum of macronutrients should not exceed 100g (per 100g)"),
    _rule("nutrient_above_off_limit", "plausible_values", "warning",
          "No nutrient is above 105 g, no energy above 3,911 kJ.",
          "Check that the value is per 100 g.", OFF),
    _rule("macronutrients_and_salt", "plausible_values", "warning",
          "Fat, carbohydrates, proteins and salt together are no more than 105 g.",
          "Check that the values are per 100 g.", OFF),
    _rule("saturated_fat_above_fat", "plausible_values", "warning",
          "Saturated fat is part of the fat.", "Check whether the two are swapped.", OFF),
    _rule("sugars_above_carbohydrates", "plausible_values", "warning",
          "Sugars are part of the carbohydrates.", "Check whether the two are swapped.", OFF),
    _rule("energy_disagrees", "energy", "warning", "kJ are 3.7 to 4.7 times the kcal.",
          "Check whether the two are swapped, or one is per portion.", "Both can be provided"),
    _rule("energy_unit_detected", "energy", "info",
          "The column's name states the unit of `energy`.",
          "Name the column `energy_kj` or `energy_kcal`.", "Energy (auto-detected)"),
    _rule("energy_unit_assumed", "energy", "warning",
          "The unit of `energy` follows from the other values.",
          "Name the column `energy_kj` or `energy_kcal`.", "Energy (auto-detected)"),
    _rule("salt_derived", "salt_and_sodium", "info", "Salt is given.",
          "No action needed; salt was computed from sodium.",
          _SODIUM),
    _rule("salt_and_sodium_disagree", "salt_and_sodium", "warning",
          "Salt and sodium times 2.5 differ by no more than 0.1 g.",
          "Check whether the two are swapped, or one is in mg; the salt value is used.",
          _SODIUM),
    _rule("quantity_without_unit", "quantities", "warning", "The quantity has a number and a unit.",
          "Write number and unit, such as 400g.", 'Include unit with value: "400g", "1L"'),
    _rule("quantity_not_positive", "quantities", "warning", "The quantity is more than 0.",
          "Write the quantity from the package.", "Package size with unit"),
    _rule("quantity_not_metric", "quantities", "warning", "The quantity is metric.",
          "Write it in g, kg, ml or l.", "Metric system required"),
    _rule("country_unknown", "countries", "warning", "The country is known.",
          "Use the two-letter code, such as FR.", "Use ISO 3166-1 alpha-2 codes"),
    _rule("country_alias", "countries", "info", "The country code is that of ISO 3166-1.",
          "No action needed; the ISO code is used.", "Use ISO 3166-1 alpha-2 codes"),
    _rule("language_unknown", "languages", "error", "The language is an ISO 639-1 code.",
          "Use two-letter codes, such as en or fr.", "Use ISO 639-1 codes"),
    _rule("language_upper_case", "languages", "info", "Language codes are lowercase.",
          "No action needed; the lowercase code is used.", "Use ISO 639-1 codes"),
    _rule("language_separator", "languages", "warning", "Languages are separated by commas.",
          "Use commas.", "Comma separated for multiple"),
    _rule("timestamp_iso", "timestamps", "info", "Timestamps are Unix seconds.",
          "No action needed; the date was converted.",
          "Unix timestamp (seconds since epoch)"),
    _rule("timestamp_milliseconds", "timestamps", "error",
          "Timestamps are seconds, not milliseconds.", "Divide by 1000.",
          "Unix timestamp (seconds since epoch)"),
    _rule("not_a_timestamp", "timestamps", "error", "Timestamps are Unix seconds or ISO 8601.",
          "Write Unix seconds, or YYYY-MM-DD HH:MM:SS.", "ISO 8601 format"),
    _rule("timestamp_in_future", "timestamps", "warning", "Timestamps are in the past.",
          "Check the clock, and that the number is in seconds."),
    _rule("created_after_modified", "timestamps", "warning",
          "A product is created before it is modified.", "Check whether the two are swapped."),
    _rule("not_a_url", "urls", "error", "The address begins with http:// or https:// and a host.",
          "Write the whole address, such as https://example.org/front.jpg."),
    _rule("text_trimmed", "texts", "info", "Texts have no surrounding white space.",
          "No action needed; it was removed.", "Trim leading/trailing whitespace"),
    _rule("text_control_character", "texts", "warning", "Texts have no control characters.",
          "Remove the invisible character.", "Text values"),
    _rule("text_invisible_character", "texts", "warning", "Texts have no invisible characters.",
          "Remove the invisible character, or accept the repaired text.", "Text values"),
    _rule("text_replacement_character", "texts", "warning", "No character was lost.",
          "Export again in UTF-8; the characters shown as � are lost.", "Ensure UTF-8 encoding"),
    _rule("text_double_encoded", "texts", "warning", "Special characters are not garbled.",
          "Export again in UTF-8, or accept the repaired text.", "Ensure UTF-8 encoding"),
    _rule("text_converted", "texts", "warning",
          "No text is a date, a time of day or a truth value.",
          "Format the column as text and enter the text from the package again."),
    _rule("missing_marker", "texts", "info", "Missing values are left empty.",
          "Leave the cell empty.", "Empty strings for missing values or omit field"),
    _rule("list_empty_part", "texts", "info", "Lists have no empty parts.",
          "No action needed; the empty parts were removed.",
          "Comma or semicolon separated list"),
    _rule("file_not_read", "file_format", "warning", "Every file of the folder is read.",
          "Only .csv, .tsv, .json, .jsonl and .xlsx files directly in the folder are read; "
          "move or rename the file if it is one of these."),
    _rule("image_without_record", "file_format", "warning",
          "Every picture in the import belongs to a product.",
          "Name pictures {barcode}_front.jpg, with the barcode of a product of the import.",
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
    """The highest level of a check's rules."""
    return min((rule.level for rule in rules_of(check)), key=LEVELS.index)


def message_of(rule_id: str, value: str | None = None, detail: str = "") -> str:
    """The message of a finding: what is wrong, in one sentence.

    Args:
        rule_id: the rule that is broken.
        value: the text in the file, if there is one.
        detail: further information, the end of the message.
    """
    heading = BY_ID[rule_id].heading
    if value is not None:
        # Names of fields and formats keep their case.
        heading = heading if heading[1:2].isupper() else heading[0].lower() + heading[1:]
        heading = f"'{shortened(value, MOST_SHOWN)}': {heading}"
    return f"{heading}{f'; {detail}' if detail else ''}."
