"""Metrics for Prometheus: requests, latencies, and the learners' figures, without payloads."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.types import Scope

from quickstudy.deploy.kind import KINDS, kind_of

if TYPE_CHECKING:
    from quickstudy.api.decisions import LearnerInfo
    from quickstudy.api.runs import ValueInfo
    from quickstudy.deploy.deployment import Deployment

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
FRESH = 2.0  # seconds for which a report is reused: frequent scraping must cost little
STREAM = "/v1/events"
METHODS = ("GET", "HEAD", "POST", "PATCH", "DELETE", "PUT", "OPTIONS")


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
        self._reports: dict[str, list[tuple[str, Any]]] = {}

    def describe(self) -> list[Metric]:
        """Nothing: registration must not read the learners' reports."""
        return []

    def collect(self) -> Iterator[Metric]:
        """A metric family for each figure, labelled by the learner's name."""
        reports = self._latest()
        yield from self._failures()
        families: dict[str, CounterMetricFamily | GaugeMetricFamily] = {}
        for kind in KINDS:
            for metric in kind.metrics:
                make = CounterMetricFamily if metric.counts else GaugeMetricFamily
                name = f"quickstudy_{metric.name}"
                family = families.setdefault(name, make(name, metric.text, labels=("learner",)))
                for learner, report in reports.get(kind.name, ()):
                    if (figure := metric.of(report)) is not None:
                        family.add_metric((learner,), figure)
        yield from families.values()

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

    def _latest(self) -> dict[str, list[tuple[str, Any]]]:
        """Names and reports of the learners in service, by kind."""
        with self._lock:
            if time.monotonic() - self._read > FRESH:
                self._infos = self._deployment.learners()
                reports: dict[str, list[tuple[str, Any]]] = {}
                for info in self._infos:
                    if not info.out_of_service:
                        kind = kind_of(info)
                        report = kind.report(self._deployment, info.name)
                        reports.setdefault(kind.name, []).append((info.name, report))
                self._reports, self._read = reports, time.monotonic()
            return self._reports
