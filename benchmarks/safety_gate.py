"""R14 and R15: what the gate lets through, of equals and of learners that only look good.

Run by `python benchmarks/safety.py`. R14 looks, after every event, at simulated streams of two
versions that are equally good, or of one that is worse by exactly the margin, and counts those in
which the gate would ever promote; beside it a z-test that is looked at as often. R15 sends
challengers that are not worth promoting, and one that is, through the gate against a champion
that learns the same stream.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from tests.crash.rows import Row, Scale, Tick

from quickstudy import Classifier
from quickstudy.deploy.promotion.baselines import NAMES, Baselines
from quickstudy.deploy.promotion.gate import Gate, PairedOutcome, PinResult
from quickstudy.stats.paired import bar, first_crossings

ALPHA, MARGIN = 0.05, 0.02
STREAMS, CASES, BATCH = 4000, 3000, 500
LEAST = 0.05  # the smallest label probability
THROUGH = 5  # streams of each kind that also go through a `Gate`, one case at a time

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Kind:
    """Streams of one kind: only the champion wrong with `p`, only the challenger with `q`."""

    name: str
    p: float
    q: float
    partial: bool = False
    simpler: bool = False


EQUALS = (
    Kind("2 % discordant", 0.01, 0.01),
    Kind("10 % discordant", 0.05, 0.05),
    Kind("40 % discordant", 0.2, 0.2),
    Kind("10 % discordant, labels at 5 to 100 %", 0.05, 0.05, partial=True),
    Kind("40 % discordant, labels at 5 to 100 %", 0.2, 0.2, partial=True),
    Kind("no larger, worse by the margin", 0.04, 0.06, simpler=True),
    Kind("the same, labels at 5 to 100 %", 0.04, 0.06, partial=True, simpler=True),
)
BETTER = {
    10: Kind("10 points", 0.15, 0.05),
    4: Kind("4 points", 0.06, 0.02),
    2: Kind("2 points", 0.05, 0.03),
}


def draw(kind: Kind, shape: tuple[int, int], rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Differences, and scales: pi_min/pi where there is a label, 0 where there is none.

    In partial streams the cases on which the two differ are also the likelier to be labelled.
    """
    u = rng.random(shape)
    d = (u < kind.p).astype(float) - ((u >= kind.p) & (u < kind.p + kind.q))
    if not kind.partial:
        return d, np.ones(shape)
    pi = np.where(rng.random(shape) < np.where(d == 0.0, 0.2, 0.6), 1.0, rng.choice(PI, shape))
    return d, (rng.random(shape) < pi) * LEAST / pi


PI = np.array([0.05, 0.2, 0.5])


def promoted(kind: Kind, d: Floats, scales: Floats) -> NDArray[np.int64]:
    """Case at which the gate's rule "better" holds for the first time, 0: never."""
    margin = MARGIN if kind.simpler else 0.0  # evidence with the margin is never the smaller one
    return first_crossings(d, bar(ALPHA), scales=scales, margin=margin)


def through_gate(kind: Kind, d: Floats, scales: Floats) -> int:
    """The same of one stream, by a `Gate` that is asked after every case."""
    gate = Gate(alpha=ALPHA, margin=MARGIN, simpler=kind.simpler)
    for seq in np.flatnonzero(scales):
        case = PairedOutcome(int(seq), bool(d[seq] > 0), bool(d[seq] < 0), scale=float(scales[seq]))
        gate.compare(case)
        if gate.route is not None:
            return int(seq) + 1
    return 0


def z_test(d: Floats) -> float:
    """Share of streams in which a one-sided z-test at alpha ever says "better" from case 30 on."""
    total, squares = np.cumsum(d, axis=1), np.cumsum(d**2, axis=1)
    z = total[:, 30:] / np.sqrt(np.maximum(squares[:, 30:], 1.0))
    return float((z > 1.6449).any(axis=1).mean())


def equals(kind: Kind, streams: int, tick: Tick) -> dict[str, Any]:
    """False promotions among streams of a kind."""
    rng = np.random.default_rng([14, EQUALS.index(kind)])
    false, fooled, differ = 0, [], 0
    for start in range(0, streams, BATCH):
        d, scales = draw(kind, (min(BATCH, streams - start), CASES), rng)
        found = promoted(kind, d, scales)
        false += int((found > 0).sum())
        fooled.append(z_test(d))
        if start == 0:
            rows = [*np.flatnonzero(found)[:THROUGH], *range(THROUGH)]
            differ = sum(through_gate(kind, d[i], scales[i]) != found[i] for i in rows)
        tick(1)
    share = {"false": false, "share": false / streams, "gate_differs": int(differ)}
    return share if kind.partial or kind.simpler else share | {"z_test": float(np.mean(fooled))}


