"""Chunks, one request at a time: what is stored, and what is refused without a trace."""

import base64
import hashlib
import json
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.chunks.lab import Api, Service, content_range, problem
from tests.support.tus import payload, sha256
from tests.support.waiting import eventually

DATA = payload(1000)


def content(server: Service, upload: dict[str, Any]) -> bytes:
    path: Path = server.upload_dir / upload["id"]
    return path.read_bytes()


def ranges(server: Service, upload: dict[str, Any]) -> list[Any]:
    return server.sql(
        "SELECT position, size, state, sha256 FROM upload_chunks WHERE upload_id = ? ORDER BY position",
        upload["id"],
    )


@pytest.fixture(params=["raw", "form"])
def put(request: pytest.FixtureRequest, api: Api) -> Callable[..., httpx.Response]:
    """Sends a chunk in each of the two forms."""
    return api.put if request.param == "raw" else api.put_form


def test_chunks_in_any_order(server: Service, api: Api, put: Callable[..., httpx.Response]) -> None:
    """R3, R8, R9, R17, E5: each lands at its place in the file made at the creation."""
    upload = api.create(1000)
    inode = (server.upload_dir / upload["id"]).stat().st_ino
    for first, stop in ((700, 1000), (0, 300), (300, 700)):
        reply = put(upload, first, DATA[first:stop])
        assert reply.status_code == 200, reply.text
        chunk = reply.json()["chunk"]
        assert (chunk["offset"], chunk["size"], chunk["created"]) == (first, stop - first, True)
        assert chunk["sha256"] == sha256(DATA[first:stop])
    assert content(server, upload) == DATA
    assert (server.upload_dir / upload["id"]).stat().st_ino == inode
    assert [row[:3] for row in ranges(server, upload)] == [
        (0, 300, "received"),
        (300, 400, "received"),
        (700, 300, "received"),
    ]


def test_the_space_is_reserved_at_the_creation(server: Service, api: Api) -> None:
    """R7, R16: all blocks are there before the first chunk."""
    upload = api.create(8 << 20)
    found = (server.upload_dir / upload["id"]).stat()
    assert found.st_size == 8 << 20
    assert found.st_blocks * 512 >= 8 << 20


def test_the_upload_can_be_viewed(api: Api) -> None:
    """R4, R5, R6, R10: all facts, the chunks and what is missing."""
    upload = api.create(1000, filename="a.iso", content_type="text/plain", metadata={"where": "näh"})
    api.put(upload, 200, DATA[200:400])
    found = api.view(upload)
    assert found["size"] == 1000
    assert found["received"] == 200
    assert found["metadata"] == {"where": "näh", "filename": "a.iso", "filetype": "text/plain"}
    assert found["kind"] == "session"
    assert found["state"] == "open"
    assert found["user"] is None
    assert found["completed_at"] is None
    assert found["created_at"] < found["updated_at"] < found["expires_at"]
    assert found["missing"] == [{"start": 0, "end": 199}, {"start": 400, "end": 999}]
    (chunk,) = found["chunks"]
    assert {key: chunk[key] for key in ("offset", "size", "sha256", "state")} == {
        "offset": 200,
        "size": 200,
        "sha256": sha256(DATA[200:400]),
        "state": "received",
    }
    assert found["href"].endswith(f"/uploads/{found['id']}/")


def test_e01_the_same_chunk_again(server: Service, api: Api, put: Callable[..., httpx.Response]) -> None:
    """200, and nothing is written: the file may be read-only meanwhile."""
    upload = api.create(1000)
    put(upload, 100, DATA[:50])
    before, rows = content(server, upload), ranges(server, upload)
    modified_ns = (server.upload_dir / upload["id"]).stat().st_mtime_ns
    reply = put(upload, 100, DATA[:50])
    assert reply.status_code == 200
    assert reply.json()["chunk"]["created"] is False
    assert (server.upload_dir / upload["id"]).stat().st_mtime_ns == modified_ns
    assert (content(server, upload), ranges(server, upload)) == (before, rows)


