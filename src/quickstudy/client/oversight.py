"""`Oversight`: the client's methods on versions, exam, limits, pauses and autonomy."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from quickstudy.api.annotators import SourceReport
from quickstudy.api.checks import checked_label, plain_record
from quickstudy.api.codec import dump, load, load_all, path_of
from quickstudy.api.decisions import Ask
from quickstudy.api.guardrails import AutonomyReport, Limits, LimitsReport, Pause, in_range
from quickstudy.api.options import without_null
from quickstudy.api.versions import Bound, Diff, Exam, GateReport, Pin, Version
from quickstudy.client.resource import Resource
from quickstudy.encode.values import plain_text
from quickstudy.types import Input, Label

PATIENCE = 600.0  # seconds for requests that take the server long


class Oversight(Resource):
    """Methods on versions, exam, limits, pauses and autonomy, documented in `Deployment`."""

    def versions(self, name: str) -> list[Version]:
        """Versions of a learner, newest first."""
        return load_all(Version, self._get(path_of("learners", name, "versions"))["versions"])

    def version_at(self, name: str, time: float) -> Version:
        """The version that answered at a time, in seconds since 1970."""
        found = self._get(path_of("learners", name, "versions"), at=repr(float(time)))
        return load(Version, found["versions"][0])

    def challenge(
        self, name: str, *, model: str | Path | bytes | None = None, reason: str = ""
    ) -> Version:
        """Put the consolidated champion, or the learner of a model file, into shadow."""
        path = path_of("learners", name, "challenger")
        if model is None:
            made = self._send("POST", path, {"reason": reason}, patience=PATIENCE)
        else:
            content = model if isinstance(model, bytes) else Path(model).read_bytes()
            query = {"reason": reason}
            made = self._send("POST", path, content, query=query, patience=PATIENCE)
        return load(Version, made)

    def withdraw(self, name: str, *, reason: str = "") -> None:
        """Take the challenger out of shadow."""
        self._send("DELETE", path_of("learners", name, "challenger"), query={"reason": reason})

    def gate(self, name: str) -> GateReport | None:
        """The report on the challenger, or on a champion in probation; None without either."""
        found = self._get(path_of("learners", name, "gate"))["gate"]
        return None if found is None else load(GateReport, found)

    def promote(self, name: str, *, override: Sequence[str] = (), reason: str = "") -> Version:
        """Make the challenger the champion; `override` names conditions that do not hold."""
        body = {"override": list(override), "reason": reason}
        path = path_of("learners", name, "promote")
        return load(Version, self._send("POST", path, body, patience=PATIENCE))

    def rollback(self, name: str, *, reason: str = "") -> Version:
        """Make the previous version the champion again."""
        path = path_of("learners", name, "rollback")
        return load(Version, self._send("POST", path, {"reason": reason}, patience=PATIENCE))

    def diff(self, name: str, before: str, after: str, *, limit: int = 50) -> Diff:
        """Compare the answers of two versions; ids may be shortened to 6 characters."""
        path = path_of("learners", name, "diff")
        return load(Diff, self._get(path, before=before, after=after, limit=limit))

    def pin(
        self,
        name: str,
        *,
        prediction_id: str | None = None,
        record: Input | None = None,
        label: Label,
        bound: Bound = "must",
        source: str | None = None,
    ) -> Pin:
        """Put a case into the exam."""
        said = {
            "prediction_id": plain_text(prediction_id),
            "record": None if record is None else plain_record(record),
            "label": checked_label(label),
            "bound": bound,
            "source": plain_text(source),
        }
        path = path_of("learners", name, "exam")
        return load(Pin, self._send("POST", path, without_null(said)))

    def pin_many(self, name: str, rows: Sequence[tuple[Input, Label, Bound]]) -> int:
        """Put several records with their labels into the exam; returns their number."""
        pins = [
            {"record": plain_record(x), "label": checked_label(y), "bound": b} for x, y, b in rows
        ]
        said = self._send("POST", path_of("learners", name, "exam"), {"pins": pins})
        return int(said["pinned"])

    def unpin(self, name: str, id: str) -> None:
        """Remove a case from the exam."""
        self._send("DELETE", path_of("learners", name, "exam", id))

    def exam(self, name: str, *, version: str | None = None) -> Exam:
        """The exam result of a version, or of the champion as it is now."""
        return load(Exam, self._get(path_of("learners", name, "exam"), version=version))

    def limits(self, name: str) -> LimitsReport:
        """Limits of a learner, pauses in force, and usage."""
        return load(LimitsReport, self._get(path_of("learners", name, "limits")))

    def limit(self, name: str, limits: Limits) -> LimitsReport:
        """Replace all limits of a learner, from the next answer on."""
        path = path_of("learners", name, "limits")
        body = dump(in_range(limits))  # checked here, as JSON has no NaN
        return load(LimitsReport, self._send("PUT", path, body, again=True))

    def pause(self, name: str | None = None, *, reason: str = "") -> None:
        """Pause a learner, or all: every answer becomes "ask" until `resume`."""
        body = {"reason": reason} | ({} if name is None else {"learner": name})
        self._send("POST", "/v1/pause", body, again=True)

    def resume(self, name: str | None = None) -> None:
        """End a learner's pause, or the pause of all."""
        self._send("DELETE", "/v1/pause", query={} if name is None else {"learner": name})

    def pauses(self) -> list[Pause]:
        """Pauses in force that the key may see."""
        return load_all(Pause, self._get("/v1/pause")["pauses"])

    def autonomy(self, name: str) -> AutonomyReport:
        """A learner's level of autonomy, its evidence, and what the next level takes."""
        return load(AutonomyReport, self._get(path_of("learners", name, "autonomy")))

    def held(self, name: str, *, limit: int = 50) -> list[Ask]:
        """Answers held until a person approves, oldest first; see `feedback`."""
        return load_all(Ask, self._get(path_of("learners", name, "held"), limit=limit)["held"])

    def sources(self, name: str) -> list[SourceReport]:
        """Sources of a learner's labels, and their agreement."""
        return load_all(SourceReport, self._get(path_of("learners", name, "sources"))["sources"])
