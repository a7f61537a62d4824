# SPDX-License-Identifier: Apache-2.0
"""Read referrals, for sender, addressee and agencies alone."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Count, Prefetch, Q, QuerySet

from stemtide.hub.platform.errors import NotFoundError
from stemtide.hub.rooms.crises.reads import crises
from stemtide.hub.rooms.ledger.reads import ledger
from stemtide.hub.rooms.ledger.reads.ledger import EntryRow
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.parties.reads.parties import marked_for
from stemtide.hub.rooms.referrals.models import Referral
from stemtide.hub.rooms.referrals.rules.referrals import AWAITING, STANDING, ReferralFacts
from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.signals.reads.signals import visible as signals_visible
from stemtide.protocol.enums import PartyKind
from stemtide.protocol.enums.referrals import (
    Answer,
    ContentType,
    DropReason,
    ReceiptVia,
    ReferralState,
    RefusalReason,
    TakeBackReason,
)
from stemtide.protocol.messages.referrals import QuestionOut, ReferralOut, ReferralPage

MAX_PAGE = 500
"""Referrals in one page."""

_BEFORE_SENDING = frozenset(
    {f"referral.{act}" for act in ("assessed", "held", "freed", "dropped", "overlapped")}
)
"""Ledger kinds that the addressee of a referral does not see."""


@dataclass(frozen=True, slots=True)
class Filters:
    """Filters for referrals; empty ones do not count.

    batch: only those of one batch. words: a reference, or the digest of an address.
    """

    states: tuple[ReferralState, ...] = ()
    sender: str = ""
    provider: str = ""
    crisis: UUID | None = None
    batch: UUID | None = None
    digest: str = ""
    reference: str = ""
    exercise: bool | None = None


def referral(uid: UUID, *, viewer: Party) -> ReferralOut:
    """Return a referral that the viewer may see.

    raises: NotFoundError, also for a referral that the viewer may not see.
    """
    return describe(find(uid, viewer=viewer), viewer=viewer)


def find(uid: UUID, *, viewer: Party) -> Referral:
    """Return the row of a referral, for writes and for rooms above.

    raises: NotFoundError, also for one that the viewer may not see.
    """
    row = whole(_visible(viewer), viewer=viewer).filter(uid=uid).first()
    if row is None:
        raise NotFoundError("there is no referral {uid} that your party may see", uid=uid)
    return row


def names(uids: Iterable[UUID], *, viewer: Party) -> dict[UUID, str]:
    """Return the references of those of these referrals that a party may see."""
    return dict(_visible(viewer).filter(uid__in=list(uids)).values_list("uid", "reference"))


def facts(row: Referral) -> ReferralFacts:
    """Return the facts that the rules need of a referral."""
    return ReferralFacts(
        state=ReferralState(row.state),
        sender=row.sender.name,
        provider=row.provider.name,
        is_sent=row.sent_at is not None,
    )


def referrals(
    *,
    viewer: Party,
    filters: Filters | None = None,
    after: int = 0,
    limit: int = 100,
) -> ReferralPage:
    """Return a page of the referrals that a party may see, in the order of their creation.

    after: the next of the page before.
    """
    rows = _filtered(viewer, filters or Filters()).filter(pk__gt=after).order_by("pk")
    size = max(1, min(limit, MAX_PAGE))
    fetched = list(rows[: size + 1])
    page = fetched[:size]
    return ReferralPage(
        referrals=describe_all(page, viewer=viewer),
        next=page[-1].pk if page else after,
        more=len(fetched) > size,
    )


def latest(
    *, viewer: Party, filters: Filters | None = None, limit: int = 50, page: int = 1
) -> tuple[list[ReferralOut], bool]:
    """Return a page of the referrals that a party may see, latest first.

    returns: the page, and whether there are more.
    """
    rows = _filtered(viewer, filters or Filters()).order_by("-pk")
    first = (max(page, 1) - 1) * limit
    fetched = list(rows[first : first + limit + 1])
    return describe_all(fetched[:limit], viewer=viewer), len(fetched) > limit


def counts(*, viewer: Party, filters: Filters | None = None) -> dict[ReferralState, int]:
    """Count the referrals that a party sees by state. States without any are missing."""
    rows = _narrowed(_visible(viewer), filters or Filters(), viewer=viewer).order_by()
    totals = rows.values_list("state").annotate(Count("pk"))
    return {ReferralState(state): count for state, count in totals}


def inbox(*, viewer: Party, limit: int = 200) -> list[ReferralOut]:
    """Return the referrals that wait for a provider's answer, the oldest first.

    A referral is a request: the provider decides, and may decline.
    """
    rows = whole(_waiting(viewer), viewer=viewer).order_by("sent_at", "pk")
    return describe_all(list(rows[:limit]), viewer=viewer)


def waiting(*, viewer: Party) -> int:
    """Count the referrals that wait for a provider's answer."""
    return _waiting(viewer).count()


