"""What one fault's server remembers: its uploads, on disk too when it has a directory."""

from __future__ import annotations

import itertools
import json
import secrets
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.conformance.faulty.fault import Fault

EXTENSIONS = (
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


@dataclass(eq=False)
class Stored:
    """One upload."""

    id: str
    length: int | None
    metadata: str | None = None
    concat: str | None = None
    parts: list[Stored] = field(default_factory=list)
    data: bytearray = field(default_factory=bytearray)
    expires_at: float | None = None
    gone: bool = False
    writer: threading.Lock = field(default_factory=threading.Lock)
    takeover: threading.Event = field(default_factory=threading.Event)
    journal: Path | None = None

    @property
    def final(self) -> bool:
        """Whether it is a concatenation."""
        return (self.concat or "").startswith("final")

    @property
    def complete(self) -> bool:
        """Whether every byte is there; a final upload puts itself together when its parts allow it."""
        if self.final and self.parts and not any(part.gone or not part.complete for part in self.parts):
            self.data = bytearray(b"".join(bytes(part.data) for part in self.parts))
            self.length = len(self.data)
            self.parts = []
            self.save()
        return not self.parts and self.length is not None and len(self.data) >= self.length

    def append(self, piece: bytes) -> None:
        """Store bytes."""
        self.data += piece
        if self.journal:
            with self.journal.open("ab") as file:
                file.write(piece)

    def truncate(self, count: int) -> None:
        """Drop everything behind ``count`` bytes."""
        del self.data[count:]
        if self.journal:
            self.journal.write_bytes(bytes(self.data))

    def save(self) -> None:
        """Write what is not bytes."""
        if self.journal:
            facts = {
                "length": self.length,
                "metadata": self.metadata,
                "concat": self.concat,
                "expires_at": self.expires_at,
            }
            self.journal.with_suffix(".facts").write_text(json.dumps(facts))
            if self.final:
                self.journal.write_bytes(bytes(self.data))


class World:
    """All uploads of one fault."""

    def __init__(self, fault: Fault, directory: Path | None = None) -> None:
        self.fault = fault
        self.uploads: dict[str, Stored] = {}
        self.lock = threading.Lock()
        self.big_lock = threading.Lock()  # for faults that serialise everything
        self.poisoned = False  # a cut creation broke it
        self.writers = 0  # PATCH requests under way
        self.numbers = itertools.count(1)
        self.extensions = [name for name in EXTENSIONS if name not in fault.without]
        self.max_size_bytes = 16 * 1024 * 1024
        self._directory = directory
        if directory:
            directory.mkdir(parents=True, exist_ok=True)
            self._load(directory)

    def on(self, flag: str) -> bool:
        """Whether the fault has this flag."""
        return flag in self.fault.flags

    def add(
        self, length: int | None, metadata: str | None, concat: str | None, parts: list[Stored]
    ) -> Stored:
        """A new upload."""
        upload = Stored(self._new_id(), length, metadata, concat, parts)
        if "expiration" in self.extensions and not upload.final:
            upload.expires_at = time.time() + self.fault.expiry_s
        if self._directory:
            upload.journal = self._directory / f"{upload.id}.bytes"
            upload.journal.touch()
        upload.save()
        with self.lock:
            self.uploads[upload.id] = upload
        return upload

    def _new_id(self) -> str:
        if self.on("sequential-ids"):
            return f"{next(self.numbers):032d}"
        if self.on("reuse-ids"):
            with self.lock:
                for upload in self.uploads.values():
                    if upload.gone or self._expired(upload):
                        return upload.id
        return secrets.token_hex(16)

    def find(self, upload_id: str) -> Stored | None:
        """An upload that was once there; look at ``gone`` too."""
        upload = self.uploads.get(upload_id)
        if upload and self._expired(upload) and not self.on("never-expires"):
            upload.gone = True
        return upload

    def _expired(self, upload: Stored) -> bool:
        if upload.expires_at is None or (upload.complete and not self.on("finished-expire")):
            return False
        early_s = self.fault.expiry_s if self.on("expires-early") else 0.0
        return time.time() > upload.expires_at - early_s

    def _load(self, directory: Path) -> None:
        for path in directory.glob("*.facts"):
            facts = json.loads(path.read_text())
            journal = path.with_suffix(".bytes")
            upload = Stored(
                path.stem,
                facts["length"],
                facts["metadata"],
                facts["concat"],
                [],
                bytearray(journal.read_bytes()),
                facts["expires_at"],
                journal=journal,
            )
            if self.on("forget"):
                upload.truncate(len(upload.data) // 4)
            self.uploads[upload.id] = upload
