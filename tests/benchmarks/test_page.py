"""``docs/performance.md`` shows what is stored beside it, every missed bar included, and stays short."""

import json

import pytest

from benchmarks.metrics import METRICS
from benchmarks.page import FILE_SYSTEMS, PAGE, bars, stored, with_bars
from benchmarks.scenarios import SCENARIOS


def test_the_page_is_what_the_stored_results_give() -> None:
    page = PAGE.read_text()
    assert with_bars(page) == page
    assert len(page.splitlines()) <= 80


@pytest.mark.parametrize("file_system", FILE_SYSTEMS)
def test_every_missed_bar_is_shown_in_bold(file_system: str) -> None:
    missed = [row for row in stored(file_system) if row["cleared"] is False]
    assert missed
    for row in missed:
        title = SCENARIOS[row["scenario"]].title + (", 2 workers" if "2 workers" in row["server"] else "")
        start = f"| {title} | {METRICS[row['metric']].title}"
        assert any("**" in line for line in bars().splitlines() if line.startswith(start)), row


@pytest.mark.parametrize("name", [*FILE_SYSTEMS, "others"])
def test_stored_figures_are_of_scenarios_and_metrics_that_exist(name: str) -> None:
    rows = json.loads(PAGE.with_name(f"performance-{name}.json").read_text())["comparison"]
    assert rows
    for row in rows:
        assert row["scenario"] in SCENARIOS
        assert row["metric"] in METRICS