def unreceived(
    *, viewer: Party, uids: Collection[UUID] = (), batch: UUID | None = None
) -> list[UUID]:
    """Return the referrals sent to a provider without a known receipt.

    uids, batch: among these, or in this batch.
    """
    rows = Referral.objects.filter(provider=viewer, sent_at__isnull=False, received_at=None)
    if batch is not None:
        return list(rows.filter(batch__uid=batch).values_list("uid", flat=True))
    return list(rows.filter(uid__in=list(uids)).values_list("uid", flat=True))


def history(uid: UUID, *, viewer: Party) -> list[EntryRow]:
    """Return the entries of a referral, oldest first; its addressee sees those after sending.

    Persons are named to their own party only.

    raises: NotFoundError, also for one that the viewer may not see.
    """
    row = find(uid, viewer=viewer)
    subjects = [row.ref] if row.batch is None else [row.batch.ref, row.ref]
    entries = [
        entry
        for subject in subjects
        for entry in ledger.entries(
            viewer=viewer, subject=subject, limit=MAX_PAGE, opens=lambda names: names
        )
        if subject == row.ref or _is_of_its_sending(entry, row)
    ]
    if row.provider_id == viewer.pk:
        entries = [entry for entry in entries if entry.kind not in _BEFORE_SENDING]
    shown = [ledger.without_through(entry, viewer=viewer) for entry in entries]
    return sorted(shown, key=lambda entry: entry.number)


def describe(row: Referral, *, viewer: Party) -> ReferralOut:
    """Return a referral as the message of the API, for one viewer."""
    return describe_all([row], viewer=viewer)[0]


def describe_all(rows: Iterable[Referral], *, viewer: Party) -> list[ReferralOut]:
    """Return referrals as messages to a viewer."""
    visible_crises = crises.visible_ids(viewer=viewer)
    return [_describe(row, viewer=viewer, visible_crises=visible_crises) for row in rows]


def _describe(
    row: Referral, *, viewer: Party, visible_crises: frozenset[UUID] | None
) -> ReferralOut:
    """Return a referral as the message of the API. Its addressee does not see the assessment."""
    is_inside = viewer.pk == row.sender_id or viewer.kind == PartyKind.AGENCY
    crisis = row.crisis.uid if row.crisis else None
    state = ReferralState(row.state)
    return ReferralOut(
        id=row.uid,
        reference=row.reference,
        state=state,
        standing=state in STANDING,
        sender=row.sender.name,
        provider=row.provider.name,
        url=row.url,
        content_type=ContentType(row.content_type),
        language=row.language or None,
        ideology=row.ideology or None,
        labels=row.labels,
        terms=row.terms,
        reason=row.reason,
        crisis=crisis if visible_crises is None or crisis in visible_crises else None,
        signals=[signal.uid for signal in row.signals.all()],
        batch=row.batch.uid if row.batch else None,
        exercise=row.exercise,
        assessed_at=row.assessed_at if is_inside else None,
        decided_at=row.decided_at if is_inside else None,
        drop_reason=DropReason(row.drop_reason) if row.drop_reason else None,
        drop_note=row.drop_note,
        held_at=row.held_at if is_inside else None,
        freed_at=row.freed_at if is_inside else None,
        override=row.override if is_inside else "",
        despite=row.despite if is_inside else "",
        **_answered(row),
        sent_at=row.sent_at,
        received_at=row.received_at,
        received_via=ReceiptVia(row.received_via) if row.received_via else None,
        withdrawn_at=row.withdrawn_at,
        take_back_reason=TakeBackReason(row.take_back_reason) if row.take_back_reason else None,
        take_back_note=row.take_back_note,
    )


