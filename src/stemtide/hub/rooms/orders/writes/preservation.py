# SPDX-License-Identifier: Apache-2.0
"""Write preservation of removed content: by which law, extensions, accesses and destruction.

The hub holds none of the content. It keeps the rows by which a provider shows that it kept it, for
how long, and for whom.

source: Regulation (EU) 2021/784 Art. 6; Regulation (EU) 2023/1543 Art. 11. Decision 0154.
"""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from stemtide.hub.platform.retention.columns import preservation_columns
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.orders.models import Access, Order, Preservation
from stemtide.hub.rooms.orders.reads import orders as reads, preservations
from stemtide.hub.rooms.orders.rules import preservation as rules
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.signals.rules.signals import uuid_at
from stemtide.protocol.enums.orders import PreservationBasis
from stemtide.protocol.messages.orders import (
    AccessIn,
    LongerPreservationIn,
    OrderOut,
    PreservationIn,
    PreserveIn,
)


@transaction.atomic
def extend(uid: UUID, *, body: PreserveIn, by: Actor, now: datetime) -> OrderOut:
    """Ask for longer preservation of removed content by Art. 6(2), for named review proceedings.

    raises: NotFoundError, NotAllowedError, ConflictError where nothing is kept; InvalidError.
    source: Regulation (EU) 2021/784 Art. 6(2).
    """
    ledger.lock_ledger()
    row = reads.find(uid, viewer=by.party)
    facts = reads.facts(row)
    rules.check_extend(facts, name=by.name, role=by.role, until=body.until, now=now)
    rules.check_review(facts, since=body.reviewed_since, now=now)
    preservation = row.preservations.get(basis=PreservationBasis.TCO)
    preservation.until, preservation.extended_by = body.until, by.party
    preservation.extended_at = now
    preservation.proceedings, preservation.reviewed_by = body.proceedings, body.reviewed_by
    preservation.reviewed_since, preservation.reference = body.reviewed_since, body.reference
    preservation.court, preservation.reason = body.court, ""
    preservation.save()
    detail: dict[str, object] = {
        "until": body.until.isoformat(),
        "proceedings": body.proceedings.value,
        "asked_by": "court" if body.court else "authority",
    }
    return _record("preservation.extended", preservation, by=by, now=now, detail=detail)


@transaction.atomic
def record(
    uid: UUID,
    *,
    body: PreservationIn,
    by: Actor,
    now: datetime,
    is_providers: bool | None = None,
) -> OrderOut:
    """Record that content is preserved by an EPOC-PR or by national law.

    is_providers: set by an endpoint that is for the provider, or for authorities, only.

    raises: NotFoundError, NotAllowedError, ConflictError, RateLimitError; InvalidError with the
            article.
    source: Regulation (EU) 2023/1543 Art. 11(1).
    """
    ledger.lock_ledger()
    row = reads.find(uid, viewer=by.party)
    facts = reads.facts(row)
    rules.check_door(facts, name=by.name, is_providers=is_providers)
    rules.check_may_record(facts, name=by.name, role=by.role)
    preservation = Preservation.objects.create(
        uid=uuid_at(now),
        order=row,
        basis=body.basis,
        law=body.law.strip(),
        authority=body.authority,
        reference=body.reference,
        entered_by=by.party,
        since=body.since,
        until=rules.end_of(body, now=now),
        **preservation_columns(body.basis, kind=by.kind),
    )
    return _record("preservation.recorded", preservation, by=by, now=now)


@transaction.atomic
def extend_recorded(
    uid: UUID,
    preservation: UUID,
    *,
    body: LongerPreservationIn,
    by: Actor,
    now: datetime,
    is_providers: bool | None = None,
) -> OrderOut:
    """Extend a preservation by another law than Art. 6, as that law allows.

    is_providers: set by an endpoint that is for the provider, or for authorities, only.

    raises: NotFoundError, NotAllowedError; ConflictError and InvalidError with the article.
    source: Regulation (EU) 2023/1543 Art. 11(1) and (2).
    """
    ledger.lock_ledger()
    row = reads.find(uid, viewer=by.party)
    facts = reads.facts(row)
    rules.check_door(facts, name=by.name, is_providers=is_providers)
    current = rules.find(facts, str(preservation), name=by.name)
    rules.check_longer(facts, current, name=by.name, role=by.role, now=now)
    preservation_row = preservations.find(row, current.uid)
    preservation_row.until = rules.longer_end(current, body, now=now)
    preservation_row.extended_by, preservation_row.extended_at = by.party, now
    preservation_row.production = body.production or preservation_row.production
    preservation_row.reference = body.reference or preservation_row.reference
    preservation_row.save()
    return _record("preservation.extended", preservation_row, by=by, now=now)


