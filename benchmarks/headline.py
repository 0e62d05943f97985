"""The tables of figures in docs/benchmarks.md and, eight rows of it, in the README.

    python benchmarks/headline.py             print the whole table
    python benchmarks/headline.py --write     put it into both

Every number is read from `benchmarks/results/*.json`; what was not measured yet says so.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
README, PAGE = ROOT / "README.md", ROOT / "docs" / "benchmarks.md"
IN_README = (  # how its rows begin
    "accuracy, electricity",
    "accuracy, forest cover",
    "% correct on the test set, 77 bank intents, built-in",
    "bank intents handled without asking",
    "acted on, of 10,000 records",
    "success predicted at step 12 of an airline",
    "examples a second",
    "feedbacks lost",
)
START, END = "<!-- headline: benchmarks/headline.py --write -->\n", "<!-- end of headline -->"
LONGEST = 240  # characters of what was measured
MISSING = "not yet measured"
STREAMS = {
    "elec2": "electricity prices, up or down (45,312 rows)",
    "weather": "rain or not (18,159 rows)",
    "phishing": "phishing web sites (11,055 rows)",
    "sea": "SEA, drifting (20,000 rows)",
    "covertype_shuffled": "forest cover, 7 kinds (10,000 rows)",
}
SIZES = {"3 a class": 3, "10 a class": 3, "all": 1}  # with the number of draws
AGENTS = {
    "tau": "of an airline's agent (tau-bench, 200 runs)",
    "webshop": "of a shopping agent (webshop, 500 runs)",
}
VALUE_RIVALS = {
    "LSTD(0) + task mean": "LSTD(0) with the task's mean",
    "logistic": "logistic regression refitted every 20 runs",
    "base rate": "base rate",
}
SERVERS = ("Quickstudy", "River ARF")  # as in the names of runs
Runs = dict[str, Any]


def read(name: str) -> Runs:
    """The JSON of a benchmark, {} before it ran."""
    path = ROOT / "benchmarks" / "results" / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else {}


def table() -> str:
    """The whole table in Markdown, and the targets that were not reached."""
    return in_markdown(rows()) + missed()


def short_table() -> str:
    """The rows that a newcomer reads first."""
    return in_markdown([row for row in rows() if row[0].startswith(IN_README)])


def rows() -> list[tuple[str, ...]]:
    """All rows, by topic."""
    parts = (streams, order, few_labels, autonomy, familiarity, certificate, value, speed, server)
    return [row for part in (*parts, durable) for row in part()]


def in_markdown(found: list[tuple[str, ...]]) -> str:
    """Rows as a table."""
    head = "| what | Quickstudy | compared with | measured by |\n| --- | --- | --- | --- |\n"
    return head + "".join(f"| {' | '.join(row)} |\n" for row in found)


def order() -> Iterator[tuple[str, ...]]:
    """What history that is sorted by label costs."""
    runs = read("order").get("runs", {})
    found = {name: run["test_points"] for name, run in runs.items() if "test_points" in run}
    worst = min(found, key=found.__getitem__, default=None)
    cell = MISSING if worst is None else f"{-found[worst]:.1f} ({worst})"
    what = f"points lost if history is sorted by label, worst of {len(found)} tables"
    yield what, cell, "", "`order.py`"


def familiarity() -> Iterator[tuple[str, ...]]:
    """Unfamiliar records are not acted on; what wide inputs cost."""
    runs = read("familiarity").get("runs", {})
    gone = {name: r["acted_with_all_gone"] for name, r in runs.items() if "points_lost" in r}
    acted = [sum(each.values()) for each in gone.values()]
    what = "acted on, of 10,000 records with all fields renamed, dropped or retyped"
    cell = f"**{max(acted)}** on each of {len(gone)} data sets" if acted else MISSING
    yield what, cell, "", "`familiarity.py`"
    lost = [r["points_lost"] for r in runs.values() if "points_lost" in r]
    what = "points of the share handled that this check costs on records of the usual form"
    yield what, f"at most {max(lost):.1f}" if lost else MISSING, "", "`familiarity.py`"
    wide = {name: r for name, r in runs.items() if "rss_mib" in r}
    state = max((r["state_mib"] for r in wide.values()), default=0.0)
    rss = max((r["rss_mib"] for r in wide.values()), default=0.0)
    cell = f"{state:.0f} MiB; {rss:.0f} MiB" if wide else MISSING
    what = f"largest state, and process, of {len(wide)} wide shapes with a budget of 64 MiB"
    yield what, cell, "", "`familiarity.py`"


def missed() -> str:
    """The targets that were not reached, as a list in Markdown."""
    lines = [
        f"- {c['claim']}: {c['value']:.4g}, target {c['sign']} {c['need']:g}\n"
        for name in ("streams", "order", "fewshot", "familiarity", "value", "speed", "server")
        for c in read(name).get("claims", [])
        if c["reached"] is False
    ]
    return "\nTargets that were not reached:\n\n" + "".join(lines) if lines else ""


def or_missing(cell: Callable[[], str]) -> str:
    """A cell, or that its figures are not there yet."""
    try:
        return cell()
    except (KeyError, ValueError):
        return MISSING


def streams() -> Iterator[tuple[str, ...]]:
    """Accuracy on streams, and what a permutation of the labels costs."""
    ours, peers = read("streams").get("runs", {}), read("peers_streams").get("runs", {})
    for stream, words in STREAMS.items():
        mine = or_missing(lambda s=stream: f"**{ours[f'{s} | delay 0']['accuracy']:.3f}**")
        theirs = {
            name.split(" | ")[1]: run["accuracy"]
            for name, run in peers.items()
            if name.startswith(f"{stream} | ") and "| delay 0 |" in name
        }
        still = theirs.pop("no-change", None)
        best = max(theirs, key=theirs.__getitem__, default=None)
        others = MISSING if best is None else f"{theirs[best]:.3f} {best} (best of {len(theirs)})"
        others += "" if still is None else f"; no-change {still:.3f}"
        yield f"accuracy, {words}", mine, others, "`streams.py`, `peers_streams.py`"
    lost = or_missing(lambda: permuted(ours))
    yield "points lost 500 rows after all labels changed their meaning", lost, "", "`streams.py`"


def permuted(runs: Runs) -> str:
    """Points of accuracy that a permutation of the labels costs, stream by stream."""
    cells = []
    for stream in STREAMS:
        run = runs[f"{stream} | permuted"]
        cells.append(f"{stream.partition('_')[0]} {100 * (run['before'] - run['after']):.1f}")
    return "; ".join(cells)


def few_labels() -> Iterator[tuple[str, ...]]:
    """Test accuracy on intents, by examples a class."""
    runs = read("fewshot").get("runs", {})
    for what, data, inputs in (
        ("77 bank intents, MiniLM vectors", "banking77", "minilm"),
        ("150 assistant intents, MiniLM vectors", "clinc150", "minilm"),
        ("77 bank intents, built-in text encoder", "banking77", "text"),
    ):
        cells = []
        for size, draws in SIZES.items():
            found = over_draws(runs, f"{data} | {inputs} | {size}", "accuracy")
            cell = f"**{np.mean(found):.1f}**" if len(found) == draws else MISSING
            if inputs == "minilm" or size != "3 a class":
                cells.append(f"{size} {cell}")
        yield f"% correct on the test set, {what}", "; ".join(cells), "", "`fewshot.py`"
    auroc = over_draws(runs, "clinc150 | minilm | 5 a class", "auroc")
    cell = f"{np.mean(auroc):.3f}" if len(auroc) == SIZES["3 a class"] else MISSING
    yield "out-of-scope queries detected by novelty, AUROC, 5 a class", cell, "", "`fewshot.py`"


def over_draws(runs: Runs, kind: str, figure: str) -> list[float]:
    """A figure of every draw that was run."""
    return [run[figure] for name, run in runs.items() if name.startswith(f"{kind} | shuffled")]


def autonomy() -> Iterator[tuple[str, ...]]:
    """How much of a stream is handled without asking, and at which precision."""
    runs = read("autonomy")

    def cell(learner: str) -> str:
        name = f"banking77 | minilm | {learner} | 6000 rows"
        found = [run for key, run in runs.items() if key.startswith(name)]
        if not found:
            return MISSING
        acting = [run for run in found if run["first_act"]]
        below = sum(run["precision"] < 0.95 for run in acting)
        late = np.mean([run["handled_late"] for run in found])
        right = np.mean([run["precision"] for run in acting]) if acting else float("nan")
        return f"{late:.0%} at {right:.1%}; below 95 % in {below} of {len(found)} shuffles"

    what = "bank intents handled without asking from case 3,000 on, target precision 95 %"
    others = cell("logistic regression")
    others += "" if others == MISSING else " (logistic regression acting at probability >= 0.95)"
    yield what, cell("quickstudy:Classifier"), others, "`autonomy.py`"


def certificate() -> Iterator[tuple[str, ...]]:
    """How often a certificate is wrong."""
    found = read("r19")
    parts = [found[name] for name in ("hunting", "improving", "pulled") if name in found]
    worst = max(parts, key=lambda part: part["share"], default=None)
    cell = MISSING
    if worst:
        cell = f"{worst['share']:.1%} of {worst['streams']:,} simulated streams, in the worst case"
    yield "wrongly certified, when the error is exactly what is allowed", cell, "<= 5 %", "`r19.py`"


def value() -> Iterator[tuple[str, ...]]:
    """How well the end of an agent's run is predicted, what a certified stop saves, how fast."""
    runs, by = read("value").get("runs", {}), "`value.py`"
    for name, words in AGENTS.items():

        def point(of: str = name) -> Runs:
            found: Runs = runs[f"runs | {of} | vectors | file order"]["points"]["step 12"]
            return found

        def rivals(found: Callable[[], Runs] = point) -> str:
            said = found()["rivals"]
            return "; ".join(f"{said[r]['auroc']:.3f} {words}" for r, words in VALUE_RIVALS.items())

        ours = or_missing(lambda found=point: f"**{found()['ours']['auroc']:.3f}**")
        yield f"success predicted at step 12 {words}, AUROC", ours, or_missing(rivals), by
    for q in ("5%", "10%", "20%"):
        cells = (or_missing(lambda of=of, q=q: saved(runs[f"stop | {of} | {q}"])) for of in AGENTS)
        what = f"steps saved by a stop certified at {q.replace('%', ' %')}: airline; shopping"
        yield what, "; ".join(cells), "", by
    steps = or_missing(lambda: steps_of(runs["speed | quickstudy"]["marks"]["100000"]))
    what = "a step of a run after 100,000 steps, 384 numbers each: median; 99th percentile"
    yield what, steps, "", by