def _answered(row: Referral) -> dict[str, object]:
    """Return the answer of a referral's addressee."""
    return {
        "acknowledged_at": row.acknowledged_at,
        "answered_at": row.answered_at,
        "answer": Answer(row.answer) if row.answer else None,
        "measure_at": row.measure_at,
        "countries": row.countries,
        "refusal_reason": RefusalReason(row.refusal_reason) if row.refusal_reason else None,
        "answer_note": row.answer_note,
        "provider_reference": row.provider_reference,
        "questions": [
            QuestionOut(
                question=question.question,
                asked_at=question.asked_at,
                context=question.context,
                given_at=question.given_at,
            )
            for question in row.questions.all()
        ],
        "reinstated_at": row.reinstated_at,
        "reinstate_note": row.reinstate_note,
    }


def _visible(viewer: Party) -> QuerySet[Referral]:
    """Return the referrals that a party may see, as rules.may_see() decides it."""
    rows = marked_for(viewer, Referral.objects.all())
    if viewer.kind == PartyKind.AGENCY:
        return rows
    return rows.filter(Q(sender=viewer) | Q(provider=viewer, sent_at__isnull=False))


def _waiting(viewer: Party) -> QuerySet[Referral]:
    """Return the referrals that a provider has not decided."""
    return Referral.objects.filter(provider=viewer, state__in=AWAITING)


def whole(rows: QuerySet[Referral], *, viewer: Party) -> QuerySet[Referral]:
    """Return the rows with all that describing them needs; signals only as far as visible."""
    visible_signals = Signal.objects.filter(signals_visible(viewer)).only("uid")
    return rows.select_related("sender", "provider", "crisis", "batch").prefetch_related(
        "questions", Prefetch("signals", queryset=visible_signals)
    )


def _filtered(viewer: Party, filters: Filters) -> QuerySet[Referral]:
    """Return the visible referrals that match the filters, ready to be described."""
    return whole(_narrowed(_visible(viewer), filters, viewer=viewer), viewer=viewer)


def _narrowed(rows: QuerySet[Referral], filters: Filters, *, viewer: Party) -> QuerySet[Referral]:
    """Return the referrals that match the filters; none of a crisis that the viewer cannot see."""
    visible_crises = crises.visible_ids(viewer=viewer) if filters.crisis else None
    if visible_crises is not None and filters.crisis not in visible_crises:
        return rows.none()
    conditions = {
        "state__in": filters.states,
        "sender__name": filters.sender,
        "provider__name": filters.provider,
        "crisis__uid": filters.crisis,
        "batch__uid": filters.batch,
        "digest": filters.digest,
        "reference": "".join(filters.reference.split()).upper(),
    }
    rows = rows.filter(**{name: value for name, value in conditions.items() if value})
    return rows if filters.exercise is None else rows.filter(exercise=filters.exercise)


def _is_of_its_sending(entry: EntryRow, row: Referral) -> bool:
    """Whether an entry of a batch tells of this referral's sending or waiting."""
    at: dict[str, datetime | None] = {
        "referrals.sent": row.sent_at,
        "referrals.held": row.held_at,
    }
    if entry.recorded_at != at.get(entry.kind):
        return False
    return entry.kind == "referrals.held" or entry.detail.get("party") == row.provider.ref
