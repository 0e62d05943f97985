"""What a server is set to: where it listens, and how much it takes at once.

How large records and their texts may be is the deployment's to say: `Sizes`.
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
        host, port: where it listens. Anything but this machine itself needs keys.
        rate: requests a second that one key may make, on average; None: any number.
        max_body: bytes of a request's body, decoded; max_model: of a learner that is uploaded.
        max_events: that wait for a slow reader of the event stream before it is cut off.
        max_streams: event streams at once.
        heartbeat: seconds between signs of life on a quiet event stream.
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
        """Whether only this machine can reach it.

        >>> ServerSettings(host="::1").loopback, ServerSettings(host="0.0.0.0").loopback
        (True, False)
        """
        return is_loopback(self.host)


@lru_cache(maxsize=1_000)
def is_loopback(host: str) -> bool:
    """Whether a host name or address means this machine and cannot mean another."""
    host = host.strip("[]").lower().removesuffix(".")
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        found = ipaddress.ip_address(host)
    except ValueError:
        return False
    inner = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return (inner or found).is_loopback
