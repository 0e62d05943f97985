"""Readers that turn message lists and traces of agents into the steps of a run."""

from quickstudy.adapters.step import Step, Steps, call, looks_failed
from quickstudy.adapters.traces.messages import steps_of_messages
from quickstudy.adapters.traces.spans.runs import runs_of_spans, steps_of_spans

__all__ = [
    "Step",
    "Steps",
    "call",
    "looks_failed",
    "runs_of_spans",
    "steps_of_messages",
    "steps_of_spans",
]