def test_e02_other_bytes_for_a_received_range(
    server: Service, api: Api, put: Callable[..., httpx.Response]
) -> None:
    upload = api.create(1000)
    put(upload, 100, DATA[:50])
    before, modified_ns = content(server, upload), (server.upload_dir / upload["id"]).stat().st_mtime_ns
    fields = problem(put(upload, 100, b"x" * 50), "chunk-conflict", 409)
    assert fields["chunk"] == {"offset": 100, "size": 50, "sha256": sha256(DATA[:50])}
    assert content(server, upload) == before
    assert (server.upload_dir / upload["id"]).stat().st_mtime_ns == modified_ns


@pytest.mark.parametrize(("first", "size"), [(90, 20), (140, 20), (110, 10), (0, 1000), (100, 49), (101, 49)])
def test_e03_a_partial_overlap(server: Service, api: Api, first: int, size: int) -> None:
    upload = api.create(1000)
    api.put(upload, 100, DATA[:50])
    before = content(server, upload)
    fields = problem(api.put(upload, first, DATA[:size]), "range-overlap", 409)
    assert fields["conflicts"] == [{"start": 100, "end": 149}]
    assert fields["missing"] == [{"start": 0, "end": 99}, {"start": 150, "end": 999}]
    assert content(server, upload) == before
    assert len(ranges(server, upload)) == 1


def slow_put(server: Service, upload: dict[str, Any], first: int, size: int, sent: bytes) -> socket.socket:
    """Begin a chunk of ``size`` bytes and send only some of it."""
    connection = socket.create_connection(server.host_port)
    head = (
        f"PUT {upload['href']} HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n"
        f"Content-Range: bytes {first}-{first + size - 1}/*\r\n\r\n"
    )
    connection.sendall(head.encode() + sent)
    eventually(lambda: any(row[:3:2] == (first, "receiving") for row in ranges(server, upload)))
    return connection


def read_reply(connection: socket.socket) -> bytes:
    connection.settimeout(10)
    reply = b""
    while b"\r\n\r\n" not in reply:
        block = connection.recv(65536)
        if not block:
            break
        reply += block
    return reply


@pytest.mark.parametrize(("first", "size"), [(100, 50), (90, 20), (140, 20)])
def test_e04_a_range_that_another_request_is_sending(
    server: Service, api: Api, first: int, size: int
) -> None:
    upload = api.create(1000)
    with slow_put(server, upload, 100, 50, DATA[:10]) as other:
        reply = api.put(upload, first, DATA[:size])
        fields = problem(reply, "chunk-in-progress", 423)
        assert fields["range"] == {"start": 100, "end": 149}
        assert reply.headers["retry-after"] == "1"
        other.sendall(DATA[10:50])
        assert read_reply(other).startswith(b"HTTP/1.1 200")
    assert content(server, upload)[100:150] == DATA[:50]


def test_e06_a_wrong_total(server: Service, api: Api, put: Callable[..., httpx.Response]) -> None:
    upload = api.create(1000)
    reply = api.http.put(upload["href"], content=DATA[:10], headers=content_range(0, 10, 999))
    fields = problem(reply, "content-range-total", 400)
    assert (fields["size"], fields["total"]) == (1000, 999)
    assert ranges(server, upload) == []
    reply = api.http.put(upload["href"], content=DATA[:10], headers=content_range(0, 10, 1000))
    assert reply.status_code == 200


@pytest.mark.parametrize(
    "header",
    [
        "bytes 990-1000/1000",
        "bytes 5-4/1000",
        "lines 0-9/1000",
        "bytes 0-4,5-9/1000",
        "bytes 0-9",
        "bytes */1000",
        "bytes -9/1000",
        "bytes +0-9/1000",
        "bytes 0-99999999999999999999/*",
        "",
        None,
    ],
)
def test_e07_a_wrong_content_range(server: Service, api: Api, header: str | None) -> None:
    upload = api.create(1000)
    headers = {} if header is None else {"Content-Range": header}
    fields = problem(api.http.put(upload["href"], content=DATA[:10], headers=headers), "content-range", 400)
    assert fields["size"] == 1000
    assert ranges(server, upload) == []


