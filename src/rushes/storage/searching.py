"""Pages of jobs, newest first, by keyset."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select, tuple_

from rushes.domain import UNDER_WAY, Job, JobPage
from rushes.errors import InvalidRequest
from rushes.storage.erasing import IS_THERE
from rushes.storage.rows import JOB_COLUMNS, job_of
from rushes.storage.tables import from_micros, jobs, to_micros

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import ColumnElement, RowMapping, Select

    from rushes.domain import JobQuery

PAGE_MAX = 200
TEXT_MAX = 10_000
"""Characters; SQLite refuses a pattern of more than 50,000 bytes."""

CURSOR = re.compile(r"(\d{1,17})\.(\d{1,9})\.([a-z2-7]{26})", re.ASCII)
_age = tuple_(jobs.c.created_at, jobs.c.place, jobs.c.id)


def page_statement(query: JobQuery) -> Select[Any]:
    """Return the statement for one page and one row more; raises InvalidRequest."""
    conditions = list(_conditions(query))
    if query.after is not None:
        conditions.append(_age < _age_from(query.after))
    newest = (jobs.c.created_at.desc(), jobs.c.place.desc(), jobs.c.id.desc())
    limit = _page_size(query) + 1
    return select(*JOB_COLUMNS).where(*conditions).order_by(*newest).limit(limit)


def count_statement(query: JobQuery) -> Select[Any]:
    """Return the statement that counts what all pages of a query hold; raises InvalidRequest."""
    return select(func.count().label("count")).select_from(jobs).where(*_conditions(query))


def page_of(query: JobQuery, rows: Sequence[RowMapping]) -> JobPage:
    """Return the page in the rows that `page_statement` brought."""
    size = _page_size(query)
    found = tuple(job_of(row) for row in rows[:size])
    return JobPage(found, next=_cursor(found[-1]) if len(rows) > size else None)


def _conditions(query: JobQuery) -> Iterator[ColumnElement[bool]]:
    yield jobs.c.deleted_at.is_not(None) if query.deleted else jobs.c.deleted_at.is_(None)
    yield IS_THERE
    if query.scope.owner is not None and query.audiences is None:
        yield _owner(query) == query.scope.owner
    equal = {
        "backend": query.backend,
        "batch": query.batch,
        "starred": query.starred,
    }
    yield from (jobs.c[name] == value for name, value in equal.items() if value is not None)
    if query.audiences is not None:
        yield jobs.c.shared_with.in_(query.audiences)
        yield jobs.c.owner != query.scope.owner
    if query.statuses is not None:
        yield jobs.c.status.in_(query.statuses)
    if query.text:
        yield jobs.c.searched.contains(_searchable(query.text), autoescape=True)


def _owner(query: JobQuery) -> ColumnElement[str]:
    """Return whose job it is; as no plain column where the index of statuses is to be taken.

    What is under way are few jobs of all, and what somebody has in all can be very many.
    """
    is_few = query.statuses is not None and query.statuses <= UNDER_WAY
    return jobs.c.owner.concat("") if is_few else jobs.c.owner


def _searchable(text: str) -> str:
    if len(text) > TEXT_MAX:
        raise InvalidRequest(f"search for at most {TEXT_MAX} characters", field="text")
    return text.casefold()


def _page_size(query: JobQuery) -> int:
    return max(1, min(query.limit, PAGE_MAX))


def _cursor(job: Job) -> str:
    return f"{to_micros(job.created_at)}.{job.place}.{job.id}"


def _age_from(cursor: str) -> tuple[Any, int, str]:
    parts = CURSOR.fullmatch(cursor)
    if parts is None:
        raise InvalidRequest("this is no cursor of ours", field="after")
    return from_micros(int(parts[1])), int(parts[2]), parts[3]
