"""Runs of an agent that are made up: many at once, mixed, with loops, errors and lost ends."""

import itertools
from random import Random

from quickstudy.deploy.core.commands import Expire
from quickstudy.deploy.runs.state import replay

WORDS = ["search", "open", "read", "write", "retry", "book", "flight", "cancel", "look", "pay"]


def words(rng, n=6):
    return " ".join(rng.choice(WORDS) for _ in range(n))


def given(rng):
    """What comes with a step: a text, a record or a vector, or the action alone."""
    x = rng.choice(
        [
            words(rng),
            {"page": rng.choice(WORDS), "price": round(rng.uniform(1, 90), 2), "late": True},
            [round(rng.gauss(0, 1), 3) for _ in range(4)],
            None,
        ]
    )
    return {
        "x": x if not isinstance(x, list) else {"v": x},
        "action": f"{rng.choice(WORDS)}({rng.randrange(3)})",
        "error": rng.random() < 0.1,
        "reward": rng.choice([0.0, 0.0, 0.25]),
    }


def play(deployment, name, steps, *, seed=0, at_once=6):
    """Runs that take so many steps in all, each run's outcome hanging on its task; what was said.

    Some are still live at the end: (run, number) -> (what was sent, what was answered).
    """
    rng = Random(f"journeys {seed}")
    live, said = {}, {}
    numbers = itertools.count()
    for _ in range(steps):
        while len(live) < at_once:
            task = f"T{rng.randrange(3)}"
            run = deployment.start(name, task=task, id=f"run {seed}.{next(numbers)}")
            live[run.id] = task
        run = rng.choice(list(live))
        sent = given(rng)
        answer = deployment.step(name, run, **sent)
        said[run, answer.step] = sent, answer
        if rng.random() < 0.15:
            won = rng.random() < {"T0": 0.9, "T1": 0.5, "T2": 0.1}[live.pop(run)]
            deployment.end(name, run, float(won))
    return said


def expire(deployment):
    """Have the clock look now."""
    while deployment.writer.submit(Expire()).result(60):
        pass


def number_of(deployment, name):
    return deployment.values.by_name[name].number


def replayed(deployment, name):
    """The state that the log alone leads to, every answer being held against the log."""
    return replay(deployment.store, number_of(deployment, name), strict=True).hash
