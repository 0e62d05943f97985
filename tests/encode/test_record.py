"""Fields are typed by what arrives; what cannot be read is refused by name, and nothing changes."""

import math
from datetime import date
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quickstudy.encode.parsing import MOST_FIELDS
from quickstudy.encode.record import OWN_CODES, SHARED_CODES, RecordEncoder
from quickstudy.errors import RecordError, SettingError

LONG = "this string has more than five words"


def admitted(*xs, schema=None):
    encoder = RecordEncoder(schema)
    raw, _ = encoder.admit(encoder.parse(xs))
    return encoder, raw


def types(encoder):
    return {(f.name, f.type) for f in encoder.report()}


@pytest.mark.parametrize(
    "value, kind",
    [
        (3, "number"),
        (2.5, "number"),
        (np.float32(1.5), "number"),
        (np.int8(7), "number"),
        (-0.0, "number"),
        (True, "boolean"),
        (np.bool_(False), "boolean"),
        ("card", "category"),
        ("", "category"),
        (np.str_("card"), "category"),
        (LONG, "text"),
        ("onewordthatislongerthanfortycharactersonitsown", "text"),
        ([1.0, 2.0], "vector"),
        ((1, 2, 3), "vector"),
        (np.zeros(4, np.float32), "vector"),
    ],
)
def test_types_follow_what_arrives(value, kind):
    encoder, raw = admitted({"f": value})
    assert types(encoder) == {("f", kind)}
    assert len(raw) == 1


@pytest.mark.parametrize(
    "value, kind",
    [
        ("充值没有到账", "text"),
        ("卡掉在出租车上了", "text"),
        ("カードをなくしました", "text"),
        ("บัตรของฉันหาย", "text"),
        ("北京市", "category"),
        ("日本", "category"),
        ("москва", "category"),
        ("München", "category"),
    ],
)
def test_sentences_of_scripts_without_spaces_are_texts(value, kind):
    assert types(admitted({"f": value})[0]) == {("f", kind)}


def test_a_text_and_an_array_are_records_of_one_field():
    assert types(admitted("any string")[0]) == {("text", "text")}
    assert types(admitted([1.0, 2.0])[0]) == {("vector", "vector")}
    _, bare = admitted("where is my card")
    _, named = admitted({"text": "where is my card"}, schema={"text": "text"})
    np.testing.assert_array_equal(bare.dense, named.dense)


def test_numbers_and_booleans_keep_their_values_and_missing_ones_are_nan():
    _, raw = admitted({"a": 2.5, "b": True}, {"a": None, "b": False}, {"b": None}, {"a": 10**15})
    expected = [[2.5, 1.0], [math.nan, 0.0], [math.nan, math.nan], [1e15, math.nan]]
    np.testing.assert_array_equal(raw.numbers, expected)


def test_embeddings_are_dense_and_other_short_vectors_are_so_many_numbers():
    unit, long = np.full(16, 0.25), np.ones(300)
    _, raw = admitted({"v": [3.0, 4.0]}, {"e": unit}, {"w": long}, {"v": [0.6, 0.8]})
    assert raw.numbers.shape == (4, 2) and raw.dense.shape == (4, 316)
    np.testing.assert_allclose(raw.numbers[[0, 3]], [[3.0, 4.0], [0.6, 0.8]], rtol=1e-6)
    assert np.isnan(raw.numbers[1:3]).all()
    assert (raw.dense[1, :16] == 0.25).all() and (raw.dense[2, 16:] == 1.0).all()


def test_none_says_nothing_of_a_field():
    encoder, _ = admitted({"a": None, "b": 1})
    assert types(encoder) == {("b", "number")}


def test_equal_categories_get_equal_codes_and_others_differ():
    _, raw = admitted(*({"k": v} for v in "abacab"))
    codes = raw.numbers[:, 0]
    assert codes[0] == codes[2] == codes[4] and codes[1] == codes[5]
    assert len(set(codes)) == 3


