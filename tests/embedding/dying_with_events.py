"""Uploads that live from creation to deletion, in processes that die at every step: ``DIRECTORY KIND``.

Each step is a process that kills itself there, and another one that opens what it left. After each of the two
a line says, as JSON, in which state the upload is and what is in the outbox. A step is a statement that the
catalog's writer runs, or the time before or after a call that changes a file.
"""

import asyncio
import json
import os
import signal
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any

import httpx

from tests.support.tus import OFFSET_STREAM, TUS
from tusd_py import Config, create_app
from tusd_py.assembly import open_backends
from tusd_py.model.events import EventType


class Steps:
    """Counts, once it is told to, and kills this process at one of the steps."""

    def __init__(self, last: int) -> None:
        self.is_counting = False
        self._left = last

    def step(self, _: str = "") -> None:
        """Take one step."""
        self._left -= self.is_counting
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def counted(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """Return ``call`` with a step before and one after it."""

        def counted(*arguments: Any, **more: Any) -> Any:
            self.step()
            result = call(*arguments, **more)
            self.step()
            return result

        return counted

    def watch(self) -> None:
        """Count what this process does from now on."""
        connect = sqlite3.connect

        def watched(*arguments: Any, **more: Any) -> sqlite3.Connection:
            connection: sqlite3.Connection = connect(*arguments, **more)
            if more["factory"] is sqlite3.Connection:  # the writer's
                connection.set_trace_callback(self.step)
            return connection

        setattr(sqlite3, connect.__name__, watched)
        for name in ("open", "write", "pwrite", "fsync", "rename", "unlink"):
            setattr(os, name, self.counted(getattr(os, name)))


async def live_as_tus(http: httpx.AsyncClient) -> None:
    """Create, append, delete."""
    reply = await http.post("/files/", headers={**TUS, "Upload-Length": "5"})
    url = reply.headers["Location"]
    headers = {**TUS, "Upload-Offset": "0", "Content-Type": OFFSET_STREAM}
    assert (await http.patch(url, content=b"hello", headers=headers)).status_code == 204
    assert (await http.delete(url, headers=TUS)).status_code == 204


async def live_as_session(http: httpx.AsyncClient) -> None:
    """Create, send a chunk, commit, delete."""
    url = (await http.post("/uploads/", json={"size": 5})).json()["href"]
    headers = {"Content-Range": "bytes 0-4/5"}
    assert (await http.put(url, content=b"hello", headers=headers)).status_code == 200
    digest = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
    assert (await http.post(f"{url}commit/", json={"sha256": digest})).status_code == 200
    assert (await http.delete(url)).status_code == 204


LIVES = {"tus": live_as_tus, "session": live_as_session}


async def live(config: Config, kind: str, last: int) -> None:
    """Live in this process until a step."""
    steps, app = Steps(last), create_app(config)
    steps.watch()
    transport = httpx.ASGITransport(app=app)
    async with app.lifespan(), httpx.AsyncClient(transport=transport, base_url="http://test") as http:
        steps.is_counting = True
        await LIVES[kind](http)
        steps.is_counting = False


async def reopen(config: Config) -> None:
    """Finish or undo what a dead process left."""
    backends = await open_backends(config)
    await backends.recover()
    await backends.sweep()
    await backends.close()


def run(main: Any) -> bool:
    """Run a coroutine in a process of its own; whether that lived to its end."""
    child = os.fork()
    if child == 0:
        asyncio.run(main)
        os._exit(0)
    main.close()
    status = os.waitpid(child, 0)[1]
    assert status in (0, signal.SIGKILL), f"the process ended with {status}"
    return status == 0


def tell(directory: Path) -> None:
    """Say what is in the catalog."""
    with closing(sqlite3.connect(directory / ".tusd-py" / "catalog.sqlite3")) as connection:
        states = [state for (state,) in connection.execute("SELECT state FROM uploads")]
        events = [event for (event,) in connection.execute("SELECT type FROM events ORDER BY position")]
    print(json.dumps({"uploads": states, "events": events}))


if __name__ == "__main__":
    for number in count(1):
        directory = Path(sys.argv[1], str(number))
        config = Config(upload_dir=directory, record_events=frozenset(EventType), sweep_interval_s=0)
        is_alive = run(live(config, sys.argv[2], number))
        tell(directory)
        run(reopen(config))
        tell(directory)
        if is_alive:
            break