def saved(orders: Runs) -> str:
    """Share of steps saved in file order, and how many of the stopped runs would have succeeded."""
    run = orders["file order"]
    if not run["stopped"]:
        return "nothing certified" if run["certified after"] is None else "nothing stopped"
    return f"{run['saved']:.1%} ({run['would have succeeded']} of {run['stopped']} would succeed)"


def steps_of(mark: Runs) -> str:
    """Milliseconds of a step."""
    return f"{mark['step_p50_ms']:.2f} ms; {mark['step_p99_ms']:.2f} ms"


def speed() -> Iterator[tuple[str, ...]]:
    """Examples a second, milliseconds, megabytes."""
    runs = read("speed").get("runs", {})
    ours = or_missing(lambda: f"{runs['stream']['examples_per_second']:,.0f}")
    peers = [name for name in ("river.ARF", "vw", "lightgbm") if name in runs]
    others = "; ".join(f"{name} {runs[name]['examples_per_second']:,.0f}" for name in peers)
    yield "examples a second, predicted and learned (elec2)", ours, others or MISSING, "`speed.py`"
    one = or_missing(lambda: "{p50_ms:.2f} ms; {p99_ms:.2f} ms".format(**runs["single"]["wall"]))
    yield "predict + learn one by one, median; 99th percentile", one, "", "`speed.py`"
    saved = or_missing(lambda: "{file_mb:.1f} MB in {save_ms:.0f} ms".format(**runs["saving"]))
    yield "saved after 45,312 examples", saved, "", "`speed.py`"


