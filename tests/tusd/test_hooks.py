"""tusd, section 5: hooks over HTTP and as programs; events that are told at least once and in order."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.fixtures import Serve
from tests.support.process import free_port
from tests.support.tus import Tus, Wire, id_of, metadata
from tests.support.waiting import eventually
from tests.tusd.hooks import FINE, Endpoint, Reply, answer, endpoint, script
from tests.tusd.test_metrics import children_of, scrape

ALL = "-hooks-enabled-events="
EVENTS = "post-create,post-finish,post-terminate"
OFTEN = ("-progress-hooks-interval", "10ms")


def offsets(hooks: Endpoint) -> list[int]:
    """What post-receive hooks were told."""
    return [event["Upload"]["Offset"] for event in hooks.events("post-receive")]


@pytest.fixture
def hooks() -> Iterator[Endpoint]:
    with endpoint() as served:
        yield served


def told(hooks: Endpoint, *names: str) -> None:
    """Wait until just these hooks were called, in this order."""
    eventually(lambda: hooks.names() == list(names), 10)


def heard_of(hooks: Endpoint, url: str) -> None:
    """Wait until a hook was called for this upload."""
    eventually(lambda: id_of(url) in {event["Upload"]["ID"] for _, event, _ in hooks.calls})


def test_what_a_hook_is_told(serve: Serve, hooks: Endpoint) -> None:
    """Every field of tusd's, in its order."""
    server = serve("-hooks-http", hooks.url)
    with Tus(server.url) as tus:
        url = tus.create(5, Upload_Metadata=metadata(empty="", filename="a b.txt"), X_Request_ID="r1")
        tus.finish(url, b"hello")
    upload_id = url.rpartition("/")[2]
    eventually(lambda: set(hooks.names()) == {"pre-create", "post-create", "post-receive", "post-finish"}, 10)
    path = str(server.upload_dir.resolve() / upload_id)
    upload = {
        "ID": upload_id,
        "Size": 5,
        "SizeIsDeferred": False,
        "Offset": 0,
        "MetaData": {"empty": "", "filename": "a b.txt"},
        "IsPartial": False,
        "IsFinal": False,
        "PartialUploads": None,
        "Storage": {"InfoPath": f"{path}.info", "Path": path, "Type": "filestore"},
    }
    (before,), (created,), (finished,) = map(hooks.events, ("pre-create", "post-create", "post-finish"))
    assert before["Upload"] == upload | {"ID": "", "Storage": None}
    assert created["Upload"] == upload
    assert finished["Upload"] == upload | {"Offset": 5}
    assert list(created) == ["Upload", "HTTPRequest"]
    assert list(created["Upload"]) == list(upload)
    request = created["HTTPRequest"]
    assert list(request) == ["Method", "URI", "RemoteAddr", "Header"]
    assert (request["Method"], request["URI"]) == ("POST", "/files/")
    assert request["RemoteAddr"].startswith("127.0.0.1:")
    assert request["Header"]["X-Request-Id"] == ["r1"]
    assert request["Header"]["Tus-Resumable"] == ["1.0.0"]
    assert request["Header"]["Host"] == [server.origin.removeprefix("http://")]
    assert list(request["Header"]) == sorted(request["Header"])
    assert finished["HTTPRequest"]["Method"] == "PATCH"


def test_the_start_says_what_is_called(serve: Serve, hooks: Endpoint) -> None:
    """In tusd's words; without the endpoint's password."""
    server = serve(
        "-hooks-http", hooks.url.replace("://", "://user:secret@"), "-hooks-enabled-events", "pre-create"
    )
    where = hooks.url.replace("://", "://***@")
    assert f" Using '{where}' as the endpoint for hooks\n" in server.output()
    assert " Enabled hook events: pre-create\n" in server.output()
    assert "secret" not in server.output()


