# SPDX-License-Identifier: Apache-2.0
"""Pull from a collection of any TAXII 2.1 server.

1 Ask for objects added after a time, oldest first; continue by `next` if there is one, otherwise by
  the time of the page's last object (X-TAXII-Date-Added-Last).
2 A server may give many objects the same time. So a finished run starts again just *before* its
  last time, and a page without `next` whose objects all have one time is requested again, longer.
3 A page with too many bytes or signals is requested again, shorter.
4 Paging ends when a page brings nothing new, even if it claims that there is more. A `next` that
  stays the same proves nothing: medallion has one for a whole session.
5 A lack of progress is an error, not a loop: a page that brings nothing new and no time to continue
  from, a time that goes back or lies in the future, a page of one time that may not be longer.

source: OASIS, TAXII Version 2.1 (10 June 2021), sections 3.4, 3.5 and 5.4.
"""

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from stemtide.egress.requests import OutboundRequest, Response
from stemtide.hub.rooms.exchanges.rules.exchanges import is_in_future
from stemtide.hub.rooms.exchanges.sources.source import (
    LargeError,
    SourceClient,
    SourceError,
    SourceRefusedError,
    VersionsOf,
    pages_with,
    read_json,
)
from stemtide.interop.exchanges import Pull, SourceFeedback
from stemtide.interop.stix.feedback import read_feedback
from stemtide.interop.stix.pulled import MAX_SIGNALS, TooManySignalsError, moment_of, read_objects

MEDIA_TYPE = "application/taxii+json;version=2.1"
LIMIT, MAX_LIMIT = 500, 8_000
"""Objects per page, and the most per page if many have the same time."""

MAX_OBJECTS = 10_000
"""A page with more objects is rejected: no server was asked for so many."""

_OF_A_PAGE = ("next", "limit", "most", "seen", "pages")
_OVERLAP = timedelta(milliseconds=1)
_MAX_NEXT_CHARS = 2_000


def pull(checkpoint: dict[str, Any], *, client: SourceClient, versions_of: VersionsOf) -> Pull:  # noqa: ARG001  # part of the Puller interface
    """Fetch one page.

    checkpoint: after (a time), next (of the page before), pages (marks of those before), limit,
    most (a longer page was too large).

    raises: SourceError.
    """
    try:
        response = client.ask(_question(checkpoint, client=client))
    except LargeError as error:
        return _shorter(checkpoint, error)
    except SourceRefusedError as error:
        if error.status == 400 and checkpoint.get("next"):  # noqa: PLR2004  # the token has expired
            return Pull(checkpoint=_without(checkpoint, "next", "pages"), more=True)
        raise
    envelope = read_json(response)
    objects = envelope.get("objects", []) if isinstance(envelope, dict) else None
    if not isinstance(objects, list) or len(objects) > MAX_OBJECTS:
        raise SourceError("its answer is no envelope of TAXII, or one of too many objects")
    try:
        source_records, faults, others = read_objects(objects)
    except TooManySignalsError:
        words = (
            f"it brings more than {MAX_SIGNALS:,} signals at once, and no shorter page: no way on"
        )
        return _shorter(checkpoint, LargeError(words))
    onward, more, notes = _onward(envelope, response, checkpoint=checkpoint, now=client.now)
    feedback = read_feedback(objects) if client.endpoint.feedback else SourceFeedback()
    return Pull(
        source_records, faults, onward, more=more, others=others, notes=notes, feedback=feedback
    )


