"""Decides the expiry of cases and of feedback without a prediction."""

from __future__ import annotations

from sqlalchemy import select

from quickstudy.deploy.core.context import Context
from quickstudy.deploy.core.contract import EXPIRY, Decided, Draft
from quickstudy.deploy.core.tables import CASES, PENDING_FEEDBACK, Row
from quickstudy.deploy.hosting.transaction import HostedLearners

EXPIRED_AT_ONCE = 500


def expire(context: Context) -> Decided[int]:
    """Expire the cases whose wait time is over, some hundred at a time; returns their number."""
    query = select(CASES).where(CASES.c.expires <= context.now).limit(EXPIRED_AT_ONCE)
    if out := [one.number for one in context.of(HostedLearners).out_of_service.values()]:
        query = query.where(CASES.c.learner.not_in(out))
    cases = context.rows.select(CASES, query)
    for case in cases:
        yield from expire_case(context, case)
    early = select(PENDING_FEEDBACK).where(PENDING_FEEDBACK.c.expires <= context.now)
    for row in context.rows.select(PENDING_FEEDBACK, early):
        payload = {"early": row["seq"]}
        yield Draft("expired", 0, actor=EXPIRY, subject=row["case_id"], payload=payload)
    return len(cases)


def expire_case(context: Context, case: Row) -> Decided[None]:
    """Expire a case: it counts as wrong, and an audit also in the precision that is shown."""
    payload = {"case": case["seq"], "counted": context.of(HostedLearners).counts(case)}
    yield Draft("expired", case["learner"], actor=EXPIRY, subject=case["id"], payload=payload)
