"""The command ``tusd-py``: serves uploads, or sweeps a directory."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from tusd_py import observe
from tusd_py.application import UploadApp, create_app, describe
from tusd_py.assembly import open_backends
from tusd_py.command import go_flags as flags
from tusd_py.command.go_values import quoted
from tusd_py.command.operations import counts_alone, counts_shared, forget_worker, serve_to_operator
from tusd_py.command.settings_flags import (
    ONCE,
    SERVE_FLAGS,
    SWEEP_FLAGS,
    CommandSettings,
    command_settings_of,
    config_of,
    log_format,
    server_settings_of,
    source_of,
    tusd_settings_of,
    without_effect,
)
from tusd_py.command.settings_text import effective, without_secrets
from tusd_py.command.sources import with_environment, with_file
from tusd_py.errors import UploadError
from tusd_py.http1.listening import tls_context
from tusd_py.http1.run import CannotListen, ServerSettings, StartupFailed, serve
from tusd_py.ports.catalog import CatalogUnusable
from tusd_py.ports.store import StoreFailed
from tusd_py.settings import BadSetting, Config, HookSettings, TusdSettings

_USAGE: Final = """\
Usage: tusd-py [serve] [flags]            serve uploads, by default ./data on port 8080 under /files/
       tusd-py sweep [-dry-run] [flags]   remove what has expired, then end
"""
#: The flags that a file for ``-config`` may have; one file can be used by every command.
_IN_FILES: Final = [flag for flag in SERVE_FLAGS if flag.name not in {*ONCE, "config"}]
_END_AFTER: Final = 1.05  # times the time limit for the end: after the workers and what they close
#: Errors that mean that a directory cannot be used.
_UNUSABLE: Final = (OSError, CatalogUnusable, StoreFailed, ValueError, UploadError)


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
    """Read the command line, the environment and the file; None after help was printed."""
    try:
        line = flags.parse(known, words)
        line = with_environment(line, [flag for flag in known if flag.name not in ONCE], os.environ)
        file = line.get("config", str)
        return with_file(line, _IN_FILES, file) if file else line
    except flags.HelpRequested:
        print(_USAGE + "\n" + flags.usage(known), file=sys.stderr)
        return None
    except flags.FlagError as error:
        raise _Failure(f"{error} (see tusd-py -help)", 2) from None


def _failure(bad: BadSetting, line: flags.CommandLine) -> _Failure:
    """Return the failure for a value that cannot be used, with its source; the status is tusd's."""
    source = source_of(bad.field, line)
    if source is None:
        return _Failure(str(bad), 1)
    return _Failure(f"{source}: {bad.problem}", 1 if source.startswith("flag ") else 2)


def _settings(line: flags.CommandLine) -> tuple[TusdSettings, Config, ServerSettings, CommandSettings]:
    try:
        return tusd_settings_of(line), config_of(line), server_settings_of(line), command_settings_of(line)
    except BadSetting as bad:
        raise _failure(bad, line) from None


def _serve(words: Sequence[str]) -> int:
    line = _parse(SERVE_FLAGS, words)
    if line is None:
        return 0
    if line.get("version", bool):
        print(f"Version: {_version()}\nCommit: n/a\nDate: n/a")
        return 0
    if line.leftover == tuple(words) != ():
        raise _Failure(f"unknown command {quoted(words[0])} (see tusd-py -help)", 2)
    observe.set_up_logging(log_format(line), verbose=line.get("verbose", bool))
    try:
        return _serve_or_check(line)
    except _Failure as failure:
        if log_format(line) == "text":
            raise
        observe.say(str(failure), level=logging.ERROR)
        return failure.status


def _serve_or_check(line: flags.CommandLine) -> int:
    tusd, config, settings, command = _settings(line)
    for warning in (*_ignored(line), *without_effect(line)):
        if command.log_format == "json":
            observe.say(warning, level=logging.WARNING)
        else:
            print(f"tusd-py: {warning}", file=sys.stderr)
    if command.check:
        _check(settings, config)
        print("\n".join(effective(line, tusd, config, config.hooks, settings, command)))
        return 0
    extensions = _check_directory(config)

    def announce(url: str) -> None:
        if command.show_startup_logs:
            _announce(line, config.hooks, extensions, url)

    def make_app() -> UploadApp:
        app = create_app(config)
        serve_to_operator(app, metrics_path=command.metrics_path if command.expose_metrics else None)
        return app

    # What is loaded now stays loaded, and requests create few cycles: collect less often. Here rather than in
    # each worker, so that these share it, and so that nobody looks through it at the end.
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)
    settings = replace(settings, on_listening=announce, on_stopping=lambda: _end_in_time(settings))
    return _run(make_app, settings, counts=command.expose_metrics)


