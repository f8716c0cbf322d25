"""Several worker processes on the same listening sockets, and the supervisor that keeps them alive.

Workers are forked: the supervisor has neither threads nor an event loop, so that is safe, the factory
need not be picklable, and a restart costs milliseconds. The supervisor keeps the listening sockets of all
workers open. So a worker that is killed loses its connections, but those that still wait to be accepted
wait for its successor.
"""

from __future__ import annotations

import logging
import os
import select
import signal
import socket
import sys
from collections.abc import Callable
from time import monotonic
from typing import NoReturn

from starlette.types import ASGIApp

from .lifespan import StartupFailed
from .listening import announce, announce_end, close, for_workers
from .settings import ServerSettings
from .worker import Worker

_RESTART_PAUSE_S = 0.5  # for a worker that died right after its start
_KILL_AFTER = 1.02  # times the workers' own time limit
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)

_logger = logging.getLogger("tusd_py.server")


def supervise(
    app_factory: Callable[[], ASGIApp], settings: ServerSettings, sockets: list[socket.socket]
) -> int:
    """Run workers until a signal ends them; see ``tusd_py.http1.run.serve``."""
    return _Supervisor(app_factory, settings, sockets).run()


class _Supervisor:
    def __init__(
        self, app_factory: Callable[[], ASGIApp], settings: ServerSettings, sockets: list[socket.socket]
    ) -> None:
        self._app_factory = app_factory
        self._settings = settings
        self._sockets = sockets
        self._shares = for_workers(settings, sockets)
        self._started: dict[int, tuple[int, float]] = {}  # living workers: process id, number, time of start
        self._reports: dict[int, int] = {}  # process id: the pipe on which it reports its start
        self._ready = 0
        self._announced = False
        self._signals: list[int] = []
        self._wakeup = os.pipe()
        self._lifeline = os.pipe()  # workers end when the supervisor does, however it ends

    def run(self) -> int:
        for end in self._wakeup:
            os.set_blocking(end, False)
        before = {number: signal.signal(number, self._on_signal) for number in _SIGNALS}
        wakeup_before = signal.set_wakeup_fd(self._wakeup[1], warn_on_full_buffer=False)
        try:
            for number in range(self._settings.worker_count):
                self._start(number)
            while not self._signals:
                self._wait(None)
                self._take_reports()
                self._restart_dead()
            return self._stop()
        finally:
            self._kill()
            signal.set_wakeup_fd(wakeup_before)
            for number, handler in before.items():
                signal.signal(number, handler)
            for end in (*self._wakeup, *self._lifeline, *self._reports.values()):
                os.close(end)
            for share in self._shares:
                close(share)

    def _on_signal(self, number: int, _frame: object) -> None:
        if number != signal.SIGCHLD:
            self._signals.append(number)

    def _wait(self, timeout_s: float | None) -> None:
        """Wait for a signal or a worker's report."""
        try:
            ready, _, _ = select.select([self._wakeup[0], *self._reports.values()], [], [], timeout_s)
        except InterruptedError:
            return
        if self._wakeup[0] in ready:
            os.read(self._wakeup[0], 4096)

    def _start(self, number: int) -> None:
        reading, writing = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        process_id = os.fork()
        if process_id == 0:
            os.close(reading)
            self._be_worker(number, writing)
        os.close(writing)
        self._started[process_id] = number, monotonic()
        self._reports[process_id] = reading

    def _be_worker(self, number: int, report: int) -> NoReturn:
        """Serve in the child process; never return to the supervisor's code."""
        status = 1
        try:
            self._forget_supervisor()
            worker = Worker(self._app_factory(), self._settings, lifeline=self._lifeline[0])
            worker.run_until_stopped(self._shares[number], lambda: _report(report, b"ready"))
            status = 0
        except Exception as error:
            _report(report, f"failed: {error}".encode())
            if not isinstance(error, StartupFailed):
                _logger.exception("a worker failed")
        finally:
            logging.shutdown()
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)

    def _forget_supervisor(self) -> None:
        signal.set_wakeup_fd(-1)
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        # A worker that kept the write end would keep all workers alive.
        for end in (*self._wakeup, self._lifeline[1], *self._reports.values()):
            os.close(end)

    def _take_reports(self) -> None:
        for process_id, report in list(self._reports.items()):
            if not select.select([report], [], [], 0)[0]:
                continue
            said = os.read(report, 65536)
            os.close(report)
            del self._reports[process_id]
            if said == b"ready":
                self._on_ready()
            elif said and not self._announced:
                raise StartupFailed(said.decode(errors="replace").removeprefix("failed: "))

    def _on_ready(self) -> None:
        self._ready += 1
        if self._ready == self._settings.worker_count and not self._announced:
            self._announced = True
            announce(self._settings, self._sockets)

    def _reap(self) -> list[int]:
        """Return the workers that have died since the last time."""
        dead = [process_id for process_id in self._started if os.waitpid(process_id, os.WNOHANG)[0]]
        if self._settings.on_worker_gone is not None:
            for process_id in dead:
                self._settings.on_worker_gone(process_id)
        return dead

    def _restart_dead(self) -> None:
        for process_id in self._reap():
            number, started_at = self._started.pop(process_id)
            lived_s = monotonic() - started_at
            _logger.error("worker %d died after %.1f s; starting another one", process_id, lived_s)
            if lived_s < 1:
                self._wait(_RESTART_PAUSE_S)
            if not self._signals:
                self._start(number)

    def _stop(self) -> int:
        """End the workers; return status 1 when a second signal ends them at once."""
        announce_end(self._settings)
        give_up = monotonic() + self._settings.shutdown_timeout_s * _KILL_AFTER
        self._send(signal.SIGTERM)
        while self._started and monotonic() < give_up:
            self._wait(max(give_up - monotonic(), 0))
            for process_id in self._reap():
                del self._started[process_id]
            if len(self._signals) > 1:
                return 1
        return 0

    def _kill(self) -> None:
        self._send(signal.SIGKILL)
        for process_id in self._started:
            os.waitpid(process_id, 0)
        self._started.clear()

    def _send(self, number: signal.Signals) -> None:
        for process_id in self._started:
            os.kill(process_id, number)


def _report(pipe: int, message: bytes) -> None:
    os.write(pipe, message)
    os.close(pipe)