def _shorter(checkpoint: dict[str, Any], error: LargeError) -> Pull:
    """Return an empty page that makes the next request shorter. raises: LargeError."""
    limit = int(checkpoint.get("limit", LIMIT))
    if limit <= 1:
        raise error
    limit = max(1, limit // 4)
    return Pull(checkpoint={**checkpoint, "limit": limit, "most": limit}, more=True)


def _question(checkpoint: dict[str, Any], *, client: SourceClient) -> OutboundRequest:
    """Return the request."""
    types = "indicator,opinion,sighting" if client.endpoint.feedback else "indicator"
    query = {"match[type]": types, "limit": str(checkpoint.get("limit", LIMIT))}
    if after := checkpoint.get("after"):
        query["added_after"] = str(after)
    if token := checkpoint.get("next"):
        query["next"] = str(token)
    headers = {"accept": MEDIA_TYPE, **client.signed()}
    return OutboundRequest(f"{client.endpoint.address}objects/?{urlencode(query)}", headers=headers)


def _onward(
    envelope: dict[str, Any], response: Response, *, checkpoint: dict[str, Any], now: datetime
) -> tuple[dict[str, Any], bool, tuple[str, ...]]:
    """Return the next checkpoint, whether to continue at once, and notes for the operator.

    raises: SourceError without progress.
    """
    last_added = _moment(response, "x-taxii-date-added-last", now=now)
    after = moment_of(str(checkpoint.get("after", "")))
    if last_added and after and last_added + _OVERLAP < after:
        raise SourceError("its times go back: X-TAXII-Date-Added-Last is before what we asked from")
    if envelope.get("more") is True:
        onward = _more(envelope, response, checkpoint=checkpoint, last_added=last_added)
        if onward is not None:
            return *onward, ()
    elif not envelope.get("objects"):
        return _without(checkpoint, *_OF_A_PAGE), False, ()
    if last_added is None:
        last_added = moment_of(str(checkpoint.get("seen", "")))
    if envelope.get("more") is True:
        if last_added is None:
            raise SourceError("it says that there is more, and brings nothing new: no way on")
        note = "it says that there is more, and brings nothing new: it is asked again by time"
        return {"after": _text(last_added - _OVERLAP)}, False, (note,)
    if last_added is None:
        note = "it says no X-TAXII-Date-Added-Last: every run reads all of it again"
        return _without(checkpoint, *_OF_A_PAGE), False, (note,)
    return {"after": _text(last_added - _OVERLAP)}, False, ()


def _more(
    envelope: dict[str, Any],
    response: Response,
    *,
    checkpoint: dict[str, Any],
    last_added: datetime | None,
) -> tuple[dict[str, Any], bool] | None:
    """Return the next checkpoint if there is more; None if the page brings nothing new.

    raises: SourceError.
    """
    token = envelope.get("next")
    seen_time = {"seen": _text(last_added)} if last_added else {}
    if isinstance(token, str | int) and str(token):
        if len(str(token)) > _MAX_NEXT_CHARS:
            raise SourceError("it says a next that is too long: no way on")
        objects = envelope.get("objects") or []
        pages = pages_with(checkpoint, map(_version, objects))
        is_same = str(token) == str(checkpoint.get("next"))
        if pages is None or (is_same and not objects):
            return None
        return {**checkpoint, **seen_time, "next": str(token), "pages": pages}, True
    first_added = moment_of(response.headers.get("x-taxii-date-added-first", ""))
    if last_added is None:
        raise SourceError(
            "it says that there is more, but neither next nor X-TAXII-Date-Added-Last: no way on"
        )
    limit = int(checkpoint.get("limit", LIMIT))
    after = moment_of(str(checkpoint.get("after", "")))
    if first_added is None or first_added < last_added:
        onward = last_added - timedelta(microseconds=1)
        if after is None or onward > after:
            return {"after": _text(onward), "limit": limit}, True
    most = int(checkpoint.get("most", MAX_LIMIT))
    if limit >= most:
        raise SourceError(
            f"more than {most:,} objects have one time there, and it gives no next: no way on"
        )
    return {**checkpoint, "limit": min(most, limit * 4)}, True


def _version(sent: object) -> str:
    """Return the id of a page's object with its version."""
    stix = sent if isinstance(sent, dict) else {"id": sent}
    return f"{stix.get('id')} {stix.get('modified') or stix.get('created')}"[:400]


def _moment(response: Response, name: str, *, now: datetime) -> datetime | None:
    """Return the time in a header, or None. raises: SourceError for a time in the future."""
    time = moment_of(response.headers.get(name, ""))
    if time and is_in_future(time, now=now):
        raise SourceError(f"its clock is wrong: {name} lies in the future")
    return time


def _text(moment: datetime) -> str:
    """Return a time in TAXII's format, to the microsecond."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _without(checkpoint: dict[str, Any], *names: str) -> dict[str, Any]:
    """Return a checkpoint without these keys."""
    return {name: value for name, value in checkpoint.items() if name not in names}
