"""Oversight: power cuts, saving under load, the gate, autonomy, access, and its cost.

    python benchmarks/safety.py                     everything, most of an hour on two cores
    python benchmarks/safety.py --short             what `make test-slow` runs
    python benchmarks/safety.py --only R2 --points 200

Each row is measured by the module that `TESTS` names, which says at its head what it does:
`steps(scale)` are those of its progress bar, `measure(scale, tick)` gives its line of the table
(`r14_steps` and `r14`, where a module measures several).
Results go to `benchmarks/results/safety.json`, after each row, so that a run that was broken off
goes on with `--resume`; files of what did not come through stay where `--folder` says. Exit code 1
if a promise does not hold.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

if TYPE_CHECKING:
    from tests.crash.rows import Row, Scale

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "safety.json"
sys.path.insert(0, str(ROOT))

from tests.crash.alone import ALONE  # noqa: E402 - it is found there

os.environ |= ALONE  # before numpy is loaded

TESTS = {
    "R2": "tests.crash.disk",
    "R8": "tests.crash.saves",
    "R11": "tests.crash.pointers",
    "R13": "tests.crash.flips",
    "R14": "safety_gate:r14",
    "R15": "safety_gate:r15",
    "R17": "tests.crash.access",
    "step-down": "tests.crash.steps:step_down",
    "overhead": "tests.crash.steps:overhead",
}  # to the module that measures it, with the name of the measure where it has several
SIZES = {"points": "power cuts of R2", "workers": "processes at once", "seed": "of what is random"}
SHORT_POINTS = 40
SHOWN = 20  # problems of a test that are printed


def main() -> int:
    """Run the chosen tests, print the table, write the results after each row."""
    asked = arguments()
    from tests.crash.forking import preload
    from tests.crash.rows import Scale

    folder = Path(tempfile.mkdtemp(prefix="safety-", dir=asked.folder))
    scale = Scale(folder)
    if asked.short:
        scale = replace(Scale.short(folder), points=SHORT_POINTS)
    sizes = {name: value for name in SIZES if (value := getattr(asked, name)) is not None}
    scale = replace(scale, **sizes)
    preload()
    done = known(asked.results) if asked.resume else {}
    rows = []
    for name in asked.only:
        if name not in done:
            rows.append(run(name, scale))
            save(name, rows[-1], asked.results)
    show(rows)
    if all(row.holds for row in rows):
        shutil.rmtree(folder)
        return 0
    print(f"\nwhat did not come through is in {folder}")
    return 1


def arguments() -> argparse.Namespace:
    """The options: tests to run and their size."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", type=names, default=list(TESTS), help="names, with commas")
    parser.add_argument("--short", action="store_true", help="as in `make test-slow`")
    parser.add_argument("--resume", action="store_true", help="leave out what the results have")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where to write the JSON")
    parser.add_argument("--folder", type=Path, help="for stores; on the disk to be tested")
    for name, said in SIZES.items():
        parser.add_argument(f"--{name}", type=int, metavar="N", help=said)
    return parser.parse_args()


def names(text: str) -> list[str]:
    """Names of tests, separated by commas."""
    chosen = text.split(",")
    if unknown := set(chosen) - set(TESTS):
        raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: there are {', '.join(TESTS)}")
    return chosen


def functions(name: str) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Number of steps, and measure, of a test."""
    path, _, measure = TESTS[name].partition(":")
    module = importlib.import_module(path)
    steps = f"{measure}_steps" if measure else "steps"
    return getattr(module, steps), getattr(module, measure or "measure")


def run(name: str, scale: Scale) -> Row:
    """One test under a progress bar, which must not start a thread."""
    steps, measure = functions(name)
    columns = (TextColumn(name), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), auto_refresh=False) as progress:
        task = progress.add_task(name, total=steps(scale))

        def tick(count: int) -> None:
            progress.update(task, advance=count, refresh=True)

        start = time.perf_counter()
        row: Row = measure(scale, tick)
        row.figures["seconds"] = round(time.perf_counter() - start, 1)
    return row


def show(rows: list[Row]) -> None:
    """Print one line for each test, with its problems below."""
    table = Table(title="What oversight holds", title_justify="left")
    for head in ("test", "runs", "must show", "measured", ""):
        table.add_column(head, justify="right" if head == "runs" else "left")
    for row in rows:
        verdict = "holds" if row.holds else "FAILS"
        table.add_row(row.test, f"{row.runs:,}", row.must, row.measured, verdict)
    Console().print(table)
    for row in rows:
        for problem in row.problems[:SHOWN]:
            print(f"{row.test}: {problem}")
        if len(row.problems) > SHOWN:
            print(f"{row.test}: and {len(row.problems) - SHOWN} more")


def known(path: Path) -> dict[str, Any]:
    """The stored results."""
    found: dict[str, Any] = json.loads(path.read_text())["runs"] if path.exists() else {}
    return found


def save(name: str, row: Row, path: Path) -> None:
    """Write a result; results of other tests are kept."""
    from common import setting

    runs = known(path) | {name: asdict(row) | {"holds": row.holds}}
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".tmp")
    whole = setting("python benchmarks/safety.py") | {"runs": dict(sorted(runs.items()))}
    draft.write_text(json.dumps(whole, indent=1) + "\n")
    draft.replace(path)


if __name__ == "__main__":
    sys.exit(main())
