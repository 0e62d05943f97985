"""A random walk over everything that one can say to a deployment."""

from contextlib import suppress

import numpy as np

from quickstudy import Feedback
from quickstudy.errors import InputError
from tests.deploy.support import EASY, expire, record, truth

SOURCES = ("boss", "ana", "ben")
LABELS = ("even", "odd", 1, True, "1")


class Walk:
    """Steps that are the same for the same seed, whatever the store and however often it restarts.

    `fresh` keeps to predictions since `begin`: what experts said of older ones may be forgotten.
    """

    def __init__(self, seed, *, fresh=False, vectors=False):
        self.rng = np.random.default_rng(seed)
        self.fresh = fresh
        self.vectors = vectors
        self.cases = []
        self.asked = 0
        self.chances = [9, 9, 2, 2, 2, 1, 1, 1, 1]

    def begin(self, deployment):
        """Go on with this deployment."""
        self.deployment = deployment
        if self.fresh:
            self.cases = []
        if not deployment.learners():
            self.deployment.create("t", **EASY | {"audit": 0.3})

    def step(self):
        """One random thing."""
        does = (
            self.predict,
            self.feedback,
            self.teach,
            self.repeat,
            self.early,
            self.change,
            self.rule,
            self.second,
            self.nonsense,
        )
        chosen = self.rng.choice(len(does), p=np.array(self.chances) / sum(self.chances))
        self.deployment.flush()
        does[chosen]()

    def record(self):
        i = int(self.rng.integers(40))
        if not self.vectors:
            return record(i)
        return record(i) | {"v": [[1.0, 0.0, 0.0], [0.0, 0.6, 0.8], [0.0, 1.0, 0.0]][i % 3]}

    def pick(self, options):
        return options[int(self.rng.integers(len(options)))]

    def predict(self):
        ids = [f"case {self.asked + i}" for i in range(int(self.rng.integers(1, 4)))]
        self.asked += len(ids)
        xs = [self.record() for _ in ids]
        self.deployment.predict_many("t", xs, ids=ids)
        self.cases += zip(ids, xs, strict=True)

    def say(self):
        case, x = self.pick(self.cases)
        if self.rng.random() < 0.15:
            return {"prediction_id": case, "correct": bool(self.rng.random() < 0.5)}
        label = truth(x) if self.rng.random() < 0.8 else self.pick(LABELS)
        return {"prediction_id": case, "label": label}

    def feedback(self):
        items = [Feedback(**self.say(), source=self.pick(SOURCES)) for _ in range(2) if self.cases]
        with suppress(InputError):
            for item in items:
                self.deployment.feedback_many([item])

    def teach(self):
        x = self.record()
        self.deployment.feedback(learner="t", record=x, label=truth(x), source="boss")

    def repeat(self):
        if self.cases:
            said = self.say()
            with suppress(InputError):
                for _ in range(3):
                    self.deployment.feedback(**said, source="ana")

    def early(self):
        case, x = f"case {self.asked}", self.record()
        self.asked += 1
        self.deployment.feedback(case, label=truth(x), source="ben")
        self.deployment.predict("t", x, id=case)

    def change(self):
        self.deployment.change(
            "t", target=self.pick((0.6, 0.55)), wait_seconds=self.pick((1e5, 1e6))
        )

    def rule(self):
        for case in self.deployment.cases("t", status="contested")[:1]:
            self.deployment.rule(case.id, truth(case.record), source="boss")

    def second(self):
        """A learner that comes and goes, and whose cases expire unheard."""
        if "second" in {info.name for info in self.deployment.learners()}:
            self.deployment.delete("second")
            return
        self.deployment.create("second", seed=int(self.rng.integers(9)), wait_seconds=1e-6)
        answers = self.deployment.predict_many("second", [self.record() for _ in range(3)])
        expire(self.deployment)
        for answer in answers[:2]:
            self.deployment.feedback(answer.id, label="even", source="ana")

    def nonsense(self):
        for wrong in (
            Feedback("p_nobody", label=0.5),
            Feedback("case 0", correct=True, label="x"),
            Feedback(learner="nobody", record={}, label="x"),
        ):
            with suppress(InputError):
                self.deployment.feedback_many([wrong])
        with suppress(InputError):
            self.deployment.create("t")
