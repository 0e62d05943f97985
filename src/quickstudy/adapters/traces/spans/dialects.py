"""The known conventions of spans; the first that a span follows reads it."""

from __future__ import annotations

from quickstudy.adapters.traces.reader import Reader
from quickstudy.adapters.traces.spans.activity import DAMAGED, UNKNOWN, Activity
from quickstudy.adapters.traces.spans.genai import GENAI
from quickstudy.adapters.traces.spans.openinference import OPENINFERENCE
from quickstudy.adapters.traces.spans.otlp import Span
from quickstudy.adapters.traces.spans.traceloop import TRACELOOP
from quickstudy.adapters.traces.spans.vercel import VERCEL
from quickstudy.errors import InputError

DIALECTS = (VERCEL, OPENINFERENCE, TRACELOOP, GENAI)


def activity(span: Span, reader: Reader) -> Activity | None:
    """The content of a span; None if it follows no known conventions.

    A span that follows some and cannot be read is damaged; `problems` of the reader says why.
    """
    try:
        for dialect in DIALECTS:
            if dialect.holds(span):
                return dialect.read(span, reader)
    except RecursionError:
        reader.problems.append(f"{span.at} is nested too deep to be read")
    except InputError as error:
        reader.problems.append(str(error))
    else:
        return None
    return Activity(DAMAGED, name=span.name or span.id, failure=span.failure)


def names_unread(spans: list[Span]) -> str:
    """The error text if no span is recognised: the names of the spans and of the conventions."""
    there = ", ".join(dict.fromkeys(span.name or span.id for span in spans))
    read = ", ".join(dialect.name for dialect in DIALECTS)
    return f"spans has {len(spans)} spans, none of them known ({there:.80}); what is read: {read}"


def is_known(found: Activity | None) -> bool:
    """Whether a span counts as recognised."""
    return found is not None and found.type not in (UNKNOWN, DAMAGED)
