"""Lists in pages."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tusd_py.errors.requests import FeatureDisabled, InvalidField
from tusd_py.fronts.chunks.fields import parse_size
from tusd_py.service.caller import Caller
from tusd_py.settings import Config

#: Most items of one page, and the number when the client does not say.
MOST_ITEMS: Final = 1000
ITEMS: Final = 100


def check_listing(config: Config, caller: Caller) -> None:
    """Raise FeatureDisabled when the caller may list nothing.

    What was created without a user is protected by its id alone, so only a setting lists it.
    """
    if caller.user is None and not config.list_anonymous:
        raise FeatureDisabled("lists are offered to users only, and nobody is logged in")


def choice(value: str | None, name: str, choices: dict[str, Any]) -> Any:
    """Return the value for a word in the query; None when it is absent. Raises InvalidField."""
    if value is None:
        return None
    if value not in choices:
        raise InvalidField(name, f"must be one of {', '.join(choices)}")
    return choices[value]


def page_of(request: Request) -> tuple[int, int]:
    """Return the limit and the offset of a query. Raises InvalidField."""
    query = request.query_params
    limit = min(parse_size(query.get("limit", ITEMS), "limit"), MOST_ITEMS)
    return limit or ITEMS, parse_size(query.get("offset", 0), "offset")


def page(
    request: Request,
    where: str,
    count: int,
    results: list[dict[str, Any]],
    place: tuple[int, int],
    query: dict[str, str],
) -> Response:
    """Return one page of a list, with the paths of the previous and the next one."""
    limit, offset = place

    def link(start: int) -> str:
        return f"{where}?{urlencode(query | {'limit': limit, 'offset': start})}"

    return JSONResponse(
        {
            "count": count,
            "next": link(offset + limit) if offset + limit < count else None,
            "previous": link(max(0, offset - limit)) if offset else None,
            "results": results,
        }
    )
