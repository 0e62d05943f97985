"""A step down reaches answers within one request, and what gate and shadow cost beside a champion.

`step-down`: clients ask a real server without a pause; now and then somebody takes the learner's
autonomy away, in one of four ways. No answer that is asked for once that was acknowledged may act,
nor any that comes after it in the log.

`overhead`: processor time (user and system) of one challenger in shadow, for each prediction, as a
share of what the champion's own prediction takes: records of the size of elec2, one at a time,
every second one labelled 20 later, in a fresh process. The figures of the process of shadows are
those that the kernel counts; its parts are timed by following the same log once more.
"""

from __future__ import annotations

import os
import statistics
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import quickstudy
from quickstudy.client.client import Client
from quickstudy.deploy.promotion.shadow import Shadow
from quickstudy.deploy.promotion.shadow_supervisor import specs_of
from quickstudy.deploy.recovery.files import folder_of
from quickstudy.serve.app import create_app
from quickstudy.serve.server import listen, run
from quickstudy.serve.settings import ServerSettings
from tests.crash import data, spare
from tests.crash.forking import LONGEST, Child, Say, outcome
from tests.crash.rows import Row, Scale, Tick
from tests.deploy.support import EASY, record, truth

NAME = "t"
CLIENTS = 4
WAYS = ("alarm", "pause", "file", "ceiling")
TIMES, SHORT_TIMES = {"alarm": 50, "other": 100}, {"alarm": 3, "other": 6}
TARGETS = (0.6, 0.61)  # alternate guarantees: each change resets the evidence
TO_ACT, TO_ALARM = 400, 80  # labels after which something is wrong with this test
PATIENCE = 1800.0


def step_down_steps(scale: Scale) -> int:
    """Of the progress bar."""
    return sum(times(scale, way) for way in WAYS)


def times(scale: Scale, way: str) -> int:
    """How often autonomy is taken away in that way."""
    chosen = TIMES if scale.thorough else SHORT_TIMES
    return chosen.get(way, chosen["other"])


def serve(path: Path) -> Callable[[Say], None]:
    """The server, with one learner that acts soon."""

    def work(say: Say) -> None:
        spare.none()
        deployment = quickstudy.open(path)
        deployment.create(NAME, **EASY | {"consolidate": False, "budget_mb": 16})
        settings = ServerSettings(port=0)
        listening, address = listen(settings)
        app = create_app(deployment, settings=settings)
        run(app, listening, ready=lambda: say("ready", address=address))

    return work


