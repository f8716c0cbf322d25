"""Ranges of bytes, and artifacts. No IO."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class ByteRange:
    """The bytes ``start`` to ``stop`` (exclusive) of an upload; never empty."""

    start: int
    stop: int

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.stop:
            raise ValueError(f"no range of bytes: {self.start} to {self.stop}")

    @property
    def size(self) -> int:
        """Number of bytes."""
        return self.stop - self.start

    def overlaps(self, other: ByteRange) -> bool:
        """Whether the two have a byte in common."""
        return self.start < other.stop and other.start < self.stop