def _run(make_app: Callable[[], UploadApp], settings: ServerSettings, *, counts: bool) -> int:
    """Serve until a signal ends the server; workers add up their counts."""
    try:
        if not counts or settings.worker_count == 1:
            counts_alone()
            status = serve(make_app, settings)
        else:
            with counts_shared():
                status = serve(make_app, replace(settings, on_worker_gone=forget_worker))
    except (CannotListen, StartupFailed) as error:
        raise _Failure(str(error), 1) from None
    observe.say("Shutdown completed. Goodbye!")
    return status


def _end_in_time(settings: ServerSettings) -> None:
    """Log that the server shuts down, and end the process if a hook or a medium delays that for too long."""
    observe.say("Received interrupt signal. Shutting down tusd-py...")
    watch = threading.Timer(settings.shutdown_timeout_s * _END_AFTER, _end_now)
    watch.daemon = True
    watch.start()


def _end_now() -> None:
    observe.say("Shutdown timed out; requests that were left are cut off.")
    os._exit(0)


def _ignored(line: flags.CommandLine) -> Iterator[str]:
    """Yield a warning of words that tusd ignores without one."""
    if line.leftover:
        words = " ".join(map(quoted, line.leftover))
        hint = "flags end at the first word that is none; a boolean takes its value only with ="
        yield f"ignored: {words} ({hint})"


def _check(settings: ServerSettings, config: Config) -> None:
    """Check that the certificate and the directory can be used, without changing anything."""
    try:
        tls_context(settings)
    except CannotListen as error:
        raise _Failure(str(error), 1) from None
    where = config.upload_dir.absolute()
    while not where.exists() and where != where.parent:
        where = where.parent  # the directory will be created there
    if not (where.is_dir() and os.access(where, os.R_OK | os.W_OK | os.X_OK)):
        raise _Failure(f"cannot use the upload directory: {where} is no directory that can be written", 1)


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


def _announce_hooks(hooks: HookSettings) -> None:
    if hooks.hooks_http:
        observe.say(f"Using '{without_secrets(hooks.hooks_http)}' as the endpoint for hooks")
    elif hooks.hooks_dir:
        observe.say(f"Using '{hooks.hooks_dir}' for hooks")
    if hooks.is_on:
        observe.say(f"Enabled hook events: {', '.join(hooks.names)}")


def _announce(line: flags.CommandLine, hooks: HookSettings, extensions: Sequence[str], url: str) -> None:
    """Print what is used and where uploads are created, with tusd's exact lines where there are such.

    tusd's own test suite and many scripts wait for the last line.
    """
    base_path, socket = "/" + line.get("base-path", str).removeprefix("/"), line.get("unix-sock", str)
    observe.say(f"Using '{os.path.abspath(line.get('upload-dir', str))}' as directory storage.")
    observe.say(f"Using {line.get('max-size', int) / 2**20:.2f}MB as maximum size.")
    _announce_hooks(hooks)
    observe.say(f"Supported tus extensions: {','.join(extensions)}")
    if socket:
        observe.say(f"Using {socket} as socket to listen.")
    else:
        observe.say(f"Using {line.get('host', str)}:{line.get('port', int)} as address to listen.")
    observe.say(f"Using {base_path} as the base path.")
    if line.get("expose-metrics", bool):
        observe.say(f"Using {line.get('metrics-path', str)} as the metrics path.")
    if not socket:
        observe.say(f"You can now upload files to: {url}{base_path}")


def _sweep(words: Sequence[str]) -> int:
    line = _parse(SWEEP_FLAGS, words)
    if line is None:
        return 0
    if line.leftover:
        raise _Failure(f"unexpected word {quoted(line.leftover[0])}, expected flags only", 2)
    try:
        config = config_of(line)
    except BadSetting as bad:
        raise _failure(bad, line) from None
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
