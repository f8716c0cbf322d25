"""Bodies that are small where they have to be: fields, lists of parts, and all of a form but its file."""

import itertools
import json
import select
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.chunks.conftest import Serve
from tests.chunks.lab import Api, Service, content_range, problem
from tests.support.tus import payload, sha256

MOST = 64 << 10
DATA = payload(3000)
FORM = "multipart/form-data; boundary=b"


def part(name: str, value: bytes, *, more: str = "") -> bytes:
    return f'--b\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'.encode() + value + b"\r\n"


def bodies(size: int) -> Iterator[tuple[str, bytes]]:
    """Every form of fields, with one of about ``size`` bytes."""
    yield "application/json", json.dumps({"a": "x" * size}).encode()
    yield "application/x-www-form-urlencoded", b"a=" + b"x" * size
    yield FORM, part("a", b"x" * size) + b"--b--\r\n"


@pytest.mark.parametrize("where", ["create", "commit", "artifact"])
def test_fields_have_at_most_64_kib(api: Api, where: str) -> None:
    """Whether the length was announced or not; just below the limit the fields are read."""
    upload = api.filled(DATA)
    path = {"create": "/uploads/", "commit": upload["links"]["commit"], "artifact": "/artifacts/"}[where]
    for kind, content in bodies(MOST + 300):
        for sent in (content, iter([content[:1000], content[1000:]])):
            reply = api.http.post(path, content=sent, headers={"Content-Type": kind})
            assert problem(reply, "body-too-large", 413)["max"] >= MOST
    for kind, content in bodies(MOST - 300):
        reply = api.http.post(path, content=content, headers={"Content-Type": kind})
        assert "is required" in problem(reply, "invalid-field", 400)["detail"]


def test_many_values_are_refused_before_they_are_made(api: Api) -> None:
    """60 KiB of empty lists cost a parser far more than 60 KiB of text."""
    content = b'{"size": 1, "a": [' + b"[]," * 20_000 + b"[]]}"
    reply = api.http.post("/uploads/", content=content, headers={"Content-Type": "application/json"})
    problem(reply, "invalid-body", 400)


def test_a_list_of_parts_may_be_as_long_as_the_upload(api: Api) -> None:
    """And no longer: who has one chunk cannot send megabytes about it."""
    data = payload(2000)
    upload = api.filled(data, cuts=range(2, 2000, 2))
    parts: list[dict[str, Any]] = [
        {"offset": at, "size": 2, "sha256": sha256(data[at : at + 2]), "part_id": "0123456789"}
        for at in range(0, 2000, 2)
    ]
    assert len(json.dumps({"parts": parts})) > MOST
    assert api.http.post(upload["links"]["commit"], json={"parts": parts}).status_code == 200
    other = api.filled(data)
    reply = api.http.post(other["links"]["commit"], json={"parts": parts})
    assert problem(reply, "body-too-large", 413)["max"] == MOST + 256


@pytest.mark.parametrize(
    ("key", "status"), [("a-b", 201), ("a b", 400), ("a,b", 400), ("", 400), ("\u00e4", 400)]
)
def test_keys_of_metadata_are_those_that_tus_can_send(api: Api, key: str, status: int) -> None:
    assert api.http.post("/uploads/", json={"size": 1, "metadata": {key: "x"}}).status_code == status


def test_metadata_that_is_no_text_is_not_altered(api: Api) -> None:
    """JSON can escape half of a surrogate pair; it is refused and not replaced by something else."""
    for text, status in ((b"\\ud83d", 400), (b"\\ud83d\\ude00", 201)):
        content = b'{"size": 1, "metadata": {"a": "%b"}}' % text
        reply = api.http.post("/uploads/", content=content, headers={"Content-Type": "application/json"})
        assert reply.status_code == status, reply.text
        assert status == 400 or reply.json()["metadata"] == {"a": "\U0001f600"}


