"""A shadow is a function of the log, and answers each case before its label is known."""

import pytest

import quickstudy
from quickstudy.api.guardrails import Limits
from quickstudy.deploy.promotion import gate
from quickstudy.deploy.promotion import shadow as following
from quickstudy.deploy.promotion.shadow_process import report
from quickstudy.deploy.versions.commands import Promote
from tests.deploy.promotion.rivals import SMALL, cases, figures, followed, kind, model, right, wrong
from tests.deploy.support import expire, replayed


def rival():
    """It was taught twice, so that it is sure."""
    return model((range(60), right), (range(60), right))


@pytest.fixture
def deployment(path):
    """A deployment whose learner `t` has a challenger that knows kinds 0 to 59; it itself knows
    kinds 60 to 79. No process follows it: the tests do.
    """
    with quickstudy.open(path) as deployment:
        deployment.classifiers.roles_changed = lambda hosted: None
        deployment.create("t", **SMALL, trusted=["boss"], environment="a")
        cases(deployment, range(60, 80))
        deployment.flush()
        deployment.challenge("t", model=rival())
        yield deployment


def labelled(deployment):
    found = figures(deployment)
    return found["cases"], found["labelled"]


def test_chunks_make_no_difference(deployment, monkeypatch):
    """Not even of the exemplars, the refits and the feature maps that come on the way."""
    for start in range(0, 120, 15):
        cases(deployment, range(start, start + 15), label=right if start % 2 else wrong)
        deployment.feedback(learner="t", record=kind(start), label=right(start), source="ana")
        waiting = deployment.predict("t", kind(start), id=f"refuted {start}")
        if waiting.label is not None:
            deployment.feedback(waiting.id, correct=False, source="ana")
    found = {}
    for events in (1, 7, 200, 100_000):
        monkeypatch.setattr(following, "EVENTS_AT_ONCE", events)
        shadow = followed(deployment)
        told = report(shadow) | {"at": 0}  # refits of the champion come when they are done
        found[events] = told, shadow.learner.state_hash()
    assert found[1][0]["labelled"] >= 120 and found[1][0]["differences"]
    assert found[1] == found[7] == found[200] == found[100_000]


def test_a_case_is_answered_by_what_was_learned_before_it(deployment):
    """Both know nothing of kind 100 until its label comes; then both do."""
    cases(deployment, [100, 100])
    deployment.flush()
    assert followed(deployment).gate.gain == 0.0
    cases(deployment, [100])
    found = followed(deployment)
    assert found.gate.labelled == 3 and found.learner.predict(kind(100)).label == right(100)


