import pytest

import quickstudy


@pytest.fixture
def path(tmp_path):
    return tmp_path / "work.db"


@pytest.fixture
def deployment(path):
    """An open deployment with a learner `t`."""
    with quickstudy.open(path) as deployment:
        deployment.create("t", seed=1)
        yield deployment
