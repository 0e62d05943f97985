"""What a server is set to: where it listens, and how much it takes at once."""

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
        max_body: bytes of a request's body; max_model: of a learner that is uploaded.
        max_batch: records, or feedbacks, in one request.
        max_fields: of a record; max_string: characters of one of its texts; max_name: of a field.
        max_events: that wait for a slow reader of the event stream before it is cut off.
        max_streams: event streams at once.
        heartbeat: seconds between signs of life on a quiet event stream.
    """

    host: str = "127.0.0.1"
    port: int = 8321
    rate: float | None = None
    max_body: int = MIB
    max_model: int = 256 * MIB
    max_batch: int = 1_000
    max_fields: int = 1_000
    max_string: int = 20_000
    max_name: int = 256
    max_events: int = 1_000
    max_streams: int = 100
    heartbeat: float = 15.0

    def __post_init__(self) -> None:
        if self.rate is not None and not 0.0 < self.rate < float("inf"):
            raise SettingError(f"rate is {self.rate}; it must be above 0, or left out")
        if not 1_024 <= self.max_body <= 1_024 * MIB:
            raise SettingError(f"max_body is {self.max_body}; use 1,024 to {1_024 * MIB} bytes")
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
    host = host.strip("[]").lower()
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
