"""Amounts with a sign, a unit or a minus of its own, and codes that only look like numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quickstudy.evaluate.data.notation import choose
from tests.evaluate.data.test_numbers import column


@pytest.mark.parametrize(
    ("cells", "numbers"),
    [
        (["(1,234.50)", "17.00"], [-1234.5, 17]),
        (["1,234.50-", "3.00"], [-1234.5, 3]),
        (["-$5.00", "$7.25", "$-3"], [-5, 7.25, -3]),
        (["$(3.00)", "($4.00)", "$1,000.00"], [-3, -4, 1000]),
        (["$ -", "$ 2"], [0, 2]),
        (["12,5 %", "-3,0 %"], [12.5, -3]),
        (["EUR 1.234,50", "EUR 7,00"], [1234.5, 7]),
        (["5 USD", "7.5 USD"], [5, 7.5]),
        (["R$ 5", "R$ 7"], [5, 7]),
        (["CHF 1'234.50", "CHF 2"], [1234.5, 2]),
        (["\u20135", "\u2212 6", "- 7", "8"], [-5, -6, -7, 8]),
        (["12 345,60 €", "-1,5 €"], [12345.6, -1.5]),
    ],
)
def test_amounts_are_numbers(read, cells, numbers):
    assert column(read, cells)[0] == numbers


@pytest.mark.parametrize(
    "cells",
    [["A-", "B"], ["5-", "4+"], ["1-2", "3-5"], ["5 kg", "7 kg"], ["EUR 5", "USD 7"], ["€", "$"],
     ["(555) 123-4567"], ["((5))"], ["(5", "6"], ["--5"], ["(5)-"], ["5 EUR USD"], ["21°C"]],
)  # fmt: skip
def test_what_is_no_amount_stays_a_word(read, cells):
    assert column(read, cells)[0] == cells


@pytest.mark.parametrize(
    "cells",
    [["01234", "90210"], ["007"], ["0", "00"], ["+49 170 1234567", "+1 212 555 123"],
     ["0170 123", "0171 456"], ["45e3821", "1234567"]],
)  # fmt: skip
def test_codes_keep_every_letter(read, cells):
    assert column(read, cells)[0] == cells


def test_codes_say_why_they_are_words_and_can_be_numbers_by_request_or_knowledge(read):
    content = "zip,y\n01234,k\n90210,k\n"
    table = read(content)
    assert table.columns[0].note == "words, as leading zeros count (else: --type zip=number)"
    for how in ({"types": {"zip": "number"}}, {"known": {"zip": "number"}}):
        assert read(content, **how).records[0] == {"zip": 1234}
    assert read("zip,y\n1234,k\n", known={"zip": "category"}).records == [{"zip": "1234"}]


def test_a_code_among_numbers_of_json_stays_text(read):
    table = read('{"zip": "01234", "y": 1}\n{"zip": 90210, "y": 1}\n', name="t.jsonl")
    assert [record["zip"] for record in table.records] == ["01234", 90210]


def test_whole_numbers_beyond_what_a_number_keeps_are_said(read):
    note = read("id,y\n12345678901234567891,k\n").columns[0].note
    assert "more digits than a number keeps (else: --type id=category)" in note
    assert read("id,y\n9007199254740992,k\n").columns[0].note == ""


@given(
    st.lists(st.integers(-(10**9), 10**9), min_size=1, max_size=5),
    st.sampled_from(["", "$", "€ ", "CHF ", "R$"]),
    st.sampled_from(["-{}", "({})", "{}-", "\u2212{}", "\u2013{}"]),
)
def test_any_spelling_of_a_minus_with_any_unit(cents, unit, minus):
    """Amounts read back as what they were, wherever the unit and the minus stand."""
    cells = []
    for amount in cents:
        figures = unit + f"{abs(amount) / 100:,.2f}"
        cells.append(minus.format(figures) if amount < 0 else figures)
    chosen = choose(cells, [])
    assert [chosen.number(cell) for cell in cells] == [amount / 100 for amount in cents]
