"""Processes whose values are known: random walks and a chain with rewards, and a batch LSTD.

The value of a state is the expected return, V(s) = E[r + discount V(s')], where r comes with the
step into s' and the outcome with the step that ends the run: a linear system, solved exactly. After
200 episodes a default learner says its values along 50 fresh episodes that it does not learn, and
what it says in a state is averaged. States are records, which describe a state by themselves; as
vectors, which a learner takes for one utterance of many, they are there for comparison.

The standard error is that of the plain mean of returns from the state over the 200 episodes, known
exactly: the standard deviation of the return (second moments solve a linear system too) over the
root of the number of episodes that came through it. It is the right one because it is what those
episodes can tell without any model, and does not depend on the learner: a learner that is erratic
cannot excuse itself by its own spread. Judged are states that 30 episodes or more came through.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from common import Figures, claim
from quickstudy import ValueFunction
from quickstudy.experts.lstd import LSTD
from quickstudy.types import Input

EPISODES, FRESH, ENOUGH = 200, 50, 30
WITHIN = 0.99  # of the values: plain means of first visits reach 0.986 to 0.996, LSTD(0) 1.0
RUNS, WIDTH, RIDGE = 80, 12, 0.3  # of the comparison with a batch solution
TRACES, DISCOUNTS = (0.0, 0.5, 0.9, 1.0), (1.0, 0.9)
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Process:
    """A Markov chain with rewards; the last two states are its ends.

    Attributes:
        chances: of the next state, shape (states, states + 2): the columns after the states are the
            bad end and the good one.
        rewards: that come with each step, of the same shape; into an end: the outcome.
    """

    chances: Floats
    rewards: Floats
    discount: float
    start: int

    @property
    def states(self) -> int:
        return len(self.chances)

    def values(self) -> Floats:
        """Expected return from each state."""
        now, mean = self.chances[:, : self.states], (self.chances * self.rewards).sum(1)
        return np.linalg.solve(np.eye(self.states) - self.discount * now, mean)

    def spreads(self) -> Floats:
        """Standard deviation of the return from each state."""
        now, v, g = self.chances[:, : self.states], self.values(), self.discount
        after = np.r_[v, 0.0, 0.0]
        mean = (self.chances * (self.rewards**2 + 2 * g * self.rewards * after)).sum(1)
        square = np.linalg.solve(np.eye(self.states) - g**2 * now, mean)
        return np.sqrt(np.maximum(square - v**2, 0.0))

    def episode(self, rng: np.random.Generator) -> tuple[list[int], list[float], float]:
        """States, the reward with each of them, and the outcome."""
        states, rewards, upto = [self.start], [0.0], self.chances.cumsum(axis=1)
        while True:
            after = int(np.searchsorted(upto[states[-1]], rng.random(), side="right"))
            reward = float(self.rewards[states[-1], after])
            if after >= self.states:
                return states, rewards, reward
            states.append(after)
            rewards.append(reward)


def random_walk(states: int, discount: float = 1.0) -> Process:
    """Left or right with the same chance from the middle; the right end pays 1."""
    chances = np.zeros((states, states + 2))
    for s in range(states):
        chances[s, s - 1 if s else states] += 0.5
        chances[s, s + 1 if s < states - 1 else states + 1] += 0.5
    rewards = np.zeros_like(chances)
    rewards[:, -1] = 1.0
    return Process(chances, rewards, discount, states // 2)


def chain(states: int, discount: float = 1.0) -> Process:
    """On with 0.7 (pays 0.05), back with 0.2 (costs 0.05), lost with 0.1; its end pays 1."""
    chances, rewards = np.zeros((2, states, states + 2))
    for s in range(states):
        chances[s, states] += 0.1
        chances[s, max(s - 1, 0)] += 0.2
        chances[s, s + 1 if s < states - 1 else states + 1] += 0.7
        rewards[s, : s + 1], rewards[s, s + 1 : states] = -0.05, 0.05
    rewards[:, -1] = 1.0
    return Process(chances, rewards, discount, 0)


PROCESSES: dict[str, Callable[[], Process]] = {
    "random walk, 19 states": partial(random_walk, 19),
    "random walk, 19 states, discount 0.95": partial(random_walk, 19, 0.95),
    "chain, 8 states, rewards": partial(chain, 8),
    "chain, 8 states, rewards, discount 0.9": partial(chain, 8, 0.9),
}


def record(state: int, _: int) -> Input:
    return {"state": f"s{state}"}


def vector(state: int, states: int) -> Input:
    return np.eye(states, dtype=np.float32)[state]


FORMS: dict[str, Callable[[int, int], Input]] = {"record": record, "vector": vector}


def said(process: Process, form: str, seed: int) -> tuple[Floats, Floats]:
    """Mean value said in each state after 200 episodes, and how many of them came through it."""
    rng = np.random.default_rng(seed)
    learner = ValueFunction(discount=process.discount, seed=seed)
    inputs = [FORMS[form](s, process.states) for s in range(process.states)]
    through, total, visits = np.zeros((3, process.states))
    for number in range(EPISODES + FRESH):
        states, rewards, outcome = process.episode(rng)
        run = learner.start()
        for s, reward in zip(states, rewards, strict=True):
            value = run.step(inputs[s], reward=reward).value
            if number >= EPISODES:
                total[s] += value
                visits[s] += 1
        if number >= EPISODES:
            run.expire()
            continue
        run.end(outcome)
        through[sorted(set(states))] += 1
    return total / np.maximum(visits, 1), through * (visits > 0)


def control(kind: str, form: str, seeds: int, *, tick: Callable[..., None]) -> Figures:
    """Distances from the exact values in standard errors, over states and seeds."""
    tick(0, total=seeds)
    process = PROCESSES[kind]()
    exact, spread = process.values(), process.spreads()
    distances, values = [], []
    for seed in range(seeds):
        value, through = said(process, form, seed)
        enough = through >= ENOUGH
        error = spread / np.sqrt(np.maximum(through, 1))
        distances.append(np.where(enough, (value - exact) / error, np.nan))
        values.append(value)
        tick(1)
    z = np.array(distances)
    judged = np.isfinite(z)
    return {
        "seeds": seeds,
        "judged": int(judged.sum()),
        "within 3": float((np.abs(z[judged]) <= 3.0).mean()),
        "seeds within 3": int((np.nanmax(np.abs(z), axis=1) <= 3.0).sum()),
        "farthest": float(np.abs(z[judged]).max()),
        "farthest mean": float(np.abs(np.nanmean(z, axis=0)).max()),
        "rms error": float(np.sqrt(np.mean((np.array(values) - exact) ** 2))),
        "exact": exact.tolist(),
        "said": np.mean(values, axis=0).tolist(),
    }


def batch(*, tick: Callable[..., None]) -> Figures:
    """LSTD(lambda) learned run by run, compared with one solution from all the runs."""
    tick(0, total=len(TRACES) * len(DISCOUNTS))
    rng, found = np.random.default_rng(0), {}
    lengths = rng.integers(1, 20, size=RUNS)
    rows = [np.c_[rng.normal(size=(n, WIDTH - 1)), np.ones(n)] for n in lengths]
    rewards = [rng.normal(size=(n, 2)) for n in lengths]
    for trace in TRACES:
        for discount in DISCOUNTS:
            online = LSTD(WIDTH, heads=2, discount=discount, trace=trace, ridge=RIDGE)
            for x, r in zip(rows, rewards, strict=True):
                online.learn(x, r)
            gap = online.weights - at_once(rows, rewards, discount, trace)
            found[f"lambda {trace:g}, discount {discount:g}"] = float(np.abs(gap).max())
            tick(1)
    return {"runs": RUNS, "apart": max(found.values()), "settings": found}


def at_once(rows: list[Floats], rewards: list[Floats], discount: float, trace: float) -> Floats:
    """(X' L' (X - discount N X) + R)^-1 X' L' r over the steps of all runs.

    N takes a step to the next one of its run, L adds up (discount lambda)^k of the k-th before it.
    R is the ridge, none for the constant.
    """
    x, n = np.vstack(rows), sum(map(len, rows))
    after, faded, start = np.zeros((n, n)), np.zeros((n, n)), 0
    for run in rows:
        here = slice(start, start + len(run))
        back = np.subtract.outer(np.arange(len(run)), np.arange(len(run)))
        after[here, here] = np.eye(len(run), k=1)
        faded[here, here] = np.where(back >= 0, (discount * trace) ** np.maximum(back, 0), 0.0)
        start += len(run)
    traces = faded @ x
    matrix = traces.T @ (x - discount * after @ x) + np.diag([RIDGE] * (WIDTH - 1) + [0.0])
    return np.linalg.solve(matrix, traces.T @ np.vstack(rewards))


def show(console: Console, found: dict[str, Figures]) -> None:
    """Exact and learned values, and distances."""
    for name, run in found.items():
        if name.startswith("controls | ") and "exact" in run:
            table = Table(title=name, title_justify="left")
            table.add_column("state")
            for s in range(len(run["exact"])):
                table.add_column(str(s + 1), justify="right")
            for row in ("exact", "said"):
                table.add_row(row, *(f"{v:.2f}" for v in run[row]))
            console.print(table)
            console.print(
                f"{run['within 3']:.2%} of {run['judged']} values (states x {run['seeds']} seeds) "
                f"within 3 standard errors, all of them in {run['seeds within 3']} seeds, the "
                f"farthest {run['farthest']:.1f}; means over seeds at most "
                f"{run['farthest mean']:.2f}; root mean square error {run['rms error']:.3f}"
            )
        elif name.startswith("controls | "):
            console.print(f"{name}: at most {run['apart']:.1e} from the batch solution")


def claims(found: dict[str, Figures]) -> list[Figures]:
    """Within 3 standard errors, but for what chance allows; the batch to 1e-9."""
    made = []
    for kind in PROCESSES:
        share = found.get(f"controls | {kind} | record", {}).get("within 3")
        made.append(claim(f"{kind}, within 3 standard errors", share, ">=", WITHIN))
    apart = found.get("controls | LSTD(lambda)", {}).get("apart")
    return [*made, claim("LSTD(lambda), from the batch solution", apart, "<=", 1e-9)]
