"""Figures of learners that make decisions, read off their `Report`."""

from __future__ import annotations

from operator import attrgetter

from quickstudy.deploy.kind import Metric

GAUGES = {
    "share_handled": "Share of the last 500 cases that it answered alone.",
    "precision": "Precision of its own answers, from audits.",
    "precision_low": "Lower end of the 95 % interval of the precision.",
    "precision_high": "Upper end of the 95 % interval of the precision.",
    "waiting": "Cases that wait for a label.",
    "contested": "Cases that wait for a ruling.",
    "lag": "Feedbacks that are logged and not yet learned.",
}
COUNTERS = {
    "cases": "Predictions made.",
    "acted": "Predictions it answered alone.",
    "labels_used": "Labels it was taught.",
    "expired": "Asks that ended without a label.",
    "alarms": "Alarms of the guard.",
    "unfamiliar": "Predictions on records of an unfamiliar form, which were asked.",
}
METRICS = (
    *(Metric(name, text, attrgetter(name)) for name, text in GAUGES.items()),
    *(Metric(name, text, attrgetter(name), counts=True) for name, text in COUNTERS.items()),
)
