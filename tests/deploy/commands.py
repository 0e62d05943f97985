"""A random walk over every command that a store takes, with writes that fail now and then."""

from contextlib import contextmanager
from random import Random

from quickstudy import Classifier, Feedback
from quickstudy.api.guardrails import Allowed, Limits
from quickstudy.errors import QuickstudyError, StoreError
from tests.deploy.support import EASY, expire, record, truth

LABELS = ("even", "odd", 1, True, "1")
SOURCES = ("boss", "ana", "ben")
RULES = ("a > 2", "b = 1", "answer = 'odd'")


def models():
    """Two learners that were taught elsewhere, as files."""
    made = []
    for seed in (1, 2):
        learner = Classifier(budget_mb=16, seed=seed)
        learner.learn_many([record(i) for i in range(6)], [truth(record(i)) for i in range(6)])
        made.append(learner.packed())
    return made


@contextmanager
def failing(deployment, steps):
    """The database breaks off what it does after so many of its own instructions."""
    raw = deployment.store._writing.connection.driver_connection
    raw.set_progress_handler(lambda: 1, steps)
    try:
        yield
    finally:
        raw.set_progress_handler(None, 0)


class Commands:
    """Commands that are the same for the same seed; what is refused is refused."""

    def __init__(self, deployment, seed):
        self.d = deployment
        self.rng = Random(seed)
        self.models = models()
        self.cases, self.runs, self.keys = [], [], []
        self.number = self.sent = self.refused = self.failed = 0
        deployment.classifiers.roles_changed = lambda hosted: None  # no shadow processes
        deployment.create("t", **EASY | {"audit": 0.3, "budget_mb": 16})
        deployment.create_value("v", budget_mb=16, seed=1)

    def step(self, *, fails=False):
        """One command, or, if it `fails`, one whose writes may break off."""
        act = self.rng.choices(ACTIONS, WEIGHTS)[0]
        self.sent += 1
        try:
            if fails:
                with failing(self.d, self.rng.randrange(20, 3_000)):
                    act(self)
            else:
                act(self)
        except StoreError:
            self.failed += 1
            assert fails, "a write failed that nothing had failed"
        except QuickstudyError:
            self.refused += 1

    def id(self, what):
        self.number += 1
        return f"{what} {self.number}"

    def pick(self, options):
        return self.rng.choice(options) if options else "nobody"

    def predict(self):
        count = self.rng.randrange(1, 5)
        records = [record(self.rng.randrange(40)) for _ in range(count)]
        if self.rng.random() < 0.1:
            records[0] = {"zzz": 1}
        ids = [self.id("case") if self.rng.random() < 0.7 else None for _ in records]
        if self.rng.random() < 0.1:
            ids[0] = self.pick(self.cases)
        answers = self.d.predict_many("t", records, ids=ids)
        self.cases += [answer.id for answer in answers]

    def feedback(self):
        items = []
        for _ in range(self.rng.randrange(1, 4)):
            more = {"source": self.pick(SOURCES)}
            if self.rng.random() < 0.3:
                more["key"] = f"key {self.rng.randrange(30)}"
            says = {"label": self.pick(LABELS)}
            if self.rng.random() < 0.2:
                says = {"correct": self.rng.random() < 0.5}
            items.append(Feedback(prediction_id=self.pick(self.cases[-40:]), **says, **more))
        self.d.feedback_many(items)

    def teach(self):
        x = record(self.rng.randrange(20))
        key = f"taught {self.rng.randrange(40)}" if self.rng.random() < 0.5 else None
        label, source = self.pick([truth(x), truth(x), *LABELS]), self.pick(SOURCES)
        self.d.feedback(learner="t", record=x, label=label, source=source, key=key)

    def early(self):
        case = self.id("case")
        self.d.feedback(case, label=self.pick(LABELS), source="ana")
        if self.rng.random() < 0.7:
            self.cases.append(self.d.predict("t", record(self.rng.randrange(20)), id=case).id)

    def unknown(self):
        self.d.feedback(f"p_{self.rng.randrange(9)}", label="x", source="ana")

    def resolve(self):
        found = self.d.cases("t", status="contested")
        self.d.rule(found[0].id if found else self.pick(self.cases), self.pick(LABELS[:2]))

    def claim(self):
        ask = self.d.claim("t", holder=self.pick(SOURCES))
        if ask and self.rng.random() < 0.5:
            self.d.release(ask.id, holder=ask.id)

    def expire(self):
        expire(self.d)

    def change(self):
        self.d.change(
            "t",
            target=self.pick((0.6, 0.55)),
            wait_seconds=self.pick((1e-6, 1e5)),
            ceiling=self.pick(("act", "act", "suggest")),
            trusted=self.pick(([], ["boss"])),
        )

    def come_and_go(self):
        name = self.pick(("other", "other value"))
        if name in {info.name for info in self.d.learners()}:
            self.d.delete(name)
        elif name == "other":
            self.d.create(name, seed=self.rng.randrange(9), wait_seconds=1e-6, budget_mb=16)
            self.cases += [answer.id for answer in self.d.predict_many(name, [record(1)] * 2)]
        else:
            self.d.create_value(name, seed=1, budget_mb=16)
            self.d.start(name, task="gone")

    def limit(self):
        self.d.limit(
            "t",
            Limits(
                never=tuple(self.rng.sample(RULES, self.rng.randrange(2))),
                allowed=(Allowed("a = 3", ("even",)),) if self.rng.random() < 0.3 else (),
                per_minute=self.pick((None, 3)),
                costs=(("even", 0.5),),
                spend_per_day=self.pick((None, 40.0)),
            ),
        )

    def pause(self):
        self.d.pause(self.pick((None, "t", "v")), reason="a look")

    def resume(self):
        for name in (None, "t", "v"):
            self.d.resume(name)

    def key(self):
        if self.keys and self.rng.random() < 0.5:
            self.d.revoke_key(self.pick(self.keys))
        else:
            scope = self.pick((None, ["t"]))
            self.keys.append(self.d.create_key("a", self.pick(("teach", "admin")), scope)[0].id)

    def pin(self):
        case = {"prediction_id": self.pick(self.cases)}
        about = self.pick((case, {"record": record(self.rng.randrange(20))}))
        self.d.pin("t", **about, label=self.pick(LABELS[:2]), bound=self.pick(("must", "should")))

    def unpin(self):
        pins = self.d.exam("t").pins
        self.d.unpin("t", self.pick([pin.id for pin in pins]))

    def challenge(self):
        self.d.challenge("t", model=self.pick(self.models), reason="a try")

    def withdraw(self):
        self.d.withdraw("t")

    def promote(self):
        """As a person does who overrides every condition: no shadow is asked."""
        hosted = self.d.classifiers.by_name["t"]
        report = {"version": hosted.roles.challenger, "conditions": []}
        report |= {"route": self.pick(("better", "simpler")), "revision": None}
        self.d.promotion.promote(hosted, report, self.pick(((), ["exam"])), "a try", "me")

    def rollback(self):
        self.d.rollback("t")

    def start(self):
        chosen = self.id("run") if self.rng.random() < 0.7 else None
        self.runs.append(self.d.start("v", task=self.pick(("A", "B")), id=chosen).id)

    def take_step(self):
        said = self.pick(("look", "search", {"page": "x", "price": 2.5}))
        number = self.pick((None, None, None, 1, 2))
        self.d.step("v", self.pick(self.runs[-8:]), said, action="go", number=number)

    def end(self):
        self.d.end("v", self.pick(self.runs[-8:]), self.pick((0.0, 1.0, 0.5)))

    def give_up(self):
        self.d.expire("v", self.pick(self.runs[-8:]))

    def change_value(self):
        self.d.change("v", wait_seconds=self.pick((1e-6, 1e6)), most_open=self.pick((5, 100)))


CHANCES = {
    Commands.predict: 20,
    Commands.feedback: 20,
    Commands.teach: 8,
    Commands.early: 4,
    Commands.unknown: 1,
    Commands.resolve: 3,
    Commands.claim: 3,
    Commands.expire: 1,
    Commands.change: 2,
    Commands.come_and_go: 2,
    Commands.limit: 2,
    Commands.pause: 1,
    Commands.resume: 3,
    Commands.key: 2,
    Commands.pin: 3,
    Commands.unpin: 1,
    Commands.challenge: 2,
    Commands.withdraw: 1,
    Commands.promote: 2,
    Commands.rollback: 1,
    Commands.start: 5,
    Commands.take_step: 10,
    Commands.end: 4,
    Commands.give_up: 1,
    Commands.change_value: 1,
}
ACTIONS, WEIGHTS = list(CHANCES), list(CHANCES.values())
