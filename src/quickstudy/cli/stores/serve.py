"""The command `quickstudy serve`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from quickstudy.cli.stores.opened import NewStore, check_folder, opened

if TYPE_CHECKING:
    from quickstudy.api.sizes import Sizes
    from quickstudy.deploy.deployment import Deployment
    from quickstudy.serve.settings import ServerSettings

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
    store: NewStore,
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
    check_folder(store)

    from quickstudy.serve.app import create_app
    from quickstudy.serve.http.auth import check_start
    from quickstudy.serve.server import keep_to_one_core, listen, run

    keep_to_one_core()  # before there are other threads
    listening, address = listen(settings)
    with listening, opened(store, sizes) as deployment:
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
