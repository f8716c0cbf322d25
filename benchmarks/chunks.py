"""The parallel chunk API: chunks beside PATCHes, a commit beside plain hashing, very many chunks."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from benchmarks.bench import MIB, Bench, Values, looped, transferred
from benchmarks.catalog_cost import catalog_cost
from benchmarks.generator import LoadFailed, Piece, checksum_header, pieces

_CHUNKS: Final = 64
_CONNECTIONS: Final = 8
_SMALL_BYTES: Final = 1024  # of each of very many chunks
_LONGEST_S: Final = 300.0


@dataclass(frozen=True, slots=True)
class _Session:
    """An upload in chunks. What it must hold is stream 0."""

    path: str  # of the URL; ends in a slash
    piece: Piece  # under the URL that tus knows it by, because that one can be downloaded


def _call(bench: Bench, method: str, path: str, fields: dict[str, object], *names: str) -> list[str]:
    """Make one request with JSON fields; return those fields of its answer, which has to be a good one."""
    connection = http.client.HTTPConnection("127.0.0.1", bench.server.port, timeout=_LONGEST_S)
    try:
        connection.request(method, path, json.dumps(fields), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        body = answer.read()
        if answer.status not in (200, 201):
            raise LoadFailed(f"{method} {path} answered {answer.status}: {body[:300]!r}")
        found = json.loads(body)
        return [str(found[name]) for name in names]
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError) as error:
        raise LoadFailed(f"{method} {path}: {error!r}") from None
    finally:
        connection.close()


def _create(bench: Bench, size: int) -> _Session:
    fields: dict[str, object] = {"size": size}
    path, tus_path = _call(bench, "POST", f"{bench.server.api}/uploads/", fields, "href", "tus_url")
    return _Session(path, Piece(tus_path, 0, 0, size))


def _send(bench: Bench, session: _Session, chunks: int, connections: int) -> dict[str, Any]:
    return bench.load.run(
        "chunks", path=session.path, bytes=session.piece.size, chunks=chunks, connections=connections
    )


def _commit(bench: Bench, session: _Session) -> float:
    """Commit; return how long that took, in seconds."""
    sha256 = bench.load.sha256(session.piece.size).hex()
    began = time.perf_counter()
    said = _call(bench, "PUT", f"{session.path}commit", {"sha256": sha256}, "state", "sha256")
    seconds = time.perf_counter() - began
    if said != ["completed", sha256]:
        raise LoadFailed(f"the commit answered {said}")
    return seconds


def _warm_up(bench: Bench) -> None:
    """Let a fresh server use for the first time what only chunks need."""
    session = _create(bench, 64 * 1024)
    _send(bench, session, _CHUNKS, _CONNECTIONS)
    _commit(bench, session)


def beside_patches(bench: Bench) -> Values:
    """Send the same bytes as 64 chunks, as eight PATCHes, and as eight PATCHes with a checksum.

    Each on eight connections. Every other round does it backwards, and each begins with what the last one
    left removed, so that none always finds the medium as another left it.
    """
    steps: dict[str, Callable[[], Values]] = {
        "chunks": partial(_in_chunks, bench),
        "of_patches": partial(_in_patches, bench, is_checked=False),
    }
    if "sha256" in bench.server.features:
        steps["of_checked_patches"] = partial(_in_patches, bench, is_checked=True)
    _warm_up(bench)
    found: dict[str, Values] = {}
    for name in steps if bench.round % 2 == 0 else reversed(steps):
        os.sync()
        found[name] = steps[name]()
    values = found.pop("chunks")
    speed = values["throughput_mib_s"]
    return {**values, **{name: speed / other["throughput_mib_s"] for name, other in found.items()}}


def _in_chunks(bench: Bench) -> Values:
    session = _create(bench, bench.sizes.session_bytes)
    with bench.cost(arriving=bench.sizes.session_bytes) as cost:
        result = _send(bench, session, _CHUNKS, _CONNECTIONS)
    _commit(bench, session)
    bench.verify([session.piece])
    bench.request("DELETE", session.piece.path)
    return transferred(result, cost)


def _in_patches(bench: Bench, *, is_checked: bool) -> Values:
    size = bench.sizes.session_bytes // _CONNECTIONS
    digests = [bench.load.sha256(size, number * size) for number in range(_CONNECTIONS) if is_checked]
    headers = [checksum_header(digest) for digest in digests]
    with bench.cost(arriving=bench.sizes.session_bytes) as cost:
        result = bench.load.run("put", (), headers, connections=_CONNECTIONS, bytes=size, stride=size)
    uploads = pieces(result)
    bench.verify(uploads)
    for upload in uploads:
        bench.request("DELETE", upload.path)
    return transferred(result, cost)


def commit(bench: Bench) -> Values:
    """Commit a session all of whose chunks are there, and hash its file here as well, before and after.

    Its bytes are on the medium by then and in the page cache, too: what is compared is the work of a
    commit, not a disk that the one waits for and the other does not.
    """
    _warm_up(bench)
    session = _create(bench, bench.sizes.session_bytes)
    _send(bench, session, _CHUNKS, _CONNECTIONS)
    os.sync()
    file = bench.server.data_file(session.piece.path, session.piece.size)
    if file is None:
        raise LoadFailed(f"{session.piece.path} is not one file in the directory")
    _hash(bench, file)  # into the page cache
    before = _hash(bench, file)
    with bench.cost() as cost:
        seconds = _commit(bench, session)
    after = _hash(bench, file)
    bench.verify([session.piece])
    return {
        "seconds": seconds,
        "of_hashing": seconds / ((before + after) / 2),
        "cpu_s": cost.cpu_s,
        "peak_memory_mib": cost.peak_memory_mib,
    }


def _hash(bench: Bench, file: Path) -> float:
    """Read and hash a file as simply as Python can; return how long that took, in seconds."""
    taken, block = hashlib.sha256(), memoryview(bytearray(MIB))
    began = time.perf_counter()
    with file.open("rb", buffering=0) as source:
        while count := source.readinto(block):
            taken.update(block[:count])
    seconds = time.perf_counter() - began
    if taken.digest() != bench.load.sha256(file.stat().st_size):
        raise LoadFailed(f"{file.name}: wrong bytes")
    return seconds


def very_many(bench: Bench) -> Values:
    """Send very many chunks one after the other; measure the catalog's share by itself, too."""
    count = bench.sizes.small_chunks
    _warm_up(bench)
    session = _create(bench, count * _SMALL_BYTES)
    with bench.cost() as cost:
        result = _send(bench, session, count, 1)
    _commit(bench, session)
    bench.verify([session.piece])
    return {**looped(result, cost), **catalog_cost(bench.server.directory.parent, count)}
