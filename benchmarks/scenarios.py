"""What is done to a server. Each scenario measures, verifies the bytes, and returns values by metric."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from benchmarks import chunks, stalled
from benchmarks.bench import SMALL_BYTES, Bench, Values, looped, transferred
from benchmarks.generator import LoadFailed, Piece, checksum_header, pieces
from benchmarks.processes import disk_bytes, usage


@dataclass(frozen=True, slots=True)
class Scenario:
    """One row of the results."""

    name: str
    title: str
    run: Callable[[Bench], Values]
    needs: str | None = None  # one of a server's features; without it there is nothing to measure
    is_optional: bool = False  # runs only when asked for by name


def _one_patch(bench: Bench) -> Values:
    with bench.cost(arriving=bench.sizes.large_bytes) as cost:
        result = bench.load.run("put", bytes=bench.sizes.large_bytes)
    bench.verify(pieces(result))
    return transferred(result, cost)


def _checked_patch(bench: Bench) -> Values:
    """The same with a checksum, for servers that know it; the others are measured without one."""
    size = bench.sizes.large_bytes
    checksum = []
    if "sha256" in bench.server.features:
        checksum = [checksum_header(bench.load.sha256(size))]
    with bench.cost(arriving=size) as cost:
        result = bench.load.run("put", patch_headers=checksum, bytes=size)
    bench.verify(pieces(result))
    return transferred(result, cost)


def _eight_at_once(bench: Bench) -> Values:
    with bench.cost(arriving=8 * bench.sizes.parallel_bytes) as cost:
        result = bench.load.run("put", connections=8, bytes=bench.sizes.parallel_bytes)
    bench.verify(pieces(result))
    return transferred(result, cost)


def _many_patches(bench: Bench) -> Values:
    with bench.cost(arriving=64 * bench.sizes.patch_bytes) as cost:
        result = bench.load.run("put", bytes=64 * bench.sizes.patch_bytes, patches=64)
    bench.verify(pieces(result))
    return transferred(result, cost)


def _small(bench: Bench, *, connections: int, with_upload: bool) -> Values:
    with bench.cost() as cost:
        result = bench.load.run(
            "small",
            bytes=SMALL_BYTES,
            connections=connections,
            seconds=bench.sizes.loop_s,
            with_upload=int(with_upload),
        )
    bench.verify(pieces(result))
    return looped(result, cost)


def _head(bench: Bench) -> Values:
    with bench.cost() as cost:  # every answer's Upload-Offset is compared by the generator
        result = bench.load.run("head", bytes=SMALL_BYTES, connections=16, seconds=bench.sizes.loop_s)
    return looped(result, cost)


def _final_post(bench: Bench) -> Values:
    part = bench.sizes.partial_bytes
    partials = bench.load.run(
        "put", ["Upload-Concat: partial"], connections=4, bytes=part, stride=part, start=0
    )
    uploads = pieces(partials)
    bench.verify(uploads)
    before = disk_bytes(bench.server.directory) - 4 * part
    paths = " ".join(upload.path for upload in uploads)
    with bench.cost(arriving=4 * part) as cost:
        final = bench.request("POST", bench.server.base, f"Upload-Concat: final;{paths}")
    if final["status"] != 201:
        raise LoadFailed(f"the final POST answered {final['status']}")
    disk_ratio = (disk_bytes(bench.server.directory) - before) / (4 * part)
    bench.verify([Piece(final["path"], 0, 0, 4 * part)])
    return {
        "seconds": final["seconds"],
        "disk_ratio": disk_ratio,
        "cpu_s": cost.cpu_s,
        "peak_memory_mib": cost.peak_memory_mib,
    }


def _download(bench: Bench) -> Values:
    size = bench.sizes.large_bytes
    path = pieces(bench.load.run("put", bytes=size))[0].path
    bench.load.run("get", path=path, bytes=size, verify=1)
    with bench.cost() as cost:
        result = bench.load.run("get", path=path, bytes=size)
    return transferred(result, cost)


def _idle(bench: Bench) -> Values:
    return {"idle_memory_mib": usage(bench.server.session).proportional_kib / 1024}


def _huge(bench: Bench) -> Values:
    size = bench.sizes.huge_bytes
    with bench.cost(arriving=size) as cost:
        result = bench.load.run("put", bytes=size)
    bench.verify(pieces(result))
    return transferred(result, cost)


def _small_scenario(connections: int, *, with_upload: bool) -> Scenario:
    name, title = ("one-request", "one POST") if with_upload else ("two-requests", "POST + PATCH")
    many = "s" if connections > 1 else ""
    return Scenario(
        f"small-{name}-{connections}",
        f"10 KiB uploads, {title}, {connections} connection{many}",
        partial(_small, connections=connections, with_upload=with_upload),
        needs="creation-with-upload" if with_upload else None,
    )


SCENARIOS: Final[dict[str, Scenario]] = {
    scenario.name: scenario
    for scenario in (
        Scenario("one-patch", "one large PATCH", _one_patch),
        Scenario("eight-patches", "eight large PATCHes at once", _eight_at_once),
        Scenario("many-patches", "64 PATCHes on one connection", _many_patches),
        Scenario("checked-patch", "one large PATCH, sha256 checked where the server can", _checked_patch),
        *(_small_scenario(n, with_upload=False) for n in (1, 8, 32)),
        *(_small_scenario(n, with_upload=True) for n in (1, 8, 32)),
        Scenario("head", "HEAD, 16 connections", _head),
        Scenario("final-post", "final POST of four partial uploads", _final_post, needs="concatenation"),
        Scenario("download", "download", _download),
        Scenario("stalled", "stalled uploads", stalled.run),
        Scenario("chunks", "64 chunks at once", chunks.beside_patches, needs="chunks"),
        Scenario("commit", "commit of 1 GiB", chunks.commit, needs="chunks"),
        Scenario("many-chunks", "10,000 chunks of 1 KiB", chunks.very_many, needs="chunks"),
        Scenario("idle", "idle after warm-up", _idle),
        Scenario("huge", "one upload of 10 GiB", _huge, is_optional=True),
    )
}
