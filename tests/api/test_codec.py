"""Nouns go over the wire and come back as they were."""

import json
import math

import numpy as np
import pytest

from quickstudy.api import decisions, runs, versions
from quickstudy.api.codec import dump, dumps, load, outgoing
from quickstudy.api.json_schema import components
from quickstudy.errors import RecordError
from quickstudy.serve.openapi import examples, examples_oversight, examples_runs
from quickstudy.types import Estimate, Explanation, Neighbour, Prediction, Probabilities, Vote

KINDS = {
    "LEARNER": decisions.LearnerInfo,
    "ANSWER": decisions.Answer,
    "RECEIPT": decisions.Receipt,
    "ASK": decisions.Ask,
    "CASE": decisions.Case,
    "EVENT": decisions.Event,
    "REPORT": decisions.Report,
    "KEY": decisions.Key,
}
OF_OVERSIGHT = {
    "VERSION": versions.Version,
    "GATE": versions.GateReport,
    "DIFF": versions.Diff,
    "PIN": versions.Pin,
    "EXAM": versions.Exam,
    "PAUSE": versions.Pause,
    "LIMITS": versions.LimitsReport,
    "AUTONOMY": versions.AutonomyReport,
    "SOURCE": versions.SourceReport,
}
OF_RUNS = {
    "LEARNER": runs.ValueInfo,
    "VALUE": runs.ValueReport,
    "ESTIMATE": Estimate,
    "RUN": runs.RunInfo,
    "EXPIRED": runs.RunInfo,
    "REPORT": runs.RunReport,
}


@pytest.mark.parametrize(
    ("where", "name", "kind"),
    [(examples, *pair) for pair in KINDS.items()]
    + [(examples_oversight, *pair) for pair in OF_OVERSIGHT.items()]
    + [(examples_runs, *pair) for pair in OF_RUNS.items()],
)
def test_there_and_back(where, name, kind):
    value = getattr(where, name)
    made = load(kind, json.loads(json.dumps(value)))
    assert isinstance(made, kind) and dump(made) == value
    assert load(kind, json.loads(dumps(made))) == made


def test_pairs_and_triples_have_names_on_the_wire_and_are_tuples_in_python():
    source = load(versions.SourceReport, examples_oversight.SOURCE)
    assert source.against_others == (40, 1) and source.agreement == (("ben", 12, 11),)
    assert examples_oversight.SOURCE["against_others"] == {"spoke": 40, "against": 1}
    report = load(versions.LimitsReport, examples_oversight.LIMITS)
    assert report.hits[0][::2] == (1_207, "per_minute")
    limits = versions.Limits(costs=(("1", 2.0), (1, 3.0), (True, 0.5)))
    assert dump(limits)["costs"][2] == {"label": True, "cost": 0.5}
    back = load(versions.Limits, json.loads(dumps(limits)))
    assert [type(label) for label, _ in back.costs] == [str, int, bool] and back == limits


def test_an_estimate_comes_back_with_its_loop_and_its_votes():
    said = load(runs.RunReport, json.loads(json.dumps(examples_runs.REPORT))).steps[0].estimate
    assert said.loop is not None and (said.loop.kind, said.loop.times) == ("repeat", 3)
    assert said.votes == (("task", 0.35), ("runs like it", 0.14))
    assert examples_runs.ESTIMATE["votes"][0] == {"expert": "task", "probability": 0.35}
    info = load(runs.ValueInfo, examples_runs.LEARNER)
    assert info.settings.outcome_range == (0.0, 1.0) and info.settings.costs.ask == 0.2


def test_an_explanation_comes_back_with_its_own_types():
    labels = (1, True, "1")
    prediction = Prediction(
        True, 0.5, 0.1, Probabilities(labels, np.array([0.3, 0.5, 0.1])), np.zeros((2, 3)), 2
    )
    vote, near = Vote("kernel", 0.7, True, 0.5), Neighbour({"a": 1}, "1", 0.9, 3)
    why = Explanation(prediction, (vote,), (near,), (("a", 0.25),))
    back = load(Explanation, json.loads(dumps(why)))
    assert (back.votes, back.neighbours, back.fields) == (why.votes, why.neighbours, why.fields)
    assert [back.prediction.probabilities[y] for y in labels] == [0.3, 0.5, 0.1]
    assert back.prediction.label is True and back.prediction.confidence == 0.5


def test_labels_of_equal_value_stay_apart():
    answer = load(decisions.Answer, {**examples.ANSWER, "label": True, "alternatives": [
        {"label": label, "probability": 0.3} for label in (1, True, "1")
    ]})  # fmt: skip
    assert [type(label) for label, _ in answer.alternatives] == [int, bool, str]
    assert dump(answer)["alternatives"][1]["label"] is True


def test_what_json_has_no_number_for_is_null():
    assert dump([math.inf, -math.inf, math.nan, 1.5]) == [None, None, None, 1.5]
    assert b"NaN" not in dumps({"a": math.nan})


def test_a_newer_server_may_say_more_and_an_older_one_less():
    more = {**examples.CASE, "colour": "red"}
    less = {name: value for name, value in examples.CASE.items() if name != "events"}
    assert load(decisions.Case, more) == load(decisions.Case, examples.CASE)
    assert load(decisions.Case, less).events == ()


@pytest.mark.parametrize(
    ("record", "sent"),
    [
        ("text", "text"),
        (
            {"a": np.float32(0.5), "b": np.int64(3), "c": np.bool_(True)},
            {"a": 0.5, "b": 3, "c": True},
        ),
        (np.arange(3), [0, 1, 2]),
        ({"v": (1.0, np.array([2]))}, {"v": [1.0, [2]]}),
        ({"a": None}, {"a": None}),
    ],
)
def test_records_of_python_become_json(record, sent):
    assert outgoing(record) == sent and json.loads(json.dumps(outgoing(record))) == sent


@pytest.mark.parametrize("value", [math.nan, math.inf, object(), b"bytes", {1, 2}, 1j])
def test_what_json_cannot_carry_is_refused(value):
    with pytest.raises(RecordError):
        outgoing({"a": value})


def test_every_noun_has_a_schema_that_says_what_it_is():
    found = components(*KINDS.values(), *OF_OVERSIGHT.values(), *OF_RUNS.values(), Explanation)
    assert {"Limits", "Condition", "Group", "Difference", "LevelChange", "Allowed"} <= set(found)
    assert {"Policy", "CurvePoint", "Settings", "Vote", "Neighbour", "Prediction"} <= set(found)
    for name, schema in found.items():
        assert len(schema["description"]) > 20 and schema["required"], name
        free = ("Event", "Ask", "Neighbour", "Case", "Pin", "Difference", "StepReport")  # a record
        assert name in free or all(schema["properties"].values())
    assert "votes" not in found["Prediction"]["properties"]
