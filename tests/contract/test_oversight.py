"""One contract of oversight for both ends: a store in the process, and one over HTTP."""

import itertools
import time
from contextlib import ExitStack

import pytest

import quickstudy
from quickstudy import Classifier, Feedback
from quickstudy.api.versions import (
    Allowed,
    AutonomyReport,
    Diff,
    Exam,
    GateReport,
    Limits,
    LimitsReport,
    Pause,
    Pin,
    SourceReport,
    Version,
)
from quickstudy.errors import (
    InputError,
    LabelError,
    ModelFileError,
    NotFoundError,
    RecordError,
    SettingError,
)
from tests.serve.support import running, until

ROWS = [
    ({"height": h, "colour": c}, "up" if h > 0 else "down") for h in (-2, -1, 1, 2) for c in "ab"
]
names = (f"learner {i}" for i in itertools.count())


@pytest.fixture(scope="module", params=["open", "connect"])
def desk(request, tmp_path_factory):
    """A deployment, here or behind a server."""
    with ExitStack() as stack:
        path = tmp_path_factory.mktemp("store") / "work.db"
        deployment = stack.enter_context(quickstudy.open(path))
        if request.param == "connect":
            address = stack.enter_context(running(deployment))
            yield stack.enter_context(quickstudy.connect(address))
        else:
            yield deployment


@pytest.fixture
def name(desk):
    """A learner that was taught some rows."""
    name = desk.create(next(names), seed=0, budget_mb=16, consolidate=False).name
    items = [Feedback(learner=name, record=x, label=y, source="ana") for x, y in ROWS]
    desk.feedback_many(items, wait_learned=True)
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


def roles(desk, name):
    return {version.role: version.id for version in desk.versions(name)}


