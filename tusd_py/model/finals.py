"""Whether a final upload can be made of partial ones, and how long it is. No IO."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tusd_py.model.upload import MAX_LENGTH


@dataclass(frozen=True, slots=True)
class PartialGone:
    """A partial upload that a final names is not there, or not any more."""


@dataclass(frozen=True, slots=True)
class TooLarge:
    """A final would have more than ``limit`` bytes."""

    limit: int


def final_length(pieces: Sequence[int | None], max_size: int | None) -> int | TooLarge | None:
    """Return the length of a final.

    Args:
        pieces: The lengths of its partials in bytes; None for one that is not known yet.
        max_size: How many bytes a final may have; None: as many as there are file offsets.

    Returns:
        The sum; None as long as it is not known.
    """
    known = [length for length in pieces if length is not None]
    if len(known) < len(pieces):
        return None
    largest = MAX_LENGTH if max_size is None else max_size
    return sum(known) if sum(known) <= largest else TooLarge(largest)
