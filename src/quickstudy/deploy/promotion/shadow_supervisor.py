"""`ShadowSupervisor`: starts the process of shadows, sends specifications, receives reports."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import asdict
from itertools import count
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from sqlalchemy import Connection

from quickstudy.deploy.core.tables import Row
from quickstudy.deploy.hosting.child import Child
from quickstudy.deploy.hosting.learner import HostedLearner
from quickstudy.deploy.promotion.shadow import ShadowSpec
from quickstudy.deploy.recovery import lineage
from quickstudy.deploy.versions.registry import version_rows
from quickstudy.errors import StoreError
from quickstudy.log.store import Store, events_at, read_events

AGAIN_SECONDS = 2.0  # until a process that ended is started again
ANSWER_SECONDS = 60.0
LOOK_SECONDS = 0.05
HERE = Path()
TERMS = ("alpha", "margin", "probation", "environment", "schema")
Report = dict[str, Any]
log = logging.getLogger("quickstudy")

PROCESS = "quickstudy.deploy.promotion.shadow_process"


class ShadowSupervisor:
    """One process for all shadows of a store, started when there is a version to follow.

    Args:
        on_report: called with every report, in a thread of its own; may block.
    """

    def __init__(self, store: Store, on_report: Callable[[HostedLearner, Report], None]) -> None:
        self._store = store
        self._on_report = on_report
        self._hosted: dict[int, HostedLearner] = {}
        self._tasks: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._reports: dict[tuple[int, str], Report] = {}
        self._waiting: dict[int, Future[Report]] = {}
        self._numbers = count()
        self._child: Child | None = None
        self._listener: threading.Thread | None = None
        self._sending = threading.Lock()
        self._starting = threading.Lock()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def changed(self, hosted: HostedLearner) -> None:
        """Follow other versions of a learner, after its roles changed."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="shadows", daemon=True)
            self._thread.start()
        self._tasks.put(lambda: self._change(hosted))

    def dropped(self, hosted: HostedLearner) -> None:
        """Stop following the versions of a learner that is out of service."""
        self._tasks.put(lambda: self._drop(hosted))

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return (child := self._child) is not None and child.alive

    def report(self, hosted: HostedLearner, version: str) -> Report | None:
        """The latest report of a shadow."""
        return self._reports.get((hosted.number, version))

    def follows(self, hosted: HostedLearner, switch: Report) -> bool:
        """Whether a report says that the version of a switch is followed in its present role."""
        report = self.report(hosted, switch["version"])
        if report is None or report["at"] < switch["at"]:
            return False
        return bool((report["purpose"] == "challenge") == (switch["base"] == "version"))

    def judge(
        self,
        hosted: HostedLearner,
        version: str,
        pins: list[Report],
        *,
        seconds: float = ANSWER_SECONDS,
    ) -> Report:
        """Evaluate a challenger with the exam; `pins` say which cases the champion passes.

        Raises:
            StoreError: the challenger is not followed, or does not answer in time.
        """
        ends = time.monotonic() + seconds
        about = {"do": "judge", "number": hosted.number, "version": version, "pins": pins}
        while (answer := self._ask(about, ends)) is None:
            gone = self._closing.is_set() or hosted.roles.challenger != version
            if gone or time.monotonic() >= ends:
                raise StoreError(f"version {version[:12]} is not in shadow yet: try again")
            time.sleep(LOOK_SECONDS)  # the process is starting, or reads the base
        return answer

    def _ask(self, about: Report, ends: float) -> Report | None:
        """The answer of the process to a request; None if it cannot answer yet."""
        number, future = next(self._numbers), Future[Report]()
        self._waiting[number] = future
        try:
            if not self._send({**about, "id": number}):
                return None
            answer = future.result(max(0.0, ends - time.monotonic()))
        except TimeoutError:
            return None
        finally:
            self._waiting.pop(number, None)
        return None if "failed" in answer else answer

    def _run(self) -> None:
        while (act := self._tasks.get()) is not None:
            try:
                act()
            except Exception:  # later reports and changes are handled all the same
                log.exception("looking after shadows")

    def _change(self, hosted: HostedLearner) -> None:
        self._hosted[hosted.number] = hosted
        self._send_specs()

    def _drop(self, hosted: HostedLearner) -> None:
        self._hosted.pop(hosted.number, None)
        self._send_specs()

    def _send_specs(self) -> None:
        """Send the specifications to the process; start it if there is a version to follow."""
        with self._starting:
            if self._closing.is_set():
                return
            with self._store.reading() as connection:
                hosted_learners = list(self._hosted.values())
                specs = [
                    asdict(one)
                    for hosted in hosted_learners
                    for one in specs_of(connection, hosted)
                ]
            if self._child is None and specs:
                self._start()
            self._send({"do": "follow", "orders": specs})

    def _start(self) -> None:
        self._child = child = Child(PROCESS, str(self._store.path))
        self._listener = threading.Thread(target=self._listen, args=(child,), daemon=True)
        self._listener.start()

    def _send(self, message: Report) -> bool:
        """Send a message; False if no process runs."""
        child = self._child
        if child is None:
            return False
        try:
            with self._sending:
                child.connection.send_bytes(json.dumps(message).encode())
        except OSError:  # the process ended: it is started again
            return False
        return True

    def _listen(self, child: Child) -> None:
        with suppress(EOFError, ValueError, OSError):
            while True:
                self._take(json.loads(child.connection.recv_bytes()))
        child.kill()
        with self._sending:
            child.close()
        while self._waiting:
            self._waiting.popitem()[1].set_result({"failed": "the process of shadows ended"})
        if not self._closing.is_set():
            log.warning("the process of shadows ended; it is started again")
        if not self._closing.wait(AGAIN_SECONDS):
            self._child = None
            self._send_specs()

    def _take(self, message: Report) -> None:
        if "answer" in message:
            if waiting := self._waiting.pop(message["id"], None):
                waiting.set_result(message["answer"])
            return
        if "waits" in message:
            log.info("version %s waits: %s", message["version"][:12], message["waits"])
            return
        place = message["number"], message["version"]
        if "failed" in message:  # it will not hand over a learner
            self._reports.pop(place, None)
        else:
            self._reports[place] = message
        hosted = self._hosted.get(message["number"])
        if hosted:
            self._tasks.put(lambda: self._on_report(hosted, message))

    def close(self) -> None:
        """End the process; all its state can be rebuilt from the log."""
        self._closing.set()
        with self._starting:  # no process is started from here on
            child, listener = self._child, self._listener
        if child is not None:
            child.kill()  # ends all waiting for its answers
        if self._thread is not None:
            self._tasks.put(None)
            self._thread.join()
        if child is not None and listener is not None:
            listener.join()  # before its connection is closed
            child.close()


