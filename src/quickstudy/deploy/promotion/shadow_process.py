"""The child process of shadows: `python -m quickstudy.deploy.promotion.shadow_process STORE`.

It reads the store's log, never writes to it, and keeps no state: what it knows is a function of the
log and of the orders that come by standard input. Messages are JSON, each after eight bytes that
say how long it is. It ends when its input does, so it never outlives its parent.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import IO, Any

from quickstudy.deploy.core.failures import LearningError, reason_of
from quickstudy.deploy.hosting.refit_process import NICE, receive, send
from quickstudy.deploy.promotion.gate import PinResult
from quickstudy.deploy.promotion.shadow import OvertakenError, Shadow, ShadowSpec
from quickstudy.deploy.recovery.replay import folder_of
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
    """All shadows of a store, in turn."""

    def __init__(self, store: Store, replies: IO[bytes]) -> None:
        self._store = store
        self._replies = replies
        self._wanted: dict[Place, ShadowSpec] = {}
        self._shadows: dict[Place, Shadow] = {}
        self._told: dict[Place, tuple[float, int]] = {}
        self._again = 0.0
        self._attempts: dict[Place, int] = {}  # that ended in an error

    def tell(self, message: Message) -> None:
        """Send a message to the parent."""
        send(self._replies, json.dumps(message).encode())

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
    """Serve until the input ends."""
    os.nice(NICE)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, range(os.cpu_count() or 1))  # a server may keep to one core
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not get between the messages
    messages: SimpleQueue[Message | None] = SimpleQueue()
    threading.Thread(target=_listen, args=(messages,), daemon=True).start()
    shadows = ShadowProcess(Store(Path(sys.argv[1]), write=False), replies)
    moved = False
    while True:
        try:
            with suppress(Empty):
                message = messages.get(timeout=0.0 if moved else PAUSE_SECONDS)
                if message is None:
                    return
                shadows.heed(message)
            moved = shadows.move()
        except BrokenPipeError:
            return
        except StoreError:  # it is being written, or gone: the next look tells
            time.sleep(AGAIN_SECONDS)


def _listen(messages: SimpleQueue[Message | None]) -> None:
    while True:
        try:
            messages.put(json.loads(receive(sys.stdin.buffer)))
        except (EOFError, ValueError):
            messages.put(None)
            return


if __name__ == "__main__":
    main()
