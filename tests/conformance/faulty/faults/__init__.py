"""Every fault, by name. A fault is named after the first check that must notice it."""

from __future__ import annotations

from tests.conformance.faulty.fault import Fault
from tests.conformance.faulty.faults import around, checksum, concat, core, create, more

GROUPS: dict[str, tuple[Fault, ...]] = {
    "core": core.FAULTS,
    "create": create.FAULTS,
    "more": more.FAULTS,
    "checksum": checksum.FAULTS,
    "concat": concat.FAULTS,
    "around": around.FAULTS,
}
_ALL = [fault for group in GROUPS.values() for fault in group]
FAULTS: dict[str, Fault] = {fault.name: fault for fault in _ALL}
if len(FAULTS) != len(_ALL):
    raise ValueError("two faults have the same name")
