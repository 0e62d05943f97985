"""Settings of a value learner: read as people give them, and as the log keeps them."""

import json
from dataclasses import asdict

import pytest

from quickstudy.api.options import changeable, changes, checked, types_of
from quickstudy.api.settings import ValueSettings
from quickstudy.deploy.kind import new_learner, settings_from_plain, settings_to_plain
from quickstudy.errors import SettingError
from quickstudy.types import Costs


def value_settings(given):
    return ValueSettings(**checked(ValueSettings, given))


def test_every_setting_has_its_check_and_its_default_passes():
    defaults = asdict(ValueSettings())
    assert set(types_of(ValueSettings)) == set(defaults)
    assert value_settings(defaults) == ValueSettings()


def test_what_was_written_is_read_back():
    given = {"outcome_range": [-1, 5], "costs": {"step": 1, "ask": 2}, "schema": {"a": "text"}}
    settings = value_settings(given)
    assert settings.costs == Costs(step=1.0, ask=2.0) and settings.outcome_range == (-1.0, 5.0)
    kept = json.loads(json.dumps(settings_to_plain(settings)))
    assert kept == json.loads(json.dumps({"kind": "value", **asdict(settings)}))
    assert settings_from_plain(kept) == settings
    assert new_learner(settings).state_hash() == new_learner(settings_from_plain(kept)).state_hash()


@pytest.mark.parametrize("costs", [None, {}, Costs(), {"ask": None}])
def test_no_costs_are_no_costs(costs):
    assert value_settings({"costs": costs}).costs == Costs()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("success", "1"),
        ("success", float("nan")),
        ("discount", 0.0),
        ("discount", 1.5),
        ("outcome_range", 1.0),
        ("outcome_range", (1.0, 0.0)),
        ("outcome_range", (0.0, 0.5, 1.0)),
        ("outcome_range", (0.0, float("inf"))),
        ("costs", 1.0),
        ("costs", {"steps": 1.0}),
        ("costs", {"step": -1.0}),
        ("costs", {"step": None}),
        ("costs", {"help": 1.1}),
        ("stop_error", 0.0),
        ("alpha", 2.0),
        ("audit", 0.0),
        ("loops", 1),
        ("wait_seconds", 0.0),
        ("most_open", 0),
        ("most_open", 100_001),
        ("most_open", 10.0),
        ("budget_mb", "64"),
        ("schema", ["a"]),
        ("seed", -1),
    ],
)
def test_what_is_out_of_range_is_refused_by_name(name, value):
    with pytest.raises(SettingError, match=f"^{name}"):
        value_settings({name: value})


def test_only_some_settings_can_be_changed():
    assert changes(ValueSettings, {"most_open": 5}) == {"most_open": 5}
    assert changeable(ValueSettings) == ("costs", "stop_error", "wait_seconds", "most_open")
    for name in set(types_of(ValueSettings)) - set(changeable(ValueSettings)):
        with pytest.raises(SettingError, match=f"{name} cannot be changed"):
            changes(ValueSettings, {name: asdict(ValueSettings())[name]})
