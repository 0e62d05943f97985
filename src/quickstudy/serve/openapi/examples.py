"""Examples for the OpenAPI document, made of the nouns themselves so that they are always right."""

from __future__ import annotations

from quickstudy.api.codec import dump
from quickstudy.api.decisions import (
    Answer,
    Ask,
    Case,
    CurvePoint,
    Event,
    Key,
    LearnerInfo,
    Policy,
    Receipt,
    Report,
    Settings,
)
from quickstudy.serve.openapi.examples_oversight import CHAMPION

_TIME = 1_790_000_000.0
_SHARES = (("card_arrival", 0.91), ("lost_card", 0.06))
_RECORD = {"text": "my card has not arrived", "country": "IT", "days": 9}
_INFO = LearnerInfo("tickets", Settings(), _TIME, 412, ("card_arrival", "lost_card"))
_ANSWER = Answer(
    id="p_01JA4Z",
    learner="tickets",
    label="card_arrival",
    decision="act",
    confidence=0.91,
    novelty=0.02,
    policy=2,
    audit=False,
    reason="policy 2 of 4 acts above 0.84",
    alternatives=_SHARES,
    seq=1_207,
    time=_TIME,
    level="act",
    version=CHAMPION,
)
_ASK = Ask("p_01JA50", "tickets", _RECORD, _SHARES, 0.55, 0.1, 0.8, False, _TIME, _TIME + 6e5)
_EVENT = Event(1_208, _TIME, "feedback", "tickets", "shop", "p_01JA4Z", {"label": "card_arrival"})
_CASE = Case("p_01JA4Z", "tickets", _RECORD, _ANSWER, "closed", "card_arrival", (_EVENT,))
_REPORT = Report(
    learner=_INFO,
    cases=1_200,
    acted=640,
    labels_used=412,
    share_handled=0.71,
    precision=0.97,
    precision_low=0.93,
    precision_high=0.99,
    audits=118,
    waiting=6,
    contested=0,
    expired=2,
    lag=0,
    policies=(Policy(0.84, 4.1, 3.0, True),),
    alarms=0,
    attempt=1,
    curve=(CurvePoint(1_200, 0.94, 0.71, 412),),
    sources=(("ana", 400),),
    experts=(("kernel", 0.6),),
    seq=1_208,
)

LEARNER = dump(_INFO)
ANSWER = dump(_ANSWER)
RECEIPT = dump(Receipt(1_208, "accepted", "p_01JA4Z", "tickets", True, "learned"))
ASK = dump(_ASK)
CASE = dump(_CASE)
EVENT = dump(_EVENT)
REPORT = dump(_REPORT)
KEY = dump(Key("k_7f3a", "shop", "predict", ("tickets",), _TIME, False))
