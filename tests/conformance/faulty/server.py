"""The server: threads, one per connection, and the switchboard from paths to faults.

``python -m tests.conformance.faulty.server PORT [DIRECTORY]`` runs it as a process of its own.
"""

from __future__ import annotations

import contextlib
import re
import signal
import socket
import sys
import threading
from pathlib import Path
from typing import Any

from tests.conformance.faulty import tus
from tests.conformance.faulty.fault import Fault
from tests.conformance.faulty.faults import FAULTS
from tests.conformance.faulty.http import BadRequest, Reply, Request, Wire, read_request, write_reply
from tests.conformance.faulty.world import World


class FaultyServer:
    """Listens from construction to ``close``."""

    def __init__(self, port: int = 0, directory: Path | None = None, *, stall_s: float = 4.0) -> None:
        self._listener = socket.create_server(("127.0.0.1", port), backlog=512)
        self.port = int(self._listener.getsockname()[1])
        self._directory = directory
        self._stall_s = stall_s
        self._worlds: dict[str, World] = {}
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def url(self, fault: str = "none") -> str:
        """The creation URL of a fault's world."""
        return f"http://127.0.0.1:{self.port}/{fault}/files/"

    def close(self) -> None:
        """Stop listening."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def world(self, name: str) -> World | None:
        """The world of a fault, made when first asked for; an unknown name has none."""
        with self._lock:
            if name not in self._worlds:
                fault = FAULTS.get(name)
                if name == "none":
                    fault = Fault(name, ())
                elif name.startswith("without-"):
                    fault = Fault(name, (), without=_lacking(name.removeprefix("without-")))
                if fault is None:
                    return None
                self._worlds[name] = World(fault, self._directory / name if self._directory else None)
            return self._worlds[name]

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        wire = Wire(connection)
        with connection, contextlib.suppress(OSError):
            while self._one(wire):
                pass

    def _one(self, wire: Wire) -> bool:
        """Answer one request; whether another may follow."""
        try:
            request = read_request(wire, patience_s=self._stall_s)
        except BadRequest as bad:
            self._refuse(wire, bad)
            return False
        if request is None:
            return False
        world, files = self._place(request)
        if world is None:
            write_reply(wire, request.method, Reply(404, {}, b"no such place\n", close=True))
            return False
        return self._in_world(wire, request, world, files)

    def _place(self, request: Request) -> tuple[World | None, str]:
        match = re.match(r"/([A-Za-z0-9-]+)/files(?:/|$|\?)", request.target)
        return (self.world(match[1]), f"/{match[1]}/files/") if match else (None, "")

    def _refuse(self, wire: Wire, bad: BadRequest) -> None:
        reply = Reply(bad.status, {"Tus-Resumable": "1.0.0"}, b"bad request\n", close=True)
        method = bad.request.method if bad.request else "GET"
        world, files = self._place(bad.request) if bad.request else (None, "")
        if bad.request and world:
            world.fault.change_reply(method, bad.request, reply, files)
        write_reply(wire, method, reply)
        self._linger(wire)

    def _in_world(self, wire: Wire, request: Request, world: World, files: str) -> bool:
        method = request.method
        self._prepare(wire, request, world)
        reply = tus.answer(world, request, files)
        world.fault.change_reply(method, request, reply, files)
        if reply.drop:
            return False
        keep = self._may_stay(request, reply)
        reply.close = reply.close or not keep
        write_reply(wire, method, reply)
        if not keep or reply.close:
            if not request.body.complete and not request.body.bad:
                request.body.drain()
            self._linger(wire)
            return False
        return True

    @staticmethod
    def _prepare(wire: Wire, request: Request, world: World) -> None:
        """Faults in how a request is read."""
        world.fault.change_request(request)
        if world.on("case-sensitive"):
            for name in request.shouted:
                request.put(name, None)
        if request.body.expects and world.on("always-continue"):
            wire.sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            request.body.expects = False
        if world.on("never-gives-up"):
            request.body.patience_s = 1e9
        if world.on("impatient"):
            request.body.patience_s = 0.4

    @staticmethod
    def _may_stay(request: Request, reply: Reply) -> bool:
        """Whether the connection can carry another request; reads what is left of a short body."""
        if (
            reply.close
            or request.version == "HTTP/1.0"
            or (request.get("connection") or "").lower() == "close"
        ):
            return False
        if request.body.complete:
            return True
        small = (request.body.length or 1 << 30) < 1 << 16
        return small and request.body.drain()

    @staticmethod
    def _linger(wire: Wire) -> None:
        """Close so that the client can still read the answer."""
        with contextlib.suppress(OSError):
            wire.sock.shutdown(socket.SHUT_WR)
            for _ in range(20):
                if not wire.more(0.05):
                    break


def _lacking(extension: str) -> frozenset[str]:
    """An extension and those that build on it."""
    built = {"checksum": "checksum-trailer", "concatenation": "concatenation-unfinished"}
    return frozenset((extension, built.get(extension, extension)))


def main() -> None:
    """Run until SIGTERM."""
    directory = Path(sys.argv[2]) if len(sys.argv) > 2 else None
    FaultyServer(int(sys.argv[1]), directory)
    stop = threading.Event()

    def end(*_: Any) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, end)
    stop.wait()


if __name__ == "__main__":
    main()
