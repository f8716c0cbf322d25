"""What a client claims about the bytes of one request, and whether it is true."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tusd_py.model.digests import Checksum


@dataclass(frozen=True, slots=True)
class Proof:
    """The checksum of a request: known before its body, after it, or both, or not at all."""

    checksum: Checksum | None = None
    #: Reads the checksum that the client announced to send after the body. Raises MalformedHeader when
    #: it is not there or not right. None: nothing was announced.
    late: Callable[[], Checksum] | None = None

    @property
    def is_asked_for(self) -> bool:
        """Whether the body's bytes count only once they are verified."""
        return self.checksum is not None or self.late is not None
