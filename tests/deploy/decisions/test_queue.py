"""Claims: no two people get the same case, and who skips one gets it again after all others."""

import threading
import time

import pytest

from quickstudy.deploy.decisions.queue import MOST_HOLDERS, MOST_SKIPPED, Leases
from quickstudy.errors import InputError, NotFoundError
from tests.deploy.support import types

IDS = ["one", "two", "three"]


def test_each_gets_another_until_there_is_none():
    claims = Leases()
    assert [claims.acquire(IDS, h, 60) for h in "abcd"] == [*IDS, None]
    assert claims.acquire(IDS, "a", 60) == "one" and claims.held == 3


def test_a_claim_is_over_after_its_time():
    claims = Leases()
    assert claims.acquire(IDS[:1], "a", 0.02) == "one"
    assert claims.acquire(IDS[:1], "b", 60) is None
    time.sleep(0.03)
    assert claims.acquire(IDS[:1], "b", 60) == "one"
    assert claims.acquire(IDS[:1], "a", 60) is None


def test_what_was_skipped_comes_last_and_in_turn():
    claims = Leases()
    for expected in [*IDS, *IDS]:
        assert claims.acquire(IDS, "a", 60) == expected
        claims.release(expected, "a")
    assert claims.acquire(IDS, "b", 60) == "one"


def test_only_who_holds_a_case_gives_it_back():
    claims = Leases()
    claims.acquire(IDS, "a", 60)
    claims.release("one", "b")
    assert claims.acquire(IDS[:1], "b", 60) is None
    claims.release("one", "a")
    assert claims.acquire(IDS[:1], "b", 60) == "one"


def test_a_case_one_asks_for_is_had_unless_somebody_has_it():
    claims = Leases()
    claims.acquire(IDS, "a", 60)
    assert not claims.acquire_one("one", "b", 60)
    assert claims.acquire_one("two", "b", 60) and claims.acquire_one("one", "a", 60)
    claims.forget("one")
    assert claims.acquire_one("one", "b", 60)


def test_asking_for_a_skipped_case_leaves_the_other_skips():
    claims = Leases()
    for _ in range(2):
        claims.release(claims.acquire(IDS, "a", 60), "a")
    assert claims.acquire_one("one", "a", 60)
    claims.release("one", "a")
    assert claims.acquire(IDS, "a", 60) == "three"


def test_memory_stays_bounded():
    claims = Leases()
    for i in range(3 * MOST_SKIPPED):
        claims.acquire([f"case {i}"], "a", 60)
        claims.release(f"case {i}", "a")
    for i in range(2 * MOST_HOLDERS):
        claims.acquire(["x"], f"holder {i}", 60)
        claims.release("x", f"holder {i}")
    assert len(claims._skipped) <= MOST_HOLDERS and claims.held == 0
    assert all(len(skipped) <= MOST_SKIPPED for skipped in claims._skipped.values())


def test_many_people_at_once_never_share_a_case(deployment):
    ids = {a.id for a in deployment.predict_many("t", [{"a": i} for i in range(40)])}
    got, lock = [], threading.Lock()

    def work(holder):
        while (ask := deployment.claim("t", holder=holder)) is not None:
            with lock:
                got.append(ask.id)
            deployment.feedback(ask.id, label="x", source=holder)

    people = [threading.Thread(target=work, args=(f"person {i}",)) for i in range(6)]
    for person in people:
        person.start()
    for person in people:
        person.join()
    assert sorted(got) == sorted(ids)
    assert types(deployment, limit=1000).count("asked") == 40


def test_a_claimed_case_is_free_once_it_is_labelled_or_somebody_wants_to_think_again(deployment):
    answer = deployment.predict("t", {"a": 1})
    assert deployment.claim("t", holder="ana").id == answer.id
    assert (
        deployment.claim("t", holder="ben")
        is None
        is deployment.claim("t", holder="ben", id=answer.id)
    )
    deployment.feedback(answer.id, label="x", source="ana")
    assert deployment.claim("t", holder="ben") is None
    again = deployment.claim("t", holder="ben", id=answer.id)
    assert again.id == answer.id and again.record == {"a": 1}
    holders = [e.actor for e in deployment.history(answer.id).events if e.type == "asked"]
    assert holders == ["ana", "ben"]


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf")])
def test_a_claim_that_cannot_be_is_refused(deployment, seconds):
    answer = deployment.predict("t", {"a": 1})
    with pytest.raises(InputError, match="seconds"):
        deployment.claim("t", holder="ana", seconds=seconds)
    with pytest.raises(InputError, match="holder"):
        deployment.claim("t", holder="")
    deployment.create("u", seed=1)
    for name, case in (("u", answer.id), ("t", "p_nobody")):
        with pytest.raises(NotFoundError):
            deployment.claim(name, holder="ana", id=case)
    assert deployment.claim("t", holder="ben").id == answer.id
