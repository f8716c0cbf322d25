"""The command ``tus-conformance``."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from tus_conformance.discovery import EXIT_UNREACHABLE, EXIT_USAGE, Unusable, open_target
from tus_conformance.model import Result, Verdict
from tus_conformance.options import Options, parse
from tus_conformance.page import as_html
from tus_conformance.process import ServerFailed, ServerProcess, free_port
from tus_conformance.report import as_json, as_junit, succeeded, terminal
from tus_conformance.runner import Run, ServerLost
from tus_conformance.target import Target

EXIT_FAILED = 1
EXIT_SERVER_COMMAND = 5
EXIT_INTERRUPTED = 130


class Progress:
    """One line on stderr that is rewritten; silent when stderr is no terminal."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._done = 0
        self._bad = 0
        self._live = sys.stderr.isatty()

    def __call__(self, result: Result) -> None:
        """One check is over."""
        self._done += 1
        self._bad += result.verdict in (Verdict.FAIL, Verdict.ERROR)
        if self._live:
            print(
                f"\r{self._done}/{self._total} checks, {self._bad} failed  {result.id:10}",
                end="",
                file=sys.stderr,
            )
            sys.stderr.flush()

    def end(self) -> None:
        """Give the line back."""
        if self._live:
            print("\r" + " " * 60 + "\r", end="", file=sys.stderr)


@contextlib.contextmanager
def _server(options: Options) -> Iterator[tuple[Options, ServerProcess | None]]:
    """The server of ``--server``, running; and the options with its port filled in."""
    if not options.server:
        yield options, None
        return
    port = free_port()
    process = ServerProcess(options.server, port)
    try:
        process.start()
        yield replace(options, url=options.url.replace("{port}", str(port))), process
    finally:
        process.close()


def _write(results: list[Result], target: Target, duration_s: float) -> None:
    options = target.options
    writers: list[tuple[Path | None, Callable[[list[Result], Target, float], str]]] = [
        (options.json, as_json),
        (options.junit, as_junit),
        (options.html, as_html),
    ]
    for path, render in writers:
        if path:
            path.write_text(render(results, target, duration_s), encoding="utf-8")


def _run(options: Options, process: ServerProcess | None) -> int:
    target = open_target(options, process)
    print(f"tus conformance of {target.endpoint.url}")
    print(f"extensions: {', '.join(sorted(target.extensions)) or 'none'}\n")
    run = Run(target)
    run.listener = progress = Progress(len(run.wanted))
    started = time.monotonic()
    status = 0
    try:
        run.all()
    except KeyboardInterrupt:
        run.stop()
        status = EXIT_INTERRUPTED
    except ServerLost as error:
        print(f"stopped: the server does not answer any more ({error})", file=sys.stderr)
        status = EXIT_UNREACHABLE
    progress.end()
    results, duration_s = run.finished(), time.monotonic() - started
    print(terminal(results, options, colour=sys.stdout.isatty() and "NO_COLOR" not in os.environ))
    for under_way in run.crashes:
        print(f"\nthe server DIED and was started again; under way were {', '.join(under_way)}")
    print(f"\n{len(results)} of {len(run.wanted)} requirements in {duration_s:.1f} s")
    if status == EXIT_INTERRUPTED:
        print("interrupted: this is the report so far; removing the uploads of this run")
    _write(results, target, duration_s)
    target.clean_up()
    return status or (0 if succeeded(results, strict=options.strict) and not run.crashes else EXIT_FAILED)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the suite; the exit status is documented in ``--help``."""
    options = parse(None if argv is None else list(argv))
    for path in (options.json, options.junit, options.html):
        if path and not path.absolute().parent.is_dir():
            print(f"tus-conformance: no such directory: {path.parent}", file=sys.stderr)
            return EXIT_USAGE
    try:
        with _server(options) as (filled, process):
            return _run(filled, process)
    except Unusable as error:
        print(f"tus-conformance: {error}", file=sys.stderr)
        return error.exit_status
    except ServerFailed as error:
        print(f"tus-conformance: --server: {error}", file=sys.stderr)
        return EXIT_SERVER_COMMAND
    except OSError as error:
        print(f"tus-conformance: {error}", file=sys.stderr)
        return EXIT_USAGE
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED


if __name__ == "__main__":
    raise SystemExit(main())
