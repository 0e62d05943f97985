"""One contract of oversight for both ends: a store in the process, and one over HTTP."""

import itertools
import time

import pytest

from quickstudy import Classifier, Feedback
from quickstudy.api.annotators import SourceReport
from quickstudy.api.guardrails import Allowed, AutonomyReport, Limits, LimitsReport, Pause
from quickstudy.api.versions import Diff, Exam, GateReport, Pin, Version
from quickstudy.errors import (
    InputError,
    LabelError,
    ModelFileError,
    NotFoundError,
    RecordError,
    SettingError,
)
from tests.contract.support import ROWS
from tests.serve.support import until

names = (f"learner {i}" for i in itertools.count())


@pytest.fixture
def name(deployment):
    """A learner that was taught some rows."""
    name = deployment.create(next(names), seed=0, budget_mb=16, consolidate=False).name
    items = [Feedback(learner=name, record=x, label=y, source="ana") for x, y in ROWS]
    deployment.feedback_many(items, wait_learned=True)
    return name


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Files of learners: one that says the right thing, and one that says the other."""
    made = {}
    for what, flipped in (("same", False), ("other", True)):
        learner = Classifier(budget_mb=16, seed=1)
        for record, label in ROWS * 2:
            learner.learn(record, ("down" if label == "up" else "up") if flipped else label)
        made[what] = tmp_path_factory.mktemp("models") / f"{what}.qs"
        learner.save(made[what])
    return made


def roles(deployment, name):
    return {version.role: version.id for version in deployment.versions(name)}


def test_the_new_settings_are_kept_and_changed(deployment):
    info = deployment.create(
        next(names),
        start="shadow",
        ceiling="approve",
        approvals=3,
        margin=0.05,
        environment="country",
        probation=50,
        consolidate=False,
    )
    kept = info.settings
    assert (kept.start, kept.ceiling, kept.approvals, kept.margin) == ("shadow", "approve", 3, 0.05)
    assert (kept.environment, kept.probation, kept.consolidate) == ("country", 50, False)
    changed = deployment.change(
        info.name, ceiling="suggest", environment="", consolidate=True
    ).settings
    assert (changed.ceiling, changed.environment, changed.consolidate) == ("suggest", "", True)
    assert changed.approvals == 3
    for wrong in ({"ceiling": "king"}, {"margin": 2.0}, {"approvals": -1}, {"probation": -1}):
        with pytest.raises(SettingError, match=next(iter(wrong))):
            deployment.change(info.name, **wrong)


def test_an_answer_says_level_and_version(deployment, name):
    answer = deployment.predict(name, ROWS[0][0])
    assert (answer.level, answer.held, answer.limit) == ("suggest", False, "")
    assert answer.version == roles(deployment, name)["champion"] and len(answer.version) == 32
    assert deployment.history(answer.id).answer == answer


def test_a_learner_has_a_first_version_that_answered_from_then_on(deployment, name):
    (first,) = deployment.versions(name)
    assert isinstance(first, Version) and (first.kind, first.role) == ("first", "champion")
    assert first.learner == name and first.parent == "" and first.examples == 0
    assert (
        deployment.version_at(name, time.time()) == first == deployment.version_at(name, first.time)
    )
    with pytest.raises(NotFoundError):
        deployment.version_at(name, first.time - 1000.0)
    for asked in (
        deployment.versions,
        deployment.gate,
        deployment.exam,
        deployment.limits,
        deployment.autonomy,
        deployment.held,
    ):
        with pytest.raises(NotFoundError):
            asked("nobody")


def test_the_champion_is_consolidated_challenges_is_promoted_and_rolled_back(deployment, name):
    assert deployment.gate(name) is None
    made = deployment.challenge(name, reason="a clean start")
    before = deployment.versions(name)[-1]
    assert (made.kind, made.role, made.parent) == ("consolidated", "challenger", before.id)
    assert made.examples == len(ROWS) and made.why == "a clean start" and made.size > 0
    with pytest.raises(InputError, match="already"):
        deployment.challenge(name)
    with pytest.raises(InputError, match="better"):
        deployment.promote(name)
    report = deployment.gate(name)
    assert isinstance(report, GateReport) and report.version == made.id
    open_ones = [c.name for c in report.conditions if not c.holds]
    promoted = deployment.promote(name, override=open_ones, reason="it is time")
    assert (promoted.id, promoted.role, promoted.why) == (made.id, "champion", "it is time")
    assert roles(deployment, name) == {"champion": made.id, "previous": before.id}
    deployment.flush()
    assert deployment.predict(name, ROWS[0][0]).version == made.id
    back = deployment.rollback(name, reason="a mistake")
    assert back.id == before.id and roles(deployment, name)["champion"] == before.id
    deployment.flush()
    assert deployment.predict(name, ROWS[0][0]).version == before.id
    types = [event.type for event in deployment.events(limit=1000, learner=name)]
    wanted = ("consolidated", "challenged", "promoted", "rolled_back")
    assert [t for t in types if t in wanted] == list(wanted)


def test_a_challenger_is_withdrawn(deployment, name):
    with pytest.raises(InputError):
        deployment.withdraw(name)
    made = deployment.challenge(name)
    assert deployment.withdraw(name, reason="not now") is None
    (found,) = [v for v in deployment.versions(name) if v.id == made.id]
    assert (found.role, found.why) == ("retired", "not now") and deployment.gate(name) is None


def test_without_a_previous_version_there_is_nothing_to_go_back_to(deployment, name):
    for asked in (deployment.rollback, deployment.promote):
        with pytest.raises(InputError):
            asked(name)


@pytest.mark.parametrize("form", ["path", "text", "bytes"])
def test_a_learner_from_a_file_challenges(deployment, name, models, form):
    model = models["same"]
    given = {"path": model, "text": str(model), "bytes": model.read_bytes()}[form]
    made = deployment.challenge(name, model=given, reason="from the laboratory")
    assert (made.kind, made.role, made.why) == ("imported", "challenger", "from the laboratory")
    assert made.examples == 2 * len(ROWS)


def test_what_is_no_learner_is_refused(deployment, name, models, tmp_path):
    whole = models["same"].read_bytes()
    for given in (b"", b"no learner at all", whole[: len(whole) // 2]):
        with pytest.raises(ModelFileError):
            deployment.challenge(name, model=given)
    with pytest.raises(FileNotFoundError):
        deployment.challenge(name, model=tmp_path / "none.qs")
    assert len(deployment.versions(name)) == 1 and deployment.gate(name) is None


def test_a_difference_is_told_case_by_case(deployment, name, models):
    made = deployment.challenge(name, model=models["other"])
    deployment.pin(name, record=ROWS[0][0], label=ROWS[0][1])
    deployment.feedback(deployment.predict(name, ROWS[-1][0]).id, label=ROWS[-1][1], source="ana")
    deployment.flush()
    champion = roles(deployment, name)["champion"]
    diff = deployment.diff(name, champion[:6], made.id)
    assert isinstance(diff, Diff) and (diff.before, diff.after) == (champion, made.id)
    assert (diff.labelled, diff.pins) == (1, 1) and diff.right_after == 0
    exam = next(d for d in diff.differences if d.where == "exam")
    assert (exam.record, exam.after, exam.truth) == (ROWS[0][0], "up", "down")
    assert len(deployment.diff(name, champion, made.id, limit=1).differences) <= 1
    with pytest.raises(NotFoundError):
        deployment.diff(name, champion, "0" * 32)
    with pytest.raises(InputError):
        deployment.diff(name, champion, made.id, limit=0)


def test_cases_are_pinned_and_sat(deployment, name, models):
    pin = deployment.pin(name, record=ROWS[0][0], label="down", source="ana")
    assert isinstance(pin, Pin) and pin.id.startswith("pin-") and pin.record == ROWS[0][0]
    assert (pin.label, pin.bound, pin.auto, pin.source) == ("down", "must", False, "ana")
    answer = deployment.predict(name, ROWS[-1][0])
    other = deployment.pin(name, prediction_id=answer.id, label="elsewhere", bound="should")
    exam = deployment.exam(name)
    assert isinstance(exam, Exam) and exam.version == roles(deployment, name)["champion"]
    assert (exam.passed, exam.failed, exam.must_failed) == (1, 1, 0)
    assert [(p.id, p.passes) for p in exam.pins] == [(other.id, False), (pin.id, True)]
    made = deployment.challenge(name, model=models["other"])
    sat = deployment.exam(name, version=made.id[:8])
    assert sat.version == made.id and sat.must_failed == 1 and sat.passed == 0
    deployment.unpin(name, other.id)
    assert [p.id for p in deployment.exam(name).pins] == [pin.id]
    with pytest.raises(NotFoundError):
        deployment.unpin(name, other.id)
    with pytest.raises(NotFoundError):
        deployment.exam(name, version="0" * 32)


def test_several_cases_are_pinned_together_or_not_at_all(deployment, name):
    rows = [(record, label, "must") for record, label in ROWS]
    assert deployment.pin_many(name, rows) == len(rows)
    assert deployment.exam(name).passed == len(rows)
    for wrong, error in (
        ((ROWS[0][0], 1.5, "must"), LabelError),
        (({"a": {}}, "up", "must"), RecordError),
        ((ROWS[0][0], "up", "perhaps"), InputError),
    ):
        with pytest.raises(error):
            deployment.pin_many(name, [(ROWS[0][0], "elsewhere", "must"), wrong])
    assert deployment.exam(name).passed == len(rows) == len(deployment.exam(name).pins)


@pytest.mark.parametrize("label", ["card arrival", 1, True, "1"])
def test_pins_keep_the_type_of_their_label(deployment, name, label):
    assert type(deployment.pin(name, record="hello", label=label).label) is type(label)
    (pin,) = deployment.exam(name).pins
    assert pin.label == label and type(pin.label) is type(label)


def test_what_cannot_be_pinned_is_refused(deployment, name):
    for given in ({}, {"record": "x", "prediction_id": "p_1"}):
        with pytest.raises(InputError):
            deployment.pin(name, label="x", **given)
    with pytest.raises(NotFoundError):
        deployment.pin(name, prediction_id="p_nobody", label="x")
    with pytest.raises(LabelError):
        deployment.pin(name, record="x", label=None)
    with pytest.raises(InputError):
        deployment.pin(name, record="x", label="y", bound="perhaps")
    assert deployment.exam(name).pins == ()


def test_limits_are_set_all_at_once(deployment, name):
    assert deployment.limits(name).limits == Limits()
    limits = Limits(
        never=("label == 'up' and height > 1",),
        allowed=(Allowed("colour == 'a'", ("up", 1, True)),),
        per_minute=5,
        costs=(("up", 2.5), (1, 1.0)),
        spend_per_day=100.0,
    )
    report = deployment.limit(name, limits)
    assert isinstance(report, LimitsReport) and report.limits == limits and report.learner == name
    assert [type(label) for label in report.limits.allowed[0].labels] == [str, int, bool]
    assert (report.acted_last_minute, report.spent_today, report.hits) == (0, 0.0, ())
    assert deployment.limits(name) == report
    assert deployment.limit(name, Limits(per_minute=7)).limits == Limits(per_minute=7)


@pytest.mark.parametrize(
    ("limits", "named"),
    [
        (Limits(never=("label = 'up'",)), "never"),
        (Limits(never=("__import__('os')",)), "never"),
        (Limits(never=("(" * 5000,)), "never"),
        (Limits(allowed=(Allowed("colour ==", ("up",)),)), "allowed"),
        (Limits(per_minute=-1), "per_minute"),
        (Limits(spend_per_day=float("nan"), costs=(("up", 1.0),)), "spend_per_day"),
        (Limits(costs=(("up", float("inf")),)), "costs"),
        (Limits(spend_per_day=3.0), "spend_per_day"),
    ],
)
def test_limits_that_cannot_be_are_refused_by_name(deployment, name, limits, named):
    with pytest.raises(SettingError, match=named):
        deployment.limit(name, limits)
    assert deployment.limits(name).limits == Limits()


def test_a_pause_is_in_force_within_one_request(deployment, name):
    deployment.pause(name, reason="the form is wrong")
    deployment.pause(name, reason="once more")
    (pause,) = deployment.limits(name).pauses
    assert isinstance(pause, Pause) and pause in deployment.pauses()
    assert (pause.scope, pause.by, pause.reason) == (name, "local", "the form is wrong")
    answer = deployment.predict(name, ROWS[0][0])
    assert answer.decision == "ask" and "the form is wrong" in answer.reason + answer.limit
    deployment.resume(name)
    deployment.resume(name)
    assert deployment.limits(name).pauses == ()
    with pytest.raises(NotFoundError):
        deployment.pause("nobody")


def test_all_learners_pause_together(deployment, name):
    deployment.pause(reason="a fire drill")
    try:
        assert [(p.scope, p.reason) for p in deployment.pauses()] == [("", "a fire drill")]
        assert "a fire drill" in str(deployment.predict(name, ROWS[0][0]))
        assert [p.scope for p in deployment.limits(name).pauses] == [""]
    finally:
        deployment.resume()
    assert deployment.pauses() == []


def test_autonomy_says_why_it_is_not_higher(deployment, name):
    report = deployment.autonomy(name)
    assert isinstance(report, AutonomyReport) and report.learner == name
    assert (report.level, report.ceiling, report.next_level) == ("suggest", "act", "approve")
    assert report.why_not_higher and report.log_evidence < report.log_bar
    assert report.guard_delays and isinstance(report.guard_delays[0][1], int)
    deployment.change(name, ceiling="shadow")
    lowered = deployment.autonomy(name)
    assert (lowered.level, lowered.next_level) == ("shadow", None)
    assert [(c.before, c.after) for c in lowered.history] == [("suggest", "shadow")]
    answer = deployment.predict(name, ROWS[0][0])
    assert (answer.label, answer.decision, answer.level) == (None, "ask", "shadow")


def test_what_is_held_waits_for_a_yes(deployment):
    name = deployment.create(
        next(names), seed=0, target=0.6, alpha=0.5, budget_mb=16, approvals=3, consolidate=False
    ).name

    def teach():
        answer = deployment.predict(name, ROWS[0][0])
        if not answer.held:
            deployment.feedback(answer.id, label="down", source="ana", wait_learned=True)
        return answer

    held = next((a for a in (teach() for _ in range(200)) if a.held), None)
    assert held is not None, deployment.autonomy(name)
    assert (held.decision, held.level, held.label) == ("ask", "approve", "down")
    assert [ask.id for ask in deployment.held(name)] == [held.id] and deployment.held(name)[0].held
    deployment.feedback(held.id, correct=True, source="ana")
    assert deployment.held(name) == [] and deployment.autonomy(name).approvals == 1
    with pytest.raises(InputError):
        deployment.held(name, limit=0)


def test_sources_say_who_taught_what(deployment, name):
    answer = deployment.predict(name, ROWS[0][0])
    deployment.feedback(answer.id, label="down", source="ana")
    deployment.feedback(answer.id, label="down", source="ben", wait_learned=True)
    found = {source.source: source for source in deployment.sources(name)}
    ana = found["ana"]
    assert isinstance(ana, SourceReport) and ana.labels == len(ROWS) + 1 and ana.trusted is not None
    assert 0 < ana.share <= 1 and not ana.unusual and ana.last >= ana.first > 1.7e9
    assert ana.agreement == (("ben", 1, 1),) and isinstance(ana.against_others, tuple)


def test_the_gate_follows_the_stream(deployment, name, models):
    made = deployment.challenge(name, model=models["other"])
    for record, label in ROWS:
        deployment.feedback(deployment.predict(name, record).id, label=label, source="ana")
    deployment.flush()
    until(
        lambda: (deployment.gate(name) or made) and deployment.gate(name).labelled >= len(ROWS), 30
    )
    report = deployment.gate(name)
    assert report.version == made.id and report.purpose == "challenge"
    assert report.gain <= 0 and report.log_evidence < report.log_bar
    assert {c.name for c in report.conditions} == {"exam", "never", "better", "groups", "baselines"}
    assert all(isinstance(pair, tuple) for pair in report.baselines)
    assert {d.where for d in report.differences} <= {"stream", "exam"}
