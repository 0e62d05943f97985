"""Figures of learners that have runs, read off their `ValueReport`."""

from __future__ import annotations

from quickstudy.deploy.kind import Metric

METRICS = (
    Metric("runs_live", "Runs under way.", lambda v: v.live),
    Metric("runs_stop_certified", "1 if it may stop runs.", lambda v: int(v.stopping.certified)),
    Metric("runs_ended", "Runs that ended, and were learned from.", lambda v: v.ended, counts=True),
    Metric("runs_succeeded", "Runs that ended well.", lambda v: v.successes, counts=True),
    Metric(
        "runs_expired", "Runs whose end never came, or too late.", lambda v: v.expired, counts=True
    ),
    Metric("runs_stopped", "Runs that it said to stop.", lambda v: v.stopped, counts=True),
    Metric("run_steps", "Steps of runs.", lambda v: v.learner.steps, counts=True),
)
