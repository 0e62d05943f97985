"""The teacher of examples/bank_questions.py labels only what is asked or audited, and its figures
are those of the truth."""

import json
import runpy
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from quickstudy.datasets import load_banking77
from quickstudy.demo import settings
from quickstudy.stats.risk import ActOrAsk
from quickstudy.types import Prediction, Probabilities

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "examples" / "bank_questions.py"
TRUTH = dict(zip(*load_banking77(), strict=True))
TARGET = 0.95
example = SimpleNamespace(**runpy.run_path(str(EXAMPLE)))


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


def live(count):
    learner = Gifted()
    control = ActOrAsk(TARGET, seed=0)
    return example.live(example.questions(count, 0), learner, control), learner


@pytest.fixture(scope="module")
def run():
    """3,000 questions: the cases, the learner, and the figures."""
    cases, learner = live(3_000)
    return SimpleNamespace(cases=cases, learner=learner, story=example.told(cases))


def test_it_learns_only_what_was_asked_or_audited(run):
    labelled = [c.question for c in run.cases if c.labelled]
    assert run.learner.taught == labelled
    assert run.story["labels"] == len(labelled) < len(run.cases)


def test_every_case_is_acted_on_or_asked_about(run):
    assert all(c.acted or c.labelled for c in run.cases)
    audited = sum(c.acted and c.labelled for c in run.cases)
    assert 0 < audited == run.story["audits"] < 0.5 * sum(c.acted for c in run.cases)


def test_it_acts_after_a_proof_and_precision_is_what_it_shows(run):
    assert 500 < run.story["acts_from"] < 2_500
    truth = np.mean([TRUTH[c.question] == c.answer for c in run.cases if c.acted])
    assert run.story["low"] < truth < run.story["high"]
    assert run.story["truth"] == pytest.approx(truth)
    assert abs(run.story["precision"] - truth) < 0.05


def test_the_share_handled_is_that_of_the_last_questions(run):
    assert run.story["handled"] == sum(c.acted for c in run.cases[-example.WINDOW :]) / 500


def test_mistakes_shown_are_those_that_an_audit_found(run):
    found = example.mistakes(run.cases)
    assert found == [
        c for c in run.cases if c.acted and c.labelled and TRUTH[c.question] != c.answer
    ]
    assert found and all(TRUTH[c.question] == c.label for c in found)


def test_questions_are_real_distinct_and_ordered_by_the_seed():
    one, same, other = (example.questions(200, seed) for seed in (1, 1, 2))
    assert one == same != other
    assert len({question for question, _ in one}) == 200
    assert all(TRUTH[question] == label for question, label in one)


def test_the_questions_are_those_of_the_demo():
    assert settings.questions(100, 3) == example.questions(100, 3)


def test_the_summary_tells_the_same_story(run):
    said = example.summary(run.story, TARGET)
    assert f"{run.story['labels']:,} labels needed for 3,000 questions" in said
    assert f"from question {run.story['acts_from'] + 1:,} on" in said
    assert f"{run.story['precision']:.1%} of those answers right" in said


def test_a_learner_that_never_proves_itself_is_reported_so():
    cases, _ = live(50)
    story = example.told(cases)
    assert story["labels"] == 50 and story["acts_from"] is None and story["precision"] is None
    said = example.summary(story, TARGET)
    assert "never proved 95% precision" in said and "no precision is known" in said
    assert "0% of the last 50 questions handled" in said


def test_the_chart_is_drawn(run, tmp_path):
    example.plot(run.cases, TARGET, tmp_path / "bank.png")
    drawn = (tmp_path / "bank.png").read_bytes()
    assert drawn.startswith(b"\x89PNG") and len(drawn) > 20_000


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_it_runs_from_the_command_line(options, tmp_path):
    plot = tmp_path / "bank.png"
    command = [sys.executable, EXAMPLE, "--questions", "60", "--plot", plot, *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert plot.exists()
    if options:
        assert json.loads(done.stdout)["questions"] == 60
    else:
        for part in ("labels needed", "handled without asking", "precision"):
            assert part in done.stdout
