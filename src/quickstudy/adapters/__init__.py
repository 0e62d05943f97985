"""What agents leave behind, message lists and traces, as steps of a run."""

from quickstudy.adapters.messages import steps_of_messages
from quickstudy.adapters.spans import runs_of_spans, steps_of_spans
from quickstudy.adapters.step import Step, call, looks_failed

__all__ = ["Step", "call", "looks_failed", "runs_of_spans", "steps_of_messages", "steps_of_spans"]
