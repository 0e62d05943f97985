"""`Transport`: sends requests to a server, retries them, and raises its errors."""

from __future__ import annotations

import time
from typing import Any

import httpx

from quickstudy.api.codec import PROBLEM_BASE, PROBLEMS, to_bytes
from quickstudy.api.options import without_null
from quickstudy.errors import (
    AccessError,
    InputError,
    NotFoundError,
    QuickstudyError,
    SettingError,
    StoreError,
)
from quickstudy.serve.settings import is_loopback

HERE = ("0.0.0.0", "::")  # addresses that, to connect to, mean this machine
PAUSES = (0.1, 0.4, 1.6)  # seconds before each further attempt
PATIENCE = httpx.Timeout(30.0, connect=5.0)


class Transport:
    """The connection to one server; safe to use from several threads.

    Args:
        url: http://host:port.
        key: secret of an API key.
        timeout: of each attempt.
        transport: of httpx, in place of the network.

    Raises, in every method:
        AccessError, InputError, NotFoundError, StoreError: by the response; `StoreError` also if
            the server cannot be reached.
    """

    def __init__(
        self,
        url: str,
        *,
        key: str | None = None,
        timeout: httpx.Timeout | float = PATIENCE,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        headers = {"authorization": f"Bearer {key}"} if key else {}
        self.url = checked_url(url)
        chosen: dict[str, Any] = {"timeout": timeout, "transport": transport}
        self._http = http_client(self.url, headers=headers, **chosen)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def get(self, path: str, **query: Any) -> Any:
        """The JSON of a GET request; query parameters that are None are left out."""
        return self.send("GET", path, query=without_null(query))

    def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: Any = None,
        again: bool = False,
        patience: float | None = None,
    ) -> Any:
        """Send a request and return the JSON of the response.

        Args:
            body: bytes are sent as they are, other values as JSON.
            again: the request may be retried, because it has no second effect.
            patience: timeout in seconds, instead of that of the connection.
        """
        request = self._request(method, path, body, query=query, patience=patience)
        safe = again or method in ("GET", "DELETE")
        for pause in (*PAUSES, None):
            try:
                response = self._http.send(request)
            except httpx.TransportError as error:
                if pause is None or not (safe or _never_arrived(error)):
                    raise StoreError(f"{self.url} cannot be reached: {error}") from error
            else:
                if response.status_code != 503 or pause is None:
                    return _result(response)
            time.sleep(pause)
        raise AssertionError("the last attempt returns or raises")

    def _request(
        self, method: str, path: str, body: Any, *, query: Any, patience: float | None
    ) -> httpx.Request:
        media = "application/octet-stream" if isinstance(body, bytes) else "application/json"
        return self._http.build_request(
            method,
            path,
            params=query or None,
            content=body if body is None or isinstance(body, bytes) else _json(body),
            headers=None if body is None else {"content-type": media},
            timeout=httpx.USE_CLIENT_DEFAULT if patience is None else patience,
        )


def checked_url(url: str) -> str:
    """The address of a server, without a slash at its end.

    Raises:
        InputError: the text is not an address of a server.

    >>> checked_url("http://localhost:8321/")
    'http://localhost:8321'
    """
    try:
        read = httpx.URL(url)
    except (httpx.InvalidURL, TypeError) as error:
        raise InputError(
            f"url {url!r:.200} cannot be read ({error}); use http://host:port"
        ) from None
    if not url.startswith(("http://", "https://")):
        raise InputError(f"url {url!r:.200} must begin with http:// or https://")
    if not read.host:
        raise InputError(f"url {url!r:.200} names no host; use http://host:port")
    return url.rstrip("/")


def http_client(url: str, **settings: Any) -> httpx.Client:
    """An HTTP client of the server at `url`: directly on this machine, else through the proxy.

    Args:
        settings: of `httpx.Client`.

    Raises:
        SettingError: the environment names a proxy that cannot be used.
    """
    host = httpx.URL(url).host
    if is_loopback(host) or host in HERE:
        # without trust_env httpx ignores SSL_CERT_FILE; a context that reads it takes 20 ms
        verify = httpx.create_ssl_context() if url.startswith("https://") else True
        return httpx.Client(base_url=url, trust_env=False, verify=verify, **settings)
    try:
        return httpx.Client(base_url=url, **settings)
    except (ImportError, ValueError, httpx.InvalidURL) as error:
        raise SettingError(
            f"the proxy that HTTP_PROXY, HTTPS_PROXY or ALL_PROXY names cannot be used ({error}); "
            f"correct it, or set NO_PROXY={host}"
        ) from None


def _result(response: httpx.Response) -> Any:
    if response.is_success:
        return response.json() if response.content else None
    try:
        problem = response.json()
        slug = str(problem["type"]).removeprefix(PROBLEM_BASE)
        detail = str(problem["detail"])
    except (ValueError, KeyError, TypeError):
        slug, detail = "", f"{response.url} answered {response.status_code}"
    raise PROBLEMS.get(slug, _by_status(response.status_code))(detail)


def _by_status(status: int) -> type[QuickstudyError]:
    if status in (401, 403, 429):
        return AccessError
    if status == 404:
        return NotFoundError
    return InputError if 400 <= status < 500 else StoreError


def _never_arrived(error: httpx.TransportError) -> bool:
    return isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)


def _json(body: Any) -> bytes:
    try:
        return to_bytes(body)
    except (TypeError, ValueError) as error:
        raise InputError(f"this cannot be sent as JSON: {error}") from None
