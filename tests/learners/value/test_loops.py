"""Loops: found by hand-made courses and by brute force, and what they have meant so far."""

import itertools
import time

import numpy as np
import pytest

from quickstudy.learners.value.loops import (
    KEPT,
    LoopRecord,
    StepHistory,
    canonical,
    step_text,
    with_rate,
)

LONGEST = 12  # steps of the longest round that is looked for


def walked(steps):
    """What is found after each step."""
    history = StepHistory()
    return [history.add(step, canonical(step)) for step in steps]


@pytest.mark.parametrize(
    "steps, loop",
    [
        ("aa", None),
        ("aaa", ("repeat", 1, 3, True)),
        ("baaaa", ("repeat", 1, 4, True)),
        ("aba", None),
        ("abab", ("cycle", 2, 2, True)),
        ("xababab", ("cycle", 2, 3, True)),
        ("abcabc", ("cycle", 3, 2, True)),
        ("abcdabc", None),
        ("aabaab", ("cycle", 3, 2, True)),
        ("aaabaaab", ("cycle", 4, 2, True)),
        ("axaya", ("return", 2, 3, True)),
        ("axayza", ("return", 3, 3, True)),
        ("axa", None),
        ("abcdefgh", None),
    ],
)
def test_loops_made_by_hand(steps, loop):
    assert walked(steps)[-1] == loop


@pytest.mark.parametrize("period", [5, 11, LONGEST])
def test_rounds_up_to_the_longest_one_are_found(period):
    round_of = [f"step {i}" for i in range(period)]
    assert walked(round_of * 2)[-1] == ("cycle", period, 2, True)
    assert walked(round_of * 4)[-1] == ("cycle", period, 4, True)


def test_a_longer_round_is_seen_as_steps_that_come_back():
    round_of = [f"step {i}" for i in range(LONGEST + 1)]
    assert walked(round_of * 2)[-1] is None
    assert walked(round_of * 3)[-1] == ("return", LONGEST + 1, 3, True)


def rounds_by_hand(steps):
    """Every period and number of rounds, longest stretch first, then the shorter period."""
    found = []
    for period, times in itertools.product(range(1, LONGEST + 1), range(2, len(steps) + 1)):
        end = steps[max(len(steps) - period * times, 0) :]
        if len(end) == period * times and all(
            end[i] == end[i - period] for i in range(period, len(end))
        ):
            found.append((-period * times, period, times))
    return min(found, default=None)


@pytest.mark.parametrize("letters", ["ab", "abc", "abcde"])
def test_periods_are_those_of_a_search_of_all(letters):
    rng = np.random.default_rng(len(letters))
    for _ in range(60):
        steps = rng.choice(list(letters), size=rng.integers(2, 12)).tolist()
        steps = steps + steps[-rng.integers(1, len(steps) + 1) :] * int(rng.integers(0, 4))
        for n, found in enumerate(walked(steps), start=1):
            best = rounds_by_hand(steps[:n])
            if best and (best[1] > 1 or best[2] > 2):
                kind = "repeat" if best[1] == 1 else "cycle"
                assert found == (kind, best[1], best[2], True)
            else:
                assert found is None or found[0] == "return"
                assert (found is not None) == (steps[:n].count(steps[n - 1]) > 2)


@pytest.mark.parametrize(
    "steps",
    [
        ['Search {"b": 1, "a": "X"}', 'search {"a":"x","b":1}', 'search  {"b":1,"a":"x"}.'],
        ["read at 2024-05-01 10:00", "read at 2024-05-01 10:01:07", "Read at 2024-05-02 08:00"],
        ["Ask again!", "ask again", " ask  again."],
    ],
)
def test_what_differs_at_every_call_is_forgiven(steps):
    assert walked(steps)[-1] == ("repeat", 1, 3, False)
    assert walked(steps[:1] * 3)[-1] == ("repeat", 1, 3, True)


def test_a_time_after_a_t_is_forgiven():
    steps = [f"read at 2024-05-0{i}T08:0{i}:00.25Z" for i in range(1, 4)]
    assert walked(steps)[-1] == ("repeat", 1, 3, False)


@pytest.mark.parametrize(
    "make",
    [
        lambda i: f"read_page({i})",
        lambda i: f'search {{"query": "item {i}"}}',
        lambda i: f"open order #W{1000 + i}",
        lambda i: f"{{'cell':'v_{i:032x}'}}",
    ],
)
def test_a_list_that_is_worked_through_is_no_loop(make):
    assert set(walked([make(i) for i in range(30)])) == {None}


