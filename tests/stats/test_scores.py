"""Scores agree with scikit-learn's on random answers, some of them missing."""

import numpy as np
import pytest
from sklearn import metrics

from quickstudy.stats import scores

LABELS = 7


@pytest.fixture(params=range(5))
def answers(request):
    """Random truths and answers over seven labels, of which the last never comes."""
    rng = np.random.default_rng(request.param)
    truth = rng.integers(0, LABELS - 1, 400)
    guess = rng.integers(-1, LABELS - 1, 400)
    return truth, np.where(rng.random(400) < 0.6, truth, guess)


@pytest.fixture
def table(answers):
    return scores.confusion_matrix(*answers, LABELS)


def test_confusion_matrix(answers, table):
    reference = metrics.confusion_matrix(*answers, labels=[*range(LABELS), -1])
    assert (table == reference[:-1]).all()


def test_accuracy(answers, table):
    assert scores.accuracy(table) == pytest.approx(metrics.accuracy_score(*answers))


def test_balanced_accuracy(answers, table):
    assert scores.balanced_accuracy(table) == pytest.approx(
        metrics.recall_score(*answers, labels=np.unique(answers[0]), average="macro")
    )


def test_macro_f1_is_over_the_labels_that_came(answers, table):
    assert scores.macro_f1(table) == pytest.approx(
        metrics.f1_score(*answers, labels=np.unique(answers[0]), average="macro")
    )


def test_kappa(answers, table):
    assert scores.kappa(table) == pytest.approx(metrics.cohen_kappa_score(*answers))


def test_kappa_of_a_single_label_is_zero():
    assert scores.kappa(np.array([[9, 0]])) == 0.0


def test_commonest_confusions_leave_out_right_answers_and_silence():
    table = np.array([[50, 4, 9], [7, 50, 9]])
    assert scores.commonest_confusions(table) == [(1, 0, 7), (0, 1, 4)]