def test_partials_and_finals(serve: Serve, hooks: Endpoint) -> None:
    server = serve("-hooks-http", hooks.url)
    with Tus(server.url) as tus:
        partial = tus.create(3, Upload_Concat="partial")
        tus.finish(partial, b"abc")
        final = tus.post(Upload_Concat=f"final;{partial}").headers["location"]
    eventually(lambda: len(hooks.events("post-finish")) == 2, 10)
    before, _ = hooks.events("pre-create")
    assert (before["Upload"]["IsPartial"], before["Upload"]["IsFinal"]) == (True, False)
    by_id = {event["Upload"]["ID"]: event for event in hooks.events("post-finish")}
    finished = by_id[final.rpartition("/")[2]]
    assert (finished["Upload"]["IsPartial"], finished["Upload"]["IsFinal"]) == (False, True)
    assert finished["Upload"]["PartialUploads"] == [partial.rpartition("/")[2]]
    assert (finished["Upload"]["Size"], finished["Upload"]["Offset"]) == (3, 3)
    assert "Path" not in finished["Upload"]["Storage"], "its bytes are in the files of its partials"


def test_pre_create_changes_id_metadata_and_the_answer(serve: Serve, hooks: Endpoint) -> None:
    hooks.reply = lambda name, _: (
        answer(
            changefileinfo={"ID": "chosen.1", "MetaData": {"owner": "ann"}},
            HTTPResponse={
                "StatusCode": 200,
                "Body": "made",
                "Header": {"X-Hook": "yes", "Tus-Resumable": "9"},
            },
            Unknown=1,
        )
        if name == "pre-create"
        else FINE
    )
    server = serve("-hooks-http", hooks.url)
    with Tus(server.url) as tus:
        reply = tus.post(Upload_Length="3", Upload_Metadata=metadata(filename="x"))
        assert (reply.status_code, reply.text, reply.headers["x-hook"]) == (200, "made", "yes")
        assert reply.headers["tus-resumable"] == "1.0.0", "no hook changes the protocol's own"
        assert reply.headers["location"] == f"{server.url}chosen.1"
        assert tus.head(reply.headers["location"]).headers["upload-metadata"] == metadata(owner="ann")
        tus.finish(reply.headers["location"], b"abc")
    assert (server.upload_dir / "chosen.1").read_bytes() == b"abc"


def test_an_id_that_is_taken_is_refused_and_what_has_it_stays(serve: Serve, hooks: Endpoint) -> None:
    """tusd overwrites it without a word."""
    hooks.reply = lambda _, __: answer(ChangeFileInfo={"ID": "taken"})
    server = serve("-hooks-http", hooks.url, "-hooks-enabled-events", "pre-create")
    with Tus(server.url) as tus:
        assert tus.post(3, b"abc").status_code == 201
        for length, body in ((5, None), (0, None), (4, b"wxyz")):
            assert tus.post(length, body).status_code == 500
        reply = tus.post(5)
        assert reply.text == "ERR_INTERNAL_SERVER_ERROR: the pre-create hook failed, see the server's log\n"
        assert tus.offset(f"{server.url}taken") == 3
    assert (server.upload_dir / "taken").read_bytes() == b"abc"
    assert server.files() == {"taken", "taken.info"}


def test_an_id_whose_files_are_to_be_removed_is_refused_until_they_are(serve: Serve, hooks: Endpoint) -> None:
    """The sweep would take the new upload's files for the old one's, which a crash left."""
    hooks.reply = lambda _, __: answer(ChangeFileInfo={"ID": "again"})
    server = serve("-hooks-http", hooks.url, "-hooks-enabled-events", "pre-create")

    def sweep() -> None:
        server.kill()
        server.sql("INSERT OR IGNORE INTO leftovers VALUES ('of the start')")
        server.restart()
        eventually(lambda: server.sql("SELECT * FROM leftovers") == [])

    sweep()  # no other comes for an hour
    server.sql("INSERT INTO leftovers VALUES ('again')")
    with Tus(server.url) as tus:
        assert tus.post(3).status_code == 500
        sweep()
        tus.finish(tus.create(3), b"abc")
    assert (server.upload_dir / "again").read_bytes() == b"abc"


