"""Keys: a secret is kept nowhere, opens what it was made for, and nothing once it is revoked."""

import hmac
import threading

import pytest

import quickstudy
from quickstudy.errors import InputError, NotFoundError, SettingError
from tests.deploy.support import OLD_KEY, OLD_SECRET, add_old_key, sound


def test_a_key_is_found_by_its_secret_and_by_nothing_else(deployment):
    key, secret = deployment.create_key("ana's laptop", "teach", ["t"])
    assert deployment.find_key(secret) == key == deployment.find_key(secret)
    assert (key.name, key.role, key.learners, key.revoked) == (
        "ana's laptop",
        "teach",
        ("t",),
        False,
    )
    other, _ = deployment.create_key("other", "predict")
    assert other.learners is None
    mixed = secret.replace(key.id, other.id)
    for wrong in ("", "qs_", secret[:-1], secret + "x", secret.upper(), mixed, "qs_\ud83d_x", "é"):
        assert deployment.find_key(wrong) is None


def test_keys_outlive_the_process_and_revoked_ones_do_not_come_back(path):
    with quickstudy.open(path) as deployment:
        kept, secret = deployment.create_key("kept", "manage")
        gone, old = deployment.create_key("gone", "predict")
        assert deployment.find_key(old) == gone
        deployment.revoke_key(gone.id)
        assert deployment.find_key(old) is None and deployment.find_key(secret) == kept
        deployment.create_key("later", "predict")
        assert deployment.find_key(old) is None
    with quickstudy.open(path) as deployment:
        assert deployment.find_key(secret) == kept and deployment.find_key(old) is None
        kept_keys = deployment.keys()
        assert [k.name for k in kept_keys] == ["kept", "gone", "later"]
        assert [k.revoked for k in kept_keys] == [False, True, False]
        assert sound(deployment) == []


def test_a_key_of_an_older_store_goes_on_working_until_it_is_revoked(path):
    with quickstudy.open(path) as deployment:
        add_old_key(deployment)
    with quickstudy.open(path) as deployment:
        assert deployment.find_key(OLD_SECRET[:-1] + "5") is None
        assert deployment.is_slow_key(OLD_SECRET)
        key = deployment.find_key(OLD_SECRET)
        assert (key.id, key.name, key.role) == (OLD_KEY["id"], "old", "teach")
        assert not deployment.is_slow_key(OLD_SECRET)
        assert (
            deployment.find_key(OLD_SECRET) == key
            and deployment.find_key(OLD_SECRET[:-1] + "5") is None
        )
        deployment.revoke_key(key.id)
        assert deployment.find_key(OLD_SECRET) is None and not deployment.is_slow_key(OLD_SECRET)
        assert sound(deployment) == []


def test_a_new_key_is_verified_fast_and_in_constant_time(deployment, monkeypatch):
    """Digests of equal length are compared: a wrong secret tells nothing of the right one."""
    _, secret = deployment.create_key("ana", "teach")
    compared, compare = [], hmac.compare_digest
    monkeypatch.setattr(
        hmac, "compare_digest", lambda a, b: compared.append((a, b)) or compare(a, b)
    )
    assert not deployment.is_slow_key(secret) and deployment.find_key(secret) is not None
    assert deployment.find_key(secret[:-1] + "!") is deployment.find_key(secret + "!") is None
    assert [(len(a), len(b)) for a, b in compared] == [(32, 32)] * 3
    assert len({a for a, _ in compared}) == 3 and len({b for _, b in compared}) == 1


def test_no_secret_is_written_down(path):
    with quickstudy.open(path) as deployment:
        _, secret = deployment.create_key("ana", "teach")
        events, keys = str(deployment.events()), deployment.keys()
        files = [p for p in (path.parent).rglob("*") if p.is_file()]
        content = b"".join(p.read_bytes() for p in files)
    random = secret.split("_", 2)[2]
    assert random not in events and random.encode() not in content
    assert secret not in str(keys)


def test_making_and_revoking_are_on_record(deployment):
    key, _ = deployment.create_key("ana", "teach", ["t"], actor="boss")
    deployment.revoke_key(key.id, actor="chief")
    made, revoked = deployment.events(after=1)
    assert (made.type, made.actor, made.subject) == ("key_created", "boss", key.id)
    assert made.payload == {"name": "ana", "role": "teach", "learners": ["t"]}
    assert (revoked.type, revoked.actor, revoked.subject) == ("key_revoked", "chief", key.id)


@pytest.mark.parametrize(("name", "role"), [("", "teach"), ("x" * 129, "teach"), ("a", "admin")])
def test_keys_that_cannot_be_are_refused(deployment, name, role):
    with pytest.raises((InputError, SettingError)):
        deployment.create_key(name, role)
    with pytest.raises(NotFoundError):
        deployment.revoke_key("nobody")
    assert deployment.keys() == []


def test_many_may_make_keys_at_once(deployment):
    made = []
    threads = [
        threading.Thread(target=lambda: made.append(deployment.create_key("k", "predict")))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 8 == len({key.id for key, _ in made}) == len(deployment.keys())
    assert all(deployment.find_key(secret) == key for key, secret in made)
