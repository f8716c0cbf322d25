"""Processes: tusd uses every core; so does the command, and an application that is embedded does not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.fixtures import Serve
from tusd_py.http1.run import ServerSettings


def children(pid: int) -> int:
    """How many processes a process has started."""
    return len(Path(f"/proc/{pid}/task/{pid}/children").read_text().split())


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs Linux")
def test_the_command_starts_a_process_for_each_core(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TUSD_PY_WORKERS")
    cores = len(os.sched_getaffinity(0))
    assert children(serve().pid) == (min(cores, 8) if cores > 1 else 0)


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="needs Linux")
def test_at_most_eight_unless_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)))
    assert ServerSettings(workers=0).worker_count == 8
    assert ServerSettings(workers=12).worker_count == 12
    assert ServerSettings().worker_count == 1
