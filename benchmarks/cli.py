"""The command line: which servers, which scenarios, how often, and where the results go."""

from __future__ import annotations

import argparse
import json
import resource
import signal
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from benchmarks.bench import GIB, MIB, Sizes
from benchmarks.chart import chart
from benchmarks.generator import build
from benchmarks.machine import describe, file_system
from benchmarks.report import Results, table
from benchmarks.rounds import Plan, measure
from benchmarks.scenarios import SCENARIOS
from benchmarks.servers import ServerFailed, ServerSpec, running

_QUICK = Sizes(
    large_bytes=8 * MIB,
    parallel_bytes=2 * MIB,
    patch_bytes=64 * 1024,
    partial_bytes=2 * MIB,
    huge_bytes=32 * MIB,
    session_bytes=4 * MIB,
    small_chunks=100,
    loop_s=0.1,
    stalled_connections=32,
    settle_s=0.1,
)
_USUAL = [name for name, scenario in SCENARIOS.items() if not scenario.is_optional]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Compare tus servers: every scenario on each of them in turn, on a fresh directory.",
        epilog="Scenarios: " + ", ".join(SCENARIOS),
    )
    add = parser.add_argument
    add("--server", action="append", metavar="NAME='COMMAND'", help="with {port} and {dir}; give two or more")
    add("--baseline", metavar="NAME", help="the server that the others are compared with (default: the last)")
    add("--scenario", action="append", choices=SCENARIOS, help="only this one; may be repeated")
    add("--rounds", type=int, default=5, help="how often each server is visited (default: 5)")
    add("--directory", type=Path, default=Path(), help="where upload directories are made (default: here)")
    add("--base-path", default="/files/", help="URL path that makes uploads (default: /files/)")
    add("--api-prefix", default="", help="URL path above uploads/ of the chunk API (default: none)")
    add(
        "--quick",
        action="store_true",
        help="tiny sizes, servers started once: shows that all works, measures nothing",
    )
    add("--huge-gib", type=int, default=10, help="size of the scenario 'huge' (default: 10)")
    add("--loop-s", type=float, help="seconds for which small requests are repeated (default: 3)")
    add("--stalled", type=int, help="how many connections stall (default: 2000)")
    add("--json", type=Path, metavar="FILE", help="write the results there")
    add("--chart", type=Path, metavar="FILE", help="write an SVG chart there")
    add("--bars", action="store_true", help="show only what we promise")
    add(
        "--render",
        type=Path,
        action="append",
        metavar="FILE",
        help="measure nothing; show what --json stored",
    )
    return parser


def _sizes(options: argparse.Namespace) -> Sizes:
    sizes = _QUICK if options.quick else replace(Sizes(), huge_bytes=options.huge_gib * GIB)
    if options.stalled is not None:
        sizes = replace(sizes, stalled_connections=options.stalled)
    return sizes if options.loop_s is None else replace(sizes, loop_s=options.loop_s)


def _run(options: argparse.Namespace) -> Results:
    servers = [ServerSpec.parse(text) for text in options.server or ()]
    names = [server.name for server in servers]
    if len(names) < 2 or len(set(names)) < len(names) or (options.baseline or names[-1]) not in names:
        raise ValueError("give two servers or more, each with a name of its own; one is the baseline")
    parent, api = options.directory, options.api_prefix.rstrip("/")
    results = Results(file_system(parent), describe(), options.baseline or names[-1], {})
    with ExitStack() as stack:
        kept = {}
        if options.quick:
            kept = {
                spec.name: stack.enter_context(running(spec, parent, options.base_path, api))
                for spec in servers
            }
        plan = Plan(servers, build(), options.base_path, api, _sizes(options), options.rounds, kept)
        for name in options.scenario or _USUAL:
            results.samples[name], failures = measure(plan, SCENARIOS[name], parent)
            if failures:
                results.failures[name] = failures
            _store(options, results)  # after each: a long run that is cut short has not been for nothing
    return results


def _store(options: argparse.Namespace, results: Results) -> None:
    if options.json is not None:
        options.json.write_text(json.dumps(results.to_json(), indent=1) + "\n")


def _stored(files: Sequence[Path]) -> Results:
    """Read results of one or more runs. A scenario that several have counts as the last has it."""
    first, *others = (Results.from_json(json.loads(file.read_text())) for file in files)
    for other in others:
        if (other.file_system, other.baseline) != (first.file_system, first.baseline):
            raise ValueError("these results have different file systems or baselines")
        first.samples.update(other.samples)
        first.failures.update(other.failures)
    return first


def _raise_file_limit() -> None:
    """Thousands of connections need as many descriptors, here and in the servers."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run; return the exit status: 0, or 1 when a server failed, or 2 for wrong arguments."""
    options = _parser().parse_args(arguments)
    _raise_file_limit()
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))  # so that servers are stopped
    try:
        results = _stored(options.render) if options.render is not None else _run(options)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    except ServerFailed as error:
        print(error, file=sys.stderr)
        return 1
    print(", ".join(f"{key}: {value}" for key, value in results.machine.items()))
    print(f"file system: {results.file_system}\n")
    print(table(results, only_bars=options.bars))
    if options.chart is not None:
        options.chart.write_text(chart(results))
    return 1 if results.failures else 0
