"""The demo over HTTP: a server, questions that stream in, a teacher, and a page to watch it on."""

from __future__ import annotations

import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.text import Text

from quickstudy.console import out
from quickstudy.datasets import load_banking77
from quickstudy.demo.panel import Panel, closing_line
from quickstudy.demo.served import Served
from quickstudy.demo.teacher import Teacher
from quickstudy.errors import SettingError, StoreError

if TYPE_CHECKING:
    from quickstudy.client.client import Client

LEARNER = "bank"
REDRAW = 0.5  # seconds


@dataclass(frozen=True, slots=True)
class LiveDemo:
    """What the demo is set to.

    Attributes:
        questions: how many of the 13,083, in an order that `seed` decides.
        speed: questions a second; 0: as fast as it goes.
        target: precision that the answers it gives alone must have.
        port: where the page is to be; the next free one if it is taken.
        store: a file that is kept; None: a temporary one, gone at the end.
        once: end when the stream does. It also does where nobody is at a terminal.
    """

    questions: int = 6_000
    speed: float = 20.0
    target: float = 0.95
    seed: int = 0
    port: int = 8321
    store: Path | None = None
    once: bool = False

    def __post_init__(self) -> None:
        if not 0.0 <= self.speed < float("inf"):
            raise SettingError(f"speed is {self.speed}; it must be 0 or more questions a second")
        if not 0.0 < self.target < 1.0:
            raise SettingError(f"target is {self.target}; it must be a share between 0 and 1")
        if self.questions < 1:
            raise SettingError(f"questions is {self.questions}; it must be at least 1")
        if not 1 <= self.port <= 65_535:
            raise SettingError(f"port is {self.port}; it must be 1 to 65535")
        if self.store is not None and self.store.exists():
            raise SettingError(
                f"store is {self.store}, which is there already: the demo starts from nothing. "
                f"To go on with it: quickstudy serve --store {self.store}"
            )


def show(demo: LiveDemo) -> None:
    """Run the demo until its stream, or its visitor, has had enough."""
    with _stoppable(), _store(demo.store) as store, suppress(KeyboardInterrupt):
        _serve(demo, store)
    out.print(Text(closing_line(demo.store)), soft_wrap=True)


def _serve(demo: LiveDemo, store: Path) -> None:
    from quickstudy import connect

    with Served(store, demo.port) as server:
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
            raise StoreError(f"the server has ended: {server.last_words()}") from None


def stream(client: Client, demo: LiveDemo, panel: Panel) -> None:
    """Ask about every question, and let the teacher answer what the learner asks."""
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


def questions(count: int, seed: int) -> list[tuple[str, str]]:
    """Questions with their right answers, the same ones in the same order as in `Demo`."""
    texts, labels = load_banking77()
    order = np.random.default_rng(seed).permutation(len(texts))[:count]
    return [(texts[i], labels[i]) for i in order]


def _paced(items: list[Any], speed: float) -> Iterator[Any]:
    """The items, `speed` a second at most: a hitch is not made up for by a rush."""
    due = time.monotonic()
    for item in items:
        if speed:
            time.sleep(max(0.0, due - time.monotonic()))
            due = max(due, time.monotonic() - 1.0 / speed) + 1.0 / speed
        yield item


def _stay(client: Client, panel: Panel) -> None:
    """Go on serving, until somebody ends it."""
    panel.note("all questions are through; the page stays open for you to teach it: Ctrl-C ends it")
    while True:
        panel.show(client.report(LEARNER))
        time.sleep(REDRAW)


@contextmanager
def _store(kept: Path | None) -> Iterator[Path]:
    """Where the store goes."""
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
    """Being told to end (SIGTERM) is a Ctrl-C: the server is ended, and the folder removed."""
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