def test_rejections(serve: Serve, hooks: Endpoint) -> None:
    def reply(name: str, event: dict[str, Any]) -> Reply:
        if name == "pre-terminate":
            return answer(RejectTermination=True, HTTPResponse={"StatusCode": 403, "Body": "keep it"})
        return answer(RejectUpload=event["Upload"]["Size"] == 7)

    hooks.reply = reply
    server = serve("-hooks-http", hooks.url, ALL)
    with Tus(server.url) as tus:
        refused = tus.post(Upload_Length="7")
        assert (refused.status_code, refused.text) == (
            400,
            "ERR_UPLOAD_REJECTED: upload rejected by server\n",
        )
        assert server.files() == set()
        url = tus.create(3)
        kept = tus.delete(url)
        assert (kept.status_code, kept.text) == (403, "keep it")
        assert tus.offset(url) == 0
    assert "post-terminate" not in hooks.names()


def test_pre_finish_answers_and_terminations_are_told(serve: Serve, hooks: Endpoint) -> None:
    hooks.reply = lambda name, _: (
        answer(HTTPResponse={"Body": '{"stored": true}', "Header": {"Content-Type": "application/json"}})
        if name == "pre-finish"
        else FINE
    )
    server = serve("-hooks-http", hooks.url, ALL)
    with Tus(server.url) as tus:
        url = tus.create(3)
        reply = tus.patch(url, 0, b"abc")
        assert (reply.status_code, reply.json()) == (200, {"stored": True})
        tus.delete(url)
    eventually(lambda: "post-terminate" in hooks.names(), 10)
    order = [name for name in hooks.names() if name != "pre-create"]
    assert [name for name in order if name.startswith("post") and name != "post-receive"] == [
        "post-create",
        "post-finish",
        "post-terminate",
    ]
    assert order.index("pre-finish") < order.index("post-finish")


def test_progress_is_told(serve: Serve, hooks: Endpoint) -> None:
    """While bytes arrive, and once more behind the answer; no more than there is to tell."""
    server = serve("-hooks-http", hooks.url, "-hooks-enabled-events", "post-receive", *OFTEN)
    with Tus(server.url) as tus, Wire(server.host_port) as wire:
        url = tus.create(10)
        wire.begin_patch(url, 0, 10)
        wire.send(b"abc")
        eventually(lambda: offsets(hooks) == [3], 10)
        wire.send(b"def")
        eventually(lambda: offsets(hooks) == [3, 6], 10)
        wire.send(b"ghij")
        reply = wire.reply()
        assert reply is not None
        assert reply.status == 204
        eventually(lambda: offsets(hooks) == [3, 6, 10], 10)
        tus.finish(tus.create(4), b"1234")
        eventually(lambda: offsets(hooks) == [3, 6, 10, 4], 10)


def test_a_hook_stops_an_upload(serve: Serve, hooks: Endpoint) -> None:
    """It is deleted, whatever -disable-termination says, and that is told."""
    hooks.reply = lambda name, event: (
        answer(StopUpload=True, HTTPResponse={"StatusCode": 413, "Body": "enough"})
        if name == "post-receive" and event["Upload"]["Offset"] >= 6
        else FINE
    )
    flags = ("-hooks-enabled-events", "post-receive,post-terminate", "-disable-termination", *OFTEN)
    server = serve("-hooks-http", hooks.url, *flags)
    with Tus(server.url) as tus, Wire(server.host_port) as wire:
        url = tus.create(10)
        wire.begin_patch(url, 0, 10)
        wire.send(b"abcdef")
        reply = wire.reply()
        assert reply is not None
        assert (reply.status, reply.body) == (413, b"enough")
        assert tus.head(url).status_code == 404
    eventually(lambda: "post-terminate" in hooks.names(), 10)
    assert server.files() == set()


