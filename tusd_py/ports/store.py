"""What the service needs of a data store: a small core, and capabilities that only some media have.

A store declares a capability by inheriting it. The assembly asks for each once, with ``isinstance``, and
builds what the store allows: what is announced to clients follows from that.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from tusd_py.model.body import Body, Hash, Received, StopSignal
from tusd_py.model.upload import Upload, UploadChunk
from tusd_py.settings import Preallocate


@dataclass(frozen=True, slots=True)
class Adopted:
    """An upload that the store holds though the catalog does not know it, and a final's chunks."""

    upload: Upload
    chunks: tuple[UploadChunk, ...] = ()


class StoreFailed(Exception):
    """The medium failed, or cannot do what was asked; the message says why, for the operator alone."""


class DataFileMissing(StoreFailed):
    """The data file that a call needs is gone: the upload was deleted, or somebody removed the file."""


class DataStore(Protocol):
    """Keeps bytes in named data files, and beside each an export of what the catalog knows.

    An upload's own data file has its id as name. The size of that file is the authority on how many
    bytes a sequential upload holds. The caller holds the upload's lock for everything that changes it
    and has checked every limit, so a store never decides whether bytes are wanted. Names are ids
    that passed ``is_upload_id``, or those of the service's own files below ``.tusd-py/``.

    Every method may raise StoreFailed when the medium fails, StorageFull when there is no space left on
    it, TooManyOpenFiles, and DataFileMissing when a data file that must be there is gone.
    """

    async def create(self, upload: Upload) -> None:
        """Make the empty data file and the export. Raises FileExistsError when there is one already."""

    async def export(self, upload: Upload) -> None:
        """Replace the export, atomically: a reader sees the old one or the new one, whole.

        That of an upload which is kept as ranges and not complete is adopted without any of its bytes.
        """

    async def size(self, name: str) -> int | None:
        """Return the size of a data file in bytes; None when there is none."""

    async def write(
        self, name: str, offset: int, body: Body, *, limit: int, hashes: Sequence[Hash], stop: StopSignal
    ) -> Received:
        """Write ``body`` from byte ``offset`` on, at most ``limit`` bytes; see ``tusd_py.transfer.pump``.

        ``offset`` is the size of the data file, unless the store ``Allocates``.

        Raises DataFileMissing; and StorageFull: what fitted is in the file.
        """

    async def remove(self, name: str) -> None:
        """Remove a data file; fine when it is gone already."""

    async def remove_export(self, name: str) -> None:
        """Remove the export of an upload; fine when it is gone already."""

    async def adopt(self, upload_id: str) -> Adopted | None:
        """Read an upload back from its export and data file; None when there is none to be had."""

    async def exported(self) -> list[str]:
        """Return the ids of all uploads that have an export."""

    def read(self, name: str, start: int, size: int) -> AsyncGenerator[bytes, None]:
        """Yield ``size`` bytes (at least 1) of a data file from byte ``start`` on, in blocks.

        After the first block the others can be read although the file is removed. Close it when you want
        no more of them.

        Raises DataFileMissing and TooManyOpenFiles in place of the first block, and EOFError where the
        file ends too early.
        """

    def close(self) -> None:
        """Let go of every resource; nothing is called afterwards."""


@runtime_checkable
class Truncates(Protocol):
    """A store that can discard the end of a data file: bytes that are not what their sender meant."""

    async def truncate(self, name: str, size: int) -> None:
        """Discard everything from byte ``size`` on."""


@runtime_checkable
class Allocates(Protocol):
    """A store that can make a data file of its whole size, and write to any place of it, in any order.

    Whatever ``create`` made can become such a file, too.
    """

    async def allocate(self, name: str, size: int, *, how: Preallocate, min_free: int) -> None:
        """Make a data file of ``size`` bytes that reads as zeros, or make one as large; no export.

        With ``full`` the space is really reserved, where the medium can; ``none`` only makes the file.
        ``min_free`` bytes must stay free.

        Raises NoSpace, StorageFull, or StoreFailed; the file may have been made then.
        """


@runtime_checkable
class Concatenates(Protocol):
    """A store in which a data file serves several uploads: a final's bytes stay in those of its partials."""

    async def export_final(self, upload: Upload, chunks: Sequence[UploadChunk]) -> None:
        """Replace the export of a final, as ``export`` does, and say in it where its bytes are."""


@runtime_checkable
class MovesFiles(Protocol):
    """A store that can give bytes it holds another name; nothing of them passes through the service."""

    async def link(self, name: str, new_name: str) -> None:
        """Give a data file a second name, in place of what has that; on return that survives a power cut.

        Raises StoreFailed also where the medium has no links.
        """

    async def move(self, name: str, new_name: str) -> None:
        """Rename a data file, over another one if need be; on return that survives a power cut."""

    async def join(self, pieces: Sequence[tuple[str, int, int]], name: str, taken: Hash) -> None:
        """Make a data file of copies of ``(data file, start, size)``, and feed it to ``taken``.

        Raises EOFError where a data file ends before its run does.
        """


@runtime_checkable
class Syncs(Protocol):
    """A store that makes bytes durable when it is told to.

    In one without this every byte is as durable as it gets when ``write`` returns.
    """

    async def sync(self, name: str) -> None:
        """Return when the data file, and its name in the directory, would survive a power cut."""


@runtime_checkable
class HashesFiles(Protocol):
    """A store that hashes its data files faster than who reads them can.

    For files of this machine that is 0.75 s of processor time for each GiB, and 1.4 s block by block.
    """

    async def digest(self, name: str, start: int, stop: int, taken: Hash) -> None:
        """Feed bytes ``start`` to ``stop`` (exclusive) of a data file to ``taken``.

        A file that ends before just ends. Raises DataFileMissing, TooManyOpenFiles.
        """


@runtime_checkable
class TidiesExports(Protocol):
    """A store in which a process that dies leaves exports half written."""

    async def unfinished_exports(self, *, before: float) -> list[str]:
        """Return the ids of uploads whose export somebody began to write before that time, to no end."""

    async def remove_unfinished_export(self, name: str, *, before: float) -> None:
        """Remove what was begun before that time; the export stays. Fine when there is none."""


class OpenFile(Protocol):
    """A file that a server can send from by itself (``sendfile``)."""

    def fileno(self) -> int:
        """Return the descriptor."""

    def close(self) -> None:
        """Let go of it."""


@runtime_checkable
class OpensFiles(Protocol):
    """What a store can do whose data files are files of this machine."""

    async def open_file(self, name: str) -> OpenFile:
        """Open a data file for reading. What is open stays readable when the file is removed.

        Raises DataFileMissing, TooManyOpenFiles.
        """

    async def close_files(self, files: Sequence[OpenFile]) -> None:
        """Close what ``open_file`` opened. It may wait for the medium, as every call does."""
