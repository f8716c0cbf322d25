"""tusd, section 7: metrics under tusd's names, and whether the server lives and is ready."""

from __future__ import annotations

import os
import re
import signal
import socket
import threading
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.support.fixtures import Serve
from tests.support.server import Server
from tests.support.tus import Tus, Wire
from tests.support.waiting import eventually
from tests.tusd.hooks import script
from tests.tusd.test_workers import children

#: tusd's, with their kinds, their help and the labels that they have from the start.
OF_TUSD = {
    "tusd_requests_total": (
        "counter",
        "Total number of requests served by tusd per method.",
        {(("method", name),) for name in ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST")},
    ),
    "tusd_errors_total": ("counter", "Total number of errors per status.", set()),
    "tusd_bytes_received": ("counter", "Number of bytes received for uploads.", {()}),
    "tusd_uploads_created": ("counter", "Number of created uploads.", {()}),
    "tusd_uploads_finished": ("counter", "Number of finished uploads.", {()}),
    "tusd_uploads_terminated": ("counter", "Number of terminated uploads.", {()}),
    "tusd_connections_open": ("gauge", "Current number of open connections.", {()}),
} | {
    name: (
        "counter",
        text,
        {
            (("hooktype", hook),)
            for hook in (
                "post-create",
                "post-finish",
                "post-receive",
                "post-terminate",
                "pre-create",
                "pre-finish",
                "pre-terminate",
            )
        },
    )
    for name, text in (
        ("tusd_hook_invocations_total", "Total number of invocations per hook type."),
        ("tusd_hook_errors_total", "Total number of execution errors per hook type."),
    )
}

Values = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def scrape(server: Server, path: str = "/metrics") -> Values:
    """Every sample, by its name and its labels."""
    reply = httpx.get(server.origin + path)
    assert reply.status_code == 200
    assert reply.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    # The parser gives every counter the suffix that tusd leaves out of four.
    names = {line.split()[2] for line in reply.text.splitlines() if line.startswith("# TYPE")}
    return {
        (_as_written(sample.name, names), tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(reply.text)
        for sample in family.samples
    }


def _as_written(name: str, names: set[str]) -> str:
    return name if name in names else name.removesuffix("_total")


@pytest.fixture(params=["1", "2"])
def server(request: pytest.FixtureRequest, serve: Serve) -> Server:
    """One process, and two that add up."""
    return serve("-workers", request.param)


def test_names_kinds_help_and_labels_are_tusds(server: Server) -> None:
    text = httpx.get(server.origin + "/metrics").text
    lines = text.splitlines()
    samples = scrape(server)
    for name, (kind, help_text, labels) in OF_TUSD.items():
        if not labels:
            continue  # a series appears with the first error
        assert f"# TYPE {name} {kind}" in lines
        assert f"# HELP {name} {help_text}" in lines
        assert {found for each, found in samples if each == name} == labels
    assert not [name for name, _ in samples if name.endswith("_created") and "uploads" not in name]
    assert {name for name, _ in samples} == {name for name in OF_TUSD if name != "tusd_errors_total"} | {
        name for name, _ in samples if name.startswith("tusd_py_")
    }


def test_what_happens_is_counted(server: Server) -> None:
    """By whichever process; the answer is the sum."""
    for number in range(8):  # a connection each, so that both processes have some
        with Tus(server.url) as tus:
            url = tus.create(10)
            assert tus.patch(url, 0, b"0123456789").status_code == 204
            assert tus.patch(url, 3, b"x").status_code == 409
            if number < 3:
                tus.delete(url)
    found = scrape(server)
    assert found["tusd_uploads_created", ()] == 8
    assert found["tusd_uploads_finished", ()] == 8
    assert found["tusd_uploads_terminated", ()] == 3
    assert found["tusd_bytes_received", ()] == 80
    assert found["tusd_requests_total", (("method", "PATCH"),)] == 16
    assert found["tusd_requests_total", (("method", "POST"),)] == 8
    errors = {labels: value for (name, labels), value in found.items() if name == "tusd_errors_total"}
    assert errors == {(("code", "ERR_MISMATCHED_OFFSET"), ("status", "409")): 8}


def test_open_connections_are_those_of_living_processes(server: Server) -> None:
    def is_open(count: int) -> bool:
        return scrape(server)["tusd_connections_open", ()] == count + 1  # and the one that asks

    with ExitStack() as stack:
        for _ in range(5):
            stack.enter_context(socket.create_connection(server.host_port))
        eventually(lambda: is_open(5))
        if "2" in server.flags:
            (first, _) = children_of(server)
            os.kill(first, signal.SIGKILL)
            eventually(lambda: children(server.pid) == 2)
    eventually(lambda: is_open(0))


def children_of(server: Server) -> list[int]:
    """The workers."""
    with open(f"/proc/{server.pid}/task/{server.pid}/children") as file:
        return [int(word) for word in file.read().split()]


def test_counts_survive_a_worker(serve: Serve) -> None:
    """A counter that fell would look like a restart of the whole server."""
    server = serve("-workers", "2")
    with Tus(server.url) as tus:
        tus.create(1)
    before = children_of(server)
    for worker in before:
        os.kill(worker, signal.SIGKILL)
    eventually(lambda: len(set(children_of(server)) - set(before)) == 2)
    eventually(lambda: httpx.get(server.origin + "/livez").status_code == 200)
    assert scrape(server)["tusd_uploads_created", ()] == 1


@pytest.mark.parametrize("workers", ["1", "2"])
def test_counts_are_kept_apart_from_other_programs(serve: Serve, tmp_path: Path, workers: str) -> None:
    """Where the environment has them count: they need not be here, and may have been left by a crash."""
    script(tmp_path / "hooks", "pre-create", "env >seen")
    env = {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path / "nowhere")}
    server = serve("-workers", workers, "-hooks-dir", str(tmp_path / "hooks"), env=env)
    with Tus(server.url) as tus:
        tus.create(1)
    assert scrape(server)["tusd_uploads_created", ()] == 1
    assert "PROMETHEUS_MULTIPROC_DIR" not in (tmp_path / "hooks" / "seen").read_text()


def test_bytes_are_counted_as_they_arrive(serve: Serve) -> None:
    """A PATCH of 100 GB is seen before its end."""
    server = serve("-workers", "1")
    with Tus(server.url) as tus, Wire(server.host_port) as wire:
        url = tus.create(1000)
        wire.begin_patch(url, 0, 1000)
        wire.send(bytes(600))
        eventually(lambda: scrape(server)["tusd_bytes_received", ()] == 600)


def test_another_path_and_none(serve: Serve) -> None:
    server = serve("-metrics-path", "/-/counts", "-base-path", "/")
    assert ("tusd_uploads_created", ()) in scrape(server, "/-/counts")
    assert "Using /-/counts as the metrics path.\n" in server.output()
    server = serve("-expose-metrics=false")
    assert httpx.get(server.origin + "/metrics").status_code == 404
    assert "metrics path" not in server.output()


def test_only_reading_is_offered(serve: Serve) -> None:
    server = serve()
    reply = httpx.post(server.origin + "/metrics")
    assert (reply.status_code, reply.headers["allow"]) == (405, "GET, HEAD")
    reply = httpx.head(server.origin + "/metrics")
    assert (reply.status_code, reply.content) == (200, b"")


def test_livez_and_readyz(serve: Serve) -> None:
    """Not ready without its catalog; what is wrong only the log says."""
    server = serve("-workers", "1")
    assert httpx.get(server.origin + "/livez").text == "alive\n"
    assert httpx.get(server.origin + "/readyz").text == "ready\n"
    catalog = server.upload_dir / ".tusd-py" / "catalog.sqlite3"
    catalog.write_bytes(b"no database" * 1000)
    reply = httpx.get(server.origin + "/readyz")
    assert (reply.status_code, reply.text) == (503, "not ready\n")
    assert "event=NotReady" in server.output()
    assert httpx.get(server.origin + "/livez").status_code == 200


def test_a_worker_that_just_starts_is_waited_for(serve: Serve) -> None:
    """Its files are empty for a moment; a scrape then must not fail."""
    server = serve("-workers", "2")
    (worker, _) = children_of(server)
    maps = Path(f"/proc/{worker}/maps").read_text()
    (folder,) = set(re.findall(r"(/\S*/tusd-py-metrics-[^/]+)/", maps))
    empty = Path(folder) / "counter_1.db"
    empty.touch()
    threading.Timer(0.1, empty.unlink).start()
    assert scrape(server)["tusd_uploads_created", ()] == 0
    assert not empty.exists()
