"""What a deployment shows adds up, is in order, and is found again."""

import pytest

import quickstudy
from quickstudy import Feedback
from quickstudy.errors import InputError, NotFoundError
from tests.deploy.support import EASY, expire, record, train, truth, types

CITIES = [
    {"city": "Über den Linden", "n": 1},
    {"city": 'the "old" town', "n": 2},
    {"city": "new\ntown", "tags": [1.0, 2.5]},
    {"city": "nowhere", "n": True},
]


@pytest.fixture(scope="module")
def deployment(tmp_path_factory):
    """A deployment that the tests of this file leave as it is."""
    with quickstudy.open(tmp_path_factory.mktemp("store") / "work.db") as deployment:
        deployment.create("acts", **EASY | {"audit": 0.3})
        train(deployment, "acts", 120)
        deployment.create("cities", seed=1)
        said = deployment.predict_many("cities", CITIES, ids=[f"c{i}" for i in range(4)])
        deployment.feedback("c0", label=1, source="ana")
        deployment.feedback("c1", label=True, source="ana")
        deployment.feedback("c2", label="1", source="ben")
        assert [a.id for a in said] == ["c0", "c1", "c2", "c3"]
        deployment.flush()
        yield deployment


def ids(cases):
    return [case.id for case in cases]


def test_a_report_adds_up_to_its_cases(deployment):
    report, cases = deployment.report("acts"), deployment.cases("acts", limit=1000)
    assert report.cases == len(cases) == 120
    assert report.acted == sum(c.answer.decision == "act" for c in cases) > 20
    assert report.share_handled == pytest.approx(report.acted / 120)
    assert report.waiting == sum(c.status == "waiting" for c in cases)
    labelled = [c for c in cases if c.status == "labelled"]
    assert report.labels_used == len(labelled) == report.learner.examples
    assert report.sources == (("boss", len(labelled)),) and report.lag == 0
    audited = [c for c in labelled if c.answer.audit]
    assert report.audits == len(audited) > 5
    right = sum(c.label == c.answer.label for c in audited) / len(audited)
    assert report.precision_low <= report.precision <= report.precision_high
    assert report.precision == pytest.approx(right, abs=0.2)
    assert sum(weight for _, weight in report.experts) == pytest.approx(1.0)
    assert report.seq == len(deployment.events(limit=1000))


def test_the_curve_covers_the_stream_and_rises(deployment):
    report = deployment.report("acts")
    ends = [point.cases for point in report.curve]
    assert ends == [50, 100, 120]
    handled = [point.handled for point in report.curve]
    sizes = [50, 50, 20]
    assert sum(h * n for h, n in zip(handled, sizes, strict=True)) == pytest.approx(report.acted)
    assert handled[0] < handled[-1] and report.curve[-1].right > report.curve[0].right
    labels = [point.labels for point in report.curve]
    assert labels == sorted(labels) and labels[-1] <= report.labels_used


def test_policies_are_certified_from_the_strictest_on(deployment):
    policies = deployment.report("acts").policies
    certified = [p.certified for p in policies]
    assert certified == sorted(certified, reverse=True) and certified[0]
    thresholds = [p.threshold for p in policies]
    assert thresholds == sorted(thresholds, reverse=True)
    assert not any(p.certified for p in deployment.report("cities").policies)


def test_before_the_first_case_there_is_a_report_too(deployment):
    deployment.create("fresh", seed=1)
    report = deployment.report("fresh")
    assert (report.cases, report.acted, report.labels_used, report.curve) == (0, 0, 0, ())
    assert (report.precision, report.precision_low, report.share_handled) == (None, None, 0.0)
    deployment.delete("fresh")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("über", ["c0"]),
        ("ÜBER DEN", ["c0"]),
        ('"old"', ["c1"]),
        ("new\ntown", ["c2"]),
        ("town", ["c2", "c1"]),
        ("nowhere", ["c3"]),
        ("2.5", ["c2"]),
        ("city", ["c3", "c2", "c1", "c0"]),
        ("certified", []),
        ("alternatives", []),
        ("100%_", []),
        ("", ["c3", "c2", "c1", "c0"]),
    ],
)
def test_cases_are_found_by_what_their_records_say(deployment, text, expected):
    assert ids(deployment.cases("cities", text=text)) == expected


