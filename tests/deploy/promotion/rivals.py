"""Versions that want to answer: a world to be learned by heart, and learners that know parts."""

import time
from contextlib import suppress

import numpy as np

from quickstudy import Classifier, Feedback
from quickstudy.deploy.promotion.shadow import Shadow
from quickstudy.deploy.promotion.shadow_process import report
from quickstudy.deploy.promotion.shadow_supervisor import specs_of
from quickstudy.deploy.recovery.files import folder_of
from quickstudy.errors import StoreError
from quickstudy.log.store import read_events
from tests.deploy.support import SECONDS

LABELS = np.random.default_rng(7).choice(list("pqr"), 120)
SMALL = {"budget_mb": 16, "seed": 1, "consolidate": False, "ceiling": "suggest"}
ALL = ["exam", "never", "better", "groups", "baselines"]  # what the gate asks


def kind(i):
    """Kind number i of 120."""
    return {"a": f"a{i % 12}", "b": f"b{i // 12}"}


def right(i):
    """Its label, that nothing but memory tells."""
    return str(LABELS[i])


def wrong(i):
    """Another one."""
    return {"p": "q", "q": "r", "r": "p"}[right(i)]


def model(*updates, seed=5):
    """A learner made elsewhere, packed, that was taught (kinds, labels) one after the other."""
    learner = Classifier(budget_mb=16, seed=seed)
    for kinds, label in updates:
        learner.learn_many([kind(i) for i in kinds], [label(i) for i in kinds])
    return learner.packed()


def cases(deployment, kinds, label=right, name="t", source="boss"):
    """Predict some kinds together, then label those that want a label; the answers."""
    kinds = list(kinds)
    answers = deployment.predict_many(name, [kind(i) for i in kinds])
    words = [
        Feedback(answer.id, label=label(i), source=source)
        for i, answer in zip(kinds, answers, strict=True)
        if answer.decision == "ask" or answer.audit
    ]
    if words:
        deployment.feedback_many(words)
    return answers


def caught_up(deployment, name="t"):
    """What the gate reports once the shadow has followed all of the log."""
    ends = time.monotonic() + SECONDS
    while time.monotonic() < ends:
        with suppress(StoreError):  # its process is being started once more: try again
            found = deployment.gate(name)
            if found is not None and found.behind == 0:
                return found
        time.sleep(0.05)
    raise AssertionError("the shadow never caught up")


def followed(deployment, name="t", purpose="challenge"):
    """A shadow in this process, over the same store, up to the end of the log."""
    hosted = deployment.classifiers.by_name[name]
    with deployment.store.reading() as connection:
        (spec,) = [o for o in specs_of(connection, hosted) if o.purpose == purpose]
        shadow = Shadow(spec, folder_of(deployment.store.folder, hosted.number))
        while shadow.follow(connection):
            pass
    return shadow


def figures(deployment, name="t", purpose="challenge"):
    """What such a shadow reports."""
    return report(followed(deployment, name, purpose))


def events(deployment, *kinds):
    """The events of some types, all there are."""
    with deployment.store.reading() as connection:
        return list(read_events(connection, types=kinds))


def ids(deployment, name="t"):
    """Versions by role; the newest of each."""
    return {version.role: version.id for version in deployment.versions(name)[::-1]}
