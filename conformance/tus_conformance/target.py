"""The server under test: what it announces, what the run has learnt about it, what is still to be removed."""

from __future__ import annotations

import contextlib
import threading
from collections import defaultdict
from dataclasses import dataclass, field

from tus_conformance.endpoint import Endpoint, head_bytes
from tus_conformance.message import Response, WireError
from tus_conformance.options import Options
from tus_conformance.process import ServerProcess
from tus_conformance.transcript import Transcript
from tus_conformance.wire import Connection

_KNOWN_EXTENSIONS = frozenset(
    (
        "creation",
        "creation-with-upload",
        "creation-defer-length",
        "expiration",
        "checksum",
        "checksum-trailer",
        "termination",
        "concatenation",
        "concatenation-unfinished",
    )
)


@dataclass(slots=True)
class Target:
    """One server, shared by all checks of a run; safe to use from several threads."""

    options: Options
    endpoint: Endpoint
    discovery: Response | None = None
    readback: bool = False
    process: ServerProcess | None = None
    seen: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))  # facts by kind
    uploads: set[str] = field(default_factory=set)  # request targets to delete at the end
    lock: threading.Lock = field(default_factory=threading.Lock)
    stopping: threading.Event = field(default_factory=threading.Event)  # no further request, please

    @property
    def extensions(self) -> frozenset[str]:
        """What ``Tus-Extension`` announces."""
        listed = self.discovery.items("Tus-Extension") if self.discovery else []
        return frozenset(name for name in listed if name)

    @property
    def max_size_bytes(self) -> int | None:
        """What ``Tus-Max-Size`` announces."""
        return self.discovery.number("Tus-Max-Size") if self.discovery else None

    def saw(self, kind: str, fact: str) -> None:
        """Remember something for the checks that look at the whole run."""
        with self.lock:
            self.seen[kind].add(fact)

    def created(self, target: str) -> None:
        """An upload exists that the run should remove."""
        with self.lock:
            self.uploads.add(target)

    def gate(self, needs: tuple[str, ...]) -> str:
        """Why a check with these needs cannot run here; empty when it can."""
        for need in needs:
            if reason := self._unmet(need):
                return reason
        return ""

    def _unmet(self, need: str) -> str:
        if need.startswith("!"):
            return f"only for servers without {need[1:]}" if need[1:] in self.extensions else ""
        if need in _KNOWN_EXTENSIONS:
            return "" if need in self.extensions else f"{need} is not announced"
        options = self.options
        met, reason = {
            "max-size": (self.max_size_bytes is not None, "Tus-Max-Size is not announced"),
            "max-size-known": (options.max_size_bytes is not None, "needs --max-size"),
            "expiry-wait": (options.expiry_wait_s > 0, "needs --expiry-wait"),
            "stall-wait": (options.stall_wait_s > 0, "needs --stall-wait"),
            "readback": (self.readback, "stored bytes cannot be read back with GET"),
            "server": (self.process is not None, "needs --server"),
            "auth": (bool(options.headers), "needs --header with credentials"),
            "big": (options.big, "switched off by --no-big"),
        }[need]
        return "" if met else reason

    def clean_up(self) -> int:
        """Delete the uploads that are left; return how many went. Never raises, never takes long."""
        if "termination" not in self.extensions:
            return 0
        gone = 0
        lines = [("Host", self.endpoint.authority), ("Tus-Resumable", "1.0.0"), *self.options.headers]
        with self.lock:
            left, self.uploads = sorted(self.uploads), set()
        for target in left:
            try:
                with contextlib.closing(Connection(self.endpoint, Transcript(), 3.0)) as connection:
                    connection.send(head_bytes("DELETE", target, lines))
                    gone += connection.response("DELETE").status == 204
            except WireError:
                break
        return gone
