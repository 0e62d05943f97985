"""What the pages of a value learner say, for every state it can be in; no browser is needed."""

import dataclasses

import pytest

from quickstudy.api.runs import RunInfo, RunReport, StepReport, StopReport, ValueInfo, ValueReport
from quickstudy.api.settings import ValueSettings
from quickstudy.serve.dashboard.runs import figures as figures
from quickstudy.types import Estimate, Loop

STOPPING = StopReport(False, 0, 1.5, 3.0, 0.05, 0.1, (0.95, 1.0), 0)


def value(**changed):
    info = ValueInfo("agents", ValueSettings(), 0.0, 10, 100, 2)
    found = {"live": 2, "ended": 10, "expired": 0, "late": 0, "successes": 4, "stopped": 0}
    found |= {"stopping": STOPPING, "experts": (("task", 3.0), ("lstd", 1.0)), "seq": 1}
    return ValueReport(learner=info, **{**found, **changed})


def run(p=0.8, **changed):
    found = {"id": "x", "learner": "agents", "task": None, "status": "live", "started": 0.0}
    found |= {"updated": 1.0, "steps": 3, "value": p, "success_probability": p, "loop": False}
    found |= {"advice": "continue", "stop": False, "outcome": None, "success": None}
    return RunInfo(**{**found, **changed})


def step(number, p, before, loop=None, **changed):
    said = Estimate(
        "x", number, p, 0.0, 1.0, p, p - before, loop, "continue", False, 2.0, "why", ()
    )
    found = {"time": 0.0, "input": None, "action": f"act {number}", "error": False, "reward": 0.0}
    return StepReport(number=number, estimate=said, **{**found, **changed})


@pytest.mark.parametrize(
    ("changed", "live", "mood", "says"),
    [
        ({"live": 0, "ended": 0}, [], "calm", "No run has come in yet"),
        ({"ended": 0}, [run()], "busy", "first runs"),
        ({}, [run(), run()], "good", "2 runs under way, none in trouble"),
        ({}, [run(), run(0.2, advice="ask")], "busy", "1 of 2 live runs needs a look"),
        ({"live": 3}, [run(0.2, advice="stop")] * 2, "busy", "2 of 3 live runs need a look"),
        ({}, [run(0.01, advice="stop", stop=True)], "bad", "1 run should be stopped now"),
        ({"live": 0}, [], "calm", "No run is under way"),
    ],
)
def test_the_headline_fits_the_state(changed, live, mood, says):
    told = figures.headline(value(**changed), live)
    assert told.mood == mood and says in told.title


def test_what_is_proved_is_told_as_it_is():
    open_one = figures.stopping(value())
    assert (open_one.figure, open_one.filled) == ("not yet", 0.5)
    assert "at most 5\u00a0%" in open_one.text and "only advises" in open_one.text
    assert "never came" not in open_one.text
    unknown = figures.stopping(value(stopping=dataclasses.replace(STOPPING, unknown=12)))
    assert unknown.text.startswith(open_one.text) and "12 runs in doubt" in unknown.text
    proved = dataclasses.replace(STOPPING, certified=True, level=1)
    told = figures.stopping(value(stopping=proved, stopped=7))
    assert (told.figure, told.filled, told.mood) == ("yes", 1.0, "good") and "7 runs" in told.text


def test_runs_stand_in_the_order_that_is_asked_for():
    low, new, high = run(0.1, steps=9), run(None, steps=0, updated=5.0), run(0.9, steps=4)
    runs = [high, new, low]
    assert figures.ordered(runs, "chance") == [low, new, high]
    assert figures.ordered(runs, "latest")[0] == new
    assert figures.ordered(runs, "steps") == [low, high, new]


def test_every_live_run_is_in_one_bar():
    heights = [height for height, _, _ in figures.bins([run(0.0), run(0.05), run(1.0), run(None)])]
    assert heights == [1.0, *[0.0] * 8, 0.5]
    assert figures.bins([run(0.0)])[0][2] == "1 run between 0\u00a0% and 10\u00a0%"


def test_a_run_is_drawn_from_before_its_first_step():
    loop = Loop("repeat", 1, 2, True, 0.2, 5)
    steps = (
        step(1, 0.6, 0.5),
        step(2, 0.5, 0.6, loop),
        step(3, 0.2, 0.5, loop),
        step(4, 0.3, 0.2),
        step(5, 0.25, 0.3, loop),
    )
    drawn = figures.trajectory(RunReport(run(), steps), (0.0, 1.0))
    assert drawn["p"] == pytest.approx([0.5, 0.6, 0.5, 0.2, 0.3, 0.25])
    assert drawn["loops"] == [(2, 3), (5, 5)] and drawn["lost"] == 3
    assert len(drawn["value"]) == len(drawn["acts"]) == 6 and drawn["value"][0] is None


def test_of_a_long_run_the_latest_steps_are_drawn_under_their_numbers():
    loop = Loop("repeat", 1, 3, True, 0.2, 5)
    steps = tuple(step(n, 0.5, 0.9 if n in (7, 2_400) else 0.5, loop) for n in range(1, 2_501))
    drawn = figures.trajectory(RunReport(run(), steps), (0.0, 1.0))
    assert {len(drawn[name]) for name in ("p", "value", "low", "high", "acts")} == {1_001}
    assert (drawn["first"], drawn["lost"]) == (1_500, 2_400)
    assert drawn["loops"] == [(1_501, 2_500)] and drawn["acts"][-1] == "act 2500"
    assert figures.trajectory(RunReport(run(), steps[:9]), (0.0, 1.0))["first"] == 0


def test_a_run_that_only_got_better_lost_nothing():
    assert figures.lost([step(1, 0.6, 0.5), step(2, 0.595, 0.6)]) is None
    assert figures.lost([]) is None
    assert figures.trajectory(RunReport(run(None, steps=0), ()), (0.0, 1.0))["p"] == [None]


def test_of_a_long_run_the_step_that_cost_most_is_not_left_out():
    steps = [step(1, 0.6, 0.5), step(2, 0.2, 0.6), *(step(n, 0.2, 0.2) for n in range(3, 40))]
    assert [s.number for s in figures.latest(steps, 3)] == [2, 37, 38, 39]
    assert [s.number for s in figures.latest(steps[:3], 3)] == [1, 2, 3]


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({}, "Go on"),
        ({"advice": "ask"}, "Ask a person"),
        ({"advice": "stop"}, "Better stopped"),
        ({"advice": "stop", "stop": True}, "Stop it now"),
        ({"status": "expired"}, "Its end never came"),
        ({"status": "expired", "stop": True}, "It was told to stop"),
        ({"status": "ended", "outcome": 1.0, "success": True}, "It succeeded"),
        ({"status": "late", "outcome": 0.0, "success": False}, "It failed"),
    ],
)
def test_a_run_is_told_in_a_few_words(changed, says):
    assert figures.standing(RunReport(run(**changed), (step(1, 0.5, 0.5),)))[0] == says
    assert figures.standing(RunReport(run(), ()))[0] == "It has just begun"


def test_a_run_that_somebody_closed_is_told_from_one_that_the_clock_closed():
    gone = run(status="expired")
    assert figures.standing(RunReport(gone, (), "expiry"))[0] == "Its end never came"
    assert figures.standing(RunReport(gone, (), "robot"))[0] == "It was closed"


def test_weights_of_any_size_are_told_as_shares():
    assert [row.value for row in figures.experts(value())] == ["75\u00a0%", "25\u00a0%"]
    assert figures.experts(value())[0].name == "Same task"
