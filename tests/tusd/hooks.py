"""Hook programs as people have them: an HTTP endpoint, and scripts in a directory."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

#: A status, headers and a body.
Reply = tuple[int, Mapping[str, str], bytes]
FINE: Reply = (200, {"Content-Type": "application/json"}, b"{}")


def answer(**fields: Any) -> Reply:
    """What a hook that works answers."""
    return 200, {"Content-Type": "application/json"}, json.dumps(fields).encode()


@dataclass
class Endpoint:
    """An HTTP service that is called; ``reply`` decides what it says to a hook of that name."""

    url: str = ""
    reply: Callable[[str, dict[str, Any]], Reply] = lambda _, __: FINE
    calls: list[tuple[str, dict[str, Any], Mapping[str, str]]] = field(default_factory=list)

    def names(self) -> list[str]:
        """Which hooks were called, in order."""
        return [name for name, _, _ in self.calls]

    def events(self, name: str) -> list[dict[str, Any]]:
        """What the hooks of that name were told."""
        return [event for each, event, _ in self.calls if each == name]


@contextmanager
def endpoint(port: int = 0) -> Iterator[Endpoint]:
    """Serve hooks."""
    hooks = Endpoint()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            hooks.calls.append((message["Type"], message["Event"], dict(self.headers.items())))
            status, headers, body = hooks.reply(message["Type"], message["Event"])
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        server.daemon_threads = True
        hooks.url = f"http://127.0.0.1:{server.server_port}/hooks"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield hooks
        finally:
            server.shutdown()
            thread.join()


def script(directory: Path, name: str, text: str) -> None:
    """Write a hook as a shell script."""
    directory.mkdir(exist_ok=True)
    program = directory / name
    program.write_text("#!/bin/sh\n" + text)
    program.chmod(0o755)
