"""The options of the command line on how a data file is read; `ReadOptions` defines them."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import MISSING, dataclass, field, fields
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

if TYPE_CHECKING:
    from quickstudy.evaluate.data.options import ReadOptions

PANEL = "How the file is read"

Budget = Annotated[
    float | None,
    typer.Option(
        "--budget-mb",
        metavar="N",
        min=16,
        max=65_536,
        help="Memory for a new learner, 8 labels a MiB, and for the longest cell (--budget-mb 128)",
        rich_help_panel=PANEL,
    ),
]


@dataclass(frozen=True, slots=True)
class Reading:
    """The options that every command on a data file has, as they are typed."""

    separator: Annotated[
        str | None,
        typer.Option(
            "--separator",
            metavar="MARK",
            help="What parts cells, if not what is found: tab, space, pipe, or (--separator ';')",
            rich_help_panel=PANEL,
        ),
    ] = None
    encoding: Annotated[
        str | None,
        typer.Option(
            "--encoding",
            metavar="NAME",
            help="Of text that is not UTF-8 or UTF-16 (--encoding cp1252)",
            rich_help_panel=PANEL,
        ),
    ] = None
    decimal: Annotated[
        str | None,
        typer.Option(
            "--decimal",
            metavar="MARK",
            help="Where a column like 1,234 leaves it open (--decimal ,)",
            rich_help_panel=PANEL,
        ),
    ] = None
    types: Annotated[
        list[str],
        typer.Option(
            "--type",
            metavar="FIELD=TYPE",
            help="number, category, text, tags, datetime or ignore; may be given several times "
            "(--type code=category), (--type day=datetime:%d/%m/%Y)",
            rich_help_panel=PANEL,
        ),
    ] = field(default_factory=list)
    drop: Annotated[
        str | None,
        typer.Option(
            "--drop",
            metavar="FIELD,...",
            help="Leave these columns out (--drop id,customer)",
            rich_help_panel=PANEL,
        ),
    ] = None
    target_type: Annotated[
        str | None,
        typer.Option(
            "--target-type",
            metavar="str|int|bool",
            help="Labels as this type, if not as they are known (--target-type int)",
            rich_help_panel=PANEL,
        ),
    ] = None

    def options(self, budget_mb: float | None = None) -> ReadOptions:
        """The options, checked; a cell may be as long as `budget_mb`.

        Raises:
            SettingError: an option has a value that it cannot have; the message names it.
        """
        from quickstudy.evaluate.data.options import options_from_text

        return options_from_text(
            separator=self.separator,
            encoding=self.encoding,
            decimal=self.decimal,
            types=self.types,
            drop=self.drop,
            target_type=self.target_type,
            budget_mb=budget_mb,
        )


def takes_reading(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command with a parameter `reading: Reading` one option for each field of `Reading`."""
    names = [f.name for f in fields(Reading)]

    @functools.wraps(command)
    def run(**given: Any) -> None:
        reading = Reading(**{name: given.pop(name) for name in names})
        command(reading=reading, **given)

    run.__signature__ = _expanded(inspect.signature(command, eval_str=True))  # type: ignore[attr-defined]
    return run


def _expanded(signature: inspect.Signature) -> inspect.Signature:
    hints = get_type_hints(Reading, include_extras=True)
    options = [
        inspect.Parameter(
            f.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=f.default if f.default_factory is MISSING else f.default_factory(),
            annotation=hints[f.name],
        )
        for f in fields(Reading)
    ]
    others = [
        parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for name, parameter in signature.parameters.items()
        if name != "reading"
    ]
    return signature.replace(parameters=[*others, *options])
