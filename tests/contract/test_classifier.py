"""The contract holds for `Classifier` on every kind of input; who breaks it is found out."""

import numpy as np
import pytest

from quickstudy import Classifier, check_learner
from quickstudy.learners import check
from quickstudy.learners.check import CHECKS, make_stream
from quickstudy.learners.classifier.classifier import LEAST_BUDGET_MB

WORDS = [
    "card",
    "cash",
    "transfer",
    "limit",
    "fee",
    "lost",
    "stolen",
    "late",
    "new",
    "where",
    "when",
    "how",
    "why",
    "my",
    "the",
    "a",
]


def make_texts(n, *, seed=0):
    """Texts of six words; which half of the words leads says yes or no."""
    rng = np.random.default_rng(seed)
    chosen = rng.integers(len(WORDS), size=(n, 6))
    texts = [" ".join(WORDS[i] for i in row) for row in chosen]
    ys = ["yes" if (row < 8).sum() > 3 else "no" for row in chosen]
    return texts, [{80: 1, 81: True}.get(i, y) for i, y in enumerate(ys)]


def make_vectors(n, *, seed=0):
    """Unit vectors, as sentence models give them."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(n, 24))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return list(rows), ["yes" if row[0] + row[1] > 0 else "no" for row in rows]


def make_numbers(n, *, seed=0):
    """Plain arrays of numbers with one label that comes late."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(n, 3)) * [1.0, 100.0, 0.01]
    ys = ["yes" if row[0] > 0 else "no" for row in rows]
    return list(rows), [{100: "late"}.get(i, y) for i, y in enumerate(ys)]


STREAMS = {"texts": make_texts, "vectors": make_vectors, "numbers": make_numbers}
QUICK = [name for name in CHECKS if name != "flatness"]
ON_STREAMS = ["purity", "continuation", "batches", "no_peeking", "recall"]


@pytest.mark.parametrize("name", CHECKS)
def test_it_holds(name):
    assert check_learner(Classifier, checks=[name]) == [name]


@pytest.mark.parametrize("name", QUICK)
def test_it_holds_within_a_small_budget_and_with_another_seed(name):
    check_learner(lambda: Classifier(budget_mb=LEAST_BUDGET_MB, seed=7), checks=[name])


@pytest.mark.parametrize("name", ON_STREAMS)
@pytest.mark.parametrize("stream", STREAMS)
def test_it_holds_on_other_inputs(name, stream, monkeypatch):
    monkeypatch.setattr(check, "make_stream", STREAMS[stream])
    check_learner(Classifier, checks=[name])


@pytest.mark.parametrize("stream", ["texts", "vectors"])
def test_a_small_budget_holds_on_dense_inputs(stream, monkeypatch):
    monkeypatch.setattr(check, "make_stream", STREAMS[stream])
    check_learner(lambda: Classifier(budget_mb=LEAST_BUDGET_MB), checks=["continuation", "batches"])


def test_all_checks_run_by_default(monkeypatch):
    ran = []
    doubles = {name: lambda _, name=name: ran.append(name) for name in CHECKS}
    monkeypatch.setattr(check, "CHECKS", doubles)
    assert check_learner(Classifier) == ran == list(CHECKS)


def test_the_stream_of_the_checks_is_a_hard_one():
    """Gaps, a late field, a category, a boolean, and labels of three types."""
    xs, ys = make_stream(300)
    assert {type(y) for y in ys} == {str, int, bool}
    assert any(x["b"] is None for x in xs)
    assert "late" in xs[-1] and "late" not in xs[0]
    assert make_stream(300) == (xs, ys) != make_stream(300, seed=1)


class LearnsFromAsking(Classifier):
    """Takes its own answers for labels."""

    def predict_many(self, xs):
        xs = list(xs)
        batch = super().predict_many(xs)
        if self.labels:
            super().learn(xs[0], self.labels[0])
        return batch


class ChangedByExplaining(Classifier):
    def explain(self, x):
        self.consolidate()
        return super().explain(x)


class ChangedBySaving(Classifier):
    def save(self, path):
        super().save(path)
        self.learn({"a": 0.0}, "yes")


class LosesItsPool(Classifier):
    """Forgets on loading how well the experts did."""

    @classmethod
    def load(cls, path):
        learner = super().load(path)
        weights = learner._mixture.pool._weights
        weights[:] = 1.0 / weights.shape[1]
        return learner


