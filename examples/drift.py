"""Two queues of a support desk swap their meaning over night; what a deployed learner makes of it.

    python examples/drift.py --plot drift.png      less than a minute

A small company sorts its tickets into four queues. The learner earns the right to sort by itself,
at 90 % precision: by labels that people give, then by answers that they approve. One night the
teams behind "billing" and "orders" swap their work, and nobody tells the learner. Of what it sorts
by itself a fifth is checked; those checks raise the alarm, from the next answer on it asks, learns
from what people say, and earns its way back.

The last lines are for machines: `--json` prints what happened as one line of JSON.
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
    """What happened, in cases: of `acted` answers the precision, and when the level changed."""

    first_act: int
    precision_before: float
    swap: int
    alarm: int
    acted_until_alarm: int
    wrong_until_alarm: int
    acts_again: int
    precision_after: float
    labels: int


def ticket(rng: np.random.Generator) -> tuple[dict[str, str | int], str]:
    """A ticket and the queue that it belongs to; one in fifty is misleading."""
    queue = str(rng.choice(QUEUES))
    about = queue if rng.random() < 0.98 else str(rng.choice(QUEUES))
    word = str(rng.choice(TOPICS[about]))
    return {"word": word, "channel": str(rng.choice(("mail", "chat"))), "urgent": int(rng.integers(3))}, queue


def live(cases: int, swap: int, folder: Path) -> tuple[np.ndarray, list[dict[str, object]]]:
    """A row for each case, (acted, wrong, labelled, level), and the changes of level."""
    rng = np.random.default_rng(5)
    rows = []
    with quickstudy.open(folder / "work.db") as desk:
        desk.create("tickets", target=TARGET, alpha=0.1, audit=0.2, seed=1, trusted=["lead"])
        for at in track(range(0, cases, TOGETHER), "tickets", console=Console(stderr=True)):
            tickets = [ticket(rng) for _ in range(TOGETHER)]
            answers = desk.predict_many("tickets", [record for record, _ in tickets])
            said = []
            for i, (answer, (_, queue)) in enumerate(zip(answers, tickets, strict=True)):
                right = SWAPPED.get(queue, queue) if at + i >= swap else queue
                due = answer.decision == "ask" or answer.audit
                if due:
                    said.append(quickstudy.Feedback(answer.id, label=right, source="lead"))
                level = LEVELS.index(answer.level)
                rows.append((answer.decision == "act", answer.label != right, due, level))
            if said:
                desk.feedback_many(said, wait_learned=True)
        desk.flush()
        changes = [asdict(change) for change in desk.autonomy("tickets").history[::-1]]
    return np.array(rows), changes
