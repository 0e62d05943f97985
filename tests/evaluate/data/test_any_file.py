"""Whatever a file holds, it is refused in one line or read as records that a learner takes."""

import json

import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import strategies as st

from quickstudy.encode.record import RecordEncoder
from quickstudy.errors import DataFileError
from quickstudy.evaluate.data.table import read_table
from tests.examples import many

SAME_FOLDER = [HealthCheck.function_scoped_fixture]
MANY = many(400, suppress_health_check=SAME_FOLDER)
MARKS = st.text(st.sampled_from(list(",;\t|\"'\n\r 01234.,-+eE%€aé{}[]:/\\?#()$\u202f\u2212\x00")))
CELLS = st.sampled_from(
    ["", "-", "NA", "3,5", "1.234", "1.234,5", "1e400", "2004-03-10", "13/10/2004", "18:30", "nan",
     "[1,2]", "['a']", "true", "word", "+", "5 %", "Infinity", '"', "[[", "1714588200", "01",
     "(5)", "$ -", "007", "3-", "#", "'q'", "0000-00-00", "6:30 PM"]
)  # fmt: skip
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | CELLS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "b", "a.b", "", "é"]), inner, max_size=3)
    ),
    max_leaves=6,
)
RECORDS = st.lists(
    st.dictionaries(st.sampled_from(["a", "b", "c", "y"]), VALUES, max_size=4), max_size=4
)


def read_or_refuse(path, target=None):
    """The table, every record of which a learner takes; or None after one clear line."""
    try:
        table = read_table(path, target)
    except DataFileError as error:
        assert "\n" not in str(error).replace("\\n", "") and str(path) in str(error)
        return None
    records = [{k: v for k, v in r.items() if v is not None} for r in table.records]
    RecordEncoder(table.schema).parse(records)
    assert len(table.places) == len(table.records)
    return table


@MANY
@given(st.binary(max_size=60))
def test_any_bytes(tmp_path, content):
    (path := tmp_path / "t.csv").write_bytes(content)
    read_or_refuse(path)


@MANY
@given(MARKS, st.sampled_from(["t.csv", "t.jsonl"]))
def test_any_marks(tmp_path, text, name):
    (path := tmp_path / name).write_text(f"a,y\n{text}", "utf-8")
    read_or_refuse(path)
    read_or_refuse(path, "y")


@MANY
@given(st.lists(st.lists(CELLS, min_size=3, max_size=3), min_size=1), st.sampled_from(",;\t|"))
@example([["3,5", "1,234", "a"], ["-", "", "b"]], ";")
def test_any_cells(tmp_path, rows, separator):
    lines = [
        separator.join(f'"{cell.replace(chr(34), chr(34) * 2)}"' for cell in row) for row in rows
    ]
    path = tmp_path / "t.csv"
    path.write_text(separator.join("aby") + "\n" + "\n".join(lines), "utf-8")
    table = read_or_refuse(path)
    assert table is None or len(table) <= len(rows)


@MANY
@given(RECORDS)
@example([{"a": [[1]]}])
@example([{"a": [1, "x"]}, {"a": {"b": 1}, "a.b": 2}])
def test_any_json(tmp_path, records):
    path = tmp_path / "t.jsonl"
    path.write_text("\n".join(map(json.dumps, records)), "utf-8")
    table = read_or_refuse(path)
    assert table is None or len(table) == len(records)


@many(150, suppress_health_check=SAME_FOLDER)
@given(RECORDS)
def test_any_arrow_table(tmp_path, records):
    try:
        frame = pa.Table.from_pylist(records)
    except (pa.ArrowException, OverflowError, TypeError, ValueError):
        return
    try:
        pyarrow.parquet.write_table(frame, path := tmp_path / "t.parquet")
    except pa.ArrowException:
        return
    read_or_refuse(path)


@pytest.mark.parametrize("name", ["t.csv", "t.json"])
def test_brackets_without_end(tmp_path, name):
    (path := tmp_path / name).write_text("a,y\n" * (name == "t.csv") + "[" * 100_000 + "\n")
    read_or_refuse(path)
