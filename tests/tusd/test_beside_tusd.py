"""The same command lines, given to a real tusd and to us."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.tusd.lab import TUSD, needs_tusd, run, run_command
from tests.tusd.test_known_flags import OF_TUSD

pytestmark = needs_tusd


def tusd(*words: str, cwd: Path | None = None) -> tuple[int, str, str]:
    """Run tusd to its end."""
    assert TUSD is not None
    ended = run_command([TUSD, *words], cwd=cwd)
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
