"""Would the checks notice? A store beside books that say otherwise, in one way after the other."""

from __future__ import annotations

import copy
import json
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import quickstudy
from tests.crash import load, spare
from tests.crash.data import LEARNERS, SMALL
from tests.crash.ledger import Ledger
from tests.crash.verify import Check

Fault = Callable[[Any, Ledger], None]
TURNS = 12


def lost_prediction(_: Any, ledger: Ledger) -> None:
    answer = next(iter(ledger.answers.values()))
    ledger.answers["p_lost"] = answer | {"id": "p_lost"}


def another_answer(_: Any, ledger: Ledger) -> None:
    for name, answer in ledger.answers.items():
        ledger.answers[name] = answer | {"confidence": 2.0}


def lost_feedback(_: Any, ledger: Ledger) -> None:
    said = next(s for s in ledger.said.values() if s.receipt)
    ledger.said["key lost"] = copy.deepcopy(said)
    ledger.said["key lost"].item["key"] = "lost"


def doubled_feedback(deployment: Any, ledger: Ledger) -> None:
    name = next(iter(ledger.answers))
    deployment.feedback(name, label="nobody's word", source="nobody", key="doubled")


def lost_events(_: Any, ledger: Ledger) -> None:
    ledger.prefix = (10**6, "")


def changed_events(_: Any, ledger: Ledger) -> None:
    ledger.prefix = (5, "another digest")


def lost_setting(_: Any, ledger: Ledger) -> None:
    ledger.audit["prices"] = [0.123456]


def another_state(deployment: Any, ledger: Ledger) -> None:
    ledger.states.append(("prices", deployment.report("prices").seq, "another state"))


FAULTS: tuple[Fault, ...] = (
    lost_prediction,
    another_answer,
    lost_feedback,
    lost_events,
    changed_events,
    lost_setting,
    another_state,
    doubled_feedback,  # the only one that changes the store, so the last
)


def main(path: Path) -> None:
    """Print what the checks say of each fault, and of none."""
    spare.none()
    ledger = Ledger()
    with quickstudy.open(path) as deployment:
        for name in LEARNERS:
            deployment.create(name, **SMALL)
        load.run(deployment, teller(ledger), "bites", threads=1, cases=TURNS)
        ledger.end_life()
        found = {"none": checked(deployment, path, ledger)}
        for fault in FAULTS:
            books = copy.deepcopy(ledger)
            fault(deployment, books)
            found[fault.__name__] = checked(deployment, path, books)
    print(json.dumps(found))


def teller(ledger: Ledger) -> Any:
    """Enters at once what is otherwise told through a pipe."""
    return lambda kind, **fields: ledger.read({"kind": kind} | fields)


def checked(deployment: Any, path: Path, ledger: Ledger) -> list[str]:
    """All that the checks of R1 find."""
    check = Check(deployment, path, ledger, teller(ledger), Random(0))
    check.run()
    check.replays()
    return ledger.problems


if __name__ == "__main__":
    main(Path(sys.argv[1]))