def test_a_pre_finish_hook_that_fails_is_called_again(serve: Serve, hooks: Endpoint) -> None:
    """The next look at the upload calls it; until it agrees the upload is not complete."""
    is_well = False
    hooks.reply = lambda _, __: FINE if is_well else (500, {}, b"")
    flags = ("-hooks-http-retry", "1", "-hooks-enabled-events", "pre-finish,post-finish")
    server = serve("-hooks-http", hooks.url, *flags)
    with Tus(server.url) as tus:
        url = tus.create(3)
        assert tus.patch(url, 0, b"abc").status_code == 500
        assert server.sql("SELECT state FROM uploads") == [("open",)]
        is_well = True
        assert tus.offset(url) == 3
        eventually(lambda: server.sql("SELECT state FROM uploads") == [("complete",)], 10)
    eventually(lambda: hooks.names() == ["pre-finish", "pre-finish", "post-finish"], 10)


@pytest.mark.parametrize(
    "reply",
    [
        (500, {"Content-Type": "application/json"}, b"secret place"),
        (404, {"Content-Type": "application/json"}, b"{}"),
        (200, {}, b"{}"),
        (200, {"Content-Type": "text/html"}, b"{}"),
        (200, {"Content-Type": "application/json"}, b"no json"),
        (200, {"Content-Type": "application/json"}, b""),
        (200, {"Content-Type": "application/json"}, b"[]"),
        (200, {"Content-Type": "application/json"}, b'{"a": "%s"}' % (b"x" * 6000)),
        answer(HTTPResponse={"StatusCode": "200"}),
        answer(HTTPResponse={"StatusCode": 99}),
        answer(RejectUpload="yes"),
        answer(ChangeFileInfo={"ID": "../escape"}),
        answer(ChangeFileInfo={"ID": "a.info"}),
        answer(ChangeFileInfo={"ID": "a%41"}),
        answer(ChangeFileInfo={"MetaData": {"bad key": "x"}}),
        answer(ChangeFileInfo={"MetaData": {"k": 1}}),
        answer(ChangeFileInfo={"Storage": {"Path": "/etc/passwd"}}),
    ],
)
def test_a_hook_that_fails_makes_nothing_and_leaks_nothing(
    serve: Serve, hooks: Endpoint, reply: Reply
) -> None:
    hooks.reply = lambda _, __: reply
    server = serve("-hooks-http", hooks.url, "-hooks-http-retry", "1")
    with Tus(server.url) as tus:
        refused = tus.post(Upload_Length="7")
    assert refused.status_code == 500
    assert refused.text == "ERR_INTERNAL_SERVER_ERROR: the pre-create hook failed, see the server's log\n"
    assert server.files() == set()
    assert "event=HookInvocationError" in server.output()
    assert scrape(server)["tusd_hook_errors_total", (("hooktype", "pre-create"),)] == 1


def test_headers_are_forwarded_and_secrets_are_not_kept(serve: Serve, hooks: Endpoint) -> None:
    """As Galaxy uses it: the hook decides by the client's cookie and key."""
    flags = ("-hooks-http-forward-headers", "X-Api-Key,Cookie", ALL)
    server = serve("-hooks-http", hooks.url, *flags)
    with Tus(server.url) as tus:
        url = tus.create(1, X_Api_Key="k1", Cookie="session=1", Authorization="Bearer secret")
        tus.finish(url, b"x")
    eventually(lambda: "post-create" in hooks.names(), 10)
    told_by = {name: (event, headers) for name, event, headers in hooks.calls}
    for name in ("pre-create", "post-create"):
        event, headers = told_by[name]
        assert (headers["X-Api-Key"], headers["Cookie"]) == ("k1", "session=1")
        assert event["HTTPRequest"]["Header"]["Cookie"] == ["session=1"]
        assert "Authorization" not in headers
    assert told_by["pre-create"][0]["HTTPRequest"]["Header"]["Authorization"] == ["Bearer secret"]
    assert "Authorization" not in told_by["post-create"][0]["HTTPRequest"]["Header"], (
        "it would be on the disk"
    )
    assert b"Bearer secret" not in b"".join(
        path.read_bytes() for path in (server.upload_dir / ".tusd-py").glob("catalog*")
    )


