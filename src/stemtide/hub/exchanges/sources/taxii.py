# SPDX-License-Identifier: Apache-2.0
"""Pulls from a collection of any TAXII 2.1 server.

1 Ask for what came after a time, oldest first; go on by `next` where there is one, otherwise by the
  time of the page's last object (X-TAXII-Date-Added-Last).
2 A server may give one time to many objects. So a finished run begins again a moment *before* its
  last time, and a page without `next` that is all of one time is asked for again, longer.
3 A page that is too much for once, in bytes or in signals, is asked for again, shorter.
4 Paging ends where a page brings nothing new, whatever it says of more. That `next` stays the same
  says nothing: medallion has one for a whole session.
5 What makes no way is an error, not a loop: a page that brings nothing new and no time to go on
  from, a time that goes back or lies in the future, a page of one time that may not be longer.

source: OASIS, TAXII Version 2.1 (10 June 2021), sections 3.4, 3.5 and 5.4.
"""

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from stemtide.hub.exchanges.rules import lies_ahead
from stemtide.hub.exchanges.sources.port import (
    Asking,
    Known,
    LargeError,
    RefusedError,
    SourceError,
    pages_with,
    read_json,
)
from stemtide.hub.outside.asking import Answer, Question
from stemtide.protocol.exchange_stix import (
    MAX_SIGNALS,
    TooManySignalsError,
    moment_of,
    read_objects,
)
from stemtide.protocol.exchanges import Pull

MEDIA_TYPE = "application/taxii+json;version=2.1"
LIMIT, MAX_LIMIT = 500, 8_000
"""Objects that are asked for at once, and the most where many have one time."""

MAX_OBJECTS = 10_000
"""A page that brings more is not looked at: no server was asked for so many."""

_OF_A_PAGE = ("next", "limit", "most", "seen", "pages")
_OVERLAP = timedelta(milliseconds=1)
_MAX_NEXT_CHARS = 2_000


def pull(checkpoint: dict[str, Any], *, asking: Asking, known: Known) -> Pull:  # noqa: ARG001  # as all sources
    """One page.

    checkpoint: after (a time), next (of the page before), pages (marks of those before), limit,
    most (a longer page was too much).

    raises: SourceError.
    """
    try:
        answer = asking.ask(_question(checkpoint, asking=asking))
    except LargeError as error:
        return _shorter(checkpoint, error)
    except RefusedError as error:
        if error.status == 400 and checkpoint.get("next"):  # noqa: PLR2004  # it forgot its token
            return Pull(checkpoint=_without(checkpoint, "next", "pages"), more=True)
        raise
    envelope = read_json(answer)
    objects = envelope.get("objects", []) if isinstance(envelope, dict) else None
    if not isinstance(objects, list) or len(objects) > MAX_OBJECTS:
        raise SourceError("its answer is no envelope of TAXII, or one of too many objects")
    try:
        told, faults, others = read_objects(objects)
    except TooManySignalsError:
        words = (
            f"it brings more than {MAX_SIGNALS:,} signals at once, and no shorter page: no way on"
        )
        return _shorter(checkpoint, LargeError(words))
    onward, more, notes = _onward(envelope, answer, checkpoint=checkpoint, now=asking.now)
    return Pull(told, faults, onward, more=more, others=others, notes=notes)


