"""An example that cannot be learned is set aside: everything is as if it had never come."""

import shutil

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import quickstudy
from quickstudy import Feedback
from quickstudy.deploy.recovery import snapshots
from quickstudy.deploy.recovery.files import folder_of
from quickstudy.errors import InputError, StoreError
from quickstudy.learners.classifier.classifier import Classifier
from tests.deploy.faults import ERRORS, failing_classifier, failing_value, record
from tests.deploy.support import SECONDS, agrees, copied, failures, types

SMALL = {"budget_mb": 16, "seed": 1, "consolidate": False}
SLOW = settings(
    max_examples=5,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],  # each example takes seconds
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
ASIDE = "examples set aside"


def label(i):
    return "odd" if i % 2 else "even"


def teach(deployment, name, numbers, *, every=0, wait=True):
    """Teach records one by one; every so manieth is marked. Without faults only the others."""
    items = [
        Feedback(learner=name, record=record(i, marked=marked), label=label(i), key=f"{name} {i}")
        for i in numbers
        if not (marked := bool(every) and i % abs(every) == 0) or every > 0
    ]
    return deployment.feedback_many(items, wait_learned=wait) if items else []


@pytest.mark.slow
@SLOW
@given(
    every=st.integers(2, 9),
    error=st.sampled_from(ERRORS),
    count=st.integers(12, 40),
    crash=st.booleans(),
)
def test_a_classifier_goes_on_as_if_what_it_cannot_learn_had_never_come(
    tmp_path_factory, every, error, count, crash
):
    """Live, after a kill or a restart, and in a replay; the other learner of the store too."""
    path = tmp_path_factory.mktemp("faulty") / "work.db"
    calm = tmp_path_factory.mktemp("calm") / "work.db"
    half = count // 2
    with quickstudy.open(calm) as deployment:
        for name in ("t", "other"):
            deployment.create(name, **SMALL)
        teach(deployment, "t", range(count), every=-every)
        teach(deployment, "other", range(count))
        wanted = [deployment.state_hash(name) for name in ("t", "other")]
    with failing_classifier(error):
        with quickstudy.open(path) as deployment:
            for name in ("t", "other"):
                deployment.create(name, **SMALL)
            receipts = teach(deployment, "t", range(half), every=every)
            teach(deployment, "other", range(half))
            if crash:
                path = copied(path, path.parent.with_name(path.parent.name + "-killed"))
        with quickstudy.open(path) as deployment:
            receipts += teach(deployment, "t", range(half, count), every=every)
            teach(deployment, "other", range(half, count))
            assert [deployment.state_hash(name) for name in ("t", "other")] == wanted
            assert agrees(deployment, "t") and agrees(deployment, "other")
    aside = len(range(0, count, every))
    assert [bool(r.quarantined) for r in receipts] == [i % every == 0 for i in range(count)]
    assert {r.status for r in receipts} == {"accepted"}
    with quickstudy.open(path) as deployment:  # where it would not raise any more, the log decides
        assert [deployment.state_hash(name) for name in ("t", "other")] == wanted
        assert (
            deployment.learner("t").quarantined == aside
            and deployment.learner("other").quarantined == 0
        )
        found = deployment.report("t").quarantined
        assert len(found) == min(aside, 20)
        assert all(type(error).__name__ in one.reason for one in found)
    shutil.rmtree(path.with_name(path.name + ".d") / "learner-1")
    with quickstudy.open(path) as deployment:  # by the log alone
        assert [deployment.state_hash(name) for name in ("t", "other")] == wanted
    assert list(failures(path)) == [f"t: {ASIDE}"]


def runs(deployment, numbers, *, every=0):
    """Runs of two steps; of every so manieth the end cannot be learned, and a step neither."""
    for i in numbers:
        marked = bool(every) and i % abs(every) == 0
        run = deployment.start("v", id=f"run {i}", task="marked" if marked else "plain").id
        deployment.step("v", run, record(i))
        if marked and every > 0:
            with pytest.raises(InputError, match="could not take this in"):
                deployment.step("v", run, record(i, marked=True))
        deployment.step("v", run, record(i + 1))
        if marked and every < 0:
            deployment.expire("v", run)
        else:
            ended = deployment.end("v", run, float(i % 3 == 0))
            assert bool(ended.quarantined) == marked and ended.status == "ended"


