"""Times, tags, vectors, true and false: what columns of them become."""

import json
import math

import pytest

from quickstudy.errors import DataFileError
from tests.evaluate.data.conftest import columns_of


def column(read, cells, **how):
    """Records of one column, and its remark."""
    rows = "".join(f'"{cell}";k\n' for cell in cells)
    table = read(f"t;y\n{rows}", **how)
    return table.records, table.columns[0]


def lines(*records):
    return "".join(json.dumps(record) + "\n" for record in records)


@pytest.mark.parametrize(
    "cells",
    [
        ["2004-03-10 18:30:00", "2004-03-11 07:00:00"],
        ["2004-03-10T18:30", "2004-03-11T07:00"],
        ["2004-03-10T18:30:00.000000000", "2004-03-11T07:00:00"],
        ["2004-03-10T18:30:00Z", "2004-03-11T07:00:00Z"],
        ["2004-03-10 20:30:00+02:00", "2004-03-11T07:00:00Z"],
        ["2004-03-10 18:30:00 UTC", "2004-03-11 07:00:00 UTC"],
        ["2004/03/10 18:30", "2004/03/13 07:00"],
        ["03/10/2004 18:30", "03/13/2004 07:00"],
        ["3/10/2004 6:30 PM", "3/13/2004 7:00 AM"],
        ["10.03.2004 18:30:00", "13.03.2004 07:00:00"],
        ["10/03/2004 18:30", "13/03/2004 07:00"],
        ["10.03.04 18:30", "13.03.04 07:00"],
        ["Wed, 10 Mar 2004 18:30:00 GMT", "Sat, 13 Mar 2004 07:00:00 +0000"],
        ["Wednesday, March 10, 2004 18:30", "Saturday, March 13, 2004 07:00"],
        ["10MAR2004 18:30", "13MAR2004 07:00"],
        ["10-Mar-2004 18:30", "13-Mar-2004 07:00"],
        ["March 10, 2004 18:30", "March 13, 2004 07:00"],
        ["Wed Mar 10 18:30:00 2004", "Sat Mar 13 07:00:00 2004"],
        ["10/Mar/2004:18:30:00 +0000", "13/Mar/2004:07:00:00 +0000"],
    ],
)
def test_times_in_common_forms_are_numbers(read, cells):
    records, about = column(read, cells)
    first = records[0]
    assert about.type == "datetime" and list(first) == [
        "t.hour", "t.weekday", "t.month", "t.day", "t.days",
    ]  # fmt: skip
    assert (first["t.weekday"], first["t.month"], first["t.day"]) == (2, 3, 10)
    assert first["t.hour"] == (20.5 if "+02" in cells[0] else 18.5)  # on the clock as written
    assert math.isclose(first["t.days"], 12487 + 18.5 / 24)


def test_days_have_no_hour_and_clocks_no_day(read):
    assert column(read, ["2004-03-10"])[0] == [
        {"t.weekday": 2, "t.month": 3, "t.day": 10, "t.days": 12487.0}
    ]
    assert column(read, ["18:30", "7:05:00"])[0][0] == {"t.hour": 18.5}


def test_day_and_month_are_told_apart_by_the_whole_column(read):
    assert column(read, ["01/02/2004", "13/02/2004"])[0][0]["t.day"] == 1
    assert column(read, ["01/02/2004", "02/13/2004"])[0][0]["t.day"] == 2
    records, about = column(read, ["01/02/2004"])
    assert records[0]["t.month"] == 1
    assert "month first (otherwise: --type t=datetime:%d/%m/%Y)" in about.note
    how = {"types": {"t": "datetime:%d/%m/%Y"}}
    assert column(read, ["01/02/2004"], **how)[0][0]["t.month"] == 2
    assert column(read, ["01.02.2004"])[0][0]["t.month"] == 2


@pytest.mark.parametrize(
    "cells", [["2004-02-30"], ["1.2.34"], ["2004-03-10", "soon"], ["99:99"], ["May be"], ["10-11"]]
)
def test_what_is_no_time_stays_a_word(read, cells):
    assert column(read, cells)[0] == [{"t": cell} for cell in cells]


