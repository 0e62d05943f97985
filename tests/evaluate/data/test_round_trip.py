"""What csv, pandas, polars and pyarrow write is read back to the same values, in any dialect."""

import csv
import io
import math
from datetime import datetime

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from quickstudy.evaluate.data.missing import MISSING, MISSING_NUMBERS
from quickstudy.evaluate.data.table import read_table

FEW = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
NUMBERS = st.floats(-1e9, 1e9).map(lambda x: round(x, 3)) | st.integers(-(10**9), 10**9).map(float)
LETTERS = st.characters(codec="utf-8", categories=["L", "N", "P", "Zs", "S"])
NAMES = st.sampled_from(["height", "größe", "two words", "a.b", "it's", 'the "best"', "a,b;c"])


def is_word(text):
    """Text that nobody would take for a missing value, a number, a date or a list."""
    return (
        text == text.strip()
        and text not in MISSING
        and text.lower() not in MISSING_NUMBERS
        and text[:1].isalpha()
    )


WORDS = st.text(LETTERS, min_size=1, max_size=12).map(str.strip).filter(is_word)


@st.composite
def tables(draw):
    """A table: names, columns of numbers, words, booleans and times with gaps, and labels."""
    count = draw(st.integers(2, 8))
    names = draw(st.lists(NAMES, min_size=1, max_size=4, unique=True))
    columns = {}
    for name in names:
        kind = draw(st.sampled_from(["number", "word", "boolean", "time"]))
        value = {
            "number": NUMBERS,
            "word": WORDS,
            "boolean": st.booleans(),
            "time": st.datetimes(datetime(1990, 1, 1), datetime(2040, 1, 1)).map(
                lambda t: t.replace(microsecond=0)
            ),
        }[kind]
        cells = draw(st.lists(value | st.none(), min_size=count, max_size=count))
        cells[draw(st.integers(0, count - 1))] = draw(value)  # at least one is there
        columns[name] = cells
    columns["y"] = draw(st.lists(st.sampled_from(["up", "down"]), min_size=count, max_size=count))
    return columns


def grouped(number, decimal, group):
    """A number as a clerk writes it: thousands apart, three decimals."""
    text = f"{number:,.3f}".replace(",", "G").replace(".", "D")
    return text.replace("G", group).replace("D", decimal)


def same(column, name, records):
    """Whether a column came back: times as their numbers."""
    for value, record in zip(column, records, strict=True):
        if isinstance(value, datetime):
            days = (value - datetime(1970, 1, 1)).total_seconds() / 86_400
            assert math.isclose(record[f"{name}.days"], days, abs_tol=1e-9)
            assert record[f"{name}.month"] == value.month
        elif value is None:
            assert record.get(name) is None and f"{name}.days" not in record
        elif isinstance(value, float):
            assert math.isclose(record[name], value, abs_tol=1e-9)
        else:
            assert record[name] == value and type(record[name]) is type(value)
    return True


@FEW
@given(
    table=tables(),
    separator=st.sampled_from(",;\t|"),
    decimal=st.sampled_from([".", ","]),
    grouping=st.sampled_from(["", "thin", "same"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    end=st.sampled_from(["\n", "\r\n"]),
    index=st.sampled_from([None, 0, 1]),
    trailing=st.integers(0, 2),
    gap=st.sampled_from(["", "NA", "-", "null", "N/A", "?", "NaN"]),
)
def test_any_dialect_of_delimited_text(
    tmp_path, table, separator, decimal, grouping, encoding, quoting, end, index, trailing, gap
):
    group = {"": "", "thin": "\u202f", "same": "." if decimal == "," else ","}[grouping]

    def cell(value):
        if value is None:
            return gap
        if isinstance(value, float):
            return grouped(value, decimal, group)
        return str(value)

    # three decimals alone prove no mark: one column that does comes along
    table = {"proof": [0.25] * len(table["y"]), **table}
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=separator, quoting=quoting, lineterminator=end)
    writer.writerow([*([""] if index is not None else []), *table, *[""] * trailing])
    for i, row in enumerate(zip(*table.values(), strict=True)):
        number = [i + index] if index is not None else []
        writer.writerow([*number, *("0D25".replace("D", decimal) if v == 0.25 else cell(v)
                                    for v in row), *[""] * trailing])  # fmt: skip
    (path := tmp_path / "t.csv").write_bytes(out.getvalue().encode(encoding))
    back = read_table(path, "y")
    assert back.labels == table["y"]
    assert len(back.left_out) == trailing + (index is not None)
    for name in table:
        assert name == "y" or same(table[name], name, back.records)


@FEW
@given(table=tables(), how=st.sampled_from(["csv", "csv index", "jsonl", "parquet", "feather"]))
def test_what_pandas_writes(tmp_path, table, how):
    frame = pd.DataFrame(table)
    for name, cells in table.items():  # columns of one type keep it, whatever is missing
        if any(isinstance(v, bool) for v in cells):
            frame[name] = frame[name].astype("boolean")
    path = tmp_path / f"t.{how.split()[0]}"
    if how.startswith("csv"):
        frame.to_csv(path, index=how == "csv index")
    elif how == "jsonl":
        frame.to_json(path, orient="records", lines=True, date_format="iso")
    elif how == "parquet":
        frame.sample(frac=1.0, random_state=0).sort_index().to_parquet(path)
    else:
        frame.to_feather(path)
    back = read_table(path, "y")
    assert back.labels == table["y"]
    for name in table:
        assert name == "y" or same(table[name], name, back.records)


@FEW
@given(table=tables(), how=st.sampled_from(["csv", "tsv", "ndjson", "parquet", "arrow", "stream"]))
def test_what_polars_writes(tmp_path, table, how):
    frame = pl.DataFrame(table)
    path = tmp_path / f"t.{how}"
    write = {
        "csv": frame.write_csv,
        "tsv": lambda p: frame.write_csv(p, separator="\t"),
        "ndjson": frame.write_ndjson,
        "parquet": frame.write_parquet,
        "arrow": frame.write_ipc,
        "stream": frame.write_ipc_stream,
    }
    write[how](path)
    back = read_table(path, "y")
    assert back.labels == table["y"]
    for name in table:
        assert name == "y" or same(table[name], name, back.records)


@FEW
@given(table=tables(), how=st.sampled_from(["parquet", "feather"]))
def test_what_pyarrow_writes(tmp_path, table, how):
    frame = pa.table(table)
    path = tmp_path / "t"
    if how == "parquet":
        pyarrow.parquet.write_table(frame, path, row_group_size=3)
    else:
        pyarrow.feather.write_feather(frame, path, compression="zstd")
    back = read_table(path, "y")
    for name in table:
        assert name == "y" or same(table[name], name, back.records)
    first = read_table(path, "y", limit=1)
    assert len(first) == 1 and same(table["y"][:1], "y", [{"y": first.labels[0]}])


@FEW
@given(table=tables(), index=st.booleans())
def test_what_pandas_writes_to_excel(tmp_path, table, index):
    assume(all(not isinstance(v, str) or v.isprintable() for c in table.values() for v in c))
    frame = pd.DataFrame({name: pd.Series(cells, dtype=object) for name, cells in table.items()})
    frame.to_excel(path := tmp_path / "t.xlsx", index=index)
    back = read_table(path, "y")
    assert len(back.left_out) == index
    for name in table:
        assert name == "y" or same(table[name], name, back.records)
