"""The command ``tusd-py``: serves uploads, or sweeps a directory."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from tusd_py import observe
from tusd_py.application import UploadApp, create_app, describe
from tusd_py.assembly import open_backends
from tusd_py.command import go_flags as flags
from tusd_py.command.settings_flags import (
    SERVE_FLAGS,
    SWEEP_FLAGS,
    config_of,
    log_format,
    server_settings_of,
    with_environment,
)
from tusd_py.errors import UploadError
from tusd_py.http1.run import CannotListen, StartupFailed, serve
from tusd_py.ports.catalog import CatalogUnusable
from tusd_py.settings import Config

_USAGE: Final = """\
Usage: tusd-py [serve] [flags]            serve uploads, by default ./data on port 8080 under /files/
       tusd-py sweep [-dry-run] [flags]   remove what has expired, then end
"""
#: Errors that mean that a directory cannot be used.
_UNUSABLE: Final = (OSError, CatalogUnusable, ValueError, UploadError)


class _Failure(Exception):
    """The command failed: one line for the user, and an exit status."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status: 0 success, 1 failure, 2 wrong usage."""
    words = list(sys.argv[1:] if argv is None else argv)
    commands = {"serve": _serve, "sweep": _sweep}
    command = commands[words.pop(0)] if words and words[0] in commands else _serve
    try:
        return command(words)
    except _Failure as failure:
        print(f"tusd-py: {failure}", file=sys.stderr)
        return failure.status


def _parse(known: Sequence[flags.Flag], words: Sequence[str]) -> flags.CommandLine | None:
    """Parse the command line; None after help was asked for and printed."""
    try:
        line = with_environment(flags.parse(known, words), known, os.environ)
    except flags.HelpRequested:
        print(_USAGE + "\n" + flags.usage(known), file=sys.stderr)
        return None
    except flags.FlagError as error:
        raise _Failure(f"{error} (see tusd-py -help)", 2) from None
    if line.leftover:
        # tusd would ignore this word and every flag after it.
        raise _Failure(f"unexpected word {line.leftover[0]!r}, expected flags only (see tusd-py -help)", 2)
    return line


def _config(line: flags.CommandLine) -> Config:
    try:
        return config_of(line)
    except ValueError as error:
        raise _Failure(str(error), 2) from None


def _serve(words: Sequence[str]) -> int:
    line = _parse(SERVE_FLAGS, words)
    if line is None:
        return 0
    if line.get("version", bool):
        print(f"Version: {_version()}")
        return 0
    config = _config(line)
    observe.set_up_logging(log_format(line), verbose=line.get("verbose", bool))
    extensions = _check_directory(config)

    def announce(url: str) -> None:
        _announce(config, extensions, url)

    def make_app() -> UploadApp:
        # What is loaded now stays loaded, and requests create few cycles: collect less often.
        gc.collect()
        gc.freeze()
        gc.set_threshold(10_000, 20, 50)
        return create_app(config)

    try:
        settings = server_settings_of(line, announce)
    except ValueError as error:
        raise _Failure(str(error), 2) from None
    try:
        return serve(make_app, settings)
    except (CannotListen, StartupFailed) as error:
        raise _Failure(str(error), 1) from None


def _check_directory(config: Config) -> Sequence[str]:
    """Open and close the directory once, so that an unusable one is reported before the server listens.

    Returns:
        The extensions of tus that are offered.
    """

    async def check() -> Sequence[str]:
        backends = await open_backends(config)
        await backends.close()
        return backends.tus.extensions

    try:
        return asyncio.run(check())
    except _UNUSABLE as error:
        raise _Failure(f"cannot use the upload directory: {describe(error)}", 1) from None


def _announce(config: Config, extensions: Sequence[str], url: str) -> None:
    """Print where uploads go. tusd's own test suite and many scripts wait for the last line."""
    limit = "unlimited" if config.max_size is None else f"{config.max_size} bytes"
    print(f"Using {config.upload_dir.resolve()} as directory storage.")
    print(f"Using {limit} as maximum size.")
    print(f"Supported tus extensions: {','.join(extensions)}")
    if url.startswith("http"):
        print(f"You can now upload files to: {url.rstrip('/')}{config.base_path}")
    else:
        print(f"Listening on {url}")
    sys.stdout.flush()


def _sweep(words: Sequence[str]) -> int:
    line = _parse(SWEEP_FLAGS, words)
    if line is None:
        return 0
    config = _config(line)
    if not Path(config.upload_dir).is_dir():
        raise _Failure(f"no such upload directory: {config.upload_dir}", 1)
    try:
        asyncio.run(_run_sweep(config, is_dry=line.get("dry-run", bool)))
    except _UNUSABLE as error:
        raise _Failure(f"cannot sweep: {describe(error)}", 1) from None
    return 0


async def _run_sweep(config: Config, *, is_dry: bool) -> None:
    backends = await open_backends(config)
    try:
        swept = await (backends.service.sweeper.preview() if is_dry else backends.sweep())
    finally:
        await backends.close()
    would = "would be " if is_dry else ""
    for what, ids in (
        ("expired", swept.expired),
        ("forgotten", swept.forgotten),
        ("removed", swept.removed),
    ):
        for upload_id in ids:
            print(f"{upload_id} {would}{what}")
    print(f"{len(swept.expired)} uploads {would}expired, {len(swept.forgotten)} {would}forgotten")


def _version() -> str:
    try:
        return version("tusd-py")
    except PackageNotFoundError:
        return "unknown"
