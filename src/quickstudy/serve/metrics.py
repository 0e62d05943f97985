"""Metrics for Prometheus: requests, latencies, and the learners' figures, without payloads."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.types import Scope

from quickstudy.api.runs import ValueInfo

if TYPE_CHECKING:
    from quickstudy.api.decisions import LearnerInfo, Report
    from quickstudy.api.runs import ValueReport
    from quickstudy.deploy.deployment import Deployment

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
FRESH = 2.0  # seconds for which a report is reused: frequent scraping must cost little
STREAM = "/v1/events"
METHODS = ("GET", "HEAD", "POST", "PATCH", "DELETE", "PUT", "OPTIONS")
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
RUN_GAUGES: dict[str, tuple[str, Callable[[ValueReport], float]]] = {
    "runs_live": ("Runs under way.", lambda v: v.live),
    "runs_stop_certified": ("1 if it may stop runs.", lambda v: int(v.stopping.certified)),
}
RUN_COUNTERS: dict[str, tuple[str, Callable[[ValueReport], float]]] = {
    "runs_ended": ("Runs that ended, and were learned from.", lambda v: v.ended),
    "runs_succeeded": ("Runs that ended well.", lambda v: v.successes),
    "runs_expired": ("Runs whose end never came, or too late.", lambda v: v.expired),
    "runs_stopped": ("Runs that it said to stop.", lambda v: v.stopped),
    "run_steps": ("Steps of runs.", lambda v: v.learner.steps),
}


class Metrics:
    """The metrics registry of one app."""

    def __init__(self, deployment: Deployment) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "quickstudy_requests",
            "Requests by method, route and status.",
            ("method", "route", "status"),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "quickstudy_request_seconds",
            "Time until the last byte of the response was handed over.",
            ("route",),
            buckets=BUCKETS,
            registry=self.registry,
        )
        self._known: dict[tuple[str, str, int], tuple[Any, Any]] = {}
        self.registry.register(_Learners(deployment))

    def saw(self, scope: Scope, status: int, seconds: float) -> None:
        """Count one request, labelled by the pattern of its route, never by its path."""
        found: Any = scope.get("route")
        route = str(getattr(found, "path_format", None) or getattr(found, "path", "none"))
        method = scope["method"] if scope["method"] in METHODS else "other"  # clients make them up
        which = (method, route, status)
        if which not in self._known:  # the lookup by labels takes as long as all the rest
            self._known[which] = (self._requests.labels(*which), self._seconds.labels(route))
        count, took = self._known[which]
        count.inc()
        if route != STREAM:  # its duration is that of the client's connection
            took.observe(seconds)

    def text(self) -> bytes:
        """All metrics in Prometheus' text format; reads the report of every learner."""
        return generate_latest(self.registry)


class _Learners(Collector):
    """Metrics that are read from the learners' reports at each scrape."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self._lock = threading.Lock()
        self._read = 0.0
        self._infos: list[LearnerInfo | ValueInfo] = []
        self._reports: list[Report] = []
        self._values: list[ValueReport] = []

    def describe(self) -> list[Metric]:
        """Nothing: registration must not read the learners' reports."""
        return []

    def collect(self) -> Iterator[Metric]:
        """A metric family for each figure, labelled by the learner's name."""
        reports, values = self._latest()
        yield from self._failures()
        for name, (text, of) in RUN_GAUGES.items():
            gauge = GaugeMetricFamily(f"quickstudy_{name}", text, labels=("learner",))
            for value in values:
                gauge.add_metric((value.learner.name,), of(value))
            yield gauge
        for name, (text, of) in RUN_COUNTERS.items():
            counter = CounterMetricFamily(f"quickstudy_{name}", text, labels=("learner",))
            for value in values:
                counter.add_metric((value.learner.name,), of(value))
            yield counter
        for name, text in GAUGES.items():
            gauge = GaugeMetricFamily(f"quickstudy_{name}", text, labels=("learner",))
            for report in reports:
                if (figure := getattr(report, name)) is not None:
                    gauge.add_metric((report.learner.name,), figure)
            yield gauge
        for name, text in COUNTERS.items():
            counter = CounterMetricFamily(f"quickstudy_{name}", text, labels=("learner",))
            for report in reports:
                counter.add_metric((report.learner.name,), getattr(report, name))
            yield counter

    def _failures(self) -> Iterator[Metric]:
        """Numbers of events set aside, and learners out of service."""
        aside = CounterMetricFamily(
            "quickstudy_quarantined",
            "Examples that it failed to learn, and that were set aside.",
            labels=("learner",),
        )
        out = GaugeMetricFamily(
            "quickstudy_out_of_service",
            "1 if it cannot be made from the log, and answers nothing.",
            labels=("learner",),
        )
        for info in self._infos:
            aside.add_metric((info.name,), info.quarantined)
            out.add_metric((info.name,), int(bool(info.out_of_service)))
        yield aside
        yield out

    def _latest(self) -> tuple[list[Report], list[ValueReport]]:
        with self._lock:
            if time.monotonic() - self._read > FRESH:
                self._infos = self._deployment.learners()
                found = [info for info in self._infos if not info.out_of_service]
                runs = [info.name for info in found if isinstance(info, ValueInfo)]
                cases = [info.name for info in found if not isinstance(info, ValueInfo)]
                self._reports = [self._deployment.report(name) for name in cases]
                self._values = [self._deployment.value(name) for name in runs]
                self._read = time.monotonic()
            return self._reports, self._values
