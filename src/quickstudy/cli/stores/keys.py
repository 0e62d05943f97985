"""The commands `quickstudy keys create`, `keys list` and `keys revoke`."""

from __future__ import annotations

from typing import Annotated

import typer

from quickstudy.cli.stores.opened import NewStore, StoreFile, check_exists, check_folder, opened

keys = typer.Typer(name="keys", help="Keys of the API: make, list, revoke.", no_args_is_help=True)


@keys.command("create")
def create_key(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Who or what will use it.")],
    store: NewStore,
    role: Annotated[
        str, typer.Option("--role", help="predict, teach or manage; each includes those before.")
    ] = "predict",
    learner: Annotated[
        list[str] | None,
        typer.Option("--learner", metavar="NAME", help="Good for this learner only; repeatable."),
    ] = None,
) -> None:
    """Make a key. Its secret is printed this once, and kept nowhere.

    \b
    [bold]Examples[/bold]
    quickstudy keys create admin --store work.db --role manage
    quickstudy keys create shop --store work.db --role predict --learner tickets
    """
    check_folder(store)
    with opened(store) as deployment:
        key, secret = deployment.create_key(name, role, learner or None)
    typer.echo(f"key {key.id} ({key.name}, {key.role}); its secret, shown this once:", err=True)
    typer.echo(secret)


@keys.command("list")
def list_keys(store: StoreFile) -> None:
    """List the keys, also while a server has the store open.

    \b
    [bold]Examples[/bold]
    quickstudy keys list --store work.db
    """
    from datetime import datetime

    from rich.table import Table

    from quickstudy import console
    from quickstudy.deploy.core.keys import all_keys, key_of
    from quickstudy.log.store import Store

    found = Store(store, write=False)
    try:
        with found.reading() as connection:
            rows = [key_of(row) for row in all_keys(connection)]
    finally:
        found.close()
    table = Table()
    for head in ("id", "name", "role", "learners", "made", ""):
        table.add_column(head)
    for key in rows:
        made = datetime.fromtimestamp(key.created).strftime("%Y-%m-%d %H:%M")
        scope = "all" if key.learners is None else ", ".join(key.learners)
        table.add_row(key.id, key.name, key.role, scope, made, "revoked" if key.revoked else "")
    console.out.print(table)


@keys.command("revoke")
def revoke_key(
    id: Annotated[str, typer.Argument(metavar="ID", help="As `quickstudy keys list` shows it.")],
    store: StoreFile,
) -> None:
    """Revoke a key: it is good for nothing from then on.

    \b
    [bold]Examples[/bold]
    quickstudy keys revoke 5f0c2a9d1e34 --store work.db
    """
    check_exists(store)
    with opened(store) as deployment:
        deployment.revoke_key(id)
    typer.echo(f"key {id} is revoked", err=True)
