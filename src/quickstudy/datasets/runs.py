"""Runs of an agent that serves customers of an airline, with their outcomes."""

from __future__ import annotations

import gzip
import json
from importlib.resources import files
from typing import NamedTuple

from quickstudy.adapters import Step

_CALL = "c"  # the role of calls; the others are user, agent and result


class RecordedRun(NamedTuple):
    """A run that has ended: its task, its outcome (1.0 success, 0.0 failure) and its steps."""

    task: str
    outcome: float
    steps: tuple[Step, ...]


def load_tau_airline() -> list[RecordedRun]:
    """200 runs of gpt-4o on 50 tasks, four trials each, in their order (tau-bench, MIT).

    Each message of the customer or the agent, each call and each result is a step; texts are cut at
    400 characters. 84 runs succeeded.

    >>> runs = load_tau_airline()
    >>> len(runs), sum(run.outcome for run in runs), sum(len(run.steps) for run in runs)
    (200, 84.0, 5108)
    >>> runs[0].task, runs[0].outcome, runs[0].steps[5].action
    ('A0', 0.0, 'get_user_details {"user_id": "mia_li_3668"}')

    References:
        Yao et al. (2024), tau-bench, https://arxiv.org/abs/2406.12045
    """
    packed = files("quickstudy.datasets").joinpath("tau_airline.jsonl.gz").read_bytes()
    rows = [json.loads(line) for line in gzip.decompress(packed).splitlines()]
    rows.sort(key=lambda row: int(row["at"]))  # the file is in order of tasks
    return [RecordedRun(r["task"], r["outcome"], tuple(map(_step, r["steps"]))) for r in rows]


def _step(row: list[str]) -> Step:
    kind, text, *failed = row
    return Step(text, action=text if kind == _CALL else None, error=bool(failed))
