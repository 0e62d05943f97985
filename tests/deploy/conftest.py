import pytest

import quickstudy


@pytest.fixture
def path(tmp_path):
    return tmp_path / "work.db"


@pytest.fixture
def desk(path):
    """An open deployment with a learner `t`."""
    with quickstudy.open(path) as desk:
        desk.create("t", seed=1)
        yield desk
