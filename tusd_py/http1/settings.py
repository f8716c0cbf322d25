"""Settings of the HTTP server."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from tusd_py.settings import setting


@dataclass(slots=True)
class Counters:
    """Counts for metrics; changed on the event loop, readable at any time. Each worker has its own."""

    connections: int = 0  # open now
    requests: int = 0  # handed to the application since the start
    refused: int = 0  # answered by the server itself (400, 431, 501)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """Where to listen, limits and time-outs; checked when it is made.

    Raises:
        ValueError: A value is not allowed; the message names the setting.
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
        help="Processes that share the port; 0 = one for each core",
        doc="processes that share the port; 0: one for each core",
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
        group="Time-outs",
        help="Longest silence of a client: for headers, within a body, between requests",
        doc="longest silence of a client: until its headers are complete, within a body, between two requests",
    )
    shutdown_timeout_s: float = setting(
        10.0,
        flag="shutdown-timeout",
        group="Time-outs",
        help="Time for running requests after SIGTERM or SIGINT",
        doc="time for running requests after SIGTERM or SIGINT; a second signal ends them at once. SIGHUP is ignored",
    )
    access_log: bool = setting(
        False,  # one line for each response to the logger "tusd_py.access"
        flag="verbose",
        group="Logging",
        help="Log every request",
        doc="log every request",
    )
    tls_cert: str | None = None  # PEM file with the certificate chain
    tls_key: str | None = None  # PEM file with the key; None: it is in tls_cert
    loop: Literal["auto", "asyncio", "uvloop"] = "auto"
    date_header: bool = True
    error_headers: Sequence[tuple[bytes, bytes]] = ()  # added to answers the server makes itself
    max_headers: int = 128
    body_threads: int = 0  # most threads that move bodies; 0: four per core, at least 16
    on_listening: Callable[[str], None] | None = None  # gets the URL once the server can be reached
    counters: Counters = field(default_factory=Counters)

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise ValueError(f"port {self.port} is not between 0 and 65535")
        for name in ("network_timeout_s", "shutdown_timeout_s"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0 seconds")
        if self.max_head_bytes < 1024:
            raise ValueError("max_head_bytes must be at least 1024")
        if self.workers < 0 or self.body_threads < 0:
            raise ValueError("workers and body_threads must not be negative")
        if self.tls_key is not None and self.tls_cert is None:
            raise ValueError("tls_key needs tls_cert")

    @property
    def worker_count(self) -> int:
        """Processes to start, at least 1."""
        return self.workers or os.cpu_count() or 1

    @property
    def thread_count(self) -> int:
        """Threads for bodies in each worker."""
        return self.body_threads or max(16, 4 * (os.cpu_count() or 1))
