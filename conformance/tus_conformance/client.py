"""The requests of one check, and what is demanded of every response to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal
from urllib.parse import urljoin, urlsplit

from tus_conformance.endpoint import chunked, head_bytes
from tus_conformance.message import ClosedEarly, ConnectError, Response, WireError
from tus_conformance.model import Requirement
from tus_conformance.outcome import Outcome
from tus_conformance.target import Target
from tus_conformance.transcript import Transcript
from tus_conformance.wire import Connection

HeaderMap = Mapping[str, str | Sequence[str] | None]
Framing = Literal["length", "chunked", "none"]
OCTET_STREAM = "application/offset+octet-stream"
VERSION = "1.0.0"
_SMALL_BYTES = 65536


def merged(base: list[tuple[str, str]], changes: HeaderMap | None) -> list[tuple[str, str]]:
    """``base`` with headers replaced, removed (None) or repeated (a list)."""
    out = list(base)
    for name, value in (changes or {}).items():
        out = [(key, old) for key, old in out if key.lower() != name.lower()]
        if value is not None:
            out += [(name, item) for item in ([value] if isinstance(value, str) else value)]
    return out


class Client(Outcome):
    """One check's requests."""

    def __init__(self, target: Target, requirement: Requirement) -> None:
        super().__init__(requirement, strict=target.options.strict)
        self.target = target
        self.options = target.options
        self.endpoint = target.endpoint
        self.log = Transcript(target.options.headers)
        self._own: list[str] = []
        self._open: list[Connection] = []
        self._idle: list[Connection] = []

    @property
    def url(self) -> str:
        """The request target of the creation URL."""
        return self.endpoint.target

    @property
    def collection(self) -> str:
        """The creation URL's path with a slash at its end."""
        return urlsplit(self.url).path.rstrip("/") + "/"

    def has(self, extension: str) -> bool:
        """Whether the server announces ``extension``."""
        return extension in self.target.extensions

    # -- requests --------------------------------------------------------------------------------

    def connect(self) -> Connection:
        """A new connection; closed when the check ends."""
        self._unless_stopping()
        connection = Connection(self.endpoint, self.log, self.options.timeout_s)
        self._open.append(connection)
        return connection

    def head_of(
        self, method: str, target: str, headers: HeaderMap | None = None, version: str = "HTTP/1.1"
    ) -> bytes:
        """Request line and headers: Host, Tus-Resumable and the run's own, changed by ``headers``."""
        base = [("Host", self.endpoint.authority), ("Tus-Resumable", VERSION), *self.options.headers]
        return head_bytes(method, target, merged(base, headers), version)

    def send(  # noqa: PLR0913 - each says one thing about one request
        self,
        method: str,
        target: str,
        headers: HeaderMap | None = None,
        body: bytes = b"",
        *,
        framing: Framing = "length",
        on: Connection | None = None,
        timeout_s: float | None = None,
    ) -> Response:
        """One request and its final response."""
        lines: dict[str, str | Sequence[str] | None] = {}
        if framing == "chunked":
            lines["Transfer-Encoding"] = "chunked"
        elif framing == "length" and (body or method in ("POST", "PATCH", "PUT")):
            lines["Content-Length"] = str(len(body))
        lines.update(headers or {})
        head = self.head_of(method, target, lines)
        coded = chunked(body) if framing == "chunked" else body
        answer = self._exchange(on, method, head, coded, timeout_s)
        return self.judged(method, target, answer)

    def _exchange(
        self, on: Connection | None, method: str, head: bytes, body: bytes, timeout_s: float | None
    ) -> Response:
        """Use the given connection, or one that this check left idle, or a new one."""
        self._unless_stopping()
        idle = None if on else self._take_idle()
        connection = on or idle or self.connect()
        try:
            # A small body leaves at once and as a whole, so that the connection stays in step whatever the
            # server answers; a large one stops when a refusal comes.
            small = len(body) <= _SMALL_BYTES
            connection.send(head + body if small else head)
            whole = small or connection.send_body(body)
            answer = connection.response(method, timeout_s)
        except ClosedEarly:
            if idle is None or connection.received_anything:
                raise
            # Servers may close an idle connection at any moment; the request was lost on the way.
            return self._exchange(self.connect(), method, head, body, timeout_s)
        if on is None and whole and answer.reusable:
            self._idle.append(connection)
        elif on is None:
            connection.close(silent=True)
        return answer

    def _unless_stopping(self) -> None:
        if self.target.stopping.is_set():
            raise ConnectError("the run was interrupted")

    def _take_idle(self) -> Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.quiet(0.0):
                return connection
            connection.close(silent=True)
        return None

    def judged(self, method: str, target: str, answer: Response) -> Response:
        """Apply what holds for every response, and remember it for the checks of the whole run."""
        self.universal(method, answer)
        where = f"{method} {answer.status}"
        if (
            method not in ("OPTIONS", "GET")
            and answer.get("Tus-Resumable") != VERSION
            and answer.status < 300
        ):
            self.target.saw("no-version", where)
        for name in ("Upload-Offset", "Upload-Length"):
            for value in answer.all(name):
                self.target.saw("numbers", f"{name}: {value}")
        for value in answer.all("Upload-Expires"):
            self.target.saw("expires", f"{where} Upload-Expires: {value}")
        location = answer.get("Location")
        if method == "POST" and location is not None:
            if answer.status >= 400:
                self.target.saw("refused-with-location", f"{answer.status} Location: {location}")
            elif answer.status == 201:
                self._remember(self.resolve(location))
        return answer

    def _remember(self, target: str) -> None:
        self._own.append(target)
        self.target.created(target)

    def resolve(self, location: str) -> str:
        """The request target a ``Location`` means. Its host is ignored: no other server is ever contacted."""
        parts = urlsplit(urljoin(self.endpoint.url, location))
        return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")

    def options_of(self, target: str | None = None, headers: HeaderMap | None = None) -> Response:
        """``OPTIONS`` without ``Tus-Resumable``."""
        return self.send("OPTIONS", target or self.url, {"Tus-Resumable": None, **(headers or {})})

    def create(
        self,
        length: int | str | None,
        headers: HeaderMap | None = None,
        body: bytes | None = None,
        *,
        framing: Framing = "length",
        on: Connection | None = None,
    ) -> Response:
        """A creation request, whatever comes of it; with a body it carries the tus content type."""
        lines: dict[str, str | Sequence[str] | None] = {}
        if length is not None:
            lines["Upload-Length"] = str(length)
        if body is not None:
            lines["Content-Type"] = OCTET_STREAM
        lines.update(headers or {})
        return self.send("POST", self.url, lines, body or b"", framing=framing, on=on)

    # -- the end ---------------------------------------------------------------------------------

    def close(self) -> None:
        """Delete the check's uploads where the server can, and close every connection."""
        if self.has("termination"):
            kept, self.log = self.log, Transcript()  # not part of what was checked
            for target in dict.fromkeys(self._own):
                try:
                    self._exchange(None, "DELETE", self.head_of("DELETE", target), b"", 3.0)
                except WireError:
                    break
                with self.target.lock:
                    self.target.uploads.discard(target)
            self.log = kept
        for connection in self._open:
            connection.close(silent=True)
