"""Numbers in the notations of the world, told by the whole column."""

import pytest

from quickstudy.errors import DataFileError
from tests.evaluate.data.conftest import columns_of


def column(read, cells, separator=";", **how):
    """Values and remark of one column, quoted where needed."""
    rows = "".join(f'"{cell}"{separator}k\n' for cell in cells)
    table = read(f"x{separator}y\n{rows}", **how)
    return [record["x"] for record in table.records], table.columns[0].note


@pytest.mark.parametrize(
    ("cells", "numbers", "note"),
    [
        (["3,5", "10", "-2,25"], [3.5, 10, -2.25], "decimal comma"),
        (["1.234,5", "7"], [1234.5, 7], "decimal comma, thousands by point"),
        (["1,234.5", "7"], [1234.5, 7], "thousands by comma"),
        (["1 234,5", "7"], [1234.5, 7], "decimal comma, thousands by space"),
        (["1\u202f234,5", "1\u00a0234"], [1234.5, 1234], "decimal comma, thousands by space"),
        (["1 234 567", "7"], [1234567, 7], "thousands by space"),
        (["1'234.50", "7"], [1234.5, 7], "thousands by apostrophe"),
        (["12,34,567.8", "1,234"], [1234567.8, 1234], "thousands by comma"),
        (["1.234.567", "1.234"], [1234567, 1234], "decimal comma, thousands by point"),
        (["0,123", "1,234"], [0.123, 1.234], "decimal comma"),
        (["1,5e3", "-,5"], [1500, -0.5], "decimal comma"),
        (["\u22123.5", "+4"], [-3.5, 4], ""),
        (["5 %", "12.5%"], [5, 12.5], "in %"),
        (["€ 1.234,50", "7,00€"], [1234.5, 7], "in €, decimal comma, thousands by point"),
        (["$3", "$4"], [3, 4], "in $"),
    ],
)
def test_notations(read, cells, numbers, note):
    assert column(read, cells) == (numbers, note)


@pytest.mark.parametrize(
    "cells",
    [["1,5", "2.5"], ["1.2.3", "4.5.6"], ["1,23", "1,234.5"], ["12,3456.7"], ["10%", "3 kg"],
     ["1 23"], ["0x10"], ["1_000"], ["192.168.0.1"], ["1.2.34"], ["01.234.5"]],
)  # fmt: skip
def test_what_is_no_number_stays_a_word(read, cells):
    assert column(read, cells)[0] == cells


AMBIGUOUS = ["1,234", "2,500"]


def test_an_open_column_is_decided_by_the_others_and_it_is_said(read):
    for proof, value in (("3,5", 1.234), ("3.5", 1234)):
        table = read(f"p;x;y\n{proof};1,234;k\n{proof};2,500;k\n")
        assert table.records[0]["x"] == value
        assert f"1,234 is read as {value}, as other columns show" in table.columns[1].note


def test_an_open_column_without_others_goes_by_the_separator(read):
    values, note = column(read, AMBIGUOUS)
    assert values == [1.234, 2.5] and "as ; parts the cells (otherwise: --decimal .)" in note
    values, note = column(read, AMBIGUOUS, separator=",")
    assert values == [1234, 2500] and "(otherwise: --decimal ,)" in note
    values, note = column(read, ["1.234", "2.500"])
    assert values == [1.234, 2.5] and "(otherwise: --decimal ,)" in note


@pytest.mark.parametrize(("decimal", "value"), [(".", 1234), (",", 1.234)])
def test_the_option_decides(read, decimal, value):
    assert column(read, AMBIGUOUS, decimal=decimal)[0][0] == value


def test_each_column_has_its_own_notation(read):
    table = read("a;b;c;y\n3,5;4.5;1.234,5;k\n3,5;4.5;1.234,5;k\n")
    assert table.records[0] == {"a": 3.5, "b": 4.5, "c": 1234.5}


@pytest.mark.parametrize("gap", ["-", "NA", "n/a", "Infinity", "-inf", "None", ".", "#DIV/0!", ""])
def test_words_for_nothing_are_missing_among_numbers(read, gap):
    values, note = column(read, ["3,5", gap, "4"])
    assert values == [3.5, None, 4]
    assert note == "decimal comma" + (f"; missing: {gap} (1)" if gap else "")


def test_a_column_that_is_nearly_numbers_says_what_is_not(read):
    values, note = column(read, [*map(str, range(30)), "many"])
    assert values[-1] == "many" and values[0] == "0"
    assert note == "1 of 31 are no numbers: 'many'"


def test_a_field_known_as_a_number_stays_one_where_it_can(read):
    values, note = column(read, ["3,5", "many"], known={"x": "number"})
    assert values == [3.5, "many"] and "now also 'many'" in note


def test_a_type_that_was_asked_for_holds_or_is_refused(read):
    assert column(read, ["007"], types={"x": "category"})[0] == ["007"]
    assert column(read, ["3,5"], types={"x": "number"})[0] == [3.5]
    assert column(read, ["-", ""], types={"x": "number"})[0] == [None, None]
    with pytest.raises(DataFileError) as caught:
        column(read, ["3,5", "many"], types={"x": "number"})
    assert "line 3, column 'x': 'many' is not a number" in str(caught.value)
    assert "--type x=category" in str(caught.value)
    with pytest.raises(DataFileError, match="some of its numbers have a point"):
        column(read, ["3,5", "3.5"], types={"x": "number"})


def test_numbers_as_text_among_numbers_are_numbers_in_json(read):
    lines = '{"y": "k", "x": 1}\n{"y": "k", "x": "2.5"}\n{"y": "k", "x": "NA"}\n'
    assert [r["x"] for r in read(lines, name="t.jsonl").records] == [1, 2.5, None]
    lines = '{"y": "k", "x": "01"}\n{"y": "k", "x": "02"}\n'
    assert [r["x"] for r in read(lines, name="t.jsonl").records] == ["01", "02"]
    back = read(lines, name="t.jsonl", types={"x": "number"})
    assert [r["x"] for r in back.records] == [1, 2] and columns_of(back)["x"][0] == "number"
    lines = '{"y": "k", "x": 1}\n{"y": "k", "x": true}\n'
    back = read(lines, name="t.jsonl", types={"x": "category"})
    assert [r["x"] for r in back.records] == ["1", "true"] and back.schema == {"x": "category"}
