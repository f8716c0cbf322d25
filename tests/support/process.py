"""Programs under test, as processes: started, waited for, and gone with all that they started."""

import contextlib
import os
import resource
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

#: The tree of the repository: programs are started in it, so that they can import its packages.
ROOT = Path(__file__).parents[2]

#: Seconds that a program may take until it is ready; generous, because several start at once on two cores.
_START_S = 30.0


def free_port() -> int:
    """A port nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def listens(port: int) -> bool:
    """Whether somebody accepts connections at a port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Process:
    """One program, which may be started again after its end; what it says goes to one file.

    ``limits`` are those of the system (``resource.RLIMIT_...``), which the program cannot raise.
    """

    def __init__(
        self,
        argv: Sequence[str | Path],
        log: Path,
        *,
        env: Mapping[str, str] | None = None,
        limits: Mapping[int, int] | None = None,
    ) -> None:
        self.argv = argv
        self.log = log
        self._env = {"PYTHONUNBUFFERED": "1", "PYTHONPATH": str(ROOT), **(env or {})}
        self._limits = limits or {}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The process that was started last."""
        assert self._process is not None, "it was never started"
        return self._process

    @property
    def pid(self) -> int:
        """The process that was started; its own ones are its children."""
        return self.process.pid

    def spawn(self) -> Self:
        """Start it without waiting for anything."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.argv,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **self._env},
                start_new_session=True,
                preexec_fn=self._limit if self._limits else None,  # noqa: PLW1509 - it takes no lock
            )
        return self

    def _limit(self) -> None:
        for what, most in self._limits.items():
            resource.setrlimit(what, (most, most))

    def wait_for(self, ready: Callable[[], object]) -> Self:
        """Wait until it is ready. Raises RuntimeError, with what it said, when it ends or takes too long."""
        deadline = time.monotonic() + _START_S
        while not ready():
            if self.process.poll() is not None:
                raise RuntimeError(f"ended with {self.process.returncode} at start:\n{self.output()}")
            if time.monotonic() > deadline:
                self.close()
                raise RuntimeError(f"not ready after {_START_S} s:\n{self.output()}")
            time.sleep(0.01)
        return self

    def output(self) -> str:
        """Everything it said so far, on stdout and stderr, over all its starts."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def stop(self, timeout_s: float = 20.0) -> int:
        """Ask it to leave (SIGTERM) and return its exit status."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            return self.process.wait(timeout_s)
        finally:
            self._kill_group()

    def kill(self) -> None:
        """End it and all that it started as a power cut would: SIGKILL, no last words."""
        self._kill_group()
        self.process.wait(20)

    def close(self) -> None:
        """Whatever state it is in: gone afterwards."""
        if self._process is None:
            return
        if "COVERAGE_PROCESS_CONFIG" in os.environ:  # it writes what was measured when it ends by itself
            self.stop()
        self.kill()

    def _kill_group(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)


@dataclass(frozen=True, slots=True)
class Ended:
    """What a program said, and how it ended."""

    status: int
    out: str
    err: str


def run_to_end(
    argv: Sequence[str | Path], env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> Ended:
    """Run a program to its end."""
    environment = {**os.environ, **(env or {})}
    done = subprocess.run(
        argv, env=environment, cwd=cwd, capture_output=True, text=True, timeout=60, check=False
    )
    return Ended(done.returncode, done.stdout, done.stderr)
