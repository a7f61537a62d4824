# SPDX-License-Identifier: Apache-2.0
"""Read the public figures that are published, and which are due."""

import json
from datetime import date, datetime

from stemtide.hub.platform.errors import NotFoundError
from stemtide.hub.platform.exemptions import needs_no_viewer
from stemtide.hub.rooms.ledger.models import Entry
from stemtide.hub.rooms.reports.models import PublishedFigures
from stemtide.hub.rooms.reports.rules import public_figures as rules
from stemtide.hub.rooms.reports.rules.public_figures import ShownBefore
from stemtide.hub.rooms.transparency.reads import log
from stemtide.hub.rooms.transparency.reads.openings import opening
from stemtide.protocol.figures.messages import PublicFigures
from stemtide.protocol.figures.quarters import Quarter, QuarterError


@needs_no_viewer("public figures are the same for everybody")
def published() -> list[str]:
    """Return the names of the quarters with figures, the latest first."""
    days = PublishedFigures.objects.order_by("-first").values_list("first", flat=True)
    return [Quarter.of(day).name for day in days]


@needs_no_viewer("public figures are the same for everybody")
def find(name: str) -> PublishedFigures:
    """Return the row of a quarter's figures. raises: NotFoundError."""
    try:
        first = Quarter.read(name).first
    except (QuarterError, ValueError):
        first = date.min
    row = PublishedFigures.objects.filter(first=first).first()
    if row is None:
        raise NotFoundError("there are no figures of {quarter}", quarter=name[:20])
    return row


@needs_no_viewer("public figures are the same for everybody")
def figures(name: str) -> PublicFigures:
    """Return the figures of a quarter. raises: NotFoundError."""
    return PublicFigures.model_validate_json(find(name).body)


@needs_no_viewer("the entry is public once the head over it is")
def proof(name: str, *, now: datetime, is_member: bool) -> str:
    """Return as JSON what proves that the ledger has the digest of a quarter's figures.

    opening: of the leaf of the entry, which has the SHA-256 of the figures.

    raises: NotFoundError, also before there is a head over the entry that the reader may see.
    """
    row = find(name)
    if log.head(now=now, is_member=is_member).size <= row.entry:
        raise NotFoundError(
            "the public log does not have the entry of these figures yet: ask again tomorrow"
        )
    facts = {"digest": row.digest, "entry": row.entry, "opening": opening(row.entry).facts()}
    return json.dumps(facts, indent=1, ensure_ascii=False) + "\n"


@needs_no_viewer("public figures are the same for everybody")
def due(now: datetime) -> list[Quarter]:
    """Return the quarters whose figures are due and not published yet, oldest first."""
    began = _began_at()
    if began is None:
        return []
    quarters = rules.due_quarters(first_act=began, now=now)
    days = [quarter.first for quarter in quarters]
    there = PublishedFigures.objects.filter(first__in=days).values_list("first", flat=True)
    return [quarter for quarter in quarters if quarter.first not in set(there)]


@needs_no_viewer("it is a date that follows from the calendar")
def next_date(now: datetime) -> date:
    """Return the day on which the next figures are published."""
    began = _began_at()
    first = rules.first_date(first_act=began or now)
    return max(first, rules.next_date(now))


@needs_no_viewer("it says which counts everybody knows")
def shown_before(quarter: Quarter) -> ShownBefore | None:
    """Return which counts of live signals were published for the quarter before."""
    row = PublishedFigures.objects.filter(first=quarter.before.first).first()
    body = PublicFigures.model_validate_json(row.body) if row else None
    began = _began_at()
    return ShownBefore.of(body, is_first=began is None or began >= quarter.since)


def _began_at() -> datetime | None:
    """Return when the ledger began."""
    return Entry.objects.order_by("number").values_list("recorded_at", flat=True).first()
