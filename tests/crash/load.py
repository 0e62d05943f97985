"""Load for a deployment or its server: several threads that predict, teach, correct and repeat.

Everything is announced before it is sent and entered once it is acknowledged.
"""

from __future__ import annotations

import itertools
import threading
from dataclasses import asdict
from random import Random
from typing import Any

from quickstudy.api.decisions import Feedback
from quickstudy.errors import QuickstudyError, StoreError
from tests.crash.data import LEARNERS, Word, draw, words
from tests.crash.forking import Say
from tests.crash.ledger import about

BATCH, OWN_ID, OWN_KEY, WAIT, REPEAT = 0.25, 0.5, 0.8, 0.1, 0.2
TEXTS = 0.1  # share of the slower learner
MOST_REMEMBERED = 50


def perform(api: Any, op: dict[str, Any]) -> list[dict[str, Any]]:
    """Carry out one operation; what was answered, as plain values."""
    if op["do"] == "predict":
        found = api.predict_many(op["learner"], op["records"], ids=op["ids"])
        return [asdict(answer) for answer in found]
    if op["do"] == "change":
        api.change(op["learner"], audit=op["audit"])
        return []
    items = [Feedback(**item) for item in op["items"]]
    return [asdict(r) for r in api.feedback_many(items, wait_learned=op["wait"])]


class Talker(threading.Thread):
    """One user of the deployment, with cases of its own."""

    numbers = itertools.count()

    def __init__(
        self, api: Any, say: Say, seed: str, cases: int, *, remote: bool, texts: float
    ) -> None:
        super().__init__(daemon=True)
        self.api, self.say, self.cases, self.remote = api, say, cases, remote
        self.texts = texts
        self.rng = Random(seed)
        self.name = f"t{seed}"
        self.keys = itertools.count()
        self.said_last: dict[Any, dict[str, Any]] = {}

    def run(self) -> None:
        try:
            for _ in range(self.cases):
                self.turn()
        except StoreError as error:
            if not self.remote:
                self.say("problem", text=f"refused without a reason: {error}")
        except QuickstudyError as error:
            self.say("problem", text=f"{type(error).__name__}: {error}")
        except Exception as error:
            self.say("problem", text=f"an error without a type of ours: {error!r}")

    def turn(self) -> None:
        kinds = {
            self.case: 80,
            self.teach: 6,
            self.early: 4,
            self.unknown: 2,
            self.look: 6,
            self.change: 2,
        }
        self.rng.choices(list(kinds), list(kinds.values()))[0]()

    def send(self, op: dict[str, Any]) -> list[dict[str, Any]]:
        n = next(self.numbers)
        self.say("send", n=n, op=op)
        got = perform(self.api, op)
        self.say("ack", n=n, got=got)
        return got

    def case(self) -> None:
        """Predict one record or a few; then all that is said of them, in turn."""
        learner = self.learner()
        count = self.rng.randint(2, 6) if self.rng.random() < BATCH else 1
        drawn = [draw(learner, self.rng) for _ in range(count)]
        ids = [self.new("id") for _ in drawn] if self.rng.random() < OWN_ID else None
        op = {"do": "predict", "learner": learner, "records": [r for r, _ in drawn], "ids": ids}
        answers = self.send(op)
        plans = [
            words(learner, label, self.rng, answered=answer["label"] is not None)
            for answer, (_, label) in zip(answers, drawn, strict=True)
        ]
        for round_ in range(max(map(len, plans))):
            pairs = zip(answers, plans, strict=True)
            spoken = [(a["id"], p[round_]) for a, p in pairs if len(p) > round_]
            self.speak(spoken)

    def speak(self, spoken: list[tuple[str, Word]]) -> None:
        items = [self.item(prediction, word) for prediction, word in spoken]
        self.feedback(items, [list(word.statuses) for _, word in spoken])
        if self.said_last and self.rng.random() < REPEAT:
            self.feedback([self.rng.choice(list(self.said_last.values()))], [["repeated"]])

    def feedback(self, items: list[dict[str, Any]], expect: list[list[str]]) -> None:
        wait = self.rng.random() < WAIT
        self.send({"do": "feedback", "items": items, "expect": expect, "wait": wait})
        self.said_last |= {about(item): item for item in items}
        for old in list(self.said_last)[:-MOST_REMEMBERED]:
            del self.said_last[old]

    def item(self, prediction: str, word: Word) -> dict[str, Any]:
        key = self.new("key") if word.keyed or self.rng.random() < OWN_KEY else None
        return {
            "prediction_id": prediction,
            "label": word.label,
            "correct": word.correct,
            "source": word.source,
            "key": key,
        }

    def teach(self) -> None:
        learner = self.learner()
        record, label = draw(learner, self.rng)
        item = {"learner": learner, "record": record, "label": label, "source": "teacher"}
        self.feedback([item | {"key": self.new("key")}], [["accepted"]])

    def early(self) -> None:
        learner, prediction = self.learner(), self.new("early")
        record, label = draw(learner, self.rng)
        word = Word("teacher", label, None, ("early",), keyed=True)
        self.feedback([self.item(prediction, word)], [["early"]])
        op = {"do": "predict", "learner": learner, "records": [record], "ids": [prediction]}
        self.send(op)

    def unknown(self) -> None:
        word = Word("teacher", "whatever", None, ("unknown",))
        self.feedback([self.item(self.new("p_none"), word)], [["unknown"]])

    def change(self) -> None:
        learner, audit = LEARNERS[0], round(self.rng.uniform(0.02, 0.2), 4)
        if self.name.endswith(".0"):  # one thread, so that it is known which came last
            self.send({"do": "change", "learner": learner, "audit": audit})

    def look(self) -> None:
        """What changes nothing, and holding a case for a moment."""
        learner = self.rng.choice(LEARNERS)
        what = self.rng.randrange(4)
        if what == 0:
            self.api.asks(learner, limit=5)
        elif what == 1:
            self.api.report(learner)
        elif what == 2:
            self.api.cases(learner, limit=5)
        else:
            held = self.api.claim(learner, holder=self.name)
            if held:
                self.api.release(held.id, holder=self.name)

    def learner(self) -> str:
        """Texts are slower to learn, so they are fewer."""
        return LEARNERS[self.rng.random() < self.texts]

    def new(self, kind: str) -> str:
        return f"{kind}-{self.name}-{next(self.keys)}"


def run(
    api: Any,
    say: Say,
    seed: str,
    *,
    threads: int,
    cases: int,
    remote: bool = False,
    texts: float = TEXTS,
) -> None:
    """Let some users talk until each has had its cases."""
    talkers = [
        Talker(api, say, f"{seed}.{i}", cases, remote=remote, texts=texts) for i in range(threads)
    ]
    for talker in talkers:
        talker.start()
    for talker in talkers:
        talker.join()
