"""The demo's teacher gives labels only when asked or audited, and its figures are the truth's."""

import numpy as np
import pytest

from quickstudy.datasets import load_banking77
from quickstudy.demo.report import autonomy_report
from quickstudy.demo.screen import spark, summary
from quickstudy.demo.simulation import Demo
from quickstudy.types import Prediction, Probabilities

TRUTH = dict(zip(*load_banking77(), strict=True))


class Gifted:
    """Knows the right label with a chance that it states, and gets better with every label."""

    def __init__(self):
        self.rng = np.random.default_rng(1)
        self.known = []
        self.taught = []

    def predict(self, x):
        if not self.known:
            return Prediction(None, 0.0, 1.0, Probabilities((), np.empty(0)), np.zeros((1, 0)))
        sure = self.rng.beta(0.5 + 12 * (1 - 1 / (1 + len(self.taught) / 100)), 0.5)
        lucky = self.rng.random() < sure and TRUTH[x] in self.known
        label = TRUTH[x] if lucky else self.known[int(self.rng.integers(len(self.known)))]
        given = Probabilities((label,), np.array([sure]))
        return Prediction(label, sure, 1.0 - sure, given, np.zeros((1, 1)))

    def learn(self, x, y, *, prediction=None):
        self.taught.append(x)
        if y not in self.known:
            self.known.append(y)


@pytest.fixture(scope="module")
def demo():
    demo = Demo(Gifted(), questions=3_000, seed=0)
    for _ in demo.run():
        pass
    return demo


def test_it_learns_only_what_was_asked_or_audited(demo):
    labelled = [q for q, yes in zip(demo.questions, demo.labelled, strict=True) if yes]
    assert demo._learner.taught == labelled
    assert demo.labels_used == len(labelled) < len(demo.questions)


def test_every_case_is_acted_on_or_asked_about(demo):
    assert (demo.acted | demo.labelled).all()
    audited = (demo.acted & demo.labelled).sum()
    assert 0 < audited < 0.5 * demo.acted.sum()


def test_it_acts_after_a_proof_and_precision_is_what_it_shows(demo):
    assert 500 < demo.first_act < 2_500
    assert not demo.acted[demo.level == 0][: demo.first_act].any()
    share, low, high = demo.precision()
    truth = demo.right[demo.acted].mean()
    assert low < truth < high and abs(share - truth) < 0.05


def test_mistakes_shown_are_those_that_came_to_light(demo):
    wrong = np.flatnonzero(demo.labelled & ~demo.right)
    assert [m.number for m in demo.mistakes] == wrong.tolist()
    assert all(TRUTH[m.question] == m.right != m.answer for m in demo.mistakes)


def test_questions_are_real_distinct_and_ordered_by_the_seed():
    one, same, other = (Demo(Gifted(), questions=200, seed=s) for s in (1, 1, 2))
    assert one.questions == same.questions != other.questions
    assert len(set(one.questions)) == 200
    assert all(TRUTH[q] == y for q, y in zip(one.questions, one.answers, strict=True))


def test_report_tells_the_same_story(demo):
    page = autonomy_report(demo, seconds=1.0)
    assert f"{demo.labels_used:,} labels" in page and f"{demo.first_act + 1:,}" in page
    assert page.count("<svg") == 4
    assert f"{demo.labels_used:,} labels used" in summary(demo, 1.0)


def test_a_learner_that_never_proves_itself_is_reported_so():
    demo = Demo(Gifted(), questions=50)
    assert sum(1 for _ in demo.run()) == 50
    assert "In this run it did not get that far." in autonomy_report(demo, seconds=1.0)
    assert "never proved enough" in summary(demo, 1.0)


def test_spark_has_a_block_for_each_stretch():
    assert spark([]) == "▁"
    assert spark([True] * 600) == "█" * 60
