"""The server as users run it: a real process on a real port.

A ``Server`` is one command line on one upload directory. It can be stopped politely, killed with
everything it started, and started again on the same port, which is what a client that retries sees.
"""

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

#: The line that says where the server listens.
_LISTENING = re.compile(r"You can now upload files to: (http://[^/\s]+(/\S*))")

#: Seconds a process may take until it listens; generous, because several start at once on two cores.
_START_S = 20.0


def command() -> list[str]:
    """The server's command; another tus server with tusd's flags may be named while tests are written."""
    other = os.environ.get("TUS_SERVER_COMMAND")
    return shlex.split(other) if other else [sys.executable, "-m", "tusd_py"]


def free_port() -> int:
    """A port nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Server:
    """One server process (and its workers) on one upload directory."""

    def __init__(
        self,
        upload_dir: Path,
        *flags: str,
        argv: Sequence[str] | None = None,
        env: dict[str, str] | None = None,
        log: Path | None = None,
    ) -> None:
        self.upload_dir = upload_dir
        self.flags = flags
        self.url = ""
        self._argv = list(argv) if argv is not None else None
        self._env = env or {}
        # Beside the upload directory, never in it: tests count the files there.
        self.log = log or upload_dir.with_name(f"{upload_dir.name}-{os.urandom(4).hex()}.log")
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def host_port(self) -> tuple[str, int]:
        """Where a plain socket connects to."""
        host, _, port = self.url.removeprefix("http://").partition("/")[0].rpartition(":")
        return host, int(port)

    @property
    def path(self) -> str:
        """The path of the creation endpoint, such as ``/files/``."""
        return "/" + self.url.removeprefix("http://").partition("/")[2]

    @property
    def pid(self) -> int:
        """The process that was started; workers are its children."""
        assert self.process is not None, "the server was never started"
        return self.process.pid

    def start(self, port: int = 0) -> Self:
        """Start and wait until it listens; ``port`` 0 lets the system choose."""
        seen = len(self.output())
        self.process = self.spawn(port)
        self._wait_for(lambda: _LISTENING.search(self.output(), seen) is not None)
        found = _LISTENING.search(self.output(), seen)
        assert found is not None
        self.url = found[1]
        return self

    def spawn(self, port: int = 0) -> subprocess.Popen[bytes]:
        """Start the process without waiting for anything."""
        argv = self._argv
        if argv is None:
            argv = [*command(), "-host", "127.0.0.1", "-upload-dir", str(self.upload_dir), *self.flags]
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [*argv, "-port", str(port)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, "PYTHONUNBUFFERED": "1", **self._env},
                start_new_session=True,
            )

    def stop(self, timeout_s: float = 20.0) -> int:
        """Ask it to leave (SIGTERM) and return its exit status."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout_s)
        finally:
            self._kill_group()

    def kill(self) -> None:
        """End it and its workers as a power cut would: SIGKILL, no last words."""
        assert self.process is not None
        self._kill_group()
        self.process.wait(20)

    def restart(self) -> Self:
        """Start again on the same port and directory."""
        return self.start(self.host_port[1])

    def output(self) -> str:
        """Everything the process said so far, on stdout and stderr, over all its starts."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def close(self) -> None:
        """Whatever state it is in: gone afterwards."""
        if self.process is not None:
            self._kill_group()
            self.process.wait(20)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    def _kill_group(self) -> None:
        assert self.process is not None
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return

    def _wait_for(self, ready: Callable[[], bool]) -> None:
        assert self.process is not None
        deadline = time.monotonic() + _START_S
        while not ready():
            if self.process.poll() is not None:
                raise RuntimeError(f"ended with {self.process.returncode} at start:\n{self.output()}")
            if time.monotonic() > deadline:
                self.close()
                raise RuntimeError(f"does not listen after {_START_S} s:\n{self.output()}")
            time.sleep(0.02)
