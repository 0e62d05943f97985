"""R1 for runs: kill -9 of a process whose value learner takes steps and ends, then the books.

Each life opens the store, holds it against what was acknowledged in the lives before, sends again
what was not, goes on with runs that were under way, and takes load until it is killed.

    python -m tests.crash.runs FOLDER --points 30        prints the row as JSON
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import quickstudy
from quickstudy.deploy import deployment
from quickstudy.deploy.runs import methods
from quickstudy.deploy.runs.state import replay
from quickstudy.errors import QuickstudyError, StoreError
from tests.crash import spare
from tests.crash.forking import LONGEST, Child, Message, Say, parallel, preload
from tests.crash.kill import PATIENCE, Point, Tally, die
from tests.crash.rows import Row, Scale, Tick
from tests.crash.truth import all_events
from tests.crash.verify import digest, plain
from tests.failpoints import arm

NAME, THREADS, LIVES, LAST = "agents", 4, 10, 12
NAMES = (
    "before-insert",
    "before-commit",
    "after-commit",
    "before-reply",
    "snapshot-written",
    "snapshot-renamed",
)
GO_ON = 5  # runs of earlier lives that take another step
BETWEEN = 60  # events between snapshots
TICK = 0.05  # seconds between looks of the clock
Values = dict[str, Any]


@dataclass
class Books:
    """What was sent to a store over all its lives, and what it acknowledged.

    `ops`: (what, run, number) -> [what was sent, what was answered or None].
    """

    ops: dict[tuple[str, str, int], list[Any]] = field(default_factory=dict)
    prefix: tuple[int, str] = (0, "")
    problems: list[str] = field(default_factory=list)
    acknowledged: int = 0

    def read(self, message: Message) -> None:
        """Enter one message of the load."""
        if message["kind"] == "problem":
            self.problems.append(message["text"])
        elif message["kind"] == "checked":
            self.prefix = (message["seq"], message["digest"])
        elif message["kind"] == "send":
            self.ops.setdefault(key_of(message["op"]), [message["op"], None])
        elif message["kind"] == "ack":
            self.acknowledged += 1
            self.ops[key_of(message["op"])][1] = message["got"]

    def end_life(self) -> None:
        """The process is dead; what was not acknowledged stays so."""

    def of(self, run: str, what: str) -> Iterator[list[Any]]:
        """What was sent of one kind about a run."""
        return (told for (kind, one, _), told in self.ops.items() if (kind, one) == (what, run))

    @property
    def runs(self) -> list[str]:
        """All runs, oldest first."""
        return [run for what, run, _ in self.ops if what == "start"]


def key_of(op: Values) -> tuple[str, str, int]:
    """What makes two requests one."""
    return op["do"], op["run"], op.get("number", 0)


def perform(api: Any, op: Values) -> Values:
    """Carry out one request; the answer as JSON values."""
    if op["do"] == "start":
        got = api.start(NAME, task=op["task"], id=op["run"])
    elif op["do"] == "step":
        got = api.step(NAME, op["run"], **op["given"], number=op["number"])
    else:
        got = api.end(NAME, op["run"], op["outcome"])
    return plain(asdict(got))


class Agent(threading.Thread):
    """Takes several runs at once from their starts to their ends."""

    def __init__(self, api: Any, say: Say, seed: str, steps: int) -> None:
        super().__init__(daemon=True)
        self.api, self.say, self.seed, self.steps = api, say, seed, steps
        self.rng = Random(seed)
        self.live: dict[str, int] = {}

    def run(self) -> None:
        numbers = itertools.count()
        try:
            for _ in range(self.steps):
                while len(self.live) < 3:
                    self.start_one(f"run-{self.seed}-{next(numbers)}")
                self.turn(self.rng.choice(list(self.live)))
        except StoreError as error:
            self.say("problem", text=f"refused without a reason: {error}")
        except QuickstudyError as error:
            self.say("problem", text=f"{type(error).__name__}: {error}")
        except Exception as error:
            self.say("problem", text=f"an error without a type of ours: {error!r}")

    def start_one(self, run: str) -> None:
        send(self.api, self.say, {"do": "start", "run": run, "task": self.rng.choice("ABC")})
        self.live[run] = 0

    def turn(self, run: str) -> None:
        self.live[run] += 1
        op = step_of(run, self.live[run], self.rng)
        send(self.api, self.say, op)
        if self.rng.random() < 0.1:
            send(self.api, self.say, op)
        if self.rng.random() < 0.2:
            del self.live[run]
            outcome = float(self.rng.random() < 0.5)
            send(self.api, self.say, {"do": "end", "run": run, "outcome": outcome})


def step_of(run: str, number: int, rng: Random) -> Values:
    """A step that no other is like."""
    x = rng.choice([{"page": rng.randrange(9), "cost": rng.random()}, f"text {rng.random()}", None])
    given = {"x": x, "action": f"act({rng.randrange(4)})", "error": rng.random() < 0.1}
    return {"do": "step", "run": run, "number": number, "given": given}


def send(api: Any, say: Say, op: Values) -> Values:
    """Announce a request, make it, and enter its answer."""
    say("send", op=op)
    got = perform(api, op)
    say("ack", op=op, got=got)
    return got


def live(path: Path, books: Books, point: Point) -> Callable[[Say], None]:
    """What the process of one life does: open, check, take load; close, if it gets that far."""

    def work(say: Say) -> None:
        spare.none()
        methods.EVENTS_BETWEEN, deployment.TICK_SECONDS = BETWEEN, TICK
        arm(point.failpoint)
        api = quickstudy.open(path)
        say("opened", seconds=0.0)
        if not api.learners():
            api.create_value(NAME, seed=7)
        Check(api, books, say, Random(point.number)).run()
        say("ready")
        steps = {"peace": 0, "closing": LAST}.get(point.since, 10**6)
        agents = [Agent(api, say, f"{point.number}.{i}", steps) for i in range(THREADS)]
        for agent in agents:
            agent.start()
        for agent in agents:
            agent.join()
        say("closing")
        api.close()
        if point.since != "peace":
            threading.Event().wait(LONGEST)

    return work


class Check:
    """All checks of one life; what does not hold is said to the parent."""

    def __init__(self, api: Any, books: Books, say: Say, rng: Random) -> None:
        self.api, self.books, self.say, self.rng = api, books, say, rng

    def problem(self, text: str) -> None:
        self.say("problem", text=text)

    def run(self) -> None:
        """The log, every run, and the state."""
        self.prefix()
        self.once()
        for run in self.books.runs:
            self.send_again(run)
        for run in self.books.runs:
            self.as_it_was(run)
        self.go_on()
        events = list(all_events(self.api))
        self.say("checked", seq=len(events), digest=digest(events, len(events)))
        self.state()

    def prefix(self) -> None:
        events = list(all_events(self.api))
        seq, before = self.books.prefix
        if [e.seq for e in events] != list(range(1, len(events) + 1)) or seq > len(events):
            self.problem("events are missing")
        elif digest(events, seq) != before and seq:
            self.problem(f"the first {seq} events are not what they were")

    def once(self) -> None:
        """Nothing is in the log twice, nothing that nobody sent, and all that was acknowledged."""
        kinds = {"run_started": "start", "stepped": "step", "run_ended": "end"}
        logged = Counter(
            (kinds[e.type], e.subject, (e.payload or {}).get("number", 0))
            for e in all_events(self.api)
            if e.type in kinds
        )
        for key, count in logged.items():
            if count != 1 or key not in self.books.ops:
                self.problem(f"{key} is in the log {count} times; sent: {key in self.books.ops}")
        for key, (_, got) in self.books.ops.items():
            if got is not None and not logged[key]:
                self.problem(f"{key} was acknowledged and is lost")

    def send_again(self, run: str) -> None:
        """What was not acknowledged; then, and what was, is nothing new."""
        for what in ("start", "step", "end"):
            for op, got in list(self.books.of(run, what)):
                if got is None:
                    got = send(self.api, self.say, op)
                elif what == "start" or self.rng.random() > 0.2:
                    continue
                again = perform(self.api, op)
                if same(again) != same(got):
                    self.problem(f"{key_of(op)}, sent again: {again}, before: {got}")

    def as_it_was(self, run: str) -> None:
        report = self.api.run(NAME, run)
        steps = [plain(asdict(step.estimate)) for step in report.steps]
        for op, got in self.books.of(run, "step"):
            if got is not None and steps[op["number"] - 1] != got:
                self.problem(
                    f"step {op['number']} of {run} is {steps[op['number'] - 1]}, not {got}"
                )
        ended = [got for _, got in self.books.of(run, "end") if got]
        if ended and (report.run.status, report.run.outcome) != ("ended", ended[0]["outcome"]):
            self.problem(f"{run} is {report.run}, acknowledged was {ended[0]}")

    def go_on(self) -> None:
        """Runs that were under way when the process was killed take their next step."""
        for run in self.api.runs(NAME, status="live", limit=GO_ON):
            send(self.api, self.say, step_of(run.id, run.steps + 1, self.rng))

    def state(self) -> None:
        """The log alone leads to the state, and the tables follow from it."""
        number = self.api.values.by_name[NAME].number
        replayed = replay(self.api.store, number, strict=True).hash
        self.say("replayed")
        if replayed != self.api.state_hash(NAME):
            self.problem(f"the state is {self.api.state_hash(NAME)}, replayed {replayed}")
        for finding in self.api.doctor():
            if not finding.ok:
                self.problem(f"doctor: {finding.check}: {finding.detail}")


def same(got: Values) -> Values:
    """An answer without what tells a repeat."""
    return {name: value for name, value in got.items() if name != "repeated"}


def draw(number: int, seed: int) -> Point:
    """Odd numbers die at named places in turn, even ones at random."""
    rng = Random(f"{seed} courses {number}")
    name = NAMES[number // 2 % len(NAMES)]
    (since,) = rng.choices(("start", "ready", "closing"), (0.2, 0.65, 0.15))
    return Point(
        number=number,
        failpoint=f"{name}:{1 + int(rng.random() ** 2 * (2 if 'snap' in name else 60))}"
        if number % 2
        else None,
        since="ready" if number % 2 else since,
        seconds=PATIENCE if number % 2 else rng.uniform(0.0, 0.4),
    )


def job(folder: Path, numbers: range, seed: int) -> Callable[[Say], None]:
    """The points of one store, in a process of its own."""

    def work(say: Say) -> None:
        folder.mkdir(parents=True)
        books = Books()
        peace = Point(numbers.stop, None, "peace", LONGEST)
        for point in [*(draw(number, seed) for number in numbers), peace]:
            child = Child(live(folder / "work.db", books, point))
            tally = die(child, point, books)  # type: ignore[arg-type]
            child.close()
            say("tally", **vars(tally))

    return work


def steps(scale: Scale) -> int:
    """Of the progress bar."""
    return scale.points


def measure(scale: Scale, tick: Tick) -> Row:
    """All points, some stores at a time."""
    jobs = [
        job(scale.folder / f"courses-{at}", range(at, min(at + LIVES, scale.points)), scale.seed)
        for at in range(0, scale.points, LIVES)
    ]
    tally = Tally()
    for message in parallel(jobs, scale.workers):
        message.pop("kind")
        tally.add(Tally(**{**message, "deaths": Counter(message["deaths"])}))
        tick(message["points"])
    named = sum(tally.deaths[name] for name in NAMES)
    return Row(
        "R1 for runs: kill -9 under load",
        tally.points,
        "0 acknowledged lost, 0 doubled, state hash = replay hash",
        f"{tally.acknowledged:,} acknowledged steps, starts and ends, {named} kills at failpoints, "
        f"{tally.replays} replays compared; {len(tally.problems)} differences",
        tally.problems,
        {"deaths": dict(tally.deaths), "acknowledged": tally.acknowledged},
    )


def main() -> None:
    """Run it in a process without threads, which may be forked."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--points", type=int, default=30)
    asked = parser.parse_args()
    preload()
    row = measure(Scale(asked.folder, points=asked.points), lambda _: None)
    print(json.dumps(asdict(row) | {"holds": row.holds}))


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    sys.exit(main())