def test_events_wait_until_somebody_listens(serve: Serve) -> None:
    """An outage of the endpoint, and a restart meanwhile; the order of an upload's events stays."""
    port = free_port()
    flags = ("-hooks-http", f"http://127.0.0.1:{port}/", "-hooks-http-retry", "1")
    server = serve(*flags, "-hooks-enabled-events", EVENTS)
    with Tus(server.url) as tus:
        urls = [tus.create(1) for _ in range(5)]
        for url in urls:
            tus.finish(url, b"x")
        tus.delete(urls[0])
    server.kill()
    server.restart()
    with endpoint(port) as hooks:
        eventually(lambda: len(hooks.calls) >= 11, 20)
        for number, url in enumerate(urls):
            upload_id = url.rpartition("/")[2]
            names = [name for name, event, _ in hooks.calls if event["Upload"]["ID"] == upload_id]
            assert names == ["post-create", "post-finish", "post-terminate"][: 3 if number == 0 else 2]
        ids = [headers["Webhook-Id"] for _, _, headers in hooks.calls]
        assert len(set(ids)) == len(ids) == 11


def test_no_kill_loses_an_event(serve: Serve, hooks: Endpoint) -> None:
    """The whole server and single workers, before an event is told and before it is marked as told."""
    server = serve("-hooks-http", hooks.url, "-hooks-enabled-events", EVENTS, "-workers", "2")
    expected: dict[str, list[str]] = {}
    for number in range(20):
        with Tus(server.url) as tus:
            urls = [tus.create(1) for _ in range(3)]
            for url in urls:
                tus.finish(url, b"x")
                expected[id_of(url)] = ["post-create", "post-finish"]
            assert tus.delete(urls[0]).status_code == 204
            expected[id_of(urls[0])].append("post-terminate")
        if number % 2:
            heard_of(hooks, urls[2])
        if number % 4 < 2:
            server.kill()
            server.restart()
        else:
            workers = children_of(server)
            os.kill(workers[number % len(workers)], signal.SIGKILL)
    eventually(lambda: server.sql("SELECT count(*) FROM events") == [(0,)])
    heard = {headers["Webhook-Id"]: (name, event) for name, event, headers in reversed(hooks.calls)}
    told_of: dict[str, list[str]] = {upload_id: [] for upload_id in expected}
    for name, event in reversed(heard.values()):  # in the order in which each was first heard
        told_of[event["Upload"]["ID"]].append(name)
    assert told_of == expected


@pytest.mark.parametrize(
    "reply",
    [
        (204, {}, b""),
        (200, {"Content-Type": "text/plain"}, b"OK"),
        (200, {"Content-Type": "application/json"}, b'"%s"' % (b"x" * 6000)),
    ],
)
def test_what_was_heard_is_not_told_again(serve: Serve, hooks: Endpoint, reply: Reply) -> None:
    """A receiver that wants nothing need not say so in JSON; tusd only logs that."""
    hooks.reply = lambda _, __: reply
    server = serve("-hooks-http", hooks.url, "-hooks-enabled-events", "post-create,post-finish")
    with Tus(server.url) as tus:
        tus.finish(tus.create(1), b"x")
    told(hooks, "post-create", "post-finish")
    eventually(lambda: server.sql("SELECT count(*) FROM events") == [(0,)])
    assert scrape(server)["tusd_hook_errors_total", (("hooktype", "post-finish"),)] == 1


