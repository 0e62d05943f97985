"""Columns are given out within the budget: whole where they fit, else fewer or shared ones."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quickstudy.encode.parsing import MOST_FIELDS
from quickstudy.encode.record import RecordEncoder
from quickstudy.encode.room import (
    LEAST_OWN,
    SHARED,
    Room,
    even_shares,
    hashed,
    own_columns,
    room_for,
)

SENTENCE = "where is the new card that I ordered"
SMALL = Room(numbers=6, dense=800, codes=30)


def taught(*records, room=SMALL):
    encoder = RecordEncoder(room=room)
    raw, _ = encoder.admit(encoder.parse(records))
    return encoder, raw


@given(st.lists(st.integers(1, 2000), min_size=1, max_size=40), st.integers(0, 4000))
def test_own_columns_never_exceed_what_is_free_or_wanted(wanted, free):
    given_out = own_columns(wanted, free)
    assert sum(given_out) <= free
    assert all(got <= want for got, want in zip(given_out, wanted, strict=True))
    assert all(
        got in (0, want) or got >= LEAST_OWN for got, want in zip(given_out, wanted, strict=True)
    )
    if sum(wanted) <= free:
        assert given_out == wanted


@given(st.lists(st.integers(0, 5000), max_size=30), st.integers(0, 3000))
def test_even_shares_read_as_much_as_may_be_read_and_short_texts_whole(lengths, most):
    shares = even_shares(lengths, most)
    assert sum(shares) <= most or shares == lengths
    assert all(share <= length for share, length in zip(shares, lengths, strict=True))
    cut = [share for share, length in zip(shares, lengths, strict=True) if share < length]
    whole = [share for share, length in zip(shares, lengths, strict=True) if share == length]
    if cut:  # two texts of one character and room for one: the first is cut, the second whole
        assert max(cut) - min(cut) <= 1 and all(w <= max(cut) + 1 for w in whole)


def test_throwing_keeps_inner_products():
    rng = np.random.default_rng(0)
    a = rng.standard_normal((40, 5000)).astype(np.float32) / 5000**0.5
    a[1::2] = 0.8 * a[::2] + 0.6 * a[1::2]
    b = np.stack([hashed(row, 1024, 3) for row in a])
    np.testing.assert_allclose(b @ b.T, a @ a.T, atol=5 / 1024**0.5)
    other = hashed(a[0], 1024, 4)
    assert abs(float(other @ b[0])) < 0.2  # another seed, other directions


def test_one_text_is_whole_at_the_least_budget():
    encoder, raw = taught({"q": SENTENCE}, room=room_for(16))
    assert raw.dense.shape == (1, 768) and encoder.report()[0].note == ""


def test_two_texts_that_come_at_once_share_the_room_evenly_and_say_so():
    encoder, raw = taught({"q": SENTENCE, "a": "here it is, in the post since Monday"})
    assert raw.dense.shape == (1, 800)
    assert [f.note for f in encoder.report()] == ["in 400 columns instead of 768"] * 2


def test_texts_without_room_share_columns_and_each_still_tells():
    names = [f"t{i}" for i in range(30)]
    encoder, raw = taught({n: f"{SENTENCE} number {n}" for n in names})
    assert raw.dense.shape == (1, SHARED)
    assert all("shares" in f.note for f in encoder.report())
    empty = encoder.encode([{}]).dense[0]
    assert not empty.any()
    one, other = (encoder.encode([{n: SENTENCE}]).dense[0] for n in ("t1", "t2"))
    assert one.any() and other.any() and not np.array_equal(one, other)


def test_a_late_text_leaves_the_columns_of_earlier_ones_where_they_were():
    encoder, _ = taught({"q": SENTENCE})
    before = encoder.encode([{"q": SENTENCE}]).dense
    encoder.admit(encoder.parse([{"late": SENTENCE}]))
    after = encoder.encode([{"q": SENTENCE}]).dense
    assert after.shape[1] > before.shape[1]
    np.testing.assert_array_equal(after[:, : before.shape[1]], before)


@pytest.mark.parametrize("length", [801, 5_000, 150_000])
def test_a_long_vector_is_thrown_onto_the_columns_there_are(length):
    encoder, raw = taught({"v": np.ones(length)})
    assert raw.dense.shape == (1, 800)
    assert f"in 800 columns instead of {length:,}" in encoder.report()[0].note
    with pytest.raises(Exception, match=f"it had {length} before"):
        encoder.parse([{"v": np.ones(length + 1)}])


def test_numbers_without_room_are_left_out_and_told():
    encoder, raw = taught({f"n{i}": float(i) for i in range(9)})
    assert raw.numbers.shape == (1, 6)
    told = {f.name: f.note for f in encoder.report() if f.type == "none"}
    assert set(told) == {"n6", "n7", "n8"} and all("budget_mb" in note for note in told.values())


def test_fields_without_room_beyond_those_named_are_counted():
    encoder, _ = taught(*[{f"n{i:03}": 1.0 for i in range(36)}] * 5)
    copy = RecordEncoder(room=SMALL)
    copy.restore(encoder.state())
    for report in (encoder.report(), copy.report()):
        none = {f.name: f.seen for f in report if f.type == "none"}
        assert none == {f"n{i:03}": 5 for i in range(6, 26)} | {"(others)": 5 * 10}


def test_beyond_the_most_fields_no_larger_budget_is_asked_for():
    encoder = RecordEncoder(room=room_for(1000))
    for at in range(0, 10_500, 1_500):
        encoder.admit(encoder.parse([{f"n{i}": 1.0 for i in range(at, at + 1_500)}]))
    notes = [f.note for f in encoder.report() if f.type == "none"]
    assert len(notes) == 21 and all("at most 10,000 fields" in note for note in notes)


def test_an_encoder_goes_on_after_a_restore_as_if_it_had_never_stopped():
    records = [{f"t{i}": SENTENCE, f"n{i}": 1.0, "v": np.ones(900)} for i in range(9)]
    encoder, _ = taught(*records[:5])
    copy = RecordEncoder(room=SMALL)
    copy.restore(encoder.state())
    for record in records[5:]:
        mine, yours = (e.admit(e.parse([record]))[0] for e in (encoder, copy))
        np.testing.assert_array_equal(mine.dense, yours.dense)
        np.testing.assert_array_equal(mine.numbers, yours.numbers)
    assert encoder.state() == copy.state()


VALUES = st.one_of(
    st.floats(-1e6, 1e6),
    st.booleans(),
    st.text(max_size=12),
    st.just(SENTENCE),
    st.integers(1, 400).map(lambda n: np.full(n, n**-0.5)),
)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.dictionaries(st.sampled_from([f"f{i}" for i in range(40)]), VALUES, max_size=25),
        max_size=8,
    )
)
def test_whatever_comes_no_encoder_is_wider_than_its_room(records):
    encoder = RecordEncoder(room=SMALL)
    for record in records:
        try:
            parsed = encoder.parse([record])
        except Exception as refused:
            assert "had" in str(refused)  # a vector of another length
            continue
        encoder.admit(parsed)
    assert encoder.widths[0] <= SMALL.numbers
    assert encoder.widths[1] <= SMALL.dense + SHARED
    assert len(encoder.fields) <= MOST_FIELDS
    starts = sorted(encoder.dense_fields)
    assert all(a[1] <= b[0] for a, b in itertools.pairwise(starts))