@pytest.mark.parametrize(
    "make",
    [
        lambda i: f'search_flight {{"date": "2024-05-{i + 1:02d}"}}',
        lambda i: f"get_order {i * 7919:08x}-0000-4000-8000-{i:012x}",
    ],
)
def test_a_list_of_dates_or_names_is_no_loop(make):
    assert set(walked([make(i) for i in range(10)])) == {None}


@pytest.mark.parametrize(
    "one, other",
    [
        ({"a": 1, "b": "x"}, {"b": "x", "a": 1.00001}),
        ([0.1, 0.2], np.array([0.1, 0.2])),
        ({"v": [1.0, 2.0]}, {"v": (1, 2)}),
    ],
)
def test_inputs_that_are_the_same_are_spelled_the_same(one, other):
    assert canonical(step_text(one)) == canonical(step_text(other))


@pytest.mark.parametrize(
    "one, other",
    [
        ({"a": 1}, {"a": 2}),
        ({"a": 1}, {"b": 1}),
        ({"a": True}, {"a": "True"}),
        ([0.1, 0.2], [0.1, 0.3]),
        ({"v": [1.0, 2.0]}, {"v": [2.0, 1.0]}),
    ],
)
def test_inputs_that_differ_are_spelled_apart(one, other):
    assert canonical(step_text(one)) != canonical(step_text(other))


def test_a_text_full_of_braces_takes_no_longer_by_the_letter():
    """Ten times the text is ten times the work, not a hundred times."""
    took = []
    for n in (4_000, 40_000):
        began = time.process_time()
        canonical("{" * n)
        took.append(time.process_time() - began)
    assert took[1] < 40.0 * max(took[0], 1e-4)


@pytest.mark.parametrize("text", ["{", "}{", '{"a": 1', '{"a": NaN}', "[" * 5000, "{}" * 100, ""])
def test_what_is_no_json_is_taken_as_it_is(text):
    assert canonical(text) == canonical(text.upper().replace("NAN", "NaN"))


def test_very_long_runs_keep_to_their_latest_steps():
    history = StepHistory()
    for i in range(3 * KEPT):
        history.add(f"step {i}", f"step {i}")
    assert len(history.exact) == len(history.canonical) == KEPT >= len(history.counts)
    assert [history.add("x", "x") for _ in range(3)][-1] == ("repeat", 1, 3, True)


def test_a_history_goes_on_where_its_state_was_taken():
    steps = [*"abcabxabcab", *"yy", *"abyaby"]
    one = StepHistory()
    for step in steps[:8]:
        one.add(step, step)
    other = StepHistory.from_state(one.state())
    for step in steps[8:]:
        assert one.add(step, step) == other.add(step, step)
    assert one.state() == other.state()


def record_of(ends, **worst):
    record = LoopRecord()
    for success in ends:
        record.learn(worst, success)
    return record


def test_deadly_and_harmless_loops_are_told_apart():
    deadly, harmless = record_of([False] * 20, repeat=3), record_of([True, False] * 10, repeat=3)
    base = 0.5
    assert deadly.rate("repeat", 3, base)[0] < 0.1
    assert harmless.rate("repeat", 3, base)[0] == pytest.approx(0.5)
    assert (
        deadly.success_rate({"repeat": 3}, base) < 0.1 < harmless.success_rate({"repeat": 3}, base)
    )


def test_a_run_counts_for_all_fewer_rounds_and_for_no_more():
    record = record_of([True] * 10, cycle=3)
    assert [record.rate("cycle", times, 0.5)[1] for times in (2, 3, 4)] == [10, 10, 0]
    assert record.rate("cycle", 4, 0.5)[0] == 0.5
    assert record.rate("repeat", 3, 0.5) == (0.5, 0)


def test_without_a_loop_the_outlook_is_that_of_runs_without():
    record = record_of([True] * 30)
    record.learn({"repeat": 3}, False)
    assert record.success_rate({}, 0.5) > 0.8
    assert LoopRecord().success_rate({}, 0.3) == pytest.approx(0.3)


def test_the_most_telling_of_several_loops_counts():
    record = record_of([False] * 20, repeat=3)
    for i in range(20):
        record.learn({"cycle": 2}, i % 2 == 0)
    assert record.success_rate({"cycle": 2, "repeat": 3}, 0.5) < 0.1


def test_a_loop_is_described_with_its_record():
    loop = with_rate(("repeat", 1, 7, True), record_of([False] * 8, repeat=4), 0.5)
    assert (loop.kind, loop.period, loop.times, loop.exact, loop.runs) == ("repeat", 1, 7, True, 8)
    assert loop.success == pytest.approx(0.1)  # two runs at the base among eight that failed
