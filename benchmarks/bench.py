"""One server under one scenario: what scenarios need to measure, and to verify what they did."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from benchmarks.generator import Generator, LoadFailed, Piece
from benchmarks.processes import Usage, reset_peaks, usage
from benchmarks.servers import Server

MIB: Final = 1 << 20
GIB: Final = 1 << 30
SMALL_BYTES: Final = 10 * 1024

Values = dict[str, float]  # by name of the metric


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is done in one measurement."""

    large_bytes: int = 512 * MIB  # of one large upload
    parallel_bytes: int = 256 * MIB  # of each of eight at once
    patch_bytes: int = 4 * MIB  # of each of 64 on one connection
    partial_bytes: int = 128 * MIB  # of each of four that are concatenated
    huge_bytes: int = 10 * GIB
    session_bytes: int = GIB  # of one upload in 64 chunks
    small_chunks: int = 10_000  # of 1 KiB each
    loop_s: float = 3.0  # of small requests
    stalled_connections: int = 2000
    settle_s: float = 1.0  # until memory is read


@dataclass(slots=True)
class Cost:
    """What a server used during a measurement; filled in at its end."""

    cpu_s: float = 0.0
    peak_memory_mib: float = 0.0
    processes: int = 0
    _before: Usage = field(default_factory=lambda: Usage(0, 0.0, 0, 0, 0))

    def begin(self, session: int) -> None:
        """Read the start values."""
        reset_peaks(session)
        self._before = usage(session)

    def end(self, session: int) -> None:
        """Take the differences."""
        after = usage(session)
        self.cpu_s = after.cpu_s - self._before.cpu_s
        self.peak_memory_mib = max(0, after.peak_resident_kib - self._before.resident_kib) / 1024
        self.processes = after.processes

    def for_bytes(self, count: int) -> Values:
        """Return CPU time for each GiB, and the peak."""
        return {"cpu_s_per_gib": self.cpu_s / (count / GIB), "peak_memory_mib": self.peak_memory_mib}

    def for_requests(self, count: int) -> Values:
        """Return CPU time for each request (or upload), and the peak."""
        return {"cpu_us_per_request": self.cpu_s / count * 1e6, "peak_memory_mib": self.peak_memory_mib}


def transferred(result: dict[str, Any], cost: Cost) -> Values:
    """Return the values of one large transfer."""
    size, seconds = result["bytes"], result["seconds"]
    return {"throughput_mib_s": size / MIB / seconds, **cost.for_bytes(size)}


def looped(result: dict[str, Any], cost: Cost) -> Values:
    """Return the values of many small requests."""
    return {
        "requests_s": result["requests"] / result["seconds"],
        "p50_ms": result["p50_s"] * 1e3,
        "p99_ms": result["p99_s"] * 1e3,
        **cost.for_requests(result["requests"]),
    }


@dataclass(frozen=True, slots=True)
class Bench:
    """A running server, the generator aimed at it, and the sizes asked for."""

    server: Server
    load: Generator
    sizes: Sizes
    round: int = 0  # which visit of this server it is

    @contextmanager
    def cost(self, *, arriving: int = 0) -> Iterator[Cost]:
        """Measure what the server uses meanwhile; ``arriving`` is how many bytes it will have to keep."""
        self._make_ready(arriving)
        cost = Cost()
        cost.begin(self.server.session)
        yield cost
        cost.end(self.server.session)

    def _make_ready(self, count: int) -> None:
        """Have the system hold free memory for so many bytes of files.

        The host of a virtual machine takes free memory away and has to clear it when it is used again:
        then whoever comes first after a pause does the host's work as well.
        """
        block = bytes(8 * MIB)
        with tempfile.TemporaryFile(dir=self.server.directory, buffering=0) as file:
            for _ in range(0, count, len(block)):
                file.write(block)

    def warm_up(self) -> None:
        """Let a fresh server load its code and start its threads and workers."""
        self.load.run("small", bytes=SMALL_BYTES, connections=8, count=200, seconds=5)
        self.load.run("put", bytes=4 * MIB, seed=1000)
        time.sleep(min(0.3, self.sizes.settle_s))

    def verify(self, uploads: Sequence[Piece]) -> None:
        """Compare what the server holds with what was sent: in its directory, else by download.

        Raises:
            LoadFailed: Something differs, is missing, or there is nothing to compare.
        """
        if not uploads:
            raise LoadFailed("no uploads to verify")
        lines = []
        for upload in uploads:
            file = self.server.data_file(upload.path, upload.size)
            how, name = ("get", upload.path) if file is None else ("file", str(file))
            lines.append(f"{how} {upload.seed} {upload.start} {upload.size} {name}")
        self.load.check(lines)

    def request(self, method: str, path: str, *headers: str) -> dict[str, Any]:
        """Make one request; its answer has status, path (Location), offset and seconds."""
        return self.load.run("request", headers, method=method, path=path)