def test_the_new_settings_are_kept_and_changed(desk):
    info = desk.create(
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
    changed = desk.change(info.name, ceiling="suggest", environment="", consolidate=True).settings
    assert (changed.ceiling, changed.environment, changed.consolidate) == ("suggest", "", True)
    assert changed.approvals == 3
    for wrong in ({"ceiling": "king"}, {"margin": 2.0}, {"approvals": -1}, {"probation": -1}):
        with pytest.raises(SettingError, match=next(iter(wrong))):
            desk.change(info.name, **wrong)


def test_an_answer_says_level_and_version(desk, name):
    answer = desk.predict(name, ROWS[0][0])
    assert (answer.level, answer.held, answer.limit) == ("suggest", False, "")
    assert answer.version == roles(desk, name)["champion"] and len(answer.version) == 32
    assert desk.history(answer.id).answer == answer


def test_a_learner_has_a_first_version_that_answered_from_then_on(desk, name):
    (first,) = desk.versions(name)
    assert isinstance(first, Version) and (first.kind, first.role) == ("first", "champion")
    assert first.learner == name and first.parent == "" and first.examples == 0
    assert desk.version_at(name, time.time()) == first == desk.version_at(name, first.time)
    with pytest.raises(NotFoundError):
        desk.version_at(name, first.time - 1000.0)
    for asked in (desk.versions, desk.gate, desk.exam, desk.limits, desk.autonomy, desk.held):
        with pytest.raises(NotFoundError):
            asked("nobody")


def test_the_champion_is_consolidated_challenges_is_promoted_and_rolled_back(desk, name):
    assert desk.gate(name) is None
    made = desk.challenge(name, reason="a clean start")
    before = desk.versions(name)[-1]
    assert (made.kind, made.role, made.parent) == ("consolidated", "challenger", before.id)
    assert made.examples == len(ROWS) and made.why == "a clean start" and made.size > 0
    with pytest.raises(InputError, match="already"):
        desk.challenge(name)
    with pytest.raises(InputError, match="better"):
        desk.promote(name)
    report = desk.gate(name)
    assert isinstance(report, GateReport) and report.version == made.id
    open_ones = [c.name for c in report.conditions if not c.holds]
    promoted = desk.promote(name, override=open_ones, reason="it is time")
    assert (promoted.id, promoted.role, promoted.why) == (made.id, "champion", "it is time")
    assert roles(desk, name) == {"champion": made.id, "previous": before.id}
    desk.flush()
    assert desk.predict(name, ROWS[0][0]).version == made.id
    back = desk.rollback(name, reason="a mistake")
    assert back.id == before.id and roles(desk, name)["champion"] == before.id
    desk.flush()
    assert desk.predict(name, ROWS[0][0]).version == before.id
    types = [event.type for event in desk.events(limit=1000, learner=name)]
    wanted = ("consolidated", "challenged", "promoted", "rolled_back")
    assert [t for t in types if t in wanted] == list(wanted)


def test_a_challenger_is_withdrawn(desk, name):
    with pytest.raises(InputError):
        desk.withdraw(name)
    made = desk.challenge(name)
    assert desk.withdraw(name, reason="not now") is None
    (found,) = [v for v in desk.versions(name) if v.id == made.id]
    assert (found.role, found.why) == ("retired", "not now") and desk.gate(name) is None


def test_without_a_previous_version_there_is_nothing_to_go_back_to(desk, name):
    for asked in (desk.rollback, desk.promote):
        with pytest.raises(InputError):
            asked(name)


@pytest.mark.parametrize("form", ["path", "text", "bytes"])
def test_a_learner_from_a_file_challenges(desk, name, models, form):
    model = models["same"]
    given = {"path": model, "text": str(model), "bytes": model.read_bytes()}[form]
    made = desk.challenge(name, model=given, reason="from the laboratory")
    assert (made.kind, made.role, made.why) == ("imported", "challenger", "from the laboratory")
    assert made.examples == 2 * len(ROWS)


def test_what_is_no_learner_is_refused(desk, name, models, tmp_path):
    whole = models["same"].read_bytes()
    for given in (b"", b"no learner at all", whole[: len(whole) // 2]):
        with pytest.raises(ModelFileError):
            desk.challenge(name, model=given)
    with pytest.raises(FileNotFoundError):
        desk.challenge(name, model=tmp_path / "none.qs")
    assert len(desk.versions(name)) == 1 and desk.gate(name) is None


def test_a_difference_is_told_case_by_case(desk, name, models):
    made = desk.challenge(name, model=models["other"])
    desk.pin(name, record=ROWS[0][0], label=ROWS[0][1])
    desk.feedback(desk.predict(name, ROWS[-1][0]).id, label=ROWS[-1][1], source="ana")
    desk.flush()
    champion = roles(desk, name)["champion"]
    diff = desk.diff(name, champion[:6], made.id)
    assert isinstance(diff, Diff) and (diff.before, diff.after) == (champion, made.id)
    assert (diff.labelled, diff.pins) == (1, 1) and diff.right_after == 0
    exam = next(d for d in diff.differences if d.where == "exam")
    assert (exam.record, exam.after, exam.truth) == (ROWS[0][0], "up", "down")
    assert len(desk.diff(name, champion, made.id, limit=1).differences) <= 1
    with pytest.raises(NotFoundError):
        desk.diff(name, champion, "0" * 32)
    with pytest.raises(InputError):
        desk.diff(name, champion, made.id, limit=0)


def test_cases_are_pinned_and_sat(desk, name, models):
    pin = desk.pin(name, record=ROWS[0][0], label="down", source="ana")
    assert isinstance(pin, Pin) and pin.id.startswith("pin-") and pin.record == ROWS[0][0]
    assert (pin.label, pin.bound, pin.auto, pin.source) == ("down", "must", False, "ana")
    answer = desk.predict(name, ROWS[-1][0])
    other = desk.pin(name, prediction_id=answer.id, label="elsewhere", bound="should")
    exam = desk.exam(name)
    assert isinstance(exam, Exam) and exam.version == roles(desk, name)["champion"]
    assert (exam.passed, exam.failed, exam.must_failed) == (1, 1, 0)
    assert [(p.id, p.passes) for p in exam.pins] == [(other.id, False), (pin.id, True)]
    made = desk.challenge(name, model=models["other"])
    sat = desk.exam(name, version=made.id[:8])
    assert sat.version == made.id and sat.must_failed == 1 and sat.passed == 0
    desk.unpin(name, other.id)
    assert [p.id for p in desk.exam(name).pins] == [pin.id]
    with pytest.raises(NotFoundError):
        desk.unpin(name, other.id)
    with pytest.raises(NotFoundError):
        desk.exam(name, version="0" * 32)


def test_several_cases_are_pinned_together_or_not_at_all(desk, name):
    rows = [(record, label, "must") for record, label in ROWS]
    assert desk.pin_many(name, rows) == len(rows)
    assert desk.exam(name).passed == len(rows)
    for wrong, error in (
        ((ROWS[0][0], 1.5, "must"), LabelError),
        (({"a": {}}, "up", "must"), RecordError),
        ((ROWS[0][0], "up", "perhaps"), InputError),
    ):
        with pytest.raises(error):
            desk.pin_many(name, [(ROWS[0][0], "elsewhere", "must"), wrong])
    assert desk.exam(name).passed == len(rows) == len(desk.exam(name).pins)


@pytest.mark.parametrize("label", ["card arrival", 1, True, "1"])
def test_pins_keep_the_type_of_their_label(desk, name, label):
    assert type(desk.pin(name, record="hello", label=label).label) is type(label)
    (pin,) = desk.exam(name).pins
    assert pin.label == label and type(pin.label) is type(label)


def test_what_cannot_be_pinned_is_refused(desk, name):
    for given in ({}, {"record": "x", "prediction_id": "p_1"}):
        with pytest.raises(InputError):
            desk.pin(name, label="x", **given)
    with pytest.raises(NotFoundError):
        desk.pin(name, prediction_id="p_nobody", label="x")
    with pytest.raises(LabelError):
        desk.pin(name, record="x", label=None)
    with pytest.raises(InputError):
        desk.pin(name, record="x", label="y", bound="perhaps")
    assert desk.exam(name).pins == ()


def test_limits_are_set_all_at_once(desk, name):
    assert desk.limits(name).limits == Limits()
    limits = Limits(
        never=("label == 'up' and height > 1",),
        allowed=(Allowed("colour == 'a'", ("up", 1, True)),),
        per_minute=5,
        costs=(("up", 2.5), (1, 1.0)),
        spend_per_day=100.0,
    )
    report = desk.limit(name, limits)
    assert isinstance(report, LimitsReport) and report.limits == limits and report.learner == name
    assert [type(label) for label in report.limits.allowed[0].labels] == [str, int, bool]
    assert (report.acted_last_minute, report.spent_today, report.hits) == (0, 0.0, ())
    assert desk.limits(name) == report
    assert desk.limit(name, Limits(per_minute=7)).limits == Limits(per_minute=7)


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
def test_limits_that_cannot_be_are_refused_by_name(desk, name, limits, named):
    with pytest.raises(SettingError, match=named):
        desk.limit(name, limits)
    assert desk.limits(name).limits == Limits()


def test_a_pause_is_in_force_within_one_request(desk, name):
    desk.pause(name, reason="the form is wrong")
    desk.pause(name, reason="once more")
    (pause,) = desk.limits(name).pauses
    assert isinstance(pause, Pause) and pause in desk.pauses()
    assert (pause.scope, pause.by, pause.reason) == (name, "local", "the form is wrong")
    answer = desk.predict(name, ROWS[0][0])
    assert answer.decision == "ask" and "the form is wrong" in answer.reason + answer.limit
    desk.resume(name)
    desk.resume(name)
    assert desk.limits(name).pauses == ()
    with pytest.raises(NotFoundError):
        desk.pause("nobody")


def test_all_learners_pause_together(desk, name):
    desk.pause(reason="a fire drill")
    try:
        assert [(p.scope, p.reason) for p in desk.pauses()] == [("", "a fire drill")]
        assert "a fire drill" in str(desk.predict(name, ROWS[0][0]))
        assert [p.scope for p in desk.limits(name).pauses] == [""]
    finally:
        desk.resume()
    assert desk.pauses() == []


def test_autonomy_says_why_it_is_not_higher(desk, name):
    report = desk.autonomy(name)
    assert isinstance(report, AutonomyReport) and report.learner == name
    assert (report.level, report.ceiling, report.next_level) == ("suggest", "act", "approve")
    assert report.why_not_higher and report.log_evidence < report.log_bar
    assert report.guard_delays and isinstance(report.guard_delays[0][1], int)
    desk.change(name, ceiling="shadow")
    lowered = desk.autonomy(name)
    assert (lowered.level, lowered.next_level) == ("shadow", None)
    assert [(c.before, c.after) for c in lowered.history] == [("suggest", "shadow")]
    answer = desk.predict(name, ROWS[0][0])
    assert (answer.label, answer.decision, answer.level) == (None, "ask", "shadow")


def test_what_is_held_waits_for_a_yes(desk):
    name = desk.create(
        next(names), seed=0, target=0.6, alpha=0.5, budget_mb=16, approvals=3, consolidate=False
    ).name

    def teach():
        answer = desk.predict(name, ROWS[0][0])
        if not answer.held:
            desk.feedback(answer.id, label="down", source="ana", wait_learned=True)
        return answer

    held = next((a for a in (teach() for _ in range(200)) if a.held), None)
    assert held is not None, desk.autonomy(name)
    assert (held.decision, held.level, held.label) == ("ask", "approve", "down")
    assert [ask.id for ask in desk.held(name)] == [held.id] and desk.held(name)[0].held
    desk.feedback(held.id, correct=True, source="ana")
    assert desk.held(name) == [] and desk.autonomy(name).approvals == 1
    with pytest.raises(InputError):
        desk.held(name, limit=0)


def test_sources_say_who_taught_what(desk, name):
    answer = desk.predict(name, ROWS[0][0])
    desk.feedback(answer.id, label="down", source="ana")
    desk.feedback(answer.id, label="down", source="ben", wait_learned=True)
    found = {source.source: source for source in desk.sources(name)}
    ana = found["ana"]
    assert isinstance(ana, SourceReport) and ana.labels == len(ROWS) + 1 and ana.trusted is not None
    assert 0 < ana.share <= 1 and not ana.unusual and ana.last >= ana.first > 1.7e9
    assert ana.agreement == (("ben", 1, 1),) and isinstance(ana.against_others, tuple)


def test_the_gate_follows_the_stream(desk, name, models):
    made = desk.challenge(name, model=models["other"])
    for record, label in ROWS:
        desk.feedback(desk.predict(name, record).id, label=label, source="ana")
    desk.flush()
    until(lambda: (desk.gate(name) or made) and desk.gate(name).labelled >= len(ROWS), 30)
    report = desk.gate(name)
    assert report.version == made.id and report.purpose == "challenge"
    assert report.gain <= 0 and report.log_evidence < report.log_bar
    assert {c.name for c in report.conditions} == {"exam", "never", "better", "groups", "baselines"}
    assert all(isinstance(pair, tuple) for pair in report.baselines)
    assert {d.where for d in report.differences} <= {"stream", "exam"}