def test_times_that_were_asked_for_hold_or_are_refused(read):
    how = {"types": {"t": "datetime"}}
    assert column(read, ["1714588200", "1714588201"], **how)[0][0]["t.hour"] == 18.5
    assert column(read, ["1714588200000"], **how)[0][0]["t.hour"] == 18.5
    records, about = column(read, ["2004-03-10", "-", "NA"], **how)
    assert records[1] == {} and about.missing == 2
    with pytest.raises(DataFileError) as caught:
        column(read, ["2004-03-10", "soon"], **how)
    assert "line 3, column 't': 'soon' is no date or time" in str(caught.value)
    assert "--type t=datetime:%d/%m/%Y" in str(caught.value)


def test_a_field_known_as_a_category_stays_one(read):
    assert column(read, ["2004-03-10"], known={"t": "category"})[0] == [{"t": "2004-03-10"}]
    table = read(lines({"t": "2004-03-10", "y": 1}), name="t.jsonl", known={"t": "category"})
    assert table.records == [{"t": "2004-03-10"}]


def test_lists_of_strings_are_tags_that_are_there_or_not(read):
    rows = [{"tags": ["card", "post"]}, {"tags": []}, {"tags": "fee"}, {"tags": None}, {}]
    table = read(lines(*({**row, "y": "k"} for row in rows)), name="t.jsonl")
    none = {"tags.card": False, "tags.post": False, "tags.fee": False}
    assert table.records == [
        {**none, "tags.card": True, "tags.post": True}, none, {**none, "tags.fee": True}, {}, {},
    ]  # fmt: skip
    assert table.columns[0].type == "tags, 3" and table.columns[0].missing == 2


def test_tags_that_a_learner_knows_are_absent_where_they_do_not_come(read):
    known = {"tags.card": "boolean", "tags.post": "boolean", "amount": "number"}
    for tags, given in (([], set()), (["new"], {"new"})):
        table = read(lines({"tags": tags, "y": "k"}), name="t.jsonl", known=known)
        want = {f"tags.{tag}": tag in given for tag in ("card", "post", *given)}
        assert table.records == [want]


def test_of_many_tags_only_those_that_are_there_are_named(read):
    rows = [{"tags": [f"t{i}", f"t{i + 1}"], "y": "k"} for i in range(300)]
    table = read(lines(*rows), name="t.jsonl")
    assert table.records[7] == {"tags.t7": True, "tags.t8": True}
    assert "those that are absent are not named" in table.columns[0].note


def test_lists_of_sentences_are_text(read):
    said = ["how can I get my card", "it was lost in the post again"]
    table = read(lines({"said": said, "y": "k"}), name="t.jsonl")
    assert table.records == [{"said": " ".join(said)}] and table.schema == {"said": "text"}


@pytest.mark.parametrize("cells", [["a|b,c", "a"], ["a; b,c", "a"], ["['a', 'b,c']", "['a']"]])
def test_tags_in_cells(read, cells):
    records, about = column(read, cells, types={"t": "tags"})
    assert records == [{"t.a": True, "t.b,c": True}, {"t.a": True, "t.b,c": False}]
    assert about.type == "tags, 2"


def test_lists_of_numbers_are_vectors_also_in_cells(read):
    assert read(lines({"v": [1, 2.5], "y": 1}), name="t.jsonl").records == [{"v": [1, 2.5]}]
    for cells in (["[0.5, 1]", "[2, 3]"], ["[0.5 1. ]", "[2. 3.]"], ["[0.5,1]", "[2,3]"]):
        records, about = column(read, cells)
        assert records == [{"t": [0.5, 1]}, {"t": [2, 3]}] and about.type == "vector of 2"
    assert column(read, ["[urgent] my card", "[no]"])[0][1] == {"t": "[no]"}


def test_objects_inside_are_fields_of_their_own_at_any_depth(read):
    row = {"a": {"b": {"c": 1, "d": None}, "e": {}}, "y": "k", "f": {"g": ["x"]}}
    table = read(lines(row), name="t.jsonl")
    assert table.records == [{"a.b.c": 1, "a.b.d": None, "f.g.x": True}]
    assert read(lines(row), "a.b.c", name="t.jsonl").labels == [1]


def test_an_object_that_is_null_is_no_field_of_its_own(read):
    table = read(lines({"a": {"b": 1}, "y": "k"}, {"a": None, "y": "k"}), name="t.jsonl")
    assert table.records == [{"a.b": 1}, {}] and [c.name for c in table.columns] == ["a.b"]


def test_a_list_of_objects_is_a_file_as_well(read):
    rows = [{"a": 1, "y": "k"}, {"a": None, "y": "m"}]
    for text in (json.dumps(rows), json.dumps(rows, indent=2)):
        table = read(text, name="t.json")
        assert table.records == [{"a": 1}, {"a": None}] and table.unit == "item"


