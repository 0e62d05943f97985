"""Reading tables: the types, and one clear line for everything that is wrong."""

import gzip
import json

import numpy as np
import pytest

from quickstudy.errors import DataFileError
from quickstudy.evaluate.data.table import read_table

CSV = """x,city,vip,note,y
1,Rome,true,my card is lost again,up
,Oslo,,?,down
2.5e3,NA,False,where is it now,1
"""


@pytest.fixture
def write(tmp_path):
    def write(content, name="t.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def test_csv_types_are_inferred(write):
    table = read_table(write(CSV), "y")
    assert [(c.name, c.type, c.missing) for c in table.columns] == [
        ("x", "number", 1),
        ("city", "category", 1),
        ("vip", "boolean", 1),
        ("note", "text", 1),
    ]
    assert list(table.records[0].values()) == [1.0, "Rome", True, "my card is lost again"]
    assert table.records[1] == {"x": None, "city": "Oslo", "vip": None, "note": None}


def test_csv_targets_are_strings(write):
    assert read_table(write(CSV), "y").labels == ["up", "down", "1"]


def test_known_types_win_over_what_a_small_file_looks_like(write):
    path = write("code,y\n1,a\n2,b\n")
    assert read_table(path, "y").records[0] == {"code": 1}
    assert read_table(path, "y", types={"code": "category"}).records[0] == {"code": "1"}


def test_gzip_and_limit_and_other_delimiters(write):
    packed = write(gzip.compress(CSV.replace(",", ";").encode()), "t.csv.gz")
    assert len(read_table(packed, "y", limit=2)) == 2


def test_byte_order_mark_and_quoted_line_breaks(write):
    table = read_table(write('\ufeffa,y\r\n"two\nlines",k\r\n'), "y")
    assert table.records == [{"a": "two\nlines"}] and table.labels == ["k"]


def test_jsonl_values_stay_what_they_are(write):
    rows = [{"a": 1, "v": [0.5, 1], "y": True}, {"b": "hi", "a": None, "y": 1}]
    table = read_table(write("\n".join(map(json.dumps, rows)), "t.jsonl"), "y")
    assert table.records == [{"a": 1, "v": [0.5, 1]}, {"b": "hi", "a": None}]
    assert [type(y) for y in table.labels] == [bool, int]
    assert {c.name: c.type for c in table.columns} == {
        "a": "number",
        "v": "vector of 2",
        "b": "category",
    }


def test_without_a_target_every_column_is_a_field(write):
    table = read_table(write(CSV))
    assert table.labels == [] and "y" in table.records[0]


def test_vectors_join_row_by_row(write, tmp_path):
    np.save(tmp_path / "v.npy", np.arange(6, dtype=np.float16).reshape(3, 2))
    table = read_table(write(CSV), "y", vectors=tmp_path / "v.npy", limit=2)
    assert table.records[1]["vector"].tolist() == [2.0, 3.0]
    assert table.columns[-1].type == "vector of 2"


BAD = {
    "empty": (b"", "is empty"),
    "only white space": (b"  \n\n", "is empty"),
    "header only": (b"a,y\n", "has no rows"),
    "binary": (b"\x89PNG\x00\x01\x02", "is a binary file"),
    "not UTF-8": (b"a,y\n1,caf\xe9\n", "is not UTF-8 text"),
    "ragged, short": (b"a,b,y\n1,2,k\n1,k\n", "line 3 has 2 cells where the header has 3"),
    "ragged, long": (b"a,y\n1,k\n1,2,k\n", "line 3 has 3 cells where the header has 2"),
    "open quote": (b'a,y\n"1,k\n', "line 2"),
    "missing column": (b"a,b\n1,2\n", "has no column 'y'; its columns are: a, b"),
    "empty label": (b"a,y\n1,k\n2,\n", "line 3, column 'y': the label is missing"),
    "NaN label": (b"a,y\n1,k\n2,NaN\n", "line 3, column 'y': the label is missing"),
    "beyond floats": (b"a,y\n1,k\n1e400,k\n", "line 3, column 'a': inf is not a finite number"),
    "old Excel": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "save it as .xlsx or CSV"),
    "bzip2": (b"BZh91AY", "is packed by bzip2; unpack it first"),
    "a quote inside quotes": (b'a,y\n"so "he" said",k\n', "line 2: a quote"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_csv_is_one_clear_line(write, name):
    content, message = BAD[name]
    with pytest.raises(DataFileError) as caught:
        read_table(write(content), "y")
    assert message in str(caught.value) and "t.csv" in str(caught.value)
    assert "\n" not in str(caught.value)


BAD_JSON = {
    "not JSON": ('{"y": 1}\n{"y": \n', "line 2 is not valid JSON"),
    "not an object": ("[1, 2]\n", "line 1 is not a JSON object"),
    "null label": ('{"y": 1}\n{"y": null}', "line 2, column 'y': the label is missing"),
    "NaN label": ('{"y": NaN}', "line 1, column 'y': the label is NaN"),
    "fraction as label": ('{"y": 0.5}', "0.5 cannot be a label"),
    "absent label": ('{"y": 1}\n{"x": 1}', "line 2, column 'y': the label is missing"),
    "a list of objects": ('{"y": 1}\n{"y": 1, "x": [{"a": 1}]}', "line 2, column 'x'"),
    "a list of both": ('{"y": 1, "x": ["a", 1]}', "--drop x leaves the column out"),
    "vectors of two lengths": ('{"y": 1, "x": [1]}\n{"y": 1, "x": [1, 2]}', "line 2, column 'x'"),
    "one name, two ways": ('{"y": 1, "a.b": 1, "a": {"b": 2}}', "line 1, column 'a.b'"),
    "nested too deeply": ('{"y": 1, "x": ' + '{"x": ' * 99 + "1" + "}" * 100, "--drop x"),
    "NaN in a vector": ('{"y": 1, "x": [1, NaN]}', "line 1, column 'x'"),
    "an integer beyond floats": ('{"y": 1, "x": 1' + "0" * 400 + "}", "line 1, column 'x'"),
}


@pytest.mark.parametrize("name", BAD_JSON)
def test_bad_jsonl_is_one_clear_line(write, name):
    content, message = BAD_JSON[name]
    with pytest.raises(DataFileError) as caught:
        read_table(write(content, "t.jsonl"), "y")
    assert message in str(caught.value)


def test_what_python_writes_for_no_number_is_missing_in_jsonl(write):
    lines = ['{"y": 1, "x": NaN}', '{"y": 1, "x": 2}', '{"y": 1, "x": -Infinity}', '{"y": 1}']
    table = read_table(write("\n".join(lines), "t.jsonl"), "y")
    assert table.records == [{"x": None}, {"x": 2}, {"x": None}, {}]
    assert table.columns[0].missing == 3
    assert table.columns[0].note == "missing: NaN (1), -Infinity (1)"


def test_files_that_are_not_there_or_cut_short(write, tmp_path):
    with pytest.raises(DataFileError, match="No such file"):
        read_table(tmp_path / "none.csv", "y")
    with pytest.raises(DataFileError, match="directory"):
        read_table(tmp_path, "y")
    with pytest.raises(DataFileError, match="cut short or damaged"):
        read_table(write(gzip.compress(CSV.encode() * 99)[:-20], "cut.csv.gz"), "y")
    with pytest.raises(DataFileError, match="is not a gzip file"):
        read_table(write(CSV, "plain.csv.gz"), "y")
    with pytest.raises(DataFileError, match="limit of 0"):
        read_table(write(CSV), "y", limit=0)


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        (np.zeros((2, 4)), "has 2 rows, but the table has 3"),
        (np.zeros(3), "has shape \\(3,\\)"),
        (np.array([["a"], ["b"], ["c"]]), "of <U1"),
    ],
)
def test_bad_vectors(write, tmp_path, matrix, message):
    np.save(tmp_path / "v.npy", matrix)
    with pytest.raises(DataFileError, match=message):
        read_table(write(CSV), "y", vectors=tmp_path / "v.npy")


def test_vectors_must_match_the_whole_file_even_with_a_limit(write, tmp_path):
    np.save(tmp_path / "v.npy", np.zeros((2, 4)))
    with pytest.raises(DataFileError, match="has 2 rows, but the table has 3"):
        read_table(write(CSV), "y", vectors=tmp_path / "v.npy", limit=2)
    with pytest.raises(DataFileError, match="cannot be read as a"):
        read_table(write(CSV), "y", vectors=write(b"junk", "v.npy"))
