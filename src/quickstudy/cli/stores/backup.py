"""The command `quickstudy backup`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from quickstudy.cli.stores.opened import StoreFile
from quickstudy.errors import InputError


def backup(
    store: StoreFile,
    out: Annotated[Path, typer.Argument(metavar="OUT", help="A file that is not there yet.")],
) -> None:
    """Copy a store, whole as of now, also while a server has it open.

    The copy is a store like any other: serve it to go back.

    \b
    [bold]Examples[/bold]
    quickstudy backup --store work.db monday.db
    """
    from quickstudy.console import check_writable
    from quickstudy.log.store import Store

    if out.exists():
        raise InputError(f"{out} is there already; a backup overwrites nothing")
    check_writable(out)
    found = Store(store, write=False)
    try:
        found.backup(out)
    finally:
        found.close()
    typer.echo(f"{out}: {out.stat().st_size:,} bytes", err=True)
