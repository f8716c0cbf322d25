"""The data file and the checks belong together."""

from __future__ import annotations

import ast
import sys
from collections import Counter
from pathlib import Path

import pytest

import tus_conformance
from tus_conformance.endpoint import Endpoint
from tus_conformance.model import requirements
from tus_conformance.options import Options
from tus_conformance.registry import all_checks, check
from tus_conformance.target import Target
from tus_conformance.tus import Tus

_PACKAGE = Path(tus_conformance.__file__).parent


def test_every_requirement_has_a_check_or_a_reason() -> None:
    undecided = [
        key for key, row in requirements().items() if key not in all_checks() and not row.undecidable
    ]
    assert undecided == []


def test_every_requirement_is_worded_and_placed() -> None:
    for row in requirements().values():
        assert row.section, row.id
        assert row.text.endswith("."), row.id
        assert len(row.text) <= 120, row.id


def test_no_sentence_occurs_twice() -> None:
    assert [text for text, n in Counter(r.text for r in requirements().values()).items() if n > 1] == []


def test_every_need_is_known() -> None:
    target = Target(Options(url="http://x/"), Endpoint.parse("http://x/"))
    for row in requirements().values():
        target.gate(row.needs)


@pytest.mark.parametrize("wrong", ["CORE-999", "CORE-01", "HTTP-16"])
def test_a_check_cannot_name_an_unknown_taken_or_undecidable_id(wrong: str) -> None:
    all_checks()

    def nothing(t: Tus) -> None:
        """Never run."""

    with pytest.raises(ValueError, match=wrong):
        check(wrong)(nothing)


def test_the_suite_imports_the_standard_library_only() -> None:
    """It must run against any server without that server's code, or anybody else's."""
    for path in _PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            for name in names:
                top = name.split(".")[0]
                assert top == "tus_conformance" or top in sys.stdlib_module_names, (
                    f"{path.name} imports {name}"
                )
