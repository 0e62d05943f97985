"""Nouns go over the wire and come back as they were."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from quickstudy.api import admin, annotators, decisions, guardrails, runs, versions
from quickstudy.api.codec import adapter, dump, dumps, load, outgoing
from quickstudy.api.settings import ValueSettings
from quickstudy.errors import RecordError
from quickstudy.serve.openapi.examples import example
from quickstudy.serve.openapi.schemas import REF, Schemas
from quickstudy.types import (
    Costs,
    Estimate,
    Explanation,
    Neighbour,
    Prediction,
    Probabilities,
    Vote,
)

MODELS = (
    *(decisions.LearnerInfo, decisions.Answer, decisions.Receipt, decisions.Ask, decisions.Case),
    *(decisions.Report, decisions.ExplainedCase, admin.Event, admin.Key, annotators.SourceReport),
    *(versions.Version, versions.GateReport, versions.Diff, versions.Pin, versions.Exam),
    *(guardrails.Pause, guardrails.LimitsReport, guardrails.AutonomyReport),
    *(runs.ValueInfo, runs.ValueReport, Estimate, runs.RunInfo, runs.RunReport),
)


@pytest.mark.parametrize("kind", MODELS)
def test_there_and_back(kind):
    value = dump(example(kind))
    made = load(kind, json.loads(json.dumps(value)))
    assert isinstance(made, kind) and dump(made) == value
    assert dump(load(kind, json.loads(dumps(made)))) == value
    if kind is not decisions.ExplainedCase:  # the votes of a prediction stay behind
        assert load(kind, json.loads(dumps(made))) == made == example(kind)


def test_pairs_and_triples_have_names_on_the_wire_and_are_tuples_in_python():
    sent = dump(example(annotators.SourceReport))
    source = load(annotators.SourceReport, sent)
    assert source.against_others == (40, 1) and source.agreement == (("ben", 12, 11),)
    assert sent["against_others"] == {"spoke": 40, "against": 1}
    report = load(guardrails.LimitsReport, dump(example(guardrails.LimitsReport)))
    assert report.hits[0][::2] == (1_208, "per_minute")
    limits = guardrails.Limits(costs=(("1", 2.0), (1, 3.0), (True, 0.5)))
    assert dump(limits)["costs"][2] == {"label": True, "cost": 0.5}
    back = load(guardrails.Limits, json.loads(dumps(limits)))
    assert [type(label) for label, _ in back.costs] == [str, int, bool] and back == limits


def test_an_estimate_comes_back_with_its_loop_and_its_votes():
    said = load(runs.RunReport, dump(example(runs.RunReport))).steps[0].estimate
    assert said.loop is not None and (said.loop.kind, said.loop.times) == ("repeat", 3)
    assert said.votes == (("task", 0.35), ("runs like it", 0.14))
    assert dump(example(Estimate))["votes"][0] == {"expert": "task", "probability": 0.35}
    settings = ValueSettings(costs=Costs(step=0.01, ask=0.2))
    info = load(runs.ValueInfo, dump(replace(example(runs.ValueInfo), settings=settings)))
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
    given = [{"label": label, "probability": 0.3} for label in (1, True, "1")]
    sent = {**dump(example(decisions.Answer)), "label": True, "alternatives": given}
    answer = load(decisions.Answer, sent)
    assert [type(label) for label, _ in answer.alternatives] == [int, bool, str]
    assert dump(answer)["alternatives"][1]["label"] is True


def test_what_json_has_no_number_for_is_null():
    assert dump([math.inf, -math.inf, math.nan, 1.5]) == [None, None, None, 1.5]
    assert b"NaN" not in dumps({"a": math.nan})
    policy = decisions.Policy(0.5, -math.inf, 3.0, False)
    assert dump(policy)["log_evidence"] is None
    assert math.isnan(load(decisions.Policy, dump(policy)).log_evidence)


def test_a_newer_server_may_say_more_and_an_older_one_less():
    case = dump(example(decisions.Case))
    less = {name: value for name, value in case.items() if name != "events"}
    assert load(decisions.Case, {**case, "colour": "red"}) == load(decisions.Case, case)
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
    kinds = [(i, "serialization", adapter(kind).core_schema) for i, kind in enumerate(MODELS)]
    _, found = Schemas(ref_template=REF).generate_definitions(kinds)
    assert {"Limits", "Condition", "Group", "Difference", "LevelChange", "Allowed"} <= set(found)
    assert {"Policy", "CurvePoint", "Settings", "Vote", "Neighbour", "PredictionForm"} <= set(found)
    for name, schema in found.items():
        assert len(schema["description"]) > 20 and schema["required"], name
        free = ("Event", "Ask", "Neighbour", "Case", "Pin", "Difference", "StepReport")  # a record
        assert name in free or all(schema["properties"].values())
    assert "votes" not in found["PredictionForm"]["properties"]