@pytest.mark.parametrize("header", ["Bytes 0-9/1000", "BYTES  0 - 9 / 1000", "bytes 0-9/*"])
def test_content_range_in_other_clothes(api: Api, header: str) -> None:
    """Units have no case, and blanks are harmless."""
    upload = api.create(1000)
    reply = api.http.put(upload["href"], content=DATA[:10], headers={"Content-Range": header})
    assert reply.status_code == 200


def test_e08_a_body_shorter_than_its_range(server: Service, api: Api) -> None:
    """Announced as shorter; cut off; and as a form, which announces nothing. The range stays missing."""
    upload = api.create(1000)
    reply = api.http.put(upload["href"], content=DATA[:9], headers=content_range(0, 10))
    fields = problem(reply, "chunk-size", 400)
    assert (fields["expected"], fields["actual"]) == (10, 9)
    reply = api.http.put(upload["href"], files={"file": ("c", DATA[:9])}, headers=content_range(0, 10))
    fields = problem(reply, "chunk-size", 400)
    assert (fields["expected"], fields["actual"]) == (10, 9)
    slow_put(server, upload, 100, 50, DATA[:10]).close()
    eventually(lambda: not ranges(server, upload))
    assert api.put(upload, 100, DATA[:50]).status_code == 200


def test_e09_a_body_longer_than_its_range(server: Service, api: Api) -> None:
    """Nothing is ever written beyond the range, whatever way the body comes."""
    upload = api.create(1000)
    reply = api.http.put(upload["href"], content=DATA[:11], headers=content_range(0, 10))
    assert problem(reply, "chunk-size", 400)["actual"] == 11
    reply = api.http.put(upload["href"], files={"file": ("c", DATA)}, headers=content_range(0, 10))
    assert problem(reply, "chunk-size", 400)["actual"] is None
    reply = api.http.put(
        upload["href"], content=iter([DATA[:6], DATA[6:30]]), headers=content_range(0, 10)
    )  # chunked coding
    assert problem(reply, "chunk-size", 400)["actual"] is None
    assert content(server, upload)[10:] == bytes(990)
    assert ranges(server, upload) == []


def test_e10_a_wrong_chunk_digest(server: Service, api: Api) -> None:
    """R19: the range stays missing, whatever way the digest comes."""
    upload = api.create(1000)
    wrong = sha256(b"other")
    fields = problem(api.put_form(upload, 0, DATA[:10], sha256=wrong), "chunk-digest-mismatch", 400)
    assert fields["algorithm"] == "sha256"
    assert fields["expected"] == wrong
    assert fields["actual"] == sha256(DATA[:10])
    encoded = base64.b64encode(bytes.fromhex(wrong)).decode()
    for header in (
        {"Content-Digest": f"sha-256=:{encoded}:"},
        {"Upload-Checksum": f"sha256 {encoded}"},
        {"Digest": f"SHA-256={encoded}"},
    ):
        problem(api.put(upload, 0, DATA[:10], headers=header), "chunk-digest-mismatch", 400)
    assert ranges(server, upload) == []
    assert api.view(upload)["received"] == 0


