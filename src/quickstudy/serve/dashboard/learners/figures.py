"""What the overview shows, worked out from a report: no figure that the report does not hold."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from quickstudy.serve.dashboard.base import terms, words
from quickstudy.serve.dashboard.base.figures import Headline, Share
from quickstudy.serve.dashboard.base.formatting import count, odds_to_one, percent, plural

if TYPE_CHECKING:
    from quickstudy.api.decisions import CurvePoint, Policy, Report
    from quickstudy.api.guardrails import Level

LEAST_SPAN = 0.1  # of the scale that the precision is drawn on
WINDOW = 300  # cases that a point of the curve averages: a single stretch varies too much
PER_LABEL = 5  # cases that one label may stand for in such an average
STEADY = 0.02  # a smaller change of the share that is right is not reported as a change


@dataclass(frozen=True, slots=True)
class Trust:
    """Precision against its target, and where both lie on a scale, in percent of its width."""

    verdict: str
    mood: str
    low: float
    high: float
    target: float
    scale: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Proof:
    """One rule under test: how far its proof is, 0 to 100, and what that means."""

    name: str
    when: str
    filled: float
    odds: str
    state: str
    mood: str


def headline(r: Report, level: Level = "act") -> Headline:
    """The state of a learner at a level of autonomy."""
    proved = _proved(r)
    if not r.cases:
        return Headline("calm", "Nothing has come in yet", "Send it a case, or try one yourself.")
    if r.labels_used == 0:
        text = f"{plural(r.cases, 'case')} came in. Every label you give teaches it at once."
        return Headline("busy", "It waits for its first label", text)
    if not proved and r.alarms:
        text = (
            "Too many of its own answers turned out wrong. It asks about everything again, until "
            "it is proved again."
        )
        return Headline("bad", "It has stepped down", text)
    if not proved:
        text = (
            f"It asks about every case until it has proved that it can be right "
            f"{percent(r.learner.settings.target)} of the time."
        )
        return Headline("busy", "Still learning: it answers nothing alone yet", text)
    if level != "act":
        text = f"Its level is “{terms.LEVELS[level][0]}”. {terms.LEVELS[level][1]}"
        return Headline("good", "Its answers are proved, and it does not act alone yet", text)
    share = f"It answers {percent(r.share_handled)} of cases alone"
    if r.precision is None:
        return Headline("good", share, "None of these answers has been checked yet.")
    right = f"{percent(r.precision, 1)} of its own answers were right, by the checks so far."
    return Headline("good", share, right)


def better(curve: tuple[CurvePoint, ...]) -> tuple[str, str]:
    """The share of recent answers that are right, compared with the first ones."""
    rights = [value for value in smooth(curve, "right") if value is not None]
    if not rights:
        return "–", "no labels to compare with yet"
    first, last = rights[0], rights[-1]
    if len(rights) == 1:
        return percent(last), "of its first answers were right"
    if abs(last - first) < STEADY:
        return percent(last), f"right recently, as at the start ({percent(first)})"
    way = "up from" if last > first else "down from"
    return percent(last), f"right recently, {way} {percent(first)} at the start"


def smooth(curve: tuple[CurvePoint, ...], name: str) -> list[float | None]:
    """A share of every point, averaged over the cases before it that `WINDOW` holds.

    A stretch counts by its cases, and by less where it has few labels to tell from.
    """
    ends, labels = [0, *(p.cases for p in curve)], [0, *(p.labels for p in curve)]
    out: list[float | None] = []
    for i in range(len(curve)):
        total = weight = 0.0
        for j in range(i, -1, -1):
            if j < i and ends[j] < ends[i + 1] - WINDOW:
                break
            share, most = getattr(curve[j], name), PER_LABEL * (labels[j + 1] - labels[j])
            if share is None:
                continue
            n = ends[j + 1] - ends[j] if name == "handled" else min(ends[j + 1] - ends[j], most)
            total, weight = total + n * share, weight + n
        out.append(total / weight if weight else None)
    return out


def trust(r: Report) -> Trust | None:
    """Precision with its interval; None before the first check."""
    if r.precision is None or r.precision_low is None or r.precision_high is None:
        return None
    target = r.learner.settings.target
    floor = max(0.0, min(r.precision_low, target, 1.0 - LEAST_SPAN) - 0.02)
    floor = math.floor(floor * 20) / 20

    def place(share: float) -> float:
        return 100.0 * (share - floor) / (1.0 - floor)

    goal = percent(target)
    if r.precision_low >= target:
        verdict, mood = f"surely above the target of {goal}", "good"
    elif r.precision_high < target:
        verdict, mood = f"below the target of {goal}", "bad"
    elif r.precision >= target:
        verdict, mood = f"above the target of {goal}, so far", "good"
    else:
        verdict, mood = f"close to the target of {goal}", "busy"
    ends = percent(floor), percent(1.0)
    return Trust(
        verdict, mood, place(r.precision_low), place(r.precision_high), place(target), ends
    )


def proofs(r: Report) -> list[Proof]:
    """Every rule for answering alone, strict to generous."""
    proved = _proved(r)
    rows = []
    for i, policy in enumerate(r.policies):
        filled = terms.filled(policy.log_evidence, policy.log_bar)
        state, mood = _proof_state(i, policy, proved)
        name = words.rule(i, len(r.policies))
        gap = f"{odds_to_one(policy.log_evidence)}, {odds_to_one(policy.log_bar)} is proof"
        rows.append(Proof(name, _when(policy), 100 * filled, gap, state, mood))
    return rows


def proof_text(r: Report) -> str:
    """Which rule it works by, in a sentence."""
    proved, of = _proved(r), len(r.policies)
    if not of:
        return "Nothing is under test yet."
    if proved == of:
        return "Every rule is proved: it works by the most generous one."
    names = [words.rule(i, of).lower() for i in range(of)]
    if proved:
        return (
            f"It works by the {names[proved - 1]} rule, which is proved. "
            f"The {names[proved]} rule would answer more, and is still being tested."
        )
    if r.alarms:
        return f"Attempt {r.attempt}: its rules have to be proved again."
    return "No rule is proved yet, so it asks. Every label you give moves the proof."


def curve_data(r: Report) -> dict[str, Any]:
    """The learning curve as the chart reads it: four columns."""
    return {
        "cases": [p.cases for p in r.curve],
        "right": _rounded(smooth(r.curve, "right")),
        "handled": _rounded(smooth(r.curve, "handled")),
        "labels": [p.labels for p in r.curve],
    }


def sources(r: Report, most: int = 8) -> list[Share]:
    """Who taught it, most first."""
    top = max((n for _, n in r.sources), default=1) or 1
    rows = [Share(name, "", plural(n, "label"), 100.0 * n / top) for name, n in r.sources[:most]]
    rest = sum(n for _, n in r.sources[most:])
    if rest:
        others = f"{count(len(r.sources) - most)} others"
        rows.append(Share(others, "", plural(rest, "label"), 100.0 * min(1.0, rest / top)))
    return rows


def experts(r: Report) -> list[Share]:
    """Experts and their weight in the present answer; those of one name together."""
    weights: dict[str, float] = {}
    about: dict[str, str] = {}
    for name, weight in r.experts:
        title, text = words.expert(name)
        weights[title] = weights.get(title, 0.0) + weight
        about[title] = text
    order = sorted(weights, key=lambda title: -weights[title])
    return [Share(t, about[t], percent(weights[t]), 100.0 * weights[t]) for t in order]


def _rounded(shares: list[float | None]) -> list[float | None]:
    return [None if share is None else round(share, 4) for share in shares]


def _proved(r: Report) -> int:
    """How many rules, strictest first, may act."""
    states = [p.certified for p in r.policies]
    return states.index(False) if False in states else len(states)


def _when(policy: Policy) -> str:
    if policy.threshold > 1.0:
        return "not sure enough of anything yet"
    if policy.threshold <= 0.0:
        return "however sure it is"
    return f"when {percent(policy.threshold)} sure or more"


def _proof_state(i: int, policy: Policy, proved: int) -> tuple[str, str]:
    if i < proved:
        return ("in use" if i == proved - 1 else "proved"), "good"
    if policy.log_evidence >= policy.log_bar:
        return "waits for a stricter rule", "busy"
    if policy.log_evidence <= 0.0:
        return "no proof yet", "calm"
    return f"{percent(policy.log_evidence / policy.log_bar)} of the way", "busy"
