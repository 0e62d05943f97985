"""The shell of a report: one HTML file that needs nothing else, in light and dark."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from quickstudy.evaluate.report.charts import Line
from quickstudy.evaluate.report.style import STYLE

POLICY = "default-src 'none'; style-src 'unsafe-inline'"  # nothing is fetched, no script runs


@dataclass(frozen=True, slots=True)
class Tile:
    """A headline figure: its value, what it is, and a small remark."""

    value: str
    name: str
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the report: title, what to see in it (plain text), and its body (HTML)."""

    title: str
    text: str
    body: str


def page(title: str, lead: str, tiles: Iterable[Tile], sections: Iterable[Section]) -> str:
    """A whole HTML document; title, lead, tiles and texts are escaped, bodies are not."""
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<title>{escape(title)}</title>
<style>
{STYLE}</style>
</head>
<body>
<main>
<h1>{escape(title)}</h1>
<p class="lead">{escape(lead)}</p>
<div class="tiles">
{"".join(map(_tile, tiles))}</div>
{"".join(map(_section, sections))}<footer>Made by Quickstudy. Every figure is test-then-train: \
each example was predicted before it was learned.</footer>
</main>
</body>
</html>
"""


def _tile(tile: Tile) -> str:
    return (
        f'<div class="tile"><b>{escape(tile.value)}</b><span>{escape(tile.name)}</span>'
        f"<small>{escape(tile.remark)}</small></div>\n"
    )


def _section(section: Section) -> str:
    return (
        f"<section>\n<h2>{escape(section.title)}</h2>\n<p>{escape(section.text)}</p>\n"
        f"{section.body}\n</section>\n"
    )


def legend(lines: Sequence[Line]) -> str:
    """Names of a chart's curves in their colours."""
    keys = (
        f'<span><i class="{"dashed" if line.dashed else ""}" '
        f'style="border-color: var(--{line.color})"></i>{escape(line.name)}</span>'
        for line in lines
    )
    return f'<div class="legend">{"".join(keys)}</div>'


def html_table(
    heads: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    numbers: Sequence[int] = (),
    ours: int = -1,
) -> str:
    """A table of escaped cells; `numbers` are the columns set to the right, `ours` the bold row."""
    kind = [' class="number"' if i in numbers else "" for i in range(len(heads))]
    head = "".join(f"<th{kind[i]}>{escape(text)}</th>" for i, text in enumerate(heads))
    body = ""
    for r, row in enumerate(rows):
        cells = "".join(f"<td{kind[i]}>{escape(cell)}</td>" for i, cell in enumerate(row))
        body += f'<tr class="ours">{cells}</tr>\n' if r == ours else f"<tr>{cells}</tr>\n"
    return (
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead>\n'
        f"<tbody>\n{body}</tbody></table></div>"
    )
