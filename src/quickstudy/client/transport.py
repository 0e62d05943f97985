"""How the client reaches its server: directly on this machine, else by the environment's proxy."""

from __future__ import annotations

from typing import Any

import httpx

from quickstudy.errors import InputError, SettingError
from quickstudy.serve.settings import is_loopback

HERE = ("0.0.0.0", "::")  # as an address to connect to, this machine


def checked_url(url: str) -> str:
    """The address of a server, without the slash at its end.

    Raises:
        InputError: it is none.

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
    """An HTTP client of the server at `url`; `settings` as httpx takes them.

    Raises:
        SettingError: the environment names a proxy that cannot be used.
    """
    host = httpx.URL(url).host
    if is_loopback(host) or host in HERE:
        # httpx would leave out SSL_CERT_FILE as well; a context of it costs 20 ms
        verify = httpx.create_ssl_context() if url.startswith("https://") else True
        return httpx.Client(base_url=url, trust_env=False, verify=verify, **settings)
    try:
        return httpx.Client(base_url=url, **settings)
    except (ImportError, ValueError, httpx.InvalidURL) as error:
        raise SettingError(
            f"the proxy that HTTP_PROXY, HTTPS_PROXY or ALL_PROXY names cannot be used ({error}); "
            f"correct it, or set NO_PROXY={host}"
        ) from None