def _shorter(checkpoint: dict[str, Any], error: LargeError) -> Pull:
    """Nothing yet: the same page is to be asked for again, shorter. raises: LargeError."""
    limit = int(checkpoint.get("limit", LIMIT))
    if limit <= 1:
        raise error
    limit = max(1, limit // 4)
    return Pull(checkpoint={**checkpoint, "limit": limit, "most": limit}, more=True)


def _question(checkpoint: dict[str, Any], *, asking: Asking) -> Question:
    """What is asked for."""
    asked = {"match[type]": "indicator", "limit": str(checkpoint.get("limit", LIMIT))}
    if after := checkpoint.get("after"):
        asked["added_after"] = str(after)
    if token := checkpoint.get("next"):
        asked["next"] = str(token)
    headers = {"accept": MEDIA_TYPE, **asking.signed()}
    return Question(f"{asking.place.address}objects/?{urlencode(asked)}", headers=headers)


def _onward(
    envelope: dict[str, Any], answer: Answer, *, checkpoint: dict[str, Any], now: datetime
) -> tuple[dict[str, Any], bool, tuple[str, ...]]:
    """From where to go on, whether at once, and what an operator should know.

    raises: SourceError where no way was made.
    """
    last = _moment(answer, "x-taxii-date-added-last", now=now)
    after = moment_of(str(checkpoint.get("after", "")))
    if last and after and last + _OVERLAP < after:
        raise SourceError("its times go back: X-TAXII-Date-Added-Last is before what we asked from")
    if envelope.get("more") is True:
        onward = _more(envelope, answer, checkpoint=checkpoint, last=last)
        if onward is not None:
            return *onward, ()
    elif not envelope.get("objects"):
        return _without(checkpoint, *_OF_A_PAGE), False, ()
    if last is None:
        last = moment_of(str(checkpoint.get("seen", "")))
    if envelope.get("more") is True:
        if last is None:
            raise SourceError("it says that there is more, and brings nothing new: no way on")
        note = "it says that there is more, and brings nothing new: it is asked again by time"
        return {"after": _text(last - _OVERLAP)}, False, (note,)
    if last is None:
        note = "it says no X-TAXII-Date-Added-Last: every run reads all of it again"
        return _without(checkpoint, *_OF_A_PAGE), False, (note,)
    return {"after": _text(last - _OVERLAP)}, False, ()


def _more(
    envelope: dict[str, Any], answer: Answer, *, checkpoint: dict[str, Any], last: datetime | None
) -> tuple[dict[str, Any], bool] | None:
    """From where to go on where there is more; None where the page brings nothing new.

    raises: SourceError.
    """
    token = envelope.get("next")
    seen = {"seen": _text(last)} if last else {}
    if isinstance(token, str | int) and str(token):
        if len(str(token)) > _MAX_NEXT_CHARS:
            raise SourceError("it says a next that is too long: no way on")
        objects = envelope.get("objects") or []
        pages = pages_with(checkpoint, map(_version, objects))
        is_same = str(token) == str(checkpoint.get("next"))
        if pages is None or (is_same and not objects):
            return None
        return {**checkpoint, **seen, "next": str(token), "pages": pages}, True
    first = moment_of(answer.headers.get("x-taxii-date-added-first", ""))
    if last is None:
        raise SourceError(
            "it says that there is more, but neither next nor X-TAXII-Date-Added-Last: no way on"
        )
    limit = int(checkpoint.get("limit", LIMIT))
    after = moment_of(str(checkpoint.get("after", "")))
    if first is None or first < last:
        onward = last - timedelta(microseconds=1)
        if after is None or onward > after:
            return {"after": _text(onward), "limit": limit}, True
    most = int(checkpoint.get("most", MAX_LIMIT))
    if limit >= most:
        raise SourceError(
            f"more than {most:,} objects have one time there, and it gives no next: no way on"
        )
    return {**checkpoint, "limit": min(most, limit * 4)}, True


def _version(sent: object) -> str:
    """An object of a page with its version."""
    stix = sent if isinstance(sent, dict) else {"id": sent}
    return f"{stix.get('id')} {stix.get('modified') or stix.get('created')}"[:400]


def _moment(answer: Answer, name: str, *, now: datetime) -> datetime | None:
    """A time in a header; None where it has none. raises: SourceError for one in the future."""
    found = moment_of(answer.headers.get(name, ""))
    if found and lies_ahead(found, now=now):
        raise SourceError(f"its clock is wrong: {name} lies in the future")
    return found


def _text(moment: datetime) -> str:
    """A time as TAXII has it, to the microsecond."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _without(checkpoint: dict[str, Any], *names: str) -> dict[str, Any]:
    """A checkpoint without some of it."""
    return {name: value for name, value in checkpoint.items() if name not in names}
