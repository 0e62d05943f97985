"""Sessions of the dashboard: signed cookies, which stay valid after a restart of the server."""

from __future__ import annotations

import hashlib
import json
import logging
import secrets
import threading
import time
from pathlib import Path
from typing import Any

from itsdangerous import BadData, URLSafeTimedSerializer

from quickstudy.errors import StoreError
from quickstudy.snapshot import write_whole

FILE = ".sessions"  # backups leave out hidden files: a reader of a backup must not be able to sign
SESSION_SECONDS = 12 * 3_600
KEY_BYTES = 32
MOST_ENDED = 10_000  # ended sessions that are remembered; one more ends all sessions
LONGEST_COOKIE = 256
log = logging.getLogger("quickstudy")


class Sessions:
    """Signs session cookies, and remembers ended sessions.

    A cookie holds the id of the key, the id of the session and the time of the signature. The
    signing key and the ids of ended sessions are in the file `.sessions` of the store's folder.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._writing = threading.Lock()
        self._key, self._ended = self._read()

    def begin(self, key_id: str) -> str:
        """The cookie of a new session."""
        return self._signer().dumps([key_id, secrets.token_hex(8)])

    def key_of(self, cookie: str) -> str | None:
        """The id of the key of a session; None if the session is not valid, or has ended."""
        signed = self._verified(cookie)
        return None if signed is None or signed[1] in self._ended else signed[0]

    def end(self, cookie: str) -> None:
        """End a session: copies of its cookie become invalid, also after a restart.

        Raises:
            StoreError: it cannot be written; the session has ended until the server restarts.
        """
        signed = self._verified(cookie)
        if signed is None:
            return
        with self._writing:
            now = time.time()
            live = {id: until for id, until in self._ended.items() if until > now}
            if len(live) >= MOST_ENDED:
                self._key, live = secrets.token_bytes(KEY_BYTES), {}
            self._ended = {**live, signed[1]: now + SESSION_SECONDS}
            self._write()

    def _verified(self, cookie: str) -> tuple[str, str] | None:
        """Ids of key and session of a cookie with a valid signature less than 12 hours old."""
        if len(cookie) > LONGEST_COOKIE:
            return None
        try:
            key_id, session = self._signer().loads(cookie, max_age=SESSION_SECONDS)
        except BadData:
            return None
        return key_id, session

    def _signer(self) -> URLSafeTimedSerializer:
        settings = {"key_derivation": "hmac", "digest_method": hashlib.sha256}
        return URLSafeTimedSerializer(self._key, salt="quickstudy.session", signer_kwargs=settings)

    def _read(self) -> tuple[bytes, dict[str, float]]:
        """Signing key and ended sessions from the file.

        Raises:
            StoreError: the file exists, and cannot be read.
        """
        try:
            found: dict[str, Any] = json.loads(self._path.read_bytes())
            key = bytes.fromhex(found["key"])
            if len(key) == KEY_BYTES:
                return key, {str(id): float(until) for id, until in found["ended"].items()}
        except FileNotFoundError:
            return self._renew()
        except OSError as error:
            raise StoreError(f"{self._path} cannot be read ({error})") from error
        except (ValueError, KeyError, TypeError, AttributeError):
            pass
        log.warning("%s is damaged: everyone has to sign in again", self._path)
        return self._renew()

    def _renew(self) -> tuple[bytes, dict[str, float]]:
        """A new signing key, which makes all earlier cookies invalid."""
        self._key, self._ended = secrets.token_bytes(KEY_BYTES), {}
        self._write()
        return self._key, self._ended

    def _write(self) -> None:
        try:
            content = {"key": self._key.hex(), "ended": self._ended}
            write_whole(self._path, json.dumps(content).encode())
        except OSError as error:
            raise StoreError(f"{self._path} cannot be written ({error})") from error
