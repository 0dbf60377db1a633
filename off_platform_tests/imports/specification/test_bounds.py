"""The vectors that check a file, against the Pandera schemas that check what was accepted of it."""

import numpy as np
import pandas as pd
from hypothesis import example, given, settings
from hypothesis import strategies as st

from off_platform.imports.specification.bounds import (
    NUMBERS,
    derive,
    off_limit,
    out_of_bounds,
    out_of_derived,
)
from off_platform.imports.specification.schemas import derived_schema, failures, number_schema

# Each limit itself, and the next numbers on both sides of it.
_LIMITS = [0.0, *(each for field in NUMBERS for each in (field.most, off_limit(field)) if each)]
_NEAR = [float(np.nextafter(limit, to)) for limit in _LIMITS for to in (-np.inf, np.inf)]
_AT_LIMITS = [*_LIMITS, *_NEAR, float("nan")]
_NUMBERS = st.one_of(st.sampled_from(_AT_LIMITS), st.floats(-1, 5000))
# Pandera takes as long for one row as for a hundred: few frames, of many rows.
_FEW = settings(max_examples=settings.default.max_examples // 10)
_FRAMES = st.integers(1, 40).flatmap(
    lambda rows: st.dictionaries(
        st.sampled_from([field.name for field in NUMBERS]),
        st.lists(_NUMBERS, min_size=rows, max_size=rows),
        min_size=1,
    )
)


def _failing(frame: pd.DataFrame, *, of_schema: str) -> set[tuple[str, int]]:
    schema = number_schema() if of_schema == "numbers" else derived_schema()
    failed = failures(schema, frame)
    columns = failed["column"] if of_schema == "numbers" else failed["check"]
    broken = zip(columns, failed["check"], failed["index"], strict=True)
    return {(f"{column}:{rule}", int(at)) for column, rule, at in broken}


@_FEW
@example({field.name: _AT_LIMITS for field in NUMBERS})
@given(_FRAMES)
def test_vectors_and_schemas_agree(made: dict[str, list[float]]) -> None:
    numbers = {name: np.array(values, dtype=float) for name, values in made.items()}
    found = {
        (f"{field.name}:{rule}", int(at))
        for field in NUMBERS
        if field.name in numbers
        for rule, broken in out_of_bounds(field, numbers[field.name])
        for at in np.flatnonzero(broken)
    }
    assert found == _failing(pd.DataFrame(numbers), of_schema="numbers")
    derived = {
        (f"{rule}:{rule}", int(at))
        for rule, broken in out_of_derived(numbers)
        for at in np.flatnonzero(broken)
    }
    assert derived == _failing(pd.DataFrame(derive(numbers)), of_schema="derived")
