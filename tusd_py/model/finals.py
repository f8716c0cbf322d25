"""Decides whether a final upload can be created from partial ones, and its length. No IO."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tusd_py.model.upload import MAX_LENGTH


@dataclass(frozen=True, slots=True)
class PartialGone:
    """A partial upload that a final names does not exist, or not any more."""


@dataclass(frozen=True, slots=True)
class TooLarge:
    """A final would have more than ``limit`` bytes."""

    limit: int


def final_length(pieces: Sequence[int | None], max_size: int | None) -> int | TooLarge | None:
    """Return the length of a final.

    Args:
        pieces: The lengths of its partials in bytes; None for one that is not known yet.
        max_size: Most bytes of a final; None: no limit but that of file offsets.

    Returns:
        The sum in bytes; None while a length is unknown.
    """
    known = [length for length in pieces if length is not None]
    if len(known) < len(pieces):
        return None
    largest = MAX_LENGTH if max_size is None else max_size
    return sum(known) if sum(known) <= largest else TooLarge(largest)
