"""A client of a server: the methods, types and errors of `Deployment`, over HTTP.

>>> from quickstudy import connect
>>> connect("localhost:8321")
Traceback (most recent call last):
quickstudy.errors.InputError: url 'localhost:8321' must begin with http:// or https://
"""

from __future__ import annotations

import json
import secrets
import time
from typing import Any, Self, Unpack, overload

import httpx

from quickstudy.api.admin import Event
from quickstudy.api.checks import checked_label, checked_name, plain_record
from quickstudy.api.codec import load, load_all, path_of
from quickstudy.api.decisions import (
    Action,
    Answer,
    Ask,
    Case,
    CaseStatus,
    Feedback,
    LearnerInfo,
    Receipt,
    Report,
)
from quickstudy.api.options import changes, sent, takes_settings, without_null
from quickstudy.api.runs import ValueInfo
from quickstudy.api.settings import DEFAULT_KIND, Options, Settings
from quickstudy.client.oversight import Oversight
from quickstudy.client.runs import Runs
from quickstudy.client.transport import PATIENCE, Transport
from quickstudy.deploy.decisions.batch import checked_ids, feedback_of
from quickstudy.deploy.kind import KINDS, kind_of
from quickstudy.encode.tables import rows_of
from quickstudy.encode.values import plain_flag, plain_scalar, plain_text
from quickstudy.errors import QuickstudyError, StoreError
from quickstudy.types import Explanation, Input, Label

FLUSH_STEP = 20.0  # seconds of one request of `flush`: well below the timeout


def connect(url: str, *, key: str | None = None) -> Client:
    """A client of the server at `url`; checks that the server is ready.

    Args:
        url: http://host:port.
        key: secret of an API key, qs_...; needed unless the server is on this machine and has no
            keys.

    Raises:
        StoreError: there is no server, or it is not ready.
        AccessError: the key is missing or not valid.
    """
    client = Client(url, key=key)
    try:
        client.learners()
    except QuickstudyError:
        client.close()
        raise
    return client


