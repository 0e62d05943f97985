"""A small world that is learned fast, and ways to look at a deployment from outside."""

import logging
import shutil
import sqlite3
import time
from contextlib import closing

from quickstudy.deploy.core.commands import Expire, MakeKey
from quickstudy.deploy.doctor import check_file
from quickstudy.deploy.recovery.replay import replay
from quickstudy.log.store import read_events

# a promise so easy that policies are certified after some 30 labels
EASY = {
    "target": 0.6,
    "alpha": 0.9,
    "audit": 1.0,
    "seed": 1,
    "trusted": ["boss"],
    "start": "act",
}
# a key as version 0.1.0 made it, with the scrypt digest of its secret
OLD_SECRET = "qs_00c0ffee0042_kkkkkkkkkkkkkkkkkkkkOld-Store_secret_x1234"
OLD_KEY = {
    "id": "00c0ffee0042",
    "name": "old",
    "role": "teach",
    "learners": None,
    "salt": bytes(range(16)),
    "hash": bytes.fromhex("082a0e9c93ba7cccd182efbb6893ad82cd7ba64099dafba6dfb7b675193de38d"),
}
# what is left of a file of which a bit was flipped
DAMAGES = {
    "cut short": lambda flipped: flipped[: len(flipped) // 2],
    "a flipped bit": lambda flipped: flipped,
    "empty": lambda flipped: b"",
    "other content": lambda flipped: b"not a snapshot at all",
}
SECONDS = 60.0  # nobody waits that long unless something hangs


def record(i):
    """Record number i: there are 20 kinds of them."""
    return {"a": i % 4, "b": (i * 7) % 5}


def truth(x):
    """What is right about a record."""
    return "even" if x["a"] % 2 == 0 else "odd"


def train(deployment, name, n, *, start=0, source="boss"):
    """Predict records one after the other and label those that want a label; the answers."""
    answers = []
    for i in range(start, start + n):
        answer = deployment.predict(name, record(i))
        if answer.decision == "ask" or answer.audit:
            label = truth(record(i))
            deployment.feedback(answer.id, label=label, source=source, wait_learned=True)
        answers.append(answer)
    return answers


def acted(deployment, name, *, audit):
    """An answer that was acted on, audited or not, and that nobody has spoken of yet."""
    train(deployment, name, 40)
    for i in range(200):
        answer = deployment.predict(name, record(i))
        if answer.decision == "act" and answer.audit == audit:
            return answer
        if answer.decision == "ask" or answer.audit:
            deployment.feedback(answer.id, label=truth(record(i)), source="boss")
    raise AssertionError("it never acted")


def add_old_key(deployment):
    """Put a key into the store as an older version of Quickstudy kept it."""
    deployment.writer.submit(MakeKey(OLD_KEY, "local")).result(SECONDS)
    deployment.create_key("new", "predict")  # whoever makes a key reads all of them


def expire(deployment):
    """Close the cases whose time is over now, not at the clock's next look."""
    deployment.writer.submit(Expire()).result(SECONDS)


def learned(deployment, name):
    """How many examples were learned, once all are."""
    deployment.flush()
    return deployment.learner(name).examples


def tally(deployment, name):
    """Cases that are waiting, contested and expired."""
    report = deployment.report(name)
    return report.waiting, report.contested, report.expired


def statuses(deployment, name):
    """How many cases there are of each status, by looking at them."""
    found = {}
    for case in deployment.cases(name, limit=1000):
        found[case.status] = found.get(case.status, 0) + 1
    return found


def types(deployment, **which):
    """Types of events in the order of the log."""
    return [event.type for event in deployment.events(**which)]


def logged(deployment, after):
    """Events of the log as it keeps them."""
    with deployment.store.reading() as connection:
        return list(read_events(connection, after=after))


def replayed(deployment, name):
    """The state hash that the log alone leads to."""
    deployment.flush()
    return replay(deployment.store, deployment.classifiers.by_name[name].number).hash


def agrees(deployment, name):
    """Whether the log alone leads to the state; looked at while nothing is logged meanwhile."""
    while True:
        seq = deployment.store.head[0]
        states = deployment.state_hash(name), replayed(deployment, name)
        if deployment.store.head[0] == seq:
            return states[0] == states[1]


def sound(deployment):
    """What doctor finds wrong."""
    return [finding for finding in deployment.doctor() if not finding.ok]


def failures(path):
    """What doctor finds wrong with a file, and how it says so."""
    return {f.check: f.detail for f in check_file(path) if not f.ok}


def alter(path, statement):
    """Change rows of a store behind its back; there must be such rows."""
    with closing(sqlite3.connect(path)) as connection, connection:
        assert connection.execute(statement).rowcount != 0


def copied(path, folder):
    """A copy of a store with all that lies beside it; of an open one, what a kill leaves."""
    shutil.copytree(path.parent, folder, dirs_exist_ok=True)
    return folder / path.name


def spoil(file, damage, part):
    """Damage a file; the bit that is flipped lies one such part of its length into it."""
    content = bytearray(file.read_bytes())
    content[len(content) // part] ^= 4
    file.write_bytes(bytes(DAMAGES[damage](content)))


def warnings(caplog):
    """What was logged for somebody to look at."""
    return [r.message for r in caplog.records if r.levelno >= logging.WARNING]


def until(holds, seconds=SECONDS):
    """Wait until something holds; fails if it never does."""
    ends = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < ends, "it never came to that"
        time.sleep(0.01)
