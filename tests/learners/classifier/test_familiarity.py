"""What it does not know, it does not claim to know: records of an unfamiliar form."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quickstudy import Classifier
from quickstudy.types import Unfamiliar

SURE = {"amount": 9.0, "country": "NG", "noise": 0.5}


def payments(n, *, seed=0, gaps=0.0):
    """Large amounts are fraud, and middling ones from one country; noise says nothing."""
    rng = np.random.default_rng(seed)
    for _ in range(n):
        amount, country = float(rng.integers(0, 10)), str(rng.choice(["DE", "FR", "IT", "NG"]))
        fraud = amount > 6 or (amount > 3 and country == "NG")
        record = {"amount": amount, "country": country, "noise": float(rng.random())}
        if rng.random() < gaps:
            del record["amount"]
        yield record, "fraud" if fraud else "ok"


def taught(n=400, **kwargs):
    learner = Classifier()
    learner.learn_many(*zip(*payments(n, **kwargs), strict=True))
    return learner


@functools.cache
def packed():
    return taught().packed()


@pytest.fixture
def learner():
    return Classifier.unpacked(packed())


@pytest.mark.parametrize(
    "x, names",
    [
        ({"Amount": 9.0, "Country": "NG"}, Unfamiliar(tuple(SURE), ("Amount", "Country"))),
        ({}, Unfamiliar(tuple(SURE))),
        ({"country": "NG", "noise": 0.5}, Unfamiliar(("amount",))),
        ({**SURE, "amount": "9 EUR"}, Unfamiliar(retyped=("amount",))),
        ({**SURE, "amount": None}, Unfamiliar(("amount",))),
        ("9 NG", Unfamiliar(tuple(SURE), ("text",))),
        ([0.6, 0.8], Unfamiliar(tuple(SURE), ("vector",))),
    ],
)
def test_without_what_carries_the_answer_it_claims_nothing(learner, x, names):
    p = learner.predict(x)
    assert p.confidence == 0.0 and p.novelty >= 0.5 and p.label in ("ok", "fraud")
    assert sum(p.probabilities.values()) + p.novelty == pytest.approx(1.0)
    assert {*p.unfamiliar.missing} == {*names.missing}
    assert (p.unfamiliar.unknown, p.unfamiliar.retyped) == (names.unknown, names.retyped)


@pytest.mark.parametrize(
    "x",
    [
        SURE,
        {"amount": 9.0, "country": "NG"},  # noise carries nothing
        {**SURE, "noise": "none"},
        {**SURE, "debug": True, "note": "seen by the new client"},
        {**SURE, "amount": "9"},
        {**SURE, "amount": " 9.0 "},
    ],
)
def test_with_what_carries_the_answer_it_answers(learner, x):
    p = learner.predict(x)
    assert p.unfamiliar is None and p.label == "fraud" and p.confidence > 0.9


def test_a_field_that_was_often_missing_may_be_missing():
    learner = taught(gaps=0.2)
    assert learner.predict({"country": "NG", "noise": 0.5}).unfamiliar is None
    assert learner.predict({"amount": 9.0, "noise": 0.5}).unfamiliar is not None
    assert learner.predict({}).unfamiliar is not None


def test_two_fields_that_say_the_same_are_one_for_the_answer():
    """Without one of them answers change little or much; without both they are gone."""
    learner = Classifier()
    for i in range(300):
        learner.learn(
            {"cents": float(i % 10), "euros": float(i % 10)}, "big" if i % 10 > 5 else "small"
        )
    assert learner.predict({}).unfamiliar.missing == ("cents", "euros")
    assert learner.predict({"cents": 9.0, "euros": 9.0}).unfamiliar is None


@pytest.mark.parametrize("x", ["", "  ", {"amount": 5.0}, [0.6, 0.8], {}])
def test_texts_are_what_it_knows_after_texts(x):
    learner = Classifier()
    for i in range(40):
        learner.learn(f"where is card number {i}" if i % 2 else f"pay back order {i}", bool(i % 2))
    assert learner.predict("where is my card").unfamiliar is None
    p = learner.predict(x)
    assert p.unfamiliar is not None and p.confidence == 0.0


def test_a_record_with_the_text_alone_is_the_text():
    learner = Classifier()
    for i in range(40):
        learner.learn(f"where is card number {i}" if i % 2 else f"pay back order {i}", bool(i % 2))
    assert learner.predict({"text": "where is my card"}).unfamiliar is None


def test_labels_make_a_new_form_familiar(learner):
    renamed = [({name.upper(): v for name, v in x.items()}, y) for x, y in payments(90, seed=1)]
    assert learner.predict(renamed[0][0]).unfamiliar is not None
    for x, y in renamed:
        learner.learn(x, y)
    assert learner.predict({name.upper(): v for name, v in SURE.items()}).unfamiliar is None
    assert learner.predict(SURE).unfamiliar is None
    assert learner.predict(SURE).label == "fraud"


def test_labels_do_not_make_up_for_what_is_gone():
    learner = taught()
    for x, y in payments(150, seed=1):
        learner.learn({"noise": x["noise"]}, y)
    assert learner.predict({"noise": 0.5}).unfamiliar is not None
    learner.consolidate()  # the certificate of a new version starts from nothing
    assert learner.predict({"noise": 0.5}).unfamiliar is None


def test_judging_changes_nothing_and_one_by_one_is_the_same(learner):
    asked = [SURE, {}, {"country": "NG"}, {"AMOUNT": 9.0}, {**SURE, "amount": "x"}]
    before = learner.state_hash()
    batch = learner.predict_many(asked)
    one = [learner.predict(x) for x in asked]
    assert [p.unfamiliar for p in batch] == [p.unfamiliar for p in one]
    np.testing.assert_array_equal(batch.novelty, [p.novelty for p in one])
    assert learner.state_hash() == before


FIELDS = st.sampled_from(["amount", "country", "noise", "Amount", "extra"])
VALUES = st.one_of(
    st.none(), st.integers(0, 9).map(float), st.sampled_from(["DE", "NG", "7", " 1e1", ""])
)
ROWS = st.lists(
    st.tuples(st.dictionaries(FIELDS, VALUES, max_size=4), st.sampled_from(["ok", "fraud"])),
    min_size=1,
    max_size=12,
)


@settings(max_examples=15, deadline=None)
@given(ROWS)
def test_any_records_are_learned_alike_together_one_by_one_and_after_a_restart(rows):
    many, one = Classifier.unpacked(packed()), Classifier.unpacked(packed())
    xs, ys = zip(*rows, strict=True)
    batch = many.test_then_train(xs, ys)
    said = []
    for x, y in rows:
        said.append(one.predict(x))
        one.learn(x, y)
        one = Classifier.unpacked(one.packed())
    assert one.state_hash() == many.state_hash()
    assert [p.unfamiliar for p in batch] == [p.unfamiliar for p in said]
    np.testing.assert_array_equal(batch.confidence, [p.confidence for p in said])


def test_a_model_of_an_older_version_counts_forms_from_here_on(learner):
    arrays, plain = learner.state()
    del plain["form"]
    older = Classifier.from_state(arrays, plain)
    assert older.predict({}).unfamiliar is None
    older.learn_many(*zip(*payments(40, seed=2), strict=True))
    assert older.predict({}).unfamiliar is not None


@pytest.mark.parametrize("scale", [1.0, 3.0], ids=["embeddings", "vectors"])
def test_a_vector_that_says_nothing_is_missing(scale):
    rng = np.random.default_rng(0)
    means = np.eye(4)[:2]
    learner = Classifier()
    for i in range(60):
        x = means[i % 2] + rng.normal(size=4) * 0.2
        learner.learn(x / np.linalg.norm(x) * scale, i % 2)
    assert learner.predict(means[0] * scale).unfamiliar is None
    assert learner.predict([*(means[0] * scale)[:3], None]).unfamiliar is None
    p = learner.predict([None] * 4)
    assert p.unfamiliar.missing == ("vector",) and p.confidence == 0.0
    assert (learner.predict(np.zeros(4)).unfamiliar is None) == (scale > 1.0)
