"""Test-then-train: who knows what, and when."""

import numpy as np
import pytest
from sklearn import metrics

from quickstudy.errors import SettingError
from quickstudy.evaluate import prequential
from quickstudy.evaluate.measures import majority, measure, no_change
from quickstudy.evaluate.prequential import evaluate, first_seen, label_indices
from tests.evaluate.peers.standin import Shares


@pytest.fixture
def stream():
    rng = np.random.default_rng(3)
    labels = ["abcde"[i] for i in rng.choice(5, 1300, p=[0.5, 0.3, 0.1, 0.07, 0.03])]
    return list(range(1300)), labels


@pytest.mark.parametrize("delay", [0, 1, 100])
def test_a_label_arrives_after_so_many_predictions(delay):
    learner = Shares()
    evaluate(learner, list(range(300)), ["a"] * 300, delay=delay)
    seen = [call[1] for call in learner.diary if call[0] == "learn"]
    assert seen == list(range(300 - delay))
    for row in seen:
        before = learner.diary[: learner.diary.index(("predict", row + delay)) + 1]
        assert ("learn", row) not in [call[:2] for call in before]


def test_a_late_label_comes_with_the_prediction_made_then():
    learner = Shares()
    evaluate(learner, [5.0, 6.0, 7.0, 8.0], ["a", "a", "b", "b"], delay=2)
    votes = [call[3] for call in learner.diary if call[0] == "learn"]
    assert [v.shape for v in votes] == [(1, 0), (1, 0)]
    assert [call[1] for call in learner.diary if call[0] == "learn"] == [5.0, 6.0]


def test_chunks_do_not_show(stream, monkeypatch):
    whole = evaluate(Shares(), *stream)
    monkeypatch.setattr(prequential, "CHUNK", 7)
    for name in ("truth", "answer", "probability", "novelty", "confidence"):
        parts = evaluate(Shares(), *stream)
        np.testing.assert_array_equal(getattr(whole, name), getattr(parts, name))


@pytest.mark.parametrize("delay", [0, 40])
def test_scrambling_the_future_changes_no_answer_up_to_now(stream, delay):
    xs, ys = stream
    scrambled = ys[:600] + ys[600:][::-1]
    one, other = (evaluate(Shares(), xs, y, delay=delay) for y in (ys, scrambled))
    names = [[out.labels[i] if i >= 0 else None for i in out.answer[:600]] for out in (one, other)]
    assert names[0] == names[1]
    np.testing.assert_array_equal(one.confidence[:600], other.confidence[:600])


def test_figures_are_scikit_learns(stream):
    xs, ys = stream
    out = evaluate(Shares(), xs, ys)
    figures = measure(out)
    said = [out.labels[i] if i >= 0 else "(none)" for i in out.answer]
    assert figures["accuracy"] == pytest.approx(metrics.accuracy_score(ys, said))
    assert figures["balanced_accuracy"] == pytest.approx(
        metrics.recall_score(ys, said, labels=sorted(set(ys)), average="macro")
    )
    assert figures["kappa"] == pytest.approx(metrics.cohen_kappa_score(ys, said))
    assert figures["first"]["200"] == metrics.accuracy_score(ys[:200], said[:200])


def test_log_loss_on_labels_already_seen_is_scikit_learns(stream):
    xs, ys = stream
    learner, rows, kept = Shares(), [], []
    for x, y in zip(xs, ys, strict=True):
        p = learner.predict(x).probabilities
        if y in p:
            rows.append([p.get(label, 0.0) for label in "abcde"])
            kept.append(y)
        learner.learn(x, y)
    table = np.array(rows) / np.sum(rows, axis=1, keepdims=True)
    reference = metrics.log_loss(kept, table, labels=list("abcde"))
    halved = np.log(2.0)  # the stand-in keeps half of its probability for a new label
    assert measure(evaluate(Shares(), xs, ys))["log_loss"] == pytest.approx(reference + halved)


def test_a_first_seen_label_is_an_error_and_costs_its_novelty():
    figures = measure(evaluate(Shares(), [0, 1, 2], ["a", "b", "a"]))
    # "a" at novelty 1, "b" at novelty 1/2, "a" again at probability 1/4
    assert figures["first_seen_labels"] == 2
    assert figures["accuracy"] == pytest.approx(1 / 3)
    assert figures["bits_to_learn"] == pytest.approx(0 + 1 + 2)
    assert figures["log_loss"] == pytest.approx(np.log(4))


def test_labels_of_other_types_stay_apart():
    labels, truth = label_indices([1, True, "1", 1])
    assert [type(y) for y in labels] == [int, bool, str]
    assert truth.tolist() == [0, 1, 2, 0]


@pytest.mark.parametrize("delay", [0, 1, 13, 5000])
def test_baselines_know_only_labels_received(stream, delay):
    _, truth = label_indices(stream[1])
    for i in [0, 1, 2, 14, 15, 400, 1299]:
        received = truth[: max(i - delay, 0)].tolist()
        assert no_change(truth, delay)[i] == (received[-1] if received else -1)
        best = majority(truth, delay)[i]
        assert best == -1 if not received else received.count(best) == max(np.bincount(received))
        assert first_seen(truth, delay)[i] == (truth[i] not in received)


def test_short_streams_have_no_figure_for_the_first_thousand(stream):
    figures = measure(evaluate(Shares(), [0] * 60, ["a"] * 60))
    assert figures["first"]["1000"] is None and figures["first"]["50"] == 49 / 50


def test_progress_adds_up(stream):
    for delay in (0, 9):
        steps = []
        evaluate(Shares(), *stream, delay=delay, progress=steps.append)
        assert sum(steps) == 1300


def test_settings_out_of_range_are_refused():
    with pytest.raises(SettingError, match="delay is -1"):
        evaluate(Shares(), [0], ["a"], delay=-1)
    with pytest.raises(SettingError, match="2 records came with 1 labels"):
        evaluate(Shares(), [0, 1], ["a"])
