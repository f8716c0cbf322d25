"""Every backend there is, and how a test opens one. A new backend is one more entry here."""

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Final

from tests.contract.memory_store import MemoryStore
from tusd_py.adapters.catalog_sqlite.catalog import SqliteCatalog, open_catalog
from tusd_py.adapters.locks_kernel.locker import FileLocker
from tusd_py.adapters.store_file.store import FileStore
from tusd_py.ports.catalog import Catalog
from tusd_py.ports.locks import Locker
from tusd_py.transfer.calls import Medium

#: Opens the same state once more, as another worker process would; closed at the end of the test.
OpenCatalog = Callable[[], Awaitable[Catalog]]
OpenLocker = Callable[[], Awaitable[Locker]]

StoreKind = type[FileStore] | type[MemoryStore]
CatalogMaker = Callable[[Path, AsyncExitStack], OpenCatalog]
LockerMaker = Callable[[Path, AsyncExitStack], OpenLocker]


def sqlite_catalog(kind: type[SqliteCatalog] = SqliteCatalog) -> CatalogMaker:
    """Return how to open catalogs in one SQLite file; a mutant is another ``kind``."""

    def maker(directory: Path, stack: AsyncExitStack) -> OpenCatalog:
        async def open_it() -> Catalog:
            catalog = await open_catalog(directory / "catalog.sqlite3")
            catalog.__class__ = kind
            stack.push_async_callback(_close, catalog)
            return catalog

        return open_it

    return maker


def file_locker(kind: type[FileLocker] = FileLocker, medium: Medium = "local") -> LockerMaker:
    """Return how to open lockers on one directory; a mutant is another ``kind``."""

    def maker(directory: Path, stack: AsyncExitStack) -> OpenLocker:
        async def open_it() -> Locker:
            locker = kind(directory, medium)
            stack.callback(locker.close)
            locker.open()
            return locker

        return open_it

    return maker


async def _close(catalog: Catalog) -> None:
    with suppress(RuntimeError):  # the test closed it
        await catalog.close()


STORES: Final[dict[str, StoreKind]] = {"file": FileStore, "memory": MemoryStore}
CATALOGS: Final[dict[str, CatalogMaker]] = {"sqlite": sqlite_catalog()}
LOCKERS: Final[dict[str, LockerMaker]] = {
    "file": file_locker(),
    "remote file": file_locker(medium="remote"),
}
