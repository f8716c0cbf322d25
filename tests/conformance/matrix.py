"""Which checks notice which fault, measured: ``python -m tests.conformance.matrix`` (some ten minutes).

Writes ``faulty/collateral.toml``: beside the checks that a fault is meant for, every other check that reports
it. A wrong HEAD is noticed by half of all checks, a wrong Content-Type by one; the file makes that visible
when it changes, and ``test_faults`` takes from it which neighbours of a check must stay silent.
"""

from __future__ import annotations

import sys
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.conformance.faulty.fault import Fault
from tests.conformance.faulty.faults import FAULTS
from tests.conformance.faulty.server import FaultyServer
from tus_conformance.discovery import Unusable, open_target
from tus_conformance.model import Verdict
from tus_conformance.options import Options
from tus_conformance.registry import all_checks
from tus_conformance.runner import Run

PATH = Path(__file__).parent / "faulty" / "collateral.toml"
#: Left out: what waits, measures time or load, or takes long.
_SLOW = frozenset(
    ("CREATE-05", "TERM-12", "CORE-56", "CORE-57", "CORE-58", "CORE-59", "CORE-62", "CHECK-20", "CWU-20",
     "DEFER-16", "CONCAT-28")
)  # fmt: skip
_HEADER = "# Measured by tests/conformance/matrix.py: the other checks that report a fault.\n"


def quick_checks() -> tuple[str, ...]:
    """The checks that take next to no time."""
    return tuple(
        key
        for key, check in all_checks().items()
        if not (check.waits or check.alone or check.last or key in _SLOW or key.startswith("CONC-"))
    )


def collateral() -> dict[str, list[str]]:
    """Fault to checks, as measured last."""
    return dict(tomllib.loads(PATH.read_text("utf-8")))


def measure(server: FaultyServer, fault: Fault) -> list[str]:
    """The checks that report ``fault`` though it is not meant for them."""
    options = {"workers": 1, "lock_wait_s": 2.0, "timeout_s": 3.0, **dict(fault.options)}
    try:
        target = open_target(Options(url=server.url(fault.name), ids=quick_checks(), **options))  # type: ignore[arg-type]
    except Unusable:
        return []
    results = Run(target).all()
    return [
        r.id for r in results if r.verdict not in (Verdict.PASS, Verdict.SKIP) and r.id not in fault.checks
    ]


def render(found: dict[str, list[str]]) -> str:
    """The data file."""
    lines = [
        f"{name} = [{', '.join(map(repr, keys))}]".replace("'", '"') for name, keys in found.items() if keys
    ]
    return _HEADER + "\n".join(lines) + "\n"


def main() -> int:
    """Measure every fault and write the file."""
    server = FaultyServer()
    with ThreadPoolExecutor(4) as pool:
        found = dict(
            zip(FAULTS, pool.map(lambda fault: measure(server, fault), FAULTS.values()), strict=True)
        )
    PATH.write_text(render(found), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
