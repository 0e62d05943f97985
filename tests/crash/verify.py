"""After a restart: is all that was acknowledged there, once, and is the state what the log says?"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from random import Random
from typing import Any

from quickstudy.api.admin import Event
from tests.crash.data import LEARNERS
from tests.crash.forking import Say
from tests.crash.ledger import Ledger, Said, identity
from tests.crash.load import perform
from tests.crash.truth import all_events, replayed_hashes

RESENT, LOOKED_AT = 0.2, 20


def digest(events: list[Event], last: int) -> str:
    """Of the events up to number `last`."""
    h = hashlib.blake2b(digest_size=16)
    for event in events:
        if event.seq <= last:
            h.update(json.dumps(asdict(event), sort_keys=True).encode())
    return h.hexdigest()


class Check:
    """All checks of one life; what does not hold is said to the parent."""

    def __init__(self, api: Any, path: Path, ledger: Ledger, say: Say, rng: Random) -> None:
        self.api, self.path, self.ledger, self.say, self.rng = api, path, ledger, say, rng
        self.number = 0  # of what is sent: below 0, where load counts above

    def problem(self, text: str) -> None:
        self.say("problem", text=text)

    def run(self) -> None:
        """Check the books against the store, and say its state."""
        self.order_and_prefix()
        self.resend_predictions()
        self.resend_feedback()
        events = list(all_events(self.api))
        self.answers(events)
        self.feedback(events)
        self.settings()
        self.say("checked", seq=len(events), digest=digest(events, len(events)))
        self.state()

    def order_and_prefix(self) -> None:
        events = list(all_events(self.api))
        if [e.seq for e in events] != list(range(1, len(events) + 1)):
            self.problem("sequence numbers have a gap, or come twice")
        seq, before = self.ledger.prefix
        if seq > len(events):
            self.problem(f"events were lost: {seq} were there before, now {len(events)}")
        elif seq and digest(events, seq) != before:
            self.problem(f"the first {seq} events are not what they were")

    def resend_predictions(self) -> None:
        for op in list(self.ledger.pending.values()):
            self.send(op)
        known = self.rng.sample(sorted(self.ledger.answers), min(5, len(self.ledger.answers)))
        for name in known:
            before = self.ledger.answers[name]
            if not name.startswith("p_"):
                case = self.api.history(name)
                op = {"do": "predict", "learner": case.learner, "records": [case.record]}
                (again,) = perform(self.api, op | {"ids": [name]})
                if plain(again) != plain(before):
                    self.problem(f"prediction {name}, sent again: {again}, before: {before}")

    def resend_feedback(self) -> None:
        for said in self.ledger.unanswered():
            late = ["accepted"] if "early" in said.expect else []  # its prediction came first
            self.resend(said, [*said.expect, *late, "repeated"])
        known = self.ledger.repeatable()
        for said in self.rng.sample(known, min(len(known), 2 + int(RESENT * len(known)))):
            self.resend(said, ["repeated"])

    def resend(self, said: Said, expect: list[str]) -> None:
        op = {"do": "feedback", "items": [said.item], "expect": [expect], "wait": False}
        (receipt,) = self.send(op)
        (again,) = self.send(op | {"expect": [["repeated"]]})
        if again["seq"] != receipt["seq"]:
            self.problem(f"{identity(said.item)}: events {receipt['seq']} and {again['seq']}")

    def send(self, op: dict[str, Any]) -> list[dict[str, Any]]:
        self.number -= 1
        self.say("send", n=self.number, op=op)
        got = perform(self.api, op)
        self.say("ack", n=self.number, got=got)
        return got

    def answers(self, events: list[Event]) -> None:
        """Every acknowledged prediction is there once, as it was given."""
        made = Counter(e.subject for e in events if e.type == "predicted")
        ours = self.ledger.answers | self.ledger.pending
        for name in ours:
            if made[name] != 1:
                self.problem(f"prediction {name} is in the log {made[name]} times")
        extra = sum(made.values()) - len(ours)
        if not 0 <= extra <= self.ledger.nameless:
            self.problem(f"{extra} predictions nobody asked for; {self.ledger.nameless} may be")
        names = sorted(name for name in self.ledger.answers if made[name])
        for name in self.rng.sample(names, min(LOOKED_AT, len(names))):
            answer = asdict(self.api.history(name).answer)
            if plain(answer) != plain(self.ledger.answers[name]):
                self.problem(f"{name} was {self.ledger.answers[name]}, now {answer}")

    def feedback(self, events: list[Event]) -> None:
        """Every feedback that was sent is there once: acknowledged, or sent again just now."""
        logged = Counter(e.subject for e in events if e.type == "feedback")
        due = Counter(said.item.get("prediction_id") or "" for said in self.ledger.said.values())
        due += joined(events)
        for name in logged | due:
            if logged[name] != due[name]:
                what = name or "records taught"
                self.problem(f"{what}: {logged[name]} feedbacks in the log, not {due[name]}")
        at = {e.seq: e for e in events if e.type == "feedback"}
        for name, said in self.ledger.said.items():
            if said.receipt and not fits(at.get(said.receipt["seq"]), said.item):
                self.problem(f"{name}: event {said.receipt['seq']} does not say it")

    def settings(self) -> None:
        for learner, allowed in self.ledger.audit.items():
            found = self.api.learner(learner).settings.audit
            if found not in allowed:
                self.problem(f"audit of {learner} is {found}, acknowledged was {allowed}")

    def state(self) -> None:
        """Say the state of every learner; nothing may come in between."""
        for name in LEARNERS:
            for _ in range(20):
                before = self.api.report(name).seq
                found = self.api.state_hash(name)
                if self.api.report(name).seq == before:
                    self.say("state", learner=name, seq=before, hash=found)
                    break

    def replays(self) -> None:
        """Every state that was ever said is met by one replay from the first event on."""
        for name in LEARNERS:
            due = [(seq, found) for learner, seq, found in self.ledger.states if learner == name]
            replayed = replayed_hashes(self.path, name, {seq for seq, _ in due})
            for seq, found in due:
                self.say("replayed")
                if replayed[seq] != found:
                    self.problem(f"{name} after {seq}: {found}, replayed {replayed[seq]}")
        for finding in self.api.doctor():
            if not finding.ok:
                self.problem(f"doctor: {finding.check}: {finding.detail}")


def joined(events: list[Event]) -> Counter[str]:
    """Early feedback that found its prediction: it is in the log once more, as an ordinary one."""
    early = Counter(e.subject for e in events if (e.payload or {}).get("status") == "early")
    return early & Counter({e.subject: len(events) for e in events if e.type == "predicted"})


def fits(event: Event | None, item: dict[str, Any]) -> bool:
    """Whether an event holds this feedback: its source and its label are in there."""
    if event is None or event.payload is None:
        return False
    text = json.dumps(event.payload) + event.actor
    wanted = [item["source"]] + ([item["label"]] if item.get("label") is not None else [])
    return all(json.dumps(part)[1:-1] in text for part in wanted)


def plain(answer: dict[str, Any]) -> dict[str, Any]:
    """Without the difference between lists and tuples that JSON makes."""
    return json.loads(json.dumps(answer))
