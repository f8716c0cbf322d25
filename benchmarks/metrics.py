"""What is measured, in which unit, and which way is better."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final


@dataclass(frozen=True, slots=True)
class Metric:
    """One column of the results."""

    name: str
    title: str
    unit: str
    higher_is_better: bool = False
    is_ratio: bool = False  # to something else on the same server, measured in the same round


METRICS: Final[dict[str, Metric]] = {
    metric.name: metric
    for metric in (
        Metric("throughput_mib_s", "throughput", "MiB/s", higher_is_better=True),
        Metric("of_patches", "throughput / eight PATCHes", "", higher_is_better=True, is_ratio=True),
        Metric(
            "of_checked_patches",
            "throughput / eight PATCHes with sha256",
            "",
            higher_is_better=True,
            is_ratio=True,
        ),
        Metric("requests_s", "rate", "1/s", higher_is_better=True),
        Metric("p50_ms", "median latency", "ms"),
        Metric("p99_ms", "99th percentile", "ms"),
        Metric("seconds", "time", "s"),
        Metric("of_hashing", "time / hashing the file", "", is_ratio=True),
        Metric("catalog_ms", "claim and record, mean", "ms"),
        Metric("catalog_p99_ms", "claim and record, 99th percentile", "ms"),
        Metric("cpu_s_per_gib", "server CPU", "s/GiB"),
        Metric("cpu_us_per_request", "server CPU", "us"),
        Metric("cpu_s", "server CPU", "s"),
        Metric("peak_memory_mib", "peak memory above idle", "MiB"),
        Metric("idle_memory_mib", "idle memory", "MiB"),
        Metric("memory_kib_per_connection", "memory per connection", "KiB"),
        Metric("disk_ratio", "disk use / file size", ""),
    )
}


@dataclass(frozen=True, slots=True)
class Spread:
    """The middle of some values, and how far apart they are."""

    median: float
    lowest: float
    highest: float
    count: int


def spread(values: Sequence[float]) -> Spread:
    """Sum values up. Raises ValueError when there are none."""
    if not values:
        raise ValueError("no values")
    return Spread(median(values), min(values), max(values), len(values))


def ratios(subject: Sequence[float], baseline: Sequence[float]) -> list[float]:
    """Divide round by round: what slows the machine down in one round slows down both.

    A round in which the baseline measured nothing (CPU time below one tick) is left out.
    """
    return [a / b for a, b in zip(subject, baseline, strict=True) if b > 0]