class Crowd:
    """Clients that ask and ask, and what they were told: (begun, seq, acts)."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.told: list[tuple[float, int, bool]] = []
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(i,)) for i in range(CLIENTS)]
        for thread in self._threads:
            thread.start()

    def _ask(self, i: int) -> None:
        with Client(self.address) as client:
            while not self._over.is_set():
                begun = time.monotonic()
                answer = client.predict(NAME, record(i))
                self.told.append((begun, answer.seq, answer.decision == "act"))

    def wait(self, count: int) -> None:
        """Until so many more answers have come."""
        enough = len(self.told) + count
        while len(self.told) < enough:
            time.sleep(0.001)

    def end(self) -> None:
        """All go home."""
        self._over.set()
        for thread in self._threads:
            thread.join()


def to_act(client: Client, turn: int) -> None:
    """Have it act, under a promise that is proved anew."""
    client.change(NAME, target=TARGETS[turn % 2], ceiling="act")
    for i in range(TO_ACT):
        answer = client.predict(NAME, record(i))
        if answer.decision == "act":
            return
        client.feedback(answer.id, label=truth(record(i)), source="boss")
    raise AssertionError("it never acted")


def acted(client: Client, count: int) -> list[str]:
    """Answers that it acted on."""
    answers = client.predict_many(NAME, [record(i) for i in range(10 * count)])
    return [answer.id for answer in answers if answer.decision == "act"][:count]


def alarm(client: Client, cases: list[str]) -> int:
    """What it did is called wrong until the guard steps down: the event of that."""
    for case in cases:
        client.feedback(case, correct=False, source="boss")
        if (told := client.autonomy(NAME)).level != "act":
            return _fall(told.history)
    raise AssertionError("the guard never saw it")


def _fall(history: Any) -> int:
    """The latest step down from act, of a history that is newest first."""
    return next(int(step.seq) for step in history if step.before == "act")


def take(client: Client, way: str, path: Path, cases: list[str]) -> int:
    """Take its autonomy away; returns once that is acknowledged. The event of it, 0: unknown."""
    if way == "alarm":
        return alarm(client, cases)
    if way == "file":
        path.with_name(path.name + ".d").joinpath("PAUSE").write_text("a test")
    elif way == "pause":
        client.pause(NAME, reason="a test")
    else:
        client.change(NAME, ceiling="suggest")
        return _fall(client.autonomy(NAME).history)
    return 0


def give_back(client: Client, way: str, path: Path) -> None:
    """End what can be ended."""
    if way == "file":
        path.with_name(path.name + ".d").joinpath("PAUSE").unlink()
    elif way == "pause":
        client.resume(NAME)


def drive(address: str, path: Path, scale: Scale) -> Callable[[Say], None]:
    """Take autonomy away while a crowd asks, again and again."""

    def work(say: Say) -> None:
        with Client(address) as client:
            for way in WAYS:
                for turn in range(times(scale, way)):
                    if turn == 0 or way in ("alarm", "ceiling"):
                        to_act(client, turn + WAYS.index(way))
                    say("took", way=way, **once(client, address, way, path))
                    give_back(client, way, path)

    return work


def once(client: Client, address: str, way: str, path: Path) -> dict[str, int]:
    """How many acted before it, and how many that were asked for, or logged, after it."""
    cases = acted(client, TO_ALARM) if way == "alarm" else []
    crowd = Crowd(address)
    crowd.wait(CLIENTS)
    event = take(client, way, path, cases)
    known = time.monotonic()
    crowd.wait(5 * CLIENTS)
    crowd.end()
    told = crowd.told
    return {
        "acted_before": sum(acts for begun, _, acts in told if begun < known),
        "asked_after": sum(begun >= known for begun, _, _ in told),
        "acted_after": sum(acts for begun, _, acts in told if begun >= known),
        "logged_after": sum(acts for _, seq, acts in told if event and seq > event),
    }


def step_down(scale: Scale, tick: Tick) -> Row:
    """Four ways, many times each."""
    folder = scale.folder / "steps"
    folder.mkdir()
    server = Child(serve(folder / "work.db"))
    server.until = server.started + LONGEST
    found: dict[str, list[dict[str, int]]] = {way: [] for way in WAYS}
    problems = []
    try:
        address = next(m["address"] for m in server.messages() if m["kind"] == "ready")
        driver = Child(drive(address, folder / "work.db", scale))
        driver.until = driver.started + PATIENCE
        for message in driver.messages():
            if message["kind"] == "took":
                found[message["way"]].append(message)
                tick(1)
            elif message["kind"] == "failed":
                problems.append(message["error"])
        driver.close()
    finally:
        server.close()
    return row_of(found, problems, scale)


def row_of(found: dict[str, list[dict[str, int]]], problems: list[str], scale: Scale) -> Row:
    """The line of the table."""
    names = ("acted_before", "asked_after", "acted_after", "logged_after")
    sums = {way: {n: sum(one[n] for one in found[way]) for n in names} for way in WAYS}
    for way, counts in sums.items():
        if counts["acted_after"] or counts["logged_after"]:
            problems.append(f"{way}: {counts['acted_after']} of the answers after it acted")
        if not counts["acted_before"] or not counts["asked_after"]:
            problems.append(f"{way}: nothing acted before it, or nothing was asked after it")
        if len(found[way]) < times(scale, way):
            problems.append(f"{way}: {len(found[way])} times only")
    after = sum(counts["asked_after"] for counts in sums.values())
    acted = sum(max(c["acted_after"], c["logged_after"]) for c in sums.values())
    return Row(
        "step-down",
        sum(map(len, found.values())),
        "0 answers act after it",
        f"{acted} of {after:,} answers that were asked for after an alarm of the guard, a pause, "
        "the file PAUSE or a lower ceiling was acknowledged",
        problems,
        {"ways": {way: {"times": len(found[way]), **sums[way]} for way in WAYS}},
    )


# overhead

BLOCKS, SHORT_BLOCKS, BLOCK = 30, 5, 100
BEFORE, WARM, DELAY = 300, 300, 20  # cases until there is a challenger, and until all is warm
PARTS = {"_answer": "answering", "_compare": "comparing", "_learn": "learning"}
TICKS = os.sysconf("SC_CLK_TCK")


class Timed(Shadow):
    """A shadow that knows what its parts took, in seconds of this thread."""

    def __init__(self, *given: Any) -> None:
        self.took = dict.fromkeys(PARTS, 0.0)
        self._inside = False
        super().__init__(*given)

    @contextmanager
    def _timing(self, part: str) -> Any:
        outer, self._inside = self._inside, True
        begun = time.thread_time()
        yield
        self.took[part] += 0.0 if outer else time.thread_time() - begun
        self._inside = outer

    def _answer(self, *given: Any) -> None:
        with self._timing("_answer"):
            super()._answer(*given)

    def _compare(self, *given: Any) -> None:
        with self._timing("_compare"):
            super()._compare(*given)

    def _learn(self, *given: Any) -> None:
        with self._timing("_learn"):
            super()._learn(*given)


def overhead_steps(scale: Scale) -> int:
    """Of the progress bar."""
    return blocks(scale)


def blocks(scale: Scale) -> int:
    """Of predictions; medians are over them."""
    return BLOCKS if scale.thorough else SHORT_BLOCKS


class Stream:
    """Prices, one at a time; every second one gets its label when so many more have come."""

    def __init__(self, deployment: quickstudy.Deployment) -> None:
        self.deployment = deployment
        self._rng = Random(0)
        self._due: deque[tuple[str, str]] = deque()

    def go(self, count: int) -> list[Any]:
        """The next so many records."""
        records = []
        for i in range(count):
            x, label = data.draw("prices", self._rng)
            records.append(x)
            answer = self.deployment.predict(NAME, x)
            if i % 2 == 0:
                self._due.append((answer.id, label))
            if len(self._due) > DELAY // 2:
                case, label = self._due.popleft()
                self.deployment.feedback(case, label=label, source="benchmark")
        return records


def compare(path: Path, scale: Scale) -> Callable[[Say], None]:
    """A champion, a challenger of its own size in shadow, and what both take."""

    def work(say: Say) -> None:
        with quickstudy.open(path) as deployment:
            deployment.create(NAME, seed=1, consolidate=False)
            stream = Stream(deployment)
            stream.go(BEFORE)
            deployment.challenge(NAME)
            hosted = deployment.classifiers.by_name[NAME]
            with deployment.store.reading() as connection:
                spec = specs_of(connection, hosted)[0]
            folder = folder_of(deployment.store.folder, hosted.number)
            shadow, shadows = Timed(spec, folder), deployment.promotion.shadows
            wait_for(lambda: shadows.report(hosted, spec.version) is not None)
            stream.go(WARM)
            catch_up(deployment, shadow)
            for _ in range(blocks(scale)):
                say("block", **block(deployment, stream, shadow))

    return work


def block(deployment: quickstudy.Deployment, stream: Stream, shadow: Timed) -> dict[str, float]:
    """Seconds for each prediction of a block: of the champion, the process, and its parts."""
    hosted, shadows = deployment.classifiers.by_name[NAME], deployment.promotion.shadows
    pid = shadows._child.pid
    before, parts = processor(pid), dict(shadow.took)
    records = stream.go(BLOCK)
    deployment.flush()
    head = deployment.store.head[0]
    wait_for(lambda: shadows.report(hosted, shadow.spec.version)["at"] >= head)
    process = processor(pid) - before
    begun = time.thread_time()
    with hosted.replicas.reading() as learner:
        for x in records:
            learner.predict(x)
    champion = time.thread_time() - begun
    whole = catch_up(deployment, shadow)
    took = {PARTS[part]: shadow.took[part] - parts[part] for part in PARTS}
    took |= {"champion": champion, "process": process, "reading": whole - sum(took.values())}
    return {name: seconds / BLOCK for name, seconds in took.items()}


def catch_up(deployment: quickstudy.Deployment, shadow: Timed) -> float:
    """Follow the log to its end: seconds of this thread."""
    begun = time.thread_time()
    with deployment.store.reading() as connection:
        while shadow.follow(connection):
            pass
    return time.thread_time() - begun


def processor(pid: int) -> float:
    """Processor time of a process so far, user and system, in seconds."""
    facts = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(facts[11]) + int(facts[12])) / TICKS


def wait_for(holds: Callable[[], bool]) -> None:
    """Until something holds."""
    ends = time.monotonic() + LONGEST
    while not holds():
        assert time.monotonic() < ends, "it never came to that"
        time.sleep(0.005)


def overhead(scale: Scale, tick: Tick) -> Row:
    """Ratios of medians over the blocks of one run."""
    folder = scale.folder / "overhead"
    folder.mkdir()
    found = outcome(compare(folder / "work.db", scale), PATIENCE)
    took = [message for message in found if message["kind"] == "block"]
    tick(len(took))
    problems = [m["error"] for m in found if m["kind"] in ("failed", "died")]
    if not took:
        return Row("overhead of a challenger", 0, "<= 1 x a prediction", "nothing", problems)
    names = (*PARTS.values(), "reading", "process", "champion")
    middle = {name: statistics.median(one[name] for one in took) for name in names}
    ratios = {name: seconds / middle["champion"] for name, seconds in middle.items()}
    gate_and_shadow = ratios["answering"] + ratios["comparing"]
    if gate_and_shadow > 1.0:
        problems.append(f"gate and shadow take {gate_and_shadow:.2f} x the champion's prediction")
    return Row(
        "overhead of a challenger",
        len(took) * BLOCK,
        "<= 1 x a prediction",
        f"gate and shadow {gate_and_shadow:.2f} x (shadow answering {ratios['answering']:.2f}, "
        f"gate comparing {ratios['comparing']:.2f}) the {1e6 * middle['champion']:.0f} us of a "
        f"prediction; besides, reading the log {ratios['reading']:.2f}, learning, half of them "
        f"labelled, {ratios['learning']:.2f}; the whole process {ratios['process']:.2f}",
        problems,
        {"us": {n: round(1e6 * s, 1) for n, s in middle.items()}, "times": ratios},
    )
