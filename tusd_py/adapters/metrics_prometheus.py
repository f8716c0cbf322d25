"""Metrics for Prometheus under tusd's names, so that its dashboards and alarms still work.

Each process counts its own events. If ``PROMETHEUS_MULTIPROC_DIR`` names a directory before this module is
loaded, the counts of all processes that share it are added up (see prometheus-client).
"""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client.core import Metric
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from tusd_py.observe import SHARED_COUNTS, Meter
from tusd_py.settings.hooks import HOOK_EVENTS

CONTENT_TYPE: Final = CONTENT_TYPE_PLAIN_0_0_4
#: How often and how long we wait for the file of a worker that starts.
_TRIES: Final = 20
_PAUSE_S: Final = 0.01
_METHODS: Final = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST")
#: Counters that tusd names without the suffix ``_total``, which prometheus-client always adds.
_BARE: Final = (
    "tusd_bytes_received",
    "tusd_uploads_created",
    "tusd_uploads_finished",
    "tusd_uploads_terminated",
)

_OWN: Final = CollectorRegistry()


def _counter(name: str, text: str, *labels: str) -> Counter:
    return Counter(name, text, labels, registry=_OWN)


_requests: Final = _counter("tusd_requests", "Total number of requests served by tusd per method.", "method")
_errors: Final = _counter("tusd_errors", "Total number of errors per status.", "status", "code")
_bytes: Final = _counter("tusd_bytes_received", "Number of bytes received for uploads.")
_hook_calls: Final = _counter(
    "tusd_hook_invocations", "Total number of invocations per hook type.", "hooktype"
)
_hook_errors: Final = _counter(
    "tusd_hook_errors", "Total number of execution errors per hook type.", "hooktype"
)
_connections: Final = Gauge(
    "tusd_connections_open",
    "Current number of open connections.",
    registry=_OWN,
    multiprocess_mode="livesum",
)
#: Events of the log that are counted.
_events: Final = {
    "UploadCreated": _counter("tusd_uploads_created", "Number of created uploads."),
    "UploadFinished": _counter("tusd_uploads_finished", "Number of finished uploads."),
    "UploadTerminated": _counter("tusd_uploads_terminated", "Number of terminated uploads."),
    "UploadExpired": _counter("tusd_py_uploads_expired", "Number of uploads that expired unfinished."),
    "ChunkStored": _counter("tusd_py_chunks_stored", "Number of chunks stored through the chunk API."),
    "ArtifactCreated": _counter("tusd_py_artifacts_created", "Number of artifacts created."),
}
_by_method: Final = {method: _requests.labels(method) for method in _METHODS}
for _name in HOOK_EVENTS:
    _hook_calls.labels(_name)
    _hook_errors.labels(_name)


class PrometheusMeter(Meter):
    """Counts for ``exposition``."""

    def request(self, method: str) -> None:
        """See Meter. Methods that tusd does not know are not counted: clients could invent any number."""
        if (counter := _by_method.get(method)) is not None:
            counter.inc()

    def refusal(self, code: str, status: int) -> None:
        """See Meter."""
        _errors.labels(status, code).inc()

    def received(self, size: int) -> None:
        """See Meter."""
        _bytes.inc(size)

    def connections(self, change: int) -> None:
        """See Meter."""
        _connections.inc(change)

    def hook(self, name: str) -> None:
        """See Meter."""
        _hook_calls.labels(name).inc()

    def hook_error(self, name: str) -> None:
        """See Meter."""
        _hook_errors.labels(name).inc()

    def event(self, name: str) -> None:
        """See Meter."""
        if (counter := _events.get(name)) is not None:
            counter.inc()


class _Served:
    """The metrics to show: all except the creation times of counters, which tusd does not have."""

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics of all processes."""
        registry = _OWN
        if SHARED_COUNTS in os.environ:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        for metric in registry.collect():
            metric.samples = [each for each in metric.samples if not each.name.endswith("_created")]
            yield metric


def exposition() -> bytes:
    """Return the metrics in Prometheus' text format 0.0.4. Reads files where there are several processes.

    Raises struct.error: One of those files stays torn. For a moment that of a worker that starts is.
    """
    for _ in range(_TRIES):
        with suppress(struct.error):
            return _exposition()
        time.sleep(_PAUSE_S)
    return _exposition()


def _exposition() -> bytes:
    registry = CollectorRegistry()
    registry.register(_Served())
    text = generate_latest(registry)
    for name in _BARE:
        text = text.replace(f"{name}_total".encode(), name.encode())
    return text


def forget_process(process_id: int) -> None:
    """Remove the open connections of a process that has ended from the counts."""
    if SHARED_COUNTS in os.environ:
        mark_process_dead(process_id)  # type: ignore[no-untyped-call]
