"""An agent that asks before each step how this will end, and stops itself when it goes in circles.

    python examples/agent_loop.py --plot run.png      less than half a minute

A robot fetches parcels in a warehouse, with a simple mind: towards the parcel if it can, else
anywhere. Shelves stand in its way, others in every hall; in a niche between them it goes to and fro
until its battery is empty. A value function watches some hundred runs to their end. Then the robot
asks it before each step, and gives up on a parcel when going on is no longer worth the steps.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from quickstudy import ValueFunction
from quickstudy.evaluate.report.run_plot import plot_run
from quickstudy.types import Estimate

SIDE, SHELVES, BATTERY = 9, 26, 60  # places along a wall, places with shelves, steps
COSTS = {"step": 0.01}  # a step costs a hundredth of what a parcel brings
SIDES = {"north": (0, -1), "east": (1, 0), "south": (0, 1), "west": (-1, 0)}


class Hall:
    """A hall with shelves, a robot and a parcel; the same number gives the same hall."""

    def __init__(self, number: int) -> None:
        order = np.random.default_rng(number).permutation(SIDE * SIDE)
        self.robot, self.parcel, *rest = ((int(i) % SIDE, int(i) // SIDE) for i in order)
        self.shelves = set(rest[:SHELVES])

    def free(self, side: str) -> bool:
        """Whether the robot can go there."""
        x, y = self.to(side)
        return 0 <= x < SIDE and 0 <= y < SIDE and (x, y) not in self.shelves

    def to(self, side: str) -> tuple[int, int]:
        """The next place on that side."""
        return self.robot[0] + SIDES[side][0], self.robot[1] + SIDES[side][1]

    def look(self) -> dict[str, int]:
        """What the robot sees: how far the parcel is, and which sides are free."""
        far = {"east": self.parcel[0] - self.robot[0], "south": self.parcel[1] - self.robot[1]}
        return {**far, "far": sum(map(abs, far.values())), **{s: int(self.free(s)) for s in SIDES}}


def choose(hall: Hall, rng: np.random.Generator) -> str:
    """The robot's mind: a free side that brings it nearer, else any that is free."""
    x, y = hall.parcel[0] - hall.robot[0], hall.parcel[1] - hall.robot[1]
    nearer = [s for s, (dx, dy) in SIDES.items() if dx * x + dy * y > 0 and hall.free(s)]
    anywhere = [s for s in SIDES if hall.free(s)]
    return str(rng.choice(nearer or anywhere or list(SIDES)))


@dataclass
class Course:
    """What became of a run; `estimates` and `actions` of its steps, if a learner was asked."""

    found: bool = False
    gave_up: bool = False
    steps: int = 0
    estimates: list[Estimate] = field(default_factory=list)
    actions: list[str] = field(default_factory=list)


def fetch(number: int, learner: ValueFunction | None, *, heed: bool = False) -> Course:
    """The agent loop: look, choose, ask, act."""
    hall, rng, course = Hall(number), np.random.default_rng(number), Course()
    run = learner.start() if learner else None
    while course.steps < BATTERY and not course.found:
        side = choose(hall, rng)
        action = "go {} {}".format(*hall.to(side))
        if run:
            said = run.step(hall.look(), action=action, error=not hall.free(side))
            course.estimates.append(said)
            course.actions.append(action)
            course.gave_up = heed and said.advice == "stop"
            if course.gave_up:
                run.expire()  # nobody will know how this would have ended
                return course
        if hall.free(side):
            hall.robot = hall.to(side)
        course.steps += 1
        course.found = hall.robot == hall.parcel
    if run:
        run.end(float(course.found))
    return course


def live(watched: int, after: int) -> tuple[list[Course], list[Course]]:
    """Watch runs to their end, then the same halls twice: without asking, and with."""
    learner = ValueFunction(costs=COSTS)
    shown = {"console": Console(stderr=True)}
    for number in track(range(watched), "watching", **shown):
        fetch(number, learner)
    halls = range(watched, watched + after)
    asking = [fetch(n, learner, heed=True) for n in track(halls, "asking", **shown)]
    return [fetch(number, None) for number in halls], asking


def told(courses: list[Course]) -> dict[str, float]:
    """What came of the runs; their worth is a parcel's each, less what their steps cost."""
    steps, found = (sum(getattr(c, name) for c in courses) for name in ("steps", "found"))
    last = [course.estimates[-1] for course in courses if course.gave_up]
    return {
        "found": found,
        "given up": len(last),
        "in circles": sum(said.loop is not None for said in last),
        "steps": steps,
        "worth": found - COSTS["step"] * steps,
    }


def table(stories: dict[str, dict[str, float]]) -> Table:
    """The stories in figures."""
    shown = Table("", *stories["never asks"])
    for name, story in stories.items():
        shown.add_row(name, *(f"{figure:,.0f}" for figure in story.values()))
    return shown


def main() -> None:
    """Live through it, and tell."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--watched", type=int, default=200, help="runs to learn from")
    parser.add_argument("--runs", type=int, default=200, help="runs to compare")
    parser.add_argument("--plot", type=Path, help="write the plot of a run that gave up here")
    parser.add_argument("--json", action="store_true", help="for machines")
    asked = parser.parse_args()
    alone, asking = live(asked.watched, asked.runs)
    stories = {"never asks": told(alone), "asks before each step": told(asking)}
    if asked.plot:
        longest = max(asking, key=lambda c: (c.gave_up, len(c.estimates)))
        plot_run(longest.estimates, asked.plot, title="Given up", actions=longest.actions)
    if asked.json:
        print(json.dumps(stories))
    else:
        Console().print(table(stories))


if __name__ == "__main__":
    main()
