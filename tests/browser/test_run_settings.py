"""The settings of a value learner as its page reads them; no browser is needed."""

from dataclasses import replace

import pytest
from starlette.datastructures import FormData

from quickstudy.api.settings import ValueSettings
from quickstudy.errors import SettingError
from quickstudy.serve.dashboard.runs.settings import shown, value_changes
from quickstudy.types import Costs

ODD = ValueSettings(
    stop_error=1 / 30,
    wait_seconds=7.0,
    costs=Costs(step=1e-5, failure=1_234_567.25, ask=None, help=1 / 3),
)


def kept(settings, **typed):
    """What a form says that was opened at such settings, and then typed into."""
    return value_changes(FormData(shown(settings) | typed), settings)


def test_what_was_not_typed_over_stays_to_the_bit():
    said = kept(ODD)
    assert (said["stop_error"], said["wait_seconds"]) == (ODD.stop_error, ODD.wait_seconds)
    assert (said["costs"], said["most_open"]) == (ODD.costs, ODD.most_open)
    said = kept(ODD, step="2E-3", ask="0,5")
    assert said["costs"] == replace(ODD.costs, step=0.002, ask=0.5)
    assert said["stop_error"] == ODD.stop_error
    said = kept(replace(ODD, costs=Costs(ask=0.25)), ask="", hours="1.5", stop_error="10 %")
    assert said["costs"].ask is None
    assert (said["wait_seconds"], said["stop_error"]) == (5_400.0, 0.1)


def test_what_is_shown_can_be_read_by_people():
    texts = shown(ValueSettings(stop_error=0.07, costs=Costs(step=0.01, help=0.9)))
    assert texts == {
        "stop_error": "7",
        "step": "0.01",
        "failure": "0",
        "ask": "",
        "help": "90",
        "hours": "24",
        "most_open": "1000",
    }


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ({"most_open": "9" * 400}, "number of runs .* too large"),
        ({"step": "1e999"}, "cost of a step .* too large"),
        ({"most_open": "2.5"}, "number of runs is 2.5; it must be a whole number"),
        ({"failure": "much"}, "cost of a failure is 'much'; it must be a number"),
        ({"hours": ""}, "the wait is ''; it must be a number"),
    ],
)
def test_what_is_no_number_is_refused_by_its_name(typed, says):
    with pytest.raises(SettingError, match=says):
        kept(ODD, **typed)
