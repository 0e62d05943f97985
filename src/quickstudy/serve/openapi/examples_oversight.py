"""Examples of oversight for the OpenAPI document, made of the nouns themselves."""

from __future__ import annotations

from quickstudy.api.codec import dump
from quickstudy.api.versions import (
    Allowed,
    AutonomyReport,
    Condition,
    Diff,
    Difference,
    Exam,
    GateReport,
    Group,
    LevelChange,
    Limits,
    LimitsReport,
    Pause,
    Pin,
    SourceReport,
    Version,
)

TIME = 1_790_000_000.0
CHAMPION = "9b1d64c2f0a84e7d8c35b6a1e2f40917"
CHALLENGING = "4e07f3a9d15c4b62a8f0c7d3916be582"
_RECORD = {"text": "my card has not arrived", "country": "IT", "days": 9}
_VERSION = Version(
    id=CHALLENGING,
    learner="tickets",
    kind="consolidated",
    role="challenger",
    seq=1_210,
    time=TIME,
    asof=1_200,
    examples=400,
    size=1_802_240,
    parent=CHAMPION,
    actor="ana",
    why="the examples have grown",
)
_DIFFERENCE = Difference("p_01JA4Z", "stream", _RECORD, "lost_card", "card_arrival", "card_arrival")
_GATE = GateReport(
    version=CHALLENGING,
    purpose="challenge",
    cases=620,
    labelled=210,
    gain=0.031,
    log_evidence=1.4,
    log_bar=4.2,
    log_evidence_margin=3.9,
    conditions=(
        Condition("exam", True, "it passes all 12 pinned cases"),
        Condition("better", False, "evidence 1.4 of 4.2"),
    ),
    groups=(Group("country=IT", 240, 0.02, False),),
    baselines=(("majority", 0.61),),
    differences=(_DIFFERENCE,),
    behind=0,
)
_DIFF = Diff(CHAMPION, CHALLENGING, 210, 12, 190, 201, (_DIFFERENCE,))
_PIN = Pin(
    "pin-1190", "tickets", _RECORD, "card_arrival", "must", False, "ana", 1_190, TIME,
    "card_arrival", True,
)  # fmt: skip
_LIMITS = Limits(
    never=("label == 'refund' and amount > 500",),
    allowed=(Allowed("country == 'IT'", ("card_arrival", "lost_card")),),
    per_minute=30,
    costs=(("refund", 2.5),),
    spend_per_day=100.0,
)
_PAUSE = Pause("tickets", "ana", "the new form is wrong", TIME)
_REPORT = LimitsReport("tickets", _LIMITS, (_PAUSE,), 4, 12.5, ((1_207, TIME, "per_minute"),))
_AUTONOMY = AutonomyReport(
    learner="tickets",
    level="approve",
    ceiling="act",
    next_level="act",
    why_not_higher="8 of 20 held answers were approved",
    log_evidence=3.2,
    log_bar=3.0,
    certified=1,
    approvals=8,
    refusals=0,
    approvals_needed=20,
    audit_rate=0.2,
    guard_delays=((0.2, 430),),
    alarms=0,
    history=(LevelChange(1_100, TIME, "suggest", "approve", "the strictest policy is proved"),),
)
_SOURCE = SourceReport(
    source="ana",
    labels=400,
    share=0.97,
    trusted=True,
    spoke=310,
    against=6,
    against_others=(40, 1),
    unusual=False,
    agreement=(("ben", 12, 11),),
    first=TIME - 86_400.0,
    last=TIME,
)

VERSION = dump(_VERSION)
GATE = dump(_GATE)
DIFF = dump(_DIFF)
PIN = dump(_PIN)
EXAM = dump(Exam(CHALLENGING, 12, 0, 0, (_PIN,)))
PAUSE = dump(_PAUSE)
LIMITS = dump(_REPORT)
AUTONOMY = dump(_AUTONOMY)
SOURCE = dump(_SOURCE)
