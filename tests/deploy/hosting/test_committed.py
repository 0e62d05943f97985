"""Reports of other threads are of one moment: that of the last transaction, never of its middle."""

import threading
from dataclasses import replace

import pytest

from quickstudy.deploy.guardrails.autonomy import report_of
from quickstudy.errors import StoreError
from tests.deploy.support import EASY, record, truth


def told(deployment):
    """What a report says of the risk control."""
    report = deployment.report("r")
    return report.policies, report.alarms, report.attempt, report.learner.settings


def as_it_is(deployment):
    """The report on autonomy that the control in use gives; in the writer's thread."""
    return report_of(deployment.classifiers.by_name["r"].control, learner="r", history=())


def ruled(deployment, n):
    """Batches of predictions, each followed by its labels."""
    for at in range(0, n, 20):
        records = [record(i) for i in range(at, at + 20)]
        answers = deployment.predict_many("r", records)
        deployment.feedback_many(
            [
                {"prediction_id": answer.id, "label": truth(x), "source": "boss"}
                for answer, x in zip(answers, records, strict=True)
            ],
            wait_learned=True,
        )


def test_no_report_is_of_the_middle_of_a_transaction(deployment):
    """Every report that threads get while a learner earns its levels is one that a commit left."""
    deployment.create("r", **{**EASY, "start": "shadow", "approvals": 3})
    left, found, stop = [as_it_is(deployment)], [], threading.Event()
    deployment.context.listeners.append(lambda _: left.append(as_it_is(deployment)))

    def look():
        while not stop.is_set():
            found.append(replace(deployment.autonomy("r"), history=()))

    threads = [threading.Thread(target=look) for _ in range(3)]
    for thread in threads:
        thread.start()
    ruled(deployment, 300)
    stop.set()
    for thread in threads:
        thread.join()
    seen = set(map(repr, found))
    assert len(seen) > 1 and seen <= {repr(report) for report in left}


def test_the_report_after_an_answer_counts_it(deployment):
    deployment.create("r", **EASY)
    for n in range(20, 100, 20):
        ruled(deployment, 20)
        assert deployment.report("r").cases == n
        assert deployment.autonomy("r").log_evidence == as_it_is(deployment).log_evidence
    changed = deployment.change("r", target=0.7)
    assert changed.settings.target == 0.7 and told(deployment)[3].target == 0.7


def test_what_was_not_committed_is_in_no_report(deployment, monkeypatch):
    """Reports are read in the middle of a transaction that fails, and after it."""
    deployment.create("r", **EASY)
    ruled(deployment, 200)
    before, autonomy = told(deployment), deployment.autonomy("r")
    state = deployment.classifiers.by_name["r"].control.state()
    during = []

    def fails():
        during.append((told(deployment), deployment.autonomy("r")))
        raise OSError("no room")

    with monkeypatch.context() as patch:
        patch.setattr(deployment.context.rows, "flush", fails)
        with pytest.raises(StoreError, match="no room"):
            deployment.predict_many("r", [record(i) for i in range(10)])
        with pytest.raises(StoreError, match="no room"):
            deployment.change("r", target=0.7)
    assert during == [(before, autonomy)] * 2
    assert (told(deployment), deployment.autonomy("r")) == (before, autonomy)
    assert repr(deployment.classifiers.by_name["r"].control.state()) == repr(state)
