"""Builds the use cases over given ports; the store's capabilities decide which there are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypedDict

from tusd_py.ports.artifacts import ArtifactCatalog
from tusd_py.ports.catalog import Catalog
from tusd_py.ports.events import Outbox
from tusd_py.ports.hooks import Hooks
from tusd_py.ports.locks import Locker
from tusd_py.ports.ranges import RangeCatalog
from tusd_py.ports.store import Allocates, Concatenates, DataStore, MovesFiles, TidiesExports, Truncates
from tusd_py.service.adoption import Adoption
from tusd_py.service.append import Appender
from tusd_py.service.artifacts import Artifacts
from tusd_py.service.capabilities import Digest, Sync, digest_of, sync_of
from tusd_py.service.chunks import Chunks
from tusd_py.service.commit import Commits
from tusd_py.service.concat import Concatenation
from tusd_py.service.disposal import Disposal
from tusd_py.service.events import Events
from tusd_py.service.expiry import Sweeper
from tusd_py.service.finishing import Finishing
from tusd_py.service.lifetime import Lifetime
from tusd_py.service.liveness import Liveness
from tusd_py.service.lookup import Lookup
from tusd_py.service.parallel_uploads import ParallelUploads
from tusd_py.service.ranged_append import RangedAppend
from tusd_py.service.reading import Reading
from tusd_py.service.receiving import Receiving
from tusd_py.service.uploads import Uploads
from tusd_py.service.verified_append import VerifiedAppend
from tusd_py.settings import Config


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """The adapters that the service uses."""

    catalog: Catalog
    store: DataStore
    locker: Locker
    hooks: Hooks
    outbox: Outbox
    ranges: RangeCatalog
    artifacts: ArtifactCatalog
    clock: Callable[[], float]  # seconds since 1970


class _Backends(TypedDict):
    """The ports that nearly every use case needs."""

    config: Config
    catalog: Catalog
    locker: Locker


class _Common(_Backends):
    """What most use cases need."""

    lookup: Lookup
    finishing: Finishing


class _Stored(TypedDict):
    """What use cases need that store bytes."""

    store: DataStore
    sync: Sync


class _Hashed(_Stored):
    """What use cases need that store bytes and hash them."""

    digest: Digest


class _ParallelStore(DataStore, Allocates, MovesFiles, Protocol):
    """A store that can do what chunks and artifacts need."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parallel:
    """The use cases of the parallel chunk API."""

    uploads: ParallelUploads
    chunks: Chunks
    commits: Commits
    artifacts: Artifacts


class Service:
    """The use cases that the ports allow.

    Attributes:
        concatenation: None if uploads cannot share a data file in the store.
        parallel: None if the store cannot do what chunks and artifacts need.
    """

    def __init__(self, config: Config, ports: Ports, liveness: Liveness) -> None:
        self.ports, self.liveness = ports, liveness
        catalog, store, clock = ports.catalog, ports.store, ports.clock
        self._backends = _Backends(config=config, catalog=catalog, locker=ports.locker)
        self._stored = _Stored(store=store, sync=sync_of(store))
        self._hashed = _Hashed(**self._stored, digest=digest_of(store))
        self._lifetime = Lifetime(config=config, catalog=catalog, clock=clock)
        lookup = Lookup(catalog=catalog, store=store, lifetime=self._lifetime, clock=clock)
        self._events = Events(
            types=config.record_events | config.hooks.events,
            headers=config.record_headers | {name.lower() for name in config.hooks.forwarded},
            clock=clock,
        )
        self._disposal = Disposal(catalog=catalog, store=store, events=self._events)
        finishing = Finishing(
            **self._backends,
            **self._stored,
            hooks=ports.hooks,
            events=self._events,
            ranges=ports.ranges,
            lifetime=self._lifetime,
            clock=clock,
        )
        self._common = _Common(**self._backends, lookup=lookup, finishing=finishing)
        self.appender = self._appender(config)
        self.uploads = Uploads(
            **self._common,
            **self._stored,
            hooks=ports.hooks,
            events=self._events,
            clock=clock,
            disposal=self._disposal,
            appender=self.appender,
        )
        self.reading = Reading(catalog, store, self.uploads)
        self.concatenation = self._concatenation(store) if isinstance(store, Concatenates) else None
        self.parallel = None
        if isinstance(store, Allocates) and isinstance(store, MovesFiles):
            self.parallel = self._parallel(store)
        self.sweeper = Sweeper(
            **self._backends,
            exports=store if isinstance(store, TidiesExports) else None,
            clock=clock,
            finishing=finishing,
            disposal=self._disposal,
            outbox=ports.outbox,
        )
        self.adoption = Adoption(
            catalog=catalog, store=store, locker=ports.locker, artifacts=ports.artifacts, lookup=lookup
        )

    def _appender(self, config: Config) -> Appender:
        catalog, store, verified = self.ports.catalog, self.ports.store, None
        if isinstance(store, Truncates):
            verified = VerifiedAppend(**self._hashed, config=config, catalog=catalog, rollback=store)
        ranged = RangedAppend(
            **self._hashed,
            config=config,
            ranges=self.ports.ranges,
            clock=self.ports.clock,
            lifetime=self._lifetime,
            liveness=self.liveness,
        )
        self.receiving = Receiving(hooks=self.ports.hooks, interval_s=config.hooks.progress_s)
        return Appender(
            **self._common,
            **self._stored,
            lifetime=self._lifetime,
            disposal=self._disposal,
            receiving=self.receiving,
            ranged=ranged,
            verified=verified,
        )

    def _concatenation(self, finals: Concatenates) -> Concatenation:
        return Concatenation(
            **self._common,
            finals=finals,
            events=self._events,
            disposal=self._disposal,
            uploads=self.uploads,
        )

    def _parallel(self, store: _ParallelStore) -> Parallel:
        ranges, clock = self.ports.ranges, self.ports.clock
        artifacts = Artifacts(
            **self._common,
            store=store,
            files=store,
            digest=self._hashed["digest"],
            ranges=ranges,
            artifacts=self.ports.artifacts,
            clock=clock,
            disposal=self._disposal,
            uploads=self.uploads,
            reading=self.reading,
        )
        commits = Commits(
            **self._common,
            digest=self._hashed["digest"],
            ranges=ranges,
            lifetime=self._lifetime,
            liveness=self.liveness,
            artifacts=artifacts,
        )
        chunks = Chunks(
            **self._common,
            **self._hashed,
            space=store,
            ranges=ranges,
            clock=clock,
            lifetime=self._lifetime,
            liveness=self.liveness,
        )
        uploads = ParallelUploads(
            **self._backends,
            **self._stored,
            space=store,
            ranges=ranges,
            artifacts=self.ports.artifacts,
            clock=clock,
            lookup=self._common["lookup"],
            events=self._events,
            disposal=self._disposal,
            uploads=self.uploads,
        )
        return Parallel(uploads=uploads, chunks=chunks, commits=commits, artifacts=artifacts)
