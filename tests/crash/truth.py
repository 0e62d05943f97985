"""What a store holds, by other ways than the deployment that is being tested."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from quickstudy.api.admin import Event, Finding
from quickstudy.deploy import doctor
from quickstudy.deploy.core import queries
from quickstudy.deploy.hosting.updates import Update, update_of
from quickstudy.deploy.kind import settings_from_plain
from quickstudy.deploy.recovery import replay
from quickstudy.log.events import Logged
from quickstudy.log.store import Store, events_at, read_events

PAGE = 1000


def all_events(api: Any) -> Iterator[Event]:
    """The whole log, page by page."""
    after = 0
    while page := api.events(after=after, limit=PAGE):
        yield from page
        after = page[-1].seq


def replayed_hashes(path: Path, name: str, seqs: set[int]) -> dict[int, str]:
    """States of a learner after some events, all met by one replay from the first event on."""
    store, found = Store(path, write=False), {}
    try:
        number = _number(store, name)
        with store.reading() as connection:
            events = list(read_events(connection, learner=number))
            asofs = {e.read()["asof"] for e in events if e.type == "refitted"}
            settings = settings_from_plain(events[0].read())
            state = replay.ReplayState.new(settings, events[0].seq)
            fitted: dict[int, Any] = {}
            left = sorted(seqs, reverse=True)
            for event in events:
                while left and left[-1] < event.seq:
                    found[left.pop()] = state.hash
                if event.type != "created":
                    _step(state, connection, event, fitted)
                if event.seq in asofs:
                    fitted[event.seq] = state.learner.copy().fit_due()
            found |= dict.fromkeys(left, state.hash)
    finally:
        store.close()
    return found


def _step(
    state: replay.ReplayState, connection: Any, event: Logged, fitted: dict[int, Any]
) -> None:
    payload = event.read()
    about = payload
    if payload.get("case"):
        about = events_at(connection, [payload["case"]])[payload["case"]].read()
    state.decide(event, payload, about)
    if event.type == "refitted":
        state.learn([Update(event.seq, fitted=fitted.pop(payload["asof"]))])
    elif event.type in ("feedback", "ruled"):
        update = update_of(event.seq, payload, about.get("record"))
        if update is not None:
            state.learn([update])  # alone: together they must give the same bits


def _number(store: Store, name: str) -> int:
    with store.reading() as connection:
        return next(r["id"] for r in queries.learner_rows(connection) if r["name"] == name)


def findings(path: Path) -> list[Finding]:
    """What doctor says of a store."""
    return doctor.check_file(path)


def digest(values: Any) -> str:
    """Of JSON values and dataclasses."""
    text = json.dumps(values, sort_keys=True, default=asdict)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def content(api: Any) -> dict[str, str]:
    """Digests of everything that can be read from a deployment."""
    api.flush()
    events = list(all_events(api))
    found = {"events": digest(events), "learners": digest(api.learners())}
    ids = [e.subject for e in events if e.type == "predicted"]
    found["histories"] = digest([api.history(i) for i in ids])
    for info in api.learners():
        name = info.name
        found[f"{name} state"] = api.state_hash(name)
        if info.kind == "value":
            runs = api.runs(name, limit=PAGE)
            found[f"{name} value"] = digest(api.value(name))
            found[f"{name} runs"] = digest([api.run(name, run.id) for run in runs])
            continue
        found[f"{name} report"] = digest(api.report(name))
        found[f"{name} asks"] = digest(api.asks(name, limit=1000))
        found[f"{name} cases"] = digest(api.cases(name, limit=1000))
    if hasattr(api, "keys"):
        found["keys"] = digest(api.keys())
    return found