def test_right_chunk_digests(api: Api) -> None:
    """T6: every header, several algorithms at once, the field before and after the file, hex in any case."""
    upload = api.create(1000)
    data = DATA[:10]
    encoded = {
        name: base64.b64encode(hashlib.new(name, data).digest()).decode()
        for name in ("sha256", "sha512", "sha1")
    }
    for header in (
        {"Content-Digest": f"sha-512=:{encoded['sha512']}:, sha-256=:{encoded['sha256']}:"},
        {"Content-Digest": f"sha-256=:{encoded['sha256']}:, unknown=:AAAA:"},
        {"Upload-Checksum": f"sha1 {encoded['sha1']}"},
        {"Digest": f"sha={encoded['sha1']},SHA-256={encoded['sha256']}"},
    ):
        assert api.put(upload, 0, data, headers=header).status_code == 200
    assert api.put_form(upload, 0, data, sha256=sha256(data).upper()).status_code == 200
    digest: tuple[None, str] = (None, sha256(data))
    reply = api.http.put(
        upload["href"], files={"file": ("c", data), "sha256": digest}, headers=content_range(0, data)
    )
    assert reply.status_code == 200
    digest = (None, sha256(b"x"))
    reply = api.http.put(
        upload["href"], files={"file": ("c", data), "sha256": digest}, headers=content_range(10, data)
    )
    problem(reply, "chunk-digest-mismatch", 400)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Content-Digest", "sha-256=abc"),
        ("Content-Digest", "sha-256=:AAAA:"),
        ("Digest", "crc=1"),
        ("Digest", "x"),
    ],
)
def test_a_malformed_digest(api: Api, name: str, value: str) -> None:
    upload = api.create(1000)
    fields = problem(api.put(upload, 0, DATA[:10], headers={name: value}), "invalid-digest", 400)
    assert "sha-256" in fields["supported"]


def test_no_digest_is_passed_over(server: Service, api: Api) -> None:
    """Of several lines, several fields or an empty field each one counts."""
    upload = api.create(1000)
    data, headers = DATA[:10], content_range(0, 10)
    right, wrong = (base64.b64encode(hashlib.sha256(each).digest()).decode() for each in (data, b"x"))
    for name, form in (("Content-Digest", "sha-256=:{}:"), ("Digest", "SHA-256={}")):
        lines = [
            *headers.items(),
            (name, form.format(right).replace("256", "999", 1)),
            (name, form.format(wrong)),
        ]
        reply = api.http.put(upload["href"], content=data, headers=lines)
        problem(reply, "chunk-digest-mismatch", 400)
    lines = [*headers.items(), *(("Upload-Checksum", f"sha256 {each}") for each in (right, wrong))]
    problem(api.http.put(upload["href"], content=data, headers=lines), "invalid-digest", 400)
    fields = problem(api.put_form(upload, 0, data, sha256=""), "invalid-field", 400)
    assert list(fields["errors"]) == ["sha256"]
    twice: Any = [("sha256", (None, sha256(b"x"))), ("file", ("f", data)), ("sha256", (None, sha256(data)))]
    problem(api.http.put(upload["href"], files=twice, headers=headers), "invalid-body", 400)
    assert ranges(server, upload) == []


def test_a_repeat_that_is_cut_off(server: Service, api: Api) -> None:
    """T5: compare mode writes nothing, however it ends."""
    upload = api.create(1000)
    api.put(upload, 100, DATA[:50])
    before = content(server, upload)
    with socket.create_connection(server.host_port) as connection:
        connection.sendall(
            f"PUT {upload['href']} HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n"
            "Content-Range: bytes 100-149/*\r\n\r\n".encode()
            + b"y" * 20
        )
        time.sleep(0.1)
    assert api.put(upload, 100, DATA[:50]).json()["chunk"]["created"] is False
    assert content(server, upload) == before


@pytest.mark.parametrize("durability", ["finish", "patch"])
def test_e27_deletion_while_a_chunk_arrives(serve: Callable[..., Service], durability: str) -> None:
    """204 at once; who is still sending learns it at the end."""
    server = serve("-durability", durability)
    api = server.api()
    upload = api.create(1000)
    with slow_put(server, upload, 100, 50, DATA[:10]) as other:
        assert api.http.delete(upload["href"]).status_code == 204
        assert upload["id"] not in server.files()
        other.sendall(DATA[10:50])
        assert read_reply(other).startswith(b"HTTP/1.1 404")
    assert server.sql("SELECT * FROM upload_chunks WHERE upload_id = ?", upload["id"]) == []


