"""The HTML of a report: one file that loads nothing else, in light and dark."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from quickstudy.evaluate.report.charts import Line


@dataclass(frozen=True, slots=True)
class Tile:
    """A headline figure: its value, what it is, and a short remark."""

    value: str
    name: str
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the report: title, what to look for in it (plain text), and its body (HTML)."""

    title: str
    text: str
    body: str


def page(title: str, lead: str, tiles: Iterable[Tile], sections: Iterable[Section]) -> str:
    """A whole HTML document; all but the bodies of the sections is escaped."""
    return render("page.html", title=title, lead=lead, tiles=tiles, sections=sections)


def legend(lines: Sequence[Line]) -> str:
    """Names of a chart's curves in their colours."""
    return render("legend.html", lines=lines)


def html_table(
    heads: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    numbers: Sequence[int] = (),
    ours: int = -1,
) -> str:
    """A table of escaped cells; `numbers` are the right-aligned columns, `ours` the bold row."""
    return render("table.html", heads=heads, rows=rows, numbers=numbers, ours=ours)


def folded(body: str, count: int) -> str:
    """HTML that is shown on a click; `count` says how much there is to see."""
    return f"<details><summary>Show all {count}</summary>{body}</details>"


def render(template: str, **values: Any) -> str:
    """The HTML of a template; values are escaped."""
    return _templates().get_template(template).render(**values)


@cache
def _templates() -> Environment:
    return Environment(
        loader=PackageLoader("quickstudy.evaluate.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
