"""The command `quickstudy explain`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from quickstudy.cli.files.data import ModelFile, field_types
from quickstudy.errors import InputError, RecordError

if TYPE_CHECKING:
    from quickstudy import Classifier
    from quickstudy.types import Explanation

FIELDS = 10  # shown at most


def explain(
    model: ModelFile,
    record: Annotated[
        str, typer.Argument(metavar="RECORD", help="A JSON object, a JSON list, or plain text.")
    ],
) -> None:
    """Why does it answer so? Votes, remembered examples, and the fields that matter.

    \b
    [bold]Examples[/bold]
    quickstudy explain tickets.qs '{"text": "my card is lost", "country": "IT"}'
    quickstudy explain tickets.qs "my card is lost"
    quickstudy explain cases.qs '{"customer": {"country": "IT"}, "tags": ["card"]}'
    """
    from quickstudy import Classifier

    learner = Classifier.load(model)
    _show(learner.explain(_parse(record, learner)))


def _parse(record: str, learner: Classifier) -> Any:
    from quickstudy.evaluate.data.table import read_record

    start = record.lstrip()[:1]
    if start not in {"{", "["}:
        return record
    try:
        value = json.loads(record)
        return read_record(value, field_types(learner)) if isinstance(value, dict) else value
    except InputError:
        raise
    except ValueError as error:
        if start == "[":  # "[urgent] my card is lost" is a text
            return record
        raise RecordError(f"the record is not valid JSON: {error}") from None


def _show(why: Explanation) -> None:
    """Print the answer, the experts' votes, the nearest remembered examples and the fields."""
    from rich.table import Table
    from rich.text import Text

    from quickstudy.console import out

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