def specs_of(connection: Connection, hosted: HostedLearner) -> list[ShadowSpec]:
    """The versions of a learner to follow: its challenger and its previous version."""
    rows = version_rows(connection, hosted.number)
    by_id = {row["id"]: row for row in rows}
    roles = {row["role"]: row for row in rows}
    specs = []
    if row := roles.get("challenger"):
        specs.append(
            ShadowSpec(
                version=row["id"],
                purpose="challenge",
                base=lineage.version_file(HERE, row["id"]).name,
                at=row["asof"],
                learned_until=row["asof"] if row["kind"] == "consolidated" else 0,
                start=row["challenged"],
                anchor=_anchor(connection, by_id, roles["champion"]),
                attempt=sum(0 < other["challenged"] <= row["challenged"] for other in rows),
                simpler=bool(row["simpler"]),
                **_terms(connection, hosted.number, row["challenged"]),
            )
        )
    if row := roles.get("previous"):
        left = row["left"]
        switch = events_at(connection, [left])[left].type
        specs.append(
            ShadowSpec(
                version=row["id"],
                purpose="probation" if switch == "promoted" else "standby",
                base=lineage.leaving_file(HERE, connection, left).name,
                at=left,
                learned_until=left,
                start=left,
                **_terms(connection, hosted.number, left),
            )
        )
    return specs


def _anchor(connection: Connection, rows: dict[str, Row], champion: Row) -> tuple[str, int]:
    """File and event of the last version promoted for being better; ("", 0): the champion is."""
    if not champion["reference"]:
        return "", 0
    left = rows[champion["reference"]]["left"]
    return lineage.leaving_file(HERE, connection, left).name, left


def _terms(connection: Connection, number: int, seq: int) -> dict[str, Any]:
    """Settings and rules as of the event from which versions are compared."""
    settings: dict[str, Any] = {}
    never: Sequence[str] = ()
    types = ("created", "changed", "limits_changed")
    for event in read_events(connection, learner=number, types=types, upto=seq):
        payload = event.read()
        if event.type == "limits_changed":
            never = payload["limits"]["never"]
        else:
            settings = payload.get("settings", payload)
    terms = {name: settings[name] for name in TERMS}
    return {"number": number, **terms, "never": tuple(never)}
