"""Two ticket queues swap their meaning overnight; what a deployed learner does about it.

    python examples/drift.py --plot drift.png      less than a minute

A small company sorts its tickets into four queues. The learner earns the right to sort by itself,
at 90 % precision: by labels that people give, then by answers that they approve. One night the
teams behind "billing" and "orders" swap their work, and nobody tells the learner. Of what it sorts
by itself a fifth is checked; those checks raise the alarm, from the next answer on it asks, learns
from what people say, and earns its way back.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track

import quickstudy

QUEUES = ("billing", "orders", "returns", "access")
TOPICS = {
    "billing": ("invoice", "refund", "card", "tax"),
    "orders": ("delivery", "parcel", "courier", "stock"),
    "returns": ("broken", "exchange", "label", "warranty"),
    "access": ("password", "login", "account", "code"),
}
SWAPPED = {"billing": "orders", "orders": "billing"}
TARGET, WINDOW = 0.9, 100  # tickets of a moving average
LEVELS = ("shadow", "suggest", "approve", "act")
TELLING = """\
ticket {acts_from:,}: it sorts by itself
until the swap {precision_before:.1%} of that is right; the target is {target:.0%}
ticket {swap:,}: two queues swap overnight
ticket {alarm:,}: alarm, after {acted} answers of its own, {wrong} of them wrong
ticket {acts_again_from:,}: it has earned its way back
from there on {precision_after:.1%} of what it does alone is right"""


def ticket(rng: np.random.Generator) -> tuple[dict[str, str | int], str]:
    """A ticket and the queue that it belongs to; one in a hundred misleads."""
    queue = str(rng.choice(QUEUES))
    about = queue if rng.random() < 0.99 else str(rng.choice(QUEUES))
    word = str(rng.choice(TOPICS[about]))
    channel = str(rng.choice(("mail", "chat")))
    return {"word": word, "channel": channel, "urgent": int(rng.integers(3))}, queue


def live(count: int, swap: int, folder: Path) -> np.ndarray:
    """A row for each case: acted, wrong, labelled (0 or 1), and the level."""
    rng = np.random.default_rng(5)
    rows = []
    with quickstudy.open(folder / "work.db") as deployment:
        deployment.create("tickets", target=TARGET, alpha=0.1, audit=0.2, seed=1, trusted=["lead"])
        for at in track(range(count), "tickets", console=Console(stderr=True)):
            record, queue = ticket(rng)
            right = SWAPPED.get(queue, queue) if at >= swap else queue
            answer = deployment.predict("tickets", record)
            due = answer.decision == "ask" or answer.audit
            if due:
                deployment.feedback(answer.id, label=right, source="lead", wait_learned=True)
            level = LEVELS.index(answer.level)
            rows.append((answer.decision == "act", answer.label != right, due, level))
    return np.array(rows, dtype=int)


def told(rows: np.ndarray, swap: int) -> dict[str, float]:
    """What happened: tickets count from 0, precision is that of what it did alone.

    Raises:
        SystemExit: it never acted, was never stopped or did not come back: too few tickets.
    """
    acted, wrong, level = rows[:, 0] == 1, rows[:, 1] == 1, rows[:, 3]
    lost = [i for i in range(swap, len(rows)) if level[i] < level[i - 1]]
    alarm = lost[0] if lost else len(rows)  # the first ticket for which it asks again
    if not (acted[:swap].any() and acted[alarm:].any()):
        raise SystemExit("the story does not come to its end: give it more --tickets")
    again = alarm + int(np.argmax(acted[alarm:]))
    return {
        "acts_from": int(np.argmax(acted)),
        "precision_before": 1 - float(wrong[:swap][acted[:swap]].mean()),
        "alarm": alarm,
        "acted": int(acted[swap:alarm].sum()),
        "wrong": int((acted & wrong)[swap:alarm].sum()),
        "acts_again_from": again,
        "precision_after": 1 - float(wrong[again:][acted[again:]].mean()),
    }


def moving(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weighted mean of the last `WINDOW` values; not a number where the case itself has none."""
    sums = [np.convolve(v, np.ones(WINDOW))[: len(v)] for v in (values * weights, weights)]
    return np.where(weights > 0, sums[0] / np.maximum(sums[1], 1), np.nan)


def plot(rows: np.ndarray, alarm: float, swap: int, path: Path) -> None:
    """Four panels over the tickets."""
    from matplotlib.figure import Figure

    acted, wrong, due, level = rows.T
    every, at = np.ones(len(rows)), range(len(rows))
    figure = Figure(figsize=(9, 8), layout="constrained")
    right, alone, asked, levels = axes = figure.subplots(4, 1, sharex=True)
    right.plot(at, moving(1 - wrong, every), color="0.6", lw=1, label="all suggestions")
    right.plot(at, moving(1 - wrong, acted), color="C0", label="what it did alone")
    right.axhline(TARGET, color="C2", ls="--", lw=1, label=f"target: {TARGET:.0%}")
    right.set(ylim=(0.4, 1.03), ylabel="right")
    right.legend(loc="lower right", fontsize=8)
    alone.fill_between(at, moving(acted, every), color="C0", alpha=0.4)
    alone.set(ylim=(0, 1.05), ylabel="handled alone")
    asked.fill_between(at, moving(due, every), color="C1", alpha=0.4)
    asked.set(ylim=(0, 1.05), ylabel="labels asked for")
    levels.step(at, level, where="post", color="C3")
    levels.set(yticks=range(4), yticklabels=LEVELS, ylim=(-0.3, 3.4), xlabel="ticket")
    for axis in axes:
        axis.axvline(swap, color="k", lw=1)
        axis.axvline(alarm, color="C3", lw=1.5, ls=":")
    right.annotate("two queues swap ", (swap, 0.45), ha="right")
    right.annotate(f" alarm, {alarm - swap} tickets later", (alarm, 0.45), color="C3")
    figure.suptitle(f"Two labels swap their meaning overnight (means of {WINDOW} tickets)")
    levels.set_xlim(0, len(rows))
    figure.savefig(path, dpi=100)


def main() -> None:
    """Live through it, and tell."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--tickets", type=int, default=1600)
    parser.add_argument("--swap", type=int, default=600, help="first ticket after the night")
    parser.add_argument("--plot", type=Path, help="write the plot to this file")
    parser.add_argument("--json", action="store_true", help="for machines")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = live(asked.tickets, asked.swap, Path(folder))
    story = told(rows, asked.swap)
    if asked.plot:
        plot(rows, story["alarm"], asked.swap, asked.plot)
    if asked.json:
        print(json.dumps(story))
    else:
        print(TELLING.format(swap=asked.swap, target=TARGET, **story))


if __name__ == "__main__":
    main()
