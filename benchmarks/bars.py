"""What we promise, most of it compared with tusd: each promise is a bar that a result clears or misses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Bar:
    """A limit for one metric of one scenario."""

    scenario: str
    metric: str
    limit: float
    is_floor: bool = False  # the value must not be below the limit; else not above it
    is_ratio: bool = True  # of the baseline's value; else the value itself
    #: For a server of one process, when another limit holds for it; None: the bar is not for it.
    limit_of_one_process: float | None = None
    is_for_one_process: bool = True

    def limit_for(self, processes: int) -> float | None:
        """Return the limit for a server that runs in so many processes; None: there is none."""
        if processes > 1:
            return self.limit
        if not self.is_for_one_process:
            return None
        return self.limit if self.limit_of_one_process is None else self.limit_of_one_process

    def text_for(self, processes: int) -> str:
        """Return the bar as a table shows it."""
        limit = self.limit_for(processes)
        return "" if limit is None else f"{'≥' if self.is_floor else '≤'} {limit:g}"

    def is_cleared(self, value: float, processes: int) -> bool | None:
        """Tell whether ``value`` clears the bar; None: the bar is not for this server."""
        limit = self.limit_for(processes)
        if limit is None:
            return None
        return value >= limit if self.is_floor else value <= limit


def _small() -> list[Bar]:
    bars = []
    for name in ("two-requests", "one-request"):
        for connections in (8, 32):
            scenario = f"small-{name}-{connections}"
            bars.append(Bar(scenario, "requests_s", 1.0, is_floor=True, limit_of_one_process=0.7))
            bars.append(Bar(scenario, "p99_ms", 1.0, is_for_one_process=False))
    return bars


BARS: Final = (
    Bar("one-patch", "throughput_mib_s", 2.0, is_floor=True),
    Bar("one-patch", "cpu_s_per_gib", 0.5),
    Bar("eight-patches", "throughput_mib_s", 1.5, is_floor=True),
    Bar("checked-patch", "throughput_mib_s", 1.0, is_floor=True),
    *_small(),
    Bar("head", "requests_s", 1.0, is_floor=True),
    Bar("final-post", "seconds", 0.02),
    Bar("final-post", "disk_ratio", 1.01, is_ratio=False),  # the catalog's own pages are within it
    Bar("download", "throughput_mib_s", 1.0, is_floor=True),
    Bar("stalled", "memory_kib_per_connection", 1.0),
    Bar("chunks", "of_patches", 0.9, is_floor=True, is_ratio=False),
    Bar("commit", "of_hashing", 1.2, is_ratio=False),
    Bar("many-chunks", "catalog_ms", 1.0, is_ratio=False),
    Bar("huge", "peak_memory_mib", 20.0, is_ratio=False),
)


def bar_for(scenario: str, metric: str) -> Bar | None:
    """Return the bar for a metric of a scenario, if we promise anything."""
    for bar in BARS:
        if (bar.scenario, bar.metric) == (scenario, metric):
            return bar
    return None
