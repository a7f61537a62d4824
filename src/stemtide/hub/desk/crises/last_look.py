# SPDX-License-Identifier: Apache-2.0
"""What is new in a room since its reader last looked, by a signed cookie of their browser.

A visit lasts until the room was not opened for VISIT: until then the line stays, so that a reload
does not lose it. The cookie holds numbers of ledger entries and times, no names.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.http import HttpResponse

from stemtide.hub.desk import ledger_sentences
from stemtide.hub.desk.auth.people import SignedInRequest
from stemtide.hub.rooms.ledger.crisis_versions import crisis_versions

VISIT = timedelta(minutes=15)

MOST = 99
"""New entries that are counted; more are "99+"."""

_NAME = f"{settings.COOKIE_PREFIX}last-look"
_ROOMS = 10
_DAYS = 30


@dataclass(frozen=True, slots=True)
class NewEntries:
    """Entries since the last visit. after: the last one before them."""

    count: int
    after: int
    since: datetime

    @property
    def is_more(self) -> bool:
        """Whether there are more than are counted."""
        return self.count > MOST


def new_entries(request: SignedInRequest, uid: UUID, *, now: datetime) -> NewEntries | None:
    """Return what is new in a room; None at the first visit, or if nothing is."""
    visits = _looks(request).get(uid.hex)
    if visits is None:
        return None
    after, since = _before(visits, now=now)
    lines = ledger_sentences.of_crisis(uid, viewer=request.user.party, limit=MOST + 1)
    count = sum(line.number > after for line in lines)
    at = datetime.fromtimestamp(since, UTC)
    return NewEntries(count, after, at) if count else None


def remember(request: SignedInRequest, uid: UUID, *, response: HttpResponse, now: datetime) -> None:
    """Note in the response that the reader looks at a room now."""
    looks = _looks(request)
    head, at = crisis_versions.refresh().entries, int(now.timestamp())
    visits = looks.pop(uid.hex, None)
    before = _before(visits, now=now) if visits else (head, at)
    looks[uid.hex] = [*before, head, at]
    latest = dict(list(looks.items())[-_ROOMS:])
    response.set_signed_cookie(
        _NAME,
        json.dumps(latest),
        salt=_salt(request),
        max_age=_DAYS * 86_400,
        httponly=True,
        secure=settings.SESSION_COOKIE_SECURE,
        samesite="Lax",
    )


def _before(visits: list[int], *, now: datetime) -> tuple[int, int]:
    """Return the last entry of the visit before this one, and when that was."""
    before, before_at, last, last_at = visits
    is_same_visit = now.timestamp() - last_at < VISIT.total_seconds()
    return (before, before_at) if is_same_visit else (last, last_at)


def _looks(request: SignedInRequest) -> dict[str, list[int]]:
    """Return what the cookie holds; nothing if it is of another person or of none."""
    text = request.get_signed_cookie(_NAME, default="", salt=_salt(request))
    looks: dict[str, list[int]] = json.loads(text) if text else {}
    return looks


def _salt(request: SignedInRequest) -> str:
    """Return the salt of the signature: a cookie is of one person."""
    return f"last-look:{request.user.pk}"
