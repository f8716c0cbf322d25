"""How a hook is reached: a program in a directory, or an HTTP endpoint."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Mapping
from contextlib import suppress
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from typing import Final, Protocol

import httpx

from tusd_py.adapters.hooks_tusd.messages import NOTHING, Answer, BadAnswer, Call, parse_answer
from tusd_py.settings import HookSettings

#: Most that a program may answer, and most of its output that the log gets.
_MOST_OUTPUT: Final = 1 << 20
_LOGGED: Final = 1000


class HookFailed(Exception):
    """A hook could not be called, or failed; the message is for the operator alone."""


class Transport(Protocol):
    """Calls hooks."""

    async def call(self, call: Call, message: bytes) -> Answer:
        """Tell a hook; return its answer.

        Raises:
            HookFailed: It was not heard, or says that it failed.
            BadAnswer: It was heard and did not fail, but what it says cannot be used.
        """

    async def close(self) -> None:
        """Let go of every resource."""


class FileTransport:
    """Runs the program in a directory that has the hook's name, if there is one."""

    def __init__(self, settings: HookSettings) -> None:
        self._directory = Path(settings.hooks_dir).absolute()
        self._timeout_s = settings.hooks_file_timeout_s

    async def call(self, call: Call, message: bytes) -> Answer:
        """See Transport. A program that is not there wants nothing."""
        upload = call.upload
        told = {"TUS_ID": upload.id, "TUS_SIZE": str(upload.length or 0), "TUS_OFFSET": str(call.offset)}
        if call.event_id is not None:
            told["TUS_EVENT_ID"] = call.event_id
        try:
            output, status = await self._run(str(self._directory / call.name), message, told)
        except FileNotFoundError:
            return NOTHING
        except OSError as error:
            raise HookFailed(f"{call.name} cannot be run: {error.strerror}") from None
        if status:
            said = output[:_LOGGED].decode(errors="replace")
            raise HookFailed(f"unexpected return code {status} from hook endpoint: {said}")
        return _parsed(output, _MOST_OUTPUT) if output.strip() else NOTHING

    async def _run(self, program: str, message: bytes, told: Mapping[str, str]) -> tuple[bytes, int]:
        process = await asyncio.create_subprocess_exec(
            program,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            cwd=self._directory,
            env={**os.environ, **told},
            start_new_session=True,
        )
        output = bytearray()
        try:
            async with asyncio.timeout(self._timeout_s or None):
                await asyncio.gather(_listen(process, output), _tell(process, message))
                await process.wait()
        except TimeoutError:
            # What it left running may keep its output open for as long as it likes.
            if process.returncode is None:
                raise HookFailed(f"no end within {self._timeout_s:g} s") from None
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):  # with what it started
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
        return bytes(output), process.returncode or 0

    async def close(self) -> None:
        """See Transport."""


async def _listen(process: asyncio.subprocess.Process, output: bytearray) -> None:
    """Read what a program says to its end; keep no more than shows that it is too much."""
    assert process.stdout is not None  # noqa: S101 - it was asked for
    while block := await process.stdout.read(65536):
        output += block[: _MOST_OUTPUT + 1 - len(output)]


async def _tell(process: asyncio.subprocess.Process, message: bytes) -> None:
    assert process.stdin is not None  # noqa: S101 - it was asked for
    # A program need not read; uvloop says that as a RuntimeError.
    with suppress(BrokenPipeError, ConnectionResetError, RuntimeError):
        process.stdin.write(message)
        await process.stdin.drain()
        process.stdin.close()
        await process.stdin.wait_closed()


class HttpTransport:
    """POSTs to one endpoint, again after an error of the network or a 5xx."""

    def __init__(self, settings: HookSettings) -> None:
        self._settings = settings
        self._client = httpx.AsyncClient(
            verify=not settings.hooks_http_skip_verify,
            follow_redirects=True,
            timeout=httpx.Timeout(settings.hooks_http_timeout_s, connect=30.0),
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=100, keepalive_expiry=90.0),
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),  # one client's are not another's
        )

    async def call(self, call: Call, message: bytes) -> Answer:
        """See Transport."""
        try:
            async with asyncio.timeout(self._settings.hooks_http_timeout_s):
                return await self._tried(call, message)
        except TimeoutError:
            raise HookFailed("context deadline exceeded") from None

    async def _tried(self, call: Call, message: bytes) -> Answer:
        left = max(self._settings.hooks_http_retry, 1)
        while True:
            left -= 1
            try:
                status, content_type, body = await self._post(call, message)
            except httpx.HTTPError as error:
                if not left:
                    raise HookFailed(f"{type(error).__name__}: {error}") from None
            else:
                if status < 500 or not left:
                    return self._answer_of(status, content_type, body)
            await asyncio.sleep(self._settings.hooks_http_backoff_s)

    async def _post(self, call: Call, message: bytes) -> tuple[int, str, bytes]:
        headers = [(b"Content-Type", b"application/json")]
        if call.event_id is not None:
            headers.append((b"Webhook-Id", call.event_id.encode()))
        if call.request is not None:
            headers += [
                (name.encode(), value.encode("latin-1"))
                for name in self._settings.forwarded
                for value in call.request.headers.get(name.lower(), ())
            ]
        most = self._settings.hooks_http_size_limit
        body = b""
        url = self._settings.hooks_http
        async with self._client.stream("POST", url, content=message, headers=headers) as reply:
            async for block in reply.aiter_bytes():
                body += block
                if len(body) > most:
                    break
            return reply.status_code, reply.headers.get("content-type", ""), body

    def _answer_of(self, status: int, content_type: str, body: bytes) -> Answer:
        if not 200 <= status <= 299:
            said = body[:_LOGGED].decode(errors="replace")
            raise HookFailed(f"unexpected response code from hook endpoint ({status}): {said}")
        if not content_type:
            raise BadAnswer("hook response does not contain the 'Content-Type: application/json' header")
        if content_type.partition(";")[0].strip().lower() != "application/json":
            raise BadAnswer(
                f"expected hook response Content-Type to be application/json, but got '{content_type}'"
            )
        return _parsed(body, self._settings.hooks_http_size_limit)

    async def close(self) -> None:
        """See Transport."""
        await self._client.aclose()


def _parsed(output: bytes, most: int) -> Answer:
    if len(output) > most:
        raise BadAnswer(f"hook response exceeded maximum size of {most} bytes")
    return parse_answer(output)


def open_transport(settings: HookSettings) -> Transport | None:
    """Return the transport that the settings choose; None: there are no hooks."""
    if settings.hooks_dir:
        return FileTransport(settings)
    if settings.hooks_http:
        return HttpTransport(settings)
    return None
