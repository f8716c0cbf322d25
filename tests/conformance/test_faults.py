"""Proof that every check can fail: each fault of the faulty server is reported by exactly its checks."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.faulty.fault import Fault
from tests.conformance.faulty.faults import FAULTS, GROUPS
from tests.conformance.faulty.world import EXTENSIONS
from tests.conformance.matrix import collateral, quick_checks
from tests.support.process import Process, free_port, listens
from tus_conformance.discovery import open_target
from tus_conformance.model import ON_VIOLATION, Result, Verdict, requirements
from tus_conformance.options import Options
from tus_conformance.process import ServerProcess
from tus_conformance.registry import all_checks
from tus_conformance.runner import Run

#: Checks that must stay green under every fault that does not name them.
SMOKE = ("CORE-01", "CORE-37", "CORE-45", "CREATE-08", "TERM-02")
_COLLATERAL = collateral()
_ROOT = Path(__file__).parents[2]
_NEED_A_PROCESS = frozenset(name for name, fault in FAULTS.items() if "forget" in fault.flags)


def server_command(fault: str = "") -> str:
    """How the suite starts the faulty server itself."""
    return f"{sys.executable} -m tests.conformance.faulty.server {{port}} {{dir}} {fault}".strip()


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A faulty server in a process of its own, so that it does not share the interpreter with the suite."""
    number = free_port()
    command = [sys.executable, "-m", "tests.conformance.faulty.server", str(number)]
    process = Process(command, tmp_path_factory.mktemp("faulty") / "log")
    process.spawn().wait_for(lambda: listens(number))
    yield number
    process.close()


def run(port: int, fault: str, ids: tuple[str, ...], **options: Any) -> dict[str, Result]:
    """The results of some checks against one fault."""
    settings: dict[str, Any] = {"workers": 2, "lock_wait_s": 6.0, "timeout_s": 8.0, **options}
    target = open_target(Options(url=f"http://127.0.0.1:{port}/{fault}/files/", ids=ids, **settings))
    return {result.id: result for result in Run(target).all()}


def neighbours(fault: Fault) -> list[str]:
    """The checks behind the intended one: the same area, but none of their business."""
    quick = quick_checks()
    after = [
        key for key in quick if key > fault.checks[0] and key.split("-")[0] == fault.checks[0].split("-")[0]
    ]
    return after[:3]


def problems(fault: Fault, results: dict[str, Result]) -> list[str]:
    """What is wrong with the outcome of one fault."""
    found = []
    for key in fault.checks:
        wanted = dict(fault.verdicts).get(key, ON_VIOLATION[requirements()[key].level])
        if results[key].verdict != wanted:
            found.append(f"{key}: {results[key].verdict} ({results[key].message}), not {wanted}")
    blamed = {*fault.checks, *fault.also, *_COLLATERAL.get(fault.name, ())}
    innocent = [result for key, result in results.items() if key not in blamed]
    found += [
        f"{result.id} should not have noticed: {result.verdict} ({result.message})"
        for result in innocent
        if result.verdict not in (Verdict.PASS, Verdict.SKIP)
    ]
    return found


def _tried(port: int, fault: Fault) -> list[str]:
    ids = tuple(dict.fromkeys((*fault.checks, *SMOKE, *neighbours(fault))))
    found = problems(fault, run(port, fault.name, ids, **dict(fault.options)))
    return [f"fault {fault.name}: {problem}" for problem in found]


@pytest.mark.parametrize("group", GROUPS)
def test_faults_are_reported_by_their_checks(port: int, group: str) -> None:
    """Many faults at a time, since most of the time is waiting; the slow ones first."""
    faults = [fault for fault in GROUPS[group] if fault.name not in _NEED_A_PROCESS]
    faults.sort(key=lambda fault: not fault.options and "CONC" not in fault.name)
    with ThreadPoolExecutor(12) as pool:
        found = [problem for one in pool.map(lambda fault: _tried(port, fault), faults) for problem in one]
    assert found == []


def test_every_check_has_a_fault() -> None:
    proven = {key for fault in FAULTS.values() for key in fault.checks}
    assert sorted(set(all_checks()) - proven) == []
    assert sorted(proven - set(all_checks())) == []


def test_the_measured_collateral_is_of_known_faults_and_checks() -> None:
    assert set(_COLLATERAL) <= set(FAULTS)
    assert {key for keys in _COLLATERAL.values() for key in keys} <= set(all_checks())


def test_the_right_server_passes(port: int) -> None:
    """Nothing is reported for a server without a fault, the waiting checks included."""
    results = run(
        port,
        "none",
        (),
        workers=8,
        stall_wait_s=6.0,
        max_size_bytes=16 * 1024 * 1024,
        headers=(("Authorization", "Bearer x"),),
    )
    assert [
        (r.id, r.message) for r in results.values() if r.verdict not in (Verdict.PASS, Verdict.SKIP)
    ] == []


@pytest.mark.parametrize("extension", EXTENSIONS[1:])
def test_a_server_without_an_extension_passes(port: int, extension: str) -> None:
    """What is not announced is not demanded."""
    results = run(port, f"without-{extension}", quick_checks(), workers=8)
    bad = [(r.id, r.message) for r in results.values() if r.verdict not in (Verdict.PASS, Verdict.SKIP)]
    assert bad == []


def _with_process(fault: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Result]:
    monkeypatch.setenv("PYTHONPATH", str(_ROOT))
    process = ServerProcess(server_command(), free_port())
    process.start()
    try:
        options = Options(
            url=f"http://127.0.0.1:{process.port}/{fault}/files/", ids=("CONC-12", "CONC-13", "CONC-16")
        )
        return {result.id: result for result in Run(open_target(options, process)).all()}
    finally:
        process.close()


def test_a_forgetful_server_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    fault = FAULTS["CONC-12"]
    results = _with_process(fault.name, monkeypatch)
    assert {key: result.verdict for key, result in results.items()} == {
        key: ON_VIOLATION[requirements()[key].level] for key in fault.checks
    }


def test_a_durable_server_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    results = _with_process("none", monkeypatch)
    assert {r.id: (r.verdict, r.message) for r in results.values()} == dict.fromkeys(
        ("CONC-12", "CONC-13", "CONC-16"), (Verdict.PASS, "")
    )
