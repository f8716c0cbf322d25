"""Results as JSON and as Markdown tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

from benchmarks.bars import Bar, bar_for
from benchmarks.metrics import METRICS, Spread, ratios, spread
from benchmarks.rounds import Failures, Samples
from benchmarks.scenarios import SCENARIOS


@dataclass(frozen=True, slots=True)
class Results:
    """What one run measured on one file system."""

    file_system: str
    machine: dict[str, str]
    baseline: str  # the server that the others are compared with
    samples: dict[str, Samples]  # by scenario
    failures: dict[str, Failures] = field(default_factory=dict)  # by scenario

    def to_json(self) -> dict[str, Any]:
        """Return what ``from_json`` takes, and the summary beside it for other readers."""
        return {**asdict(self), "comparison": [asdict(line) for line in compare(self)]}

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Results:
        """Read what ``to_json`` wrote."""
        keys = ("file_system", "machine", "baseline", "samples", "failures")
        return cls(**{key: stored[key] for key in keys})


@dataclass(frozen=True, slots=True)
class Line:
    """One metric of one scenario: a server beside the baseline."""

    scenario: str
    metric: str
    server: str
    value: Spread
    baseline: Spread | None
    ratio: Spread | None
    bar: str  # empty: nothing is promised
    cleared: bool | None


def compare(results: Results) -> list[Line]:
    """Compare every server with the baseline, metric by metric."""
    return list(_lines(results))


def _lines(results: Results) -> Iterator[Line]:
    for scenario, samples in results.samples.items():
        reference = samples.get(results.baseline, [])
        for server, rounds in samples.items():
            if server == results.baseline or not rounds:
                continue
            processes = round(median(values["processes"] for values in rounds))
            for metric in METRICS:
                if metric in rounds[0]:
                    ours = [values[metric] for values in rounds]
                    theirs = [values[metric] for values in reference[: len(ours)] if metric in values]
                    yield _line((scenario, metric, server), ours, theirs, processes)


def _line(key: tuple[str, str, str], ours: Sequence[float], theirs: Sequence[float], processes: int) -> Line:
    scenario, metric, server = key
    quotients = ratios(ours, theirs) if theirs else []
    ratio = spread(quotients) if quotients else None
    bar: Bar | None = bar_for(scenario, metric)
    value = spread(ours)
    cleared = None
    if bar is not None and not bar.is_ratio:
        cleared = bar.is_cleared(value.median, processes)
    elif bar is not None and ratio is not None:
        cleared = bar.is_cleared(ratio.median, processes)
    text = "" if bar is None else bar.text_for(processes)
    return Line(scenario, metric, server, value, spread(theirs) if theirs else None, ratio, text, cleared)


def number(value: float) -> str:
    """Write a number with three significant digits and no exponent."""
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) >= 0.001 else f"{value:.5f}"


def _spread(values: Spread | None) -> str:
    if values is None:
        return "-"
    if values.count == 1:
        return number(values.median)
    return f"{number(values.median)} ({number(values.lowest)} to {number(values.highest)})"


def table(results: Results, *, only_bars: bool = False) -> str:
    """Return a Markdown table: a row for each scenario, metric and server."""
    rows = [
        f"| scenario | metric | server | value | {results.baseline} | ratio (lowest to highest) | bar | |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for line in compare(results):
        if only_bars and line.cleared is None:
            continue
        metric = METRICS[line.metric]
        unit = f", {metric.unit}" if metric.unit else ""
        verdict = {True: "yes", False: "**missed**", None: ""}[line.cleared]
        theirs = "-" if line.baseline is None else number(line.baseline.median)
        ratio = line.value if metric.is_ratio else line.ratio  # a ratio of ratios says nothing
        rows.append(
            f"| {SCENARIOS[line.scenario].title} | {metric.title}{unit} | {line.server} "
            f"| {number(line.value.median)} | {theirs} | {_spread(ratio)} | {line.bar} | {verdict} |"
        )
    for scenario, failures in results.failures.items():
        for server, text in failures.items():
            rows.append(f"| {SCENARIOS[scenario].title} | | {server} | failed: {text} | | | | |")
    return "\n".join(rows) + "\n"
