"""HTTP/1.1 on bare sockets, for requests that well-behaved clients cannot send.

Every byte is under control: header spelling and order, duplicate headers, ``Expect``, chunked coding with
trailers, and cutting the connection at any byte, politely (FIN) or not (RST). Interim (1xx) responses are
visible. Nothing waits longer than its time-out.
"""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import struct
import time

from tus_conformance.endpoint import Endpoint
from tus_conformance.message import (
    ClosedEarly,
    ConnectError,
    Garbage,
    Response,
    TimedOut,
    TlsError,
    body_rule,
    parse_head,
)
from tus_conformance.transcript import Transcript

_MAX_HEAD_BYTES = 512 * 1024
_MAX_BODY_BYTES = 256 * 1024 * 1024
_PIECE_BYTES = 256 * 1024


class Connection:
    """One TCP (or TLS) connection to the server under test."""

    def __init__(self, endpoint: Endpoint, log: Transcript, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._log = log
        self._number = log.next_connection()
        self._buffer = bytearray()
        self._eof = False
        self.received_anything = False  # since the last request
        try:
            plain = socket.create_connection((endpoint.host, endpoint.port), timeout_s)
        except OSError as error:
            raise ConnectError(f"cannot connect to {endpoint.host} port {endpoint.port}: {error}") from error
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket: socket.socket = plain
        if endpoint.scheme == "https":
            self._socket = self._secure(plain, endpoint)

    @staticmethod
    def _secure(plain: socket.socket, endpoint: Endpoint) -> socket.socket:
        context = ssl.create_default_context()
        if not endpoint.verify_tls:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        try:
            return context.wrap_socket(plain, server_hostname=endpoint.host)
        except (OSError, ValueError) as error:
            plain.close()
            raise TlsError(f"TLS handshake with {endpoint.host} failed: {error}") from error

    # -- sending ---------------------------------------------------------------------------------

    def send(self, data: bytes) -> None:
        """Send all of ``data``, whatever the server does meanwhile.

        Raises:
            ClosedEarly: The server closed or reset the connection before it took everything.
            TimedOut: It stopped reading.
        """
        self._log.sent(self._number, data)
        self._socket.settimeout(self._timeout_s)
        self.received_anything = False
        try:
            self._socket.sendall(data)
        except TimeoutError as error:
            raise TimedOut(f"the server stopped reading for {self._timeout_s:g} s") from error
        except OSError as error:
            raise ClosedEarly(f"the connection broke while sending: {error}") from error

    def send_body(self, data: bytes) -> bool:
        """Send ``data`` but stop as soon as a final response shows up; return whether all of it left."""
        if data:
            self._log.sent(self._number, data)
        view = memoryview(data)
        deadline = time.monotonic() + self._timeout_s
        while view:
            readable, writable, _ = select.select([self._socket], [self._socket], [], self._timeout_s)
            if readable and self._receive_into_buffer(0.01) and not self._only_interim():
                return False
            if self._eof:
                return False
            if writable:
                try:
                    self._socket.settimeout(self._timeout_s)
                    view = view[self._socket.send(view[:_PIECE_BYTES]) :]
                except OSError:
                    return False  # the response, if there is one, is still to be read
                deadline = time.monotonic() + self._timeout_s
            if time.monotonic() > deadline:
                raise TimedOut(f"the server stopped reading for {self._timeout_s:g} s")
        return True

    def _only_interim(self) -> bool:
        return bytes(self._buffer[:10]) in (b"HTTP/1.1 1", b"HTTP/1.0 1")

    # -- receiving -------------------------------------------------------------------------------

    def response(self, method: str = "GET", timeout_s: float | None = None) -> Response:
        """The final response; ``method`` decides whether it may have a body.

        Raises:
            TimedOut, ClosedEarly, Garbage: There is no complete, readable response.
        """
        deadline = time.monotonic() + (self._timeout_s if timeout_s is None else timeout_s)
        interim: list[Response] = []
        while True:
            answer = self._one(method, deadline)
            if answer.status >= 200:
                answer.interim = tuple(interim)
                answer.stray = bytes(self._buffer) or self._peek()
                return answer
            interim.append(answer)

    def any_response(self, method: str, timeout_s: float) -> Response:
        """The next response, interim ones included."""
        return self._one(method, time.monotonic() + timeout_s)

    def _one(self, method: str, deadline: float) -> Response:
        head = self._until(b"\r\n\r\n", deadline)
        answer = parse_head(head)
        kind, length = body_rule(method, answer)
        if kind == "length":
            answer.body = self._exactly(length, deadline)
        elif kind == "chunked":
            answer.body = self._chunks(deadline)
        elif kind == "close":
            answer.body = self._to_end(deadline)
        self._log.received(self._number, head, answer.body)
        return answer

    def _until(self, mark: bytes, deadline: float) -> bytes:
        while (at := self._buffer.find(mark)) < 0:
            if len(self._buffer) > _MAX_HEAD_BYTES:
                raise Garbage(f"more than {_MAX_HEAD_BYTES} bytes without the end of a header section")
            self._more(deadline)
        found = bytes(self._buffer[: at + len(mark)])
        del self._buffer[: at + len(mark)]
        return found

    def _exactly(self, count: int, deadline: float) -> bytes:
        if count > _MAX_BODY_BYTES:
            raise Garbage(f"a body of {count} bytes is announced; no check asks for that")
        while len(self._buffer) < count:
            self._more(deadline)
        found = bytes(self._buffer[:count])
        del self._buffer[:count]
        return found

    def _chunks(self, deadline: float) -> bytes:
        body = bytearray()
        while True:
            line = self._until(b"\r\n", deadline).split(b";")[0].strip()
            try:
                size = int(line, 16)
            except ValueError as error:
                raise Garbage(f"not a chunk size: {line[:40]!r}") from error
            if size == 0:
                break
            body += self._exactly(size, deadline)
            self._exactly(2, deadline)
        while self._until(b"\r\n", deadline) != b"\r\n":
            pass
        return bytes(body)

    def _to_end(self, deadline: float) -> bytes:
        with contextlib.suppress(ClosedEarly):
            while len(self._buffer) <= _MAX_BODY_BYTES:
                self._more(deadline)
        found = bytes(self._buffer)
        self._buffer.clear()
        return found

    def _more(self, deadline: float) -> None:
        left = deadline - time.monotonic()
        if left <= 0 or not (self._eof or self._receive_into_buffer(left)):
            self._log.event(self._number, "no complete answer in time")
            raise TimedOut("no complete answer within the time-out")
        if self._eof:
            self._log.received(self._number, bytes(self._buffer), b"")
            self._log.event(self._number, "closed by the server")
            raise ClosedEarly("the server closed the connection before a complete answer")

    def _receive_into_buffer(self, wait_s: float) -> bool:
        """Wait for bytes or the end of the stream; False when neither came."""
        self._socket.settimeout(max(wait_s, 0.001))
        try:
            data = self._socket.recv(_PIECE_BYTES)
        except (TimeoutError, ssl.SSLWantReadError):
            return False
        except OSError:
            data = b""
        self._eof = not data
        self.received_anything = self.received_anything or bool(data)
        self._buffer += data
        return True

    def _peek(self) -> bytes:
        """Bytes that already wait behind a response which should have ended."""
        if not select.select([self._socket], [], [], 0)[0] or not self._receive_into_buffer(0.001):
            return b""
        return bytes(self._buffer)

    def quiet(self, wait_s: float) -> bool:
        """True when the server neither sends anything nor closes within ``wait_s``."""
        return not self._buffer and not self._eof and not self._receive_into_buffer(wait_s)

    def closed_within(self, wait_s: float) -> bool:
        """True when the server closes the connection within ``wait_s``; what it sends before is dropped."""
        deadline = time.monotonic() + wait_s
        while not self._eof and (left := deadline - time.monotonic()) > 0:
            self._receive_into_buffer(left)
        return self._eof

    # -- ending ----------------------------------------------------------------------------------

    def half_close(self) -> None:
        """Send FIN but keep listening."""
        self._log.event(self._number, "FIN sent, still reading")
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Drop the connection with RST."""
        self._log.event(self._number, "RST sent")
        with contextlib.suppress(OSError):
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close(silent=True)

    def close(self, *, silent: bool = False) -> None:
        """Close with FIN; harmless when closed already."""
        if not silent:
            self._log.event(self._number, "closed")
        with contextlib.suppress(OSError):
            self._socket.close()

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._socket.close()
