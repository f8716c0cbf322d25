"""The command as a process that ends, and a real tusd where there is one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

#: A real tusd, or None.
TUSD = os.environ.get("TUSD_BINARY") or shutil.which("tusd")
needs_tusd = pytest.mark.skipif(TUSD is None, reason="no tusd: TUSD_BINARY does not name it, PATH has none")
OURS = [sys.executable, "-m", "tusd_py"]


@dataclass(frozen=True, slots=True)
class Ended:
    """What a process said, and how it ended."""

    status: int
    out: str
    err: str


def run(*words: str, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> Ended:
    """Run our command to its end."""
    return run_command([*OURS, *words], env, cwd)


def run_command(command: list[str], env: Mapping[str, str] | None = None, cwd: Path | None = None) -> Ended:
    """Run a command to its end."""
    done = subprocess.run(
        command,
        env={**os.environ, **(env or {})},
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def wait_until(holds: Callable[[], bool]) -> None:
    """Look until something holds, for ten seconds at most."""
    give_up = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < give_up
        time.sleep(0.02)
