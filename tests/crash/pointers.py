"""R11: random promotions, rollbacks, refusals and withdrawals, against a model of sixty lines.

The code of a deployment decides, on a store of its own; after every sequence roles, errors, log and
who answered when must be what the model says, over restarts and transactions that fail. In a few
more sequences learners learn for real meanwhile, and their state must be that of a replay.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import quickstudy
from quickstudy import Classifier
from quickstudy.api.settings import Settings
from quickstudy.api.versions import Condition
from quickstudy.deploy.core.commands import Delete
from quickstudy.deploy.core.context import Context
from quickstudy.deploy.core.dispatcher import Dispatcher
from quickstudy.deploy.core.queries import learner_rows
from quickstudy.deploy.decisions.commands import Create
from quickstudy.deploy.guardrails.limits import PauseFile
from quickstudy.deploy.guardrails.risk import new_control
from quickstudy.deploy.handlers import HANDLERS
from quickstudy.deploy.hosting import refit_process
from quickstudy.deploy.hosting.learner import HostedLearner
from quickstudy.deploy.hosting.transaction import HostedLearners
from quickstudy.deploy.projection import project
from quickstudy.deploy.promotion.shadow_supervisor import ShadowSupervisor
from quickstudy.deploy.recovery.files import folder_of
from quickstudy.deploy.recovery.replay import replay
from quickstudy.deploy.runs.hosted import HostedValues
from quickstudy.deploy.runs.snapshots import recover as recover_value
from quickstudy.deploy.versions.commands import Challenge, Promote, Refuse, Rollback, VersionSpec
from quickstudy.deploy.versions.handlers import SHORT
from quickstudy.deploy.versions.registry import roles_of, version_at, version_rows
from quickstudy.errors import InputError, NotFoundError, StoreError
from quickstudy.log.store import Store, read_events
from quickstudy.log.writer import Writer
from tests.crash import spare
from tests.crash.forking import Say, parallel
from tests.crash.rows import Row, Scale, Tick

TOGETHER = 5  # sequences in one store, by turns
DEEDS = 24  # of a sequence, on average
SEQUENCES, SHORT_FORM = 1000, 100
LEARNING, SHORT_LEARNING, PARTS = 10, 2, 10  # sequences with learning, and parts of each
TYPES = ("consolidated", "challenged", "promoted", "rolled_back", "refused", "withdrawn")
Deed = tuple[str, str, str, bool]  # what, version, reason, and "better" or "by the gate"


class Model:
    """What must come of a sequence."""

    def __init__(self, first: str) -> None:
        self.role, self.why = {first: "champion"}, {first: "the learner was created"}
        self.proved = {first: ""}  # the version before it that had proved to be better
        self.answered = [first]
        self.log: list[tuple[str, str]] = []
        self.deleted = False

    def who(self, role: str) -> str:
        """The version that has a role, or ""."""
        return next((v for v, r in self.role.items() if r == role), "")

    def do(self, deed: Deed) -> str:
        """Carry out a deed; what is said where it is refused."""
        what, version, reason, flag = deed
        if self.deleted:
            return "was deleted meanwhile"
        if what == "challenge":
            if self.who("challenger"):
                return "challenges already"
            if version in self.role:
                return "is known"
            self.log += [("consolidated", version), ("challenged", version)]
            self._set(version, "challenger", reason)
        elif what == "rollback":
            champion, back = self.who("champion"), self.who("previous")
            if not back or version not in ("", back):
                return "has no previous version"
            if rival := self.who("challenger"):
                self.log.append(("withdrawn", rival))
                self._set(rival, "retired", "the champion was rolled back")
            self.log.append(("rolled_back", back))
            self._set(champion, "previous", f"rolled back: {reason}")
            self._set(back, "champion", f"rolled back: {reason}")
            self.answered.append(back)
        elif not version or version != self.who("challenger"):
            return "does not challenge the champion"
        elif what == "refuse":
            self.log.append(("refused" if flag else "withdrawn", version))
            self._set(version, "refused" if flag else "retired", reason)
        else:
            champion, before = self.who("champion"), self.who("previous")
            if before:
                self.role[before] = "retired"
            self._set(champion, "previous", f"{version[:SHORT]} was promoted: {reason}")
            self._set(version, "champion", reason)
            self.proved[version] = "" if flag else self.proved.get(champion, "") or champion
            self.log.append(("promoted", version))
            self.answered.append(version)
        return ""

    def _set(self, version: str, role: str, why: str) -> None:
        self.role[version], self.why[version] = role, why


class Sequence:
    """A learner, its model, and what the model did not foresee."""

    def __init__(self, office: Office, name: str, rng: Random) -> None:
        self.office, self.name, self.rng = office, name, rng
        office.ask(Create(name, Settings(seed=rng.getrandbits(30)), "me"))
        self.hosted = office.classifiers.by_name[name]
        self.model = Model(self.hosted.roles.champion)
        self.problems: list[str] = []

    def step(self) -> None:
        """One to three deeds, that come together; now and then with one that cannot be written."""
        deeds = [self._deed() for _ in range(self.rng.choice((1, 1, 1, 2, 3)))]
        requests = [self._request(deed) for deed in deeds]
        if self.rng.random() < 0.05:
            deeds.append(("rollback", "", "", False))
            requests.append(Rollback(self.hosted, "", reason=object(), actor="me"))  # type: ignore
        for deed, told in zip(deeds, self.office.ask(*requests), strict=True):
            if not isinstance(told, StoreError):  # else nothing of it happened
                self._compare(deed, told)
        if self.rng.random() < 0.01 and not self.model.deleted:
            self.office.ask(Delete(self.name, "me"))
            self.model.deleted = True

    def _deed(self) -> Deed:
        rng, model = self.rng, self.model
        what = rng.choices(("challenge", "promote", "rollback", "refuse"), (5, 4, 3, 2))[0]
        version = {
            "challenge": f"{rng.getrandbits(128):032x}",
            "promote": model.who("challenger"),
            "refuse": model.who("challenger"),
            "rollback": rng.choice(("", model.who("previous"))),
        }[what]
        if rng.random() < 0.15:
            version = rng.choice(list(model.role))
        return what, version, f"reason {rng.randrange(1000)}", rng.random() < 0.5

    def _request(self, deed: Deed) -> Any:
        what, version, why, flag = deed
        if what == "challenge":
            made = VersionSpec(version, "imported", 1, 10, 1000, "", simpler=flag)
            return Challenge(self.hosted, made, why, "me")
        if what == "rollback":
            return Rollback(self.hosted, version, reason=why, actor="me")
        if what == "refuse":
            return Refuse(self.hosted, version, gate=flag, reason=why, actor="me")
        conditions = [Condition("better", flag, "as drawn")]
        override = () if flag else ("better",)
        return Promote(self.hosted, version, conditions, override, flag, why, "me")

    def _compare(self, deed: Deed, told: Any) -> None:
        words = self.model.do(deed)
        error = str(told) if isinstance(told, InputError) else ""
        if bool(words) != bool(error) or words not in error:
            self.problems.append(f"{self.name}: {deed}: {error!r}, foreseen {words!r}")

    def look(self) -> None:
        """Compare what is on record, and in memory, with the model."""
        model, number = self.model, self.hosted.number
        with self.office.store.reading() as connection:
            rows = {row["id"]: row for row in version_rows(connection, number)}
            events = list(read_events(connection, learner=number, types=TYPES))
            times = [event.time for event in read_events(connection, learner=number)]
            roles = roles_of(connection, number)
            named = [self._answering(connection, time) for time in moments(times)]
        switches = [e for e in events if e.type in ("promoted", "rolled_back")]
        since = [times[0], *(event.time for event in switches)]
        foreseen = [
            next((v for v, t in list(zip(model.answered, since, strict=False))[::-1] if t <= m), "")
            for m in moments(times)
        ]
        kept = {role: model.who(role) for role in ("champion", "challenger", "previous")}
        found = {
            "roles": ({i: row["role"] for i, row in rows.items()}, model.role),
            "reasons": ({i: row["why"] for i, row in rows.items()}, model.why),
            "proved": ({i: rows[i]["reference"] for i in model.proved}, model.proved),
            "log": ([(event.type, event.subject) for event in events], model.log),
            "times": (named, foreseen),
            "on record": ({role: getattr(roles, role) for role in kept}, kept),
            "in service": ({role: getattr(self.hosted.roles, role) for role in kept}, kept),
        }
        for what, (is_so, must) in found.items():
            if is_so != must:
                self.problems.append(f"{self.name}: {what}: {is_so}, foreseen {must}")

    def _answering(self, connection: Any, time: float) -> str:
        try:
            return version_at(connection, self.hosted.number, self.name, time).id
        except NotFoundError:
            return ""


def moments(times: list[float]) -> list[float]:
    """Before the first time, at each, and between any two."""
    between = [(a + b) / 2 for a, b in pairwise(times)]
    return sorted([times[0] - 1.0, *times, *between, times[-1] + 1.0])


class Office:
    """Handlers and their store, without trainers: nothing is learned."""

    def __init__(self, path: Path) -> None:
        self.store = Store(path)
        self.classifiers = HostedLearners(
            start=lambda row, seq: hosted_of(row), roles_changed=lambda hosted: None
        )
        values = HostedValues(partial(recover_value, self.store))
        parts = (self.classifiers, values, PauseFile(self.store.folder))
        context = Context(bytes(32), dialect=self.store.engine.dialect, parts=parts)
        self.classifiers.payload_of = context.payload
        with self.store.reading() as connection:
            for row in learner_rows(connection):
                roles = roles_of(connection, row["id"])
                self.classifiers.register(hosted_of(row | {"roles": roles}))
        self.writer = Writer(self.store, Dispatcher(context, handlers=HANDLERS, project=project))

    def ask(self, *requests: Any) -> list[Any]:
        """What is said to requests that come together: results, or errors."""
        futures = [self.writer.submit(request) for request in requests]
        return [future.exception() or future.result() for future in futures]

    def close(self) -> None:
        """Let go of the store."""
        self.writer.close()
        self.store.close()


def hosted_of(row: dict[str, Any]) -> HostedLearner:
    """A learner that is only looked after."""
    settings, epoch = row["settings"], row.get("guarantee_version", 0)
    control = new_control(settings, epoch)
    name, roles = row["name"], row["roles"]
    return HostedLearner(row["id"], name, settings, epoch=epoch, control=control, roles=roles)


def pointers(path: Path, seed: str, say: Say) -> None:
    """Some sequences by turns in one store, that is closed and opened now and then."""
    rng = Random(seed)
    office = Office(path)
    sequences = [Sequence(office, f"{seed} {i}", rng) for i in range(TOGETHER)]
    for _ in range(DEEDS * TOGETHER):
        rng.choice(sequences).step()
        if rng.random() < 0.02:
            office.close()
            office = Office(path)
            for one in sequences:
                one.office = office
                one.hosted = office.classifiers.by_name.get(one.name, one.hosted)
    for one in sequences:
        one.look()
        say("sequence", problems=one.problems[:5], deeds=len(one.model.log))
    office.close()


def record(i: int) -> dict[str, str]:
    """One of 60 things to be learned."""
    return {"a": f"a{i % 6}", "b": f"b{i // 6 % 10}"}


def model_of(seed: str) -> bytes:
    """A small learner with ideas of its own, packed."""
    rng = Random(seed)
    learner = Classifier(budget_mb=16, seed=rng.getrandbits(30))
    for i in rng.sample(range(60), 20):
        learner.learn(record(i), rng.choice("pq"))
    return learner.packed()


def learning(path: Path, seed: str, say: Say) -> None:
    """One sequence with all that is learned meanwhile."""
    spare.none()
    ShadowSupervisor.changed = lambda *_: None  # type: ignore  # the worker works out what shadows would
    rng, problems = Random(seed), []
    deployment = quickstudy.open(path)
    deployment.create("t", budget_mb=16, seed=rng.getrandbits(30))
    taught(deployment, rng, 6)
    for part in range(PARTS):
        taught(deployment, rng, rng.randrange(12))
        deed(deployment, rng, f"{seed} {part}")
        taught(deployment, rng, rng.randrange(6))
        state, again = deployment.state_hash("t"), replay(deployment.store, 1).hash
        problems += [] if state == again else [f"{seed}, part {part}: {state}, replayed {again}"]
        if rng.random() < 0.3:
            deployment.close()
            for kind in rng.sample(("snapshot", "coming", "refit"), rng.randrange(3)):
                for file in folder_of(deployment.store.folder, 1).glob(f"{kind}-*"):
                    file.unlink()
            deployment = quickstudy.open(path)
            if deployment.state_hash("t") != state:
                problems.append(f"{seed}, part {part}: another state after a restart")
    problems += [f"{finding}" for finding in deployment.doctor() if not finding.ok]
    deployment.close()
    say("learned", problems=problems)


def taught(deployment: Any, rng: Random, count: int) -> None:
    """Some predictions, most of which get their label at once, or somewhat later."""
    for answer in [deployment.predict("t", record(rng.randrange(60))) for _ in range(count)]:
        if rng.random() < 0.8:
            deployment.feedback(answer.id, label=rng.choice("pppq"), source="ana")


def deed(deployment: Any, rng: Random, seed: str) -> None:
    """A version is made, promoted, refused, or goes back; what does not apply is refused."""
    hosted, contests = deployment.classifiers.by_name["t"], deployment.promotion
    version = hosted.roles.challenger
    if not version and rng.random() < 0.7:
        if rng.random() < 0.5:
            contests.imported(hosted, model_of(seed), "drawn", "me")
            return
        deployment.flush()
        resting = hosted.trainer.run_between(
            lambda: (hosted.replicas.back.packed(), hosted.learned)
        )
        packed, asof = resting.result()
        about = {"kind": "consolidated", "asof": asof, "parent": hosted.roles.champion}
        try:
            made = refit_process.consolidate(packed)
            contests.enlist(hosted, made, about | {"simpler": True}, "drawn", "me")
        except InputError as error:  # nothing was learned since the last one
            assert "is known" in str(error), error
    elif version and rng.random() < 0.8:
        override = rng.choice(((), ("better",)))
        promotion = Promote(hosted, version, [], override, better=True, reason="drawn", actor="me")
        deployment.writer.submit(promotion).result()
    elif version and rng.random() < 0.5:
        deployment.withdraw("t")
    elif hosted.roles.previous:
        deployment.rollback("t")


def jobs(scale: Scale, folder: Path) -> Iterator[Callable[[Say], None]]:
    """All there is to do, each part for a process of its own."""
    for number in range(sequences_of(scale) // TOGETHER):
        seed = f"R11 {scale.seed} {number}"
        yield partial(pointers, folder / f"{number}.db", seed)
    for number in range(learning_of(scale)):
        seed = f"R11 learning {scale.seed} {number}"
        yield partial(learning, folder / f"learning-{number}.db", seed)


def sequences_of(scale: Scale) -> int:
    """Sequences without learning."""
    return SEQUENCES if scale.thorough else SHORT_FORM


def learning_of(scale: Scale) -> int:
    """Sequences with learning."""
    return LEARNING if scale.thorough else SHORT_LEARNING


def steps(scale: Scale) -> int:
    """Of the progress bar."""
    return sequences_of(scale) + learning_of(scale)


def measure(scale: Scale, tick: Tick) -> Row:
    """All sequences."""
    folder = scale.folder / "pointers"
    folder.mkdir()
    problems: list[str] = []
    sequences = learned = deeds = 0
    for message in parallel(list(jobs(scale, folder)), scale.workers):
        problems += message["problems"]
        sequences += message["kind"] == "sequence"
        learned += message["kind"] == "learned"
        deeds += message.get("deeds", 0)
        tick(1)
    if not problems:
        shutil.rmtree(folder)
    return Row(
        "R11 promotions and rollbacks",
        sequences,
        "identical to a model of sixty lines",
        f"{sequences:,} sequences, {deeds:,} events of versions, and {learned} sequences with "
        f"learning, each {PARTS} times compared with a replay; {len(problems)} differences",
        problems,
        {"sequences": sequences, "events": deeds, "with_learning": learned},
    )
