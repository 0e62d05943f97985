import time

import pytest

import quickstudy


@pytest.fixture
def hosted(path):
    """An open deployment with a value learner `v` and a classifier `c`."""
    with quickstudy.open(path) as deployment:
        deployment.create("c", seed=1)
        deployment.create_value("v", seed=1)
        yield deployment


@pytest.fixture
def later(monkeypatch):
    """Lets time pass, for the clock of the deployment."""
    passed, now = [0.0], time.time
    monkeypatch.setattr(time, "time", lambda: now() + passed[0])

    def pass_by(seconds):
        passed[0] += seconds

    return pass_by
