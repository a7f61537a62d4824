# SPDX-License-Identifier: Apache-2.0
"""Read preservations of removed content: their facts, and the part that each side may see."""

from collections.abc import Iterable

from django.db.models import QuerySet

from stemtide.hub.platform.exemptions import needs_no_viewer
from stemtide.hub.rooms.orders.models import Order, Preservation
from stemtide.hub.rooms.orders.rules import preservation as rules
from stemtide.hub.rooms.orders.rules.orders import PreservationFacts
from stemtide.hub.rooms.parties.models import Party
from stemtide.protocol.enums.orders import AccessPurpose, PreservationBasis, ReviewKind
from stemtide.protocol.messages.orders import AccessOut, PreservationOut


def facts(row: Order) -> tuple[PreservationFacts, ...]:
    """Return the facts that the rules need, that of Art. 6 first."""
    return _facts(row.preservations.all())


def find(row: Order, uid: str) -> Preservation:
    """Return the row of a preservation by the id of its facts."""
    rows = row.preservations.select_related("order__addressee", "order__issued_by")
    return next(preservation for preservation in rows if str(preservation.public_id) == uid)


@needs_no_viewer("its caller found the order for a viewer")
def with_accesses() -> QuerySet[Preservation]:
    """Return preservations with the rows beside them that facts() and describe() need."""
    rows = Preservation.objects.select_related("extended_by", "entered_by")
    return rows.prefetch_related("accesses")


def describe(row: Order, *, viewer: Party) -> list[PreservationOut]:
    """Return the preservations of an order that a party may see, that of Art. 6 first."""
    by_id = {str(preservation.public_id): preservation for preservation in row.preservations.all()}
    visible = rules.visible(_facts(by_id.values()), name=viewer.name, addressee=row.addressee.name)
    return [_describe(by_id[fact.uid]) for fact in visible]


def _facts(rows: Iterable[Preservation]) -> tuple[PreservationFacts, ...]:
    """Return the facts of preservations, that of Art. 6 first."""
    facts_found = [
        PreservationFacts(
            until=preservation.until,
            uid=str(preservation.public_id),
            basis=PreservationBasis(preservation.basis),
            since=preservation.since,
            entered_by=preservation.entered_by.name if preservation.entered_by else "",
            is_extended=preservation.extended_at is not None,
            is_ended=preservation.ended_at is not None,
            is_destroyed=preservation.destroyed_at is not None,
        )
        for preservation in rows
    ]
    return tuple(sorted(facts_found, key=lambda fact: fact.basis is not PreservationBasis.TCO))


def _describe(row: Preservation) -> PreservationOut:
    """Return a preservation as the message of the API."""
    return PreservationOut(
        id=row.public_id,
        basis=PreservationBasis(row.basis),
        law=row.law,
        authority=row.authority,
        entered_by=row.entered_by.name if row.entered_by else "",
        since=row.since,
        until=row.until,
        extended_by=row.extended_by.name if row.extended_by else "",
        extended_at=row.extended_at,
        proceedings=ReviewKind(row.proceedings) if row.proceedings else None,
        reviewed_by=row.reviewed_by,
        reviewed_since=row.reviewed_since,
        reference=row.reference,
        court=row.court,
        production=row.production,
        ended_at=row.ended_at,
        destroyed_at=row.destroyed_at,
        accesses=[
            AccessOut(
                purpose=AccessPurpose(access.purpose),
                who=access.who,
                reference=access.reference,
                at=access.at,
            )
            for access in row.accesses.all()
        ],
    )
