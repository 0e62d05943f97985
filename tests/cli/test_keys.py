"""quickstudy keys create | list | revoke"""

import pytest

import quickstudy


@pytest.fixture
def store(tmp_path):
    return tmp_path / "work.db"


def test_a_secret_is_shown_once_and_kept_nowhere(run, store, tmp_path):
    code, secret, err = run("keys", "create", "shop", "--store", store, "--learner", "cards")
    secret = secret.strip()
    assert code == 0 and secret.startswith("qs_") and "shop" in err and secret not in err
    with quickstudy.open(store) as deployment:
        key = deployment.find_key(secret)
        assert (key.name, key.role, key.learners) == ("shop", "predict", ("cards",))
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or secret.encode() not in path.read_bytes()


def test_keys_are_listed_also_while_the_store_is_open(run, store):
    run("keys", "create", "admin", "--store", store, "--role", "manage")
    with quickstudy.open(store):
        code, out, _ = run("keys", "list", "--store", store)
    assert code == 0 and "admin" in out and "manage" in out and "qs_" not in out


def test_a_revoked_key_is_no_key(run, refused, store):
    _, secret, _ = run("keys", "create", "shop", "--store", store)
    id = secret.split("_")[1]
    assert run("keys", "revoke", id, "--store", store)[0] == 0
    assert "revoked" in run("keys", "list", "--store", store)[1]
    with quickstudy.open(store) as deployment:
        assert deployment.find_key(secret.strip()) is None
    assert "nokey" in refused("keys", "revoke", "nokey", "--store", store)


def test_while_a_server_has_the_store_its_own_door_is_named(refused, store):
    with quickstudy.open(store):
        line = refused("keys", "create", "shop", "--store", store)
    assert "is open in" in line and "POST" in line and "/v1/keys" in line


def test_what_cannot_be_is_refused(refused, store, tmp_path):
    assert "role" in refused("keys", "create", "shop", "--store", store, "--role", "king")
    for command in (("list",), ("revoke", "x")):
        assert "no store" in refused("keys", *command, "--store", tmp_path / "none.db")
    assert not (tmp_path / "none.db").exists()
