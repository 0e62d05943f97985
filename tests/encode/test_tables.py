"""Batches as people hold them: one input a row, or an error that says what to write."""

import datetime as dt
from decimal import Decimal
from keyword import iskeyword

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quickstudy.encode.inputs import plain_input
from quickstudy.encode.tables import labels_of, rows_of
from quickstudy.errors import LabelError, RecordError

pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")
pa = pytest.importorskip("pyarrow")

FRAME = pd.DataFrame(
    {
        "number": [1.5, None],
        "text": ["a", None],
        "kind": pd.Categorical(["x", None]),
        "flag": pd.array([True, None]),
        "whole": pd.array([3, None], dtype="Int64"),
        "at": pd.to_datetime(["2024-05-01 18:30", None]),
        "price": [Decimal("2.5"), None],
        "took": [pd.Timedelta(1, "h"), pd.NaT],
    },
    index=[7, 9],
)
TABLES = {
    "pandas": FRAME,
    "polars": pl.from_pandas(FRAME),
    "lazy": pl.from_pandas(FRAME).lazy(),
    "arrow": pa.Table.from_pandas(FRAME, preserve_index=False),
    "arrow batch": pa.RecordBatch.from_pandas(FRAME, preserve_index=False),
}


class Frame:
    """A table of a library that nobody knows: it iterates over the names of its columns."""

    columns = ("amount", "qty")

    def __iter__(self):
        return iter(self.columns)

    def __len__(self):
        return 3


@pytest.mark.parametrize("library", TABLES)
def test_a_row_of_a_table_is_a_record_and_what_is_not_there_is_missing(library):
    first, second = [plain_input(row) for row in rows_of(TABLES[library])]
    moment = plain_input({"at": dt.datetime(2024, 5, 1, 18, 30)})
    plain = {"number": 1.5, "text": "a", "kind": "x", "flag": True, "whole": 3}
    assert first == {**plain, **moment, "price": 2.5, "took": 3600.0}
    assert set(second.values()) == {None}


def test_a_row_of_an_array_is_a_vector_with_gaps():
    rows = rows_of(np.array([[1.0, np.nan], [2.0, 3.0]]))
    np.testing.assert_array_equal(rows, [[1.0, np.nan], [2.0, 3.0]])
    assert rows_of(np.array([[1, None]], dtype=object)) == [[1.0, None]]
    assert rows_of(np.array([[True, False]]))[0].tolist() == [1, 0]
    assert np.isnan(rows_of(np.ma.masked_array([[1.0, 2.0]], mask=[[0, 1]]))[0][1])


def test_a_structured_array_has_names():
    rows = np.array([(1, "a"), (2, "b")], dtype=[("n", "i4"), ("s", "U3")])
    assert rows_of(rows) == [{"n": 1, "s": "a"}, {"n": 2, "s": "b"}]
    assert plain_input(rows[0]) == {"n": 1, "s": "a"}


@pytest.mark.parametrize(
    "texts",
    [
        pd.Series(["a", None], index=[4, 2]),
        pl.Series(["a", None]),
        pa.array(["a", None]),
        pa.chunked_array([["a"], [None]]),
        np.array(["a", None], dtype=object),
    ],
    ids=lambda v: type(v).__module__,
)
def test_a_series_of_texts_is_a_batch_and_a_missing_one_is_empty(texts):
    assert rows_of(texts) == ["a", ""]


def test_rows_of_a_series_may_be_records_or_vectors_and_generators_work():
    assert rows_of(pd.Series([{"a": 1}])) == [{"a": 1}]
    assert rows_of(pd.Series([[1.0, 2.0]])) == [[1.0, 2.0]]
    assert rows_of(x for x in ("a", "b")) == ["a", "b"]
    assert rows_of(pd.Index(["a"])) == ["a"]
    assert rows_of(pd.DataFrame({"a": []})) == []


def test_a_series_with_names_is_one_record_and_one_of_numbers_a_vector():
    assert plain_input(pd.Series({"a": 1, "b": None, "c": "x"})) == {"a": 1, "b": None, "c": "x"}
    assert plain_input(FRAME.iloc[0]) == plain_input(rows_of(FRAME)[0])
    assert plain_input(pd.Series([1.0, 2.0])).tolist() == [1.0, 2.0]
    assert plain_input(pd.Series([1.0, None], index=["a", "b"])) == {"a": 1.0, "b": None}
    assert plain_input(pl.Series([1.0, 2.0])).tolist() == [1.0, 2.0]
    with pytest.raises(RecordError, match="without names"):
        plain_input(pd.Series(["a", "b"]))
    with pytest.raises(RecordError, match="a table"):
        plain_input(FRAME)


