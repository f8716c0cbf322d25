"""One upload resource, as a check handles it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from tus_conformance.client import OCTET_STREAM, Client, Framing, HeaderMap
from tus_conformance.message import Response, WireError
from tus_conformance.wire import Connection


class State(NamedTuple):
    """What HEAD says: bytes stored, total length in bytes, and whether the length is still open."""

    offset: int
    length: int | None
    deferred: bool


class Upload:
    """The upload at ``target``, seen by the check whose client is given."""

    def __init__(self, client: Client, target: str) -> None:
        self._client = client
        self.target = target

    @property
    def url(self) -> str:
        """Its absolute URL."""
        return self._client.endpoint.origin + self.target

    def head(
        self,
        headers: HeaderMap | None = None,
        *,
        on: Connection | None = None,
        timeout_s: float | None = None,
    ) -> Response:
        """``HEAD``."""
        return self._client.send("HEAD", self.target, headers, on=on, timeout_s=timeout_s)

    def patch(
        self,
        offset: int | str | None,
        body: bytes = b"",
        headers: HeaderMap | None = None,
        *,
        framing: Framing = "length",
        on: Connection | None = None,
        timeout_s: float | None = None,
    ) -> Response:
        """``PATCH`` at ``offset``; None leaves the header out."""
        lines = {**self.patch_lines(offset), **(headers or {})}
        return self._client.send(
            "PATCH", self.target, lines, body, framing=framing, on=on, timeout_s=timeout_s
        )

    @staticmethod
    def patch_lines(offset: int | str | None) -> dict[str, str | Sequence[str] | None]:
        """The headers of a PATCH."""
        return {"Content-Type": OCTET_STREAM, "Upload-Offset": None if offset is None else str(offset)}

    def delete(self, headers: HeaderMap | None = None, *, timeout_s: float | None = None) -> Response:
        """``DELETE``."""
        return self._client.send("DELETE", self.target, headers, timeout_s=timeout_s)

    def get(self, headers: Mapping[str, str] | None = None) -> Response:
        """``GET``."""
        return self._client.send("GET", self.target, headers)

    def start(
        self, offset: int, announced: int, data: bytes = b"", headers: HeaderMap | None = None
    ) -> Connection:
        """Begin a PATCH that announces ``announced`` bytes, send ``data``, and leave it open."""
        connection = self._client.connect()
        lines = {**self.patch_lines(offset), "Content-Length": str(announced), **(headers or {})}
        connection.send(self._client.head_of("PATCH", self.target, lines) + data)
        return connection

    def answer(self, connection: Connection, timeout_s: float | None = None) -> Response:
        """The response to what ``start`` began."""
        return self._client.judged("PATCH", self.target, connection.response("PATCH", timeout_s))

    # -- looking ---------------------------------------------------------------------------------

    def state(self, *, timeout_s: float | None = None) -> State:
        """What HEAD says; the check ends when that is not usable."""
        answer = self._client.status(self.head(timeout_s=timeout_s), "200 204", after="to HEAD")
        offset = answer.number("Upload-Offset")
        if offset is None:
            self._client.violated(f"HEAD shows no usable Upload-Offset: {answer.get('Upload-Offset')!r}")
        return State(offset, answer.number("Upload-Length"), answer.get("Upload-Defer-Length") == "1")

    def offset(self) -> int:
        """Bytes stored, by HEAD."""
        return self.state().offset

    def holds(self, offset: int, length: int | None = None, *, after: str = "") -> None:
        """Demand an offset (and a length)."""
        where = f" after {after}" if after else ""
        state = self.state()
        self._client.equal(state.offset, offset, f"Upload-Offset{where}")
        if length is not None:
            self._client.equal(state.length, length, f"Upload-Length{where}")

    def deferred(self, offset: int) -> None:
        """Demand an offset and a length that is still open."""
        state = self.state()
        self._client.equal(state.offset, offset, "Upload-Offset")
        self._client.expect(
            state.deferred and state.length is None, f"the length is no longer deferred: {state.length}"
        )

    def gone(self, *, after: str) -> None:
        """Demand 404 or 410 without an offset."""
        answer = self._client.status(self.head(), "404 410", after=f"to HEAD {after}")
        self._client.expect(
            not answer.has("Upload-Offset"), f"{answer.status} shows an Upload-Offset {after}"
        )

    def contains(self, wanted: bytes) -> None:
        """Demand stored bytes; says nothing where they cannot be read back."""
        if not self._client.target.readback:
            self._client.note("stored bytes not compared: they cannot be read back")
            return
        answer = self.get()
        self._client.equal(answer.status, 200, "status of GET")
        if answer.body != wanted:
            same = next(
                (n for n, (a, b) in enumerate(zip(answer.body, wanted, strict=False)) if a != b), None
            )
            at = (
                f"the first difference is at byte {same}"
                if same is not None
                else "one is a prefix of the other"
            )
            self._client.violated(f"{len(answer.body)} bytes are stored, {len(wanted)} expected; {at}")

    def contains_prefix(self, wanted: bytes) -> None:
        """Demand the bytes of an unfinished upload, where the server serves those."""
        if not self._client.target.readback:
            return
        answer = self.get()
        if answer.status == 200:
            self._client.equal(answer.body, wanted, "the stored part")

    def settled(self, wait_s: float = 10.0, at_least: int = 1, patience_s: float = 2.0) -> int:
        """Poll HEAD until the offset no longer moves (a server may still be flushing); return it."""
        deadline = time.monotonic() + wait_s
        last, since = -1, time.monotonic()
        while time.monotonic() < deadline:
            offset = self._offset_or_busy(max(1.0, deadline - time.monotonic()))
            still_s = time.monotonic() - since
            if offset != last:
                last, since = offset, time.monotonic()
            elif still_s >= (0.15 if last >= at_least else patience_s) and last >= 0:
                return last
            time.sleep(0.05)
        if last < 0:
            self._client.violated(f"no usable HEAD within {wait_s:g} s")
        return last

    def _offset_or_busy(self, timeout_s: float) -> int:
        """The offset by HEAD; -1 while the server is busy with the upload or does not answer."""
        try:
            answer = self.head(timeout_s=timeout_s)
        except WireError:
            return -1
        if answer.status in (409, 423):
            return -1
        offset = self._client.status(answer, "200 204").number("Upload-Offset")
        if offset is None:
            self._client.violated("HEAD shows no Upload-Offset")
        return offset
