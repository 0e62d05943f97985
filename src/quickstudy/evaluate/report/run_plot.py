"""Plot of a run: success probability and value, the costliest step, and loops."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from quickstudy.errors import InputError
from quickstudy.types import Estimate, Floats, Loop

INK, MUTED, GRID = "#19212c", "#667284", "#e4e8ee"
BLUE, ORANGE = (
    "#2458e6",
    "#d9690b",
)  # distinct for colour-blind readers too; orange marks what went wrong
_SIZE = (9.0, 5.6)  # inches
_DOTS = 60  # most steps that are drawn with dots
_WIDE, _LINES = 34, 3  # characters and lines of an action in the plot
_PANEL = (585.0, 225.0)  # width and height of the upper panel in points
_NOTE = (0.31, 0.27)  # width and height of a note, as shares of the panel
_LETTER = 0.0095  # width of a character, as a share of the panel
_STYLE: dict[Any, Any] = {
    "font.size": 10.0,
    "axes.edgecolor": GRID,
    "axes.labelcolor": MUTED,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "text.color": INK,
}


def plot_run(
    estimates: Sequence[Estimate],
    path: str | Path | None = None,
    *,
    title: str | None = None,
    actions: Sequence[str | None] | None = None,
    outcome: float | None = None,
) -> Any:
    """Plot success probability and value over the steps of a run, and mark the costliest step.

    The mark is on the step with the largest loss of success probability. Steps of a loop and the
    interval that holds nine of ten returns are shaded.

    Args:
        estimates: of one run, in the order of its steps.
        path: of the picture, which is PNG, SVG or PDF by the ending; None saves nothing.
        title: of the picture; by default the id of the run.
        actions: one for each estimate; that of the marked step is shown.
        outcome: of the run, if it has ended.

    Returns:
        The matplotlib figure.

    Raises:
        InputError: there are no estimates, another number of actions, or an unknown file ending.

    >>> from quickstudy.types import Estimate
    >>> more = dict(loop=None, advice="continue", stop=False, steps_left=2.0, why="", votes=())
    >>> run = [Estimate("r1", 1, 0.8, 0.2, 1.0, 0.8, 0.1, **more),
    ...        Estimate("r1", 2, 0.3, 0.0, 0.7, 0.3, -0.5, **more)]
    >>> figure = plot_run(run, actions=["look", "leap"], outcome=0.0)
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['step 2 lost 50 points\\nleap']
    """
    import matplotlib
    from matplotlib.figure import Figure

    run = list(estimates)
    if not run:
        raise InputError("estimates is empty; a run has a step at least")
    if actions is not None and len(actions) != len(run):
        raise InputError(f"actions has {len(actions)} entries for {len(run)} estimates")
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=_SIZE, layout="constrained", facecolor="white")
        chance, value = figure.subplots(2, 1, sharex=True, height_ratios=(2.2, 1.0))
        for axes in (chance, value):
            _plain(axes)
        _chance(chance, run)
        _value(value, run, outcome)
        _loops((chance, value), run)
        _advice(chance, run)
        _lost(chance, run, actions)
        _heads(chance, title or f"Run {run[-1].run}", outcome)
        if path is not None:
            _save(figure, Path(path))
    return figure


def _plain(axes: Any) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.grid(axis="y", color=GRID, linewidth=1)
    axes.set_axisbelow(True)
    axes.tick_params(length=0, pad=6)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def _course(run: Sequence[Estimate]) -> tuple[Floats, Floats]:
    """Steps and success probabilities, from the start of the run if it is included."""
    at = np.array([e.step for e in run], dtype=float)
    chance = np.array([e.success_probability for e in run])
    before = np.clip(chance[0] - run[0].credit, 0.0, 1.0)
    return np.append(at[0] - 1, at), np.append(before, chance)


def _chance(axes: Any, run: Sequence[Estimate]) -> None:
    from matplotlib.ticker import PercentFormatter

    at, chance = _course(run)
    axes.plot(at, chance, color=BLUE, linewidth=2.2, zorder=4, solid_joinstyle="round")
    if len(run) <= _DOTS:
        axes.scatter(at[1:], chance[1:], color=BLUE, s=22, zorder=5)
    axes.set_xlim(at[0], at[-1] + max(0.4, 0.015 * len(run)))
    axes.set_ylim(0.0, 1.02)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.set_ylabel("success probability")


def _value(axes: Any, run: Sequence[Estimate], outcome: float | None) -> None:
    at = np.array([e.step for e in run], dtype=float)
    low, high = (np.array([getattr(e, side) for e in run]) for side in ("low", "high"))
    if len(run) == 1:  # a shaded band needs a width
        axes.vlines(at, low, high, color=BLUE, alpha=0.2, linewidth=8)
    axes.fill_between(at, low, high, color=BLUE, alpha=0.14, linewidth=0)
    axes.plot(at, [e.value for e in run], color=BLUE, linewidth=1.6, zorder=4)
    if outcome is not None:
        mark = {"color": INK, "marker": "D", "s": 44, "zorder": 6, "clip_on": False}
        axes.scatter([at[-1]], [float(outcome)], **mark)
    reach = [*low, *high, *([] if outcome is None else [float(outcome)])]
    room = 0.08 * (max(reach) - min(reach) or 1.0)
    axes.set_ylim(min(reach) - room, max(reach) + room)
    axes.set_ylabel("value, and where\n9 of 10 end")
    axes.set_xlabel("step")


def _spans(run: Sequence[Estimate]) -> list[tuple[float, float, Loop]]:
    """First and last step of each repetition, with the longest loop in it."""
    spans: list[tuple[float, float, Loop]] = []
    for estimate in run:
        if estimate.loop is None:
            continue
        found, last = estimate.loop, float(estimate.step)
        steps = 1 if found.kind == "return" else found.period * found.times
        first = max(last - steps + 1, float(run[0].step))
        while spans and first <= spans[-1][1] + 1:
            before, _, known = spans.pop()
            first = min(first, before)
            found = max(known, found, key=lambda loop: (loop.times, loop.period))
        spans.append((first, last, found))
    return spans


def _loops(panels: Sequence[Any], run: Sequence[Estimate]) -> None:
    """Shade loops, with a description above unless it would cover another one."""
    free, (left, right) = -np.inf, panels[0].get_xlim()
    for first, last, loop in _spans(run):
        for axes in panels:
            axes.axvspan(first - 0.5, last + 0.5, color=MUTED, alpha=0.15, linewidth=0, zorder=0)
        words = _words(loop)
        width = _LETTER * len(words)
        start = (first - 0.5 - left) / (right - left)
        start = max(0.0, min(start, 1.0 - width))
        if start >= free:
            free = start + width + _LETTER
            style = {"va": "bottom", "fontsize": 9, "color": MUTED}
            panels[0].annotate(words, (start, 1.0), xycoords="axes fraction", **style)


def _words(loop: Loop) -> str:
    if loop.kind == "repeat":
        return f"loop: the same step {loop.times} times"
    if loop.kind == "return":
        return f"loop: back to the same step, {loop.times} times"
    return f"loop: {loop.times} rounds of {loop.period} steps"


def _advice(axes: Any, run: Sequence[Estimate]) -> None:
    """Mark the first advice other than "continue", and where certified stops begin."""
    stop = next((e for e in run if e.stop), None)
    told = next((e for e in run if e.advice != "continue"), None)
    marks = [] if stop is None else [(stop.step, "stop, certified")]
    if told is not None and told is not stop:
        marks.append((told.step, f"advice: {told.advice}"))
    for height, (step, word) in enumerate(marks):
        axes.axvline(step, color=INK, linewidth=1, linestyle=(0, (1, 2)), zorder=2)
        side = "right" if step > np.mean(axes.get_xlim()) else "left"
        style = {"va": "bottom", "ha": side, "fontsize": 9, "color": INK}
        move = (4 if side == "left" else -4, 3 + 12 * height)
        axes.annotate(word, (step, 0.0), move, textcoords="offset points", **style)


def _lost(axes: Any, run: Sequence[Estimate], actions: Sequence[str | None] | None) -> None:
    """Mark the step with the largest loss of success probability."""
    worst = min(range(len(run)), key=lambda i: run[i].credit)
    loss = -run[worst].credit
    if loss <= 0.0:
        return
    at, chance = _course(run)
    there = slice(worst, worst + 2)
    axes.plot(at[there], chance[there], color=ORANGE, linewidth=3.4, zorder=6)
    axes.scatter(at[worst + 1], chance[worst + 1], color=ORANGE, s=64, zorder=7, edgecolor="white")
    points = f"{100 * loss:.0f} point{'s' if f'{100 * loss:.0f}' != '1' else ''}"
    action = actions[worst] if actions is not None else None
    lines = [f"step {run[worst].step} lost {points}", *_wrapped(action or "")]
    right, up = _free(axes, at, chance, worst + 1)
    axes.annotate(
        "\n".join(lines),
        (at[worst + 1], chance[worst + 1]),
        (right, up),
        textcoords="offset points",
        ha="left" if right > 0 else "right",
        va="bottom" if up > 0 else "top",
        fontsize=9,
        linespacing=1.35,
        multialignment="left",
        zorder=8,
        bbox={"boxstyle": "round,pad=0.45", "fc": "white", "ec": ORANGE, "lw": 1.2, "alpha": 0.95},
        arrowprops={"arrowstyle": "-", "color": ORANGE, "lw": 1.2, "shrinkB": 4},
    )


def _wrapped(action: str) -> list[str]:
    lines = textwrap.wrap(" ".join(action.split()), _WIDE)
    if len(lines) <= _LINES:
        return lines
    return [*lines[: _LINES - 1], lines[_LINES - 1][: _WIDE - 2] + " …"]


def _free(axes: Any, at: Floats, chance: Floats, worst: int) -> tuple[float, float]:
    """Offset in points of a note from its step, where it hides the least of the curve."""
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    x, y = (at[worst] - left) / (right - left), (chance[worst] - bottom) / (top - bottom)
    fine = np.linspace(at[0], at[-1], 400)
    u = (fine - left) / (right - left)
    v = (np.interp(fine, at, chance) - bottom) / (top - bottom)
    width, height = _NOTE

    def hidden(place: tuple[float, float]) -> float:
        right, up = place[0] / _PANEL[0], place[1] / _PANEL[1]
        first, low = (x + right) - (right < 0) * width, (y + up) - (up < 0) * height
        inside = (u > first) & (u < first + width) & (v > low - 0.03) & (v < low + height + 0.03)
        outside = first < 0 or first + width > 1 or low < 0 or low + height > 1
        return float(inside.sum() + 1000 * outside)

    places = [(r, up) for up in (14, -14, 50, -50, 90, -90) for r in (16, -16)]
    return min(places, key=hidden)


def _heads(axes: Any, title: str, outcome: float | None) -> None:
    axes.set_title(title, loc="left", fontsize=12.5, fontweight="bold", color=INK, pad=20)
    if outcome is not None:
        style = {"loc": "right", "fontsize": 10.5, "color": INK, "pad": 20}
        axes.set_title(f"◆ outcome {float(outcome):g}", **style)


def _save(figure: Any, path: Path) -> None:
    formats = figure.canvas.get_supported_filetypes()
    if path.suffix.removeprefix(".").lower() not in formats:
        raise InputError(f"path {path.name!r} must end in .png, .svg or .pdf")
    figure.savefig(path, dpi=150)
