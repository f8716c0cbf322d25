"""Memory, space and bodies that are larger than either."""

import os
import resource
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.chunks.lab import Service, content_range, problem
from tests.support.tus import payload, sha256

#: A chunk that no process could keep without being noticed. T9 speaks of 2 GiB; half a GiB shows the same.
LARGE = 512 << 20


@pytest.fixture
def in_memory() -> Iterator[Path]:
    """A directory that costs no disk; sparse senders and zeros keep it quick."""
    path = Path(f"/dev/shm/tusd-py-chunks-{os.getpid()}-{time.monotonic_ns()}")
    path.mkdir()
    yield path
    shutil.rmtree(path, ignore_errors=True)


def resident_kib(pid: int) -> int:
    fields = Path(f"/proc/{pid}/status").read_text().split()
    return int(fields[fields.index("VmHWM:") + 1])


def send_large(server: Service, href: str, *, is_form: bool) -> bytes:
    """Send LARGE zeros as one chunk without having them in memory."""
    head, tail, kind = b"", b"", "application/octet-stream"
    if is_form:
        head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
        tail = b"\r\n--b--\r\n"
        kind = "multipart/form-data; boundary=b"
    block = bytes(1 << 20)
    with socket.create_connection(server.host_port) as connection:
        connection.settimeout(60)
        place = content_range(0, LARGE)["Content-Range"]
        connection.sendall(
            f"PUT {href} HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\nContent-Range: {place}\r\n"
            f"Content-Length: {len(head) + LARGE + len(tail)}\r\n\r\n".encode()
            + head
        )
        for _ in range(LARGE >> 20):
            connection.sendall(block)
        connection.sendall(tail)
        return connection.recv(65536)


@pytest.mark.parametrize("is_form", [False, True], ids=["raw", "form"])
def test_t9_memory_stays_flat_with_one_large_chunk(
    serve: Callable[..., Service], in_memory: Path, *, is_form: bool
) -> None:
    """Neither the body nor the commit is ever in memory; a repeat is not either."""
    server = Service(in_memory / "data", log=in_memory / "data.log").start()
    try:
        api = server.api()
        upload = api.create(LARGE)
        small = api.create(1 << 20)
        api.put(small, 0, payload(1 << 20))
        before = resident_kib(server.pid)
        for _ in range(2):
            assert send_large(server, upload["href"], is_form=is_form).startswith(b"HTTP/1.1 200")
        digest = api.view(upload)["chunks"][0]["sha256"]
        assert api.commit(upload, digest).status_code == 200
        assert resident_kib(server.pid) - before < 48 << 10
        assert {path.name for path in in_memory.iterdir()} == {"data", "data.log"}, "a temporary file"
    finally:
        server.close()


def test_t15_no_space_at_the_creation(serve: Callable[..., Service]) -> None:
    """E25: 507 with what is there, and nothing is left behind."""
    server = serve()
    api = server.api()
    free = shutil.disk_usage(server.upload_dir).free
    reply = api.http.post("/uploads/", json={"size": free * 4})
    fields = problem(reply, "no-space", 507)
    assert fields["required"] == free * 4
    assert 0 < fields["available"] < free * 4
    assert (server.files(), server.sql("SELECT * FROM uploads")) == (set(), [])


def test_space_that_must_stay_free(serve: Callable[..., Service]) -> None:
    api = serve("-min-free-bytes", str(1 << 50), "-preallocate", "none").api()
    problem(api.http.post("/uploads/", json={"size": 1}), "no-space", 507)


#: No file of the process may have more than 1 MiB: what a quota does.
SMALL_FILES = {resource.RLIMIT_FSIZE: 1 << 20}


def test_e25_no_space_while_a_chunk_is_written(serve: Callable[..., Service]) -> None:
    """507, the claim is gone, and what fits can still be sent."""
    server = serve("-preallocate", "none", limits=SMALL_FILES)
    api = server.api()
    upload = api.create(2 << 20)
    data = payload(2 << 20)
    fields = problem(api.put(upload, 1 << 19, data[1 << 19 :]), "no-space", 507)
    assert fields["retryable"] is True
    assert server.sql("SELECT * FROM upload_chunks") == []
    assert api.put(upload, 0, data[: 1 << 19]).status_code == 200


def test_full_allocation_beyond_a_quota(serve: Callable[..., Service]) -> None:
    server = serve(limits=SMALL_FILES)
    api = server.api()
    problem(api.http.post("/uploads/", json={"size": 2 << 20}), "no-space", 507)
    assert (server.files(), server.sql("SELECT * FROM uploads")) == (set(), [])


@pytest.mark.parametrize("how", ["sparse", "none"])
def test_other_ways_to_make_the_file(serve: Callable[..., Service], how: str) -> None:
    server = serve("-preallocate", how)
    api = server.api()
    upload = api.create(8 << 20)
    found = (server.upload_dir / upload["id"]).stat()
    assert (found.st_size, found.st_blocks) == (8 << 20 if how == "sparse" else 0, 0)
    data = payload(8 << 20)
    api.put(upload, 4 << 20, data[4 << 20 :])
    api.put(upload, 0, data[: 4 << 20])
    assert api.commit(upload, sha256(data)).status_code == 200


def test_a_refusal_comes_before_the_body(server: Service) -> None:
    """What the header alone decides is said at once; ``Expect`` sends nothing at all."""
    upload = server.api().create(100)
    with socket.create_connection(server.host_port) as connection:
        connection.settimeout(10)
        connection.sendall(
            f"PUT {upload['href']} HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
            f"Content-Range: bytes 0-999/1000\r\nContent-Length: 1000\r\n\r\n".encode()
        )
        assert connection.recv(65536).startswith(b"HTTP/1.1 400")


def test_fifty_senders_at_once(server: Service) -> None:
    """More than there are threads for files."""
    data = payload(50 << 12)
    api = server.api()
    upload = api.create(len(data))
    statuses: list[int] = []

    def send(number: int) -> None:
        client = server.api()
        first = number << 12
        statuses.append(client.put(upload, first, data[first : first + (1 << 12)]).status_code)

    threads = [threading.Thread(target=send, args=(number,)) for number in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 50
    assert (server.upload_dir / upload["id"]).read_bytes() == data
