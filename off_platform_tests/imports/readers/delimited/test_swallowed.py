"""Rows inside a quoted cell are reported or refused, for every position of quote and barcode."""

import pytest

from off_platform_tests.imports.conftest import Validate

ALPHA, BETA, GAMMA = "3092464799528", "3037883190723", "3048034246411"


@pytest.mark.parametrize(
    ("header", "rows"),
    [
        ("product_name,brand,barcode", f'"Alpha,Kilo,{ALPHA}\nBeta",Kilo,{BETA}'),
        ("product_name,barcode,brand", f'"Alpha,{ALPHA},Kilo\nBeta",{BETA},Kilo'),
        ("brand,product_name,barcode", f'Kilo,"Alpha,{ALPHA}\nKilo,Beta",{BETA}'),
        ("barcode,product_name,brand", f'{ALPHA},"Alpha,Kilo\n{BETA},Beta",Kilo'),
    ],
)
def test_a_quote_closed_one_line_later_is_reported(
    header: str, rows: str, validate: Validate
) -> None:
    judged = validate(f"{header}\n{rows}\n")

    assert "rows_in_quotes" in judged.rules
    assert judged.accepted == []


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_header_that_contains_rows_is_refused(delimiter: str, validate: Validate) -> None:
    lines = ('barcode,product_name,"brand', f"{ALPHA},Alpha,Kilo", f'{BETA},Beta,Kilo"')
    text = "\n".join((*lines, f"{GAMMA},Gamma,Kilo\n")).replace(",", delimiter)

    judged = validate(text, "x.tsv" if delimiter == "\t" else "x.csv")

    assert judged.verdict.refused is not None
    assert judged.verdict.refused.rule == "quote_not_closed"
    assert "opened on line 1 and closed on line 3" in judged.verdict.refused.message


def test_names_and_texts_of_several_lines_are_left_alone(validate: Validate) -> None:
    judged = validate(
        'barcode,product_name,"Fat\n(g, per 100 g)",ingredients_text\n'
        f'{ALPHA},Alpha,1,"Sugar, salt, 3 % milk,\nwater, E330, 12345"\n'
    )

    assert judged.verdict.refused is None
    assert "rows_in_quotes" not in judged.rules
    assert len(judged.accepted) == 1
