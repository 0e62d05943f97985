"""Charts as inline SVG; their colours are CSS variables of the page, so they follow dark mode."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from quickstudy.stats.calibration import Reliability
from quickstudy.stats.curves import thin
from quickstudy.types import Floats

SERIES = ("blue", "orange", "green", "violet", "red", "teal", "brown", "grey")
_NAMES = ("ink", "muted", "grid", "surface", *SERIES)
_HEX = {name: f"#0a1b{i:02x}" for i, name in enumerate(_NAMES)}  # stands for var(--name)
_SIZE = (7.6, 3.3)  # inches; the page scales the picture to its column
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.size": 10.0,
    "axes.edgecolor": _HEX["grid"],
    "axes.labelcolor": _HEX["muted"],
    "xtick.color": _HEX["muted"],
    "ytick.color": _HEX["muted"],
    "text.color": _HEX["ink"],
}


@dataclass(frozen=True, slots=True)
class Line:
    """One curve: its name, one value for each example, colour and style."""

    name: str
    values: Floats
    color: str
    dashed: bool = False
    band: tuple[Floats, Floats] | None = field(default=None, repr=False)


def line_chart(
    lines: Sequence[Line],
    *,
    x_label: str = "examples so far",
    percent: bool = True,
    y_range: tuple[float, float] | None = None,
) -> str:
    """Curves over the stream, the first one thickest."""
    figure, axes = _axes()
    for i, line in reversed(list(enumerate(lines))):
        at = thin(len(line.values))
        axes.plot(
            at + 1,
            line.values[at],
            color=_HEX[line.color],
            linewidth=2.4 if i == 0 else 1.4,
            linestyle=(0, (4, 3)) if line.dashed else "solid",
            zorder=4 if i == 0 else 3,
        )
        if line.band:
            low, high = line.band
            axes.fill_between(at + 1, low[at], high[at], color=_HEX[line.color], alpha=0.15, lw=0)
    axes.set_xlim(1, max(2, *(len(line.values) for line in lines)))
    if y_range:
        axes.set_ylim(*y_range)
    _tick_format(axes, percent)
    axes.set_xlabel(x_label)
    return _svg(figure)


def reliability_chart(bins: Reliability) -> str:
    """Accuracy by confidence; points on the diagonal are calibrated."""
    figure, axes = _axes()
    axes.plot([0, 1], [0, 1], color=_HEX["muted"], linewidth=1.2, linestyle=(0, (4, 3)))
    axes.vlines(bins.confidence, bins.confidence, bins.accuracy, color=_HEX["orange"], linewidth=2)
    axes.plot(bins.confidence, bins.accuracy, color=_HEX["blue"], linewidth=1.6, zorder=3)
    axes.scatter(bins.confidence, bins.accuracy, color=_HEX["blue"], s=34, zorder=4)
    axes.set_xlim(0, 1.01)
    axes.set_ylim(0, 1.02)
    axes.set_xlabel("confidence")
    axes.set_ylabel("how often it was right")
    axes.xaxis.set_major_formatter(_percent_formatter())
    axes.yaxis.set_major_formatter(_percent_formatter())
    return _svg(figure)


def _axes() -> tuple[Any, Any]:
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=_SIZE, layout="constrained")
        axes = figure.add_subplot()
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.grid(axis="y", color=_HEX["grid"], linewidth=1)
    axes.set_axisbelow(True)
    axes.tick_params(length=0, pad=6)
    figure.patch.set_visible(False)
    axes.patch.set_visible(False)
    return figure, axes


def _tick_format(axes: Any, percent: bool) -> None:
    from matplotlib.ticker import StrMethodFormatter

    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    thousands = StrMethodFormatter("{x:,.0f}")
    axes.yaxis.set_major_formatter(_percent_formatter() if percent else thousands)


def _percent_formatter() -> Any:
    from matplotlib.ticker import PercentFormatter

    return PercentFormatter(1.0, decimals=0)


def _svg(figure: Any) -> str:
    import matplotlib

    buffer = io.StringIO()
    with matplotlib.rc_context(_STYLE):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'<g id="[^"]*"', "<g", text)
    text = re.sub(r"font: ([\d.]+px) [^;\"]*", r"font-size: \1", text)
    text = re.sub(r"font-family: [^;\"]*;? ?", "", text)
    for name, code in _HEX.items():
        text = text.replace(code, f"var(--{name})")
    return text


def steps(count: int) -> Floats:
    """1, 2, ... count: the diagonal of a cumulative chart."""
    return np.arange(1.0, count + 1.0)
