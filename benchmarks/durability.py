"""What a store survives: kill -9, failing writes, damaged files, restarts, repeats, being read.

    python benchmarks/durability.py                     everything, most of an hour on two cores
    python benchmarks/durability.py --short             what `make test-slow` runs, three minutes
    python benchmarks/durability.py --only R1 --points 200

The tests themselves are in `tests/crash/`; each says at its head what it does. They use real
processes, real SIGKILL and real files. Results go to `benchmarks/results/durability.json`; stores
that did not come through stay where `--folder` says, for a closer look. Exit code 1 if a promise
does not hold.
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
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

if TYPE_CHECKING:
    from tests.crash.rows import Row, Scale

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "durability.json"
sys.path.insert(0, str(ROOT))

from tests.crash.alone import ALONE  # noqa: E402 - it is found there

os.environ |= ALONE  # before numpy is loaded

TESTS = {
    "R1": "kill",
    "R3": "writes",
    "R4": "damage",
    "R5": "restarts",
    "R6": "repeats",
    "R18": "doors",
    "R20": "purity",
}  # to the file of `tests/crash/` that measures it
SIZES = {
    "points": "kills of R1, and damages of R4",
    "events": "of R5",
    "restarts": "of R5",
    "ids": "of R6",
    "workers": "processes at once",
    "seed": "of all that is random",
}
SHOWN = 20  # problems of a test that are printed


def main() -> int:
    """Run the chosen tests, print the table, write the results."""
    asked = arguments()
    from tests.crash.forking import preload
    from tests.crash.rows import Scale

    folder = Path(tempfile.mkdtemp(prefix="durability-", dir=asked.folder))
    scale = Scale.short(folder) if asked.short else Scale(folder)
    sizes = {name: value for name in SIZES if (value := getattr(asked, name)) is not None}
    scale = replace(scale, **sizes)
    preload()
    rows = {name: run(name, scale) for name in asked.only}
    show(list(rows.values()))
    save(rows, asked.results)
    if all(row.holds for row in rows.values()):
        shutil.rmtree(folder)
        return 0
    print(f"\nstores that did not come through are in {folder}")
    return 1


def arguments() -> argparse.Namespace:
    """The options: tests to run and their size."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", type=names, default=list(TESTS), help="names, with commas")
    parser.add_argument("--short", action="store_true", help="as in `make test-slow`")
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


def run(name: str, scale: Scale) -> Row:
    """One test under a progress bar, which must not start a thread."""
    module = importlib.import_module(f"tests.crash.{TESTS[name]}")
    columns = (TextColumn(name), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), auto_refresh=False) as progress:
        task = progress.add_task(name, total=module.steps(scale))

        def tick(count: int) -> None:
            progress.update(task, advance=count, refresh=True)

        start = time.perf_counter()
        row: Row = module.measure(scale, tick)
        row.figures["seconds"] = round(time.perf_counter() - start, 1)
    return row


def show(rows: list[Row]) -> None:
    """Print one line for each test, with its problems below."""
    table = Table(title="What a store survives", title_justify="left")
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


def save(rows: dict[str, Row], path: Path) -> None:
    """Write the results; results of other tests are kept."""
    from common import setting

    old = json.loads(path.read_text()) if path.exists() else {}
    runs = old.get("runs", {}) | {
        name: asdict(row) | {"holds": row.holds} for name, row in rows.items()
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".tmp")
    whole = setting("python benchmarks/durability.py") | {"runs": dict(sorted(runs.items()))}
    draft.write_text(json.dumps(whole, indent=1) + "\n")
    draft.replace(path)


if __name__ == "__main__":
    sys.exit(main())
