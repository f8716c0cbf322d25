"""SQL for pages of uploads and artifacts, which indexes answer.

Counting and skipping read the index alone (``uploads_listing``, ``artifacts_listing``), which is in the
order of the pages; only the rows of the page itself are looked up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from tusd_py.adapters.catalog_sqlite.rows import COLUMNS
from tusd_py.ports.ranges import Filter

_EXPIRED: Final = "id IN (SELECT id FROM uploads WHERE expires_at <= ?)"
_ALIVE: Final = "id NOT IN (SELECT id FROM uploads WHERE expires_at <= ?)"


@dataclass(frozen=True, slots=True)
class Listing:
    """Two statements and their parameters: one counts, the other returns one page."""

    count: str
    page: str
    parameters: Sequence[Any]  # of both; the page takes the limit and the offset, too


def uploads_listing(wanted: Filter) -> Listing:
    """Return the statements that list uploads, with the columns of COLUMNS."""
    terms: list[tuple[str, list[Any]]] = []
    if wanted.state is not None:
        terms.append(("state = ?", [wanted.state]))
    if wanted.kinds is not None:
        terms.append((f"kind IN ({','.join('?' * len(wanted.kinds))})", list(wanted.kinds)))
    if wanted.size is not None:
        terms.append(("length = ?", [wanted.size]))
    if wanted.expired_by is not None:
        terms.append((f"(state = 'expired' OR {_EXPIRED})", [wanted.expired_by]))
    if wanted.alive_at is not None:
        terms.append((f"state != 'expired' AND {_ALIVE}", [wanted.alive_at]))
    owners = _owners(wanted.user, nobody="user IS NULL" if wanted.of_nobody else None)
    return _listing("uploads", COLUMNS, owners, terms)


def artifacts_listing(user: str | None, *, of_nobody: bool, sha256: str | None, columns: str) -> Listing:
    """Return the statements that list artifacts that are ready."""
    terms: list[tuple[str, list[Any]]] = [("is_ready", [])]
    if sha256 is not None:
        terms.append(("sha256 = ?", [sha256]))
    return _listing("artifacts", columns, _owners(user, nobody="user = ''" if of_nobody else None), terms)


def _owners(user: str | None, *, nobody: str | None) -> list[tuple[str, list[Any]]]:
    """Return one condition for each owner. With an OR of them, no index would give the rows in order."""
    owners: list[tuple[str, list[Any]]] = []
    if user is not None:
        owners.append(("user = ?", [user]))
    if nobody is not None:
        owners.append((nobody, []))
    return owners or [("0", [])]


def _listing(
    table: str, columns: str, owners: Sequence[tuple[str, list[Any]]], terms: Sequence[tuple[str, list[Any]]]
) -> Listing:
    branches, parameters = [], []
    for owner in owners:
        pairs = [owner, *terms]
        where = " AND ".join(term for term, _ in pairs)
        branches.append(f"SELECT created_at, id FROM {table} WHERE {where}")  # noqa: S608
        parameters += [value for _, values in pairs for value in values]
    found = " UNION ALL ".join(branches)
    page = f"SELECT id FROM ({found} ORDER BY created_at, id LIMIT ? OFFSET ?)"  # noqa: S608
    return Listing(
        count=f"SELECT count(*) FROM ({found})",  # noqa: S608
        page=f"SELECT {columns} FROM {table} WHERE id IN ({page}) ORDER BY created_at, id",  # noqa: S608
        parameters=parameters,
    )
