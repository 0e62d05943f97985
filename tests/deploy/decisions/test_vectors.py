"""Vectors of records: read at once where they can be, with the same outcome as value by value."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quickstudy.api.checks import plain_record
from quickstudy.errors import RecordError

ENTRIES = st.one_of(
    st.floats(),
    st.integers(-(2**1100), 2**1100),
    st.booleans(),
    st.none(),
    st.floats(width=32).map(np.float32),
    st.text(max_size=3),
)


@given(st.one_of(st.lists(st.floats(allow_nan=False, allow_infinity=False)), st.lists(ENTRIES)))
def test_a_list_is_read_as_its_values_are_one_by_one(values):
    try:
        alone = [plain_record({"v": value})["v"] for value in values]
    except RecordError:
        with pytest.raises(RecordError, match="field 'v' is"):
            plain_record({"v": values})
        return
    together = plain_record({"v": values})["v"]
    assert together == alone
    assert [type(value) for value in together] == [type(value) for value in alone]
    assert together is not values


@pytest.mark.parametrize("gap", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_not_finite_is_refused_wherever_it_is(gap):
    for at in (0, 50, 99):
        vector = [0.5] * 100
        vector[at] = gap
        with pytest.raises(RecordError, match="field 'v' is"):
            plain_record({"v": vector})
