"""A request as plain values, which may be stored with an event and sent to other programs."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

#: What a header may be called (RFC 9110, Tokens).
HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
#: Headers that carry the client's credentials; left out unless somebody names them.
SECRET_HEADERS: Final = frozenset({"authorization", "cookie", "proxy-authorization"})
#: A description has at most this many characters of URI and headers.
MAX_DESCRIBED: Final = 32 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestInfo:
    """A request without its body. Text that is not ASCII stands as latin-1 reads its bytes."""

    method: str  # as sent: X-HTTP-Method-Override is one of the headers
    uri: str  # as sent: path and query
    remote_address: str  # "192.0.2.7:50112", "[2001:db8::7]:50112"; empty: not known, as on a UNIX socket
    headers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # by lower-case name, line by line

    @classmethod
    def of(
        cls,
        method: str,
        uri: str,
        remote_address: str,
        lines: Iterable[tuple[str, str]],
        *,
        named: Collection[str] = (),
    ) -> Self:
        """Return the description of a request with these lines of headers.

        Left out are SECRET_HEADERS that are not among ``named`` (lower case), and lines for which there is
        no room in MAX_DESCRIBED; a longer URI is cut.
        """
        uri = uri[:MAX_DESCRIBED]
        room = MAX_DESCRIBED - len(uri)
        headers: dict[str, tuple[str, ...]] = {}
        for written, value in lines:
            name = written.lower()
            size = len(name) + len(value)
            if size > room or (name in SECRET_HEADERS and name not in named):
                continue
            room -= size
            headers[name] = (*headers.get(name, ()), value)
        return cls(method=method, uri=uri, remote_address=remote_address, headers=headers)

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {
            "method": self.method,
            "uri": self.uri,
            "remote_address": self.remote_address,
            "headers": {name: list(values) for name, values in self.headers.items()},
        }

    @classmethod
    def from_json(cls, members: Mapping[str, Any]) -> Self:
        """Return what ``as_json`` wrote. Raises KeyError, TypeError: that it did not."""
        return cls(
            method=members["method"],
            uri=members["uri"],
            remote_address=members["remote_address"],
            headers={name: tuple(values) for name, values in members["headers"].items()},
        )
