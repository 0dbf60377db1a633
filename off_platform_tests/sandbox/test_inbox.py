"""The sandbox's file of a producer: its faults are found, each by its rule, and nothing else."""

from pathlib import Path

from off_platform.imports.validation import validate_import
from off_platform.sandbox.make import Sandbox

# A sandbox of few products has room for the first faults only.
RULES = ("number_decimal_comma", "number_with_unit", "barcode_check_digit", "product_name_missing")


def test_exactly_the_planted_faults_are_found(sandbox: Sandbox, tmp_path: Path) -> None:
    verdict = validate_import(sandbox.producers_file, tmp_path)
    faults = (verdict.records + 2) // 5
    assert faults >= 2
    # Codes of the sandbox are of a shop's own numbering, so that none is a real product's.
    found = {rule: count for rule, count in verdict.counts.items() if rule != "barcode_restricted"}
    assert found == dict.fromkeys(RULES[:faults], 1)
    assert verdict.quarantined == faults
