"""The digests that a client gives for the bytes of a request, and their verification."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tusd_py.errors.chunks import ChunkDigestMismatch
from tusd_py.errors.uploads import ChecksumMismatch
from tusd_py.model.body import Hash
from tusd_py.model.digests import Checksum
from tusd_py.service.capabilities import Digest
from tusd_py.service.hashing import Sha256


@dataclass(frozen=True, slots=True)
class ExpectedChecksum:
    """The checksum of a request: given before its body, after it, both, or not at all."""

    checksum: Checksum | None = None
    #: Reads the checksum that the client announced for after the body. Raises MalformedHeader when it is
    #: missing or malformed. None: none was announced.
    late: Callable[[], Checksum] | None = None

    @property
    def is_asked_for(self) -> bool:
        """Whether the body's bytes count only once they are verified."""
        return self.checksum is not None or self.late is not None

    async def verify(self, digest: Digest, name: str, start: int, count: int, taken: Sequence[Hash]) -> None:
        """Verify ``count`` bytes of a data file from ``start`` on; the last of ``taken`` hashed them.

        For a checksum after the body the bytes are read again, because its algorithm was not known before.

        Raises ChecksumMismatch, MalformedHeader.
        """
        if self.checksum is not None and not self.checksum.matches(taken[-1]):
            raise ChecksumMismatch(algorithm=self.checksum.algorithm)
        if self.late is not None:
            checksum = self.late()
            again = checksum.new_hash()
            await digest(name, start, start + count, again)
            if not checksum.matches(again):
                raise ChecksumMismatch(algorithm=checksum.algorithm)


@dataclass(frozen=True, slots=True)
class ExpectedDigests:
    """The digests of a chunk: those given before its bytes, and the sha256 that follow them."""

    known: Sequence[Checksum] = ()
    late: Callable[[], Sequence[Checksum]] = tuple

    def hashes(self) -> list[Hash]:
        """Return the hashes to compute besides the sha256 of every chunk."""
        return [checksum.new_hash() for checksum in self.known if checksum.algorithm != "sha256"]

    def verify(self, taken: Sha256, others: Sequence[Hash]) -> None:
        """Compare all given digests with those of the received bytes; ``others`` are from ``hashes``.

        Raises ChunkDigestMismatch, InvalidDigest.
        """
        rest = iter(others)
        pairs: list[tuple[Checksum, Hash]] = [
            (checksum, taken if checksum.algorithm == "sha256" else next(rest)) for checksum in self.known
        ]
        pairs += [(checksum, taken) for checksum in self.late()]
        for checksum, found in pairs:
            if not checksum.matches(found):
                raise ChunkDigestMismatch(
                    algorithm=checksum.algorithm,
                    expected=checksum.expected.hex(),
                    actual=found.digest().hex(),
                )
