"""docs/tusd.md: every line is backed by a test that exists."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

PLACE = Path(__file__).parent
PAGE = PLACE.parents[1] / "docs/tusd.md"


def test_each_line_names_a_test_that_exists() -> None:
    rows = [
        line for line in PAGE.read_text().splitlines() if line.startswith("| ") and "| test |" not in line
    ]
    assert len(rows) > 30
    for row in rows:
        named = re.findall(r"`(test_\w+)::(test_\w+)`", row.split("|")[-2])
        assert named, row
        for module, test in named:
            folder = "tusd" if (PLACE / f"{module}.py").exists() else "e2e"
            assert hasattr(importlib.import_module(f"tests.{folder}.{module}"), test), row
