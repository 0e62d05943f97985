"""The commands `quickstudy pause` and `quickstudy resume`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from quickstudy.cli.stores.opened import Key, LocalStore, Url, check_one, connected, existing
from quickstudy.errors import InputError

Learner = Annotated[
    str | None, typer.Option("--learner", metavar="NAME", help="With --url: this learner only.")
]


def pause(
    store: LocalStore = None,
    url: Url = None,
    key: Key = None,
    learner: Learner = None,
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="Why: every answer says so.")
    ] = "",
) -> None:
    """Pause: from the next answer on a learner asks for everything.

    With --store all learners of the store pause, also while it is being served:
    a file PAUSE in its folder says so, and nothing but its removal ends it.
    With --url the server is told, and the pause is in its log.

    \b
    [bold]Examples[/bold]
    quickstudy pause --store work.db --reason "the price list is wrong"
    quickstudy pause --url http://localhost:8321 --learner tickets
    """
    if url is not None:
        check_one(store, url)
        with connected(url, key) as client:
            client.pause(learner, reason=reason)
        typer.echo(f"{learner or 'all learners'}: paused", err=True)
        return
    path = _pause_file(store, learner)
    from quickstudy.snapshot import write_whole

    path.parent.mkdir(mode=0o700, exist_ok=True)
    write_whole(path, reason.encode("utf-8", "backslashreplace"))
    typer.echo(f"all learners: paused by {path}", err=True)


def resume(
    store: LocalStore = None, url: Url = None, key: Key = None, learner: Learner = None
) -> None:
    """End a pause. A pause by --store ends by --store, one by the server or its page by --url.

    \b
    [bold]Examples[/bold]
    quickstudy resume --store work.db
    quickstudy resume --url http://localhost:8321 --learner tickets
    """
    if url is not None:
        check_one(store, url)
        with connected(url, key) as client:
            client.resume(learner)
        typer.echo(f"{learner or 'all learners'}: resumed", err=True)
        return
    path = _pause_file(store, learner)
    there = path.exists()
    path.unlink(missing_ok=True)
    said = f"{path} is removed" if there else f"there was no {path}"
    typer.echo(f"{said}; a pause by the server or its page ends there, or with --url", err=True)


def _pause_file(store: Path | None, learner: str | None) -> Path:
    from quickstudy.deploy.guardrails.limits import PAUSE_FILE
    from quickstudy.log.backup import folder_beside

    path = existing(store)
    if learner is not None:
        raise InputError("with --store all learners pause; for one of them use --url")
    return folder_beside(path) / PAUSE_FILE
