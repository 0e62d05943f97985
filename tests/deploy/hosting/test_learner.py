"""What experts said is kept for the label that comes, once, and within its bytes."""

import numpy as np

from quickstudy import Classifier
from quickstudy.deploy.hosting.learner import MOST_VOTE_BYTES, VoteCache
from quickstudy.deploy.hosting.updates import StoredVotes, read_votes
from tests.deploy.support import record, truth


def said(labels=1000, last=3):
    return StoredVotes(np.zeros((50, labels), np.float16), last)


def test_the_oldest_leave_first_and_memory_stays_bounded():
    recent, size = VoteCache(), said().votes.nbytes
    for i in range(2 * MOST_VOTE_BYTES // size):
        recent.add(f"case {i}", said())
    kept = [i for i in range(2 * MOST_VOTE_BYTES // size) if recent.get(f"case {i}") is not None]
    assert kept == list(range(kept[0], 2 * MOST_VOTE_BYTES // size))
    assert 0.9 * MOST_VOTE_BYTES < len(kept) * size <= MOST_VOTE_BYTES


def test_one_case_kept_again_and_again_takes_the_room_of_one():
    recent = VoteCache()
    recent.add("old", said())
    for _ in range(3 * MOST_VOTE_BYTES // said().votes.nbytes):
        recent.add("same", said())
    assert recent.get("old") is not None and recent.get("same") is not None
    for _ in range(2):
        recent.drop("same"), recent.drop("never there")
    assert recent.get("same") is None and recent.get("old") is not None


def test_from_the_log_it_teaches_what_it_teaches_at_once():
    """Half precision is what is kept, in memory and in the log: both lead to the same bits."""
    learners = [Classifier(seed=1), Classifier(seed=1)]
    for learner in learners:
        learner.learn_many([record(i) for i in range(30)], [truth(record(i)) for i in range(30)])
    kept = StoredVotes.of(learners[0].predict(record(3)))
    once = read_votes(kept.encoded())
    twice = read_votes(StoredVotes.of(once).encoded())
    assert once.last_label == twice.last_label == kept.last_label
    for learner, prediction in zip(learners, (once, twice), strict=True):
        learner.learn(record(3), "odd", prediction=prediction)
    assert learners[0].state_hash() == learners[1].state_hash()
