"""Learning what something is not: this input, this label, and nothing else."""

import pytest

from quickstudy import Classifier
from quickstudy.errors import LabelError, RecordError
from quickstudy.learners.check import make_stream
from tests.learners.support import taught

X = {"a": 0.7, "b": 0.4, "kind": "web", "member": True}


@pytest.fixture
def learner():
    return taught(100)


def test_what_is_refuted_is_not_answered_for_this_input(learner):
    before = learner.predict(X)
    learner.learn_not(X, before.label)
    after = learner.predict(X)
    assert after.label != before.label and after.probabilities[before.label] == 0.0
    assert sum(after.probabilities.values()) + after.novelty == pytest.approx(1.0)
    for _ in range(3):
        if len(learner.labels) > 1:
            learner.learn_not(X, learner.predict(X).label)
    assert learner.predict(X).label is not None


def test_other_inputs_are_answered_as_before(learner):
    others = make_stream(40, seed=9)[0]
    before = learner.predict_many(others)
    learner.learn_not(X, learner.predict(X).label)
    after = learner.predict_many(others)
    assert (before.probabilities == after.probabilities).all()
    assert (after.confidence <= before.confidence + 1e-12).all()
    assert after.confidence.sum() < before.confidence.sum()


def test_a_label_that_was_not_the_answer_lowers_no_confidence(learner):
    others = make_stream(40, seed=9)[0]
    before = learner.predict_many(others)
    wrong = next(y for y in learner.labels if y != learner.predict(X).label)
    learner.learn_not(X, wrong)
    assert learner.predict(X).probabilities[wrong] == 0.0
    assert (before.confidence == learner.predict_many(others).confidence).all()


def test_the_right_label_when_it_comes_ends_it(learner):
    answer = learner.predict(X).label
    learner.learn_not(X, answer)
    learner.learn(X, answer)
    assert learner.predict(X).label == answer


def test_a_correction_that_was_wrong_is_taken_back(learner):
    answer = learner.predict(X).label
    other = "no" if answer == "yes" else "yes"
    learner.learn(X, other)
    assert learner.predict(X).label == other
    learner.learn_not(X, other)
    assert learner.predict(X).label != other


def test_it_is_no_example(learner):
    labels, examples = learner.labels, learner.examples
    learner.learn_not(X, "yes")
    assert (learner.labels, learner.examples) == (labels, examples)


def test_it_is_remembered_over_saving_and_is_part_of_the_state(learner, tmp_path):
    before, answer = learner.state_hash(), learner.predict(X).label
    learner.learn_not(X, answer)
    assert learner.state_hash() != before
    learner.save(tmp_path / "model")
    again = Classifier.load(tmp_path / "model")
    assert again.state_hash() == learner.state_hash() and again.predict(X).label != answer


@pytest.mark.parametrize("wrong", ["never seen", True, 0.5, None])
def test_what_was_never_learned_cannot_be_refuted(wrong):
    learner = taught(40)
    before = learner.state_hash()
    with pytest.raises(LabelError):
        learner.learn_not(X, wrong)
    with pytest.raises(RecordError, match="culprit"):
        learner.learn_not({"culprit": float("nan")}, "yes")
    with pytest.raises(LabelError):
        Classifier().learn_not(X, "yes")
    assert learner.state_hash() == before


def test_what_could_be_learned_is_told_without_learning(learner):
    before = learner.state_hash()
    learner.check(X), learner.check({"quite": "new"})
    for wrong in ({"culprit": float("inf")}, {"culprit": {}}):
        with pytest.raises(RecordError, match="culprit"):
            learner.check(wrong)
    assert learner.state_hash() == before
