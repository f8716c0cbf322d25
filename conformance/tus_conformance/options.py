"""Everything the person running the suite can say about the server under test."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

from tus_conformance.model import Level, areas, requirements

_EPILOG = """\
verdicts: PASS kept; FAIL a binding demand is violated; WARN a recommendation is not followed;
INFO worth knowing, nobody is wrong; SKIP does not apply or lacks an option; ERROR could not be decided.

exit status: 0 no binding demand failed; 1 at least one failed (or could not be decided); 2 wrong usage;
3 no server there, or it hangs or closes; 4 something answers but not a tus endpoint;
5 --server did not come up; 130 interrupted.

examples:
  tus-conformance http://localhost:1080/files/
  tus-conformance http://localhost:1080/files/ --area CORE,CREATE --json report.json --html report.html
  tus-conformance http://localhost:1080/files/ --id CORE-39 --verbose
  tus-conformance http://127.0.0.1:{port}/files/ --server 'my-tusd -port {port} -dir {dir}'
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Parameters of one run; times in seconds, sizes in bytes."""

    url: str
    headers: tuple[tuple[str, str], ...] = ()
    max_size_bytes: int | None = None
    expiry_wait_s: float = 0.0
    readback: str = "get"
    lock_wait_s: float = 30.0
    stall_wait_s: float = 0.0
    origin: str = "https://client.example"
    strict: bool = False
    ids: tuple[str, ...] = ()
    areas: tuple[str, ...] = ()
    levels: tuple[str, ...] = ()
    extensions: tuple[str, ...] = ()
    json: Path | None = None
    junit: Path | None = None
    html: Path | None = None
    server: str = ""
    timeout_s: float = 10.0
    workers: int = 8
    big: bool = True
    verify_tls: bool = True
    verbose: bool = False


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip() or any(c in text for c in "\r\n"):
        raise argparse.ArgumentTypeError(f"write it as 'Name: value', not {text!r}")
    return name.strip(), value.strip()


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < 1e6:
        raise argparse.ArgumentTypeError(f"a number of seconds, not {text!r}")
    return value


def _names(known: list[str], what: str) -> argparse._ActionType:
    def split(text: str) -> list[str]:
        wanted = [item.strip() for item in text.split(",") if item.strip()]
        for item in wanted:
            if item not in known:
                raise argparse.ArgumentTypeError(f"unknown {what} {item!r}")
        return wanted

    return split


def _describe_server(about: argparse._ArgumentGroup) -> None:
    about.add_argument(
        "-H",
        "--header",
        action="append",
        type=_header,
        default=[],
        metavar="'Name: value'",
        help="send this header with every request (authentication); repeatable",
    )
    about.add_argument(
        "--max-size", type=int, metavar="BYTES", help="the hard size limit it is configured with"
    )
    about.add_argument(
        "--readback",
        choices=("get", "none"),
        default="get",
        help="how to read stored bytes: GET on the upload URL (default), or not at all",
    )

    about.add_argument("--origin", default="https://client.example", help="origin for the CORS checks")
    about.add_argument(
        "--server",
        default="",
        metavar="CMD",
        help="start the server with this command ({port} and {dir} are filled in), so that the "
        "checks that restart and kill it can run",
    )
    about.add_argument("--insecure", action="store_true", help="accept any TLS certificate")


def _describe_patience(about: argparse._ArgumentGroup) -> None:
    about.add_argument(
        "--expiry-wait",
        type=_seconds,
        default=0.0,
        metavar="S",
        help="wait up to S seconds for uploads to expire (default 0: skip those checks)",
    )
    about.add_argument(
        "--lock-wait",
        type=_seconds,
        default=30.0,
        metavar="S",
        help="how long a request on a busy upload may take (default 30)",
    )
    about.add_argument(
        "--stall-wait",
        type=_seconds,
        default=0.0,
        metavar="S",
        help="wait up to S seconds for it to drop a stalled request (default 0: skip)",
    )


def _describe_selection(pick: argparse._ArgumentGroup) -> None:
    pick.add_argument(
        "--id", type=_names(list(requirements()), "id"), action="extend", default=[], metavar="ID,.."
    )
    pick.add_argument(
        "--area",
        type=_names(areas(), "area"),
        action="extend",
        default=[],
        metavar="AREA,..",
        help=", ".join(areas()),
    )
    pick.add_argument(
        "--level",
        type=_names([str(v) for v in Level], "level"),
        action="extend",
        default=[],
        metavar="LEVEL,..",
        help=", ".join(Level),
    )
    pick.add_argument(
        "--extension",
        action="append",
        default=[],
        metavar="NAME",
        help="only checks of this extension; 'core' for those that need none",
    )
    pick.add_argument(
        "--profile",
        choices=("spec", "strict"),
        default="spec",
        help="strict: recommendations count as failures too",
    )
    pick.add_argument("--no-big", action="store_true", help="no request bodies of several MiB")


def _describe_output(how: argparse._ArgumentGroup) -> None:
    how.add_argument(
        "--timeout", type=_seconds, default=10.0, metavar="S", help="wait for an answer (default 10)"
    )
    how.add_argument("--workers", type=int, default=8, metavar="N", help="checks at a time (default 8)")
    how.add_argument("--json", type=Path, metavar="FILE")
    how.add_argument("--junit", type=Path, metavar="FILE")
    how.add_argument("--html", type=Path, metavar="FILE", help="one self-contained page with every exchange")
    how.add_argument(
        "-v", "--verbose", action="store_true", help="show every check and the bytes of failed ones"
    )


def parser() -> argparse.ArgumentParser:
    """The command line."""
    out = argparse.ArgumentParser(
        prog="tus-conformance",
        description="Checks any tus 1.0.0 server, from outside, against every requirement of the protocol.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    out.add_argument("url", metavar="URL", help="the upload creation URL; may contain {port} with --server")
    _describe_server(out.add_argument_group("about the server"))
    _describe_patience(out.add_argument_group("about its patience"))
    _describe_selection(out.add_argument_group("which checks"))
    _describe_output(out.add_argument_group("how"))
    return out


def parse(argv: list[str] | None = None) -> Options:
    """Options from a command line; wrong usage ends the process with status 2."""
    out = parser()
    seen = out.parse_args(argv)
    if seen.workers < 1 or seen.timeout <= 0:
        out.error("--workers and --timeout must be positive")
    return Options(
        url=seen.url,
        headers=tuple(seen.header),
        max_size_bytes=seen.max_size,
        expiry_wait_s=seen.expiry_wait,
        readback=seen.readback,
        lock_wait_s=seen.lock_wait,
        stall_wait_s=seen.stall_wait,
        origin=seen.origin,
        strict=seen.profile == "strict",
        ids=tuple(seen.id),
        areas=tuple(seen.area),
        levels=tuple(seen.level),
        extensions=tuple(seen.extension),
        json=seen.json,
        junit=seen.junit,
        html=seen.html,
        server=seen.server,
        timeout_s=seen.timeout,
        workers=seen.workers,
        big=not seen.no_big,
        verify_tls=not seen.insecure,
        verbose=seen.verbose,
    )
