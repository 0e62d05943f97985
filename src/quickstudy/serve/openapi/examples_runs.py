"""Examples of runs for the OpenAPI document, made of the nouns themselves."""

from __future__ import annotations

from dataclasses import replace

from quickstudy.api.codec import dump
from quickstudy.api.runs import (
    RunInfo,
    RunReport,
    StepReport,
    StopReport,
    ValueInfo,
    ValueReport,
    ValueSettings,
)
from quickstudy.types import Costs, Estimate, Loop

TIME = 1_790_000_000.0
_INFO = ValueInfo(
    name="agents",
    settings=ValueSettings(costs=Costs(step=0.01, failure=0.5, ask=0.2)),
    created=TIME,
    runs=412,
    steps=6_120,
    open=3,
)
_ESTIMATE = Estimate(
    run="run-17",
    step=7,
    value=0.21,
    low=0.0,
    high=1.0,
    success_probability=0.21,
    credit=-0.34,
    loop=Loop("repeat", 1, 3, True, 0.12, 40),
    advice="ask",
    stop=False,
    steps_left=5.5,
    why="asking costs 0.20 and going on loses 0.41",
    votes=(("task", 0.35), ("runs like it", 0.14)),
)
_RUN = RunInfo(
    id="run-17",
    learner="agents",
    task="book a flight",
    status="live",
    started=TIME,
    updated=TIME + 42.0,
    steps=7,
    value=0.21,
    success_probability=0.21,
    loop=True,
    advice="ask",
    stop=False,
    outcome=None,
    success=None,
)
_STEP = StepReport(7, TIME + 42.0, "No flights found.", "search(flights)", True, 0.0, _ESTIMATE)
_STOPPING = StopReport(
    certified=False,
    level=0,
    log_evidence=1.2,
    log_bar=3.0,
    error=0.05,
    audit_rate=0.1,
    thresholds=(0.05, 0.1),
    alarms=0,
    unknown=2,
)

LEARNER = dump(_INFO)
ESTIMATE = dump(_ESTIMATE)
RUN = dump(_RUN)
EXPIRED = dump(replace(_RUN, status="expired", advice="stop", stop=True))
REPORT = dump(RunReport(_RUN, (_STEP,)))
VALUE = dump(
    ValueReport(
        learner=_INFO,
        live=3,
        ended=412,
        expired=9,
        late=1,
        successes=251,
        stopped=0,
        stopping=_STOPPING,
        experts=(("task", 0.6), ("runs like it", 0.4)),
        seq=6_544,
    )
)
