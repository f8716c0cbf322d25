"""CORS: what browsers need."""

from __future__ import annotations

from tus_conformance.checks.checksum import sha1_of
from tus_conformance.message import Response
from tus_conformance.registry import check
from tus_conformance.tus import Tus, payload

_REQUEST_HEADERS = (
    "Tus-Resumable",
    "Upload-Length",
    "Upload-Offset",
    "Upload-Metadata",
    "Upload-Defer-Length",
    "Upload-Concat",
    "Content-Type",
    "Authorization",
    "X-HTTP-Method-Override",
    "X-Requested-With",
    "X-Request-ID",
)
_RESPONSE_HEADERS = (
    "Location",
    "Upload-Offset",
    "Upload-Length",
    "Upload-Metadata",
    "Upload-Defer-Length",
    "Upload-Concat",
    "Tus-Resumable",
    "Tus-Version",
    "Tus-Extension",
    "Tus-Max-Size",
)
_STRANGER = "https://not-allowed.invalid"


def _preflight(t: Tus, target: str, origin: str = "", *, credentials: bool = True) -> Response:
    wanted = [*_REQUEST_HEADERS, "Upload-Checksum"]
    lines = {
        "Origin": origin or t.options.origin,
        "Access-Control-Request-Method": "PATCH",
        "Access-Control-Request-Headers": ", ".join(wanted).lower(),
    }
    without = {} if credentials else {name: None for name, _ in t.options.headers}
    return t.options_of(target, {**lines, **without})


def _cors_or_skip(t: Tus, answer: Response) -> None:
    if not any(name.lower().startswith("access-control-") for name, _ in answer.headers):
        t.skip("no Access-Control headers at all; a proxy may add them")


def _allows(t: Tus, answer: Response, where: str) -> None:
    t.expect(
        answer.get("Access-Control-Allow-Origin") in ("*", t.options.origin),
        f"Access-Control-Allow-Origin of {where} is {answer.get('Access-Control-Allow-Origin')!r}",
    )


def _covers(t: Tus, answer: Response, name: str, wanted: tuple[str, ...]) -> None:
    listed = {item.lower() for item in answer.items(name)}
    if "*" in listed:
        t.note(f"{name} is *")
        return
    lacking = [item for item in wanted if item.lower() not in listed]
    t.expect(not lacking, f"{name} lacks {', '.join(lacking)}")


def _with_origin(t: Tus, origin: str = "") -> dict[str, Response]:
    """A creation, a HEAD and a PATCH from a browser's point of view."""
    lines = {"Origin": origin or t.options.origin}
    created = t.create(10, lines)
    upload = t.made(created)
    return {"POST": created, "HEAD": upload.head(lines), "PATCH": upload.patch(0, b"abc", lines)}


@check("HTTP-01")
def preflight_methods(t: Tus) -> None:
    upload = t.new()
    _cors_or_skip(t, _preflight(t, t.url))
    methods = {"POST", "HEAD", "PATCH"} | ({"DELETE"} if t.has("termination") else set())
    for target in (t.url, upload.target):
        answer = t.status(_preflight(t, target), "2xx", after=f"to the preflight of {target}")
        _allows(t, answer, "the preflight")
        lacking = methods - set(answer.items("Access-Control-Allow-Methods"))
        t.expect(not lacking, f"Access-Control-Allow-Methods lacks {', '.join(sorted(lacking))}")
        t.expect(answer.has("Access-Control-Max-Age"), "no Access-Control-Max-Age")


@check("HTTP-02")
def preflight_headers(t: Tus) -> None:
    answer = _preflight(t, t.url)
    _cors_or_skip(t, answer)
    wanted = (*_REQUEST_HEADERS, "Upload-Checksum") if t.has("checksum") else _REQUEST_HEADERS
    _covers(t, answer, "Access-Control-Allow-Headers", wanted)


@check("HTTP-03")
def exposed_headers(t: Tus) -> None:
    wanted = list(_RESPONSE_HEADERS)
    if t.has("expiration"):
        wanted.append("Upload-Expires")
    if t.has("checksum"):
        wanted.append("Tus-Checksum-Algorithm")
    answers = _with_origin(t)
    _cors_or_skip(t, answers["POST"])
    for answer in answers.values():
        _covers(t, answer, "Access-Control-Expose-Headers", tuple(wanted))


@check("HTTP-04")
def errors_too(t: Tus) -> None:
    _cors_or_skip(t, _with_origin(t)["POST"])
    lines = {"Origin": t.options.origin}
    upload = t.new(10)
    answers = [
        t.unknown().head(lines),
        upload.patch(5, b"a", lines),
        upload.patch(0, payload(11), lines),
        upload.head({**lines, "Tus-Resumable": "9.9.9"}),
    ]
    if t.has("checksum"):
        answers.append(upload.patch(0, b"abc", {**lines, "Upload-Checksum": sha1_of(b"x")}))
    for answer in answers:
        _allows(t, answer, f"the {answer.status}")
        t.expect(answer.has("Access-Control-Expose-Headers"), f"the {answer.status} exposes no headers")


@check("HTTP-05")
def credentials(t: Tus) -> None:
    for answer in (_preflight(t, t.url), *_with_origin(t).values()):
        wildcard = answer.get("Access-Control-Allow-Origin") == "*"
        allowed = (answer.get("Access-Control-Allow-Credentials") or "").lower() == "true"
        t.expect(
            not (wildcard and allowed), "credentials are allowed together with Access-Control-Allow-Origin: *"
        )


@check("HTTP-06")
def vary(t: Tus) -> None:
    for method, answer in _with_origin(t).items():
        if answer.get("Access-Control-Allow-Origin") in (None, "*"):
            continue
        varies = [item.lower() for item in answer.items("Vary")]
        t.expect("origin" in varies or "*" in varies, f"the {answer.status} to {method} lacks Vary: Origin")


@check("HTTP-07")
def preflight_without_credentials(t: Tus) -> None:
    answer = _preflight(t, t.url, credentials=False)
    t.status(answer, "2xx")


@check("HTTP-08")
def stranger(t: Tus) -> None:
    own = _preflight(t, t.url)
    _cors_or_skip(t, own)
    other = _preflight(t, t.url, _STRANGER)
    allowed = other.get("Access-Control-Allow-Origin")
    if allowed in ("*", _STRANGER):
        # Only with a list of origins is there one that is not allowed; credentials must not go to everybody.
        t.expect(
            (other.get("Access-Control-Allow-Credentials") or "").lower() != "true",
            "any origin is allowed to send credentials",
        )
        t.note("every origin is allowed")
        return
    t.expect(allowed in (None, t.options.origin), f"a stranger gets Access-Control-Allow-Origin {allowed!r}")