@pytest.mark.parametrize(
    "endless",
    [
        pytest.param(part("a", b"x"), id="parts"),
        pytest.param(b"\r\n" * 100, id="before the first part"),
        pytest.param(b"--b\r\nX-Name: " + b"x" * 4000, id="a header"),
        pytest.param(part("a", b"x") + b"--b--\r\n", id="after the last part"),
        pytest.param(b"--b\r\nContent-Disposition: form-data; name=a\r\n\r\n" + b"y" * 4000, id="a field"),
    ],
)
@pytest.mark.parametrize("path", ["/uploads/", "/artifacts/", "chunk"])
def test_a_form_without_end_is_broken_off(server: Service, api: Api, endless: bytes, path: str) -> None:
    """A client that goes on for as long as it is let gets its answer, and its claim is gone."""
    upload = api.create(1000)
    where = urlsplit(server.origin)
    method, target = ("PUT", upload["href"]) if path == "chunk" else ("POST", path)
    with socket.create_connection((where.hostname or "", where.port or 0)) as connection:
        connection.settimeout(20)
        connection.sendall(
            f"{method} {target} HTTP/1.1\r\nHost: x\r\nContent-Type: {FORM}\r\nTransfer-Encoding: chunked\r\n"
            "Content-Range: bytes 0-99/1000\r\n\r\n".encode()
        )
        reply = send_until_answered(connection, endless)
    assert reply.partition(b"\r\n")[0].split()[1] in (b"413", b"400"), reply
    assert api.view(upload)["chunks"] == []


@pytest.mark.parametrize(
    ("kind", "begun"), [("application/json", "{"), ("application/x-www-form-urlencoded", "a"), (FORM, "--b")]
)
def test_fields_that_stop_arriving_are_refused(serve: Serve, kind: str, begun: str) -> None:
    """SECURITY.md, slow or silent clients: no fault of the server, and nothing like one in its log."""
    where = urlsplit(serve("-network-timeout", "300ms").url)
    with socket.create_connection((where.hostname or "", where.port or 0)) as connection:
        connection.settimeout(20)
        head = f"POST /uploads/ HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\nContent-Length: 99\r\n\r\n"
        connection.sendall(head.encode() + begun.encode())
        reply = connection.makefile("rb").read()
    assert reply.startswith(b"HTTP/1.1 400 "), reply
    assert b"ended early" in reply


def send_until_answered(connection: socket.socket, data: bytes) -> bytes:
    """Send ``data``, then its second half again and again; what the server says meanwhile."""
    block = data[len(data) // 2 :] * (8192 // len(data) + 1)
    for piece in itertools.chain([data], itertools.repeat(block, 2000)):
        if select.select([connection], [], [], 0)[0]:
            break
        connection.sendall(b"%x\r\n%b\r\n" % (len(piece), piece))
    return connection.recv(65536)


def test_the_fields_of_a_chunk_are_small(server: Service, api: Api) -> None:
    """Before the file and after it; a file as large as its range is no field."""
    large = payload(300_000)
    upload = api.create(len(large))
    filler = part("a", b"x" * MOST)
    file = part("file", large, more='; filename="f"')
    for content in (filler + file, file + filler):
        headers = {"Content-Type": FORM, **content_range(0, large)}
        reply: httpx.Response = api.http.put(upload["href"], content=content + b"--b--\r\n", headers=headers)
        problem(reply, "body-too-large", 413)
        assert server.sql("SELECT * FROM upload_chunks WHERE upload_id = ?", upload["id"]) == []
    assert api.put_form(upload, 0, large, sha256=sha256(large)).status_code == 200


def test_parts_without_data_are_counted(api: Api) -> None:
    part = b'--b\r\nContent-Disposition: form-data; name="x"\r\n\r\n\r\n'
    reply = api.http.post(
        "/uploads/",
        content=part * 1000 + b"--b--\r\n",
        headers={"Content-Type": "multipart/form-data; boundary=b"},
    )
    problem(reply, "invalid-body", 400)


def test_a_key_that_others_may_hit_upon_is_refused(api: Api) -> None:
    for key in ("", "1", "build-17"):
        reply = api.http.post("/uploads/", json={"size": 5}, headers={"Idempotency-Key": key})
        assert reply.status_code == 400
