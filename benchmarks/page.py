"""The table of bars in ``docs/performance.md``, from the results that are stored beside it.

``python -m benchmarks.page`` writes it again after ``--json docs/performance-tmpfs.json`` and its like.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from benchmarks.bars import bar_for
from benchmarks.metrics import METRICS
from benchmarks.report import number
from benchmarks.scenarios import SCENARIOS

PAGE: Final = Path(__file__).parent.parent / "docs/performance.md"
FILE_SYSTEMS: Final = ("tmpfs", "ext4")
_WORKERS: Final = ", 2 workers"
_BEGIN: Final = "<!-- bars: written by python -m benchmarks.page -->\n"
_END: Final = "<!-- end of bars -->\n"

Row = dict[str, Any]


def stored(file_system: str) -> list[Row]:
    """Return every line that was measured on a file system."""
    file = PAGE.with_name(f"performance-{file_system}.json")
    rows: list[Row] = json.loads(file.read_text())["comparison"]
    return rows


def bars() -> str:
    """Return a Markdown table: a row for each bar, a column for each medium and durability."""
    cells: dict[tuple[str, str, bool, str], dict[tuple[str, str], str]] = {}
    for medium in FILE_SYSTEMS:
        for row in stored(medium):
            if row["cleared"] is not None:
                durability = row["server"].removesuffix(_WORKERS)
                many = row["server"].endswith(_WORKERS)
                key = (row["scenario"], row["metric"], many, row["bar"])
                cells.setdefault(key, {})[medium, durability] = _cell(row)
    return "\n".join(_lines(cells)) + "\n"


def _cell(row: Row) -> str:
    """Show what the bar is for: the ratio, or the value where the bar is for that; bold when missed."""
    value = row["value"] if _is_value(row["scenario"], row["metric"]) else row["ratio"]
    text = number(value["median"])
    return text if row["cleared"] else f"**{text}**"


def _is_value(scenario: str, metric: str) -> bool:
    bar = bar_for(scenario, metric)
    return bar is not None and not bar.is_ratio


def _lines(cells: dict[tuple[str, str, bool, str], dict[tuple[str, str], str]]) -> Iterator[str]:
    columns = [(medium, durability) for medium in FILE_SYSTEMS for durability in ("finish", "none")]
    yield f"| scenario | metric | bar | {' | '.join(', '.join(column) for column in columns)} |"
    yield "|---|---|---|" + "---|" * len(columns)
    for (scenario, metric, many, bar), found in cells.items():
        title = SCENARIOS[scenario].title + (_WORKERS if many else "")
        shown = " | ".join(found.get(column, "") for column in columns)
        unit = f", {METRICS[metric].unit}" if _is_value(scenario, metric) and METRICS[metric].unit else ""
        yield f"| {title} | {METRICS[metric].title}{unit} | {bar} | {shown} |"


def with_bars(page: str) -> str:
    """Return the page with the table that the stored results give."""
    before, rest = page.split(_BEGIN)
    return before + _BEGIN + bars() + _END + rest.split(_END)[1]


if __name__ == "__main__":
    PAGE.write_text(with_bars(PAGE.read_text()))
