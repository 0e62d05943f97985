"""quickstudy backup"""

import quickstudy


def test_a_copy_made_while_the_store_is_open_is_a_store(run, tmp_path):
    store, copy = tmp_path / "work.db", tmp_path / "monday.db"
    with quickstudy.open(store) as deployment:
        deployment.create("cards", budget_mb=16)
        answer = deployment.predict("cards", "where is my card")
        deployment.feedback(answer.id, label="card", wait_learned=True)
        assert run("backup", "--store", store, copy)[0] == 0
        deployment.predict("cards", "too late for the copy")
        expected = deployment.learner("cards")
    assert copy.stat().st_mode & 0o777 == 0o600
    with quickstudy.open(copy) as copied:
        assert copied.learner("cards") == expected
        assert [case.id for case in copied.cases("cards")] == [answer.id]


def test_nothing_is_overwritten_and_nothing_is_made_up(refused, run, tmp_path):
    store = tmp_path / "work.db"
    quickstudy.open(store).close()
    (tmp_path / "there.db").write_text("mine")
    assert "there already" in refused("backup", "--store", store, tmp_path / "there.db")
    assert (tmp_path / "there.db").read_text() == "mine"
    assert "no store" in refused("backup", "--store", tmp_path / "none.db", tmp_path / "b.db")
    assert "written" in refused("backup", "--store", store, tmp_path / "none" / "b.db")
    assert not (tmp_path / "b.db").exists()
