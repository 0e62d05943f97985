"""Learners that fail half-way: the memory of a classifier, or a part of a value function, raises
after experts have changed their arrays, wherever it meets what is marked.
"""

from contextlib import ExitStack, contextmanager
from unittest import mock

import numpy as np
from numpy.linalg import LinAlgError

from quickstudy.experts.episodes import Tasks
from quickstudy.experts.exemplars import Exemplars
from quickstudy.learners.value.experts import ValueExperts

ERRORS = (
    MemoryError("no room for 8 GiB"),
    FloatingPointError("overflow"),
    LinAlgError("singular"),
    ValueError("shapes (3,) and (4,) do not fit"),
    KeyError("kernel"),
)
MARK = 666.0


def record(i, *, marked=False):
    """Record number i; a marked one cannot be learned while faults are injected."""
    return {"a": float(i % 7), "b": float(i * 3 % 5), "m": MARK if marked else 0.0}


@contextmanager
def failing_classifier(error):
    """Classifiers that raise when a marked record, which their experts have learned, is kept."""
    add = Exemplars.add

    def fails(self, raw, y, last):
        add(self, raw, y, last)
        if np.any(raw.numbers == MARK):
            raise error

    with mock.patch.object(Exemplars, "add", fails):
        yield


@contextmanager
def failing_value(error):
    """Value functions that raise at a step with a marked record, and when a run of the task
    "marked" ends, after half of it was learned.
    """
    predict, learn = ValueExperts.predict, Tasks.learn

    def predict_fails(self, episode, base):
        if np.any(episode.latest[0] == MARK):
            raise error
        return predict(self, episode, base)

    def learn_fails(self, task, ended):
        learn(self, task, ended)
        if task == "marked":
            raise error

    with ExitStack() as stack:
        stack.enter_context(mock.patch.object(ValueExperts, "predict", predict_fails))
        stack.enter_context(mock.patch.object(Tasks, "learn", learn_fails))
        yield
