"""The operations of R3, each tried on a disk whose n-th write fails."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import quickstudy
from quickstudy.deploy import supervisor
from quickstudy.errors import QuickstudyError, StoreError
from tests.crash import spare
from tests.crash.data import LEARNERS, SMALL, draw
from tests.crash.forking import LONGEST, Child, Message, Say, outcome
from tests.crash.truth import content, findings
from tests.crash.writes import Control, Mode

TAUGHT, WAITING, RUNS = {"prices": 8, "questions": 2}, 6, 5
Act = Callable[[Any], Any]
TEXTS_TAUGHT = 10  # texts, after which the slow expert of texts is due
RNG = Random("R3")
RECORD, LABEL = draw("prices", RNG)
TEXTS = [draw("questions", RNG)[0] for _ in range(5)]

ACTS: dict[str, Act] = {
    "predict": lambda d: d.predict("prices", RECORD, id="new"),
    "predict five": lambda d: d.predict_many("questions", TEXTS, ids=[f"n{i}" for i in range(5)]),
    "feedback": lambda d: d.feedback("case-0", label=LABEL, source="teacher", key="k0"),
    "feedback without key": lambda d: d.feedback("case-1", label=LABEL, source="teacher"),
    "feedback, learned": lambda d: d.feedback("case-2", label=LABEL, key="k2", wait_learned=True),
    "correction": lambda d: d.feedback("case-3", label="DOWN", source="first", key="k3"),
    "a record taught": lambda d: d.feedback(learner="prices", record=RECORD, label=LABEL, key="t"),
    "a new label": lambda d: d.feedback("case-4", label="SIDEWAYS", source="teacher", key="k4"),
    "create": lambda d: d.create("third", target=0.9, seed=1),
    "change": lambda d: d.change("prices", audit=0.11),
    "delete": lambda d: d.delete("questions"),
    "claim": lambda d: d.claim("prices", holder="someone", id="case-5"),
    "a key": lambda d: d.create_key("someone", "predict"),
    "create value": lambda d: d.create_value("others", seed=1),
    "change value": lambda d: d.change("agents", wait_seconds=1e6),
    "delete value": lambda d: d.delete("agents"),
    "start": lambda d: d.start("agents", task="A", id="new"),
    "step": lambda d: d.step("agents", "run-0", "a text", action="look", number=4),
    "end": lambda d: d.end("agents", "run-1", 1.0),
}


def build(path: Path, say: Say) -> None:
    """A small store with waiting cases."""
    rng = Random("R3 store")
    with quickstudy.open(path) as deployment:
        for name in LEARNERS:
            deployment.create(name, **SMALL)
            for i in range(TAUGHT[name]):
                record, label = draw(name, rng)
                deployment.feedback(learner=name, record=record, label=label, key=f"{name} {i}")
        for i in range(WAITING):
            deployment.predict("prices", draw("prices", rng)[0], id=f"case-{i}")
        deployment.feedback("case-3", label="UP", source="first")
        deployment.create_value("agents", seed=1)
        for i in range(RUNS):
            deployment.start("agents", task="AB"[i % 2], id=f"run-{i}")
            for step in range(3):
                deployment.step("agents", f"run-{i}", {"page": step}, action=f"open({i})")
            if i > 1:
                deployment.end("agents", f"run-{i}", float(i % 2))


def settled(path: Path, say: Say) -> None:
    """Wait until no refit is under way: nothing moves but by what is done."""
    spare.none()
    with quickstudy.open(path) as deployment:
        say("content", found=content(deployment))


def run(folder: Path, control: Control, modes: Sequence[Mode], share: Share) -> Iterator[Message]:
    """Operations in their modes, for n = 1, 2, ... until no call fails any more."""
    whole = folder / "whole"
    whole.mkdir()
    for work in (build, settled):
        found = outcome(lambda say, work=work: work(whole / "work.db", say))
        if found[-1]["kind"] != "done":
            raise RuntimeError(f"no store to begin with: {found[-1]}")
    for operation, mode in share.of(modes):
        for n in share.numbers():
            place = folder / "now"
            shutil.copytree(whole, place)
            line = attempt(place / "work.db", operation, control, mode, n)
            line |= {"operation": operation, "mode": mode.name, "n": n}
            yield line
            if line["problems"]:
                kept = f"{operation}-{modes.index(mode)}-{n}".replace(" ", "-")
                shutil.copytree(place, folder / kept)
            shutil.rmtree(place)
            if not line["failed"]:
                break


@dataclass(frozen=True)
class Share:
    """What one of several processes tries: all modes and all n, or some of both."""

    part: int
    parts: int
    thorough: bool

    def of(self, modes: Sequence[Mode]) -> Iterator[tuple[str, Mode]]:
        """Operations with modes; when in haste, one mode of each."""
        operations = [*ACTS, "open", "open after kill -9", "backup", "close", "refit"]
        for i, operation in enumerate(operations):
            if i % self.parts == self.part:
                chosen = modes if self.thorough else (modes[i % len(modes)],)
                yield from ((operation, mode) for mode in chosen)

    def numbers(self) -> Iterator[int]:
        """1, 2, 3, 4, ..., or 1, 2, 3, 5, 8, ..."""
        n, after = 1, 2
        while True:
            yield n
            n, after = after, after + 1 if self.thorough else n + after


def attempt(path: Path, operation: str, control: Control, mode: Mode, n: int) -> Message:
    """One run, in a process of its own; how the operation ended, and what was wrong with that."""
    if operation == "open after kill -9":
        leave_behind(path)
    tried = Trial(path, control, mode, n)
    work = {
        "open": tried.opening,
        "open after kill -9": tried.opening,
        "close": tried.closing,
        "backup": tried.backing_up,
        "refit": tried.refitting,
    }.get(operation, lambda say: tried.acting(ACTS[operation], say))
    found = outcome(work)
    control.disarm()
    told = next((m for m in found if m["kind"] == "ended"), None)
    problems = [m["text"] for m in found if m["kind"] == "problem"]
    if found[-1]["kind"] != "done":
        problems.append(f"{found[-1].get('error')} {found[-1].get('at', '')}"[-1500:])
    line = {"ended": "died", "failed": 1} if told is None else told
    return {"ended": line["ended"], "failed": line["failed"], "problems": problems}


def leave_behind(path: Path) -> None:
    """Load on a store whose process is then killed: its write-ahead log is there."""

    def work(say: Say) -> None:
        spare.none()
        deployment = quickstudy.open(path)
        for i in range(3):
            deployment.feedback(f"case-{i}", label=LABEL, source="teacher", key=f"left {i}")
        say("ready")
        time.sleep(LONGEST)

    child = Child(work)
    for message in child.messages():
        if message["kind"] == "ready":
            break
    child.close()


def teach(deployment: Any, rng: Random, updates: int) -> None:
    """Texts, until their learner was refitted, or not, and no learner is being refitted."""
    for _ in range(updates):
        text, label = draw("questions", rng)
        deployment.feedback(learner="questions", record=text, label=label, wait_learned=True)
    duties = list(deployment.classifiers.by_name.values())
    ends = time.monotonic() + LONGEST / 2
    while time.monotonic() < ends:
        if not any(hosted.refitting and hosted.refit_event is None for hosted in duties):
            deployment.flush()  # after which a learner may be found to want another
            if not any(hosted.refitting for hosted in duties):
                break
        time.sleep(0.01)
    deployment.flush()


class Trial:
    """One operation on one store while the n-th call fails."""

    def __init__(self, path: Path, control: Control, mode: Mode, n: int) -> None:
        self.path, self.control, self.mode, self.n = path, control, mode, n

    def tried(self, act: Callable[[], Any], say: Say) -> str:
        """How it ended: "ok", "StoreError", or the name of an error that it must not be."""
        self.control.arm(self.path, self.n, self.mode)
        try:
            act()
            ended = "ok"
        except QuickstudyError as error:
            ended = "StoreError" if isinstance(error, StoreError) else type(error).__name__
        except Exception as error:
            ended = repr(error)
        self.ended = ended
        if ended not in ("ok", "StoreError"):
            say("problem", text=f"it ended in {ended}")
        return ended

    def works_again(self, say: Say) -> None:
        failed, file = self.control.disarm()
        say("ended", ended=self.ended, failed=failed, file=file)

    def same(self, what: str, before: dict[str, str], now: dict[str, str], say: Say) -> None:
        apart = [name for name in before | now if before.get(name) != now.get(name)]
        if apart:
            say("problem", text=f"{what}: {', '.join(apart)} differ")

    def acting(self, act: Act, say: Say) -> None:
        """An operation of the deployment."""
        spare.none()
        deployment = quickstudy.open(self.path)
        before = content(deployment)
        if self.tried(lambda: act(deployment), say) == "StoreError":
            self.same("while it fails", before, content(deployment), say)
        self.works_again(say)
        if self.ended == "StoreError":
            self.same("after the error", before, content(deployment), say)
            act(deployment)
        self.conclude(deployment, say)

    def conclude(self, deployment: Any, say: Say) -> None:
        """Closed and opened again, it is what it was."""
        before = content(deployment)
        deployment.close()
        for finding in findings(self.path):
            if not finding.ok:
                say("problem", text=f"doctor: {finding.check}: {finding.detail}")
        with quickstudy.open(self.path) as again:
            self.same("after opening again", before, content(again), say)
        left = [p.name for p in self.path.parent.rglob(".*") if p.is_file()]
        if left:
            say("problem", text=f"left lying about: {left}")

    def opening(self, say: Say) -> None:
        """Opening a store; then it is opened without failures and compared with its copy."""
        spare.none()
        copy = self.path.parent.with_name("copy")
        shutil.copytree(self.path.parent, copy)
        with quickstudy.open(copy / self.path.name) as deployment:
            before = content(deployment)
        shutil.rmtree(copy)
        opened: list[Any] = []
        self.tried(lambda: opened.append(quickstudy.open(self.path)), say)
        self.works_again(say)
        deployment = opened[0] if opened else quickstudy.open(self.path)
        self.same("once opened", before, content(deployment), say)
        self.conclude(deployment, say)

    def closing(self, say: Say) -> None:
        """Closing a store; what it held is there when it is opened again."""
        spare.none()
        deployment = quickstudy.open(self.path)
        ACTS["feedback"](deployment)
        before = content(deployment)
        self.tried(deployment.close, say)
        self.works_again(say)
        deployment = quickstudy.open(self.path)
        self.same("after closing", before, content(deployment), say)
        self.conclude(deployment, say)

    def refitting(self, say: Say) -> None:
        """A refit whose files cannot be written: learning goes on, and it is made up for later."""
        spare.prepare()
        supervisor.RETRY_SECONDS = 0.0
        deployment = quickstudy.open(self.path)
        rng = Random("R3 refit")
        self.path = self.path.with_name(f"{self.path.name}.d")  # what is watched
        self.tried(lambda: teach(deployment, rng, TEXTS_TAUGHT), say)
        self.works_again(say)
        self.path = self.path.with_suffix("")
        teach(deployment, rng, TEXTS_TAUGHT)
        if not any(e.type == "refitted" for e in deployment.events()):
            say("problem", text="a refit that failed was never made up for")
        self.conclude(deployment, say)

    def backing_up(self, say: Say) -> None:
        """A backup; once it works, it is opened and holds the same."""
        spare.none()
        deployment = quickstudy.open(self.path)
        before = content(deployment)
        target = self.path.with_name("work.db.backup")
        ended = self.tried(lambda: deployment.backup(target), say)
        self.works_again(say)
        self.same("after the backup", before, content(deployment), say)
        if ended == "StoreError":
            if target.exists():
                say("problem", text="a backup that failed lies where a whole one should")
            deployment.backup(target)
        with quickstudy.open(target) as copied:
            self.same("in the backup", before, content(copied), say)
        self.conclude(deployment, say)
