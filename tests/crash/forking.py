"""Work in a child process that may be killed at any moment, and what it had said by then.

The parent imports everything, runs every hot loop once and stays without threads, so that a fork
is safe and a fresh process is there within milliseconds.
"""

from __future__ import annotations

import gc
import json
import logging
import os
import select
import signal
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

Message = dict[str, Any]
LINE = b"\n"
LONGEST = 60.0  # seconds; who goes on for so long hangs


class Say:
    """Writes messages to the parent, one JSON line each, whole or torn at the very end."""

    def __init__(self, handle: int) -> None:
        self._handle = handle
        self._lock = threading.Lock()

    def __call__(self, kind: str, **fields: Any) -> None:
        line = json.dumps({"kind": kind} | fields).encode() + LINE
        with self._lock:
            while line:
                line = line[os.write(self._handle, line) :]


class Child:
    """A forked process in a session of its own.

    Attributes:
        until: moment of the monotonic clock up to which `messages` waits.
        ended: it has let go of its pipe, so it is dead or about to be.
        status: exit status once known, below 0 for a signal.
    """

    def __init__(self, work: Callable[[Say], None]) -> None:
        reader, writer = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(reader)
            _live(work, Say(writer))
        os.close(writer)
        self._reader, self._rest = reader, b""
        self.status: int | None = None
        self.offspring: list[int] = []
        self.ended = False
        self.started = time.monotonic()
        self.until = self.started + LONGEST

    def messages(self) -> Iterator[Message]:
        """Messages as they come, up to the moment `until` or the end of the child."""
        while self._reader >= 0:
            left = self.until - time.monotonic()
            if left <= 0 or not select.select([self._reader], [], [], left)[0]:
                return
            part = os.read(self._reader, 1 << 16)
            if not part:
                self.ended = True
                os.close(self._reader)
                self._reader = -1
                return
            *lines, self._rest = (self._rest + part).split(LINE)
            for line in lines:
                yield json.loads(line)

    def kill(self) -> list[Message]:
        """kill -9, and what it had still said."""
        if self.status is None:
            self.offspring = _children(self.pid)
            os.kill(self.pid, signal.SIGKILL)
        self.wait()
        self.until = time.monotonic() + 0.2
        return list(self.messages())

    def wait(self) -> int:
        """Its exit status, below 0 for a signal; waits for its end."""
        if self.status is None:
            self.status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.status

    def left_behind(self) -> list[int]:
        """Processes of its session that outlive it, and those that it had started."""
        found = {pid for pid, session in _sessions() if session == self.pid and pid != self.pid}
        return sorted(found | {pid for pid in self.offspring if Path(f"/proc/{pid}/exe").exists()})

    def close(self) -> None:
        """Make an end of the child and of all it started."""
        self.kill()
        for pid in self.left_behind():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if self._reader >= 0:
            os.close(self._reader)
            self._reader = -1


def outcome(work: Callable[[Say], None], seconds: float = LONGEST) -> list[Message]:
    """All that a child says; its last message has the kind "done", "failed" or "died"."""
    child = Child(work)
    child.until = child.started + seconds
    found = list(child.messages())
    late = not child.ended
    child.close()
    if not found or found[-1]["kind"] not in ("done", "failed"):
        how = f"still at work after {seconds} s" if late else f"ended with status {child.status}"
        found.append({"kind": "died", "error": how})
    return found


def parallel(jobs: Sequence[Callable[[Say], None]], workers: int) -> Iterator[Message]:
    """What jobs say, each in a child of its own, so many at once.

    Raises:
        RuntimeError: a job failed.
    """
    waiting, running = list(jobs)[::-1], []
    try:
        while waiting or running:
            while waiting and len(running) < workers:
                running.append(Child(waiting.pop()))
            for child in list(running):
                child.until = time.monotonic() + 0.05
                for message in child.messages():
                    if message["kind"] == "failed":
                        raise RuntimeError(f"{message['error']}\n{message['at']}")
                    if message["kind"] != "done":
                        yield message
                if child.ended:
                    child.close()
                    running.remove(child)
    finally:
        for child in running:
            child.close()


def preload() -> None:
    """Import and compile what children need; every thread that takes is ended again.

    Raises:
        RuntimeError: a thread is left, which a fork would lose.
    """
    import quickstudy
    import quickstudy.serve.app
    import quickstudy.serve.server
    from quickstudy.warm import warm

    warm()
    logging.getLogger("quickstudy").setLevel(logging.CRITICAL)  # failing is what is wanted here
    with tempfile.TemporaryDirectory() as folder, quickstudy.open(f"{folder}/work.db") as d:
        d.create("texts")
        d.feedback(d.predict("texts", "a text").id, label="a label", wait_learned=True)
        d.create_value("runs")
        d.step("runs", d.start("runs", id="a run").id, "a text")
        d.end("runs", "a run", 1.0)
        d.report("texts"), d.asks("texts"), d.cases("texts"), d.events(), d.doctor()
    gc.collect()
    gc.freeze()
    if len(list(Path("/proc/self/task").iterdir())) > 1:
        raise RuntimeError("a thread was started before the fork: children would not have it")


def _live(work: Callable[[Say], None], say: Say) -> None:
    status = 1
    try:
        os.setsid()
        work(say)
        say("done")
        status = 0
    except BaseException as error:
        trace = "".join(traceback.format_exception(error)[-3:])
        say("failed", error=f"{type(error).__name__}: {error}", type=type(error).__name__, at=trace)
    finally:
        os._exit(status)


def _children(pid: int) -> list[int]:
    with suppress(OSError):
        tasks = Path(f"/proc/{pid}/task").iterdir()
        return [int(p) for task in tasks for p in (task / "children").read_text().split()]
    return []


def _sessions() -> Iterator[tuple[int, int]]:
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with suppress(OSError):
                facts = (folder / "stat").read_text().rpartition(")")[2].split()
                if facts[0] != "Z":
                    yield int(folder.name), int(facts[3])
