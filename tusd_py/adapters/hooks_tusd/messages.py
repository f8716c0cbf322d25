"""What tusd's hooks are told and what they may answer, as JSON. No IO."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import unquote

from tusd_py.model.file_info import file_info
from tusd_py.model.requests import RequestInfo
from tusd_py.model.upload import METADATA_KEY, Upload, UploadState, is_upload_id
from tusd_py.ports.hooks import HookReply, is_header

_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
_FINAL: Final = "final;"


class BadAnswer(ValueError):
    """What a hook that did not fail says cannot be used; the message says why, for the operator alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A hook to be called: its name, what happened to which upload, and by which request."""

    name: str  # "pre-create" ...
    upload: Upload
    offset: int  # bytes
    request: RequestInfo | None
    event_id: str | None = None  # of an event that is told of at least once; the same each time


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a hook wants; each hook may want some of these only."""

    reply: HookReply | None = None
    reject_upload: bool = False
    reject_termination: bool = False
    stop_upload: bool = False
    id: str | None = None
    metadata: Mapping[str, bytes] | None = None


NOTHING: Final = Answer()


def request_json(call: Call, storage: Mapping[str, str] | None) -> bytes:
    """Return what a hook is told, in the form and the order of tusd's.

    Args:
        storage: Where the bytes are, as tusd's data stores say it; None: nowhere yet.
    """
    upload = file_info(
        call.upload,
        offset=call.offset,
        partial_ids=_partial_ids(call.upload.concat_header),
        storage=storage,
    )
    if call.name == "pre-create":
        upload["ID"] = ""
    event = {"Upload": upload, "HTTPRequest": _request_fields(call.request)}
    return _ENCODER.encode({"Type": call.name, "Event": event}).encode(errors="replace")


def _partial_ids(concat_header: str | None) -> list[str] | None:
    if concat_header is None or not concat_header.startswith(_FINAL):
        return None
    urls = concat_header.removeprefix(_FINAL).split()
    return [unquote(url.rstrip("/").rpartition("/")[2]) for url in urls]


def _request_fields(request: RequestInfo | None) -> dict[str, Any]:
    if request is None:  # finished after a crash
        return {"Method": "", "URI": "", "RemoteAddr": "", "Header": {}}
    headers = {_canonical(name): list(values) for name, values in request.headers.items()}
    headers.pop("Transfer-Encoding", None)
    override = headers.get("X-Http-Method-Override", [""])[0]
    return {
        "Method": override or request.method,
        "URI": request.uri,
        "RemoteAddr": request.remote_address or "@",
        "Header": dict(sorted(headers.items())),
    }


def _canonical(name: str) -> str:
    """Return a header's name as Go writes it."""
    return "-".join(word.capitalize() for word in name.split("-"))


def offset_of(upload: Upload) -> int:
    """How many bytes an upload is known to have: all or, for all that it says, none."""
    return (upload.length or 0) if upload.state is UploadState.COMPLETE else 0


def parse_answer(text: bytes) -> Answer:
    """Read a hook's answer; keys match without regard to case, and unknown ones are ignored.

    Raises BadAnswer.
    """
    try:
        loaded = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadAnswer(f"failed to parse hook response: {error}") from None
    fields = _Fields.of(loaded, "the answer")
    changes = _Fields.of(fields.get("changefileinfo"), "ChangeFileInfo")
    if changes.get("storage"):
        raise BadAnswer("ChangeFileInfo.Storage is not offered here")
    return Answer(
        reply=_reply(_Fields.of(fields.get("httpresponse"), "HTTPResponse")),
        reject_upload=fields.flag("rejectupload"),
        reject_termination=fields.flag("rejecttermination"),
        stop_upload=fields.flag("stopupload"),
        id=_id(changes.text("id")),
        metadata=_metadata(changes.get("metadata")),
    )


@dataclass(frozen=True, slots=True)
class _Fields:
    """The members of a JSON object, by their names in lower case."""

    name: str
    members: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, value: object, name: str) -> _Fields:
        if value is None:
            return cls(name)
        if not isinstance(value, dict):
            raise BadAnswer(f"{name} is no object")
        return cls(name, {key.lower(): each for key, each in value.items()})

    def get(self, key: str) -> Any:
        return self.members.get(key)

    def flag(self, key: str) -> bool:
        value = self.members.get(key)
        if value is not None and not isinstance(value, bool):
            raise BadAnswer(f"{key} in {self.name} is not true or false")
        return bool(value)

    def text(self, key: str) -> str:
        value = self.members.get(key)
        if value is not None and not isinstance(value, str):
            raise BadAnswer(f"{key} in {self.name} is no text")
        return value or ""


def _reply(fields: _Fields) -> HookReply | None:
    if not fields.members:
        return None
    status = fields.get("statuscode") or 0
    if isinstance(status, bool) or not isinstance(status, int) or (status and not 200 <= status <= 599):
        raise BadAnswer("StatusCode is none that ends a request")
    headers = _text_map(fields.get("header"), "Header")
    return HookReply(
        status=status or None,
        headers={name: value for name, value in headers.items() if is_header(name, value)},
        body=fields.text("body").encode(errors="replace"),
    )


def _id(text: str) -> str | None:
    if text and ("%" in text or not is_upload_id(text)):  # in a URL % begins an escape
        raise BadAnswer("ChangeFileInfo.ID cannot name an upload here")
    return text or None


def _metadata(value: object) -> Mapping[str, bytes] | None:
    if value is None:
        return None
    pairs = _text_map(value, "ChangeFileInfo.MetaData")
    if not all(METADATA_KEY.fullmatch(key) for key in pairs):
        raise BadAnswer("ChangeFileInfo.MetaData has a key that cannot be kept")
    return {key: text.encode(errors="replace") for key, text in pairs.items()}


def _text_map(value: object, name: str) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(each, str) for each in value.values()):
        raise BadAnswer(f"{name} is no object of texts")
    return value
