"""The command line: one module for each command, which imports what is heavy when it runs."""

from __future__ import annotations

import sys

import typer

from quickstudy.cli.files.evaluate import evaluate
from quickstudy.cli.files.explain import explain
from quickstudy.cli.files.inspect import inspect
from quickstudy.cli.files.learn import learn
from quickstudy.cli.files.predict import predict
from quickstudy.cli.stores.backup import backup
from quickstudy.cli.stores.doctor import doctor
from quickstudy.cli.stores.keys import keys
from quickstudy.cli.stores.pause import pause, resume
from quickstudy.cli.stores.pins import pins
from quickstudy.cli.stores.serve import serve
from quickstudy.demo.command import demo
from quickstudy.errors import QuickstudyError

app = typer.Typer(
    name="quickstudy",
    help="A learner that learns from each example at once, and says how sure it is.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
for command in (
    *(demo, evaluate, learn, predict, explain, inspect),
    *(serve, backup, doctor, pause, resume),
):
    app.command()(command)
app.add_typer(keys)
app.add_typer(pins)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line. Bad input is one line on standard error and exit code 2."""
    try:
        app(arguments)
    except (QuickstudyError, OSError) as error:
        print("quickstudy:", " ".join(str(error).split()), file=sys.stderr)
        raise SystemExit(2) from None
