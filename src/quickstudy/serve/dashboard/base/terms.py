"""What people read about versions, levels, limits and sources."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quickstudy.serve.dashboard.base.formatting import count, percent, plural

if TYPE_CHECKING:
    from quickstudy.api.annotators import SourceReport
    from quickstudy.api.guardrails import AutonomyReport, Pause
    from quickstudy.api.versions import GateReport

LEVELS = {
    "shadow": ("Watch", "Its answers are kept, and nobody gets them."),
    "suggest": ("Suggest", "It suggests an answer; a person decides every case."),
    "approve": ("Ask for a yes", "Where it would act, its answer waits until a person says yes."),
    "act": ("Act alone", "It acts by itself wherever a proved rule lets it."),
}
ROLES = {
    "champion": ("answers now", "good"),
    "challenger": ("challenger, in shadow", "busy"),
    "previous": ("answered before", "plain"),
    "retired": ("retired", "calm"),
    "refused": ("refused", "wrong"),
}
ORIGINS = {
    "first": "the first version",
    "consolidated": "consolidated from what it had learned",
    "imported": "imported from a model file",
}
CONDITIONS = {
    "exam": "The exam",
    "never": "The rules it must never break",
    "better": "Significantly better",
    "groups": "No group gets worse",
    "baselines": "Better than simple baselines",
}
BASELINES = {
    "no change": "saying the last label again",
    "majority": "always saying the most frequent label",
    "nearest neighbour": "copying the most similar case",
}
WHO = {"file": "a file in the folder of the store", "page": "a guest"}
BOUNDS = {
    "must": ("must", "a challenger that fails it is refused"),
    "should": ("should", "a challenger may not fail more of these than the champion"),
}
DONE = {
    "challenged": "The challenger is in shadow: it answers every case too, unseen.",
    "withdrawn": "The challenger was withdrawn.",
    "promoted": "Promoted: it answers from now on.",
    "rolled_back": "Rolled back: the version before answers again.",
    "pinned": "Pinned.",
    "unpinned": "Taken off the exam.",
    "kept": "Saved.",
}


def short(version: str) -> str:
    """A version's id, as far as people need it.

    >>> short("0123456789abcdef0123456789abcdef")
    '01234567'
    """
    return version[:8]


def gained(gain: float) -> str:
    """A difference of error shares in words.

    >>> gained(0.034), gained(-0.012), gained(0.0)
    ('3.4 points fewer errors', '1.2 points more errors', 'as many errors')
    """
    points = round(100.0 * abs(gain), 1)
    if not points:
        return "as many errors"
    return f"{points:g} points {'fewer' if gain > 0 else 'more'} errors"


def filled(log_evidence: float, log_bar: float) -> float:
    """How far evidence is, in [0, 1].

    >>> filled(1.5, 3.0), filled(-2.0, 3.0), filled(9.0, 3.0)
    (0.5, 0.0, 1.0)
    """
    return max(0.0, min(1.0, log_evidence / max(log_bar, 1e-9)))


def used(part: float, most: float | None) -> float:
    """The share of a limit that is used up, in [0, 1].

    >>> used(3, 12), used(5, 0), used(0, 0), used(5, None)
    (0.25, 1.0, 0.0, 0.0)
    """
    if most is None:
        return 0.0
    return min(1.0, part / most) if most else float(part > 0)


def standing(gate: GateReport) -> str:
    """The state of a challenger, in a sentence."""
    if gate.purpose == "probation":
        return (
            "The version that answered before is still compared with the new one. Should it turn "
            "out better, it comes back by itself."
        )
    missing = [c for c in gate.conditions if not c.holds]
    if not missing:
        return "All conditions hold: it takes over by itself."
    if not gate.labelled:
        return "It has just begun: nothing has been compared yet."
    return f"{plural(len(missing), 'condition')} of {count(len(gate.conditions))} not met yet."


def paused_by(pause: Pause) -> str:
    """Who paused it.

    >>> from quickstudy.api.guardrails import Pause
    >>> paused_by(Pause("", "file", "", 0.0)), paused_by(Pause("", "ana", "", 0.0))
    ('a file in the folder of the store', 'ana')
    """
    return WHO.get(pause.by, pause.by)


def judged(report: SourceReport) -> str:
    """How often a source contradicts sure answers, compared with all other sources."""
    if not report.spoke:
        return "It has labelled no sure answer yet."
    own = f"Contradicts {percent(report.against / report.spoke)} of sure answers"
    own += f" ({count(report.against)} of {count(report.spoke)})"
    spoke, against = report.against_others
    if not spoke:
        return f"{own}."
    return f"{own}; the others {percent(against / spoke)}."


def notices(report: AutonomyReport) -> list[tuple[str, str]]:
    """(error, cases until the guard notices) for every error that the guard can detect."""
    return [
        (percent(error), plural(delay, "case of its own", "cases of its own"))
        for error, delay in report.guard_delays
    ]
