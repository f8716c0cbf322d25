"""Ratios as horizontal bars in one SVG file, written by hand: nothing to install, and it diffs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from benchmarks.metrics import METRICS
from benchmarks.report import Line, Results, compare, number
from benchmarks.scenarios import SCENARIOS

_LABEL_PX: Final = 410
_PLOT_PX: Final = 480
_VALUE_PX: Final = 80
_BAR_PX: Final = 11
_GAP_PX: Final = 12
_TOP_PX: Final = 70
_DECADES: Final = 2  # to each side of equal; longer bars are cut there
_COLOURS: Final = ("#1f6f8b", "#99c24d", "#e07a5f", "#6d597a", "#f2b134", "#577590")
#: The metric that stands for a scenario; besides, every one that is a ratio by itself.
_MAIN: Final = ("throughput_mib_s", "requests_s", "seconds", "memory_kib_per_connection")


@dataclass(frozen=True, slots=True)
class _Group:
    """One scenario: how many times better than the baseline each server is."""

    title: str
    factors: Sequence[tuple[str, float]]  # server, and 2.0 for twice as good


def chart(results: Results) -> str:
    """Return an SVG picture; to the right of the middle is better than the baseline, on a log scale."""
    groups = _groups(compare(results))
    servers = list(dict.fromkeys(server for group in groups for server, _ in group.factors))
    parts: list[str] = []
    y = _TOP_PX
    for group in groups:
        parts += _draw(group, servers, y)
        y += len(group.factors) * (_BAR_PX + 2) + _GAP_PX
    width = _LABEL_PX + _PLOT_PX + _VALUE_PX
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {y + 10}" width="{width}" '
            f'height="{y + 10}" font-family="sans-serif" font-size="12">',
            f'<rect width="{width}" height="{y + 10}" fill="white"/>',
            f'<text x="10" y="20" font-size="15">Compared with {escape(results.baseline)}, '
            f"{escape(results.file_system)}: times better (right) or worse (left), median of rounds</text>",
            *_legend(servers),
            *_scale(y),
            *parts,
            "</svg>",
            "",
        ]
    )


def _groups(lines: Sequence[Line]) -> list[_Group]:
    found: dict[tuple[str, str], list[tuple[str, float]]] = {}
    for line in lines:
        metric = METRICS[line.metric]
        spread = line.value if metric.is_ratio else line.ratio if line.metric in _MAIN else None
        if spread is not None and spread.median > 0:
            factor = spread.median if metric.higher_is_better else 1 / spread.median
            found.setdefault((line.scenario, line.metric), []).append((line.server, factor))
    return [
        _Group(f"{SCENARIOS[scenario].title}: {METRICS[metric].title}", factors)
        for (scenario, metric), factors in found.items()
    ]


def _x(factor: float) -> float:
    """Return where a factor lies, in pixels."""
    exponent = max(-_DECADES, min(_DECADES, math.log10(factor)))
    return _LABEL_PX + _PLOT_PX * (exponent + _DECADES) / (2 * _DECADES)


def _draw(group: _Group, servers: Sequence[str], y: int) -> list[str]:
    middle = y + len(group.factors) * (_BAR_PX + 2) / 2 + 3
    parts = [f'<text x="{_LABEL_PX - 8}" y="{middle:.0f}" text-anchor="end">{escape(group.title)}</text>']
    for row, (server, factor) in enumerate(group.factors):
        top = y + row * (_BAR_PX + 2)
        left, right = sorted((_x(1), _x(factor)))
        colour = _COLOURS[servers.index(server) % len(_COLOURS)]
        parts.append(
            f'<rect x="{left:.1f}" y="{top}" width="{max(right - left, 1):.1f}" height="{_BAR_PX}" '
            f'fill="{colour}"><title>{escape(server)}: {number(factor)}</title></rect>'
        )
        parts.append(
            f'<text x="{_LABEL_PX + _PLOT_PX + 8}" y="{top + _BAR_PX - 1}" font-size="10">'
            f"{number(factor)} x</text>"
        )
    return parts


def _legend(servers: Sequence[str]) -> list[str]:
    parts, x = [], 10
    for index, server in enumerate(servers):
        parts.append(
            f'<rect x="{x}" y="32" width="11" height="11" fill="{_COLOURS[index % len(_COLOURS)]}"/>'
            f'<text x="{x + 16}" y="42">{escape(server)}</text>'
        )
        x += 30 + 8 * len(server)
    return parts


def _scale(bottom: int) -> list[str]:
    parts = []
    for exponent in range(-_DECADES, _DECADES + 1):
        x = _x(10.0**exponent)
        colour = "#555" if exponent == 0 else "#ddd"
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP_PX - 6}" y2="{bottom}" stroke="{colour}"/>')
        parts.append(
            f'<text x="{x:.1f}" y="{_TOP_PX - 10}" text-anchor="middle" fill="#555">'
            f"{10.0**exponent:g} x</text>"
        )
    return parts
