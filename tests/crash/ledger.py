"""What was sent to a store over all its lives, and what it acknowledged: the other side's books."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from quickstudy.api.settings import Settings
from tests.crash.forking import Message

Values = dict[str, Any]


@dataclass
class Said:
    """A feedback that was sent, the statuses it may get, and its receipt if one came."""

    item: Values
    expect: list[str]
    receipt: Values | None = None


@dataclass
class Ledger:
    """Books of one store, kept by a process that outlives it.

    Attributes:
        answers: prediction id -> the answer as it was acknowledged.
        pending: ids that a client chose -> the request, sent and never acknowledged.
        nameless: predictions sent without id and never acknowledged.
        said: identity of a feedback -> what is known of it.
        prefix: (seq, digest) of the events that an earlier life has checked.
        audit: learner -> settings that it may have.
        states: (learner, seq, hash) as lives said them.
    """

    answers: dict[str, Values] = field(default_factory=dict)
    pending: dict[str, Values] = field(default_factory=dict)
    nameless: int = 0
    said: dict[str, Said] = field(default_factory=dict)
    prefix: tuple[int, str] = (0, "")
    audit: dict[str, list[float]] = field(default_factory=dict)
    states: list[tuple[str, int, str]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    acknowledged: int = 0
    _open: dict[int, Values] = field(default_factory=dict)

    def read(self, message: Message) -> None:
        """Enter one message of the load."""
        if message["kind"] == "send":
            self._open[message["n"]] = message["op"]
            if message["op"]["do"] == "change":
                op = message["op"]
                self.audit.setdefault(op["learner"], [Settings().audit]).append(op["audit"])
        elif message["kind"] == "ack":
            self.acknowledged += 1
            self._acknowledge(self._open.pop(message["n"]), message["got"])
        elif message["kind"] == "problem":
            self.problems.append(message["text"])
        elif message["kind"] == "state":
            self.states.append((message["learner"], message["seq"], message["hash"]))
        elif message["kind"] == "checked":
            self.prefix = (message["seq"], message["digest"])

    def _acknowledge(self, op: Values, got: list[Values]) -> None:
        if op["do"] == "predict":
            self.answers |= {answer["id"]: answer for answer in got}
            for answer in got:
                self.pending.pop(answer["id"], None)
        elif op["do"] == "change":
            self.audit[op["learner"]] = [op["audit"]]
        else:
            for item, expect, receipt in zip(op["items"], op["expect"], got, strict=True):
                self._receipt(item, expect, receipt)

    def _receipt(self, item: Values, expect: list[str], receipt: Values) -> None:
        name = identity(item)
        if receipt["status"] not in expect:
            self.problems.append(f"{item} got {receipt['status']}, not {' or '.join(expect)}")
        first = self.said.setdefault(name, Said(item, expect)).receipt
        if receipt["status"] == "repeated" and first and receipt["seq"] != first["seq"]:
            seqs = f"{receipt['seq']}, not {first['seq']}"
            self.problems.append(f"{name} was repeated as event {seqs}")
        if first is None:
            self.said[name].receipt = receipt

    def end_life(self) -> None:
        """The process is dead: what is still open was never acknowledged."""
        for op in self._open.values():
            if op["do"] == "predict" and op["ids"]:
                self.pending |= {
                    i: op | {"ids": [i], "records": [r]}
                    for i, r in zip(op["ids"], op["records"], strict=True)
                }
            elif op["do"] == "predict":
                self.nameless += len(op["records"])
            elif op["do"] == "feedback":
                for item, expect in zip(op["items"], op["expect"], strict=True):
                    self.said.setdefault(identity(item), Said(item, expect))
        self._open.clear()

    def unanswered(self) -> list[Said]:
        """Feedback that was sent and never acknowledged."""
        return [said for said in self.said.values() if said.receipt is None]

    def repeatable(self) -> list[Said]:
        """Acknowledged feedback that is nothing new when it is sent again.

        Without a key that is only what a source said last.
        """
        last = {about(said.item): said for said in self.said.values()}
        return [
            said
            for said in self.said.values()
            if said.receipt and (said.item.get("key") or last[about(said.item)] is said)
        ]


def about(item: Values) -> tuple[Any, Any]:
    """Who speaks of which prediction."""
    return item.get("prediction_id"), item["source"]


def identity(item: Values) -> str:
    """What makes two feedbacks one: the key, else prediction, source and content."""
    if item.get("key"):
        return f"key {item['key']}"
    content = [item.get(name) for name in ("prediction_id", "source", "label", "correct")]
    return f"content {content}"
