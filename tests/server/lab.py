"""A server process for tests: a plain ASGI application whose routes make the server show what it does.

Run as ``lab.py DIRECTORY SETTINGS``, where SETTINGS is JSON for ``ServerSettings``; prints its URL.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import os
import sys
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from starlette.types import Message, Receive, Scope, Send

from tusd_py.http1.exchange import Exchange
from tusd_py.http1.run import CannotListen, ServerSettings, StartupFailed, serve
from tusd_py.model.body import Ended, Hash, StopSignal
from tusd_py.transfer.pump import FileSink, pump

_LISTENING = "0A"  # in /proc/net/tcp


class Call:
    """One request to the lab."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope, self.receive, self.send = scope, receive, send
        _, self.route, *rest = scope["path"].split("/")
        self.name = rest[0] if rest else ""
        self.query = {key: values[0] for key, values in parse_qs(scope["query_string"].decode()).items()}
        self.exchange: Exchange = scope["extensions"]["tusd_py"]

    def number(self, name: str, default: int) -> int:
        return int(self.query.get(name, default))

    async def start(self, status: int = 200, **headers: str) -> None:
        lines = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        await self.send({"type": "http.response.start", "status": status, "headers": lines})

    async def answer(self, value: object, status: int = 200) -> None:
        body = json.dumps(value).encode()
        await self.start(status, content_length=str(len(body)))
        await self.send({"type": "http.response.body", "body": body})