def server() -> Iterator[tuple[str, ...]]:
    """Latencies under load, and what is lost when the server is killed; compared with River's."""
    runs = read("server").get("runs", {})

    def cell(kind: str, form: Callable[[Runs, Runs], str]) -> tuple[str, str]:
        ours, theirs = (
            or_missing(lambda of=of: form(runs[f"{of} | {kind}"], runs)) for of in SERVERS
        )
        return ours, theirs if theirs == MISSING else f"{theirs} (River ARF behind FastAPI)"

    def latency(run: Runs, _: Runs) -> str:
        p, f = run["predictions"], run["feedbacks"]
        return f"{p['p50_ms']:.1f}, {p['p99_ms']:.0f} ms; {f['p50_ms']:.1f}, {f['p99_ms']:.0f} ms"

    by = "`server.py`"
    what = "300 predictions and 150 durable feedbacks a second: median, 99th percentile of each"
    yield what, *cell("single", latency), by
    what = "the same, 1,000 and 500 a second, ten in a request"
    yield what, *cell("batches", latency), by
    what = "feedbacks lost of those acknowledged, killed (-9) under load"
    yield what, *cell("kill", lambda run, _: f"{run['lost']:,} of {run['acknowledged']:,}"), by


def durable() -> Iterator[tuple[str, ...]]:
    """What a store survives, and what oversight holds."""
    for name in ("durability", "safety"):
        for run in read(name).get("runs", {}).values():
            verdict = "" if run["holds"] else "does not hold"
            yield f"{run['test']}: {run['must']}", brief(run["measured"]), verdict, f"`{name}.py`"


def brief(measured: str) -> str:
    """The beginning of a long line; the file has all of it."""
    if len(measured) <= LONGEST:
        return measured
    return measured[:LONGEST].rpartition("; ")[0] + "; ..."


def put(path: Path, text: str) -> None:
    """Put a table between the marks of a page."""
    before, rest = path.read_text("utf-8").split(START)
    path.write_text(before + START + text + rest[rest.index(END) :], "utf-8")


def main() -> None:
    """Print the table, or put it where it belongs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="put it into README.md and docs")
    if not parser.parse_args().write:
        print(table(), end="")
        return
    put(README, short_table())
    put(PAGE, table())


if __name__ == "__main__":
    main()
