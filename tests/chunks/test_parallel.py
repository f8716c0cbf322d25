"""Many connections, many processes, many chunks."""

import random
import sqlite3
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.chunks.lab import Service, content_range, problem
from tests.support.tus import payload, sha256


def test_t2_chunks_in_random_order_over_many_connections(serve: Callable[..., Service]) -> None:
    """R3: 64 chunks, 8 connections, 2 worker processes; one file, reserved before the first of them."""
    server = serve("-workers", "2")
    api = server.api()
    data = payload(64 << 18)
    upload = api.create(len(data))
    file = server.upload_dir / upload["id"]
    inode, blocks = file.stat().st_ino, file.stat().st_blocks
    assert blocks * 512 >= len(data)
    order = list(range(64))
    random.Random(4488).shuffle(order)

    def send(numbers: list[int]) -> list[int]:
        with httpx.Client(base_url=server.origin, timeout=60) as client:
            statuses = []
            for number in numbers:
                first = number << 18
                chunk = data[first : first + (1 << 18)]
                headers = content_range(first, chunk, len(data))
                if number % 2:
                    reply = client.put(upload["href"], content=chunk, headers=headers)
                else:
                    fields = {"sha256": sha256(chunk)}
                    reply = client.put(upload["href"], files={"file": chunk}, data=fields, headers=headers)
                statuses.append(reply.status_code)
            return statuses

    with ThreadPoolExecutor(8) as pool:
        replies = [status for part in pool.map(send, [order[i::8] for i in range(8)]) for status in part]
    assert replies == [200] * 64
    assert file.read_bytes() == data
    assert file.stat().st_ino == inode
    # ext4 counts the blocks of its map, too, which grows when pieces reach the disk out of order.
    assert 0 <= (file.stat().st_blocks - blocks) * 512 <= 64 * 1024
    assert api.commit(upload, sha256(data)).status_code == 200
    assert len(api.view(upload)["chunks"]) == 64


def test_t3_sixteen_clients_send_the_same_range(serve: Callable[..., Service]) -> None:
    """One write; the others are told that it is under way, or that it is there."""
    server = serve("-workers", "2")
    upload = server.api().create(1 << 20)
    data = payload(1 << 20)

    def send(_: int) -> tuple[int, bool]:
        with httpx.Client(base_url=server.origin, timeout=60) as client:
            reply = client.put(upload["href"], content=data, headers=content_range(0, data))
            return reply.status_code, reply.status_code == 200 and reply.json()["chunk"]["created"]

    with ThreadPoolExecutor(16) as pool:
        replies = list(pool.map(send, range(16)))
    assert {status for status, _ in replies} <= {200, 423}
    assert sum(created for _, created in replies) == 1
    assert server.sql("SELECT position, size, state FROM upload_chunks") == [(0, 1 << 20, "received")]
    assert (server.upload_dir / upload["id"]).read_bytes() == data


@pytest.fixture
def many(serve: Callable[..., Service]) -> tuple[Service, str]:
    """An upload with 9,999 chunks of its 10,000; made in the catalog, as sending them takes a while."""
    server = serve()
    upload = server.api().create(10_000 * 10)
    connection = sqlite3.connect(server.upload_dir / ".tusd-py/catalog.sqlite3", timeout=10)
    with connection:
        connection.executemany(
            "INSERT INTO upload_chunks (upload_id, position, size, state, id, sha256, start, created_at)"
            " VALUES (?, ?, 10, 'received', ?, ?, 0, 0)",
            [(upload["id"], i * 10, f"c{i}", sha256(b"")) for i in range(1, 10_000)],
        )
        connection.execute("UPDATE sessions SET received = 99990, chunk_count = 9999")
    connection.close()
    return server, upload["id"]


def test_t16_ten_thousand_chunks(many: tuple[Service, str]) -> None:
    """Paged, and the last one takes no longer than the first."""
    server, upload_id = many
    api = server.api()
    where = f"/uploads/{upload_id}/"
    found = api.http.get(where).json()
    assert (found["chunks_count"], len(found["chunks"])) == (9999, 1000)
    page = api.http.get(f"{where}chunks/", params={"limit": 1000}).json()
    offsets: list[int] = [chunk["offset"] for chunk in page["results"]]
    while page["next"]:
        page = api.http.get(page["next"]).json()
        offsets += [chunk["offset"] for chunk in page["results"]]
    assert offsets == list(range(10, 100_000, 10))
    times = []
    for _ in range(20):
        assert api.http.put(where, content=b"x" * 10, headers=content_range(0, 10)).status_code == 200
        began = time.perf_counter()
        assert api.http.put(where, content=b"x" * 10, headers=content_range(0, 10)).status_code == 200
        times.append(time.perf_counter() - began)
        assert api.http.delete(f"{where}chunks/0").status_code == 204
    assert statistics.median(times) < 0.1
    assert api.http.put(where, content=b"x" * 10, headers=content_range(0, 10)).status_code == 200
    assert server.sql("SELECT prefix FROM uploads") == [(100_000,)]


def test_e32_too_many_chunks(serve: Callable[..., Service]) -> None:
    """What was refused for that can still come in larger chunks."""
    api = serve("-max-chunks", "3").api()
    upload = api.create(100)
    for first in (0, 10, 20):
        assert api.put(upload, first, b"x" * 10).status_code == 200
    assert problem(api.put(upload, 30, b"x" * 10), "too-many-chunks", 413)["max"] == 3
    assert api.put(upload, 0, b"x" * 10).status_code == 200, "a repeat is no new chunk"
    assert api.http.delete(f"{upload['href']}chunks/20").status_code == 204
    assert api.put(upload, 20, b"x" * 80).status_code == 200
    assert api.view(upload)["missing"] == []
