# SPDX-License-Identifier: Apache-2.0
"""The classes of rows that are kept for a time: where they are, whose they are, what keeps them."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet

from stemtide.hub.platform.errors import NotFoundError
from stemtide.hub.platform.exemptions import needs_no_viewer
from stemtide.hub.rooms.complaints.models import Complaint
from stemtide.hub.rooms.media.models import Preview
from stemtide.hub.rooms.orders.models import Appeal, Order, Preservation, Scrutiny
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.referrals.models import Referral
from stemtide.hub.rooms.retention.models import LegalHold
from stemtide.hub.rooms.rights.models import RightsRequest
from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.signals.reads.signals import visible
from stemtide.hub.rooms.situation.models import Lead, Message
from stemtide.protocol.enums import PartyKind
from stemtide.protocol.enums.orders import AppealOutcome
from stemtide.protocol.law.retention import RowClass

Row: TypeAlias = Signal | Referral | Order | Message | Lead | Complaint | Preview | RightsRequest
"""A row with a date of its own."""

_OPEN_PRESERVATION = Preservation.objects.filter(destroyed_at=None, ended_at=None)
_OPEN_COMPLAINT = Complaint.objects.filter(decided_at=None, erased_at=None)

WHY = {
    "preserved": "content is preserved by an order that names this row",
    "complaint": "a complaint about it is open",
    "scrutiny": "the order is being examined",
    "appeal": "an appeal against the order is pending",
    "crisis": "its crisis is not over",
    "held": "a legal hold",
    "lifted": "a legal hold, lifted less than 7 days ago",
    "other": "a procedure of another party",
}
"""What stops an erasure, in words."""


def _own_complaint(about: str) -> dict[str, Callable[[Party], Exists]]:
    """Return who may learn of a complaint: the party that decides it."""
    open_about = _OPEN_COMPLAINT.filter(**{about: OuterRef("pk")})
    return {"complaint": lambda viewer: Exists(open_about.filter(party=viewer))}


def _own_preservation(viewer: Party) -> Exists:
    """Return the condition of signals preserved by an order from or to a viewer."""
    own_order = Q(order__issued_by=viewer) | Q(order__addressee=viewer)
    return Exists(_OPEN_PRESERVATION.filter(own_order, order__signals=OuterRef("pk")))


@dataclass(frozen=True, slots=True)
class RowKind:
    """A class of rows.

    party: the lookup of the party whose row it is; kind: of that party's kind.
    since: when the row was written; date: when it is erased; gone: when it was.
    kept:  what stops the erasure: names of WHY, and the condition.
    knows: who may learn of a cause: the condition for a viewer. Others read WHY["other"].
    """

    row_class: RowClass
    model: Any
    party: str
    since: str
    date: str = "erase_due"
    gone: str = "erased_at"
    kept: Mapping[str, Any] = field(default_factory=dict)
    knows: Mapping[str, Callable[[Party], Exists]] = field(default_factory=dict)
    exercise: str = "exercise"

    @property
    def rows(self) -> QuerySet[Any]:
        """Return all rows of the class."""
        rows: QuerySet[Any] = self.model.objects.all()
        return rows


KINDS: dict[RowClass, RowKind] = {
    kind.row_class: kind
    for kind in (
        RowKind(
            RowClass.SIGNAL,
            Signal,
            party="shared_by",
            since="shared_at",
            kept={
                "preserved": Exists(_OPEN_PRESERVATION.filter(order__signals=OuterRef("pk"))),
                "complaint": Exists(_OPEN_COMPLAINT.filter(signal=OuterRef("pk"))),
            },
            knows={"preserved": _own_preservation} | _own_complaint("signal"),
        ),
        RowKind(
            RowClass.REFERRAL,
            Referral,
            party="sender",
            since="assessed_at",
            kept={"complaint": Exists(_OPEN_COMPLAINT.filter(referral=OuterRef("pk")))},
            knows=_own_complaint("referral"),
        ),
        RowKind(
            RowClass.ORDER,
            Order,
            party="issued_by",
            since="drafted_at",
            kept={
                "preserved": Exists(_OPEN_PRESERVATION.filter(order=OuterRef("pk"))),
                "complaint": Exists(_OPEN_COMPLAINT.filter(order=OuterRef("pk"))),
                "scrutiny": Exists(Scrutiny.objects.filter(order=OuterRef("pk"), decided_at=None)),
                "appeal": Exists(
                    Appeal.objects.filter(order=OuterRef("pk"), outcome=AppealOutcome.PENDING)
                ),
            },
            knows=_own_complaint("order"),
        ),
        RowKind(
            RowClass.MESSAGE,
            Message,
            party="posted_by",
            since="posted_at",
            kept={"crisis": Q(crisis__ended_at=None)},
        ),
        RowKind(RowClass.LEAD, Lead, party="sent_by", since="reported_at"),
        RowKind(RowClass.COMPLAINT, Complaint, party="party", since="filed_at"),
        RowKind(
            RowClass.PREVIEW,
            Preview,
            party="signal__shared_by",
            since="added_at",
            date="expires_at",
            gone="destroyed_at",
            exercise="signal__exercise",
        ),
        RowKind(RowClass.RIGHTS, RightsRequest, party="party", since="noted_at"),
    )
}
"""Classes with a date of their own. Preservations go with their order."""

PURGED = (RowClass.SIGNAL, RowClass.REFERRAL, RowClass.ORDER, RowClass.MESSAGE)
"""Classes that this room erases, with a certificate. Leads, complaints, previews and requests of
data subjects are erased by their rooms, each with an entry of its own."""


@needs_no_viewer("holds stop the clock, whoever placed them")
def held_ids(row_class: RowClass, *, now: datetime) -> QuerySet[LegalHold, UUID]:
    """Return the ids of rows of a class whose erasure a hold stops: also one lifted lately."""
    stops = LegalHold.running_at(now) | LegalHold.lifted_lately(now)
    return (
        LegalHold.objects.filter(stops, row_class=row_class)
        .order_by()
        .values_list("row", flat=True)
    )


@needs_no_viewer("the clock erases rows of every party")
def due(row_class: RowClass, *, now: datetime) -> QuerySet[Any]:
    """Return the rows whose time has come, and that nothing keeps."""
    kind = KINDS[row_class]
    rows = kind.rows.filter(**{f"{kind.date}__lte": now, kind.gone: None})
    for condition in kind.kept.values():
        rows = rows.exclude(condition)
    return rows.exclude(uid__in=held_ids(row_class, now=now))


@needs_no_viewer("for the operator's list of erasures: ids only")
def purged() -> Iterator[tuple[RowClass, UUID, datetime]]:
    """Yield the rows that were purged, with the time."""
    for row_class in PURGED:
        rows = KINDS[row_class].rows.filter(erased_at__isnull=False).order_by()
        for uid, at in rows.values_list("uid", "erased_at").iterator(chunk_size=2000):
            yield row_class, uid, at


def own(row_class: RowClass, *, viewer: Party) -> QuerySet[Any]:
    """Return the rows that a party answers for; for an agency, all signals that it may see."""
    kind = KINDS[row_class]
    if row_class is RowClass.SIGNAL and viewer.kind == PartyKind.AGENCY:
        return kind.rows.filter(visible(viewer))
    rows = kind.rows.filter(**{kind.party: viewer})
    return rows.filter(**{kind.exercise: True}) if viewer.exercise else rows


def find(row_class: RowClass, uid: UUID, *, viewer: Party) -> Row:
    """Return a row that a party answers for. raises: NotFoundError."""
    rows = own(row_class, viewer=viewer) if row_class in KINDS else None
    row: Row | None = rows.filter(uid=uid).first() if rows is not None else None
    if row is None:
        raise NotFoundError(
            "your party answers for no {row_class} {uid}: see the list of what it keeps",
            row_class=row_class.value,
            uid=uid,
        )
    return row
