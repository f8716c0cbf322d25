"""What the server can be told, checked once."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal


@dataclass(slots=True)
class Counters:
    """Numbers for metrics; changed on the event loop, readable at any time. Each worker has its own."""

    connections: int = 0  # open now
    requests: int = 0  # handed to the application since the start
    refused: int = 0  # answered by the server itself (400, 431, 501)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """Where to listen and how patient to be.

    Raises:
        ValueError: A value makes no sense; the message names it.
    """

    host: str = "127.0.0.1"  # name or address; "" means every interface
    port: int = 8080  # 0: the kernel picks one
    unix_socket: str | None = None  # a path; replaces host and port
    tls_cert: str | None = None  # PEM file with the certificate chain
    tls_key: str | None = None  # PEM file with the key; None: it is in tls_cert
    network_timeout_s: float = (
        60.0  # head, idle, and between two reads of a body; twice this to take a response
    )
    shutdown_timeout_s: float = 10.0  # from the signal to giving up on what still runs
    workers: int = 1  # processes; 0: one per core
    loop: Literal["auto", "asyncio", "uvloop"] = "auto"
    access_log: bool = False  # one line per response to the logger "tusd_py.access"
    date_header: bool = True
    error_headers: Sequence[tuple[bytes, bytes]] = ()  # added to answers the server makes itself
    max_head_bytes: int = 64 * 1024  # request line and headers
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
