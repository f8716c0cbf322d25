"""What SECURITY.md says of limits is what the code has, and other users cannot write a server's files."""

import os
import re
import stat
from pathlib import Path
from typing import Final

import pytest

from tests.support.fixtures import Serve
from tests.support.tus import Tus
from tusd_py.adapters.store_file.info import MAX_INFO_BYTES
from tusd_py.command.go_values import format_duration
from tusd_py.command.settings_flags import SERVE_FLAGS
from tusd_py.fronts.downloads.byte_ranges import MAX_RANGES
from tusd_py.http1.head import MOST_HEADERS
from tusd_py.transfer.multipart import FIELDS_BYTES

PAGE: Final = (Path(__file__).parents[2] / "SECURITY.md").read_text()
ROWS: Final = re.findall(r"^\| ([^|]+) \| ([0-9][^|]*|none) \| (?:`-([a-z-]+)`)? ?\|$", PAGE, re.MULTILINE)
#: Limits that no setting changes.
FIXED: Final = {
    "header fields of a request": MOST_HEADERS,
    "fields of a form or of JSON": FIELDS_BYTES,
    "ranges of a download": MAX_RANGES,
    "`.info` file": MAX_INFO_BYTES,
}


def value_of(text: str) -> int | float:
    """The number of bytes, of seconds or of things that a figure stands for."""
    number, _, unit = text.replace(",", "").partition(" ")
    return int(number) * {"": 1, "KiB": 1 << 10, "MiB": 1 << 20}[unit]


def test_the_table_of_limits_is_found() -> None:
    assert len(ROWS) == 11
    assert {what for what, _, flag in ROWS if not flag} == set(FIXED)


@pytest.mark.parametrize(("what", "figure", "flag"), ROWS, ids=lambda text: text)
def test_a_limit_is_the_default_of_its_setting(what: str, figure: str, flag: str) -> None:
    if not flag:
        assert value_of(figure) == FIXED[what]
        return
    default = next(each.default for each in SERVE_FLAGS if each.name == flag)
    if isinstance(default, float):
        assert figure == format_duration(default)
    else:
        assert (0 if figure == "none" else value_of(figure)) == default


def test_flags_exist_and_the_stated_defaults_are_theirs() -> None:
    defaults = {flag.name: flag.default for flag in SERVE_FLAGS}
    assert set(re.findall(r"`-([a-z-]+)[ `]", PAGE)) <= set(defaults)
    assert (defaults["host"], defaults["cors-allow-origin"], defaults["preallocate"]) == (
        "0.0.0.0",
        ".*",
        "full",
    )
    assert (defaults["file-perms"], defaults["dir-perms"]) == (0o664, 0o775)


def test_nobody_else_can_write_to_the_directory(serve: Serve) -> None:
    """Even when the umask takes nothing away."""
    before = os.umask(0)
    try:
        server = serve()
    finally:
        os.umask(before)
    with Tus(server.url) as tus:
        tus.create(5, b"bytes")
        artifacts = server.url.removesuffix("/files/") + "/artifacts/"
        assert tus.http.post(artifacts, files={"file": b"bytes"}).status_code == 201
    paths = list(server.upload_dir.rglob("*"))
    assert {"exports", "workers", "locks"} <= {path.name for path in paths}
    assert [path for path in paths if stat.S_IMODE(path.lstat().st_mode) & stat.S_IWOTH] == []