def powers(streams: int) -> dict[int, float]:
    """Median cases until a better challenger is promoted, by points that it errs less."""
    found = {}
    for points, kind in BETTER.items():
        d, scales = draw(kind, (streams, 2 * CASES), np.random.default_rng([15, points]))
        cases = promoted(kind, d, scales)
        found[points] = float(np.median(np.where(cases == 0, 2 * CASES, cases)))
    return found


def r14_steps(scale: Scale) -> int:
    """Of the progress bar."""
    return len(EQUALS) * (STREAMS // BATCH if scale.thorough else 1) + 1


def r14(scale: Scale, tick: Tick) -> Row:
    """False promotions of all kinds, and the power."""
    streams = STREAMS if scale.thorough else BATCH
    kinds = {kind.name: equals(kind, streams, tick) for kind in EQUALS}
    cases = powers(400 if scale.thorough else 101)
    tick(1)
    problems = [f"{n}: {k['share']:.1%} promoted" for n, k in kinds.items() if k["share"] > ALPHA]
    problems += [f"{n}: a Gate says otherwise" for n, k in kinds.items() if k["gate_differs"]]
    shares = [k["share"] for k in kinds.values()]
    fooled = [k["z_test"] for k in kinds.values() if "z_test" in k]
    return Row(
        "R14 a challenger that is no better",
        streams * len(EQUALS),
        f"false promotions <= {ALPHA:.0%}",
        f"{min(shares):.1%} to {max(shares):.1%} (a z-test looked at as often: {min(fooled):.0%} "
        f"to {max(fooled):.0%}); 10, 4, 2 points better: promoted after "
        + ", ".join(f"{cases[points]:,.0f}" for points in (10, 4, 2))
        + " cases (median)",
        problems,
        {"kinds": kinds, "median_cases": cases, "cases": CASES},
    )


class Learner(Protocol):
    """What R15 asks of a champion or a challenger."""

    def answer(self, x: Any) -> str | None:
        """Its label for an input."""

    def learn(self, x: Any, y: str) -> None:
        """The label of an input has come."""


class Real:
    """A `Classifier`."""

    def __init__(self, *experts: str) -> None:
        self._classifier = Classifier(budget_mb=16, experts=experts or None, seed=1)

    def answer(self, x: Any) -> str | None:
        """Its label."""
        return self._classifier.predict(x).label  # type: ignore[return-value]

    def learn(self, x: Any, y: str) -> None:
        """One example."""
        self._classifier.learn(x, y)


class Majority:
    """The commonest label so far."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def answer(self, x: Any) -> str | None:
        """The commonest."""
        return max(self.counts, key=self.counts.__getitem__, default=None)

    def learn(self, x: Any, y: str) -> None:
        """Count it."""
        self.counts[y] += 1


class NoChange:
    """The last label."""

    last: str | None = None

    def answer(self, x: Any) -> str | None:
        """The last."""
        return self.last

    def learn(self, x: Any, y: str) -> None:
        """Keep it."""
        self.last = y


class Memoriser(Majority):
    """The label that this very input had; else the commonest."""

    def __init__(self) -> None:
        super().__init__()
        self.table: dict[str, str] = {}

    def answer(self, x: Any) -> str | None:
        """By heart."""
        return self.table.get(repr(x), super().answer(x))

    def learn(self, x: Any, y: str) -> None:
        """By heart."""
        super().learn(x, y)
        self.table[repr(x)] = y


class Peeker(Memoriser):
    """Right whenever the label is known to anyone, as it can read the store; else it guesses."""

    def __init__(self) -> None:
        super().__init__()
        self._rng = np.random.default_rng(3)

    def answer(self, x: Any) -> str | None:
        """What it has read, or a guess."""
        if repr(x) in self.table or not self.counts:
            return self.table.get(repr(x))
        return str(self._rng.choice(sorted(self.counts)))


BAD: dict[str, Callable[[], Learner]] = {
    "label-peeker": Peeker,
    "memoriser": Memoriser,
    "no-change": NoChange,
    "majority": Majority,
}
DELAY = 5  # cases until a label comes
PINNED = 40


def tickets(count: int) -> Iterator[tuple[Any, str]]:
    """Records with labels: one in seven has come before, and half are followed by their like."""
    rng = np.random.default_rng(5)
    seen: list[tuple[Any, str]] = []
    for _ in range(count):
        if seen and rng.random() < 0.15:
            yield seen[rng.integers(len(seen))]
            continue
        amount, age, hour = (round(float(v), 3) for v in rng.random(3))
        kind = str(rng.choice(["card", "cash", "transfer"], p=[0.6, 0.25, 0.15]))
        site = "north" if rng.random() < 0.7 else "south"
        large = amount + 0.3 * (kind == "cash") > 0.8
        label = "check" if large != (age < 0.25) else "refuse" if kind == "transfer" else "pay"
        if rng.random() < 0.03:
            label = str(rng.choice(["pay", "check", "refuse"]))
        case = ({"amount": amount, "age": age, "hour": hour, "kind": kind, "site": site}, label)
        seen.append(case)
        yield case


class Shadow:
    """A champion and challengers on one stream, each compared before its label is known."""

    def __init__(self, challengers: dict[str, Learner], simpler: Iterable[str]) -> None:
        self.champion: Learner = Real("softmax smooth")
        self.challengers = challengers
        self.baselines = Baselines()
        self.gates = {
            name: Gate(alpha=ALPHA, margin=MARGIN, simpler=name in simpler) for name in challengers
        }
        self.pins: list[tuple[Any, str]] = []
        self.promoted: dict[str, int] = {}
        self.after = dict.fromkeys(challengers, 0)  # right when asked again, with the label known
        self.cases = 0

    def run(self, stream: Iterable[tuple[Any, str]], tick: Tick) -> None:
        """Answer, and compare when the label comes: `DELAY` cases later."""
        waiting: deque[tuple[Any, str, dict[str, Any], tuple[Any, ...]]] = deque()
        for x, y in stream:
            answers = {name: c.answer(x) for name, c in self.everyone.items()}
            waiting.append((x, y, answers, self.baselines.answers(x)))
            if len(waiting) > DELAY:
                self.label(*waiting.popleft())
            tick(1)

    @property
    def everyone(self) -> dict[str, Learner]:
        """The champion and all challengers."""
        return {"champion": self.champion, **self.challengers}

    def label(self, x: Any, y: str, answers: dict[str, Any], simple: tuple[Any, ...]) -> None:
        """A label has come: compare what was said before, then learn."""
        self.cases += 1
        wrong = tuple((n, a != y) for n, a in zip(NAMES, simple, strict=True))
        groups = (f"site={x['site']}", f"label={y}")
        for learner in (*self.everyone.values(), self.baselines):
            learner.learn(x, y)
        if len(self.pins) < PINNED and answers["champion"] != y:
            self.pins.append((x, y))
        for name, gate in self.gates.items():
            before, after = answers["champion"] != y, answers[name] != y
            gate.compare(PairedOutcome(self.cases, before, after, baselines=wrong, groups=groups))
            self.after[name] += self.challengers[name].answer(x) == y
            if name not in self.promoted and not failing(gate):
                self.promoted[name] = self.cases

    def exam(self, name: str) -> list[PinResult]:
        """Pinned corrections of the champion: it and the challenger have since learned them."""
        passes = [
            [learner.answer(x) == y for x, y in self.pins]
            for learner in (self.champion, self.challengers[name])
        ]
        pairs = zip(*passes, strict=True)
        return [PinResult(f"pin-{i}", "must", *pair) for i, pair in enumerate(pairs)]


def failing(gate: Gate, exam: Iterable[PinResult] = ()) -> list[str]:
    """Names of the conditions that do not hold."""
    return [c.name for c in gate.conditions(exam=tuple(exam)) if not c.holds]


def r15_cases(scale: Scale) -> int:
    """Length of the stream."""
    return 3000 if scale.thorough else 1000


def r15_steps(scale: Scale) -> int:
    """Of the progress bar."""
    return r15_cases(scale)


def r15(scale: Scale, tick: Tick) -> Row:
    """Four that are to be refused, and one that is to be promoted."""
    shadow = Shadow({name: make() for name, make in BAD.items()} | {"better": Real()}, BAD)
    shadow.run(tickets(r15_cases(scale)), tick)
    why = {name: failing(shadow.gates[name], shadow.exam(name)) for name in BAD}
    problems = [f"{n}: promoted at case {shadow.promoted[n]}" for n in BAD if n in shadow.promoted]
    problems += [f"{n}: passes at the end" for n in BAD if not why[n]]
    if "better" not in shadow.promoted:
        problems.append(f"the better one was refused: {failing(shadow.gates['better'])}")
    said = "; ".join(f"{name}: fails {', '.join(why[name])}" for name in BAD)
    known = min(shadow.after["label-peeker"], shadow.after["memoriser"]) / shadow.cases
    return Row(
        "R15 a peeker, a memoriser, no-change, majority",
        shadow.cases,
        "refused",
        f"{said} (asked again with the label known the first two are {known:.0%} right); one that "
        f"errs {shadow.gates['better'].gain * 100:.0f} points less than the champion: promoted "
        f"after {shadow.promoted.get('better', 0):,} cases",
        problems,
        {
            "promoted": shadow.promoted,
            "right_once_the_label_is_known": {n: v / shadow.cases for n, v in shadow.after.items()},
            "conditions": {
                n: {c.name: c.detail for c in gate.conditions(exam=shadow.exam(n))}
                for n, gate in shadow.gates.items()
            },
        },
    )