class Lab:
    """The application."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.stops: dict[str, StopSignal] = {}
        self.results: dict[str, dict[str, Any]] = {}
        self.tasks: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.live(receive, send)
            return
        call = Call(scope, receive, send)
        route: Callable[[Call], Awaitable[None]] = getattr(self, "on_" + call.route.replace("-", "_"))
        await route(call)

    async def live(self, receive: Receive, send: Send) -> None:
        await receive()
        if failure := os.environ.get("LAB_FAILURE"):
            await send({"type": "lifespan.startup.failed", "message": failure})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        (self.directory / f"cleaned-up-{os.getpid()}").touch()
        await send({"type": "lifespan.shutdown.complete"})

    async def on_write(self, call: Call) -> None:
        """Store the body."""
        path = "/dev/full" if call.name == "full" else str(self.directory / call.name)
        digest = hashlib.sha256()
        hashes: list[Hash] = [digest] if "hash" in call.query else []
        stop = self.stops[call.name] = StopSignal()
        if "stopped" in call.query:
            self._ask(call)
        fd = os.open(path, os.O_RDWR | os.O_CREAT)
        place = call.number("offset", 0)
        limit = call.number("limit", 1 << 60)
        try:
            received = await pump(call.exchange, FileSink(fd), place, limit=limit, hashes=hashes, stop=stop)
        except OSError as error:
            await call.answer({"errno": error.errno}, 507)
            return
        finally:
            os.close(fd)
        result: dict[str, Any] = {"count": received.count, "ended": received.ended.value}
        result["trailers"] = [[name.decode(), value.decode()] for name, value in call.exchange.trailers]
        result["headers"] = [name.decode() for name, _ in call.scope["headers"]]
        if hashes:
            result["sha256"] = digest.hexdigest()
        self.results[call.name] = result
        await call.answer(result, 503 if received.ended is Ended.SHUTDOWN else 200)

    async def on_stop(self, call: Call) -> None:
        self._ask(call)
        await call.answer({})

    def _ask(self, call: Call) -> None:
        at = call.number("at", -1)
        self.stops[call.name].request(at=None if at < 0 else at)

    async def on_position(self, call: Call) -> None:
        stop = self.stops.get(call.name)
        await call.answer(stop and stop.position)

    async def on_result(self, call: Call) -> None:
        await call.answer(self.results.get(call.name))

    async def on_receive(self, call: Call) -> None:
        """Store the body through plain ASGI."""
        await asyncio.sleep(float(call.query.get("wait", 0)))
        message: Message = {"more_body": True}
        count = 0
        with (self.directory / call.name).open("wb") as file:
            while message.get("more_body"):
                message = await call.receive()
                count += file.write(message.get("body", b""))
        result = {"count": count, "ended": message.get("tusd_py.ended")}
        self.results[call.name] = result
        await call.answer(result, 503 if result["ended"] == "shutdown" else 200)

    async def on_wait(self, call: Call) -> None:
        """Wait for the disconnect behind a complete body."""
        await call.receive()
        message = await call.receive()
        self.results[call.name] = {"type": message["type"], "ended": message["tusd_py.ended"]}

    async def on_refuse(self, call: Call) -> None:
        await call.answer("no", 409)

    async def on_hello(self, call: Call) -> None:
        await call.answer("hello")

    async def on_scope(self, call: Call) -> None:
        scope = call.scope
        headers = [[name.decode(), value.decode()] for name, value in scope["headers"]]
        wanted = ("method", "path", "http_version", "scheme", "client", "server")
        texts = {name: scope[name] for name in wanted}
        raw = {"raw_path": scope["raw_path"].decode(), "query_string": scope["query_string"].decode()}
        await call.answer(texts | raw | {"headers": headers})

    async def on_status(self, call: Call) -> None:
        await call.start(int(call.name))
        await call.send({"type": "http.response.body", "body": b"must not be seen"})

    async def on_slow(self, call: Call) -> None:
        await asyncio.sleep(float(call.name))
        await call.answer("done")

    async def on_stream(self, call: Call) -> None:
        """Send pieces without a length."""
        await call.start()
        for number in range(call.number("pieces", 3)):
            await call.send({"type": "http.response.body", "body": b"%d," % number, "more_body": True})
        await call.send({"type": "http.response.body"})

    async def on_big(self, call: Call) -> None:
        """Send MiBs from memory, one by one."""
        count = int(call.name)
        await call.start(content_length=str(count << 20))
        for number in range(count):
            body = bytes([number % 251]) * (1 << 20)
            await call.send({"type": "http.response.body", "body": body, "more_body": number + 1 < count})
        self.results["big"] = {"sent": count}

    async def on_file(self, call: Call) -> None:
        """Send a part of a file."""
        size = (self.directory / call.name).stat().st_size
        part = {key: int(call.query[key]) for key in ("offset", "count") if key in call.query}
        count = part.get("count", size - part.get("offset", 0))
        with (self.directory / call.name).open("rb") as file:
            if "chunked" in call.query:
                await call.start()
            else:
                await call.start(content_length=str(count))
            await call.send({"type": "http.response.zerocopysend", "file": file, **part})

    async def on_raise(self, call: Call) -> None:
        if call.name == "started":
            await call.start(content_length="10")
        if call.name == "late":
            await call.start(content_length="10")
            await call.send({"type": "http.response.body", "body": b"12345", "more_body": True})
        raise RuntimeError("a secret of the application")

    async def on_nothing(self, _: Call) -> None:
        pass

    async def on_inject(self, call: Call) -> None:
        await call.start(x="a\r\nSet-Cookie: b", content_length="0")
        await call.send({"type": "http.response.body"})

    async def on_stats(self, call: Call) -> None:
        status = Path("/proc/self/status").read_text()
        rss = int(status.split("VmRSS:")[1].split()[0]) * 1024
        await call.answer(
            {
                "pid": os.getpid(),
                "rss": rss,
                "threads": threading.active_count(),
                "descriptors": len(os.listdir("/proc/self/fd")),
                "connections": _connections(),
                "loop": type(asyncio.get_running_loop()).__module__,
            }
        )


def _connections() -> int:
    """Return how many TCP connections over IPv4 this process holds, in whatever state."""
    inodes = set()
    for descriptor in os.listdir("/proc/self/fd"):
        with suppress(FileNotFoundError):  # the listing's own
            inodes.add(os.readlink(f"/proc/self/fd/{descriptor}"))
    sockets = [line.split() for line in Path("/proc/self/net/tcp").read_text().splitlines()[1:]]
    return sum(f"socket:[{each[9]}]" in inodes and each[3] != _LISTENING for each in sockets)


def main() -> int:
    directory, given = Path(sys.argv[1]), json.loads(sys.argv[2])
    errors = [(b"tus-resumable", b"1.0.0")]
    settings = ServerSettings(
        on_listening=lambda url: print(url, flush=True), error_headers=errors, **{"port": 0, **given}
    )
    logging.basicConfig(level=logging.INFO, format="%(name)s %(message)s")
    try:
        return serve(lambda: Lab(directory), settings)
    except (CannotListen, StartupFailed) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 7


if __name__ == "__main__":
    sys.exit(main())