@pytest.mark.slow
@SLOW
@given(every=st.integers(2, 6), error=st.sampled_from(ERRORS), crash=st.booleans())
def test_a_value_learner_goes_on_as_if_what_it_cannot_learn_had_never_come(
    tmp_path_factory, every, error, crash
):
    """A run whose end was set aside is to it one whose end will not be known."""
    path = tmp_path_factory.mktemp("faulty") / "work.db"
    calm = tmp_path_factory.mktemp("calm") / "work.db"
    with quickstudy.open(calm) as deployment:
        deployment.create_value("v", budget_mb=16, seed=1)
        runs(deployment, range(14), every=-every)
        wanted = deployment.state_hash("v")
    with failing_value(error):
        with quickstudy.open(path) as deployment:
            deployment.create_value("v", budget_mb=16, seed=1)
            deployment.create("other", **SMALL)
            runs(deployment, range(7), every=every)
            if crash:
                path = copied(path, path.parent.with_name(path.parent.name + "-killed"))
        with quickstudy.open(path) as deployment:
            runs(deployment, range(7, 14), every=every)
            assert deployment.state_hash("v") == wanted
            assert [f.check for f in deployment.doctor() if not f.ok] == [f"v: {ASIDE}"]
    with quickstudy.open(path) as deployment:
        assert deployment.state_hash("v") == wanted
        assert deployment.learner("v").quarantined == 2 * len(range(0, 14, every))
        assert {one.about for one in deployment.value("v").quarantined} == {"stepped", "run_ended"}
    shutil.rmtree(path.with_name(path.name + ".d") / "learner-1")
    with quickstudy.open(path) as deployment:
        assert deployment.state_hash("v") == wanted
    assert list(failures(path)) == [f"v: {ASIDE}"]


@pytest.fixture
def unmarked(path):
    """A store in which everything was learned, of which something cannot be learned today; its
    state without that.
    """
    for numbers in (range(10), range(10, 20), range(20, 30)):
        with quickstudy.open(path) as deployment:
            if not numbers.start:
                deployment.create("t", **SMALL)
                deployment.create("other", **SMALL)
            teach(deployment, "t", numbers, every=7)
            teach(deployment, "other", numbers)
            other = deployment.state_hash("other")
    with quickstudy.open(path.with_name("calm.db")) as deployment:
        deployment.create("t", **SMALL)
        teach(deployment, "t", range(30), every=-7)
        return path, deployment.state_hash("t"), other


def test_a_replay_that_fails_today_is_a_finding_and_on_duty_it_is_set_aside(unmarked):
    path, wanted, other = unmarked
    folder = path.with_name(path.name + ".d") / "learner-1"
    newest = snapshots.found(folder)[-1]
    newest.unlink()  # so that the older one, and a replay from there, is what a start needs
    with failing_classifier(ERRORS[0]):
        before = path.read_bytes()
        assert "does not say that it was set aside" in failures(path)["t: replay"]
        assert path.read_bytes() == before
        with quickstudy.open(path) as deployment:
            aside = [one.event for one in deployment.report("t").quarantined]
            assert len(aside) == 2 and types(deployment).count("quarantined") == 2  # 21 and 28
            assert deployment.state_hash("other") == other
    shutil.rmtree(folder)
    with failing_classifier(ERRORS[1]), quickstudy.open(path) as deployment:
        assert deployment.state_hash("t") == wanted and deployment.learner("t").quarantined == 5
        assert agrees(deployment, "t")
    with quickstudy.open(path) as deployment:
        assert deployment.state_hash("t") == wanted and agrees(deployment, "t")
    assert list(failures(path)) == [f"t: {ASIDE}"]


def test_a_snapshot_that_learned_what_was_set_aside_later_is_not_gone_on_from(unmarked, caplog):
    path, wanted, _ = unmarked
    folder = path.with_name(path.name + ".d") / "learner-1"
    kept = {file.name: file.read_bytes() for file in snapshots.found(folder)}
    for file in snapshots.found(folder):
        file.unlink()
    with failing_classifier(ERRORS[2]), quickstudy.open(path) as deployment:
        assert deployment.state_hash("t") == wanted
    for file in snapshots.found(folder):
        file.unlink()
    for name, content in kept.items():
        (folder / name).write_bytes(content)
        (folder / name).chmod(0o600)
    with quickstudy.open(path) as deployment:
        assert deployment.state_hash("t") == wanted
    assert "was set aside later" in caplog.text


def test_a_value_learner_whose_replay_fails_today_sets_that_aside_once(path):
    with quickstudy.open(path) as deployment:
        deployment.create_value("v", budget_mb=16, seed=1)
        for i in range(12):
            run = deployment.start("v", task="marked" if i % 4 == 0 else "plain").id
            deployment.step("v", run, record(i))
            deployment.end("v", run, float(i % 3 == 0))
    shutil.rmtree(path.with_name(path.name + ".d") / "learner-1")
    with failing_value(ERRORS[0]):
        assert "does not say that it was set aside" in failures(path)["v: replay"]
        with quickstudy.open(path) as deployment:
            state = deployment.state_hash("v")
            assert deployment.learner("v").quarantined == 3
            assert [f.check for f in deployment.doctor() if not f.ok] == [f"v: {ASIDE}"]
    for _ in range(2):
        with quickstudy.open(path) as deployment:
            assert deployment.state_hash("v") == state and deployment.learner("v").quarantined == 3
        shutil.rmtree(path.with_name(path.name + ".d") / "learner-1")
    assert list(failures(path)) == [f"v: {ASIDE}"]


