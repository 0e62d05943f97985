"""The command `quickstudy doctor`."""

from __future__ import annotations

from typing import Annotated

import typer

from quickstudy.cli.stores.opened import StoreFile, check_exists

Rebuild = Annotated[
    bool,
    typer.Option(
        "--rebuild",
        help="If tables are not as the log says, make all of them from the log again; a copy of "
        "the store as it was is kept.",
    ),
]


def doctor(store: StoreFile, rebuild: Rebuild = False) -> None:
    """Check a store that is not open: pages, chain, tables, and a replay against the snapshots.

    Every table is made from the log once more, and all its columns are compared with the table
    that is there. A store of an older schema is brought up first, after a backup of it. Exits with
    1 if something does not hold.

    \b
    [bold]Examples[/bold]
    quickstudy doctor --store work.db
    quickstudy doctor --store work.db --rebuild
    """
    from rich.table import Table

    from quickstudy import console
    from quickstudy.deploy.doctor import LOG_CHECKS, TABLE_CHECKS, check_file
    from quickstudy.deploy.migration import make_tables_again

    check_exists(store)
    findings = check_file(store)
    table = Table()
    for head in ("", "check", "what was seen"):
        table.add_column(head)
    for finding in findings:
        table.add_row("ok" if finding.ok else "FAILS", finding.check, finding.detail)
    console.out.print(table)
    wrong = {finding.check for finding in findings if not finding.ok}
    if rebuild and wrong & TABLE_CHECKS and not wrong & LOG_CHECKS:
        kept = make_tables_again(store)
        console.out.print(
            f"All tables were made from the log again. As it was, the store is {kept}"
        )
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)