@transaction.atomic
def end(
    uid: UUID,
    preservation: UUID,
    *,
    by: Actor,
    now: datetime,
    is_providers: bool | None = None,
) -> OrderOut:
    """Record that a preservation by another law than Art. 6 is no longer necessary.

    is_providers: set by an endpoint that is for the provider, or for authorities, only.

    raises: NotFoundError, NotAllowedError, ConflictError.
    source: Regulation (EU) 2023/1543 Art. 11(3).
    """
    ledger.lock_ledger()
    row = reads.find(uid, viewer=by.party)
    facts = reads.facts(row)
    rules.check_door(facts, name=by.name, is_providers=is_providers)
    current = rules.find(facts, str(preservation), name=by.name)
    rules.check_end(facts, current, name=by.name, role=by.role)
    preservation_row = preservations.find(row, current.uid)
    preservation_row.ended_at = now
    preservation_row.save(update_fields=["ended_at"])
    return _record("preservation.ended", preservation_row, by=by, now=now)


@transaction.atomic
def note_access(
    uid: UUID, preservation: UUID | None = None, *, body: AccessIn, by: Actor, now: datetime
) -> OrderOut:
    """Note that somebody had access to preserved content, by which law and for which purpose.

    preservation: instead of the one that the message names.

    raises: NotFoundError, NotAllowedError, ConflictError where nothing is kept; InvalidError.
    """
    ledger.lock_ledger()
    row = reads.find(uid, viewer=by.party)
    facts = reads.facts(row)
    rules.check_note_access(facts, name=by.name, role=by.role)
    chosen = preservation or body.preservation
    current = rules.find(facts, str(chosen), name=by.name) if chosen else rules.of_article_6(facts)
    rules.check_purpose(current, body.purpose)
    preservation_row = preservations.find(row, current.uid)
    Access.objects.create(
        preservation=preservation_row,
        purpose=body.purpose,
        who=body.who,
        reference=body.reference,
        at=now,
    )
    detail: dict[str, object] = {"purpose": body.purpose.value}
    return _record("preservation.accessed", preservation_row, by=by, now=now, detail=detail)


@transaction.atomic
def note_destroyed(uid: UUID, *, by: Actor, now: datetime) -> OrderOut:
    """Note that preserved content was destroyed, when no law preserves it any more.

    raises: NotFoundError, NotAllowedError, ConflictError before its time.
    """
    ledger.lock_ledger()
    row = reads.find(uid, viewer=by.party)
    rules.check_note_destroyed(reads.facts(row), name=by.name, role=by.role, now=now)
    row.preservations.update(destroyed_at=now)
    ledger.append_by(
        "preservation.destroyed", by=by, subject=row.ref, now=now, exercise=row.exercise
    )
    return reads.describe(row, viewer=by.party, now=now)


def _record(
    kind: str,
    preservation: Preservation,
    *,
    by: Actor,
    now: datetime,
    detail: dict[str, object] | None = None,
) -> OrderOut:
    """Append to the ledger and return the order.

    Acts on a preservation by Art. 6 are in the history of the order. Others are not, because not
    all its sides may know of them.
    """
    row: Order = preservation.order
    is_article_6 = preservation.basis == PreservationBasis.TCO
    facts: dict[str, object] = {"party": row.addressee.ref, "parties": [row.addressee.name]}
    if not is_article_6:
        until = preservation.until.isoformat() if preservation.until else ""
        facts |= {"basis": PreservationBasis(preservation.basis).value, "until": until}
    ledger.append_by(
        kind,
        by=by,
        subject=row.ref if is_article_6 else preservation.ref,
        now=now,
        detail=facts | (detail or {}),
        exercise=row.exercise,
    )
    return reads.describe(row, viewer=by.party, now=now)
