"""Thousands of uploads that fall silent: what each costs, and whether others notice."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

from benchmarks.bench import SMALL_BYTES, Bench, Values
from benchmarks.generator import LoadFailed, Piece, pieces
from benchmarks.processes import usage

_UPLOAD_BYTES: Final = 1 << 20  # of which the generator sends a 1,024th part
_FRESH_UPLOADS: Final = 200
_NOTICE_S: Final = 15.0  # in which a server notices that a client has gone


def run(bench: Bench) -> Values:
    """Measure memory before and while the connections are silent, and fresh uploads meanwhile."""
    connections = bench.sizes.stalled_connections
    with bench.load.acts("stall", connections=connections, bytes=_UPLOAD_BYTES) as acts:
        acts.next("created")
        time.sleep(bench.sizes.settle_s)
        before = usage(bench.server.session).resident_kib
        acts.go_on()
        acts.next("stalled")
        time.sleep(bench.sizes.settle_s)
        grown = usage(bench.server.session).resident_kib - before
        fresh = bench.load.run("small", bytes=SMALL_BYTES, count=_FRESH_UPLOADS, seconds=60, seed=100000)
        acts.go_on()
        stalled = pieces(acts.next("closed"))
    bench.verify(pieces(fresh))
    _verify_offsets(bench, stalled)
    return {
        "memory_kib_per_connection": grown / connections,
        "p50_ms": fresh["p50_s"] * 1e3,
        "p99_ms": fresh["p99_s"] * 1e3,
    }


def _verify_offsets(bench: Bench, stalled: Sequence[Piece]) -> None:
    """See that what had arrived was kept: the offset says so, once the server noticed the ends."""
    deadline = time.monotonic() + _NOTICE_S
    for upload in stalled:
        while (answer := bench.request("HEAD", upload.path))["offset"] != upload.size:
            if time.monotonic() > deadline:
                raise LoadFailed(f"HEAD of a stalled upload answered {answer}, not {upload.size}")
            time.sleep(0.2)
        file = bench.server.data_file(upload.path, upload.size)
        if file is not None:
            bench.load.check([f"file {upload.seed} {upload.start} {upload.size} {file}"])
