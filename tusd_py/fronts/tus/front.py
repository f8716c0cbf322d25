"""tus 1.0.0 over HTTP: one short method for each request of the protocol."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from tusd_py import observe
from tusd_py.errors.requests import FeatureDisabled, InvalidChecksum, MethodNotAllowed
from tusd_py.errors.uploads import FinalIsImmutable
from tusd_py.fronts.downloads.front import Downloads
from tusd_py.fronts.http.caller import caller_of
from tusd_py.fronts.http.checksum import ALGORITHM_LIST, parse_checksum
from tusd_py.fronts.http.headers import Fields
from tusd_py.fronts.http.urls import creation_url
from tusd_py.fronts.tus import grammar as tus
from tusd_py.fronts.tus.concat import partial_id
from tusd_py.model.body import Body
from tusd_py.model.digests import Checksum
from tusd_py.model.upload import UploadKind
from tusd_py.ports.hooks import HookReply
from tusd_py.service.append import Appender
from tusd_py.service.concat import Concatenation
from tusd_py.service.expected import ExpectedChecksum
from tusd_py.service.uploads import Uploads, Wanted
from tusd_py.settings import Config
from tusd_py.transfer.asgi import body_of

_Endpoint = Callable[[Request, Fields, str], Awaitable[Response]]
_METHOD_OVERRIDE: Final = "X-HTTP-Method-Override"


class TusFront:
    """The endpoints of tus below one base path.

    Attributes:
        extensions: What is announced, in this order: what is enabled and what the data store allows.
    """

    def __init__(
        self,
        config: Config,
        uploads: Uploads,
        appender: Appender,
        concatenation: Concatenation | None,
        downloads: Downloads,
    ) -> None:
        self._config = config
        self._uploads = uploads
        self._appender = appender
        self._concatenation = concatenation
        self._limits = tus.Limits(metadata_bytes=config.max_metadata_bytes, partials=config.max_partials)
        self._on_root: Mapping[str, _Endpoint] = {"OPTIONS": self._options, "POST": self._create}
        on_upload: dict[str, _Endpoint] = {
            "OPTIONS": self._options,
            "HEAD": self._head,
            "PATCH": self._patch,
            "GET": downloads.get,
            "DELETE": self._delete,
        }
        if config.disable_download:
            del on_upload["GET"]
        if config.disable_termination:
            del on_upload["DELETE"]
        self._on_upload: Mapping[str, _Endpoint] = on_upload
        is_off = {
            tus.Extension.TERMINATION: config.disable_termination,
            tus.Extension.CONCATENATION: concatenation is None,
            tus.Extension.CONCATENATION_UNFINISHED: concatenation is None,
            tus.Extension.CHECKSUM: appender.verified is None,
            tus.Extension.CHECKSUM_TRAILER: appender.verified is None,
            tus.Extension.EXPIRATION: not (config.expire_after_s or config.expire_complete_after_s),
        }
        self.extensions = tuple(each for each in tus.Extension if not is_off.get(each, False))
        self._discovery = {"Tus-Version": tus.VERSION, "Tus-Extension": ",".join(self.extensions)}
        if appender.verified is not None:
            self._discovery["Tus-Checksum-Algorithm"] = ALGORITHM_LIST
        if config.max_size is not None:
            self._discovery["Tus-Max-Size"] = str(config.max_size)

    async def answer(self, request: Request, upload_id: str) -> Response:
        """Answer a request to the creation URL (``upload_id`` is empty) or to an upload.

        Raises:
            UploadError: The request is refused.

        Spec: tus 1.0.0, Headers, X-HTTP-Method-Override: "the actual method MUST be ignored".
        """
        method = request.method
        # Not on OPTIONS: a preflight passes without authentication, and must not become anything else.
        fields = Fields(request.scope)
        if method != "OPTIONS":
            method = tus.only(fields, _METHOD_OVERRIDE) or method
        endpoints = self._on_upload if upload_id else self._on_root
        endpoint = endpoints.get(method)
        if endpoint is None:
            raise MethodNotAllowed(method, ", ".join(endpoints))
        if method not in ("OPTIONS", "GET"):
            # HEAD works without it, as in tusd: people look at an upload's URL with all kinds of tools.
            tus.check_version(fields, required=method != "HEAD")
        return await endpoint(request, fields, upload_id)

    async def _options(self, request: Request, fields: Fields, upload_id: str) -> Response:
        """``OPTIONS``: version, extensions and limits; the same on every path and for every version."""
        return Response(status_code=200, headers=self._discovery)

    async def _create(self, request: Request, fields: Fields, upload_id: str) -> Response:
        """``POST`` on the creation URL (tus 1.0.0, Creation and what builds on it)."""
        wanted = tus.parse_create(fields, self._limits)
        urls = None if wanted.concat is None else wanted.concat.partial_urls
        concatenation = self._concatenation
        if wanted.concat is not None and concatenation is None:
            raise FeatureDisabled("Upload-Concat is not offered here")
        base_url = creation_url(request, self._config.base_path, self._config)
        observe.creates_below(base_url)
        body = body_of(request.scope, request.receive)
        caller = caller_of(request)
        if concatenation is not None and urls is not None:
            if wanted.has_chunk and body.length != 0:
                raise FinalIsImmutable
            ids = [partial_id(url, creation_url=base_url) for url in urls]
            progress = await concatenation.create(_wanted(wanted), ids, caller)
        elif wanted.has_chunk and body.length != 0:
            expected = _expected(fields, wanted.checksum, body)
            progress = await self._uploads.create_with(_wanted(wanted), body, expected, caller)
        else:
            progress = await self._uploads.create(_wanted(wanted), caller)
        headers = {"Location": base_url + progress.upload.id, **tus.expiry_headers(progress.upload)}
        if wanted.has_chunk:
            headers["Upload-Offset"] = str(progress.offset)
        return _with_reply(Response(status_code=201, headers=headers), progress.reply)

    async def _head(self, request: Request, fields: Fields, upload_id: str) -> Response:
        """``HEAD``: how far the upload is (tus 1.0.0, Core Protocol, HEAD)."""
        progress = await self._uploads.look(upload_id, caller_of(request))
        response = Response(status_code=200, headers=tus.head_headers(progress.upload, progress.offset))
        if request.method == "HEAD":
            # Starlette sets 0, which would mean that a GET has an empty body.
            del response.headers["content-length"]
        return response

    async def _patch(self, request: Request, fields: Fields, upload_id: str) -> Response:
        """``PATCH``: append at ``Upload-Offset`` (tus 1.0.0, Core Protocol, PATCH)."""
        wanted = tus.parse_append(fields)
        body = body_of(request.scope, request.receive)
        expected = _expected(fields, wanted.checksum, body)
        progress = await self._appender.append(
            upload_id, wanted.offset, body, expected, caller_of(request), length=wanted.length
        )
        headers = tus.offset_headers(progress.upload, progress.offset)
        return _with_reply(Response(status_code=204, headers=headers), progress.reply)

    async def _delete(self, request: Request, fields: Fields, upload_id: str) -> Response:
        """``DELETE``: remove the upload (tus 1.0.0, Termination)."""
        reply = await self._uploads.terminate(upload_id, caller_of(request))
        return _with_reply(Response(status_code=204), reply)


def _wanted(request: tus.CreateRequest) -> Wanted:
    kind, concat = UploadKind.SINGLE, request.concat
    if concat is not None:
        kind = UploadKind.FINAL if concat.is_final else UploadKind.PARTIAL
    return Wanted(
        length=request.length,
        kind=kind,
        metadata=request.metadata,
        metadata_header=request.metadata_header,
        concat_header=None if concat is None else concat.header,
    )


def _expected(fields: Fields, checksum: Checksum | None, body: Body) -> ExpectedChecksum:
    """Return what is claimed of the body; a trailer is read once the body is over."""
    if not tus.announces_checksum_trailer(fields):
        return ExpectedChecksum(checksum)

    def late() -> Checksum:
        values = [value.decode("latin-1") for name, value in body.trailers if name == b"upload-checksum"]
        if len(values) != 1:
            raise InvalidChecksum("Upload-Checksum", f"was announced as one trailer, got {len(values)}")
        found = parse_checksum(values[0].strip())
        if found is None:
            raise InvalidChecksum("Upload-Checksum", "was announced as a trailer and is empty")
        return found

    return ExpectedChecksum(checksum, late)


def _with_reply(response: Response, reply: HookReply | None) -> Response:
    """Apply the status, headers and body that a hook returned."""
    if reply is None:
        return response
    status = reply.status or response.status_code
    if reply.body and reply.status is None and status == 204:
        status = 200  # a 204 has no body by definition
    if reply.body and status not in (204, 304):
        kept = {name: value for name, value in response.headers.items() if name != "content-length"}
        response = Response(reply.body, status, headers=kept)
    response.status_code = status
    response.headers.update(reply.headers)
    return response
