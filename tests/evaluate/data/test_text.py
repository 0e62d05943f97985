"""Encodings, separators, quotes and cells of any size."""

import gzip
import os
import threading

import pytest

from quickstudy.errors import DataFileError, SettingError
from quickstudy.evaluate.data.options import ReadOptions, options_from_text
from quickstudy.evaluate.data.table import read_table

TEXT = "größe;y\n3,5;Köln\n4,5;Łódź\n"


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]
)
def test_unicode_is_recognised_with_and_without_its_mark(read, encoding):
    table = read(TEXT, encoding=encoding)
    assert table.records == [{"größe": 3.5}, {"größe": 4.5}] and table.labels == ["Köln", "Łódź"]
    packed = read(gzip.compress(TEXT.encode(encoding)), name="t.csv.gz")
    assert packed.records == table.records
    lines = '{"größe": 1, "y": "Köln"}\n'
    assert read(lines, encoding=encoding, name="t.jsonl").labels == ["Köln"]


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "cp1250", "cp1251", "shift_jis"])
def test_other_encodings_are_refused_by_line_with_the_option_that_reads_them(write, encoding):
    word = {"cp1251": "Москва", "shift_jis": "東京"}.get(encoding, "Köln")
    path = write(f"a,y\n1,k\n2,{word}\n", encoding=encoding)
    with pytest.raises(DataFileError, match=r"line 3: is not UTF-8 text; --encoding cp1252 reads"):
        read_table(path, "y")
    assert read_table(path, "y", options=ReadOptions(encoding=encoding)).labels == ["k", word]


def test_an_encoding_that_does_not_fit_is_refused(write):
    path = write("a,y\n1,Köln\n")
    with pytest.raises(DataFileError, match="line 2: is not ascii text"):
        read_table(path, "y", options=ReadOptions(encoding="ascii"))


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_separators_are_found_with_prose_and_decimal_commas(read, separator, end):
    rows = ["note|y", "hello, my card; it is lost|a", "no, 3,5 is wrong|b", "well|c", "x, y; z|d"]
    text = end.join(separator.join(f'"{cell}"' for cell in row.split("|")) for row in rows)
    table = read(text)
    assert table.labels == list("abcd") and table.records[0]["note"] == rows[1].split("|")[0]


def test_decimal_commas_are_no_separators(read):
    for head in ("co;load;level", "co, mg;load, kW;level"):
        table = read(f"{head}\n3,5;800,1;low\n4,5;900,1;high\n", "level")
        assert list(table.records[0].values()) == [3.5, 800.1]


def test_a_separator_can_be_named(read):
    assert read("a b  y\n1 2  k\n", separator=" ").records == [{"a": 1, "b": 2}]
    assert read("a^b^y\n1^2^k\n", separator="^").records == [{"a": 1, "b": 2}]
    assert read("sep=;\na;b;y\n1,5;2;k\n").records == [{"a": 1.5, "b": 2}]
    with pytest.raises(DataFileError, match="--separator"):
        read("a^b^y\n1^2^k\n")


def test_lines_of_prose_alone_are_one_column(write):
    path = write("text\nhello, my card is lost\nno\nwhy, oh, why\n")
    assert [r["text"] for r in read_table(path).records] == [
        "hello, my card is lost", "no", "why, oh, why",
    ]  # fmt: skip


@pytest.mark.parametrize("cell", ["two\nlines", 'a "quoted" word', "a,b;c|d\te", " spaced "])
def test_quoted_cells_hold_anything(read, cell):
    quoted = cell.replace('"', '""')
    assert read(f'note,y\n"{quoted}",k\nb,m\n').records[0] == {"note": cell.strip()}


def test_quotes_after_backslashes_and_quotes_that_mean_nothing(read):
    table = read('note,y\n"he said \\"no, no\\"",k\nb,m\n')
    assert table.records[0] == {"note": 'he said "no, no"'} and "backslash" in table.notes[0]
    table = read('y\tnote\nham\t"Hello there\nspam\tno " quote\n')
    assert [r["note"] for r in table.records] == ['"Hello there', 'no " quote']


def test_a_row_is_named_by_the_line_where_it_begins(read):
    with pytest.raises(DataFileError, match="line 4 has 3 cells where the header has 2; quote"):
        read('a,y\n"1\n2",k\n1,k,m\n')
    with pytest.raises(DataFileError, match=r'line 3: opens a quote \("\) that is never closed'):
        read('a,y\n1,k\n"2,k\n3,k\n4,k\n')


@pytest.mark.parametrize("size", [131_073, 3_000_000])
def test_cells_of_any_size_up_to_the_budget(read, size):
    assert len(read(f"text,y\n{'a b ' * (size // 4 + 1)},k\nb,m\n").records[0]["text"]) >= size


@pytest.mark.parametrize("name", ["t.csv", "t.jsonl"])
def test_a_cell_beyond_the_budget_is_refused_with_the_option(read, name):
    content = f"text,y\n{'a' * 300},k\n" if name == "t.csv" else f'{{"text":"{"a" * 300}","y":1}}'
    with pytest.raises(DataFileError) as caught:
        read(content, name=name, longest=200)
    assert "column 'text': has 300 characters; a cell may have 200" in str(caught.value)
    assert "--budget-mb 1 reads it, --drop text leaves it out" in str(caught.value)


def test_a_pipe_is_read_like_a_file(tmp_path):
    os.mkfifo(pipe := tmp_path / "pipe")
    writer = threading.Thread(target=lambda: pipe.write_text("a;y\n1,5;k\n"))
    writer.start()
    assert read_table(pipe, "y").records == [{"a": 1.5}]
    writer.join()


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"separator": "ab"}, "--separator is 'ab'; it is one character"),
        ({"encoding": "klingon"}, "--encoding 'klingon' is not known"),
        ({"encoding": "zip"}, "--encoding 'zip' is not known"),
        ({"decimal": "x"}, "--decimal is 'x'; it is . or ,"),
        ({"target_type": "float"}, "--target-type is 'float'; it is str, int or bool"),
        ({"types": ["a=nomber"]}, "'nomber' is no type; use one of number, category, text, tags"),
        ({"types": ["a"]}, "--type 'a' is not like FIELD=category"),
    ],
)
def test_options_that_mean_nothing_are_refused(how, said):
    with pytest.raises(SettingError) as caught:
        options_from_text(**how)
    assert said in str(caught.value)


def test_options_as_they_are_typed():
    options = options_from_text(
        separator="tab", types=["a=b=number", "day=datetime:%d=%m"], drop=" a, b ,", budget_mb=16
    )
    assert options.separator == "\t" and options.drop == ("a", "b")
    assert options.types == {"a=b": "number", "day": "datetime:%d=%m"}
    assert options.longest == 16 * 2**20
