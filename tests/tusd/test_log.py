"""tusd, sections 1.4 and 1.5: what is said at the start and the end, and what is logged, as text and JSON."""

from __future__ import annotations

import json
import re
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from tests.support.fixtures import Serve
from tests.support.server import Server, command, run
from tests.support.tus import OFFSET_STREAM, TUS, id_of
from tests.support.waiting import eventually

_LINE = re.compile(r"(\d{4}/\d\d/\d\d \d\d:\d\d:\d\d\.\d{6}) (.*)")
_PAIR = re.compile(r'(?<= )(\w+)=("(?:[^"\\]|\\.)*"|\S+)')


def sentences(server: Server) -> list[str]:
    """What a server said in text that is no event, without the times."""
    lines = [_LINE.fullmatch(line) for line in server.output().splitlines()]
    assert all(lines)
    return [line[2] for line in lines if line and not line[2].startswith("level=")]


def events(server: Server) -> list[dict[str, str]]:
    """What a server logged, in text or in JSON."""
    found: list[dict[str, str]] = []
    for line in server.output().splitlines():
        if line.startswith("{"):
            record = {name: str(value) for name, value in json.loads(line).items()}
            found += [{"event": record.pop("msg"), **record}] if len(record) > 3 else []
        elif " level=" in line:
            pairs = _PAIR.findall(line)
            found.append({name: json.loads(value) if value[0] == '"' else value for name, value in pairs})
    return found


def upload(server: Server, headers: Mapping[str, str] | None = None) -> str:
    """Create and send an upload, and look at it; return its URL."""
    data = b"hello"
    with httpx.Client(headers={**TUS, **(headers or {})}) as client:
        url = client.post(server.url, headers={"Upload-Length": str(len(data))}).headers["Location"]
        client.patch(url, headers={"Content-Type": OFFSET_STREAM, "Upload-Offset": "0"}, content=data)
        client.head(url)
    return str(url)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_the_lines_of_the_start_and_the_end(serve: Serve, workers: str) -> None:
    """Byte for byte as tusd, but for the extensions and the program's name."""
    server = serve("-max-size", "5000000", "-workers", workers, "-base-path", "/up")
    assert server.stop() == 0
    extensions = "[a-z]+(-[a-z]+)*(,[a-z]+(-[a-z]+)*)*"
    expected = [
        re.escape(f"Using '{server.upload_dir}' as directory storage."),
        r"Using 4\.77MB as maximum size\.",
        rf"Supported tus extensions: {extensions}",
        r"Using 127\.0\.0\.1:0 as address to listen\.",
        r"Using /up as the base path\.",
        r"Using /metrics as the metrics path\.",
        r"You can now upload files to: http://127\.0\.0\.1:\d+/up",
        r"Received interrupt signal\. Shutting down tusd-py\.\.\.",
        r"Shutdown completed\. Goodbye!",
    ]
    said = sentences(server)
    assert len(said) == len(expected)
    for line, pattern in zip(said, expected, strict=True):
        assert re.fullmatch(pattern, line), line


def test_the_lines_of_the_start_in_json(serve: Serve) -> None:
    server = serve("-log-format", "json", "-expose-metrics=false")
    records = [json.loads(line) for line in server.output().splitlines()]
    assert all(list(record) == ["time", "level", "msg"] for record in records)
    assert {record["level"] for record in records} == {"INFO"}
    assert records[-1]["msg"] == f"You can now upload files to: {server.url}"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}(Z|[+-]\d\d:\d\d)", records[0]["time"])


def answers(path: Path) -> bool:
    """Whether a server on a UNIX socket takes requests."""
    with socket.socket(socket.AF_UNIX) as client:
        if client.connect_ex(str(path)) != 0:
            return False
        client.sendall(b"OPTIONS /files/ HTTP/1.1\r\nHost: localhost\r\n\r\n")
        return client.recv(12) == b"HTTP/1.1 200"


