"""The child process of shadows: `shadow_supervisor` starts it with the path of a store.

It reads the store's log, never writes to it, and keeps no state on disk: its state is a function of
the log and of the specifications that it receives. Messages are JSON. It ends when its connection
does, so it never outlives its parent.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from multiprocessing.connection import Connection
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from quickstudy.deploy.core.failures import LearningError, reason_of
from quickstudy.deploy.hosting.child import connect
from quickstudy.deploy.promotion.gate import PinResult
from quickstudy.deploy.promotion.shadow import OvertakenError, Shadow, ShadowSpec
from quickstudy.deploy.recovery.files import folder_of
from quickstudy.errors import InputError, ModelFileError, StoreError
from quickstudy.log.store import LogError, Store
from quickstudy.types import same_label

PAUSE_SECONDS = 0.1  # between polls of the log without new events
REPORT_SECONDS = 0.5
ATTEMPTS = 3  # to follow the log past an update that raises
AGAIN_SECONDS = 1.0  # until the next attempt to read a base that is not written yet
Message = dict[str, Any]
Place = tuple[int, str]  # learner, version


class ShadowProcess:
    """Runs all shadows of a store in turn; `send` sends a message to the parent."""

    def __init__(self, store: Store, send: Callable[[Message], None]) -> None:
        self._store = store
        self.send = send
        self._wanted: dict[Place, ShadowSpec] = {}
        self._shadows: dict[Place, Shadow] = {}
        self._reported: dict[Place, tuple[float, int]] = {}
        self._again = 0.0
        self._attempts: dict[Place, int] = {}  # attempts that ended in an error

    def handle(self, message: Message) -> None:
        """Carry out a request of the parent."""
        if message["do"] == "follow":
            self._follow_only([_spec_of(given) for given in message["orders"]])
            return
        try:
            answer = self._judge((message["number"], message["version"]), message["pins"])
        except Exception as error:
            answer = {"failed": reason_of(error)}
        self.send({"id": message["id"], "answer": answer})

    def _follow_only(self, specs: list[ShadowSpec]) -> None:
        wanted = {(one.number, one.version): one for one in specs}
        for place in [p for p, s in self._shadows.items() if wanted.get(p) != s.spec]:
            while place in self._shadows and self._move(place):  # to the end: it may be promoted
                pass
            self._shadows.pop(place, None)
        self._wanted, self._again = wanted, 0.0

    def move(self) -> bool:
        """Let every shadow process some events; False if there was nothing to do."""
        if len(self._shadows) < len(self._wanted) and time.monotonic() >= self._again:
            self._again = time.monotonic() + AGAIN_SECONDS
            for place, spec in self._wanted.items():
                if place not in self._shadows:
                    self._begin(place, spec)
        return any([self._move(place) for place in list(self._shadows)])

    def _begin(self, place: Place, spec: ShadowSpec) -> None:
        try:
            shadow = Shadow(spec, folder_of(self._store.folder, spec.number))
        except ModelFileError as error:  # the parent may not have written it yet
            self.send({"number": place[0], "version": place[1], "waits": str(error)})
            return
        except Exception as error:  # too little memory now, say
            self.send({"number": place[0], "version": place[1], "waits": reason_of(error)})
            return
        self._shadows[place] = shadow

    def _move(self, place: Place) -> bool:
        shadow = self._shadows[place]
        if shadow.done:
            return False
        try:
            with self._store.reading() as connection:
                moved = shadow.follow(connection)
        except OvertakenError:
            return self._begin_again(place, 0.0)
        except LogError:
            raise
        except (InputError, ModelFileError, OSError) as error:  # it would fail again
            return self._fail(place, error)
        except Exception as error:  # the champion may be about to set the event aside
            self._attempts[place] = self._attempts.get(place, 0) + 1
            if self._attempts[place] >= ATTEMPTS:
                return self._fail(place, error)
            return self._begin_again(place, AGAIN_SECONDS)
        then, at = self._reported.get(place, (0.0, -1))
        now = time.monotonic()
        if shadow.at != at and (now >= then + REPORT_SECONDS or not moved):
            self._reported[place] = (now, shadow.at)
            self.send(report(shadow))
        return moved

    def _begin_again(self, place: Place, after: float) -> bool:
        """Restart a shadow from its base after some seconds."""
        del self._shadows[place]
        self._again = time.monotonic() + after
        return False

    def _fail(self, place: Place, error: Exception) -> bool:
        """Stop a shadow, and report the failure."""
        self._shadows[place].done = True
        failed = reason_of(error.__cause__ or error if isinstance(error, LearningError) else error)
        self.send({"number": place[0], "version": place[1], "failed": failed})
        return False

    def _judge(self, place: Place, pins: list[Message]) -> Message:
        """The conditions with the exam; `before` of a pin: whether the champion passes it."""
        shadow = self._shadows[place]
        answers, broken = shadow.sit([(pin["record"], pin["label"]) for pin in pins])
        results = [
            PinResult(pin["id"], pin["bound"], pin["before"], same_label(answer, pin["label"]))
            for pin, answer in zip(pins, answers, strict=True)
        ]
        conditions = shadow.gate.conditions(exam=results, never=shadow.broken + broken)
        found = [asdict(condition) for condition in conditions]
        return report(shadow) | {"conditions": found, "answers": answers}


def _spec_of(given: Message) -> ShadowSpec:
    return ShadowSpec(**{**given, "anchor": tuple(given["anchor"]), "never": tuple(given["never"])})


def report(shadow: Shadow) -> Message:
    """The report on a shadow; its conditions are without an exam result."""
    gate, spec = shadow.gate, shadow.spec
    test = gate if spec.purpose == "challenge" else shadow.probation
    conditions = gate.conditions(never=shadow.broken)
    return {
        "number": spec.number,
        "version": spec.version,
        "purpose": spec.purpose,
        "at": shadow.at,
        "cases": shadow.cases,
        "labelled": test.labelled,
        "gain": test.gain,
        "log_evidence": test.log_evidence,
        "log_bar": test.log_bar,
        "log_evidence_margin": gate.log_evidence_margin,
        "conditions": [asdict(condition) for condition in conditions],
        "route": gate.route,
        "verdict": shadow.probation.verdict,
        "groups": [asdict(group) for group in gate.groups],
        "baselines": gate.baselines,
        "differences": [asdict(one) for one in shadow.differences],
    }


def main() -> None:
    """Serve until the connection ends."""
    connection = connect()
    messages: SimpleQueue[Message | None] = SimpleQueue()
    threading.Thread(target=_listen, args=(connection, messages), daemon=True).start()

    def send(message: Message) -> None:
        connection.send_bytes(json.dumps(message).encode())

    shadows = ShadowProcess(Store(Path(sys.argv[2]), write=False), send)
    moved = False
    while True:
        try:
            with suppress(Empty):
                message = messages.get(timeout=0.0 if moved else PAUSE_SECONDS)
                if message is None:
                    return
                shadows.handle(message)
            moved = shadows.move()
        except ConnectionError:
            return
        except StoreError:  # the store is being written, or is gone: try again
            time.sleep(AGAIN_SECONDS)


def _listen(connection: Connection[Any, Any], messages: SimpleQueue[Message | None]) -> None:
    while True:
        try:
            messages.put(json.loads(connection.recv_bytes()))
        except (EOFError, OSError, ValueError):
            messages.put(None)
            return


if __name__ == "__main__":
    main()
