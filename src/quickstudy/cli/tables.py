"""A learner and its explanations, as tables on standard output."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from quickstudy.console import out
from quickstudy.types import Explanation

if TYPE_CHECKING:
    from quickstudy import Classifier

LABELS = 20  # of a long list, in `inspect`
FIELDS = 10  # in `explain`


def show_explanation(why: Explanation) -> None:
    """The answer, the experts' votes, the nearest remembered examples and the fields."""
    p = why.prediction
    out.print(Text.assemble("answer ", (str(p.label), "bold")), soft_wrap=True)
    out.print(f"confidence {p.confidence:.1%}, novelty {p.novelty:.1%}")
    if p.unfamiliar:
        out.print(Text(f"the record has an unfamiliar form: {p.unfamiliar}"), soft_wrap=True)
    votes = Table("expert", "weight", "its answer", "probability", title="votes")
    for vote in sorted(why.votes, key=lambda v: -v.weight):
        share, probability = f"{vote.weight:.1%}", f"{vote.probability:.1%}"
        votes.add_row(vote.expert, share, Text(str(vote.label)), probability)
    near = Table("learned as", "label", "similarity", "example", title="nearest remembered")
    for n in why.neighbours:
        row = f"no. {n.number:,}", Text(str(n.label)), f"{n.similarity:.3f}", Text(str(n.record))
        near.add_row(*row)
    fields = Table("field", "without it, less sure by", title="fields that matter")
    for name, drop in why.fields[:FIELDS]:
        fields.add_row(Text(name), f"{drop:.1%}")
    for table in (votes, near, fields):
        table.title_justify = "left"
        out.print(table)


def show_learner(learner: Classifier, path: Path) -> None:
    """Labels, examples, fields with their types, experts with their weights, size and hash."""
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
