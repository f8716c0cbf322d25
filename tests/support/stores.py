"""The data stores that the fronts' tests run on, and what a server over each of them can offer."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from tests.contract.memory_store import MemoryStore, PlainStore
from tusd_py import Config
from tusd_py.assembly import open_files
from tusd_py.fronts.tus.grammar import Extension
from tusd_py.ports.store import DataStore

CONCATENATION: Final = {"concatenation", "concatenation-unfinished"}
CHECKSUM: Final = {"checksum", "checksum-trailer"}


class Store(Protocol):
    """A data store under an application, and a way to look into it behind the application's back."""

    @property
    def offers(self) -> Collection[str]:
        """Extensions of tus; "files" where each data file is one of the directory."""

    def open(self, config: Config) -> DataStore:
        """Open the store of an application."""

    def data(self, directory: Path, upload_id: str) -> bytes:
        """Return what is in the data file of an upload."""

    def files(self, directory: Path) -> list[str]:
        """Return the names of the data files and of the exports."""


class Files:
    """Files in the directory: all that the server can do."""

    offers = (*Extension, "files")

    def open(self, config: Config) -> DataStore:
        """See Store."""
        return open_files(config)

    def data(self, directory: Path, upload_id: str) -> bytes:
        """See Store."""
        return (directory / upload_id).read_bytes()

    def files(self, directory: Path) -> list[str]:
        """See Store."""
        return sorted(path.name for path in directory.iterdir() if path.name != ".tusd-py")


@dataclass(frozen=True)
class Memory:
    """This process, as a store of objects."""

    kind: type[PlainStore]
    offers: Collection[str]

    def open(self, config: Config) -> DataStore:
        """See Store."""
        return self.kind(config.upload_dir)

    def data(self, directory: Path, upload_id: str) -> bytes:
        """See Store."""
        return self.kind(directory).files[upload_id]

    def files(self, directory: Path) -> list[str]:
        """See Store."""
        store = self.kind(directory)
        return sorted([*store.files, *(f"{name}.info" for name in store.exports)])


FILES: Final = Files()
STORES: Final[dict[str, Store]] = {
    "file": FILES,
    "memory": Memory(MemoryStore, {*Extension} - CHECKSUM),
    "plain": Memory(PlainStore, {*Extension} - CHECKSUM - CONCATENATION),
}
