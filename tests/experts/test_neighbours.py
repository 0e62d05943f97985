"""Neighbours against scikit-learn's, window by window."""

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from quickstudy.experts.neighbours import Neighbours
from tests.experts.batches import clusters, make_batch

# voice, examples it looks back on, neighbours, whether another last label counts as distance
VOICES = [(0, 100, 5, False), (1, 1000, 7, False), (2, 1000, 7, True), (3, 5000, 5, False)]
N, LABELS = 2600, 3
ROWS, Y = clusters(N, labels=LABELS, dim=3, spread=3.0)
ROWS = ROWS.astype(np.float32).astype(float)
LAST = np.r_[-1, Y[:-1]]


def votes_of_sklearn(rows, y, x, k):
    """Neighbours weigh less the farther they are, next to their mean squared distance."""

    def weigh(distance):
        squared = distance**2
        return 1.0 / (1.0 + squared / np.maximum(squared.mean(1, keepdims=True), 1e-12))

    model = KNeighborsClassifier(k, weights=weigh, algorithm="brute").fit(rows, y)
    out = np.zeros((len(x), LABELS))
    out[:, model.classes_] = model.predict_proba(x)
    return out


def with_last(rows, last):
    """A different last label adds 2 to the squared distance, as its one-hot columns would."""
    return np.hstack([rows, np.eye(LABELS + 1)[last + 1]])


def assert_same_votes(votes, expected):
    """Ours are a mixture of theirs with the uniform distribution."""
    away, reference = np.exp(votes) - 1.0 / LABELS, expected - 1.0 / LABELS
    share = (away * reference).sum(1) / np.maximum((reference**2).sum(1), 1e-12)
    assert ((share > 0.8) & (share < 1.0)).all()
    np.testing.assert_allclose(away, share[:, None] * reference, atol=2e-5)


def memory(n, **settings):
    expert = Neighbours(**settings)
    expert.relearn(make_batch(ROWS[:0], labels=LABELS))
    expert.learn(make_batch(ROWS[:n], Y[:n], last=LAST[:n], labels=LABELS))
    return expert


@pytest.mark.parametrize("voice, window, k, last_counts", VOICES)
@pytest.mark.parametrize("n", [40, 900, 2500])
def test_votes_are_those_of_the_nearest_in_the_window(voice, window, k, last_counts, n):
    asked = slice(N - 100, N)
    votes = memory(n).predict(make_batch(ROWS[asked], last=LAST[asked], labels=LABELS))[voice]
    held = slice(max(0, n - window), n)
    rows, x = ROWS[held], ROWS[asked]
    if last_counts:
        rows, x = with_last(rows, LAST[held]), with_last(x, LAST[asked])
    assert_same_votes(votes, votes_of_sklearn(rows, Y[held], x, k))


@pytest.mark.parametrize("voice, window, k, last_counts", VOICES)
def test_left_out_votes_are_those_of_the_others(voice, window, k, last_counts):
    n = 90
    expert = Neighbours()
    votes = expert.relearn(make_batch(ROWS[:n], Y[:n], last=LAST[:n], labels=LABELS))[voice]
    rows = with_last(ROWS, LAST) if last_counts else ROWS
    for i in range(n):
        rest = np.flatnonzero(np.arange(n) != i)
        expected = votes_of_sklearn(rows[rest], Y[rest], rows[i : i + 1], k)
        assert_same_votes(votes[i : i + 1], expected)


def test_relearning_remembers_what_learning_does():
    one, two = memory(1200), Neighbours()
    two.relearn(make_batch(ROWS[:1200], Y[:1200], last=LAST[:1200], labels=LABELS))
    asked = make_batch(ROWS[1200:1300], last=LAST[1200:1300], labels=LABELS)
    np.testing.assert_array_equal(one.predict(asked), two.predict(asked))


def test_a_short_memory_keeps_the_most_recent():
    """Room for 200 inputs: the windows of 1,000 and 5,000 look back on 200."""
    expert = memory(700, most_bytes=200 * 3 * 4)
    asked = slice(N - 100, N)
    votes = expert.predict(make_batch(ROWS[asked], last=LAST[asked], labels=LABELS))
    held = slice(500, 700)
    assert_same_votes(votes[3], votes_of_sklearn(ROWS[held], Y[held], ROWS[asked], 5))


def test_with_no_memory_all_labels_are_alike():
    expert = Neighbours()
    expert.relearn(make_batch(ROWS[:0], labels=LABELS))
    votes = expert.predict(make_batch(ROWS[:1], labels=LABELS))
    np.testing.assert_allclose(np.exp(votes), 1.0 / LABELS)


def test_an_exact_repeat_outweighs_the_others():
    expert = memory(100)
    votes = expert.predict(make_batch(ROWS[50:51], last=LAST[50:51], labels=LABELS))
    others = memory(50).predict(make_batch(ROWS[50:51], last=LAST[50:51], labels=LABELS))
    assert (votes[:, 0, Y[50]] >= others[:, 0, Y[50]] - 1e-9).all()


def test_of_rows_that_count_for_a_quarter_each_fourth_is_kept():
    expert = memory(100)
    held = int(expert.state()["count"][0])
    rows = slice(100, 180)
    quarter = np.full(80, 0.25)
    batch = make_batch(ROWS[rows], Y[rows], last=LAST[rows], labels=LABELS, evidence=quarter)
    expert.learn(batch)
    assert int(expert.state()["count"][0]) == held + 20