def test_a_program_that_was_told_is_not_run_again(serve: Serve, tmp_path: Path) -> None:
    """Whatever it prints, however much, and whatever it leaves running with its output open."""
    directory = tmp_path / "hooks"
    script(directory, "post-create", 'echo "$TUS_ID" >>created; yes | head -c 2000000')
    script(directory, "post-finish", 'echo "$TUS_ID" >>finished; echo done; sleep 3 &')
    script(directory, "post-terminate", "touch terminated")
    server = serve("-hooks-dir", str(directory), "-hooks-file-timeout", "1s")
    with Tus(server.url) as tus:
        url = tus.create(1)
        tus.finish(url, b"x")
        tus.delete(url)
    eventually((directory / "terminated").exists)
    for name in ("created", "finished"):
        assert (directory / name).read_text() == url.rpartition("/")[2] + "\n"


def test_a_program_that_is_told_of_an_event_may_take_its_time(serve: Serve, tmp_path: Path) -> None:
    """Killed, it would be run again and again, and never end; tusd has no limit."""
    directory = tmp_path / "hooks"
    script(directory, "post-finish", "echo $TUS_ID >>started; sleep 1; touch ended")
    server = serve("-hooks-dir", str(directory), "-hooks-file-timeout", "300ms")
    with Tus(server.url) as tus:
        url = tus.create(1, b"x")
    eventually((directory / "ended").exists)
    eventually(lambda: server.sql("SELECT count(*) FROM events") == [(0,)])
    assert (directory / "started").read_text() == id_of(url) + "\n"


def test_one_client_s_cookie_is_not_another_s(serve: Serve, hooks: Endpoint) -> None:
    """An endpoint that knows a client by a cookie that it sets knows nobody else by it."""
    cookie = {"Set-Cookie": "session=of-the-first"}
    hooks.reply = lambda _, __: (200, {**FINE[1], **cookie}, b"{}")
    server = serve("-hooks-http", hooks.url, "-hooks-enabled-events", "pre-create", "-workers", "1")
    with Tus(server.url) as tus:
        tus.create(1)
        tus.create(1)
    assert ["Cookie" in headers for _, _, headers in hooks.calls] == [False, False]


def test_a_header_that_is_not_ascii_is_forwarded(serve: Serve, hooks: Endpoint) -> None:
    """One that is about the body is not: it is the call's own."""
    flags = (
        "-hooks-http-forward-headers",
        "X-Name,Content-Length",
        "-hooks-enabled-events",
        "pre-create,post-create",
    )
    server = serve("-hooks-http", hooks.url, *flags)
    with Tus(server.url) as tus:
        tus.http.post(server.url, headers={b"Upload-Length": b"1", b"X-Name": "Zoë".encode("latin-1")})
    told(hooks, "pre-create", "post-create")
    assert [headers["X-Name"] for _, _, headers in hooks.calls] == ["Zoë", "Zoë"]


def test_the_method_is_the_one_that_counts(serve: Serve, hooks: Endpoint) -> None:
    server = serve("-hooks-http", hooks.url, "-hooks-enabled-events", "post-terminate")
    with Tus(server.url) as tus:
        url = tus.create(1)
        assert tus.http.post(url, headers={"X-HTTP-Method-Override": "DELETE"}).status_code == 204
    told(hooks, "post-terminate")
    assert hooks.events("post-terminate")[0]["HTTPRequest"]["Method"] == "DELETE"


def test_one_upload_s_hook_does_not_hold_up_another_s(serve: Serve, hooks: Endpoint) -> None:
    """Nor a look at the upload itself."""
    slow: list[str] = []

    def reply(name: str, event: dict[str, Any]) -> Reply:
        slow.append(event["Upload"]["ID"])
        if slow[0] == event["Upload"]["ID"]:
            return 500, {}, b""  # for ever
        return FINE

    hooks.reply = reply
    flags = ("-hooks-http-retry", "1", "-hooks-enabled-events", "post-create,post-finish")
    server = serve("-hooks-http", hooks.url, *flags)
    with Tus(server.url) as tus:
        first = tus.create(1)
        eventually(lambda: bool(slow), 10)
        second = tus.create(1)
        tus.finish(second, b"x")
        second_id = second.rpartition("/")[2]
        eventually(lambda: slow.count(second_id) == 2, 10)
        assert tus.head(first).status_code == 200
    failed = [event["Upload"]["ID"] for event in hooks.events("post-finish")]
    assert failed == [second_id], "the first one's events wait for their turn"


