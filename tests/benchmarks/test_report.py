"""Ratios, bars, tables and charts, from results made by hand."""

import json
from xml.etree import ElementTree

import pytest

from benchmarks.bars import BARS, Bar
from benchmarks.bench import Values
from benchmarks.chart import chart
from benchmarks.metrics import METRICS, ratios, spread
from benchmarks.report import Results, compare, number, table
from benchmarks.scenarios import SCENARIOS
from benchmarks.servers import ServerSpec


def _rounds(metric: str, *values: float, processes: int = 1) -> list[Values]:
    return [{metric: value, "processes": processes} for value in values]


def _results(
    scenario: str, metric: str, ours: list[float], theirs: list[float], processes: int = 1
) -> Results:
    samples = {
        "ours": _rounds(metric, *ours, processes=processes),
        "theirs": _rounds(metric, *theirs),
        "absent": [],
    }
    return Results("tmpfs", {"processor": "any"}, "theirs", {scenario: samples})


def test_ratio_is_of_each_round() -> None:
    """A machine that is slow for one round changes no ratio."""
    line = compare(_results("one-patch", "throughput_mib_s", [200, 20, 300], [100, 10, 100]))[0]
    assert line.ratio == spread([2, 2, 3])
    assert (line.ratio.median, line.ratio.lowest, line.ratio.highest) == (2, 2, 3)


def test_rounds_without_a_measurable_baseline_are_left_out() -> None:
    assert ratios([1.0, 4.0], [0.0, 2.0]) == [2.0]


@pytest.mark.parametrize(
    ("scenario", "metric", "ratio", "processes", "cleared"),
    [
        ("one-patch", "throughput_mib_s", 2.0, 1, True),
        ("one-patch", "throughput_mib_s", 1.99, 1, False),
        ("one-patch", "cpu_s_per_gib", 0.5, 1, True),
        ("one-patch", "cpu_s_per_gib", 0.51, 1, False),
        ("small-two-requests-8", "requests_s", 0.7, 1, True),
        ("small-two-requests-8", "requests_s", 0.7, 3, False),
        ("small-two-requests-8", "p99_ms", 1.1, 3, False),
        ("small-two-requests-8", "p99_ms", 1.1, 1, None),
        ("small-two-requests-1", "requests_s", 0.1, 1, None),
    ],
)
def test_bars(scenario: str, metric: str, ratio: float, processes: int, cleared: bool | None) -> None:
    """A bar is cleared at its limit; for one process some have another limit, or none."""
    line = compare(_results(scenario, metric, [ratio * 100], [100], processes))[0]
    assert line.cleared is cleared


def test_a_bar_for_a_value_needs_no_baseline() -> None:
    """Memory of a huge upload is promised in MiB, not as a ratio."""
    results = _results("huge", "peak_memory_mib", [19.0], [])
    assert compare(results)[0].cleared is True
    assert "| - | - | ≤ 20 | yes |" in table(results)


@pytest.mark.parametrize(
    ("scenario", "metric", "value", "cleared"),
    [
        ("chunks", "of_patches", 0.9, True),
        ("chunks", "of_patches", 0.89, False),
        ("chunks", "of_checked_patches", 0.1, None),
        ("commit", "of_hashing", 1.2, True),
        ("commit", "of_hashing", 1.21, False),
        ("many-chunks", "catalog_ms", 1.0, True),
        ("many-chunks", "catalog_ms", 1.01, False),
    ],
)
def test_bars_of_the_chunk_api(scenario: str, metric: str, value: float, cleared: bool | None) -> None:
    """What a server is compared with is on that server, so the baseline makes no difference."""
    for theirs in ([], [1000.0]):
        assert compare(_results(scenario, metric, [value], theirs))[0].cleared is cleared


def test_a_ratio_within_a_server_is_shown_with_its_spread() -> None:
    """In the table instead of a ratio of ratios, and in the chart as it is: less of a time is better."""
    results = _results("commit", "of_hashing", [1.5, 2, 4], [])
    assert "| 2 | - | 2 (1.5 to 4) | ≤ 1.2 | **missed** |" in table(results)
    assert "<title>ours: 0.5</title>" in chart(results)


def test_a_baseline_may_lack_a_metric() -> None:
    """Not every server with the chunk API can check the PATCHes that it is compared with."""
    results = _results("chunks", "of_checked_patches", [1.0], [1.0])
    del results.samples["chunks"]["theirs"][0]["of_checked_patches"]
    assert compare(results)[0].baseline is None


def test_every_bar_is_of_something_measured() -> None:
    for bar in BARS:
        assert bar.scenario in SCENARIOS
        assert bar.metric in METRICS


def test_missed_bars_and_failures_stand_out() -> None:
    """The table hides nothing."""
    results = _results("one-patch", "throughput_mib_s", [150], [100])
    results.failures["download"] = {"ours": "wrong bytes"}
    text = table(results)
    assert "**missed**" in text
    assert "| download | | ours | failed: wrong bytes |" in text


def test_results_survive_json() -> None:
    results = _results("one-patch", "throughput_mib_s", [150, 160], [100, 101])
    assert Results.from_json(json.loads(json.dumps(results.to_json()))) == results


def test_chart_is_xml_and_shows_better_to_the_right() -> None:
    """Half the time is twice as good, and twice the throughput too."""
    faster = _results("one-patch", "throughput_mib_s", [200], [100])
    quicker = _results("final-post", "seconds", [1], [2])
    both = Results("tmpfs", {}, "theirs", {**faster.samples, **quicker.samples})
    picture = ElementTree.fromstring(chart(both))  # noqa: S314 # our own
    titles = [element.text for element in picture.iter("{http://www.w3.org/2000/svg}title")]
    assert titles == ["ours: 2", "ours: 2"]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (1234.5, "1,234"), (12.34, "12.3"), (0.0123, "0.0123"), (0.00012, "0.00012")],
)
def test_numbers(value: float, text: str) -> None:
    assert number(value) == text


def test_server_specs() -> None:
    """The first equals sign ends the name; the command may hold more of them."""
    spec = ServerSpec.parse("ours=run -a=b {port} {dir}")
    assert (spec.name, spec.command) == ("ours", "run -a=b {port} {dir}")
    for wrong in ("", "run {port}", "=run {port}", "ours=run"):
        with pytest.raises(ValueError, match="NAME="):
            ServerSpec.parse(wrong)


def test_bar_texts() -> None:
    assert Bar("head", "requests_s", 1.0, is_floor=True).text_for(1) == "≥ 1"
    assert Bar("head", "requests_s", 1.0, is_for_one_process=False).text_for(1) == ""