@pytest.mark.parametrize(("label", "expected"), [(1, "c0"), (True, "c1"), ("1", "c2")])
def test_cases_are_found_by_label_of_its_own_type(deployment, label, expected):
    (case,) = deployment.cases("cities", label=label)
    assert case.id == expected and type(case.label) is type(label)


def test_cases_are_found_by_decision_and_status(deployment):
    acted = deployment.cases("acts", decision="act", limit=1000)
    asked = deployment.cases("acts", decision="ask", limit=1000)
    assert len(acted) + len(asked) == 120 and {c.answer.decision for c in acted} == {"act"}
    for status in ("waiting", "labelled", "closed", "expired", "contested"):
        found = deployment.cases("acts", status=status, limit=1000)
        assert {c.status for c in found} <= {status}
    assert ids(deployment.cases("cities", status="waiting")) == ["c3"]
    assert ids(deployment.cases("cities", status="labelled", text="town", label="1")) == ["c2"]
    for wrong in ({"decision": "maybe"}, {"status": "done"}, {"limit": 0}, {"limit": 1001}):
        with pytest.raises(InputError, match=next(iter(wrong))):
            deployment.cases("acts", **wrong)


def test_pages_follow_each_other_without_gap_or_overlap(deployment):
    seen, before = [], None
    while page := deployment.cases("acts", before=before, limit=7):
        seen += ids(page)
        before = page[-1].answer.seq
    assert seen == ids(deployment.cases("acts", limit=1000)) and len(set(seen)) == 120
    paged, after = [], 0
    while part := deployment.events(after=after, limit=50):
        paged += [e.seq for e in part]
        after = part[-1].seq
    assert paged == list(range(1, len(paged) + 1))


def test_asks_come_with_the_most_useful_first(deployment):
    deployment.create("asks", seed=1)
    for i in range(40):
        deployment.feedback(learner="asks", record=record(i), label=truth(record(i)))
    deployment.flush()
    known = [record(i) for i in range(4)]
    answers = deployment.predict_many("asks", [*known, {"a": 1.5, "b": -30}])
    asks = deployment.asks("asks")
    useful = [ask.usefulness for ask in asks]
    assert useful == sorted(useful, reverse=True) and min(useful) >= 0
    assert {ask.id: ask.suggestions for ask in asks} == {a.id: a.alternatives for a in answers}
    assert useful[0] > useful[-1]
    assert asks[0].expires > asks[0].time and not asks[0].audit
    assert deployment.asks("asks", limit=2) == asks[:2]
    deployment.delete("asks")


def test_a_history_is_about_its_case_alone(deployment):
    deployment.create("c9", seed=1)
    deployment.predict("c9", {"n": 1}, id="c9")
    assert [e.type for e in deployment.history("c9").events] == ["predicted"]
    assert [e.type for e in deployment.history("c0").events] == ["predicted", "feedback"]
    deployment.delete("c9")
    for missing in ("p_nobody", "cities", ""):
        with pytest.raises(NotFoundError):
            deployment.history(missing)


def test_events_of_a_learner_are_its_own(deployment):
    found = deployment.events(learner="cities", limit=1000)
    assert {e.learner for e in found} == {"cities"}
    assert types(deployment, learner="cities") == ["created"] + ["predicted"] * 4 + ["feedback"] * 3


def test_an_expired_audit_counts_as_wrong_in_the_precision_shown(path):
    import time

    with quickstudy.open(path) as deployment:
        deployment.create("t", **EASY)
        train(deployment, "t", 60)
        before = deployment.report("t")
        deployment.change("t", wait_seconds=0.01)
        answer = deployment.predict("t", record(0))
        assert answer.audit
        time.sleep(0.02)
        expire(deployment)
        after = deployment.report("t")
        assert after.audits == before.audits + 1 and after.precision < before.precision


def test_who_listens_hears_every_event_once_in_order_until_it_stops(path):
    heard = []
    with quickstudy.open(path) as deployment:
        deployment.create("t", seed=1)
        stop = deployment.listen(heard.extend)
        for i in range(5):
            deployment.feedback_many(
                [Feedback(learner="t", record=record(i), label="x", key=str(i))]
            )
            deployment.predict("t", record(i))
        stop()
        deployment.predict("t", record(0))
        assert heard == deployment.events(after=1)[:10]
