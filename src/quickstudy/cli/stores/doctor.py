"""The command `quickstudy doctor`."""

from __future__ import annotations

import typer

from quickstudy.cli.stores.opened import StoreFile, check_exists


def doctor(store: StoreFile) -> None:
    """Check a store that is not open: pages, chain, tables, and a replay against the snapshots.

    Exits with 1 if something does not hold.

    \b
    [bold]Examples[/bold]
    quickstudy doctor --store work.db
    """
    from rich.table import Table

    from quickstudy import console
    from quickstudy.deploy.doctor import check_file

    check_exists(store)
    findings = check_file(store)
    table = Table()
    for head in ("", "check", "what was seen"):
        table.add_column(head)
    for finding in findings:
        table.add_row("ok" if finding.ok else "FAILS", finding.check, finding.detail)
    console.out.print(table)
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)