class LosesItsSchedule(Classifier):
    """Forgets on loading when the map is due; at first that does not show."""

    @classmethod
    def load(cls, path):
        learner = super().load(path)
        learner._mixture.map_schedule.due += 1
        return learner

    def state_hash(self):
        schedule = self._mixture.map_schedule
        due, schedule.due = schedule.due, 0
        try:
            return super().state_hash()
        finally:
            schedule.due = due


class ShufflesBatches(Classifier):
    def learn_many(self, xs, ys):
        super().learn_many(list(xs)[::-1], list(ys)[::-1])

    def test_then_train(self, xs, ys):
        return super().test_then_train(list(xs)[::-1], list(ys)[::-1])


class PeeksAtTheBatch(Classifier):
    """Learns the whole batch before it answers."""

    def test_then_train(self, xs, ys):
        xs = list(xs)
        self.learn_many(xs, ys)
        return self.predict_many(xs)


class PeeksAtTheInputs(Classifier):
    """Chooses its map with inputs that are still to come."""

    def test_then_train(self, xs, ys):
        xs, ys = list(xs), list(ys)
        for x in xs[-20:]:
            super().learn(x, "yes")
        return super().test_then_train(xs, ys)


class OneLabelForThree(Classifier):
    def learn(self, x, y, *, prediction=None):
        return super().learn(x, str(y) if isinstance(y, int | bool) else y, prediction=prediction)


class TakesAnyLabel(Classifier):
    def learn(self, x, y, *, prediction=None):
        return super().learn(x, y if isinstance(y, str | int | bool) else str(y))


class TakesAnyNumber(Classifier):
    """Reads NaN and infinity as missing, in silence."""

    def learn(self, x, y, *, prediction=None):
        strange = {k for k, v in x.items() if isinstance(v, float) and not np.isfinite(v)}
        return super().learn({k: None if k in strange else v for k, v in x.items()}, y)


class RefusesTooLate(Classifier):
    """Has learned half of the record when it finds the other half unreadable."""

    def learn(self, x, y, *, prediction=None):
        for name, value in x.items():
            super().learn({name: value}, y)
        return self.examples - 1


class StaysWithItsFirstAnswer(Classifier):
    """Says of an input for ever what it once said of it."""

    def predict(self, x):
        said = self.__dict__.setdefault("said", {})
        return said.setdefault(repr(x), super().predict(x))


class HoardsExamples(Classifier):
    def learn_many(self, xs, ys):
        xs = list(xs)
        self.__dict__.setdefault("hoard", []).extend(xs)
        super().learn_many(xs, ys)

    @property
    def size_bytes(self):
        return super().size_bytes + 100_000 * len(self.hoard)


BROKEN = [
    (LearnsFromAsking, "purity", "purity"),
    (ChangedByExplaining, "purity", "purity"),
    (ChangedBySaving, "purity", "purity"),
    (LosesItsPool, "continuation", "continuation"),
    (LosesItsSchedule, "continuation", "continuation"),
    (ShufflesBatches, "batches", "batches"),
    (PeeksAtTheBatch, "batches", "batches"),
    (PeeksAtTheBatch, "no_peeking", "no_peeking"),
    (PeeksAtTheInputs, "no_peeking", "no_peeking"),
    (OneLabelForThree, "labels", "labels"),
    (TakesAnyLabel, "labels", "was not refused"),
    (TakesAnyNumber, "fields", "was not refused"),
    (RefusesTooLate, "fields", "changed the state"),
    (StaysWithItsFirstAnswer, "recall", "recall"),
]


@pytest.mark.parametrize("broken, name, message", BROKEN)
def test_a_broken_learner_is_found_out(broken, name, message):
    with pytest.raises(AssertionError, match=message):
        check_learner(broken, checks=[name])


def test_a_learner_over_its_budget_is_found_out():
    with pytest.raises(AssertionError, match="over budget"):
        check_learner(lambda: HoardsExamples(experts=["softmax linear .999"]), checks=["flatness"])


def test_a_learner_that_slows_down_is_found_out(monkeypatch):
    """By a clock that counts work, not time: an answer looks at a share of all that was learned."""
    now = [0.0]

    class SlowsDown(Classifier):
        def predict(self, x):
            now[0] += 1.0 + self.examples
            return super().predict(x)

    monkeypatch.setattr(check.time, "perf_counter", lambda: now[0])
    with pytest.raises(AssertionError, match="flatness"):
        check_learner(lambda: SlowsDown(experts=["softmax linear .999"]), checks=["flatness"])
