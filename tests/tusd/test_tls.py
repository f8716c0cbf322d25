"""tusd, section 1.2, TLS: the flags, and what each mode lets a client speak."""

from __future__ import annotations

import hashlib
import socket
import ssl
import subprocess
from pathlib import Path

import httpx
import pytest

from tests.support.fixtures import Serve
from tests.support.server import run
from tests.support.tus import OFFSET_STREAM, TUS

DATA = bytes(range(256)) * 20_000
AES_128 = "ECDHE-ECDSA-AES128-GCM-SHA256"
AES_256 = "ECDHE-ECDSA-AES256-GCM-SHA384"
CBC = "ECDHE-ECDSA-AES128-SHA256"


def tls(certificate: tuple[Path, Path]) -> list[str]:
    """The flags that turn TLS on."""
    return ["-tls-certificate", str(certificate[0]), "-tls-key", str(certificate[1])]


def spoken(address: tuple[str, int], version: ssl.TLSVersion, ciphers: str | None = None) -> str | None:
    """The suite that is agreed on with a client that knows one version (and suite); None: none."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.minimum_version = context.maximum_version = version
    if ciphers:
        context.set_ciphers(f"{ciphers}:@SECLEVEL=0")
    with socket.create_connection(address, 10) as plain:
        try:
            with context.wrap_socket(plain) as tls:
                cipher = tls.cipher()
                return cipher[0] if cipher else None
        except (ssl.SSLError, ConnectionError):
            return None


@pytest.mark.parametrize("workers", ["1", "2"])
def test_an_upload_over_tls(serve: Serve, certificate: tuple[Path, Path], workers: str) -> None:
    """Created, sent in two halves and read; its URL is https, and so is what is announced."""
    server = serve(*tls(certificate), "-workers", workers)
    assert server.url.startswith("https://127.0.0.1:")
    verify = ssl.create_default_context(cafile=str(certificate[0]))
    with httpx.Client(verify=verify, headers=TUS) as client:
        made = client.post(server.url, headers={"Upload-Length": str(len(DATA))})
        url = made.headers["Location"]
        assert url.startswith(server.url)
        half = len(DATA) // 2
        for start, end in ((0, half), (half, len(DATA))):
            headers = {"Content-Type": OFFSET_STREAM, "Upload-Offset": str(start)}
            reply = client.patch(url, headers=headers, content=DATA[start:end])
            assert (reply.status_code, reply.headers["Upload-Offset"]) == (204, str(end))
        assert hashlib.sha256(client.get(url).content).digest() == hashlib.sha256(DATA).digest()
    (stored,) = [path for path in server.upload_dir.iterdir() if len(path.name) == 32]
    assert stored.read_bytes() == DATA


OLD = [(ssl.TLSVersion.TLSv1_2, suite) for suite in (CBC, AES_128, AES_256)]
NEW = (ssl.TLSVersion.TLSv1_3, None)


@pytest.mark.parametrize(
    ("mode", "agreed"),
    [
        ("tls12", [False, True, True, True]),
        ("tls12-strong", [False, False, True, False]),
        ("tls13", [False, False, False, True]),
    ],
)
def test_what_a_mode_lets_a_client_speak(
    serve: Serve, certificate: tuple[Path, Path], mode: str, agreed: list[bool]
) -> None:
    """By client: TLS 1.2 with CBC, with AES-128, with AES-256; TLS 1.3."""
    server = serve(*tls(certificate), "-tls-mode", mode)
    said = [spoken(server.host_port, version, suite) for version, suite in (*OLD, NEW)]
    assert [suite is not None for suite in said] == agreed


def test_an_encrypted_key_is_refused_and_no_password_asked_for(
    certificate: tuple[Path, Path], tmp_path: Path
) -> None:
    locked = tmp_path / "locked.pem"
    make = ["openssl", "pkey", "-aes128", "-passout", "pass:secret", "-in", str(certificate[1])]
    subprocess.run([*make, "-out", str(locked)], check=True, capture_output=True)
    ended = run("-tls-certificate", str(certificate[0]), "-tls-key", str(locked), cwd=tmp_path)
    assert (ended.status, ended.out) == (1, "")
    assert ended.err == f"tusd-py: cannot use the certificate {certificate[0]}: its key is encrypted\n"


def test_a_certificate_without_its_key_is_refused(certificate: tuple[Path, Path], tmp_path: Path) -> None:
    """tusd serves without TLS then, and says nothing."""
    ended = run("-tls-certificate", str(certificate[0]), cwd=tmp_path)
    assert (ended.status, ended.out) == (1, "")
    assert ended.err.startswith(f"tusd-py: cannot use the certificate {certificate[0]}: ")
