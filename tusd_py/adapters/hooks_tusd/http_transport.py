"""Hooks at an HTTP endpoint."""

from __future__ import annotations

import asyncio
import ssl
from http.cookiejar import CookieJar, DefaultCookiePolicy
from itertools import cycle
from typing import Final

import httpx

from tusd_py.adapters.hooks_tusd.messages import Answer, BadAnswer, Call
from tusd_py.adapters.hooks_tusd.transports import LOGGED, HookFailed, parsed
from tusd_py.settings import HookSettings

#: Headers that are the call's own.
_OURS: Final = frozenset({"connection", "content-length", "content-type", "host", "transfer-encoding"})
#: Each call looks at all connections of its pool: with 32 in one, a call takes four times the CPU.
_POOLS: Final = 8


class HttpTransport:
    """POSTs to one endpoint, again after an error of the network or a 5xx."""

    def __init__(self, settings: HookSettings) -> None:
        self._settings = settings
        self._forwarded = [name for name in settings.forwarded if name.lower() not in _OURS]
        trusted = httpx.create_ssl_context(verify=not settings.hooks_http_skip_verify)
        clients = [_client(settings, trusted) for _ in range(_POOLS)]
        self._clients, self._next_client = clients, cycle(clients)

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
                for name in self._forwarded
                for value in call.request.headers.get(name.lower(), ())
            ]
        most = self._settings.hooks_http_size_limit
        body = b""
        url = self._settings.hooks_http
        async with next(self._next_client).stream("POST", url, content=message, headers=headers) as reply:
            async for block in reply.aiter_bytes():
                body += block
                if len(body) > most:
                    break
            return reply.status_code, reply.headers.get("content-type", ""), body

    def _answer_of(self, status: int, content_type: str, body: bytes) -> Answer:
        if not 200 <= status <= 299:
            said = body[:LOGGED].decode(errors="replace")
            raise HookFailed(f"unexpected response code from hook endpoint ({status}): {said}")
        if not content_type:
            raise BadAnswer("hook response does not contain the 'Content-Type: application/json' header")
        if content_type.partition(";")[0].strip().lower() != "application/json":
            raise BadAnswer(
                f"expected hook response Content-Type to be application/json, but got '{content_type}'"
            )
        return parsed(body, self._settings.hooks_http_size_limit)

    async def close(self) -> None:
        """See Transport."""
        for client in self._clients:
            await client.aclose()


def _client(settings: HookSettings, trusted: ssl.SSLContext) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        verify=trusted,
        follow_redirects=True,
        timeout=httpx.Timeout(settings.hooks_http_timeout_s, connect=30.0),
        limits=httpx.Limits(max_connections=None, max_keepalive_connections=12, keepalive_expiry=90.0),
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),  # one client's are not another's
    )
