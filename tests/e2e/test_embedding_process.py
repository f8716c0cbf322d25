"""The server inside somebody else's application: under a prefix, under stock uvicorn, with its hooks.

``embedding_app.py`` is that application. Each test names what other servers do wrong with their hooks.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.server import Server
from tests.support.tus import MIB, OFFSET_STREAM, Tus, Wire, id_of, metadata, payload, wait_until
from tests.support.waiting import eventually

TOKEN = {"Authorization": "Bearer let-me-in"}


class Host(Server):
    """The embedding application as a process."""

    def calls(self, hook: str) -> list[dict[str, Any]]:
        """What a hook has seen so far."""
        notes = self.upload_dir.parent / "calls"
        lines = notes.read_text().splitlines() if notes.exists() else []
        return [call for call in map(json.loads, lines) if call["hook"] == hook]

    def finished(self) -> list[str]:
        """The ids of uploads that were reported complete, one for each call."""
        return [call["id"] for call in self.calls("finish")]


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    words = [sys.executable, "-m", "tests.e2e.embedding_app"]
    with Host(tmp_path / "uploads", words=words, log=tmp_path / "host.log") as host:
        yield host
    print(host.output()[-4000:])
    assert "Traceback" not in host.output()


@pytest.fixture
def tus(host: Host) -> Iterator[Tus]:
    """A client that the application knows."""
    with Tus(host.url) as client:
        client.http.headers.update(TOKEN)
        yield client


def test_mounted_under_a_prefix_everything_works(host: Host, tus: Tus) -> None:
    """Every request works below ``/api/v1`` (the mount of a peer answers POST with 405)."""
    data = payload(MIB, seed=1)
    reply = tus.post(len(data))
    assert httpx.URL(host.url).join(reply.headers["Location"]).path.startswith("/api/v1/files/")
    url = str(reply.url.join(reply.headers["Location"]))
    assert tus.patch(url, 0, data[:1000]).status_code == 204
    tus.finish(url, data)
    assert tus.get(url, Range="bytes=1-3").content == data[1:4]
    parts = [tus.create(3, body, Upload_Concat="partial") for body in (b"abc", b"def")]
    assert tus.get(tus.create(Upload_Concat="final;" + " ".join(parts))).content == b"abcdef"
    assert tus.delete(url).status_code == 204
    assert tus.head(url).status_code in {404, 410}
    assert httpx.get(f"http://127.0.0.1:{host.host_port[1]}/").text == "the host's own page"


def test_no_redirect_below_the_prefix(host: Host, tus: Tus) -> None:
    """With and without a slash at the end."""
    for target in (host.url, host.url.rstrip("/")):
        reply = tus.http.post(target, headers={"Upload-Length": "0"}, follow_redirects=False)
        assert reply.status_code == 201


def test_auth_comes_before_any_byte(host: Host, tus: Tus) -> None:
    """A stranger's PATCH is 401 and stores nothing (a peer stored 1000 bytes first), nor does a POST."""
    url = tus.create(1000)
    before = sorted(path.name for path in host.upload_dir.iterdir())
    with Tus(host.url) as stranger:
        replies = [
            stranger.patch(url, 0, b"x" * 1000),
            stranger.post(10, b"0123456789"),
            stranger.head(url),
            stranger.get(url),
            stranger.delete(url),
        ]
    assert [reply.status_code for reply in replies] == [401] * 5
    assert replies[0].headers["WWW-Authenticate"] == "Bearer"
    assert tus.offset(url) == 0
    assert (host.upload_dir / id_of(url)).read_bytes() == b""
    assert sorted(path.name for path in host.upload_dir.iterdir()) == before


def test_auth_is_asked_before_the_body_is_awaited(host: Host, tus: Tus) -> None:
    """The refusal does not wait for a body that a stranger may never send."""
    url = tus.create(1000)
    headers = {"Content-Type": OFFSET_STREAM, "Upload-Offset": "0", "Content-Length": "1000"}
    with Wire(host.host_port) as wire:
        wire.request("PATCH", httpx.URL(url).path, headers)
        reply = wire.reply()
    assert reply is not None
    assert reply.status == 401


def test_preflight_needs_no_auth(host: Host, tus: Tus) -> None:
    """A browser asks without credentials (a peer's OPTIONS is behind them, so no page can upload)."""
    url = tus.create(3)
    asked = {"Origin": "https://app.example", "Access-Control-Request-Method": "PATCH"}
    for target in (host.url, url):
        reply = httpx.options(target, headers=asked)
        assert reply.status_code in {200, 204}
        assert reply.headers["Access-Control-Allow-Origin"] in {"*", "https://app.example"}


def test_zero_byte_upload_calls_the_finish_hook(host: Host, tus: Tus) -> None:
    """An empty file is complete when it is made (peers never say so, and one deletes it)."""
    url = tus.create(0)
    assert host.finished() == [id_of(url)]


def test_creation_with_upload_calls_the_finish_hook(host: Host, tus: Tus) -> None:
    """Completion in the POST counts (a peer forgets the callback), with all bytes on disk."""
    url = tus.create(10, b"0123456789")
    assert [(call["id"], call["size"]) for call in host.calls("finish")] == [(id_of(url), 10)]


