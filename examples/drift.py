"""Two queues of a support desk swap their meaning over night; what a deployed learner makes of it.

    python examples/drift.py --plot drift.png      less than a minute

A small company sorts its tickets into four queues. The learner earns the right to sort by itself,
at 90 % precision: by labels that people give, then by answers that they approve. One night the
teams behind "billing" and "orders" swap their work, and nobody tells the learner. Of what it sorts
by itself a fifth is checked; those checks raise the alarm, from the next answer on it asks, learns
from what people say, and earns its way back.

`--json` prints what happened for machines.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import asdict, dataclass
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
TARGET, WINDOW, TOGETHER = 0.9, 200, 10  # cases of a moving average; tickets that come together
LEVELS = ("shadow", "suggest", "approve", "act")


@dataclass(frozen=True)
class Story:
    """What happened: cases count from 0, precision is that of the answers it acted on."""

    acts_from: int
    precision_before: float
    alarm: int
    acted_until_alarm: int
    wrong_until_alarm: int
    asked_next: bool
    acts_again_from: int
    precision_after: float


def ticket(rng: np.random.Generator) -> tuple[dict[str, str | int], str]:
    """A ticket and the queue that it belongs to; one in fifty is misleading."""
    queue = str(rng.choice(QUEUES))
    about = queue if rng.random() < 0.98 else str(rng.choice(QUEUES))
    word = str(rng.choice(TOPICS[about]))
    channel = str(rng.choice(("mail", "chat")))
    return {"word": word, "channel": channel, "urgent": int(rng.integers(3))}, queue


def live(cases: int, swap: int, folder: Path) -> np.ndarray:
    """A row for each case: acted, wrong, labelled (0 or 1), and the level."""
    rng = np.random.default_rng(5)
    rows = []
    with quickstudy.open(folder / "work.db") as desk:
        desk.create("tickets", target=TARGET, alpha=0.1, audit=0.2, seed=1, trusted=["lead"])
        for at in track(range(cases), "tickets", console=Console(stderr=True)):
            record, queue = ticket(rng)
            right = SWAPPED.get(queue, queue) if at >= swap else queue
            answer = desk.predict("tickets", record)
            due = answer.decision == "ask" or answer.audit
            if due:
                desk.feedback(answer.id, label=right, source="lead", wait_learned=True)
            level = LEVELS.index(answer.level)
            rows.append((answer.decision == "act", answer.label != right, due, level))
    return np.array(rows, dtype=int)


def told(rows: np.ndarray, swap: int) -> Story:
    """The figures of the story.

    Raises:
        SystemExit: it never acted, was never stopped, or did not come back: too few cases.
    """
    acted, wrong, level = rows[:, 0] == 1, rows[:, 1] == 1, rows[:, 3]
    lost = np.flatnonzero((np.diff(level) < 0) & (np.arange(1, len(rows)) >= swap))
    alarm = int(lost[0]) + 1 if len(lost) else len(rows)  # the first case that is asked
    after = np.flatnonzero(acted[alarm:])
    if not (acted[:swap].any() and len(after)):
        raise SystemExit("the story does not come to its end: give it more --cases")
    again = alarm + int(after[0])
    between = acted[swap:alarm]
    return Story(
        acts_from=int(np.argmax(acted)),
        precision_before=round(1 - float(wrong[:swap][acted[:swap]].mean()), 3),
        alarm=alarm,
        acted_until_alarm=int(between.sum()),
        wrong_until_alarm=int(wrong[swap:alarm][between].sum()),
        asked_next=not acted[alarm],
        acts_again_from=again,
        precision_after=round(1 - float(wrong[again:][acted[again:]].mean()), 3),
    )


def moving(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Mean of the last `WINDOW` values, weighted; not a number where there are too few."""
    sums = [
        np.convolve(each, np.ones(WINDOW))[: len(values)] for each in (values * weights, weights)
    ]
    return np.where(sums[1] >= WINDOW / 10, sums[0] / np.maximum(sums[1], 1), np.nan)


def plot(rows: np.ndarray, story: Story, swap: int, path: Path) -> None:
    """Four panels over the cases."""
    from matplotlib.figure import Figure

    acted, wrong, due, level = rows.T
    every = np.ones(len(rows))
    figure = Figure(figsize=(9, 8), layout="constrained")
    axes = figure.subplots(4, 1, sharex=True, height_ratios=(3, 3, 3, 2))
    axes[0].plot(moving(1 - wrong, acted), color="C0", label="of its own answers")
    axes[0].plot(moving(1 - wrong, every), color="0.6", lw=1, label="of all suggestions")
    axes[0].axhline(TARGET, color="C2", ls="--", lw=1, label=f"target {TARGET:.0%}")
    axes[0].set(ylim=(0.3, 1.03), ylabel="right")
    axes[0].legend(loc="lower left", fontsize=8)
    axes[1].fill_between(range(len(rows)), moving(acted, every), color="C0", alpha=0.4)
    axes[1].set(ylim=(0, 1.05), ylabel="handled alone")
    axes[2].fill_between(range(len(rows)), moving(due, every), color="C1", alpha=0.4)
    axes[2].set(ylim=(0, 1.05), ylabel="labels asked for")
    axes[3].step(range(len(rows)), level, where="post", color="C3")
    axes[3].set(yticks=range(4), yticklabels=LEVELS, ylim=(-0.3, 3.4), xlabel="ticket")
    for axis in axes:
        axis.axvline(swap, color="k", lw=1)
        axis.axvline(story.alarm, color="C3", lw=1, ls=":")
        axis.set_xlim(0, len(rows))
    axes[0].annotate("the queues swap ", (swap, 0.42), ha="right", fontsize=9)
    axes[0].annotate(f" alarm after {story.acted_until_alarm}", (story.alarm, 0.42), color="C3")
    figure.suptitle(f"Two labels swap their meaning over night (means of {WINDOW} tickets)")
    figure.savefig(path, dpi=100)


def main() -> None:
    """Live through it, and tell."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cases", type=int, default=2400, help="tickets, in all")
    parser.add_argument("--swap", type=int, default=1000, help="the first ticket of the new day")
    parser.add_argument("--plot", type=Path, help="write the plot to this file")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = live(asked.cases, asked.swap, Path(folder))
    story = told(rows, asked.swap)
    if asked.plot:
        plot(rows, story, asked.swap, asked.plot)
    if asked.json:
        print(json.dumps(asdict(story)))
        return
    print(f"ticket {story.acts_from:,}: it sorts by itself")
    print(f"until the swap: {story.precision_before:.1%} of that is right; promised {TARGET:.0%}")
    print(f"ticket {asked.swap:,}: two queues swap over night")
    print(
        f"ticket {story.alarm:,}: the guard's alarm, after {story.acted_until_alarm} own answers, "
        f"{story.wrong_until_alarm} of them wrong; from here on it asks"
    )
    print(f"ticket {story.acts_again_from:,}: it has earned its way back")
    print(f"from there on: {story.precision_after:.1%} of what it does alone is right")


if __name__ == "__main__":
    main()
