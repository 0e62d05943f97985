"""Options that name a store or a server, and opening what they name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from quickstudy.errors import InputError, SettingError, StoreError

if TYPE_CHECKING:
    from quickstudy.api.sizes import Sizes
    from quickstudy.client.client import Client
    from quickstudy.deploy.deployment import Deployment

StoreFile = Annotated[Path, typer.Option("--store", metavar="FILE", help="The store.")]
NewStore = Annotated[
    Path, typer.Option("--store", metavar="FILE", help="The store; made if it is not there.")
]
LocalStore = Annotated[
    Path | None, typer.Option("--store", metavar="FILE", help="A store on this machine.")
]
Url = Annotated[str | None, typer.Option("--url", metavar="URL", help="Of a server, http://...")]
Key = Annotated[
    str | None,
    typer.Option("--key", metavar="qs_...", envvar="QUICKSTUDY_KEY", help="For --url, if needed."),
]


THROUGH_SERVER = (
    "Keys of a store that is being served are made and revoked through its server: POST and "
    "DELETE /v1/keys, or stop it first"
)


@contextmanager
def opened(
    store: Path, sizes: Sizes | None = None, *, instead: str = THROUGH_SERVER
) -> Iterator[Deployment]:
    """Open a store for writing; `instead` says what to do if a server has it open."""
    from quickstudy.deploy.deployment import Deployment

    try:
        deployment = Deployment(store, sizes=sizes)
    except StoreError as error:
        if "is open in" not in str(error):
            raise
        raise StoreError(f"{error}. {instead}") from None
    with deployment:
        yield deployment


@contextmanager
def reached(store: Path | None, url: str | None, key: str | None) -> Iterator[Deployment | Client]:
    """Open a store or connect to a server: both have the same methods."""
    check_one(store, url)
    if url is not None:
        with connected(url, key) as client:
            yield client
        return
    with opened(existing(store), instead="Name its server with --url instead") as deployment:
        yield deployment


@contextmanager
def connected(url: str, key: str | None) -> Iterator[Client]:
    """Connect to a server."""
    from quickstudy.client.client import Client

    with Client(url, key=key) as client:
        yield client


def check_one(store: Path | None, url: str | None) -> None:
    """Refuse a command that names both a store and a server, or neither."""
    if (store is None) == (url is None):
        raise InputError("name either a store, with --store, or a server, with --url")


def existing(store: Path | None) -> Path:
    """The path of a store that must exist."""
    if store is None:
        raise InputError("name either a store, with --store, or a server, with --url")
    check_exists(store)
    return store


def check_exists(store: Path) -> None:
    """Refuse a store that does not exist."""
    if not store.exists():
        raise StoreError(f"there is no store {store}")


def check_folder(store: Path) -> None:
    """Refuse a store in a folder that does not exist."""
    folder = store.absolute().parent
    if not folder.is_dir():
        raise SettingError(f"{store}: there is no folder {folder}; make it first")
