"""The command `quickstudy inspect`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from quickstudy.cli.files.data import ModelFile

if TYPE_CHECKING:
    from quickstudy import Classifier

LABELS = 20  # shown at most


def inspect(model: ModelFile) -> None:
    """What is in a saved learner: labels, examples, fields, experts, size and hash.

    \b
    [bold]Examples[/bold]
    quickstudy inspect tickets.qs
    """
    from quickstudy import Classifier

    _show(Classifier.load(model), model)


def _show(learner: Classifier, path: Path) -> None:
    """Print labels, examples, fields with types, experts with weights, size and hash."""
    from rich.table import Table
    from rich.text import Text

    from quickstudy.console import out

    names = [str(label) for label in learner.labels]
    more = f", ... {len(names) - LABELS} more" if len(names) > LABELS else ""
    lines = (
        f"model     {path}",
        f"examples  {learner.examples:,}",
        f"labels    {len(names):,}: {', '.join(names[:LABELS])}{more}",
        f"size      {path.stat().st_size:,} bytes on disk, {learner.size_bytes:,} in memory",
        f"hash      {learner.state_hash()}",
    )
    for line in lines:
        out.print(Text(line), soft_wrap=True)
    fields = Table("field", "type", "seen", "note", title="fields")
    for field in learner.fields:
        fields.add_row(Text(field.name), field.type, f"{field.seen:,}", Text(field.note))
    experts = Table("expert", "weight", title="experts")
    for name, weight in sorted(learner.experts, key=lambda pair: -pair[1]):
        experts.add_row(name, f"{weight:.1%}")
    for table in (fields, experts):
        table.title_justify = "left"
        out.print(table)
