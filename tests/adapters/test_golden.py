"""Traces written by hand after the public schemas give the steps that are written with them."""

import json
from pathlib import Path

import pytest

from quickstudy.adapters import Step, runs_of_spans, steps_of_messages, steps_of_spans

GOLDEN = Path(__file__).parent / "data" / "golden"
FILES = sorted(GOLDEN.glob("*.json"))


def golden(path):
    return json.loads(path.read_text("utf-8"))


def steps_in(document):
    """The steps of a file: [said, call or result; text; "failed"]."""
    return [
        Step(text, action=text if kind == "call" else None, error=bool(failed))
        for kind, text, *failed in document["steps"]
    ]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_format_gives_its_steps_and_counts_what_it_skipped(path):
    document = golden(path)
    read = steps_of_spans if path.stem.startswith("spans_") else steps_of_messages
    steps = read(document["given"])
    assert list(steps) == steps_in(document)
    assert steps.skipped == document.get("skipped", {})


def test_the_formats_are_all_here():
    assert len(FILES) >= 16


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_read_a_message_at_a_time_the_steps_are_the_same(path):
    """Of spans, which all come at the end, the order in the export does not count."""
    document = golden(path)
    if path.stem.startswith("spans_"):
        given = document["given"]
        backwards = given[::-1] if isinstance(given, list) else [given]
        assert list(runs_of_spans(backwards).values()) == [steps_in(document)]
        return
    messages, told = [], []
    for message in document["given"]:
        seen = len(messages)
        messages.append(message)
        told += steps_of_messages(messages, seen=seen)
    assert told == steps_in(document)
