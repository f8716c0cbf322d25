"""Which function decides which requirement."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from tus_conformance.model import requirements
from tus_conformance.tus import Tus

CheckFunction = Callable[[Tus], None]


@dataclass(frozen=True, slots=True)
class Check:
    """One check: the requirement it decides, and how it wants to be run."""

    id: str
    run: CheckFunction
    alone: bool = False  # nothing else may be under way: it measures time or load
    last: bool = False  # looks at what the other checks saw
    waits: bool = False  # spends its time waiting, so it gets a thread of its own


_CHECKS: dict[str, Check] = {}


def check(
    requirement_id: str, *, alone: bool = False, last: bool = False, waits: bool = False
) -> Callable[[CheckFunction], CheckFunction]:
    """Register a function as the check of one requirement.

    Raises:
        ValueError: No such requirement, or it has a check already. A wrong id must not go unnoticed.
    """

    def register(function: CheckFunction) -> CheckFunction:
        row = requirements().get(requirement_id)
        if row is None:
            raise ValueError(f"{function.__name__}: no requirement {requirement_id}")
        if row.undecidable:
            raise ValueError(f"{function.__name__}: {requirement_id} is marked undecidable")
        if requirement_id in _CHECKS:
            raise ValueError(f"{function.__name__}: {requirement_id} already has a check")
        _CHECKS[requirement_id] = Check(requirement_id, function, alone, last, waits)
        return function

    return register


@cache
def all_checks() -> dict[str, Check]:
    """Every check by requirement id, in the order of the requirements."""
    package = importlib.import_module("tus_conformance.checks")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"tus_conformance.checks.{module.name}")
    return {key: _CHECKS[key] for key in requirements() if key in _CHECKS}
