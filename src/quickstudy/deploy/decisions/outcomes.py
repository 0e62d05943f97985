"""Outcomes of decisions: whether a label, or its absence, counts as evidence."""

from __future__ import annotations

from quickstudy.deploy.core.context import Context
from quickstudy.deploy.core.records import decode
from quickstudy.deploy.core.tables import Row
from quickstudy.deploy.hosting.transaction import HostedLearners


def counts(context: Context, case: Row) -> bool:
    """Whether the outcome of a case is still due, under the guarantee that is in force."""
    hosted = context.of(HostedLearners).by_number.get(case["learner"])
    if hosted is None or case["decision"] is None:
        return False
    epoch: int = decode(case["decision"])["epoch"]
    return epoch == hosted.epoch
