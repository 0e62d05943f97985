"""What a value function has to beat: forecasts of success by simpler means, test-then-train.

Every rival gives a probability of success at each step of a run from earlier runs alone, and learns
the run when it has ended. Features of a step are its MiniLM vector, the mean of the run's vectors
so far, or both; nothing is standardised. LSTD(0) on the mean with ridge 0.3 is what LEARNER.md
quotes for the tau runs (0.66, 0.69, 0.71, 0.77 at 25, 50, 75, 100 %: here 0.68, 0.70, 0.72, 0.76).
Of LSTD and of the logistic regression several variants are run, and on each set the best of them
in hindsight (by mean AUROC at the absolute steps) is the rival.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

import numpy as np

from value_scores import STEPS, Course, Floats, Forecast, auroc, rows_at, successes

LSTD_VARIANTS = (("vector", 0.1), ("mean", 0.1), ("mean", 0.3), ("both", 0.1))  # with the ridge
LOGISTIC_VARIANTS = (
    ("vector", 10.0),
    ("vector", 100.0),
    ("mean", 10.0),
    ("mean", 30.0),
    ("both", 10.0),
)  # with C, the inverse of the penalty
REFIT_EVERY = 20
TASK_PRIOR = 1.0  # runs at the base rate that a task begins with


def features(run: Course, kind: str) -> Floats:
    """Rows of a run, a one at the end of each, shape (steps, d + 1)."""
    now = run.vectors.astype(np.float64)
    so_far = np.cumsum(now, axis=0) / np.arange(1, len(now) + 1)[:, None]
    columns = {"vector": [now], "mean": [so_far], "both": [now, so_far]}[kind]
    return np.hstack([*columns, np.ones((len(now), 1))])


def lstd(runs: Sequence[Course], kind: str, ridge: float) -> Forecast:
    """LSTD(0), no discount, success as the reward of the last step, solved again after each run."""
    said, a, b, w = [], None, None, None
    for run in runs:
        x = features(run, kind)
        if a is None:
            a, b, w = ridge * np.eye(x.shape[1]), np.zeros(x.shape[1]), np.zeros(x.shape[1])
        said.append(np.clip(x @ w, 0.0, 1.0))
        after = np.vstack([x[1:], np.zeros_like(x[:1])])  # nothing is to come after the last step
        a += x.T @ (x - after)
        b += x[-1] * run.success
        w = np.linalg.solve(a, b)
    return said


def logistic(runs: Sequence[Course], kind: str, c: float) -> Forecast:
    """Logistic regression on all steps so far with their run's label, refitted every 20 runs."""
    from sklearn.linear_model import LogisticRegression

    rows = [features(run, kind)[:, :-1] for run in runs]
    won = successes(runs)
    said, model = [], None
    for i, x in enumerate(rows):
        if i % REFIT_EVERY == 0 and len(set(won[:i])) == 2:
            labels = np.repeat(won[:i], [len(row) for row in rows[:i]])
            model = LogisticRegression(C=c, max_iter=300).fit(np.vstack(rows[:i]), labels)
        said.append(np.full(len(x), 0.5) if model is None else model.predict_proba(x)[:, 1])
    return said


def base_rate(runs: Sequence[Course]) -> Forecast:
    """Share of successes so far, the same at every step."""
    won = np.r_[0, np.cumsum(successes(runs))[:-1]]
    rate = (won + 1.0) / (np.arange(len(runs)) + 2.0)
    return [np.full(len(run), p) for run, p in zip(runs, rate, strict=True)]


def task_mean(runs: Sequence[Course]) -> Forecast:
    """Share of successes among earlier runs of the same task, one run at the base rate before."""
    won: dict[str, float] = defaultdict(float)
    seen: dict[str, int] = defaultdict(int)
    said = []
    for run, base in zip(runs, base_rate(runs), strict=True):
        said.append((won[run.task] + TASK_PRIOR * base) / (seen[run.task] + TASK_PRIOR))
        won[run.task] += run.success
        seen[run.task] += 1
    return said


def step_number(runs: Sequence[Course]) -> Forecast:
    """Share of successes among earlier runs that had as many steps: what mere length tells."""
    won, seen = np.zeros(1000), np.zeros(1000)
    said = []
    for run, base in zip(runs, base_rate(runs), strict=True):
        n = len(run)
        said.append((won[:n] + base) / (seen[:n] + 1.0))
        won[:n] += run.success
        seen[:n] += 1
    return said


def averaged(one: Forecast, other: Forecast) -> Forecast:
    return [(a + b) / 2 for a, b in zip(one, other, strict=True)]


def quality(runs: Sequence[Course], said: Forecast) -> float:
    """Mean AUROC at the absolute steps that have both kinds of runs."""
    won, found = successes(runs), []
    for step in STEPS:
        rows = rows_at(f"step {step}", runs)
        here = won[[i for i, _ in rows]]
        if 0 < here.sum() < len(here):
            found.append(auroc(here, np.array([said[i][k] for i, k in rows]))[0])
    return float(np.mean(found)) if found else 0.0


Chosen = dict[str, tuple[str, float]]


def rivals(
    runs: Sequence[Course], tick: Callable[[str], None], chosen: Chosen | None = None
) -> tuple[dict[str, Forecast], Chosen]:
    """Forecasts of all rivals, and which variants they are.

    Args:
        chosen: variants that were best on these runs in another order; None: try all of them.
    """
    simple = {
        "base rate": base_rate(runs),
        "task mean": task_mean(runs),
        "step number": step_number(runs),
    }
    found, best = {}, {}
    for name, make, variants in (
        ("LSTD(0)", lstd, LSTD_VARIANTS),
        ("logistic", logistic, LOGISTIC_VARIANTS),
    ):
        tried = {}
        for variant in variants if chosen is None else [chosen[name]]:
            tick(f"{name} {variant[0]} {variant[1]:g}")
            tried[variant] = make(runs, *variant)
        with_task = {v: averaged(said, simple["task mean"]) for v, said in tried.items()}
        judged = with_task if name == "LSTD(0)" else tried
        reached = {v: quality(runs, said) for v, said in judged.items()}
        best[name] = max(reached, key=reached.__getitem__)
        found[name] = tried[best[name]]
        found[f"{name} + task mean"] = with_task[best[name]]
    return found | simple, best