def test_the_network_is_tried_again_and_no_longer_than_allowed(serve: Serve, hooks: Endpoint) -> None:
    calls = 0

    def reply(_: str, __: dict[str, Any]) -> Reply:
        nonlocal calls
        calls += 1
        return (503, {}, b"") if calls < 3 else FINE

    def late(_: str, __: dict[str, Any]) -> Reply:
        is_over.wait(10)
        return FINE

    hooks.reply, is_over = reply, threading.Event()
    quick = ("-hooks-http-backoff", "10ms", "-hooks-enabled-events", "pre-create")
    server = serve("-hooks-http", hooks.url, *quick)
    with Tus(server.url) as tus:
        assert tus.post(Upload_Length="1").status_code == 201
        assert calls == 3
        calls = -100
        assert tus.post(Upload_Length="1").status_code == 500
        assert calls == -97
    hanging = serve("-hooks-http", hooks.url, *quick, "-hooks-http-timeout", "300ms")
    hooks.reply = late
    with Tus(hanging.url) as tus:
        assert tus.post(Upload_Length="1").status_code == 500
    is_over.set()
    assert "context deadline exceeded" in hanging.output()


def test_programs_in_a_directory(serve: Serve, tmp_path: Path) -> None:
    """A shell script gets the event on its standard input, and the upload in its environment."""
    directory = tmp_path / "hooks"
    script(directory, "pre-create", 'cat >seen; pwd >where; echo \'{"ChangeFileInfo": {"ID": "mine"}}\'')
    script(directory, "post-finish", 'echo "$TUS_ID $TUS_SIZE $TUS_OFFSET" >finished')
    server = serve("-hooks-dir", str(directory))
    with Tus(server.url) as tus:
        url = tus.create(3)
        assert url == f"{server.url}mine"
        tus.finish(url, b"abc")
    eventually((directory / "finished").exists, 10)
    eventually(lambda: (directory / "finished").read_text() == "mine 3 3\n", 10)
    assert json.loads((directory / "seen").read_text())["Type"] == "pre-create"
    assert (directory / "where").read_text().strip() == str(directory)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("echo no >&2; echo wrong; exit 3", "unexpected return code 3 from hook endpoint: wrong"),
        ("echo '{'", "failed to parse hook response"),
        ("yes | head -c 2000000", "hook response exceeded maximum size"),
        ("sleep 60 & wait", "no end within 0.3 s"),
        ("kill -9 $$", "unexpected return code -9"),
    ],
)
def test_a_program_that_fails(serve: Serve, tmp_path: Path, text: str, said: str) -> None:
    script(tmp_path / "hooks", "pre-create", text)
    server = serve("-hooks-dir", str(tmp_path / "hooks"), "-hooks-file-timeout", "300ms")
    with Tus(server.url) as tus:
        reply = tus.post(Upload_Length="1")
    assert (reply.status_code, server.files()) == (500, set())
    assert said in server.output()


def test_a_program_that_cannot_be_run(serve: Serve, tmp_path: Path) -> None:
    script(tmp_path / "hooks", "pre-create", "exit 0")
    (tmp_path / "hooks" / "pre-create").chmod(0o644)
    server = serve("-hooks-dir", str(tmp_path / "hooks"))
    reply = httpx.post(server.url, headers={"Tus-Resumable": "1.0.0", "Upload-Length": "1"})
    assert reply.status_code == 500
    assert "pre-create cannot be run: Permission denied" in server.output()
