"""The load generator: a C program, compiled when first needed."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

_SOURCES = Path(__file__).parent / "load"
_FLAGS = ("-std=c11", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra", "-Werror")
#: No single measurement takes longer (s); a server that hangs ends the run.
_LONGEST_S = 900.0


class LoadFailed(Exception):
    """The generator met a wrong answer, wrong bytes or silence; what it was is in the text."""


def build() -> Path:
    """Return the program, compiling it unless these very sources have been compiled before.

    It is kept in ``$XDG_CACHE_HOME`` (``~/.cache``), under a name made from the sources and flags.
    """
    sources = sorted(_SOURCES.glob("*.[ch]"))
    key = hashlib.sha256(" ".join(_FLAGS).encode())
    for source in sources:
        key.update(source.read_bytes())
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tusd-py-benchmarks"
    program = cache / f"load-{key.hexdigest()[:16]}"
    if not program.exists():
        cache.mkdir(parents=True, exist_ok=True)
        unfinished = program.with_suffix(f".{os.getpid()}")
        inputs = [str(source) for source in sources if source.suffix == ".c"]
        compiler = os.environ.get("CC", "cc")
        subprocess.run([compiler, *_FLAGS, *inputs, "-o", str(unfinished)], check=True)
        unfinished.rename(program)
    return program


def checksum_header(sha256: bytes) -> str:
    """Return tus' header for a body with this digest."""
    return f"Upload-Checksum: sha256 {b64encode(sha256).decode()}"


@dataclass(frozen=True, slots=True)
class Piece:
    """An upload that the generator made, and which bytes it must hold."""

    path: str  # of the URL
    seed: int
    start: int  # byte of the stream at which it begins
    size: int  # bytes


@dataclass(frozen=True, slots=True)
class Generator:
    """The generator, aimed at one server."""

    program: Path
    port: int
    base: str  # path at which uploads are created

    def run(
        self, mode: str, headers: Sequence[str] = (), patch_headers: Sequence[str] = (), **keys: object
    ) -> dict[str, Any]:
        """Make one measurement. Raises LoadFailed when anything at all went wrong.

        ``headers`` go with every POST; of ``patch_headers`` each connection's PATCHes get one, in turn.
        """
        done = subprocess.run(
            [*self._command(mode, headers, keys), *(f"patch_header={header}" for header in patch_headers)],
            check=False,
            capture_output=True,
            text=True,
            timeout=_LONGEST_S,
        )
        if done.returncode != 0:
            raise LoadFailed(done.stderr.strip() or f"{mode} ended with {done.returncode}")
        result: dict[str, Any] = json.loads(done.stdout)
        return result

    @contextmanager
    def acts(self, mode: str, **keys: object) -> Iterator[Acts]:
        """Run a mode that stops after each act and waits."""
        command = self._command(mode, (), keys)
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            try:
                yield Acts(process)
            finally:
                process.kill()

    def check(self, lines: Sequence[str]) -> None:
        """Compare files and uploads with what they must hold; see ``run_check`` in load/get.c."""
        done = subprocess.run(
            self._command("check", (), {}),
            check=False,
            input="".join(f"{line}\n" for line in lines),
            capture_output=True,
            text=True,
            timeout=_LONGEST_S,
        )
        if done.returncode != 0:
            raise LoadFailed(done.stderr.strip())
        checked = json.loads(done.stdout)["checked"]
        if checked != len(lines):
            raise LoadFailed(f"{checked} of {len(lines)} uploads were checked")

    def sha256(self, size: int, start: int = 0) -> bytes:
        """Return the SHA-256 of ``size`` bytes of stream 0, beginning at ``start``."""
        return _sha256(self.program, size, start)

    def _command(self, mode: str, headers: Sequence[str], keys: dict[str, object]) -> list[str]:
        words = [f"{key}={value}" for key, value in keys.items()]
        words += [f"header={header}" for header in headers]
        return [str(self.program), mode, f"port={self.port}", f"base={self.base}", *words]


@cache  # every round asks for the same ones
def _sha256(program: Path, size: int, start: int) -> bytes:
    taken = hashlib.sha256()
    command = [str(program), "stream", f"bytes={size}", f"start={start}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None  # for mypy
        while block := process.stdout.read(1 << 20):
            taken.update(block)
    return taken.digest()


class Acts:
    """A running generator that waits between its acts."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def next(self, act: str) -> dict[str, Any]:
        """Wait until ``act`` is over and return what is said about it."""
        assert self._process.stdout is not None  # for mypy
        line = self._process.stdout.readline()
        if not line:
            assert self._process.stderr is not None  # for mypy
            raise LoadFailed(self._process.stderr.read().strip() or f"ended before it was {act}")
        said: dict[str, Any] = json.loads(line)
        if said["act"] != act:
            raise LoadFailed(f"expected {act}: {line}")
        return said

    def go_on(self) -> None:
        """Let the next act begin."""
        assert self._process.stdin is not None  # for mypy
        self._process.stdin.write("\n")
        self._process.stdin.flush()


def pieces(result: dict[str, Any]) -> list[Piece]:
    """Return the uploads that a measurement made (a sample of them, when they are many)."""
    return [Piece(u["path"], u["seed"], u["start"], u["bytes"]) for u in result["uploads"]]