def test_the_lines_of_the_start_can_be_left_out(tmp_path: Path) -> None:
    words = ["-show-startup-logs=false", "-unix-sock", str(tmp_path / "socket")]
    with subprocess.Popen([*command(), *words], cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
        eventually(lambda: answers(tmp_path / "socket"))
        process.terminate()
        said, _ = process.communicate(timeout=30)
    assert not re.search("Using|You can now", said)
    said_at_last = said.splitlines()[-2:]
    assert [line.partition(" ")[2].partition(" ")[2] for line in said_at_last] == [
        "Received interrupt signal. Shutting down tusd-py...",
        "Shutdown completed. Goodbye!",
    ]


EVENTS = [
    ("RequestIncoming", "POST", []),
    ("UploadCreated", "POST", ["size", "url"]),
    ("ResponseOutgoing", "POST", ["status", "body"]),
    ("RequestIncoming", "PATCH", []),
    ("ChunkWriteStart", "PATCH", ["maxSize", "offset"]),
    ("ChunkWriteComplete", "PATCH", ["bytesWritten"]),
    ("UploadFinished", "PATCH", ["size"]),
    ("ResponseOutgoing", "PATCH", ["status", "body"]),
    ("RequestIncoming", "HEAD", []),
    ("ResponseOutgoing", "HEAD", ["status", "body"]),
]


@pytest.mark.parametrize("form", ["text", "json"])
def test_the_events_of_an_upload(serve: Serve, form: str) -> None:
    server = serve("-log-format", form)
    url = upload(server, {"X-Request-ID": "r" * 40})
    upload_id = id_of(url)
    assert server.stop() == 0
    logged = events(server)
    found = []
    for record in logged:
        assert record["level"] == "INFO"
        assert record["path"] == ("" if record["method"] == "POST" else upload_id)
        assert record["requestId"] == "r" * 36
        assert record.get("id") == (None if record["event"] == "RequestIncoming" else upload_id)
        attributes = [name for name in record if name not in ("time", "level", "event")]
        common = ["method", "path", "requestId", *(["id"] if "id" in record else [])]
        assert attributes[: len(common)] == common
        found.append((record["event"], record["method"], attributes[len(common) :]))
    assert found == EVENTS
    created, start, end = logged[1], logged[4], logged[5]
    assert (created["size"], created["url"]) == ("5", url)
    assert (start["maxSize"], start["offset"], end["bytesWritten"]) == ("5", "0", "5")
    assert [record["status"] for record in logged if "status" in record] == ["201", "204", "200"]


def test_without_verbose_only_what_became_of_uploads(serve: Serve) -> None:
    """Each upload and its URL; beyond tusd, no lines of each request."""
    server = serve("-verbose=false")
    url = upload(server)
    with httpx.Client(headers=TUS) as client:
        assert client.delete(url).status_code == 204
    assert server.stop() == 0
    assert [(record["event"], record["id"]) for record in events(server)] == [
        ("UploadCreated", id_of(url)),
        ("UploadFinished", id_of(url)),
        ("UploadTerminated", id_of(url)),
    ]
    assert events(server)[0]["url"] == url


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_refusal_is_logged_with_what_it_says(serve: Serve, form: str) -> None:
    """And what a client sends forges neither a field nor a line."""
    server = serve("-log-format", form)
    hostile = 'x" status=200 body="\n2026/01/01 00:00:00.000000 level=INFO event=Forged'
    reply = httpx.get(server.url + quote(hostile))
    assert reply.status_code == 404
    assert server.stop() == 0
    incoming, outgoing = events(server)
    assert incoming["path"] == outgoing["id"] == hostile
    assert (outgoing["status"], outgoing["body"]) == ("404", "ERR_UPLOAD_NOT_FOUND: upload not found\n")


def test_what_cannot_be_used_is_a_record_in_json(tmp_path: Path) -> None:
    """Section 1.1: on stdout; what is warned about is one, too."""
    words = ["-log-format", "json", "-cors-allow-origin", "[", "-expose-pprof"]
    ended = run(*words, cwd=tmp_path)
    assert (ended.status, ended.err) == (1, "")
    (record,) = map(json.loads, ended.out.splitlines())
    assert (record["level"], record["msg"].partition(":")[0]) == ("ERROR", "flag -cors-allow-origin")
    warned = run("-log-format", "json", "-expose-pprof", "-upload-dir", "/dev/null", cwd=tmp_path)
    assert [json.loads(line)["level"] for line in warned.out.splitlines()] == ["WARN", "ERROR"]
