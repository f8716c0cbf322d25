"""The load generator notices every kind of wrong bytes; else its figures would mean nothing."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.generator import Generator, LoadFailed, build

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or shutil.which("cc") is None, reason="needs Linux and a C compiler"
)

_SIZE = 300_000  # bytes


@pytest.fixture(scope="module")
def generator() -> Generator:
    return Generator(build(), port=1, base="/files/")


def _stream(generator: Generator, start: int = 0, seed: int = 0) -> bytes:
    command = [str(generator.program), "stream", f"bytes={_SIZE}", f"start={start}", f"seed={seed}"]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout


def _line(file: Path, *, seed: int = 0, start: int = 0, size: int = _SIZE) -> str:
    return f"file {seed} {start} {size} {file}"


@pytest.mark.parametrize(("seed", "start"), [(0, 0), (7, 0), (3, 67_000_000), (16390, 12345)])
def test_right_bytes_pass(generator: Generator, tmp_path: Path, seed: int, start: int) -> None:
    """What is streamed is what is expected, across the end of the window too."""
    file = tmp_path / "upload"
    file.write_bytes(_stream(generator, start, seed))
    generator.check([_line(file, seed=seed, start=start)] * 3)


def test_wrong_bytes_do_not_pass(generator: Generator, tmp_path: Path) -> None:
    """A changed byte, a hole, a swap, a missing end, a long end, another upload's bytes."""
    right = _stream(generator)
    page, file = 4096, tmp_path / "upload"
    wrong = [
        right[:150_001] + bytes([right[150_001] ^ 1]) + right[150_002:],
        right[: 2 * page] + bytes(page) + right[3 * page :],
        right[page : 2 * page] + right[:page] + right[2 * page :],
        right[:-1],
        right + b"x",
        _stream(generator, seed=1),
        _stream(generator, start=1 << 20),
        b"",
    ]
    for bytes_on_disk in wrong:
        file.write_bytes(bytes_on_disk)
        with pytest.raises(LoadFailed):
            generator.check([_line(file)])


@pytest.mark.parametrize("distance", [1 << power for power in range(12, 40)])
def test_a_misplaced_block_differs(generator: Generator, distance: int) -> None:
    """The stream never repeats at a distance that a server could be wrong by."""
    assert _stream(generator)[:4096] != _stream(generator, start=distance)[:4096]


def test_digest_is_of_what_is_sent(generator: Generator) -> None:
    """The checksum that scenarios announce is that of stream 0, from any byte on."""
    for start in (0, 67_000_000):
        assert generator.sha256(_SIZE, start) == hashlib.sha256(_stream(generator, start)).digest()


def test_silence_and_refusals_are_failures(generator: Generator) -> None:
    """Nobody listens on port 1."""
    with pytest.raises(LoadFailed, match="refused"):
        generator.run("put", bytes=1)
    with pytest.raises(LoadFailed, match="equal chunks"):
        generator.run("chunks", path="/uploads/1/", bytes=10, chunks=3)
    with pytest.raises(LoadFailed, match="unknown key"):
        generator.run("put", nonsense=1)


def test_the_compiled_program_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second build compiles nothing."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    built = build()
    before = os.stat(built).st_mtime_ns
    assert build() == built
    assert os.stat(built).st_mtime_ns == before
