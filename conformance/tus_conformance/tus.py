"""The vocabulary of the checks: a tus client that says what it saw instead of hiding it.

``Tus`` is one check's view of the server. Its requests (``Client``) apply the demands that hold for every
response (no server error, no offset beyond the length, no body where HTTP forbids one); its ``expect``,
``status``, ``warn`` and ``note`` collect the outcome. Setting up (``new``, ``filled``, ``finished``) raises
``Unready`` instead, because a server that cannot be brought into the state a check wants was not checked.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from tus_conformance.client import Client, HeaderMap
from tus_conformance.message import Response, WireError
from tus_conformance.outcome import Skipped, Unready
from tus_conformance.upload import Upload


def payload(count: int, start: int = 0) -> bytes:
    """``count`` bytes that differ with their position, so that a shift or a repeat shows."""
    first, last = start // 8, (start + count) // 8 + 1
    blocks = b"".join(b"%07x\n" % (n & 0xFFFFFFF) for n in range(first, last))
    return blocks[start - first * 8 : start - first * 8 + count]


class Tus(Client):
    """One check at work."""

    _unknown = itertools.count(1)

    def unknown(self) -> Upload:
        """An upload that does not exist."""
        return Upload(self, f"{self.collection}no-such-upload-{next(self._unknown):08x}f00d")

    def made(self, answer: Response) -> Upload:
        """The upload that a creation response, demanded to be 201, names."""
        self.status(answer, "201")
        location = answer.get("Location")
        self.expect(bool(location), "201 without Location")
        return Upload(self, self.resolve(location or ""))

    # -- setting up ------------------------------------------------------------------------------

    def new(self, length: int | str | None = 10, headers: HeaderMap | None = None) -> Upload:
        """A fresh upload; ``length`` None means deferred."""
        given: dict[str, str | Sequence[str] | None] = {"Upload-Defer-Length": "1"} if length is None else {}
        try:
            answer = self.create(length, {**given, **(headers or {})})
        except WireError as error:
            raise Unready(f"creating an upload: {error}") from error
        location = answer.get("Location")
        if answer.status != 201 or not location:
            if not self.has("creation"):
                raise Skipped("creation is not announced, so there is no upload to check with")
            raise Unready(f"creating an upload was answered {answer.status} {answer.body[:80]!r}")
        return Upload(self, self.resolve(location))

    def filled(self, length: int | None, data: bytes, headers: HeaderMap | None = None) -> Upload:
        """An upload of ``length`` bytes that already holds ``data``."""
        upload = self.new(length, headers)
        try:
            answer = upload.patch(0, data)
        except WireError as error:
            raise Unready(f"storing {len(data)} bytes: {error}") from error
        if not 200 <= answer.status < 300:
            raise Unready(f"storing {len(data)} bytes was answered {answer.status} {answer.body[:80]!r}")
        return upload

    def finished(self, data: bytes, headers: HeaderMap | None = None) -> Upload:
        """A complete upload."""
        return self.filled(len(data), data, headers) if data else self.new(0, headers)

    def partial(self, data: bytes) -> Upload:
        """A finished partial upload."""
        return self.finished(data, {"Upload-Concat": "partial"})

    def final(self, *parts: Upload | str, headers: HeaderMap | None = None) -> Response:
        """A request to concatenate."""
        urls = " ".join(part if isinstance(part, str) else part.target for part in parts)
        return self.create(None, {"Upload-Concat": f"final;{urls}", **(headers or {})})