def test_finish_hook_is_called_once(host: Host, tus: Tus) -> None:
    """Neither an empty PATCH afterwards nor HEAD, GET or DELETE calls it again (a peer does)."""
    url = tus.create(10)
    assert tus.patch(url, 0, b"01234").status_code == 204
    assert host.finished() == []
    reply = tus.patch(url, 5, b"56789")
    assert reply.headers["X-Finished"] == id_of(url)
    tus.patch(url, 10, b"")
    tus.head(url)
    tus.get(url)
    tus.delete(url)
    assert host.finished() == [id_of(url)]


def test_finish_hook_by_an_empty_final_patch(host: Host, tus: Tus) -> None:
    """A deferred length that is declared without bytes completes the upload, and says so."""
    url = tus.create(Upload_Defer_Length="1")
    assert tus.patch(url, 0, b"abc").status_code == 204
    assert host.finished() == []
    reply = tus.patch(url, 3, b"", Upload_Length="3")
    assert (reply.status_code, reply.text) == (200, '{"finished": true}')
    assert host.finished() == [id_of(url)]


def test_finish_hook_of_a_final_upload(host: Host, tus: Tus) -> None:
    """The final upload is reported complete, too."""
    parts = [tus.create(3, body, Upload_Concat="partial") for body in (b"abc", b"def")]
    final = tus.create(Upload_Concat="final;" + " ".join(parts))
    assert host.finished().count(id_of(final)) == 1


def test_finish_hook_that_was_killed_is_called_again(host: Host, tus: Tus) -> None:
    """All bytes are there, the process dies in the hook: after a restart the application hears of it."""
    url = tus.create(3, Upload_Metadata=metadata(filename="slow"))
    with Wire(host.host_port) as wire:
        wire.begin_patch(url, 0, 3, **TOKEN)
        wire.send(b"abc")
        eventually(lambda: host.calls("finishing"))
        host.kill()
    assert host.finished() == []
    host.restart()
    assert tus.offset(url) == 3
    eventually(lambda: tus.get(url).content == b"abc")
    assert host.finished() == [id_of(url)]


def test_hook_reply_reaches_the_client(host: Host, tus: Tus) -> None:
    """What the application says about the finished file arrives (Uppy hands it to the page)."""
    url = tus.create(3)
    reply = tus.patch(url, 0, b"abc")
    assert (reply.status_code, reply.text) == (200, '{"finished": true}')
    assert reply.headers["Upload-Offset"] == "3"
    assert reply.headers["X-Finished"] == id_of(url)


def test_refused_creation_leaves_nothing(host: Host, tus: Tus) -> None:
    """The application's status reaches the client, and no file stays."""
    tus.create(1)
    before = sorted(path.name for path in host.upload_dir.iterdir())
    reply = tus.post(10, Upload_Metadata=metadata(filename="refused"))
    assert reply.status_code == 403
    assert "Location" not in reply.headers
    assert sorted(path.name for path in host.upload_dir.iterdir()) == before


def test_create_hook_changes_metadata(tus: Tus) -> None:
    """What the application made of the metadata is what HEAD tells."""
    reply = tus.post(3, Upload_Metadata=metadata(filename="client"), X_Rename="server")
    told = tus.head(str(reply.url.join(reply.headers["Location"]))).headers["Upload-Metadata"]
    assert told == metadata(filename="server")


def test_refused_termination_keeps_the_upload(host: Host, tus: Tus) -> None:
    """DELETE that the application refuses deletes nothing."""
    url = tus.create(3, b"abc", Upload_Metadata=metadata(filename="precious"))
    assert tus.delete(url).status_code == 409
    assert tus.get(url).content == b"abc"
    other = tus.create(3, b"abc")
    assert tus.delete(other).status_code == 204
    assert [call["id"] for call in host.calls("terminate")] == [id_of(url), id_of(other)]


def test_nothing_is_held_back_under_stock_uvicorn(host: Host, tus: Tus) -> None:
    """What has arrived of a paused body is in the file a moment later, where ``kill -9`` cannot harm it."""
    data = payload(16 * MIB, seed=3)
    url = tus.create(len(data))
    with Wire(host.host_port) as wire:
        wire.begin_patch(url, 0, len(data), **TOKEN)
        for place in range(0, len(data), MIB):
            wire.send(data[place : place + MIB])
            wait_until(place + MIB, host.upload_dir / id_of(url), timeout_s=5)
    assert tus.offset(url) == len(data)


def test_kill_and_resume_under_stock_uvicorn(host: Host, tus: Tus) -> None:
    """Without the command's own HTTP protocol the bytes of a running PATCH survive ``kill -9`` as well."""
    data = payload(4 * MIB, seed=2)
    url = tus.create(len(data))
    with Wire(host.host_port) as wire:
        wire.begin_patch(url, 0, len(data), **TOKEN)
        wire.send(data[: 3 * MIB])
        wait_until(3 * MIB, host.upload_dir / id_of(url))
        host.kill()
    host.restart()
    assert tus.offset(url) == 3 * MIB
    tus.finish(url, data)
    assert tus.get(url).content == data
    assert host.finished() == [id_of(url)]
