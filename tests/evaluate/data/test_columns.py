"""Which columns of a table are fields: indices, empty ones, doubled ones, those left out."""

import pytest

from quickstudy.errors import DataFileError
from tests.evaluate.data.conftest import columns_of

INDEX_0 = "an index: no name, and counts up from 0"
INDEX_1 = "an index: no name, and counts up from 1"
INDEX = "an index: no name, and whole numbers that are all different"


@pytest.mark.parametrize(
    ("numbers", "note"),
    [("012", INDEX_0), ("123", INDEX_1), ("201", INDEX), (["7", "9", "12"], INDEX)],
)
@pytest.mark.parametrize("name", ["", "Unnamed: 0", '""', "...1", " "])
def test_a_first_column_without_a_name_that_counts_is_an_index(read, numbers, note, name):
    rows = "".join(f"{number},{i}.5,k\n" for i, number in enumerate(numbers))
    table = read(f"{name},amount,y\n{rows}")
    assert table.records == [{"amount": 0.5}, {"amount": 1.5}, {"amount": 2.5}]
    assert table.left_out[0].note == note


def test_an_index_of_an_index_is_left_out_as_well(read):
    table = read(",Unnamed: 0,a,y\n0,0,5,k\n1,1,6,k\n")
    assert table.records == [{"a": 5}, {"a": 6}] and len(table.left_out) == 2
    table = read("Unnamed: 0.1,Unnamed: 0,a,y\n0,0,5,k\n1,1,6,k\n")
    assert table.records == [{"a": 5}, {"a": 6}]


def test_a_column_with_a_name_is_never_an_index(read):
    assert read("id,y\n0,k\n1,k\n").records == [{"id": 0}, {"id": 1}]


def test_names_of_rows_as_r_writes_them(read):
    table = read('"mpg","y"\n"1",21.5,"k"\n"2",22.5,"k"\n')
    assert table.records == [{"mpg": 21.5}, {"mpg": 22.5}]
    assert table.left_out[0].note == INDEX_1


def test_a_nameless_column_of_values_is_called_after_its_place(read):
    table = read(",a,,y\nMazda,1,5,k\nFiat,2,5,k\n")
    assert table.records[0] == {"column_1": "Mazda", "a": 1, "column_3": 5}
    assert "column 1 has no name: it is called column_1" in table.notes


@pytest.mark.parametrize("gap", ["", " ", "NA", "-"])
def test_columns_without_name_and_values_are_dropped(read, gap):
    table = read(f"a,y,,\n1,k,{gap},{gap}\n2,k,{gap},{gap}\n")
    assert table.records == [{"a": 1}, {"a": 2}]
    assert [c.note for c in table.left_out] == ["has no name and no values"] * 2


def test_empty_cells_behind_the_last_column_are_nothing(read):
    assert read("a,y\n1,k,\n2,k,,\n").records == [{"a": 1}, {"a": 2}]


def test_a_header_that_ends_in_separators_over_rows_that_do_not(read):
    table = read("a;b;y;;\n1,5;2;k\n1,5;2;k;;\n")
    assert table.records == [{"a": 1.5, "b": 2}] * 2 and len(table.left_out) == 2
    with pytest.raises(DataFileError, match="line 2 has 1 cell where the header has 3"):
        read("a,y,\n1\n")


def test_a_header_longer_than_the_sample(read):
    names = [f"a column with a long name, {i}" for i in range(12_000)]
    table = read("\t".join([*names, "y"]) + "\n" + "1,5\t" * 12_000 + "k\n")
    assert len(table.records[0]) == 12_000 and table.records[0][names[0]] == 1.5


def test_lines_of_separators_alone_are_left_out_and_said(read):
    table = read("a;y\n1,5;k\n;\n;\n")
    assert len(table) == 1 and table.notes == ("lines without any value: 2, left out",)


def test_doubled_headers_get_a_number(read):
    table = read("a,a,a_2,a,y\n1,2,3,4,k\n")
    assert table.records == [{"a": 1, "a_3": 2, "a_2": 3, "a_4": 4}]
    assert "two columns are called 'a': the later one is called 'a_3'" in table.notes


def test_a_doubled_target_does_not_give_the_label_away(read):
    table = read("a,y,y\n1,k,k\n2,m,m\n")
    assert table.records == [{"a": 1}, {"a": 2}]
    assert table.left_out[0].note == "the same as the target 'y'"


def test_headers_over_lines_and_with_marks_are_plain_names(read):
    table = read('\ufeff"height\n(cm)", b\u200b ,y\n1,2,k\n')
    assert list(table.records[0]) == ["height (cm)", "b"]


def test_columns_are_left_out_as_asked(read):
    table = read("a,b,c,y\n1,2,3,k\n", drop=["b"], types={"c": "ignore"})
    assert table.records == [{"a": 1}]
    assert columns_of(table)["b"] == ("left out", "as asked")
    line = '{"y": "k", "who": {"name": "x", "items": [{"a": 1}]}, "whole": 1}'
    assert read(line, name="t.jsonl", drop=["who"]).records == [{"whole": 1}]


def test_names_are_the_same_in_both_normal_forms(read):
    composed, split = "gr\u00f6\u00dfe", "gro\u0308\u00dfe"
    for header, named in ((composed, split), (split, composed)):
        table = read(f"{header},b,y\n1,2,k\n", drop=[named], types={"b": "category"})
        assert table.records == [{"b": "2"}]
        assert read(f"b,{header}\n1,k\n", named).labels == ["k"]


@pytest.mark.parametrize("how", [{"drop": ["z"]}, {"types": {"z": "text"}}])
def test_an_option_about_a_column_that_is_not_there(read, how):
    with pytest.raises(DataFileError, match="has no column 'z'; its columns are: a, y"):
        read("a,y\n1,k\n", **how)
