"""The options of the command line on how a data file is read; `ReadOptions` says what they mean."""

from __future__ import annotations

from typing import Annotated

import typer

READING = "How the file is read"

Separator = Annotated[
    str | None,
    typer.Option(
        "--separator",
        metavar="MARK",
        help="What parts cells, if not what is found: tab, space, pipe, or (--separator ';')",
        rich_help_panel=READING,
    ),
]
Encoding = Annotated[
    str | None,
    typer.Option(
        "--encoding",
        metavar="NAME",
        help="Of text that is not UTF-8 or UTF-16 (--encoding cp1252)",
        rich_help_panel=READING,
    ),
]
Decimal = Annotated[
    str | None,
    typer.Option(
        "--decimal",
        metavar="MARK",
        help="Where a column like 1,234 leaves it open (--decimal ,)",
        rich_help_panel=READING,
    ),
]
Types = Annotated[
    list[str] | None,
    typer.Option(
        "--type",
        metavar="FIELD=TYPE",
        help="number, category, text, tags, datetime or ignore; may be given several times "
        "(--type code=category), (--type day=datetime:%d/%m/%Y)",
        rich_help_panel=READING,
    ),
]
Drop = Annotated[
    str | None,
    typer.Option(
        "--drop",
        metavar="FIELD,...",
        help="Leave these columns out (--drop id,customer)",
        rich_help_panel=READING,
    ),
]
TargetType = Annotated[
    str | None,
    typer.Option(
        "--target-type",
        metavar="str|int|bool",
        help="Labels as this type, if not as they are known (--target-type int)",
        rich_help_panel=READING,
    ),
]
Budget = Annotated[
    float | None,
    typer.Option(
        "--budget-mb",
        metavar="N",
        min=16,
        max=65_536,
        help="Memory for a new learner, 8 labels a MiB, and for the longest cell (--budget-mb 128)",
        rich_help_panel=READING,
    ),
]