def test_names_of_columns_that_are_numbers_become_text():
    assert rows_of(pd.DataFrame([[1, 2]])) == [{"0": 1, "1": 2}]


@pytest.mark.parametrize(
    "wrong, told",
    [
        ({"a": 1}, "one record .* \\[record\\]"),
        ({"a": [1, 2]}, "one record"),
        ("text", "one str .* \\[text\\]"),
        (b"text", "one bytes"),
        ({"a", "b"}, "no order"),
        (5, "is a int"),
        (None, "NoneType"),
        (Frame(), 'to_dict\\("records"\\)'),
        (np.zeros(3), "shape \\(3,\\).*xs\\[None, :\\]"),
        (np.zeros((1, 2, 3)), "shape"),
        (np.array([["a", 1]], dtype=object), "'a'.*named columns"),
        (np.array([["2024-05-01"]], "datetime64[ns]"), "named columns"),
        (pd.Series([1.0, 2.0]), "to_frame"),
        (pd.Series([1.0, 2.0], index=["a", "b"]), "one record .*\\[xs\\]"),
        (pd.Series(["x", "y"], index=["a", "b"]), "one record .*tolist"),
        (next(pd.DataFrame([[1, 2]]).itertuples(index=False)), "one record .*\\[record\\]"),
        (pd.DataFrame(), "no columns"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "'a' comes twice"),
        (pd.DataFrame([[1, 2]], columns=[1, "1"]), "'1' comes twice"),
        (pa.table([pa.array([1]), pa.array([2])], names=["a", "a"]), "'a' comes twice"),
        (pd.DataFrame([[1]], columns=pd.MultiIndex.from_tuples([("a", "b")])), "join"),
    ],
    ids=lambda v: type(v).__name__,
)
def test_what_is_no_batch_is_refused_and_the_message_says_what_to_write(wrong, told):
    with pytest.raises(RecordError, match=told):
        rows_of(wrong)


@pytest.mark.parametrize(
    "column, plain",
    [
        (pd.Series([1.0, 2.0], index=[5, 3]), [1, 2]),
        (pd.Series(["a", "b"], dtype="category"), ["a", "b"]),
        (pd.DataFrame({"y": ["a"]}), ["a"]),
        (pl.Series([1, 2]), [1, 2]),
        (pa.array([True]), [True]),
        (pd.Index(["a"]), ["a"]),
        (np.array(["a", "b "]), ["a", "b"]),
        (np.array([1, 2]), [1, 2]),
        ((y for y in "ab"), ["a", "b"]),
    ],
    ids=lambda v: type(v).__name__,
)
def test_labels_come_from_any_column(column, plain):
    assert [(type(y), y) for y in labels_of(column)] == [(type(y), y) for y in plain]


@pytest.mark.parametrize(
    "wrong, told",
    [
        (pd.Series([1, None]), "ys\\[1\\].*missing"),
        (np.array([1.5]), "ys\\[0\\].*write '1.5'"),
        (np.array([["a"]]), "ys.ravel"),
        (pd.DataFrame({"a": [1], "b": [2]}), "table of 2 columns"),
        ("ab", "one str"),
        ({"a": 1}, "one dict"),
        ({"a"}, "no order"),
    ],
    ids=lambda v: type(v).__name__,
)
def test_what_is_no_column_of_labels_is_refused(wrong, told):
    with pytest.raises(LabelError, match=told):
        labels_of(wrong)


@pytest.mark.parametrize(
    "names, told",
    [
        (["a", "a"], "'a' comes twice"),
        (["a", 1], "or none"),
        (pd.MultiIndex.from_tuples([("a", "b"), ("a", "c")]), "several levels"),
    ],
    ids=str,
)
def test_a_series_whose_names_cannot_be_those_of_fields_is_refused(names, told):
    with pytest.raises(RecordError, match=told):
        plain_input(pd.Series([1, 2], index=names))


NAMES = st.text("abcdefgh", min_size=1, max_size=4).filter(lambda name: not iskeyword(name))
CELLS = st.none() | st.floats(-9, 9) | st.sampled_from(["x", "caf\u00e9"]) | st.booleans()


@given(st.dictionaries(NAMES, CELLS, min_size=1, max_size=4))
def test_a_row_is_the_same_record_however_it_is_held(record):
    frame = pd.DataFrame([record], dtype=object)
    arrow = pa.Table.from_pylist([record])
    held = [
        pd.Series(record, dtype=object),
        next(frame.itertuples(index=False)),
        rows_of(frame)[0],
        rows_of(pl.from_dicts([record]))[0],
        rows_of(arrow)[0],
        rows_of(arrow.to_reader())[0],
    ]
    assert [plain_input(row) for row in held] == [record] * len(held)
