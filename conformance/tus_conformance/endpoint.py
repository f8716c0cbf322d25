"""Where the server is, and requests as bytes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the server under test listens, and the request target of its creation URL."""

    scheme: str
    host: str
    port: int
    target: str
    verify_tls: bool = True

    @classmethod
    def parse(cls, url: str, *, verify_tls: bool = True) -> Endpoint:
        """Read an http or https URL.

        Raises:
            ValueError: It is not one.
        """
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"not an http or https URL: {url!r}")
        port = parts.port if parts.port is not None else (443 if parts.scheme == "https" else 80)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return cls(parts.scheme, parts.hostname, port, target, verify_tls)

    @property
    def authority(self) -> str:
        """The value of the Host header; a default port is left out."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        default = 443 if self.scheme == "https" else 80
        return host if self.port == default else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        """Scheme and authority."""
        return f"{self.scheme}://{self.authority}"

    @property
    def url(self) -> str:
        """The upload creation URL."""
        return self.origin + self.target


def head_bytes(
    method: str, target: str, lines: Iterable[tuple[str, str]], version: str = "HTTP/1.1"
) -> bytes:
    """Request line and header lines exactly as given; text leaves as UTF-8."""
    text = [f"{method} {target} {version}", *(f"{name}: {value}" for name, value in lines), "", ""]
    return "\r\n".join(text).encode("utf-8", "surrogateescape")


def chunked(
    body: bytes, *, size_bytes: int = 65536, trailers: Iterable[tuple[str, str]] = (), end: bool = True
) -> bytes:
    """``body`` in chunked transfer coding, with its last chunk and trailer section when ``end``."""
    out = bytearray()
    for at in range(0, len(body), size_bytes):
        piece = body[at : at + size_bytes]
        out += b"%x\r\n" % len(piece) + piece + b"\r\n"
    if end:
        out += b"0\r\n" + "".join(f"{n}: {v}\r\n" for n, v in trailers).encode() + b"\r\n"
    return bytes(out)
