"""quickstudy pins import"""

import pytest

import quickstudy
from tests.serve.support import running


@pytest.fixture
def store(tmp_path):
    """A store with a learner of numbers."""
    path = tmp_path / "work.db"
    with quickstudy.open(path) as deployment:
        deployment.create("sides", schema={"colour": "category"}, budget_mb=16)
    return path


@pytest.fixture
def exam(tmp_path):
    path = tmp_path / "exam.csv"
    path.write_text("height,colour,label,bound\n0.5,red,up,must\n-0.5,blue,down,should\n2,,up,\n")
    return path


def test_every_row_of_a_file_is_pinned(run, store, exam):
    code, _, said = run("pins", "import", exam, "--learner", "sides", "--store", store)
    assert code == 0 and "3 cases pinned" in said
    with quickstudy.open(store) as deployment:
        pins = deployment.exam("sides").pins
    assert {(p.record["height"], p.label, p.bound) for p in pins} == {
        (0.5, "up", "must"),
        (-0.5, "down", "should"),
        (2, "up", "must"),
    }


def test_through_a_server_while_it_has_the_store(run, refused, store, exam):
    learner = ("--learner", "sides")
    with quickstudy.open(store) as deployment, running(deployment) as url:
        assert "--url" in refused("pins", "import", exam, *learner, "--store", store)
        assert run("pins", "import", exam, *learner, "--url", url)[0] == 0
        assert len(deployment.exam("sides").pins) == 3


def test_labels_are_those_that_the_learner_knows(run, store, tmp_path):
    with quickstudy.open(store) as deployment:
        deployment.feedback(learner="sides", record={"height": 1}, label=1, wait_learned=True)
    (file := tmp_path / "numbers.csv").write_text("height,label\n1,1\n2,2\n")
    assert run("pins", "import", file, "--learner", "sides", "--store", store)[0] == 0
    with quickstudy.open(store) as deployment:
        assert {pin.label for pin in deployment.exam("sides").pins} == {1, "2"}


def test_the_exam_may_be_any_file_that_is_read(run, store, tmp_path):
    (file := tmp_path / "exam.csv").write_bytes(
        "height|colour|id|label\n0,5|größer|[{}]|up\n-0,5|blue|[{}]|down\n".encode("cp1252")
    )
    how = ("--encoding", "cp1252", "--decimal", ",", "--drop", "id", "--separator", "pipe")
    assert run("pins", "import", file, "--learner", "sides", "--store", store, *how)[0] == 0
    (file := tmp_path / "exam.jsonl").write_text('{"height": 7, "label": "up", "bound": "should"}')
    assert run("pins", "import", file, "--learner", "sides", "--store", store)[0] == 0
    with quickstudy.open(store) as deployment:
        pins = deployment.exam("sides").pins
    assert {(p.record["height"], p.record.get("colour"), p.label, p.bound) for p in pins} == {
        (0.5, "größer", "up", "must"),
        (-0.5, "blue", "down", "must"),
        (7, None, "up", "should"),
    }


def test_what_cannot_be_pinned_is_refused_and_nothing_is(refused, store, exam, tmp_path):
    assert "nobody" in refused("pins", "import", exam, "--learner", "nobody", "--store", store)
    with quickstudy.open(store) as deployment:
        deployment.create_value("agents", budget_mb=16)
    said = refused("pins", "import", exam, "--learner", "agents", "--store", store)
    assert "value learner" in said
    bad = tmp_path / "bad.csv"
    for rows in ("height,side\n1,up\n", f"height,label\n1,up\n2,{'x' * 2000}\n"):
        bad.write_text(rows)
        assert "label" in refused("pins", "import", bad, "--learner", "sides", "--store", store)
    with quickstudy.open(store) as deployment:
        assert deployment.exam("sides").pins == ()
