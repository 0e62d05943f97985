"""Settings of a server: address and limits.

The deployment limits the sizes of records and texts: `Sizes`.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from functools import lru_cache

from quickstudy.errors import SettingError

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """Settings of a server.

    Attributes:
        host, port: the address. Any address but that of this machine itself requires keys.
        rate: requests per second of one key, on average; None: no limit.
        max_body: bytes of a request's body, decoded; max_model: of an uploaded learner.
        max_events: queued events after which a slow reader of the event stream is disconnected.
        max_streams: concurrent event streams.
        heartbeat: seconds between keep-alive messages on an idle event stream.
    """

    host: str = "127.0.0.1"
    port: int = 8321
    rate: float | None = None
    max_body: int = MIB
    max_model: int = 256 * MIB
    max_events: int = 1_000
    max_streams: int = 100
    heartbeat: float = 15.0

    def __post_init__(self) -> None:
        if self.rate is not None and not 0.0 < self.rate < float("inf"):
            raise SettingError(f"rate is {self.rate}; it must be above 0, or left out")
        for name in ("max_body", "max_model"):
            if not 1_024 <= (size := getattr(self, name)) <= 1_024 * MIB:
                raise SettingError(f"{name} is {size:,}; use 1,024 to {1_024 * MIB:,} bytes")
        if not 0 <= self.port <= 65_535:
            raise SettingError(f"port is {self.port}; use 0 to 65535")

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach the server.

        >>> ServerSettings(host="::1").loopback, ServerSettings(host="0.0.0.0").loopback
        (True, False)
        """
        return is_loopback(self.host)


@lru_cache(maxsize=1_000)
def is_loopback(host: str) -> bool:
    """Whether a host name or address always denotes this machine."""
    host = host.strip("[]").lower().removesuffix(".")
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        found = ipaddress.ip_address(host)
    except ValueError:
        return False
    inner = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return (inner or found).is_loopback
