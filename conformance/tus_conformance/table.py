"""The table of a protocol support page, from a report: ``python -m tus_conformance.table report.json``."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any


def render(report: dict[str, Any]) -> str:
    """One Markdown table per area: id, level, sentence, verdict.

    Raises:
        KeyError, TypeError: It is not a report of this suite.
    """
    counted = ", ".join(f"{count} {verdict}" for verdict, count in report["counts"].items())
    lines = [f"{len(report['results'])} requirements: {counted}."]
    area = ""
    for row in report["results"]:
        mine = str(row["id"]).rsplit("-", 1)[0]
        if mine != area:
            area = mine
            lines += ["", f"### {area}", "", "| id | level | requirement | verdict |", "|---|---|---|---|"]
        lines.append(f"| {row['id']} | {row['level']} | {_cell(row['text'])} | {_verdict(row)} |")
    return "\n".join(lines) + "\n"


def _verdict(row: dict[str, Any]) -> str:
    """PASS speaks for itself; everything else says why."""
    reason = "" if row["verdict"] == "PASS" else str(row["message"])
    return f"{row['verdict']}: {_cell(reason)}" if reason else str(row["verdict"])


def _cell(text: str) -> str:
    return " ".join(text.encode("utf-8", "backslashreplace").decode().replace("|", "\\|").split())


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table of the report named on the command line; 2 when there is none."""
    arguments = sys.argv[1:] if argv is None else list(argv)
    if len(arguments) != 1:
        print("usage: python -m tus_conformance.table REPORT.json", file=sys.stderr)
        return 2
    try:
        with open(arguments[0], encoding="utf-8") as file:
            text = render(json.load(file))
    except (OSError, ValueError, KeyError, TypeError) as error:
        print(f"{arguments[0]} is not a readable JSON report: {error}", file=sys.stderr)
        return 2
    sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
