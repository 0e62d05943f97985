"""How often an insufficient policy is certified, and how soon the guard raises an alarm.

    python benchmarks/r19.py             about ten minutes on one core; stop and start as you like
    python benchmarks/r19.py --streams 400

Simulated streams, target 95 %, alpha 5 %, four policies. Three ways to be exactly 5 % wrong:

- hunting: a confidence that says nothing of the error; the controller hunts for lucky thresholds;
- improving: the error of every policy starts at 30 % and comes down to exactly 5 %, never below;
- pulled: the strictest policy is 1 % wrong and rightly acts, audited at 20 %; every more permissive
  policy is exactly 5 % wrong as a whole, and is tested on asked and audited labels together.

"Certified" counts the streams in which a policy that is never below 5 % was ever permitted to act,
and must be at most alpha. The guard's false alarms must be at least 10,000 acted cases apart on
average; its delay is printed for several jumps and audit rates. Results go to
`benchmarks/results/r19.json`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from quickstudy.stats.calibration import exact_interval
from quickstudy.stats.risk import ActOrAsk, Certificate, Guard

RESULTS = Path(__file__).resolve().parent / "results" / "r19.json"
EPS, ALPHA, POLICIES = 0.05, 0.05, 4
CASES = 600
SHARES = np.array([0.25, 0.5, 0.75, 1.0])
JUMPS, AUDITS = (0.1, 0.2, 0.4), (0.05, 0.2)
FALSE_ALARMS, DELAYS, QUIET = 100, 200, 2000


def hunting(seed: int) -> bool:
    """All of controller, certificate and guard on confidences that mean nothing."""
    rng = np.random.default_rng(seed)
    control = ActOrAsk(1.0 - EPS, seed=seed, alpha=ALPHA)
    for confidence, wrong in zip(rng.random(CASES), rng.random(CASES) < EPS, strict=True):
        decision = control.decide(confidence)
        control.record(decision, bool(wrong) if decision.labelled else None)
        if control.level():
            return True
    return False


def improving(seed: int) -> bool:
    """Nested policies whose error falls to exactly eps over the first 250 cases."""
    rng = np.random.default_rng(seed)
    certificate = Certificate(EPS, alpha=ALPHA, policies=POLICIES)
    for t, u in enumerate(rng.random(CASES)):
        error = max(EPS, 0.3 - 0.001 * t)
        if certificate.update(u < SHARES, bool(rng.random() < error)):
            return True
    return False


def pulled(seed: int) -> bool:
    """The strictest policy is good; every other one is exactly eps wrong as a whole."""
    rng = np.random.default_rng(seed)
    certificate = Certificate(EPS, alpha=ALPHA, policies=POLICIES)
    for u in rng.random(CASES):
        error = 0.01 if u < SHARES[0] else 0.09 if u < SHARES[1] else EPS
        acting = certificate.level > 0
        pi = 0.2 if acting and u < SHARES[0] else 1.0
        wrong = bool(rng.random() < error) if rng.random() < pi else None
        smallest = 0.2 if acting else 1.0
        if certificate.update(u < SHARES, wrong, label_probability=pi, smallest=smallest) > 1:
            return True
    return False


def length(guard: Guard, error: float, audit: float, rng: np.random.Generator) -> int:
    """Acted cases until the alarm."""
    cases = 1
    while not guard.update(outcome(error, audit, rng), label_probability=audit):
        cases += 1
    return cases


def outcome(error: float, audit: float, rng: np.random.Generator) -> bool | None:
    """Right or wrong, for a case that is audited; else None."""
    return bool(rng.random() < error) if rng.random() < audit else None


def false_alarms() -> dict[str, float]:
    """Cases until the alarm at an error of exactly eps, audited at 20 %, each cut at 100,000."""
    runs = []
    for seed in range(FALSE_ALARMS):
        rng, guard, cases = np.random.default_rng(seed), Guard(EPS), 1
        while not guard.update(outcome(EPS, 0.2, rng), label_probability=0.2) and cases < 100_000:
            cases += 1
        runs.append(cases)
    return {"runs": len(runs), "mean_at_least": float(np.mean(runs))}


def delays() -> dict[str, dict[str, float]]:
    """Acted cases from a jump, after 2,000 cases at 3 % error, until the alarm."""
    found = {}
    for audit in AUDITS:
        for jump in JUMPS:
            runs = []
            for seed in range(DELAYS):
                rng, guard = np.random.default_rng(seed), Guard(EPS)
                for _ in range(QUIET):
                    guard.update(outcome(0.03, audit, rng), label_probability=audit)
                runs.append(length(guard, jump, audit, rng))
            found[f"to {jump:.0%} error, audits {audit:.0%}"] = {
                "mean": float(np.mean(runs)),
                "median": float(np.median(runs)),
            }
    return found


def certified(stream: Callable[[int], bool], streams: int) -> dict[str, Any]:
    """Share of streams with a false certificate, and its exact interval."""
    count = sum(stream(seed) for seed in range(streams))
    return {
        "streams": streams,
        "certified": count,
        "share": count / streams,
        "interval": [round(x, 5) for x in exact_interval(count, streams)],
        "alpha": ALPHA,
    }


def main() -> None:
    """Run what is missing, write after each part, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--streams", type=int, default=4000)
    streams = parser.parse_args().streams
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for stream in (hunting, improving, pulled):
        if results.get(stream.__name__, {}).get("streams") != streams:
            results[stream.__name__] = certified(stream, streams)
            save(results)
    for part in (false_alarms, delays):
        if part.__name__ not in results:
            results[part.__name__] = part()
            save(results)
    print_table(results)


def save(results: dict[str, Any]) -> None:
    """Write the results; the old file is replaced only by a complete new one."""
    RESULTS.parent.mkdir(exist_ok=True)
    draft = RESULTS.with_suffix(".tmp")
    draft.write_text(json.dumps(results, indent=1) + "\n")
    draft.replace(RESULTS)


def print_table(results: dict[str, Any]) -> None:
    """Print the results with the promised values."""
    for name in ("hunting", "improving", "pulled"):
        r = results[name]
        low, high = r["interval"]
        print(
            f"{name:10s} {r['certified']:4d} of {r['streams']} streams falsely certified: "
            f"{r['share']:.2%} ({low:.2%} to {high:.2%}), promised <= {ALPHA:.0%}"
        )
    mean = results["false_alarms"]["mean_at_least"]
    print(f"guard      {mean:,.0f} acted cases between false alarms, promised >= 10,000")
    for name, delay in results["delays"].items():
        print(f"guard      {name}: {delay['mean']:.0f} acted cases (median {delay['median']:.0f})")


if __name__ == "__main__":
    main()