@pytest.mark.parametrize("size", [2**63, -1, "ten", "1.5", 1.5, True, None, "", " 1", "+1", [1]])
def test_e29_a_size_that_is_none(api: Api, size: object) -> None:
    fields = problem(api.http.post("/uploads/", json={"size": size}), "invalid-field", 400)
    assert list(fields["errors"]) == ["size"]


def test_e31_an_id_that_is_none(server: Service, api: Api) -> None:
    """Never a path on the disk."""
    for name in ("..%2f..%2fetc%2fpasswd", "%2e%2e", "x" * 300, ".tusd-py", "catalog.sqlite3", "no-such"):
        for method in ("GET", "PUT", "DELETE"):
            reply = api.http.request(method, f"/uploads/{name}/", headers=content_range(0, 1))
            assert reply.status_code == 404, (method, name)
    assert (server.upload_dir / ".tusd-py/catalog.sqlite3").exists()


def test_e33_any_content_type_that_is_no_form_is_bytes(server: Service, api: Api) -> None:
    upload = api.create(1000)
    types = ["application/json", "application/x-www-form-urlencoded", "text/plain; charset=x", "@", None]
    for position, kind in enumerate(types):
        headers = {} if kind is None else {"Content-Type": kind}
        reply = api.put(upload, position * 10, DATA[position * 10 : position * 10 + 10], headers=headers)
        assert reply.status_code == 200
    assert content(server, upload)[:50] == DATA[:50]


def test_e34_several_files_or_none(server: Service, api: Api) -> None:
    upload = api.create(1000)
    two = [("file", ("a", DATA[:10])), ("file", ("b", DATA[:10]))]
    problem(api.http.put(upload["href"], files=two, headers=content_range(0, 10)), "invalid-body", 400)
    none = {"other": ("a", DATA[:10])}
    fields = problem(
        api.http.put(upload["href"], files=none, headers=content_range(0, 10)), "invalid-field", 400
    )
    assert list(fields["errors"]) == ["file"]
    reply = api.http.put(
        upload["href"],
        content=b"--b\r\nno header",
        headers={"Content-Type": "multipart/form-data; boundary=b", **content_range(0, 10)},
    )
    problem(reply, "invalid-body", 400)
    assert ranges(server, upload) == []


def test_e35_a_proxy_sends_a_put_again(api: Api) -> None:
    """The first one succeeded and its answer was lost: the second is E1."""
    upload = api.create(1000)
    replies: list[int] = []
    threads = [
        threading.Thread(target=lambda: replies.append(api.put(upload, 0, DATA[:500]).status_code))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(replies) in ([200, 200], [200, 423])
    assert api.put(upload, 0, DATA[:500]).status_code == 200


def test_a_chunk_can_be_deleted(server: Service, api: Api) -> None:
    """Its range is missing again and takes other bytes."""
    upload = api.create(1000)
    api.put(upload, 0, DATA[:50])
    api.put(upload, 50, DATA[50:90])
    assert api.http.delete(f"{upload['href']}chunks/0").status_code == 204
    found = api.view(upload)
    assert found["received"] == 40
    assert found["missing"] == [{"start": 0, "end": 49}, {"start": 90, "end": 999}]
    problem(api.http.delete(f"{upload['href']}chunks/0/"), "not-found", 404)
    assert api.put(upload, 0, b"z" * 50).status_code == 200
    assert content(server, upload)[:90] == b"z" * 50 + DATA[50:90]


def test_an_idle_sender_is_let_go(serve: Callable[..., Service]) -> None:
    """408, and the range is free again."""
    server = serve("-chunk-idle-timeout", "300ms")
    api = server.api()
    upload = api.create(1000)
    with slow_put(server, upload, 100, 50, DATA[:10]) as other:
        head, _, body = read_reply(other).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 408")
        assert json.loads(body)["type"].rpartition(":")[2] == "request-timeout"
    assert api.put(upload, 100, DATA[:50]).status_code == 200
