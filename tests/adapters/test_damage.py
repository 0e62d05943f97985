"""Whatever a document has in a place where it should not: it is read, or refused by name."""

import json

import pytest

from quickstudy.adapters import runs_of_spans, steps_of_messages
from quickstudy.errors import InputError
from tests.adapters.test_messages import CHAT
from tests.adapters.test_spans import lines

JUNK = (None, 3, -1.5, "x", "{", True, [], {}, [3], [None], {"a": 1}, {"type": 3}, [["k"]])


def places(value, path=()):
    """Paths of all values inside a document."""
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    for key, one in inner:
        yield (*path, key)
        if isinstance(one, dict | list):
            yield from places(one, (*path, key))


def damaged(document, path, junk):
    """A copy with another value at the path."""
    copy = json.loads(json.dumps(document))
    at = copy
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = junk
    return copy


@pytest.mark.parametrize(
    ("read", "document"),
    [
        (steps_of_messages, CHAT),
        (runs_of_spans, lines("otlp_spans.jsonl")[3:6]),
        (runs_of_spans, lines("otlp_events.jsonl")[3:8]),
        (runs_of_spans, lines("sdk_spans.jsonl")[3:6]),
    ],
    ids=["messages", "otlp", "events", "sdk"],
)
def test_every_place_may_hold_anything(read, document):
    """What is wrong is said: in a refusal, or in the `problems` of the steps."""
    named = 0
    for path in places(document):
        for junk in JUNK:
            try:
                found = read(damaged(document, path, junk))
            except InputError as error:
                reasons = [str(error)]
            else:
                runs = found.values() if isinstance(found, dict) else [found]
                reasons = [reason for steps in runs for reason in steps.problems]
            assert all(len(reason) > 10 for reason in reasons)
            named += len(reasons)
    assert named > 20
