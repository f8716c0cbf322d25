"""The command: outcomes a person can understand, an exit status of its own for each, never a traceback."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.conformance.faulty.server import FaultyServer
from tus_conformance import table
from tus_conformance.__main__ import main
from tus_conformance.model import requirements

_ROOT = Path(__file__).parents[2]

#: A shell starts background jobs with SIGINT ignored, and that is inherited: the command as from a terminal.
_INTERRUPTIBLE = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from tus_conformance.__main__ import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture(scope="module")
def server() -> Iterator[FaultyServer]:
    found = FaultyServer()
    yield found
    found.close()


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A port whose behaviour the test decides."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        yield found


def answering(listener: socket.socket, answer: bytes | None) -> str:
    """Make the port send ``answer`` to everybody, or hang when there is none; return its URL."""
    held: list[socket.socket] = []

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                break
            held.append(connection)
            if answer is not None:
                connection.recv(65536)
                connection.sendall(answer)
                connection.close()
        for one in held:
            one.close()

    threading.Thread(target=serve, daemon=True).start()
    return f"http://127.0.0.1:{listener.getsockname()[1]}/files/"


@pytest.mark.parametrize(
    ("answer", "status", "says"),
    [
        (None, 3, "does not answer OPTIONS"),
        (b"", 3, "closes the connection"),
        (b"SSH-2.0-OpenSSH_9\r\n\r\n", 4, "does not speak HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", 4, "not a tus upload creation URL"),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", 4, "not a tus upload creation URL"),
        (
            b"HTTP/1.1 301 X\r\nLocation: http://other/\r\nContent-Length: 0\r\n\r\n",
            4,
            "redirects (301) to http://other/",
        ),
        (b"HTTP/1.1 401 X\r\nContent-Length: 0\r\n\r\n", 4, "--header"),
    ],
)
def test_urls_that_cannot_be_checked(
    listener: socket.socket, capsys: pytest.CaptureFixture[str], answer: bytes | None, status: int, says: str
) -> None:
    started = time.monotonic()
    assert main([answering(listener, answer), "--timeout", "0.5"]) == status
    assert says in capsys.readouterr().err
    assert time.monotonic() - started < 3


def test_nobody_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["http://127.0.0.1:1/files/"]) == 3
    assert "Is the server running?" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["ftp://x/"],
        ["http://x/", "--json", "/no/such/directory/x.json"],
    ],
)
def test_wrong_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert capsys.readouterr().err.startswith("tus-conformance: ")


@pytest.mark.parametrize(
    "arguments",
    [[], ["http://x/", "--id", "CORE-1"], ["http://x/", "--area", "X"], ["http://x/", "--timeout", "0"],
     ["http://x/", "-H", "nothing"], ["http://x/", "--expiry-wait", "soon"]],
)  # fmt: skip
def test_wrong_options(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_reports(server: FaultyServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = {kind: tmp_path / f"report.{kind}" for kind in ("json", "junit", "html")}
    options = [word for kind, path in paths.items() for word in (f"--{kind}", str(path))]
    status = main([server.url("CORE-39"), "--area", "CORE", "-H", "Authorization: Bearer hunter2", *options])
    out = capsys.readouterr().out
    assert status == 1
    assert "FAIL  CORE-39" in out
    assert "DOES NOT CONFORM: 1 failed" in out

    report = json.loads(paths["json"].read_text())
    verdicts = {row["id"]: row["verdict"] for row in report["results"]}
    assert verdicts["CORE-39"] == "FAIL"
    assert verdicts["CORE-36"] == "PASS"
    assert len(verdicts) == 75
    suite = ElementTree.fromstring(paths["junit"].read_text())  # noqa: S314 - our own file
    assert suite.get("failures") == "1"
    page = paths["html"].read_text()
    assert "<span class='v FAIL'>" in page
    assert "src=" not in page
    assert "HTTP/1.1 204" in page
    for path in paths.values():
        assert "hunter2" not in path.read_text()


def test_the_table_of_a_report(
    server: FaultyServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "report.json"
    assert main([server.url("CORE-42"), "--id", "CORE-41,CORE-42,CWU-01,HTTP-14", "--json", str(path)]) == 0
    capsys.readouterr()
    assert table.main([str(path)]) == 0
    out = capsys.readouterr().out
    assert f"| CORE-41 | EDGE-I | {requirements()['CORE-41'].text} | PASS |" in out
    assert "| WARN: answered 204, expected 415 |" in out or "| WARN: Upload-Offset is 3, expected 0 |" in out
    assert "### CWU" in out
    assert "| SKIP: not decidable from outside" in out


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"results": [{}]}'])
def test_no_table_of_something_else(tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(text)
    assert table.main([str(path)]) == 2
    assert "not a readable JSON report" in capsys.readouterr().err


def test_profiles(server: FaultyServer, capsys: pytest.CaptureFixture[str]) -> None:
    """A recommendation that is not followed fails the strict profile only."""
    assert main([server.url("CORE-42"), "--id", "CORE-42"]) == 0
    assert main([server.url("CORE-42"), "--id", "CORE-42", "--profile", "strict"]) == 1
    assert main([server.url("CREATE-25"), "--id", "CREATE-25"]) == 0
    assert main([server.url("CREATE-25"), "--id", "CREATE-25", "--profile", "strict"]) == 1
    assert "FAIL  CREATE-25" in capsys.readouterr().out


def test_selection(server: FaultyServer, tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    main([server.url(), "--extension", "termination", "--level", "MUST", "--json", str(path)])
    ids = [row["id"] for row in json.loads(path.read_text())["results"]]
    assert "TERM-02" in ids
    assert "CORE-17" in ids
    assert "CORE-36" not in ids
    assert "TERM-07" not in ids


def test_server_command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(_ROOT))
    command = f"{sys.executable} -m tests.conformance.faulty.server {{port}} {{dir}}"
    url = "http://127.0.0.1:{port}/none/files/"
    assert main([url, "--server", command, "--id", "CORE-36,CONC-12"]) == 0
    assert "2 of 2 decided" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["/no/such/command", "false", ""])
def test_server_command_that_fails(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    if command:
        assert main(["http://127.0.0.1:{port}/", "--server", command]) == 5
        assert "--server" in capsys.readouterr().err
    else:
        assert main(["http://127.0.0.1:{port}/"]) == 2


def test_a_server_that_goes_away_ends_the_run(capsys: pytest.CaptureFixture[str]) -> None:
    server = FaultyServer()
    threading.Timer(0.3, server.close).start()
    assert main([server.url(), "--timeout", "1"]) == 3
    captured = capsys.readouterr()
    assert "does not answer any more" in captured.err
    assert "area " in captured.out


def test_interrupt_prints_what_is_known_and_cleans_up(server: FaultyServer) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", _INTERRUPTIBLE, server.url()],
        cwd=_ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": "."},
    )
    time.sleep(2.0)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert "interrupted: this is the report so far" in out
    world = server.world("none")
    assert world is not None
    time.sleep(0.5)
    left = [upload.id for upload in world.uploads.values() if not upload.gone]
    # What was being created in that very moment may stay.
    assert len(left) <= 2
