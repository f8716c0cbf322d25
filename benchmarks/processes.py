"""What a server costs: processor time and memory of all its processes, from /proc."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_TICK_S = 1 / os.sysconf("SC_CLK_TCK")
_PROC = Path("/proc")
_GONE = (FileNotFoundError, ProcessLookupError)


@dataclass(frozen=True, slots=True)
class Usage:
    """Sums over the processes of one server, at one moment."""

    processes: int
    cpu_s: float  # user and system, since their start
    resident_kib: int  # pages that processes share count once for each
    peak_resident_kib: int  # since their start or the last reset
    proportional_kib: int  # shared pages count once


def session_pids(session: int) -> list[int]:
    """Return the processes of a session: a server and whatever it started, unless that left."""
    found = []
    for entry in _PROC.iterdir():
        if not entry.name.isdigit():
            continue
        with suppress(*_GONE):
            # The command, in parentheses, may hold blanks; the fields after it do not.
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            if int(fields[3]) == session and fields[0] != "Z":
                found.append(int(entry.name))
    return found


def usage(session: int) -> Usage:
    """Read what the processes of a session have used."""
    processes, cpu_s, resident, peak, proportional = 0, 0.0, 0, 0, 0
    for pid in session_pids(session):
        with suppress(*_GONE):
            fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
            status = _kib_lines(_PROC / str(pid) / "status")
            rollup = _kib_lines(_PROC / str(pid) / "smaps_rollup")
            processes += 1
            cpu_s += (int(fields[11]) + int(fields[12])) * _TICK_S
            resident += status.get("VmRSS", 0)
            peak += status.get("VmHWM", 0)
            proportional += rollup.get("Pss", 0)
    return Usage(processes, cpu_s, resident, peak, proportional)


def reset_peaks(session: int) -> None:
    """Let the peaks start over at what is resident now."""
    for pid in session_pids(session):
        with suppress(*_GONE):
            (_PROC / str(pid) / "clear_refs").write_text("5")


def disk_bytes(directory: Path) -> int:
    """Return what all files below ``directory`` occupy, in bytes; holes count nothing."""
    total = 0
    for folder, _, names in os.walk(directory):
        for name in names:
            with suppress(FileNotFoundError):
                total += os.lstat(os.path.join(folder, name)).st_blocks * 512
    return total


def _kib_lines(path: Path) -> dict[str, int]:
    """Return the lines ``Name:   123 kB`` of a file."""
    values = {}
    for line in path.read_text().splitlines():
        name, _, rest = line.partition(":")
        words = rest.split()
        if len(words) == 2 and words[1] == "kB":
            values[name] = int(words[0])
    return values
