# SPDX-License-Identifier: Apache-2.0
"""Parse the query of a TAXII request: filters, page size, position.

source: OASIS, TAXII Version 2.1, section 3.4.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from django.http import QueryDict

from stemtide.hub.api.compat.taxii.responses import read_token
from stemtide.hub.api.problems import ProblemError
from stemtide.hub.rooms.stix.reads.pages import MAX_PAGE, PageFilters, rank_after
from stemtide.protocol.problems import ProblemType

MAX_NAMED = 500
"""Maximum ids, types or versions of a filter."""

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{0,9})?Z")
_NAMES = {"last", "first", "all"}
_KNOWN = {
    *("added_after", "limit", "next"),
    *("match[id]", "match[type]", "match[version]", "match[spec_version]"),
}


@dataclass(frozen=True, slots=True)
class CollectionQuery:
    """The query of a request. after: the rank that was read up to; None: from the beginning."""

    filters: PageFilters
    limit: int
    after: int | None


def read_collection_query(
    query: QueryDict, *, only: str | None = None, all_versions: bool = False
) -> CollectionQuery:
    """Parse the query of a request. only: a single object, named in the URL.

    raises: ProblemError naming the parameter.
    """
    for name in _KNOWN & set(query):
        if len(query.getlist(name)) > 1:
            raise _malformed(name, "stands twice: write its values with commas between them")
    ids = frozenset({only}) if only else _names(query, "match[id]")
    versions, at = _versions(_text(query, "match[version]"))
    if all_versions:
        versions, at = frozenset({"all"}), frozenset()
    spec_versions = _names(query, "match[spec_version]")
    filters = PageFilters(
        ids=ids,
        types=None if only else _names(query, "match[type]"),
        versions=versions,
        at=at,
        is_none=spec_versions is not None and "2.1" not in spec_versions,
    )
    return CollectionQuery(filters, _limit(_text(query, "limit")), _after(query))


def versions_named(query: QueryDict) -> frozenset[datetime] | None:
    """Return the versions to delete; None: all. raises: ProblemError."""
    text = _text(query, "match[version]")
    if not text or text == "all":
        return None
    versions, at = _versions(text)
    if versions:
        raise _malformed("match[version]", "name versions by their moment, or leave it out")
    return at


def _after(query: QueryDict) -> int | None:
    """Return the rank to continue after, from a token or from a time."""
    text, token = _text(query, "added_after"), _text(query, "next")
    since = _moment("added_after", text) if text else None
    if token:
        return read_token(token)
    return None if since is None else rank_after(since)


def _limit(text: str | None) -> int:
    """Return the page size; a higher limit than ours is no error."""
    if text is None:
        return MAX_PAGE
    if not text.isascii() or not text.isdecimal() or not 1 <= len(text) <= 18 or int(text) < 1:  # noqa: PLR2004  # of 64 bits
        raise _malformed("limit", "is no whole number from 1 on")
    return min(int(text), MAX_PAGE)


def _text(query: QueryDict, name: str) -> str | None:
    """Return the value of a parameter as sent, None if absent."""
    return str(query[name]) if name in query else None


def _names(query: QueryDict, name: str) -> frozenset[str] | None:
    """Return the values of a filter, None if absent."""
    text = _text(query, name)
    if not text:
        return None
    values = text.split(",")
    if len(values) > MAX_NAMED:
        raise _malformed(name, f"names {len(values)}: name at most {MAX_NAMED}")
    return frozenset(values)


def _versions(text: str | None) -> tuple[frozenset[str], frozenset[datetime]]:
    """Return the versions of a filter: keywords, and times."""
    if not text:
        return frozenset({"last"}), frozenset()
    values = text.split(",")
    words = frozenset(values) & _NAMES
    if "all" in words and len(values) > 1:
        raise _malformed("match[version]", "all stands alone")
    if len(values) > MAX_NAMED:
        raise _malformed("match[version]", f"name at most {MAX_NAMED}")
    at = frozenset(_moment("match[version]", value) for value in values if value not in _NAMES)
    return words, at


def _moment(name: str, text: str) -> datetime:
    """Parse a time with up to nine decimals, as clients write it. raises: ProblemError."""
    try:
        if _TIME.fullmatch(text):
            whole, _, decimals = text.removesuffix("Z").partition(".")
            moment = datetime.fromisoformat(whole).replace(tzinfo=UTC)
            return moment.replace(microsecond=int(f"{decimals:0<6}"[:6]))
    except ValueError:
        pass
    raise _malformed(name, "is no time: write it as 2026-01-31T12:00:00.000000Z")


def _malformed(name: str, why: str) -> ProblemError:
    """Return the problem of a parameter."""
    return ProblemError(ProblemType.MALFORMED, f"{name}: {why}")