class Client(Oversight, Runs):
    """The methods of `Deployment`, over HTTP. Safe to use from several threads.

    A failed request is retried, up to three times, if it cannot have a second effect: requests that
    only read, feedback and the end of a run (which count once however often they are sent),
    predictions and runs with an id of the caller's choice, steps with a number, and requests that
    did not reach the server. The key's name is the actor, so no method takes `actor`.

    A server on this machine (localhost, 127.0.0.0/8, ::1) is reached directly. Another server is
    reached through the proxy that HTTP_PROXY, HTTPS_PROXY or ALL_PROXY names, unless NO_PROXY
    excludes it.

    Raises, in every method:
        AccessError: the key is missing, unknown, not allowed to do this, or over its rate.
        StoreError: the server cannot be reached, or cannot read or write its store.
    """

    def __init__(
        self,
        url: str,
        *,
        key: str | None = None,
        timeout: httpx.Timeout | float = PATIENCE,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        super().__init__(Transport(url, key=key, timeout=timeout, transport=transport))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    @overload
    def create(self, name: str, **settings: Unpack[Options]) -> LearnerInfo: ...
    @overload
    def create(self, name: str, *, kind: str, **settings: Any) -> Any: ...
    @takes_settings(Settings)
    def create(self, name: str, *, kind: str = DEFAULT_KIND, **settings: Any) -> Any:
        """Create a learner; see `Deployment.create`."""
        body = {"name": name, "kind": kind, **sent(KINDS.named(kind).settings, settings)}
        return _learner(self._send("POST", "/v1/learners", body))

    def learners(self) -> list[LearnerInfo | ValueInfo]:
        """All learners that the key may see."""
        return [_learner(said) for said in self._get("/v1/learners")["learners"]]

    def learner(self, name: str) -> LearnerInfo | ValueInfo:
        """A learner's settings and counts."""
        return _learner(self._get(path_of("learners", name)))

    def change(self, name: str, **settings: Any) -> LearnerInfo | ValueInfo:
        """Change settings of a learner; see `Deployment.change`."""
        model = kind_of(self.learner(name)).settings
        body = sent(model, changes(model, settings))
        return _learner(self._send("PATCH", path_of("learners", name), body))

    def delete(self, name: str) -> None:
        """Delete a learner; its events stay in the log."""
        self._send("DELETE", path_of("learners", name))

    def predict(self, name: str, record: Input, *, id: str | None = None) -> Answer:
        """Answer one record; see `Deployment.predict`."""
        given = None if id is None else checked_name("id", id)
        body = {"record": plain_record(record)} | ({} if given is None else {"id": given})
        path = path_of("learners", name, "predictions")
        return load(Answer, self._send("POST", path, body, again=id is not None))

    def predict_many(self, name: str, records: Any, *, ids: Any = None) -> list[Answer]:
        """Answer several records in order, all or none; see `Deployment.predict_many`."""
        rows = rows_of(records, "records")
        names = checked_ids(ids, len(rows))
        body: dict[str, Any] = {"records": [plain_record(row) for row in rows]}
        if ids is not None:
            body["ids"] = names
        path = path_of("learners", name, "predictions")
        said = self._send("POST", path, body, again=None not in names)
        return load_all(Answer, said["predictions"])

    def feedback(
        self,
        prediction_id: str | None = None,
        *,
        learner: str | None = None,
        record: Input | None = None,
        label: Label | None = None,
        correct: bool | None = None,
        source: str | None = None,
        key: str | None = None,
        wait_learned: bool = False,
    ) -> Receipt:
        """Give feedback on a prediction, or teach a record; see `Deployment.feedback`."""
        if key is None and prediction_id is None:
            key = secrets.token_hex(16)  # each call counts once, however often it is sent
        item = Feedback(prediction_id, learner, record, label, correct, source, key)
        return load(Receipt, self._teach(_feedback(item), wait_learned))

    def feedback_many(
        self,
        items: Any,
        *,
        learner: str | None = None,
        labels: Any = None,
        wait_learned: bool = False,
    ) -> list[Receipt]:
        """Give several feedbacks in order, all or none; see `Deployment.feedback_many`."""
        given = feedback_of(items, learner=learner, labels=labels)
        body = {"feedback": [_feedback(item) for item in given]}
        return load_all(Receipt, self._teach(body, wait_learned)["receipts"])

    def _teach(self, body: Any, wait_learned: bool) -> Any:
        path = "/v1/feedback?wait=learned" if wait_learned else "/v1/feedback"
        return self._send("POST", path, body, again=True)

    def rule(self, prediction_id: str, label: Label, *, source: str | None = None) -> Receipt:
        """Resolve a contested case by a person's label."""
        body = {"label": checked_label(label), "source": plain_text(source)}
        return load(
            Receipt, self._send("POST", path_of("predictions", prediction_id, "ruling"), body)
        )

    def asks(self, name: str, *, limit: int = 50) -> list[Ask]:
        """Cases that wait for a label, most useful first; none is claimed."""
        found = self._get(path_of("learners", name, "asks"), limit=limit)
        return load_all(Ask, found["asks"])

    def claim(
        self, name: str, *, holder: str, id: str | None = None, seconds: float = 120.0
    ) -> Ask | None:
        """Claim the most useful case that nobody holds, or the case `id`; None if there is none."""
        body = {"holder": holder, "id": id, "seconds": seconds}
        found = self._send("POST", path_of("learners", name, "asks", "claim"), body)["ask"]
        return None if found is None else load(Ask, found)

    def release(self, prediction_id: str, *, holder: str) -> None:
        """Release a case: it returns to the queue, and to this holder only after all others."""
        path = path_of("predictions", prediction_id, "release")
        self._send("POST", path, {"holder": holder}, again=True)

    def history(self, prediction_id: str) -> Case:
        """A prediction with all its events."""
        path = path_of("predictions", prediction_id)
        return load(Case, self._get(path, explanation="false"))

    def explain(self, prediction_id: str) -> Explanation:
        """Explain the learner's present answer, without the matrix of votes."""
        path = path_of("predictions", prediction_id, "explanation")
        return load(Explanation, self._get(path))

    def cases(
        self,
        name: str,
        *,
        text: str = "",
        decision: Action | None = None,
        status: CaseStatus | None = None,
        label: Label | None = None,
        before: int | None = None,
        limit: int = 50,
    ) -> list[Case]:
        """Search predictions, newest first; for the next page, pass the last seq as `before`."""
        asked = {"text": text or None, "decision": decision, "status": status, "before": before}
        wanted = None if label is None else json.dumps(plain_scalar(label), ensure_ascii=False)
        path = path_of("learners", name, "cases")
        return load_all(Case, self._get(path, label=wanted, limit=limit, **asked)["cases"])

    def report(self, name: str) -> Report:
        """A summary of a learner's performance."""
        return load(Report, self._get(path_of("learners", name, "report")))

    def flush(self, timeout: float = 60.0) -> None:
        """Wait until all logged feedback is learned; see `Deployment.flush`."""
        ends = time.monotonic() + timeout
        left = timeout
        while left >= 0.0:
            step = {"timeout": min(left, FLUSH_STEP)}
            if self._send("POST", "/v1/flush", step, again=True)["learned"]:
                return
            left = ends - time.monotonic()
        raise StoreError(f"not all that is logged was learned within {timeout:g} s; wait longer")

    def state_hash(self, name: str) -> str:
        """Digest of learner and risk control, once all logged feedback is learned."""
        return str(self._get(path_of("learners", name, "state"))["state_hash"])

    def events(self, after: int = 0, limit: int = 1000, learner: str | None = None) -> list[Event]:
        """Events of the log in order, with payloads."""
        return load_all(
            Event, self._get("/v1/log", after=after, limit=limit, learner=learner)["events"]
        )


def _learner(said: Any) -> LearnerInfo | ValueInfo:
    info: LearnerInfo | ValueInfo = load(KINDS.named(said["kind"]).info, said)
    return info


def _feedback(item: Feedback) -> dict[str, Any]:
    """A feedback as JSON values; the server validates it."""
    said = {
        "prediction_id": plain_text(item.prediction_id),
        "learner": plain_text(item.learner),
        "record": None if item.record is None else plain_record(item.record),
        "label": None if item.label is None else checked_label(item.label),
        "correct": plain_flag(item.correct),
        "source": plain_text(item.source),
        "key": plain_text(item.key),
    }
    return without_null(said)