def test_an_exact_copy_of_the_champion_gains_nothing(path):
    """Where labels stay the same for a while, who has learned one case more is better by far."""
    with quickstudy.open(path) as deployment:
        deployment.classifiers.roles_changed = lambda hosted: None
        deployment.create("t", **SMALL)
        deployment.feedback(learner="t", record=kind(0), label="q", wait_learned=True)
        trainer = deployment.classifiers.by_name["t"].trainer
        deployment.challenge(
            "t", model=trainer.run_between(lambda: trainer.replicas.back.packed()).result()
        )
        for i in range(240):
            answer = deployment.predict(
                "t", kind(0)
            )  # nobody waits until the last label is learned
            deployment.feedback(answer.id, label="pqr"[i // 12 % 3], source="boss")
        found = followed(deployment)
        assert found.gate.labelled > 200 and abs(found.gate.gain) < 0.02


def test_a_label_that_is_there_before_its_case_gives_no_advantage(deployment):
    """It is learned where it joins its case, after the answer."""
    for i in (100, 101, 102):
        deployment.feedback(f"case {i}", label=right(i), source="boss")
        deployment.predict("t", kind(i), id=f"case {i}")
    found = followed(deployment)
    assert found.gate.labelled == 3
    said = {d.id: d.after for d in found.differences}
    before = [found.gate.gain]
    for i in (100, 101, 102):
        if f"case {i}" not in said:  # then it said what the champion said
            said[f"case {i}"] = deployment.history(f"case {i}").answer.label
    learner = quickstudy.Classifier.unpacked(rival())
    assert said["case 100"] == learner.predict(kind(100)).label
    assert before == [found.gate.gain]


def test_labels_may_come_late_and_in_another_order(deployment):
    answers = deployment.predict_many("t", [kind(i) for i in (1, 2, 61, 62)])
    assert labelled(deployment) == (4, 0)
    for answer, i in list(zip(answers, (1, 2, 61, 62), strict=True))[::-1]:
        deployment.feedback(answer.id, label=right(i), source="boss")
    found = figures(deployment)
    assert (found["cases"], found["labelled"]) == (4, 4)
    said = {d["id"]: (d["before"], d["after"]) for d in found["differences"]}
    assert said[answers[1].id] == (answers[1].label, right(2)) and answers[1].label != right(2)
    assert all(d["id"] in {answer.id for answer in answers} for d in found["differences"])


def test_a_label_that_never_comes_counts_against_who_is_different(deployment):
    """The benefit of the doubt is the champion's, where the two differ."""
    deployment.change("t", wait_seconds=1e-6)
    deployment.predict_many(
        "t", [kind(i) for i in range(10)]
    )  # it knows these, the champion does not
    expire(deployment)
    found = followed(deployment)
    differ = sum(a["after"] != a["before"] for a in pairs(deployment, found, range(10)))
    assert found.gate.labelled == 10 and differ >= 3
    assert found.gate.gain == pytest.approx(-differ / 10)


def pairs(deployment, shadow, kinds):
    """What champion and shadow say of kinds; nothing was learned since."""
    records = [kind(i) for i in kinds]
    with deployment.classifiers.by_name["t"].replicas.reading() as learner:
        said = learner.predict_many(records), shadow.learner.predict_many(records)
    return [{"before": a.label, "after": b.label} for a, b in zip(*said, strict=True)]


@pytest.mark.parametrize("times", [1, 2])
def test_an_answer_that_was_refuted_is_nobody_s_gain(deployment, times):
    """Also where a second source has to say so before it counts."""
    answer = deployment.predict("t", kind(3))
    shadow = followed(deployment)
    (said,) = pairs(deployment, shadow, [3])
    assert said["before"] == answer.label != said["after"] == right(3)
    for source in ["ana", "boss"][-times:]:
        deployment.feedback(answer.id, correct=False, source=source)
    found = followed(deployment)
    assert (found.gate.labelled, found.gate.gain) == (1, 0.0)
    assert not found.differences and not found.gate.groups  # nobody knows what is right


def test_groups_are_those_of_environment_source_and_label(deployment, monkeypatch):
    monkeypatch.setattr(gate, "ENOUGH", 3)
    cases(deployment, [0, 12, 24, 36])
    names = {group["name"] for group in figures(deployment)["groups"]}
    assert {"a=a0", "source=boss"} < names and any(name.startswith("label=") for name in names)


def test_answers_against_a_rule_are_counted_from_when_the_rule_holds(deployment):
    cases(deployment, range(5))
    assert followed(deployment).broken == 0
    deployment.limit("t", Limits(never=(f'label == "{right(0)}"',)))
    before = figures(deployment)
    cases(deployment, [0, 0])
    found = followed(deployment)
    assert found.broken >= 1 and before["conditions"][1]["holds"]
    assert not report(found)["conditions"][1]["holds"]


def test_terms_are_those_of_its_beginning(deployment):
    """So its figures are the same after a restart."""
    cases(deployment, range(20))
    before = figures(deployment)
    deployment.limit("t", Limits(never=(f'label == "{right(0)}"',)))
    deployment.change("t", margin=0.5, environment="b", probation=5)
    after = figures(deployment)
    assert after["at"] > before["at"] and after | {"at": 0} == before | {"at": 0}


def test_where_it_ends_the_champion_begins(deployment):
    """What it was at the event of its promotion is what answers from there on."""
    cases(deployment, range(20))
    shadow = followed(deployment)
    hosted = deployment.classifiers.by_name["t"]
    promotion = Promote(hosted, hosted.roles.challenger, [], (), True, "good", "me")
    deployment.writer.submit(promotion).result()
    with deployment.store.reading() as connection:
        assert not shadow.follow(connection) and shadow.done
    deployment.flush()
    state = hosted.trainer.run_between(lambda: hosted.replicas.back.state_hash()).result()
    assert state == shadow.learner.state_hash() and deployment.state_hash("t") == replayed(
        deployment, "t"
    )


def test_the_former_champion_is_in_probation_then_stands_by(deployment):
    hosted = deployment.classifiers.by_name["t"]
    promotion = Promote(hosted, hosted.roles.challenger, [], (), True, "good", "me")
    deployment.writer.submit(promotion).result()
    deployment.flush()
    cases(deployment, range(60, 75))  # the former champion knows these
    found = figures(deployment, purpose="probation")
    assert found["verdict"] == "roll back" and found["gain"] > 0.2
    deployment.rollback("t")
    deployment.flush()
    cases(deployment, range(5))
    assert figures(deployment, purpose="standby")["cases"] == 0
    assert deployment.state_hash("t") == replayed(deployment, "t")
