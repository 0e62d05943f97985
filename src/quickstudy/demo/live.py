"""The demo over HTTP: a server, a stream of questions, a simulated teacher, and a page."""

from __future__ import annotations

import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.text import Text

from quickstudy.console import out
from quickstudy.demo.server_process import ServerProcess
from quickstudy.demo.settings import LiveDemo, questions
from quickstudy.demo.status_panel import Panel, closing_line
from quickstudy.demo.teacher import Teacher
from quickstudy.errors import StoreError

if TYPE_CHECKING:
    from quickstudy.client.client import Client

LEARNER = "bank"
REDRAW = 0.5  # seconds


def show(demo: LiveDemo) -> None:
    """Run the demo until its stream ends or its visitor stops it."""
    with _stoppable(), _store(demo.store) as store, suppress(KeyboardInterrupt):
        _serve(demo, store)
    out.print(Text(closing_line(demo.store)), soft_wrap=True)


def _serve(demo: LiveDemo, store: Path) -> None:
    from quickstudy import connect

    with ServerProcess(store, demo.port) as server:
        if server.port != demo.port:
            out.print(Text(f"port {demo.port} is taken, so it is {server.port}"), soft_wrap=True)
        try:
            with connect(server.url) as client, Panel(server.url, demo) as panel:
                client.create(LEARNER, target=demo.target, seed=demo.seed)
                stream(client, demo, panel)
                if not demo.once and sys.stdout.isatty():
                    _stay(client, panel)
        except StoreError:
            if server.alive:
                raise
            raise StoreError(f"the server has ended: {server.last_line()}") from None


def stream(client: Client, demo: LiveDemo, panel: Panel) -> None:
    """Ask for a prediction of every question; the teacher labels what the learner asks about."""
    teacher = Teacher(client, LEARNER)
    drawn = 0.0
    for question, right in _paced(questions(demo.questions, demo.seed), demo.speed):
        teacher.see(client.predict(LEARNER, question), right)
        panel.advance()
        if (now := time.monotonic()) - drawn >= REDRAW:
            drawn = now
            panel.show(client.report(LEARNER))
    client.flush()
    panel.show(client.report(LEARNER))


def _paced(items: list[Any], speed: float) -> Iterator[Any]:
    """The items, at most `speed` a second: time lost by a delay is not made up."""
    due = time.monotonic()
    for item in items:
        if speed:
            time.sleep(max(0.0, due - time.monotonic()))
            due = max(due, time.monotonic() - 1.0 / speed) + 1.0 / speed
        yield item


def _stay(client: Client, panel: Panel) -> None:
    """Keep serving until the visitor ends the demo."""
    panel.note("all questions are through; the page stays open for you to teach it: Ctrl-C ends it")
    while True:
        panel.show(client.report(LEARNER))
        time.sleep(REDRAW)


@contextmanager
def _store(kept: Path | None) -> Iterator[Path]:
    """The path of the store; a temporary one is deleted afterwards."""
    if kept is not None:
        yield kept
        return
    folder = Path(tempfile.mkdtemp(prefix="quickstudy-demo-"))
    try:
        yield folder / "demo.db"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _stoppable() -> Iterator[None]:
    """SIGTERM acts as Ctrl-C does: the server is stopped, and the temporary folder removed."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
