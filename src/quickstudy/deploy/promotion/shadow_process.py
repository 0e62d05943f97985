"""The child process of shadows: `shadow_supervisor` starts it with the path of a store.

It reads the store's log, never writes to it, and keeps no state: what it knows is a function of the
log and of the orders that it receives. Messages are JSON. It ends when its connection does, so it
never outlives its parent.
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

PAUSE_SECONDS = 0.1  # between looks at a log that has nothing new
REPORT_SECONDS = 0.5
ATTEMPTS = 3  # to follow the log past a lesson that raises
AGAIN_SECONDS = 1.0  # until a base that is not there yet is looked for again
Message = dict[str, Any]
Place = tuple[int, str]  # learner, version


class ShadowProcess:
    """All shadows of a store, in turn; `tell` sends a message to the parent."""

    def __init__(self, store: Store, tell: Callable[[Message], None]) -> None:
        self._store = store
        self.tell = tell
        self._wanted: dict[Place, ShadowSpec] = {}
        self._shadows: dict[Place, Shadow] = {}
        self._told: dict[Place, tuple[float, int]] = {}
        self._again = 0.0
        self._attempts: dict[Place, int] = {}  # that ended in an error

    def heed(self, message: Message) -> None:
        """Carry out what the parent wants."""
        if message["do"] == "follow":
            self._follow_only([_orders(given) for given in message["orders"]])
            return
        try:
            answer = self._judge((message["number"], message["version"]), message["pins"])
        except Exception as error:
            answer = {"failed": reason_of(error)}
        self.tell({"id": message["id"], "answer": answer})

    def _follow_only(self, orders: list[ShadowSpec]) -> None:
        wanted = {(one.number, one.version): one for one in orders}
        for place in [p for p, s in self._shadows.items() if wanted.get(p) != s.orders]:
            while place in self._shadows and self._move(place):  # it may be called to answer
                pass
            self._shadows.pop(place, None)
        self._wanted, self._again = wanted, 0.0

    def move(self) -> bool:
        """Every shadow takes in some events; False if there was nothing to do."""
        if len(self._shadows) < len(self._wanted) and time.monotonic() >= self._again:
            self._again = time.monotonic() + AGAIN_SECONDS
            for place, orders in self._wanted.items():
                if place not in self._shadows:
                    self._begin(place, orders)
        return any([self._move(place) for place in list(self._shadows)])

    def _begin(self, place: Place, orders: ShadowSpec) -> None:
        try:
            shadow = Shadow(orders, folder_of(self._store.folder, orders.number))
        except ModelFileError as error:  # the parent may not have written it yet
            self.tell({"number": place[0], "version": place[1], "waits": str(error)})
            return
        except Exception as error:  # there is no room for it now, say
            self.tell({"number": place[0], "version": place[1], "waits": reason_of(error)})
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
        except Exception as error:  # the champion may be about to set that aside
            self._attempts[place] = self._attempts.get(place, 0) + 1
            if self._attempts[place] >= ATTEMPTS:
                return self._fail(place, error)
            return self._begin_again(place, AGAIN_SECONDS)
        then, at = self._told.get(place, (0.0, -1))
        now = time.monotonic()
        if shadow.at != at and (now >= then + REPORT_SECONDS or not moved):
            self._told[place] = (now, shadow.at)
            self.tell(report(shadow))
        return moved

    def _begin_again(self, place: Place, after: float) -> bool:
        """A shadow follows from its base once more, a while from now."""
        del self._shadows[place]
        self._again = time.monotonic() + after
        return False

    def _fail(self, place: Place, error: Exception) -> bool:
        """A shadow follows no more."""
        self._shadows[place].done = True
        failed = reason_of(error.__cause__ or error if isinstance(error, LearningError) else error)
        self.tell({"number": place[0], "version": place[1], "failed": failed})
        return False

    def _judge(self, place: Place, pins: list[Message]) -> Message:
        """The conditions with the exam: `before` of a pin tells whether the champion passes it."""
        shadow = self._shadows[place]
        answers, broken = shadow.sit([(pin["record"], pin["label"]) for pin in pins])
        sat = [
            PinResult(pin["id"], pin["bound"], pin["before"], same_label(answer, pin["label"]))
            for pin, answer in zip(pins, answers, strict=True)
        ]
        conditions = shadow.gate.conditions(exam=sat, never=shadow.broken + broken)
        found = [asdict(condition) for condition in conditions]
        return report(shadow) | {"conditions": found, "answers": answers}


def _orders(given: Message) -> ShadowSpec:
    return ShadowSpec(**{**given, "anchor": tuple(given["anchor"]), "never": tuple(given["never"])})


def report(shadow: Shadow) -> Message:
    """How a shadow stands; the exam is not among its conditions yet."""
    gate, orders = shadow.gate, shadow.orders
    test = gate if orders.purpose == "challenge" else shadow.probation
    conditions = gate.conditions(never=shadow.broken)
    return {
        "number": orders.number,
        "version": orders.version,
        "purpose": orders.purpose,
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

    def tell(message: Message) -> None:
        connection.send_bytes(json.dumps(message).encode())

    shadows = ShadowProcess(Store(Path(sys.argv[2]), write=False), tell)
    moved = False
    while True:
        try:
            with suppress(Empty):
                message = messages.get(timeout=0.0 if moved else PAUSE_SECONDS)
                if message is None:
                    return
                shadows.heed(message)
            moved = shadows.move()
        except ConnectionError:
            return
        except StoreError:  # it is being written, or gone: the next look tells
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
