"""The same command lines, given to a real tusd and to us: how they end, what is said, what is logged."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest

from tests.support.process import run_to_end
from tests.support.server import Server, run
from tests.tusd.lab import TUSD, needs_tusd
from tests.tusd.test_known_flags import OF_TUSD
from tests.tusd.test_log import events, sentences, upload
from tests.tusd.test_proxies import URLS, place

pytestmark = needs_tusd


def tusd(*words: str, cwd: Path | None = None) -> tuple[int, str, str]:
    """Run tusd to its end."""
    assert TUSD is not None
    ended = run_to_end([TUSD, *words], cwd=cwd)
    return ended.status, ended.out, ended.err


def test_the_list_of_flags_is_tusds() -> None:
    """The file that ``test_known_flags`` compares with."""
    _, _, shown = tusd("-help")
    group, found = "", []
    for line, after in zip(shown.splitlines(), [*shown.splitlines()[1:], ""], strict=True):
        if heading := re.fullmatch(r"(.*) options?:", line):
            group = heading[1]
        if flag := re.fullmatch(r"  -([a-z0-9-]+)(?: (\w+))?", line):
            default = re.search(r'\(default ("?)(.*?)\1\)$', after)
            found.append((group, flag[1], flag[2] or "bool", default[2] if default else ""))
    assert found == OF_TUSD


@pytest.mark.parametrize(
    "words",
    [
        "-help",
        "-h",
        "-version",
        "-version foo -port",
        "-nope",
        "-port",
        "-max-size 1MB",
        "-verbose=maybe",
        "-network-timeout 5",
        "-file-perms 9",
        "-file-perms -1",
        "-cors-allow-origin [",
        "-hooks-enabled-events foo",
        "-port 70000",
        "-tls-mode ssl3 -tls-certificate x -tls-key y -port 0",
        "-tls-certificate x -tls-key y -port 0",
        "-upload-dir /dev/null/x",
        "-unix-sock /dev/null",
        "-enable-h2c -tls-certificate x -tls-key y",
        "-hooks-plugin x",
    ],
)
def test_a_command_line_that_ends_has_the_same_status(words: str, tmp_path: Path) -> None:
    theirs = tusd(*words.split(), cwd=tmp_path)
    ours = run(*words.split(), cwd=tmp_path)
    assert ours.status == theirs[0]
    assert (ours.out == "") == (theirs[1] == "") or ours.status == 1  # tusd says what it uses before it fails


def both(tmp_path: Path, *flags: str) -> tuple[Server, Server]:
    """A tusd and our server with the same flags."""
    assert TUSD is not None
    return Server(tmp_path / "theirs", *flags, words=[TUSD]), Server(tmp_path / "ours", *flags)


@pytest.mark.parametrize(
    "flags", [[], ["-max-size", "1234567"], ["-base-path", "/up"], ["-base-path", "/"], ["-behind-proxy"]]
)
def test_the_lines_of_the_start_and_the_end_are_the_same(tmp_path: Path, flags: list[str]) -> None:
    """But for the list of extensions and the program's name."""
    said = []
    for server in both(tmp_path, *flags):
        with server:
            assert server.stop() == 0
        lines = [re.sub(r"/(theirs|ours)'", "/x'", line) for line in sentences(server)]
        said.append([re.sub(r":[1-9]\d+/", ":PORT/", line) for line in lines])
    theirs, ours = said
    differ = ("Supported tus extensions", "Received")
    assert [line for line in ours if not line.startswith(differ)] == [
        line for line in theirs if not line.startswith(differ)
    ]
    assert len(ours) == len(theirs)


@pytest.mark.parametrize("form", ["text", "json"])
def test_the_events_of_an_upload_are_the_same(tmp_path: Path, form: str) -> None:
    """In their order, with their attributes in their order; of values, all but ids and URLs."""
    logged = []
    for server in both(tmp_path, "-log-format", form):
        with server:
            upload(server)
            assert httpx.get(f"{server.url}no-such").status_code == 404
            assert server.stop() == 0
        found = [list(record.items()) for record in events(server)]
        varies = {"id", "url", "path", "time"}
        logged.append([[(k, "" if k in varies else v) for k, v in record] for record in found])
    assert logged[0] == logged[1]


def test_urls_behind_a_proxy_are_the_same(tmp_path: Path) -> None:
    said = []
    for server in both(tmp_path, "-behind-proxy"):
        with server:
            said.append([place(server.url, headers) for headers, _ in URLS])
    assert said[0] == said[1]
