"""The data store: a small core, and capabilities that only some stores have.

A store declares a capability by inheriting it. The assembly checks each once, with ``isinstance``, and
builds what the store allows; the announced extensions follow from that.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, runtime_checkable

from tusd_py.model.body import Body, Hash, Received, StopSignal
from tusd_py.model.upload import Upload, UploadChunk
from tusd_py.settings import Preallocate

#: Where all that is no upload is kept, below the upload directory: that one directory is the whole state.
STATE_FOLDER: Final = ".tusd-py"


@dataclass(frozen=True, slots=True)
class Adopted:
    """An upload that the store has and the catalog does not, and the chunks of a final."""

    upload: Upload
    chunks: tuple[UploadChunk, ...] = ()


class StoreFailed(Exception):
    """The medium failed, or cannot do what was asked; the message says why, for the operator alone."""


class DataFileMissing(StoreFailed):
    """A data file does not exist: the upload was deleted, or somebody removed the file."""


class DataStore(Protocol):
    """Stores bytes in named data files, and with each upload an export of what the catalog knows of it.

    An upload's own data file is named by its id. The size of that file says how many bytes a sequential
    upload holds. The caller holds the upload's lock for every change and has checked every limit; a store
    never decides whether bytes are wanted. Names are ids that passed ``is_upload_id``, or names of the
    service's own files below ``.tusd-py/``.

    Every method may raise StoreFailed when the medium fails, StorageFull when it has no space left,
    TooManyOpenFiles, and DataFileMissing when a data file that must exist does not.
    """

    async def create(self, upload: Upload) -> None:
        """Create the empty data file and the export. Raises FileExistsError when one exists already."""

    async def export(self, upload: Upload) -> None:
        """Replace the export atomically: a reader sees the old one or the new one.

        An incomplete upload kept as ranges is adopted from its export without any of its bytes.
        """

    async def size(self, name: str) -> int | None:
        """Return the size of a data file in bytes; None when it does not exist."""

    async def write(
        self, name: str, offset: int, body: Body, *, limit: int, hashes: Sequence[Hash], stop: StopSignal
    ) -> Received:
        """Write ``body`` from byte ``offset`` on, at most ``limit`` bytes; see ``tusd_py.transfer.pump``.

        ``offset`` is the size of the data file, unless the store ``Allocates``.

        Raises DataFileMissing, and StorageFull: the bytes for which there was space are in the file.
        """

    async def remove(self, name: str) -> None:
        """Remove a data file, if it exists."""

    async def remove_export(self, name: str) -> None:
        """Remove the export of an upload, if it exists."""

    async def adopt(self, upload_id: str) -> Adopted | None:
        """Read an upload from its export and data file; None when they do not describe one."""

    async def exported(self) -> list[str]:
        """Return the ids of all uploads that have an export."""

    def read(self, name: str, start: int, size: int) -> AsyncGenerator[bytes, None]:
        """Yield ``size`` bytes (at least 1) of a data file from byte ``start`` on, in blocks.

        Once the first block was read, the others can be read even if the file is removed. Close the
        generator when no more blocks are wanted.

        Raises DataFileMissing and TooManyOpenFiles instead of the first block, and EOFError when the file
        is too short.
        """

    def close(self) -> None:
        """Close everything; no method is called afterwards."""


@runtime_checkable
class Truncates(Protocol):
    """A store that can discard the end of a data file, such as bytes with a wrong checksum."""

    async def truncate(self, name: str, size: int) -> None:
        """Discard everything from byte ``size`` on; never makes a file longer."""


@runtime_checkable
class Allocates(Protocol):
    """A store that can create a data file of its full size and write anywhere in it, in any order.

    A file that ``create`` made can become such a file, too.
    """

    async def allocate(self, name: str, size: int, *, how: Preallocate, min_free: int) -> None:
        """Create a data file of ``size`` bytes, or enlarge one; new bytes read as zeros. Writes no export.

        With ``full`` the space is reserved, if the medium can do that; with ``none`` the file is only
        created. ``min_free`` bytes must stay free.

        Raises NoSpace, StorageFull or StoreFailed; the file may exist then.
        """


@runtime_checkable
class Concatenates(Protocol):
    """A store in which several uploads can share a data file: a final's bytes are those of its partials."""

    async def export_final(self, upload: Upload, chunks: Sequence[UploadChunk]) -> None:
        """Replace the export of a final, as ``export`` does; it names the data files with its bytes."""


@runtime_checkable
class MovesFiles(Protocol):
    """A store that can link, rename and join data files without passing their bytes through the service."""

    async def link(self, name: str, new_name: str) -> None:
        """Give a data file a second name, replacing a file of that name. On return it survives a power cut.

        Raises StoreFailed, also where the medium has no links.
        """

    async def move(self, name: str, new_name: str) -> None:
        """Rename a data file, replacing a file of the new name. On return it survives a power cut."""

    async def join(self, pieces: Sequence[tuple[str, int, int]], name: str, taken: Hash) -> None:
        """Make a data file of copies of ``(data file, start, size)``, and feed it to ``taken``.

        Raises EOFError where a data file ends before its run does.
        """


@runtime_checkable
class Syncs(Protocol):
    """A store that makes bytes durable only on request.

    In a store without this, bytes are durable when ``write`` returns.
    """

    async def sync(self, name: str) -> None:
        """Sync a data file and its name: on return they survive a power cut."""


@runtime_checkable
class HashesFiles(Protocol):
    """A store that hashes its data files faster than its caller could by reading them.

    For local files this takes 0.75 s of processor time per GiB, and 1.4 s when read in blocks.
    """

    async def digest(self, name: str, start: int, stop: int, taken: Hash) -> None:
        """Hash bytes ``start`` to ``stop`` (exclusive) of a data file with ``taken``; fewer if it is shorter.

        Raises DataFileMissing, TooManyOpenFiles.
        """


@runtime_checkable
class TidiesExports(Protocol):
    """A store in which a crash can leave incomplete exports."""

    async def unfinished_exports(self, *, before: float) -> list[str]:
        """Return the ids of uploads with an incomplete export older than ``before`` (Unix seconds)."""

    async def remove_unfinished_export(self, name: str, *, before: float) -> None:
        """Remove an incomplete export older than ``before``, if there is one; the export itself stays."""


class OpenFile(Protocol):
    """A file that a server can send from by itself (``sendfile``)."""

    def fileno(self) -> int:
        """Return the descriptor."""

    def close(self) -> None:
        """Close it."""


@runtime_checkable
class OpensFiles(Protocol):
    """A store whose data files are files of this machine."""

    async def open_file(self, name: str) -> OpenFile:
        """Open a data file for reading. It stays readable while open, even if the file is removed.

        Raises DataFileMissing, TooManyOpenFiles.
        """

    async def close_files(self, files: Sequence[OpenFile]) -> None:
        """Close what ``open_file`` opened; like every call, this may wait for the medium."""
