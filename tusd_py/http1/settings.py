"""Settings of the HTTP server."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from tusd_py.settings import BadSetting, setting

TLS_MODES: Final = ("tls13", "tls12", "tls12-strong")
_MOST_WORKERS_UNASKED: Final = 8


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """Where to listen, limits and time-outs; checked when it is made.

    Raises:
        BadSetting: A value is not allowed; the message names the setting.
    """

    host: str = setting(
        "127.0.0.1",  # name or address; "" means every interface
        flag="host",
        flag_default="0.0.0.0",  # noqa: S104 - tusd's default
        group="Listening",
        help="Address to listen on",
    )
    port: int = setting(
        8080,
        flag="port",
        group="Listening",
        help="Port to listen on; 0 = any free one",
        doc="port; 0: any free one, printed at the start",
    )
    unix_socket: str | None = setting(
        None,
        flag="unix-sock",
        group="Listening",
        help="Listen on this UNIX socket instead",
        doc="listen on this UNIX socket instead",
    )
    workers: int = setting(
        1,
        flag="workers",
        group="Listening",
        flag_default=0,
        help="Processes that share the port; 0 = one for each core, at most eight",
        doc="processes that share the port; 0: one for each core, at most eight",
    )
    max_head_bytes: int = setting(
        64 * 1024,
        flag="max-header-size",
        group="Listening",
        help="Largest header section of a request in bytes",
        doc="largest header section of a request in bytes; more is refused with 431",
    )
    network_timeout_s: float = setting(
        60.0,  # a client has twice this to read a response
        flag="network-timeout",
        group="Timeout",
        help="Longest silence of a client: for headers, within a body, between requests",
        doc="longest silence of a client: until its headers are complete, within a body, between two requests",
    )
    shutdown_timeout_s: float = setting(
        10.0,
        flag="shutdown-timeout",
        group="Timeout",
        help="Time for running requests after SIGTERM or SIGINT",
        doc="time for running requests after SIGTERM or SIGINT; a second signal ends them at once. SIGHUP is ignored",
    )
    tls_cert: str | None = setting(
        None,
        flag="tls-certificate",
        group="TLS",
        help="File with the certificate and its chain in PEM; turns TLS on",
    )
    tls_key: str | None = setting(
        None,
        flag="tls-key",
        group="TLS",
        help="File with the certificate's key in PEM, not encrypted; without it, the key is in -tls-certificate",
        doc="file with the certificate's key in PEM, not encrypted; without it, the key is in `-tls-certificate`",
    )
    tls_mode: str = setting(
        "tls12",  # checked when TLS is on, as tusd does
        flag="tls-mode",
        group="TLS",
        help="tls13 (only 1.3), tls12 (1.2 and 1.3) or tls12-strong (only 1.2, only AES-256)",
        doc="`tls13`: only TLS 1.3. `tls12`: 1.2 and 1.3. `tls12-strong`: only 1.2, with AES-256 only",
    )
    loop: Literal["auto", "asyncio", "uvloop"] = "auto"
    error_headers: Sequence[tuple[bytes, bytes]] = ()  # added to answers the server makes itself
    on_listening: Callable[[str], None] | None = None  # gets the URL once the server can be reached
    on_worker_gone: Callable[[int], object] | None = None  # gets the process id of a worker that has ended
    on_stopping: Callable[[], None] | None = None  # called when a signal ends the server

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise BadSetting("port", f"must be 0 to 65535, not {self.port}")
        for name in ("network_timeout_s", "shutdown_timeout_s"):
            if not getattr(self, name) > 0:
                raise BadSetting(name, "must be above 0 seconds")
        if self.max_head_bytes < 1024:
            raise BadSetting("max_head_bytes", "must be at least 1024")
        if self.workers < 0:
            raise BadSetting("workers", "must not be negative")
        if self.tls_key is not None and self.tls_cert is None:
            raise BadSetting("tls_key", "needs a certificate")
        if self.tls_cert is not None and self.tls_mode not in TLS_MODES:
            raise BadSetting("tls_mode", f"must be {', '.join(TLS_MODES)}, not {self.tls_mode!r}")

    @property
    def worker_count(self) -> int:
        """Processes to start, at least 1."""
        return self.workers or min(cores(), _MOST_WORKERS_UNASKED)
