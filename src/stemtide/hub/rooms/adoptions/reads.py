# SPDX-License-Identifier: Apache-2.0
"""Read which signals of a crisis stay after it, and which are pre-selected."""

from datetime import datetime
from uuid import UUID

from django.db.models import Q, QuerySet, TextField, Value
from django.db.models.functions import Cast
from django.db.models.lookups import Contains

from stemtide.fingerprints.kinds import Kind
from stemtide.hub.platform.errors import NotFoundError
from stemtide.hub.platform.exemptions import needs_no_viewer
from stemtide.hub.rooms.adoptions.models import Adoption
from stemtide.hub.rooms.adoptions.rules import suggested_by
from stemtide.hub.rooms.crises.models import Crisis
from stemtide.hub.rooms.crises.reads import crises
from stemtide.hub.rooms.crises.rules import closing
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.signals.reads.signals import matches_until, visible
from stemtide.protocol.enums import Provenance, SignalState
from stemtide.protocol.enums.retention import LegalBasis
from stemtide.protocol.law.retention import retention
from stemtide.protocol.law.retention.adoptions import AdoptionOut, AdoptionRowOut, UnadoptIn

PAGE = 50
"""Signals of a page."""

SHOWN = ("all", "suggested", "adopted", "left", "new")
"""What the list can be limited to. left: neither adopted nor pre-selected."""


def adoption(
    uid: UUID,
    *,
    by: Actor,
    after: UUID | None = None,
    limit: int = PAGE,
    label: str = "",
    shared_by: str = "",
    show: str = "all",
) -> AdoptionOut:
    """Return the live signals of a crisis that a leading party may see, and which of them stay.

    after: the last signal of the page before.

    raises: NotFoundError; NotAllowedError for a party that does not lead the crisis.
    """
    row = crises.find(uid, viewer=by.party)
    facts = crises.facts(row)
    closing.check_sees_choice(facts, by=by)
    everything = live(row, viewer=by.party)
    chosen = matching(everything, label=label or None, shared_by=shared_by or None)
    shown = _shown(chosen, show, answered_to=row.answered_to)
    if after is not None:
        shown = shown.filter(pk__gt=_pk_of(after, rows=everything))
    page = list(shown.select_related("shared_by", "adoption__party").order_by("pk")[: limit + 1])
    return AdoptionOut(
        crisis=row.uid,
        is_answered=row.answered_to is not None,
        is_current=facts.is_current,
        ends_at=row.tail_ends_at,
        live=everything.count(),
        suggested=suggested(everything.filter(adoption=None)).count(),
        adopted=everything.filter(adoption__isnull=False).count(),
        rows=[_describe(signal, answered_to=row.answered_to) for signal in page[:limit]],
        next=page[limit - 1].uid if len(page) > limit else None,
    )


def sharers(uid: UUID, *, viewer: Party) -> list[str]:
    """Return the names of parties that share live signals of a crisis. raises: NotFoundError."""
    rows = live(crises.find(uid, viewer=viewer), viewer=viewer)
    return sorted(rows.values_list("shared_by__name", flat=True).distinct())


def live(row: Crisis, *, viewer: Party) -> QuerySet[Signal]:
    """Return the live signals of a crisis that a party may see."""
    return Signal.objects.filter(visible(viewer), crisis=row, state=SignalState.LIVE).order_by()


@needs_no_viewer("the caller has filtered the rows")
def suggested(rows: QuerySet[Signal]) -> QuerySet[Signal]:
    """Return the signals that are pre-selected."""
    rule = retention().adoption
    is_suggested = Q(provenance__in=rule.provenance)
    for label in rule.labels:
        is_suggested |= _has_label(label)
    return rows.filter(is_suggested)


@needs_no_viewer("the caller has filtered the rows")
def matching(
    rows: QuerySet[Signal], *, label: str | None, shared_by: str | None
) -> QuerySet[Signal]:
    """Return the signals with a label, of a sharer."""
    if label:
        rows = rows.filter(_has_label(label))
    return rows.filter(shared_by__name=shared_by) if shared_by else rows


def chosen(row: Crisis, *, body: UnadoptIn, viewer: Party) -> QuerySet[Signal]:
    """Return the live signals of a crisis that a message chooses.

    raises: NotFoundError for an id of another signal, and for what fits none.
    """
    rows = live(row, viewer=viewer)
    if body.signals:
        live_ids = set(rows.filter(uid__in=body.signals).values_list("uid", flat=True))
        for uid in body.signals:
            if uid not in live_ids:
                raise NotFoundError("this crisis has no live signal {uid}: see its list", uid=uid)
        rows = rows.filter(uid__in=body.signals)
    return matching(rows, label=body.label, shared_by=body.shared_by)


def unlimited(row: Crisis) -> QuerySet[Signal]:
    """Return the live signals of a closed crisis that nobody adopted and that end later than it.

    Signals that were shared before the warning, and joined the crisis, were not shared for it: they
    keep their end.

    A warning that came to nothing has no tail, and one party may close it: it ends only signals of
    the party that opened it.
    """
    ends_later = Q(expires_at=None) | Q(expires_at__gt=row.tail_ends_at)
    rows = Signal.objects.filter(
        ends_later,
        crisis=row,
        state=SignalState.LIVE,
        adoption=None,
        shared_at__gte=row.warned_at,
    )
    has_tail = row.closed_at is None or row.tail_ends_at != row.closed_at
    return rows if has_tail else rows.filter(shared_by=row.opened_by)


def _shown(rows: QuerySet[Signal], show: str, *, answered_to: int | None) -> QuerySet[Signal]:
    """Return the part of the list that a reader asks for."""
    if show == "adopted":
        return rows.filter(adoption__isnull=False)
    if show == "new":
        return rows.filter(adoption=None, position__gt=answered_to or 0)
    if show == "suggested":
        return suggested(rows.filter(adoption=None))
    if show == "left":
        left = rows.filter(adoption=None)
        return left.exclude(pk__in=suggested(left).values("pk"))
    return rows


def _has_label(label: str) -> Q:
    """Return the condition of signals with a label: their labels as text, in both databases."""
    quoted = label.replace('"', "")
    return Q(Contains(Cast("labels", TextField()), Value(f'"{quoted}"')))


def _pk_of(uid: UUID, *, rows: QuerySet[Signal]) -> int:
    """Return the key of the last signal of a page. raises: NotFoundError."""
    pk = Signal.objects.filter(uid=uid, crisis__in=rows.values("crisis")).values_list("pk").first()
    if pk is None:
        raise NotFoundError("this crisis has no signal {uid}: begin at the first page", uid=uid)
    return int(pk[0])


def _describe(row: Signal, *, answered_to: int | None) -> AdoptionRowOut:
    """Return a signal, with whether it stays."""
    adopted: Adoption | None = getattr(row, "adoption", None)
    ends_at: datetime | None = matches_until(row)
    return AdoptionRowOut(
        id=row.uid,
        kind=Kind(row.kind),
        name=row.title or row.url or row.value[:16],
        labels=row.labels,
        provenance=Provenance(row.provenance),
        shared_by=row.shared_by.name,
        shared_at=row.shared_at,
        suggested_by=suggested_by(labels=row.labels, provenance=row.provenance),
        adopted_by=adopted.party.name if adopted else None,
        adopted_at=adopted.at if adopted else None,
        legal_basis=LegalBasis(row.legal_basis) if adopted and row.legal_basis else None,
        ends_at=ends_at,
        is_new=answered_to is not None and row.position > answered_to,
    )
