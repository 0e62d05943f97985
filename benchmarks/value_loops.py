"""What the memory for loops adds: the same learner with and without it, and plain counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from common import Figures
from quickstudy import ValueFunction
from value_scores import (
    POINTS,
    Course,
    Watched,
    difference,
    follow,
    forecast_of,
    ordered,
    resamples,
    successes,
)


def thrice_running(actions: Sequence[str]) -> bool:
    """The same action three times, one after the other.

    >>> thrice_running(["a", "b", "b", "b"]), thrice_running(["b", "a", "b", "b"])
    (True, False)
    """
    return any(len(set(actions[i : i + 3])) == 1 for i in range(len(actions) - 2))


def thrice(actions: Sequence[str]) -> bool:
    """Whether an action occurs three times."""
    return max(Counter(actions).values(), default=0) >= 3


def to_and_fro(actions: Sequence[str]) -> bool:
    """A-B-A-B of two different actions."""
    fours = (actions[i : i + 4] for i in range(len(actions) - 3))
    return any(f[0] == f[2] != f[1] == f[3] for f in fours)


COUNTED = {
    "the same action three times running": thrice_running,
    "the same action three times": thrice,
    "A-B-A-B": to_and_fro,
}


def loops(
    name: str, shuffles: list[str], *, most: int | None, tick: Callable[..., None]
) -> Figures:
    """With less without, in file order and in others."""
    runs = ordered(name, "file order", most)
    tick(0, total=2 * len(runs) * (1 + len(shuffles)))
    found: Figures = {"counts": counts(runs), "orders": {}}
    for order in ("file order", *shuffles):
        runs = ordered(name, order, most)
        on, off = (follow(ValueFunction(loops=kept), runs, tick=tick) for kept in (True, False))
        found["orders"][order] = sides(runs, on, off)
    return found


def counts(runs: Sequence[Course]) -> Figures:
    """Runs and successes with each kind of loop, and of all other runs."""
    won, found = successes(runs), {}
    actions = [[m["action"] for m in run.messages if m["action"]] for run in runs]
    for what, has in COUNTED.items():
        here = np.array([has(a) for a in actions])
        there = {"runs": int(here.sum()), "successes": int(won[here].sum())}
        found[what] = there | {"others": int((~here).sum()), "they": int(won[~here].sum())}
    return found


def sides(runs: Sequence[Course], on: list[Watched], off: list[Watched]) -> Figures:
    """At every point, over all steps, and over the steps of looping runs from the loop on."""
    won = successes(runs)
    with_, without = forecast_of(on), forecast_of(off)
    looped = [next((k for k, loop in enumerate(seen.loops) if loop), None) for seen in on]
    found: Figures = {"points": {p: difference(p, won, with_, without) for p in POINTS}}
    found["all steps"] = per_step(won, with_, without, [0] * len(runs))
    found["after a loop"] = per_step(won, with_, without, looped)
    first = [seen.loops[k] for seen, k in zip(on, looped, strict=True) if k is not None]
    found["kinds"] = dict(Counter(map(kind, first)))
    return found


def kind(loop: Any) -> str:
    """A loop in words."""
    exact = "exact" if loop.exact else "alike"
    return f"{loop.kind} of {loop.period}, {exact}"


def per_step(won: Any, on: Any, off: Any, first: Sequence[int | None]) -> Figures:
    """Runs, successes, mean forecasts, and the Brier score's change, each run counting once."""
    here = [i for i, k in enumerate(first) if k is not None]
    if not here:
        return {"runs": 0}
    tails = [(on[i][first[i] :], off[i][first[i] :], won[i]) for i in here]
    errors = np.array([np.mean((a - y) ** 2) - np.mean((b - y) ** 2) for a, b, y in tails])
    drawn = resamples(len(won))[:, here]
    with np.errstate(invalid="ignore"):
        low, high = np.nanquantile(drawn @ errors / drawn.sum(1), [0.025, 0.975])
    return {
        "runs": len(here),
        "successes": int(won[here].sum()),
        "said with": float(np.mean([a.mean() for a, _, _ in tails])),
        "said without": float(np.mean([b.mean() for _, b, _ in tails])),
        "brier": [float(errors.mean()), float(low), float(high)],
    }


def show(console: Console, found: dict[str, Figures]) -> None:
    """Print the outcomes of runs with loops, and the gain from detecting loops."""
    for name, run in found.items():
        if not name.startswith("loops | "):
            continue
        table = Table("", "runs", "succeeded", "others", "succeeded", title=name)
        for what, c in run["counts"].items():
            shares = (share(c["successes"], c["runs"]), share(c["they"], c["others"]))
            table.add_row(what, str(c["runs"]), shares[0], str(c["others"]), shares[1])
        console.print(table)
        table = Table("with less without", *POINTS, title=f"{name}: what they add")
        for order, side in run["orders"].items():
            for score in ("auroc", "brier"):
                gaps = (side["points"][p][score] for p in POINTS)
                table.add_row(f"{score}, {order}", *(signed(gap, order) for gap in gaps))
        console.print(table)
        for order, side in run["orders"].items():
            console.print(f"{order}: {side['kinds']}", *(tail(side, w) for w in TAILS), sep="\n  ")


TAILS = ("all steps", "after a loop")


def tail(side: Figures, where: str) -> str:
    """One line of what is said over many steps."""
    s = side[where]
    if not s["runs"]:
        return f"{where}: none"
    gap, low, high = s["brier"]
    return (
        f"{where}: {s['runs']} runs, {share(s['successes'], s['runs'])} succeeded, said "
        f"{s['said with']:.3f}, without {s['said without']:.3f}; "
        f"Brier {gap:+.4f} [{low:+.4f}, {high:+.4f}]"
    )


def share(part: int, whole: int) -> str:
    return f"{part / whole:.0%}" if whole else "-"


def signed(gap: list[float | None], order: str) -> str:
    if gap[0] is None:
        return "-"
    return f"{gap[0]:+.4f}\n[{gap[1]:+.4f}, {gap[2]:+.4f}]" if "file" in order else f"{gap[0]:+.4f}"
