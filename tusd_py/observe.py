"""The log, one line for each event as text or JSON in tusd's form, and the port for counts."""

from __future__ import annotations

import json
import logging
import re
import sys
import time
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final, Literal

LOGGER: Final = logging.getLogger("tusd_py")
#: Several lines for each request. Silent unless its level is set: servers have access logs of their own.
REQUESTS: Final = logging.getLogger("tusd_py.requests")
REQUESTS.setLevel(logging.WARNING)

#: Names, in the environment, the directory in which processes add up their counts (prometheus-client).
SHARED_COUNTS: Final = "PROMETHEUS_MULTIPROC_DIR"

_LEVELS: Final = {
    logging.DEBUG: "DEBUG",
    logging.INFO: "INFO",
    logging.WARNING: "WARN",
    logging.ERROR: "ERROR",
    logging.CRITICAL: "ERROR",
}
_STAMPS: Final = {"json": "%Y-%m-%dT%H:%M:%S", "text": "%Y/%m/%d %H:%M:%S"}
_REQUEST_ID: Final = b"x-request-id"
_REQUEST_ID_CHARS: Final = 36
_is_bare: Final = re.compile(r"[!#-<>-~]+", re.ASCII).fullmatch  # no blanks, quotes, equals signs


class Meter:
    """Counts what happens in this process; this one counts nothing. Called on the event loop."""

    def request(self, method: str) -> None:
        """Count a request."""

    def refusal(self, code: str, status: int) -> None:
        """Count a request that ended in an error."""

    def received(self, size: int) -> None:
        """Count bytes of uploads, as they arrive."""

    def connections(self, change: int) -> None:
        """Count a connection that was opened (1) or closed (-1)."""

    def hook(self, name: str) -> None:
        """Count a call of a hook."""

    def hook_error(self, name: str) -> None:
        """Count a call of a hook that failed."""

    def event(self, name: str) -> None:
        """Count an event of the log, also one that the log's level leaves out."""


meter = Meter()


def measure_with(new: Meter) -> None:
    """Use ``new`` from now on, for all applications of this process."""
    global meter  # noqa: PLW0603 - one for each process, as the logger
    meter = new


@dataclass(slots=True)
class Incoming:
    """The request for which events are logged."""

    method: str
    path: str  # below the base path
    headers: Sequence[tuple[bytes, bytes]]  # names in lower case
    base_url: str = ""  # of uploads that the request makes, once that is known
    upload_id: str = ""  # once it is known

    def fields(self) -> dict[str, object]:
        """Return the fields of every event of the request."""
        request_id = next((value for name, value in self.headers if name == _REQUEST_ID), b"")
        return {
            "method": self.method,
            "path": self.path,
            "requestId": request_id.decode("latin-1")[:_REQUEST_ID_CHARS],
            **({"id": self.upload_id} if self.upload_id else {}),
        }


_incoming: Final[ContextVar[Incoming | None]] = ContextVar("incoming", default=None)


def begin(incoming: Incoming) -> None:
    """Log an incoming request; events that its task logs from now on get its fields."""
    _incoming.set(incoming)
    if REQUESTS.isEnabledFor(logging.INFO):
        log("RequestIncoming", logger=REQUESTS)


def creates_below(base_url: str) -> None:
    """Record the base URL of uploads that the task's request creates."""
    incoming = _incoming.get()
    if incoming is not None:
        incoming.base_url = base_url


def concerns(upload_id: str) -> None:
    """Record the upload of the task's request."""
    incoming = _incoming.get()
    if incoming is not None:
        incoming.upload_id = upload_id


def log(event: str, *, level: int = logging.INFO, logger: logging.Logger = LOGGER, **fields: object) -> None:
    """Log one event with its fields, which must not contain secrets."""
    meter.event(event)
    if not logger.isEnabledFor(level):
        return
    incoming = _incoming.get()
    if incoming is not None:
        fields = {**incoming.fields(), **fields}
    if _lines is None:
        logger.log(level, event, extra={"fields": fields})
    else:
        _write(_lines.line(time.time(), level, event, fields))


def _write(line: str) -> None:
    """Write a line without the ways of ``logging``, which take three times as long as all the rest."""
    try:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
    except OSError:  # nobody reads it any more
        return


def log_created(upload_id: str, size: int | None) -> None:
    """Log that an upload was created, with its URL if that is known."""
    concerns(upload_id)
    incoming = _incoming.get()
    if incoming is not None and incoming.base_url:
        log("UploadCreated", id=upload_id, size=size or 0, url=incoming.base_url + upload_id)
    else:
        log("UploadCreated", id=upload_id, size=size or 0)


def say(text: str, *, level: int = logging.INFO) -> None:
    """Log a sentence for people, at the start or the end."""
    LOGGER.log(level, text, extra={"is_sentence": True})


class _Lines(logging.Formatter):
    """One line for each event: time, level, event, then the fields."""

    def __init__(self, form: Literal["text", "json"]) -> None:
        super().__init__()
        self._form = form
        self._second = 0
        self._stamp = self._zone = ""

    def _time(self, created: float) -> str:
        """Return a local time; formatted once a second, because that costs more than all the rest."""
        second = int(created)
        if second != self._second:
            local = time.localtime(second)
            self._second = second
            self._stamp = time.strftime(_STAMPS[self._form], local)
            zone = time.strftime("%z", local)
            self._zone = "Z" if zone == "+0000" else f"{zone[:3]}:{zone[3:]}"
        return f"{self._stamp}.{int((created - second) * 1e6):06}"

    def line(self, created: float, level: int, event: str, fields: Mapping[str, object]) -> str:
        """Return the line of an event."""
        stamp, name = self._time(created), _LEVELS[level]
        if self._form == "json":
            record = {"time": stamp + self._zone, "level": name, "msg": event, **fields}
            return json.dumps(record, default=str, separators=(",", ":"))
        words = [f"{stamp} level={name} event={_word(event)}"]
        for key, value in fields.items():
            words.append(f"{key}={value if type(value) is int else _word(str(value))}")
        return " ".join(words)

    def format(self, record: logging.LogRecord) -> str:
        if self._form == "text" and getattr(record, "is_sentence", False):
            return f"{self._time(record.created)} {record.getMessage()}"
        fields = dict(getattr(record, "fields", {}))
        if record.exc_info:
            fields["error"] = self.formatException(record.exc_info)
        return self.line(record.created, record.levelno, record.getMessage(), fields)


def _word(text: str) -> str:
    """Quote text that is not one plain word, so that nothing from a client can forge a field or a line."""
    return text if _is_bare(text) else json.dumps(text, ensure_ascii=not text.isprintable())


_lines: _Lines | None = None  # of the command; an application that embeds us has logging as it likes


def set_up_logging(form: Literal["text", "json"], *, verbose: bool) -> None:
    """Send the program's events to stdout; with ``verbose`` also lines for each request, and debugging."""
    global _lines  # noqa: PLW0603 - one for each process, as the logger
    _lines = _Lines(form)
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(_lines)
    for name in ("tusd_py", "uvicorn.error"):
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.propagate = False
        logger.setLevel(logging.DEBUG if verbose else logging.INFO)
    REQUESTS.setLevel(logging.INFO if verbose else logging.WARNING)
    # It logs every malformed form, with text that the client chose.
    logging.getLogger("python_multipart").setLevel(logging.CRITICAL)
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
