"""The sockets the server listens on; bound before any event loop or worker exists."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import ssl
import stat
import sys

from .settings import ServerSettings

BACKLOG = 2048
#: TLS before 1.3: tusd's suites, which are Mozilla's intermediate ones without finite-field Diffie-Hellman.
_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
_STRONG = "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384"
_LOWEST = {
    "tls13": ssl.TLSVersion.TLSv1_3,
    "tls12": ssl.TLSVersion.TLSv1_2,
    "tls12-strong": ssl.TLSVersion.TLSv1_2,
}
_SPREADS = sys.platform == "linux"  # what SO_REUSEPORT means differs between systems


class CannotListen(Exception):
    """The address or the certificate cannot be used; the message is one line for the operator."""


def bind(settings: ServerSettings) -> list[socket.socket]:
    """Return listening sockets: one for a Unix path, else one for each address of the host.

    Raises:
        CannotListen: The address is in use, is not of this machine, or is invalid.
    """
    if settings.unix_socket is not None:
        return [_bind_path(settings.unix_socket)]
    where = f"{settings.host or '*'}:{settings.port}"
    try:
        found = socket.getaddrinfo(
            settings.host or None, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except (OSError, UnicodeError) as error:
        raise CannotListen(f"cannot listen on {where}: {_reason(error)}") from error
    sockets: list[socket.socket] = []
    port = settings.port
    try:
        for family, address in dict.fromkeys((info[0], info[4]) for info in found):
            where_exactly = (address[0], port, *address[2:])
            sockets.append(_bind_address(family, where_exactly, settings.worker_count > 1))
            port = sockets[0].getsockname()[1]
    except OSError as error:
        close(sockets)
        raise CannotListen(f"cannot listen on {where}: {_reason(error)}") from error
    return sockets


def for_workers(settings: ServerSettings, sockets: list[socket.socket]) -> list[list[socket.socket]]:
    """Return the listening sockets of each worker, the first of them ``sockets``.

    On Linux each worker has sockets of its own, and the kernel spreads connections evenly over them; with one
    socket, the worker that wakes first takes a whole burst. Elsewhere, and for a Unix path, all share
    ``sockets``.
    """
    shares = [sockets]
    for _ in range(1, settings.worker_count):
        if _SPREADS and settings.unix_socket is None:
            shares.append([_bind_address(one.family, one.getsockname(), True, joins=True) for one in sockets])
        else:
            shares.append(sockets)
    return shares


def _bind_address(
    family: int, address: tuple[str | int, ...], shared: bool, *, joins: bool = False
) -> socket.socket:
    """Bind and listen.

    The first socket of an address is bound exclusively, so that a second server is refused; only then
    may others join it.
    """
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        if joins:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(address)
        if shared and _SPREADS:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        _listen(listener)
    except OSError:
        listener.close()
        raise
    return listener


def _bind_path(path: str) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _remove_leftover(path)
        listener.bind(path)
        _listen(listener)
    except OSError as error:
        listener.close()
        raise CannotListen(f"cannot listen on {path}: {_reason(error)}") from error
    return listener


def _listen(listener: socket.socket) -> None:
    listener.listen(BACKLOG)
    listener.setblocking(False)
    listener.set_inheritable(False)


def _remove_leftover(path: str) -> None:
    """Remove the socket of a server that was killed; never that of a running one, nor any other file."""
    if not os.path.exists(path) or not stat.S_ISSOCK(os.stat(path).st_mode):
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
            return
    raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))


def _reason(error: Exception) -> str:
    text = (error.strerror if isinstance(error, OSError) else None) or str(error)
    return text[:1].lower() + text[1:]


def close(sockets: list[socket.socket], path: str | None = None) -> None:
    """Close ``sockets``, and remove the ``path`` of a Unix one."""
    for listener in sockets:
        listener.close()
    if path is not None:
        with contextlib.suppress(OSError):
            os.unlink(path)


def url(settings: ServerSettings, sockets: list[socket.socket]) -> str:
    """Return how to reach the first of ``sockets``: ``http://HOST:PORT`` or ``unix:PATH``."""
    if settings.unix_socket is not None:
        return f"unix:{settings.unix_socket}"
    host, port = sockets[0].getsockname()[:2]
    scheme = "https" if settings.tls_cert else "http"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def announce(settings: ServerSettings, sockets: list[socket.socket]) -> None:
    """Call ``on_listening``, if it is set: requests are accepted now."""
    if settings.on_listening is not None:
        settings.on_listening(url(settings, sockets))


def announce_end(settings: ServerSettings) -> None:
    """Call ``on_stopping``, if it is set: a signal ends the server."""
    if settings.on_stopping is not None:
        settings.on_stopping()


def tls_context(settings: ServerSettings) -> ssl.SSLContext | None:
    """Return how to speak TLS; None without a certificate.

    Raises:
        CannotListen: The certificate or its key cannot be used.
    """
    if settings.tls_cert is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = _LOWEST[settings.tls_mode]
    if settings.tls_mode == "tls12-strong":  # TLS 1.3 has to offer AES-128
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_STRONG if settings.tls_mode == "tls12-strong" else _CIPHERS)
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(settings.tls_cert, settings.tls_key, password=_no_password)
    except (OSError, ValueError) as error:
        raise CannotListen(f"cannot use the certificate {settings.tls_cert}: {_reason(error)}") from error
    return context


def _no_password() -> str:
    """Refuse an encrypted key; without this, OpenSSL would ask the terminal."""
    raise ValueError("its key is encrypted")
