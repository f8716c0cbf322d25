"""A server started by the suite itself, so that checks may restart and kill it."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time


class ServerFailed(Exception):
    """The command did not bring up a listening server."""


def free_port() -> int:
    """A TCP port nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class ServerProcess:
    """``command`` with ``{port}`` and ``{dir}`` filled in; the directory lives as long as this object."""

    def __init__(self, command: str, port: int, *, start_wait_s: float = 20.0) -> None:
        self.port = port
        self.directory = tempfile.mkdtemp(prefix="tus-conformance-")
        self._start_wait_s = start_wait_s
        self._arguments = [
            part.replace("{port}", str(port)).replace("{dir}", self.directory)
            for part in shlex.split(command)
        ]
        self._process: subprocess.Popen[bytes] | None = None
        self.lock = threading.Lock()  # held while somebody brings it back to life

    def start(self) -> None:
        """Start it and wait until it accepts connections.

        Raises:
            ServerFailed: It cannot be run, ends at once, or does not listen in time.
        """
        log = open(os.path.join(self.directory + ".log"), "ab")  # noqa: SIM115 - the child keeps it
        try:
            with log:
                self._process = subprocess.Popen(
                    self._arguments, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
                )
        except OSError as error:
            raise ServerFailed(f"cannot run {self._arguments[0]!r}: {error}") from error
        self.wait_until_listening()

    def wait_until_listening(self) -> None:
        """Wait until the port accepts connections.

        Raises:
            ServerFailed: It does not, in time.
        """
        deadline = time.monotonic() + self._start_wait_s
        while time.monotonic() < deadline:
            if self._process and self._process.poll() is not None:
                raise ServerFailed(f"it ended with status {self._process.returncode}: {self._last_words()}")
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1.0):
                return
            time.sleep(0.05)
        raise ServerFailed(f"nothing listens on port {self.port} after {self._start_wait_s:g} s")

    def _last_words(self) -> str:
        with open(self.directory + ".log", "rb") as log:
            return log.read()[-400:].decode("utf-8", "replace").strip() or "it printed nothing"

    @property
    def died(self) -> bool:
        """Whether it ended although nobody asked it to."""
        return self._process is not None and self._process.poll() is not None

    def stop(self, wait_s: float = 15.0) -> bool:
        """Ask it to end; kill it when it does not. Return whether it ended by itself."""
        self._signal(signal.SIGTERM)
        try:
            if self._process:
                self._process.wait(wait_s)
            return True
        except subprocess.TimeoutExpired:
            self.kill()
            return False

    def ask_to_stop(self) -> None:
        """Send SIGTERM and do not wait."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it with SIGKILL, its children too."""
        self._signal(signal.SIGKILL)
        if self._process:
            self._process.wait()

    def _signal(self, number: signal.Signals) -> None:
        if self._process and self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)

    def close(self) -> None:
        """Stop it and remove its directory."""
        self.stop(5.0)
        shutil.rmtree(self.directory, ignore_errors=True)
        with contextlib.suppress(OSError):
            os.unlink(self.directory + ".log")