@pytest.mark.parametrize("gap", ["NA", "?", "-", "N/A", "null", "None", "", "<NA>"])
def test_words_for_nothing_are_missing_in_every_kind_of_column(read, gap):
    for cells in (["true", "FALSE"], ["Rome", "Oslo"], ["2004-03-10", "2004-03-11"]):
        records, about = column(read, [*cells, gap])
        assert about.missing == 1 and set(records[2].values()) <= {None}
        assert (f"missing: {gap} (1)" in about.note) == bool(gap)
    table = read(lines({"t": gap, "y": "k"}, {"t": "Rome", "y": "k"}), name="t.jsonl")
    assert table.records[0] == {"t": None}


def test_a_minus_among_signs_is_a_value(read):
    assert [r["t"] for r in column(read, ["+", "-", "+"])[0]] == ["+", "-", "+"]


def test_true_and_false_in_any_case(read):
    records, _ = column(read, ["True", "FALSE", "none"])
    assert [r["t"] for r in records] == [True, False, None]
    assert columns_of(read("t;y\ntrue;k\n", types={"t": "category"}))["t"][0] == "category"


def test_half_a_day_is_told_by_am_and_pm(read):
    records, _ = column(read, ["6:30 PM", "12:15 am"])
    assert records == [{"t.hour": 18.5}, {"t.hour": 0.25}]


def test_days_of_zeros_are_missing_among_times(read):
    records, shown = column(read, ["0000-00-00", "2004-03-10"])
    assert records[0] == {} and records[1]["t.day"] == 10
    assert shown.note.endswith("missing: 0000-00-00 (1)") and shown.example == "2004-03-10"


def test_a_day_that_is_none_is_named_where_it_makes_words_of_times(read):
    cells = ["2004-02-28"] * 20 + ["2004-02-30"]
    records, shown = column(read, cells)
    assert records[0] == {"t": "2004-02-28"}
    assert shown.note == "words, as '2004-02-30' is no time"
    assert column(read, ["2004-02-28", "A12", "B7", "2004-02-30"])[1].note == ""


def test_a_field_known_as_a_time_stays_one_and_what_is_none_is_missing(read):
    known = {"t.days": "number", "t.day": "number"}
    for cells in (["2004-03-10", "soon"], ["soon", "10.03.2004"]):
        records, shown = column(read, cells, known=known)
        assert {} in records and sum(r.get("t.day", 0) for r in records) == 10
        assert shown.note.endswith("1 are no times and missing: 'soon'")
    table = read(lines({"t": "2004-03-10", "y": 1}, {"t": "?!", "y": 1}), name="t.jsonl",
                 known=known)  # fmt: skip
    assert table.records[0]["t.day"] == 10 and table.records[1] == {}


def test_dates_without_marks_are_numbers_unless_asked_for(read):
    assert column(read, ["20040310"])[0] == [{"t": 20040310}]
    assert column(read, ["20040310"], types={"t": "datetime"})[0][0]["t.month"] == 3


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"a": 1, "a": 2, "y": 1}\n', "line 1 has 'a' twice in one object"),
        ('{"y": 1}\n{"x": {"b": 1, "b": 1}, "y": 1}\n', "line 2 has 'b' twice"),
        ('{"y": 1},\n{"y": 2},\n', "line 1 has a comma behind its object"),
        ('[\n{"y": 1},\n{"y": 2},\n]\n', "line 4 is not valid JSON at character 1"),
        ('[{"y": 1}, 2]', "item 2 is not a JSON object"),
        ('{"y": 1}\n{"a": "\\ud83d", "y": 1}\n', "line 2 holds half of a letter"),
        ('{"a": ' + "9" * 5000 + ', "y": 1}\n', "line 1 holds a whole number of too many digits"),
        ('{"a": 1 "b": 2}\n', "line 1 is not valid JSON at character 9"),
    ],
)
def test_json_that_cannot_be_meant_is_refused_by_its_place(read, content, said):
    with pytest.raises(DataFileError) as caught:
        read(content, name="t.jsonl")
    assert said in str(caught.value)


def test_a_letter_of_two_halves_is_one(read):
    table = read('{"a": "\\ud83d\\ude00", "y": 1}\n', name="t.jsonl")
    assert table.records == [{"a": "\U0001f600"}]
