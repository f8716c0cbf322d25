"""``Upload-Concat``: ``partial``, or ``final;`` and URLs of partial uploads (tus 1.0.0, Concatenation)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, urljoin, urlsplit

from tusd_py.errors.requests import InvalidConcat
from tusd_py.fronts.http.headers import quote
from tusd_py.model.upload import is_upload_id

_NAME: Final = "Upload-Concat"
_FINAL: Final = "final;"


@dataclass(frozen=True, slots=True)
class Concat:
    """What a creation asks for. ``partial_urls`` is None for a partial, else the list of a final."""

    header: str  # as received; HEAD echoes it
    partial_urls: tuple[str, ...] | None

    @property
    def is_final(self) -> bool:
        """Whether a final upload is asked for."""
        return self.partial_urls is not None


def parse_concat(header: str | None, *, max_partials: int) -> Concat | None:
    """Read the header; None when it is absent.

    Raises:
        InvalidConcat: Neither ``partial`` nor ``final;`` with 1 to ``max_partials`` URLs. Upper case does
            not match.
    """
    if header is None:
        return None
    if header == "partial":
        return Concat(header, None)
    if not header.startswith(_FINAL):
        raise InvalidConcat(_NAME, f"must be 'partial' or 'final;URL URL', got {quote(header)}")
    urls = tuple(url for url in header.removeprefix(_FINAL).split(" ") if url)
    if not urls:
        raise InvalidConcat(_NAME, "names no partial upload, expected 'final;URL URL'")
    if len(urls) > max_partials:
        raise InvalidConcat(_NAME, f"names {len(urls)} partial uploads, at most {max_partials} are accepted")
    return Concat(header, urls)


def partial_id(url: str, *, creation_url: str) -> str:
    """Return the id of the partial upload that a URL of the list names.

    Args:
        url: As sent: absolute, path-absolute, or relative to the creation URL.
        creation_url: Absolute URL of the creation endpoint, as the client of this request sees it.

    Raises:
        InvalidConcat: The URL has another host, is not below the creation URL, or names no upload. The
            URLs are never fetched: they only name uploads of this server.
    """
    base = creation_url.rstrip("/") + "/"
    try:
        wanted, ours = urlsplit(urljoin(base, url)), urlsplit(base)
    except ValueError:
        raise InvalidConcat(_NAME, f"has a malformed URL: {quote(url)}") from None
    # The scheme is not compared: behind a proxy that ends TLS, clients send https and we see http.
    path, our_path = unquote(wanted.path), unquote(ours.path)
    if wanted.netloc.lower() != ours.netloc.lower() or not path.startswith(our_path):
        raise InvalidConcat(_NAME, f"names an upload that is not below this endpoint: {quote(url)}")
    upload_id = path.removeprefix(our_path).strip("/")
    if not is_upload_id(upload_id):
        raise InvalidConcat(_NAME, f"has a URL that is no upload's: {quote(url)}")
    return upload_id
