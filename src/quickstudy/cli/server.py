"""Commands around a store: serve it, keep its keys, copy it, check it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from quickstudy.errors import InputError, SettingError, StoreError

if TYPE_CHECKING:
    from quickstudy.api.sizes import Sizes
    from quickstudy.deploy.deployment import Deployment
    from quickstudy.serve.settings import ServerSettings

keys = typer.Typer(name="keys", help="Keys of the API: make, list, revoke.", no_args_is_help=True)
StoreFile = Annotated[Path, typer.Option("--store", metavar="FILE", help="The store.")]
MaxBody = Annotated[
    int, typer.Option("--max-body", metavar="BYTES", help="Longest body of a request, decoded.")
]
MaxModel = Annotated[
    int, typer.Option("--max-model", metavar="BYTES", help="Largest learner that is uploaded.")
]
MaxBatch = Annotated[
    int, typer.Option("--max-batch", metavar="N", help="Most records, or feedbacks, at once.")
]
MaxFields = Annotated[
    int, typer.Option("--max-fields", metavar="N", help="Most fields of a record.")
]
MaxText = Annotated[int, typer.Option("--max-text", metavar="N", help="Most characters of a text.")]
MaxNumbers = Annotated[
    int, typer.Option("--max-numbers", metavar="N", help="Most numbers of a vector.")
]
MaxName = Annotated[
    int, typer.Option("--max-name", metavar="N", help="Most characters of a field's name.")
]
MaxLabel = Annotated[
    int, typer.Option("--max-label", metavar="N", help="Most characters of a label, up to 1,000.")
]
MaxAction = Annotated[
    int, typer.Option("--max-action", metavar="N", help="Most characters of a task or an action.")
]


def serve(
    store: Annotated[
        Path, typer.Option("--store", metavar="FILE", help="The store; made if it is not there.")
    ],
    host: Annotated[
        str, typer.Option("--host", help="Address to listen on; all but this machine needs keys.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", help="Port; 0 takes any that is free.")] = 8321,
    rate: Annotated[
        float | None,
        typer.Option("--rate", metavar="N", help="Requests a second that a key may make."),
    ] = None,
    max_body: MaxBody = 1_048_576,
    max_model: MaxModel = 268_435_456,
    max_batch: MaxBatch = 1_000,
    max_fields: MaxFields = 1_000,
    max_text: MaxText = 20_000,
    max_numbers: MaxNumbers = 20_000,
    max_name: MaxName = 256,
    max_label: MaxLabel = 256,
    max_action: MaxAction = 10_000,
) -> None:
    """Serve a store: predictions, feedback and asks over HTTP, and a page to teach it.

    Everything that it acknowledges is on disk. It stops on Ctrl-C or SIGTERM:
    requests in flight finish, and what was taught is learned. What is larger
    than the --max options say is refused, and changes nothing.

    \b
    [bold]Examples[/bold]
    quickstudy serve --store work.db
    quickstudy serve --store work.db --host 0.0.0.0 --rate 50
    quickstudy serve --store work.db --max-text 100000 --max-body 4194304
    """
    from quickstudy.api.sizes import Sizes
    from quickstudy.serve.settings import ServerSettings

    settings = ServerSettings(
        host=host, port=port, rate=rate, max_body=max_body, max_model=max_model
    )
    sizes = Sizes(
        max_batch=max_batch,
        max_fields=max_fields,
        max_text=max_text,
        max_numbers=max_numbers,
        max_name=max_name,
        max_label=max_label,
        max_action=max_action,
    )
    _serve(store, settings, sizes)
    typer.echo("stopped; all that was acknowledged is on disk")


def _serve(store: Path, settings: ServerSettings, sizes: Sizes) -> None:
    """Serve a store until a signal ends it."""
    _check_folder(store)

    from quickstudy.serve.app import create_app
    from quickstudy.serve.http.auth import check_start
    from quickstudy.serve.server import keep_to_one_core, listen, run

    keep_to_one_core()  # before there are other threads
    listening, address = listen(settings)
    with listening, _opened(store, sizes) as deployment:
        check_start(deployment, settings, str(store))
        app = create_app(deployment, settings=settings)
        run(app, listening, ready=lambda: _welcome(deployment, store, address))
        deployment.flush()


def _welcome(deployment: Deployment, store: Path, address: str) -> None:
    count = len(deployment.learners())
    typer.echo(f"store  {store}, {count} learner{'' if count == 1 else 's'}")
    typer.echo(f"page   {address}/")
    typer.echo(f"API    {address}/openapi.json")
    typer.echo("stop with Ctrl-C")


@keys.command("create")
def create_key(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Who or what will use it.")],
    store: Annotated[
        Path, typer.Option("--store", metavar="FILE", help="The store; made if it is not there.")
    ],
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
    _check_folder(store)
    with _opened(store) as deployment:
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
    _check_there(store)
    with _opened(store) as deployment:
        deployment.revoke_key(id)
    typer.echo(f"key {id} is revoked", err=True)


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

    _check_there(store)
    findings = check_file(store)
    table = Table()
    for head in ("", "check", "what was seen"):
        table.add_column(head)
    for finding in findings:
        table.add_row("ok" if finding.ok else "FAILS", finding.check, finding.detail)
    console.out.print(table)
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)


@contextmanager
def _opened(store: Path, sizes: Sizes | None = None) -> Iterator[Deployment]:
    """A store, open for writing."""
    from quickstudy.deploy.deployment import Deployment

    try:
        deployment = Deployment(store, sizes=sizes)
    except StoreError as error:
        if "is open in" not in str(error):
            raise
        raise StoreError(
            f"{error}. Keys of a store that is being served are made and revoked through its "
            "server: POST and DELETE /v1/keys, or stop it first"
        ) from None
    with deployment:
        yield deployment


def _check_there(store: Path) -> None:
    if not store.exists():
        raise StoreError(f"there is no store {store}")


def _check_folder(store: Path) -> None:
    folder = store.absolute().parent
    if not folder.is_dir():
        raise SettingError(f"{store}: there is no folder {folder}; make it first")
