"""The order of measurements: every round visits every server, so that drift hits all alike."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.bench import Bench, Sizes, Values
from benchmarks.generator import Generator, LoadFailed
from benchmarks.processes import usage
from benchmarks.scenarios import Scenario
from benchmarks.servers import Server, ServerSpec, running

#: By server, the values of each round; an empty list where a server cannot do the scenario.
Samples = dict[str, list[Values]]

#: By server, what went wrong: a wrong answer, wrong bytes, silence.
Failures = dict[str, str]


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that a run depends on."""

    servers: Sequence[ServerSpec]
    program: Path  # the generator
    base: str  # path at which the servers create uploads
    api: str  # path above uploads/ of the chunk API; empty or without a final slash
    sizes: Sizes
    rounds: int
    kept: Mapping[str, Server] = field(default_factory=dict)  # by name; used instead of fresh ones


def measure(plan: Plan, scenario: Scenario, parent: Path) -> tuple[Samples, Failures]:
    """Run one scenario on every server, round by round, each time on a fresh server and directory.

    Every other round goes through the servers backwards, so that none always comes after the same one.
    A server that does something wrong has no values at all: fast and wrong is not a result.
    """
    samples: Samples = {spec.name: [] for spec in plan.servers}
    failures: Failures = {}
    for number in range(plan.rounds):
        servers = plan.servers if number % 2 == 0 else list(reversed(plan.servers))
        for spec in servers:
            if spec.name in failures:
                continue
            try:
                values = _once(plan, scenario, spec, parent, number)
            except LoadFailed as error:
                failures[spec.name] = str(error)
                samples[spec.name] = []
                _tell(f"{scenario.name} {number + 1}/{plan.rounds} {spec.name} FAILED: {error}")
                continue
            if values is not None:
                samples[spec.name].append(values)
                _tell(f"{scenario.name} {number + 1}/{plan.rounds} {spec.name}: {_short(values)}")
    return samples, failures


def _once(plan: Plan, scenario: Scenario, spec: ServerSpec, parent: Path, number: int) -> Values | None:
    if spec.name in plan.kept:
        return _visit(plan, scenario, plan.kept[spec.name], number)
    os.sync()  # what the server before has left to write must not slow this one down
    with running(spec, parent, plan.base, plan.api) as server:
        _bench(plan, server).warm_up()
        return _visit(plan, scenario, server, number)


def _visit(plan: Plan, scenario: Scenario, server: Server, number: int) -> Values | None:
    if scenario.needs is not None and scenario.needs not in server.features:
        return None
    values = scenario.run(_bench(plan, server, number))
    return {**values, "processes": usage(server.session).processes}


def _bench(plan: Plan, server: Server, number: int = 0) -> Bench:
    return Bench(server, Generator(plan.program, server.port, plan.base), plan.sizes, number)


def _short(values: Values) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in values.items())


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
