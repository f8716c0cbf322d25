"""``serve`` runs the server until a signal ends it."""

from __future__ import annotations

import resource
import signal
import threading
from collections.abc import Callable

from starlette.types import ASGIApp

from . import listening, workers
from .lifespan import StartupFailed
from .listening import CannotListen
from .settings import ServerSettings
from .worker import Worker

__all__ = ["CannotListen", "ServerSettings", "StartupFailed", "serve"]


def serve(app_factory: Callable[[], ASGIApp], settings: ServerSettings) -> int:
    """Serve until SIGTERM or SIGINT and return the exit status of the process, 0.

    ``app_factory`` is called once in every worker, before its event loop exists. On a signal the server stops
    listening, running bodies end with ``Ended.SHUTDOWN``, and answers get at most ``shutdown_timeout_s``
    seconds. A second signal ends the process at once with status 1. SIGHUP is ignored.

    Raises:
        CannotListen: The address or the certificate cannot be used.
        StartupFailed: The application's lifespan start-up failed; with its message.
    """
    listening.tls_context(settings)  # before anything is bound; each worker loads it again
    _allow_many_connections()
    _ignore_hang_up()
    sockets = listening.bind(settings)
    try:
        if settings.worker_count > 1:
            return workers.supervise(app_factory, settings, sockets)
        Worker(app_factory(), settings).run_until_stopped(
            sockets, lambda: listening.announce(settings, sockets)
        )
        return 0
    finally:
        listening.close(sockets, settings.unix_socket)


def _ignore_hang_up() -> None:
    """Ignore SIGHUP, which a closed terminal or a log rotation sends. Workers inherit that."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGHUP, signal.SIG_IGN)


def _allow_many_connections() -> None:
    """Raise the soft limit of descriptors to the hard one: a stalled upload holds three of them."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 65536 if hard == resource.RLIM_INFINITY else min(hard, 65536)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