def test_who_waits_until_it_is_learned_hears_that_it_was_set_aside(path):
    with quickstudy.open(path) as deployment, failing_classifier(ERRORS[0]):
        deployment.create("t", **SMALL)
        teach(deployment, "t", range(1, 6))
        case = deployment.predict("t", record(6, marked=True)).id
        receipt = deployment.submit_feedback(
            [Feedback(case, label="even")], wait_learned=True
        ).result(SECONDS)[0]
        assert receipt.status == "accepted" and "set aside" in receipt.message
        assert receipt.quarantined == "MemoryError: no room for 8 GiB"
        assert [e.type for e in deployment.history(case).events][-1] == "quarantined"
        assert deployment.report("t").quarantined[0].subject == case
        assert deployment.report("t").lag == 0 and deployment.faults() == []
        assert deployment.feedback(case, label="even").status == "repeated"
        assert deployment.learner("t").examples == 5


def test_it_is_on_record_before_anybody_hears_that_it_was_dealt_with(path, tmp_path):
    with quickstudy.open(path) as deployment, failing_classifier(ERRORS[0]):
        deployment.create("t", **SMALL)
        teach(deployment, "t", range(1, 40), every=5)
        with quickstudy.open(copied(path, tmp_path / "killed")) as other:
            assert other.learner("t").quarantined == 7
            assert other.state_hash("t") == deployment.state_hash("t")


def test_a_prediction_that_fails_is_an_error_with_the_learners_name(path, monkeypatch):
    def fails(self, xs, **how):
        raise MemoryError("no room")

    with quickstudy.open(path) as deployment:
        for name in ("t", "other"):
            deployment.create(name, **SMALL)
            teach(deployment, name, range(4))
        before = deployment.state_hash("t")
        with monkeypatch.context() as patch:
            patch.setattr(Classifier, "predict_many", fails)
            with pytest.raises(StoreError, match=r"'t' could not answer \(MemoryError: no room\)"):
                deployment.predict("t", record(1))
        assert deployment.predict("t", record(1)).label == "odd"
        assert (
            deployment.state_hash("t") != before
        )  # of its risk control: the prediction is on record
        assert types(deployment).count("predicted") == 1


def test_refitted_experts_that_do_not_fit_in_are_set_aside(path, monkeypatch):
    def fails(self, fitted):
        raise ValueError("shapes do not fit")

    with quickstudy.open(path) as deployment:
        deployment.create("t", **SMALL)
        teach(deployment, "t", range(20))
        before = deployment.state_hash("t")
        hosted = deployment.classifiers.by_name["t"]
        with monkeypatch.context() as patch:
            patch.setattr(Classifier, "install", fails)
            packed = hosted.trainer.run_between(lambda: hosted.replicas.back.packed()).result(
                SECONDS
            )
            from quickstudy.deploy.hosting.refit_process import refit

            deployment.supervisor._refitted(hosted, hosted.trainer.seq, refit(packed))
            deployment.flush()
        assert deployment.report("t").quarantined[0].about == "refitted"
        assert (
            deployment.state_hash("t") == before
            and deployment.faults() == []
            and agrees(deployment, "t")
        )
        teach(deployment, "t", range(20, 30))
        state = deployment.state_hash("t")
    with quickstudy.open(path) as deployment:
        assert deployment.state_hash("t") == state and agrees(deployment, "t")


def test_a_store_that_knows_nothing_of_setting_aside_opens_as_before(path):
    """The counts of an older store lack that of what was set aside."""
    import sqlite3
    from contextlib import closing

    with quickstudy.open(path) as deployment:
        deployment.create("t", **SMALL)
        teach(deployment, "t", range(8))
        state = deployment.state_hash("t")
    with closing(sqlite3.connect(path)) as connection:
        assert "quarantined" not in connection.execute("SELECT tally FROM learners").fetchone()[0]
    with failing_classifier(ERRORS[0]), quickstudy.open(path) as deployment:
        assert deployment.state_hash("t") == state and deployment.learner("t").quarantined == 0
        teach(deployment, "t", range(14, 15), every=7)
        assert deployment.learner("t").quarantined == 1 and deployment.state_hash("t") == state
        assert folder_of(deployment.store.folder, 1).exists()