def test_a_code_never_changes():
    encoder, _ = admitted(*({"k": f"v{i}"} for i in range(OWN_CODES // 2)))
    before = encoder.encode([{"k": "v0"}, {"k": "v11"}]).numbers
    encoder.admit(encoder.parse([{"k": f"w{i}"} for i in range(200)]))
    np.testing.assert_array_equal(encoder.encode([{"k": "v0"}, {"k": "v11"}]).numbers, before)


def test_many_values_share_a_few_codes_and_leave_the_first_alone():
    encoder, raw = admitted(*({"k": f"v{i}"} for i in range(OWN_CODES + 1000)))
    codes = raw.numbers[:, 0]
    assert len(set(codes[:OWN_CODES])) == OWN_CODES
    late = set(codes[OWN_CODES:])
    assert len(late) == SHARED_CODES
    assert not late & set(codes[:OWN_CODES])
    unknown = encoder.encode([{"k": "never seen"}]).numbers[0, 0]
    assert unknown in late


def test_encoding_lets_nothing_join():
    encoder, _ = admitted({"a": 1.0, "k": "x"})
    before = encoder.state()
    raw = encoder.encode([{"b": 1.0, "k": "y", "a": "now a string"}, LONG, [1.0, 2.0], {}])
    assert encoder.state() == before
    assert raw.numbers.shape == (4, 2) and raw.dense.shape == (4, 0)
    assert np.isnan(raw.numbers[:, 0]).all()


def test_a_field_that_changes_its_type_becomes_a_second_field_and_is_reported():
    encoder, raw = admitted({"a": 1.0}, {"a": "high"}, {"a": 2.0}, {"a": True})
    assert types(encoder) == {("a", "number"), ("a", "category"), ("a", "boolean")}
    np.testing.assert_array_equal(raw.numbers[:, 0], [1.0, math.nan, 2.0, math.nan])
    notes = {f.type: f.note for f in encoder.report()}
    assert notes["number"] == "" and "number" in notes["category"]


def test_once_text_always_text():
    encoder, _ = admitted({"q": LONG}, {"q": "short"})
    assert types(encoder) == {("q", "text")}


def test_fields_are_counted_when_they_come():
    encoder, _ = admitted({"a": 1}, {"a": 2, "b": "x"}, {"a": None})
    assert {f.name: f.seen for f in encoder.report()} == {"a": 2, "b": 1}


def test_a_late_field_leaves_earlier_columns_where_they_were():
    encoder, _ = admitted({"a": 1.0, "k": "x"})
    early = encoder.encode([{"a": 3.0, "k": "x"}]).numbers
    encoder.admit(encoder.parse([{"b": 1.0, "v": [0.6, 0.8]}]))
    late = encoder.encode([{"a": 3.0, "k": "x"}])
    np.testing.assert_array_equal(late.numbers[:, :2], early)
    assert late.dense.shape == (1, 2)


def test_new_fields_start_a_new_segment():
    encoder, _ = admitted({"a": 1})
    parsed = encoder.parse([{"a": 1}, {"b": 1}, {"a": 1, "b": 2}, {"c": "x"}, {"c": True}])
    assert encoder.segments(parsed) == [slice(0, 1), slice(1, 3), slice(3, 4), slice(4, 5)]


REFUSED = [
    math.nan,
    math.inf,
    -math.inf,
    np.float32("inf"),
    1e300,
    10**400,
    [1.0, math.nan],
    [1.0, math.inf],
    [],
    [[1.0], [2.0]],
    [1e39, 0.0],
    ["a", "b"],
    ["1", "2.5"],
    [True, False],
    np.array([1j]),
    np.array(["2026-01-01"], "M8[D]"),
    "cut emoji \ud83d",
    "cut emoji \ud83d in a long text of words",
    [1.0, None],
    {"deep": 1},
    b"bytes",
    {1, 2},
    1j,
    Decimal("1.5"),
    Fraction(1, 2),
    date(2026, 1, 1),
    np.datetime64("2026-01-01"),
    object(),
]


@pytest.mark.parametrize("bad", REFUSED, ids=lambda v: f"{type(v).__name__} {v!r:.12}")
def test_what_cannot_be_read_is_refused_with_the_name_of_its_field(bad):
    encoder, _ = admitted({"a": 1.0})
    before = encoder.state()
    for xs in ([{"a": 2.0, "culprit": bad}], [{"new": 1}, {"culprit": bad}]):
        with pytest.raises(RecordError, match="'culprit'"):
            encoder.parse(xs)
        assert encoder.state() == before


@pytest.mark.parametrize("bad", [None, 5, 2.5, b"bytes", object(), [[1.0]], {1: "name"}])
def test_what_is_no_input_at_all_is_refused(bad):
    with pytest.raises(RecordError):
        RecordEncoder().parse([bad])


def test_a_vector_keeps_its_length():
    encoder, _ = admitted({"v": [1.0, 2.0]})
    with pytest.raises(RecordError, match=r"'v' has 3 numbers; it had 2"):
        encoder.parse([{"v": [1.0, 2.0, 3.0]}])
    with pytest.raises(RecordError, match=r"'w' has 1 numbers; it had 2"):
        encoder.parse([{"w": [1.0, 2.0]}, {"w": [1.0]}])


def test_records_of_far_too_many_fields_are_refused():
    with pytest.raises(RecordError, match="fields"):
        RecordEncoder().parse([{f"f{i}": 1 for i in range(MOST_FIELDS + 1)}])


@pytest.mark.parametrize(
    "kind, value",
    [
        ("category", 3),
        ("category", True),
        ("category", LONG),
        ("text", "short"),
        ("number", 3),
        ("boolean", False),
        ("vector", [1.0]),
    ],
)
def test_a_schema_pins_the_type(kind, value):
    encoder, _ = admitted({"f": value}, schema={"f": kind})
    assert types(encoder) == {("f", kind)}


@pytest.mark.parametrize("one, other", [(1, 2), (1.0, 1.5), (2**53, 2**53 + 1), (1, True)])
def test_numbers_pinned_as_categories_stay_apart(one, other):
    """Customer numbers are names, however long."""
    _, raw = admitted({"id": one}, {"id": other}, {"id": one}, schema={"id": "category"})
    codes = raw.numbers[:, 0]
    assert codes[0] == codes[2] != codes[1]


@pytest.mark.parametrize(
    "kind, value",
    [
        ("number", "3"),
        ("number", True),
        ("number", [3.0]),
        ("boolean", 1),
        ("boolean", "yes"),
        ("category", [1.0]),
        ("text", 3.0),
        ("vector", 3.0),
        ("vector", "1, 2"),
    ],
)
def test_what_does_not_fit_the_schema_is_refused(kind, value):
    encoder = RecordEncoder({"f": kind})
    with pytest.raises(RecordError, match=f"'f' is pinned to {kind}"):
        encoder.parse([{"f": value}])
    assert encoder.parse([{"f": None}]) == [[]]


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_what_is_not_finite_is_no_category_either(bad):
    with pytest.raises(RecordError, match="'id'"):
        RecordEncoder({"id": "category"}).parse([{"id": bad}])


def test_a_schema_of_unknown_types_is_refused():
    with pytest.raises(SettingError, match=r"schema\['f'\] is 'float'"):
        RecordEncoder({"f": "float"})


def test_known_fields_of_a_row_can_be_read_back():
    record = {"a": 1.5, "ok": True, "k": "card"}
    encoder, raw = admitted(record, {"b": 2.0})
    assert encoder.decode(raw.numbers[0]) == record
    assert encoder.decode(raw.numbers[1]) == {"b": 2.0}


def test_restored_it_encodes_alike():
    encoder, _ = admitted({"a": 1.0, "k": "x", "v": [1.0, 2.0]}, {"k": "y", "t": LONG})
    copy = RecordEncoder()
    copy.restore(encoder.state())
    asked = [{"a": 3.0, "k": "y", "v": [0.5, 1.0], "t": "other words"}, {"k": "new"}, {}]
    one, two = encoder.encode(asked), copy.encode(asked)
    np.testing.assert_array_equal(one.numbers, two.numbers)
    np.testing.assert_array_equal(one.dense, two.dense)
    assert copy.report() == encoder.report()


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**6), 10**6),
    st.floats(-1e6, 1e6),
    st.sampled_from(["x", "y", "zzz"]),
)
RECORDS = st.lists(st.dictionaries(st.sampled_from("abc"), VALUES, max_size=3), max_size=8)


@settings(max_examples=60, deadline=None)
@given(RECORDS)
def test_any_readable_records_give_one_row_each_and_the_same_later(records):
    encoder, raw = admitted(*records)
    assert len(raw) == len(records)
    again = encoder.encode(records)
    np.testing.assert_array_equal(again.numbers, raw.numbers)
    np.testing.assert_array_equal(again.dense, raw.dense)
