"""Where the header is, what parts the cells, and what is wrong where nothing does."""

import openpyxl
import pytest

from quickstudy.errors import DataFileError
from quickstudy.evaluate.data.options import ReadOptions
from quickstudy.evaluate.data.table import read_table

WANTED = [{"a": 1, "b": "x, z"}, {"a": 2, "b": "w"}]


@pytest.mark.parametrize(
    "content",
    [
        '# made by a tool\n# on a day\na,b,y\n1,"x, z",k\n2,w,k\n',
        '#\n\na;b;y\n1;"x, z";k\n2;w;k\n',
        'a, b, y\n1, "x, z", k\n2, w, k\n',
        "'a','b','y'\n1,'x, z','k'\n2,'w','k'\n",
        "a,b,y\n1,'x, z','k'\n2,'w','k'\n",
        '"a" "b" "y"\n"1" 1 "x, z" "k"\n"2" 2 "w" "k"\n',
        'a   b  y\n1   "x, z"  k\n2   w  k\n',
        "| a | b | y |\n|---|:---|---|\n| 1 | x, z | k |\n| 2 | w | k |\n",
        'a,b,y\r\n1,"x, z",k\r\n2,w,k\r\n\x1a',
        'a,b,y\r1,"x, z",k\r2,w,k\r',
    ],
)
def test_what_tools_write_around_the_same_table(read, content):
    assert read(content).records == WANTED


def test_a_header_may_begin_with_a_mark_of_remarks(read):
    assert read("#id,name,y\n1,ann,k\n2,bob,k\n").records[0] == {"#id": 1, "name": "ann"}
    table = read("## tool 1.2\n# of things,price,y\n3,4,k\n")
    assert table.records == [{"# of things": 3, "price": 4}]
    assert table.notes == ("the header is in line 2, below remarks (#)",)
    assert read("tag,y\n#1,k\n#2,k\n").records == [{"tag": "#1"}, {"tag": "#2"}]
    assert read("# a b y\n1.5 2 k\n3.5 4 k\n").records[0] == {"a": 1.5, "b": 2}


def test_lines_are_counted_from_the_first_of_the_file(read):
    with pytest.raises(DataFileError, match="line 5 has 1 cell where the header has 2; write all"):
        read("# tool\n\na,y\n1,k\n2\n")
    with pytest.raises(DataFileError, match="line 2 has 3 cells where the header has 2; quote"):
        read("a,y\n1,k,3\n")
    with pytest.raises(DataFileError, match=r'line 1: a quote \("\) inside'):
        read('"a"b,y\n1,k\n')


def test_a_lone_column_of_decimal_commas_has_no_row_names(read):
    table = read("value\n1,5\n2,6\n3,7\n", None)
    assert [record["value"] for record in table.records] == [1.5, 2.6, 3.7]


def test_sentences_of_one_length_are_not_parted(read):
    table = read("my text here\nI am happy\nyou are sad\n", None)
    assert table.records == [{"my text here": "I am happy"}, {"my text here": "you are sad"}]


def test_escaped_quotes_within_a_bare_cell(read):
    assert read('s,y\nc\\"d,k\n').records == [{"s": 'c"d'}]
    assert read('s,y\nC:\\temp\\"d,k\n').records == [{"s": 'C:\\temp\\"d'}]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("Report of May\n\na,y\n1,k\n", "line 3 holds it: if the names stand there"),
        ("Account;12;\nFrom;May;\n;;\na;b;y\n1;2;k\n", "line 4 holds it"),
        ("5.1,3.5,setosa\n4.9,3.0,setosa\n", "the first line seems to hold values"),
        ("Alpha,The  Y,b\n1,2,k\n", "no column 'y'; its columns are: Alpha, The Y, b"),
        ("Y,b\n1,2\n", "no column 'y', but 'Y'; its columns"),
    ],
)
def test_a_target_that_is_not_there_with_a_guess_where_it_is(read, content, said):
    with pytest.raises(DataFileError) as caught:
        read(content)
    assert said in str(caught.value)


def test_a_file_without_header_is_said_where_no_target_is_asked_for(read):
    assert "is the first line the header?" in read("5.1,3.5\n4.9,3.0\n", None).notes[0]


def test_formulas_without_values_are_refused_and_can_be_dropped(tmp_path):
    path = tmp_path / "t.xlsx"
    book = openpyxl.Workbook()
    for row in (["a", "b", "y"], [1, "=A2*2", "k"], [2, "=A3*2", "k"]):
        book.active.append(row)
    book.save(path)
    with pytest.raises(DataFileError, match=r"row 2, column 'b': '=A2.*--drop b"):
        read_table(path, "y")
    table = read_table(path, "y", options=ReadOptions(drop=["b"]))
    assert table.records == [{"a": 1}, {"a": 2}]


def test_an_empty_column_of_a_workbook_is_missing(tmp_path):
    path = tmp_path / "t.xlsx"
    book = openpyxl.Workbook()
    for row in (["a", "b", "y"], [1, None, "k"]):
        book.active.append(row)
    book.save(path)
    assert read_table(path, "y").records == [{"a": 1, "b": None}]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("t.ods", b"PK\x03\x04" + b"0" * 99, "workbook of another kind; save it as .xlsx"),
        ("t.zip", b"PK\x03\x04" + b"0" * 99, "unpack it first"),
        ("t.feather", b"FEA1" + b"\0" * 99, "Feather file of version 1"),
    ],
)
def test_files_that_are_not_read_say_what_to_do(write, name, content, said):
    with pytest.raises(DataFileError, match=said):
        read_table(write(content, name), "y")
