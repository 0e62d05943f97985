"""What the pages call things, for people who do not know the code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from quickstudy.serve.dashboard.base.records import label_text

if TYPE_CHECKING:
    from quickstudy.api.decisions import Answer, FormNotice
    from quickstudy.types import Unfamiliar

DECISIONS = {"act": "answered alone", "ask": "asked"}
STATUSES = {
    "waiting": "waits for a label",
    "labelled": "labelled",
    "closed": "done",
    "expired": "nobody answered",
    "contested": "contested",
}
RECEIPTS = {
    "accepted": "Learned: {label}.",
    "repeated": "Already learned: {label}.",
    "superseded": "Changed to {label}, and learned.",
    "confirmed": "{label}: confirmed, as somebody said before.",
    "conflicting": "Learned: {label}. Somebody else had given another label.",
    "late": "Learned: {label}. It came after its time, so it does not count as proof.",
    "contested": "Kept, not learned: people disagree on this one, and somebody has to settle it.",
    "early": "Kept until this case comes in.",
    "unknown": "Kept. There is no case of that id.",
}
STILL_WAITS = "It still waits for somebody whose checks count."
EVENTS = {
    "predicted": "Came in",
    "asked": "Was opened by a person",
    "feedback": "Got a label",
    "expired": "Nobody answered in time",
    "contested": "People disagreed: it stopped learning from it",
    "ruled": "A person settled the dispute",
    "limited": "A limit kept it from acting",
    "pinned": "Was pinned to the exam",
    "quarantined": "Was set aside: learning it failed",
}
SET_ASIDE = {
    "feedback": "A label",
    "ruled": "The end of a dispute",
    "refitted": "Experts that were refitted in the background",
    "run_started": "The start of a run",
    "stepped": "A step of the run",
    "run_ended": "The end of the run",
    "expired": "The end of waiting for the run",
    "changed": "A change of settings",
}
EXPERTS = (
    ("kernel", "Kernel model", "compares with all cases that it has seen"),
    ("neighbours", "Nearest neighbours", "uses the most similar cases that it remembers"),
    ("habit", "Label frequencies", "uses how often each label comes, and which came just before"),
    ("gaussian", "Class averages", "compares with the average case of each label"),
    ("softmax", "Linear model", "adds up what every field says for each label"),
    ("logistic", "Linear model", "adds up what every field says for each label"),
    ("trees", "Decision trees", "asks one question after another, each by the last answer"),
)
OF_RUNS = {
    "task": ("Same task", "uses how runs of the same task ended"),
    "lstd": ("Temporal differences", "passes the value of each step back to the step before"),
    "state": ("Present step", "as temporal differences, from the present step alone"),
    "returns": ("Returns", "uses how runs ended after similar steps"),
    "course": ("Trajectory", "uses errors, repeats, the length, and how far the run has come"),
    "nearest": ("Nearest runs", "uses the most similar runs that it remembers"),
    "loops": ("Loops", "uses how runs ended that were in such a loop"),
    "base": ("Base rate", "uses how runs have ended in general"),
}
RULES = {
    1: ("The rule",),
    2: ("Strict", "Generous"),
    3: ("Strict", "Balanced", "Generous"),
    4: ("Strict", "Careful", "Balanced", "Generous"),
}


def expert(name: str) -> tuple[str, str]:
    """An expert's name for people, and what it does.

    >>> expert("kernel smooth .995")[0], expert("mine")[0]
    ('Kernel model', 'mine')
    """
    for stem, title, about in EXPERTS:
        if name.startswith(stem):
            return title, about
    return name, ""


def of_runs(name: str) -> tuple[str, str]:
    """A value learner's expert: its name for people, and what it does.

    >>> of_runs("task")[0], of_runs("mine")
    ('Same task', ('mine', ''))
    """
    return OF_RUNS.get(name, (name, ""))


def rule(i: int, of: int) -> str:
    """What the i-th policy of so many, from 0, strict to generous, is called."""
    names = RULES.get(of, ())
    return f"{names[i]}" if names else f"Rule {i + 1}"


def reason(answer: Answer) -> str:
    """Why it answered alone, or asked."""
    if answer.limit.startswith("paused"):
        return f"everything was asked: {answer.limit}"
    if answer.limit:
        return f"a limit kept it from acting ({answer.limit})"
    if answer.held:
        return "its answer waits for approval"
    if answer.level == "shadow":
        return "it only watches so far"
    if answer.label is None:
        return "nothing was learned yet"
    if answer.unfamiliar:
        return f"it does not know records like this one: {form(answer.unfamiliar)}"
    if answer.decision == "act":
        return "it was sure enough for a rule that is proved"
    if answer.reason.startswith("no policy"):
        return "no rule is proved yet, so it asks about everything"
    return "it was not sure enough for a rule that is proved"


def form(unfamiliar: Unfamiliar) -> str:
    """What is unfamiliar about the fields of a record.

    >>> from quickstudy.types import Unfamiliar
    >>> form(Unfamiliar(missing=("amount", "country"), unknown=("Amount",)))
    'it comes without amount, country and with Amount, which is new'
    """
    parts = []
    if unfamiliar.missing:
        parts.append(f"without {', '.join(unfamiliar.missing)}")
    if unfamiliar.unknown:
        new = "are" if len(unfamiliar.unknown) > 1 else "is"
        parts.append(f"with {', '.join(unfamiliar.unknown)}, which {new} new")
    if unfamiliar.retyped:
        parts.append(f"with another type of value in {', '.join(unfamiliar.retyped)}")
    return f"it comes {' and '.join(parts)}" if parts else "it has no field that was learned"


def notice(found: FormNotice) -> str:
    """What is unfamiliar about the records that come now, in one sentence.

    >>> from quickstudy.api.decisions import FormNotice
    >>> from quickstudy.types import Unfamiliar
    >>> notice(FormNotice(0.0, 60.0, 7, Unfamiliar(missing=("amount",))))
    'records come without amount'
    """
    return form(found.unfamiliar).replace("it comes", "records come").replace("it has", "they have")


def receipt(status: str, label: Any) -> str:
    """What became of a label, in one sentence."""
    return RECEIPTS.get(status, "Noted: {label}.").format(label=label_text(label))


def set_aside(about: str) -> str:
    """What was set aside, by the type of its event."""
    return SET_ASIDE.get(about, "An example")


def event(type: str, payload: dict[str, Any] | None) -> tuple[str, str]:
    """A logged event: a title, and details."""
    title = EVENTS.get(type, type.replace("_", " ").capitalize())
    if payload is None:
        return title, "its content was forgotten"
    parts = []
    if payload.get("learn") == "not":
        title = "Was marked as wrong"
    if payload.get("label") is not None:
        parts.append(label_text(payload["label"]))
    if payload.get("source"):
        parts.append(f"by {payload['source']}")
    if type == "quarantined":
        parts.append(str(payload.get("reason", "")))
    if payload.get("status") in ("late", "contested", "repeated", "superseded"):
        parts.append(str(payload["status"]))
    return title, " · ".join(parts)
