"""Writes the table of docs/protocol-support.md; ``scripts/protocol-support`` calls it."""

import json
import tempfile
from pathlib import Path

from tests.conformance.test_own_server import MARK, ROOT, run
from tus_conformance.table import render


def write() -> None:
    """Run the suite and replace everything behind the mark."""
    page = ROOT / "docs" / "protocol-support.md"
    with tempfile.TemporaryDirectory() as directory:
        report = Path(directory) / "report.json"
        run(report)
        table = render(json.loads(report.read_text()))
    page.write_text(page.read_text().partition(MARK)[0] + MARK + table)


if __name__ == "__main__":
    write()
