"""Parquet, Arrow and Excel: what the round trips do not reach."""

import datetime
import decimal
import subprocess
import sys

import openpyxl
import pyarrow as pa
import pyarrow.parquet
import pytest

from quickstudy.errors import DataFileError
from quickstudy.evaluate.data.options import ReadOptions
from quickstudy.evaluate.data.table import read_table


@pytest.fixture
def parquet(tmp_path):
    def parquet(columns):
        pyarrow.parquet.write_table(pa.table(columns), path := tmp_path / "t.parquet")
        return path

    return parquet


@pytest.fixture
def workbook(tmp_path):
    """An Excel file of sheets: lists of rows by name."""

    def workbook(**sheets):
        book = openpyxl.Workbook()
        book.remove(book.active)
        for name, rows in sheets.items():
            sheet = book.create_sheet(name)
            for row in rows:
                sheet.append(row)
        book.save(path := tmp_path / "t.xlsx")
        return path

    return workbook


def test_types_of_arrow(parquet):
    day = datetime.date(2004, 3, 10)
    path = parquet(
        {
            "price": pa.array([decimal.Decimal("1.50")]),
            "took": pa.array([datetime.timedelta(minutes=2)]),
            "word": pa.array(["Rome"]).dictionary_encode(),
            "on": pa.array([day]),
            "wide": pa.array(["long"], pa.large_string()),
            "v": pa.array([[0.5, 1.0]], pa.list_(pa.float32(), 2)),
            "tags": pa.array([["a"]]),
            "in": pa.array([{"a": 1, "b": {"c": "x"}}]),
            "none": pa.nulls(1),
            "y": pa.array([7], pa.int8()),
        }
    )
    table = read_table(path, "y")
    assert table.labels == [7] and table.records == [
        {
            "price": 1.5, "took": 120.0, "word": "Rome", "on.weekday": 2, "on.month": 3,
            "on.day": 10, "on.days": 12487.0, "wide": "long", "v": [0.5, 1.0], "tags.a": True,
            "in.a": 1, "in.b.c": "x", "none": None,
        }
    ]  # fmt: skip


def test_bytes_and_maps_are_refused_by_row_with_the_option(parquet):
    path = parquet({"a": [1, 2], "raw": [None, b"\x00"], "y": ["k", "k"]})
    with pytest.raises(DataFileError, match=r"row 2, column 'raw': .*--drop raw leaves"):
        read_table(path, "y")
    assert read_table(path, "y", options=ReadOptions(drop=["raw"])).records == [{"a": 1}, {"a": 2}]


def test_whole_numbers_that_pandas_made_floats_are_labels(parquet):
    assert read_table(parquet({"a": [1, 2], "y": [1.0, 2.0]}), "y").labels == [1, 2]
    with pytest.raises(DataFileError, match="row 2, column 'y': the label is NaN"):
        read_table(parquet({"a": [1, 2], "y": [1.0, float("nan")]}), "y")
    with pytest.raises(DataFileError, match="row 2, column 'y': the label is missing"):
        read_table(parquet({"a": [1, 2], "y": [1.0, None]}), "y")


def test_a_damaged_file_is_one_line(parquet, tmp_path):
    path = parquet({"a": [1], "y": ["k"]})
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(DataFileError, match=r"t\.parquet: cannot be read by pyarrow: ") as caught:
        read_table(path, "y")
    assert "\n" not in str(caught.value)
    (other := tmp_path / "t.xlsx").write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(DataFileError, match="is packed by zip"):
        read_table(other, "y")


def test_the_first_sheet_with_cells_and_the_rows_as_excel_counts_them(workbook):
    rows = [[], ["a", "y", None], [], ["1,5", "k"], [None, None], ["2", None]]
    path = workbook(empty=[], data=rows, other=[["b"], [1]])
    with pytest.raises(DataFileError, match="row 6, column 'y': the label is missing"):
        read_table(path, "y")
    table = read_table(path)
    assert table.records[0] == {"a": 1.5, "y": "k"}
    assert table.notes == ("sheet 'data' is read, of 3 sheets",)


def test_cells_of_excel_keep_their_types_and_text_may_be_numbers(workbook):
    when = datetime.datetime(2004, 3, 10, 18, 30)
    rows = [
        ["n", "mixed", "t", "w", 2024, "y"],
        [1, 2, when, "x", 5, 1],
        [1.5, "3", None, "#N/A", 6, 2],
    ]
    table = read_table(workbook(data=rows), "y")
    first, second = table.records
    assert table.labels == [1, 2] and (first["n"], second["n"]) == (1, 1.5)
    assert second["mixed"] == 3 and first["t.hour"] == 18.5 and second["w"] is None
    assert second["2024"] == 6


def test_an_empty_workbook(workbook):
    with pytest.raises(DataFileError, match="is empty"):
        read_table(workbook(data=[]), "y")
    with pytest.raises(DataFileError, match="has no rows"):
        read_table(workbook(data=[["a", "y"]]), "y")


@pytest.mark.parametrize(("name", "package"), [("t.parquet", "pyarrow"), ("t.xlsx", "openpyxl")])
def test_without_the_extra_one_line_says_what_to_install(parquet, workbook, name, package):
    path = parquet({"a": [1], "y": ["k"]}) if name == "t.parquet" else workbook(d=[["a"], [1]])
    code = (
        f"import sys; sys.modules[{package!r}] = None\n"
        f"from quickstudy.cli.main import main; main(['evaluate', {str(path)!r}, '--target', 'y'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 2
    assert f"needs {package}: pip install 'quickstudy[tables]'" in done.stderr
