"""The nine statuses of a feedback, over everything that can be known of a case."""

from itertools import product
from typing import get_args

import pytest

from quickstudy.api.decisions import CaseStatus, Status
from quickstudy.deploy.decisions.statuses import LEARNED, MESSAGES, Known, status_against, status_of

SAYS = {"x": "x", "y": "y", "not x": {"not": "x"}, "not y": {"not": "y"}}
# what counts so far, what another source says now, and what becomes of that: by their meaning
AFTER = {
    ("x", "x"): "confirmed",
    ("x", "y"): "conflicting",
    ("x", "not x"): "conflicting",
    ("x", "not y"): "confirmed",
    ("y", "x"): "conflicting",
    ("y", "y"): "confirmed",
    ("y", "not x"): "confirmed",
    ("y", "not y"): "conflicting",
    ("not x", "x"): "conflicting",
    ("not x", "y"): "accepted",
    ("not x", "not x"): "confirmed",
    ("not x", "not y"): "accepted",
    ("not y", "x"): "accepted",
    ("not y", "y"): "conflicting",
    ("not y", "not x"): "accepted",
    ("not y", "not y"): "confirmed",
}
CASES = get_args(CaseStatus)


def everything():
    """Every case that can be, with every word that can be said of it."""
    truths = [None, *SAYS]
    for case, contested, before, truth, over, says in product(
        CASES, (False, True), (False, True), truths, (False, True), SAYS
    ):
        value = None if truth is None else SAYS[truth]
        yield Known(case, contested, before, value, over), truth, says


@pytest.mark.parametrize(("truth", "says"), AFTER)
def test_a_label_after_that_of_another_source(truth, says):
    assert status_against(SAYS[truth], SAYS[says]) == AFTER[truth, says]


def test_every_combination_has_the_status_that_the_table_says():
    """In the order in which they take precedence; 800 combinations."""
    count = 0
    for known, truth, says in everything():
        count += 1
        status = status_of(known, SAYS[says])
        if known.contested or known.case == "contested":
            assert status == "contested"
        elif known.said_before:
            assert status == "superseded"
        elif truth is not None:
            assert status == AFTER[truth, says]
        elif known.case == "expired" or (known.case == "closed" and known.over):
            assert status == "late"
        else:
            assert status == "accepted"
    assert count == len(CASES) * 2 * 2 * 5 * 2 * 4


def test_one_true_and_the_text_one_are_three_labels():
    for truth, says in product((1, True, "1"), repeat=2):
        same = type(truth) is type(says)
        assert status_against(truth, says) == ("confirmed" if same else "conflicting")


def test_every_status_has_a_message_and_four_are_learned():
    assert set(MESSAGES) == set(get_args(Status)) and len(MESSAGES) == 9
    assert {"accepted", "superseded", "conflicting", "late"} == LEARNED
