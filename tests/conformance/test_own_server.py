"""This project's server under the suite, with everything that the suite can check."""

import json
import sys
from pathlib import Path

from tus_conformance.__main__ import main
from tus_conformance.table import render

ROOT = Path(__file__).parents[2]
MARK = "<!-- From here on written by scripts/protocol-support -->\n"
MAX_SIZE = "20000000"
FLAGS = f"-expire-after 8s -max-size {MAX_SIZE} -network-timeout 5s"


def run(report: Path) -> int:
    """Run every check, the waiting ones too; return the exit status."""
    serve = f"{sys.executable} -m tusd_py -host 127.0.0.1 -port {{port}} -upload-dir {{dir}} {FLAGS}"
    waits = ["--max-size", MAX_SIZE, "--expiry-wait", "14", "--stall-wait", "15"]
    url = "http://127.0.0.1:{port}/files/"
    return main([url, "--server", serve, *waits, "--profile", "strict", "--json", str(report)])


def test_every_requirement_is_kept_and_the_page_says_so(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    status = run(report)
    found = json.loads(report.read_text())
    bad = {row["id"]: row for row in found["results"] if row["verdict"] in ("FAIL", "WARN", "ERROR")}
    assert (status, bad) == (0, {})
    page = (ROOT / "docs" / "protocol-support.md").read_text()
    assert page.partition(MARK)[2] == render(found), "out of date: run scripts/protocol-support"
