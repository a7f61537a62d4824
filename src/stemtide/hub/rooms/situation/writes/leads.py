# SPDX-License-Identifier: Apache-2.0
"""Write leads to a threat to life. None of their texts enters the ledger.

Their entries name no crisis: a lead is sealed from its other participants, also as a line in the
crisis' timeline.
"""

import secrets
from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from django.db import transaction

from stemtide.hub.platform.errors import InvalidError, NotFoundError
from stemtide.hub.platform.retention.columns import basis_columns
from stemtide.hub.rooms.crises.models import Crisis
from stemtide.hub.rooms.crises.reads import crises
from stemtide.hub.rooms.ledger.rules.ledger import CLOCK
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.parties.reads import parties
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.signals.rules.signals import uuid_at
from stemtide.hub.rooms.situation.models import Lead
from stemtide.hub.rooms.situation.reads import leads as reads
from stemtide.hub.rooms.situation.rules import leads as rules
from stemtide.protocol.enums import LeadState, PartyKind
from stemtide.protocol.law.retention import RowClass
from stemtide.protocol.messages.situation import LeadCloseIn, LeadIn, LeadOut, LeadPassIn

ERASE_AT_ONCE = 100
"""Maximum leads in one transaction of erase_due_leads, so that other writers wait briefly."""


@transaction.atomic
def report_lead(body: LeadIn, *, by: Actor, now: datetime) -> LeadOut:
    """Report a lead: to the authority of its country, or to the agency where nobody knows that.

    Without a country it goes to the authority of the sender's own country as well.

    raises: NotAllowedError for observers; InvalidError naming the field.
    source: Regulation (EU) 2021/784 Art. 14(5); Regulation (EU) 2022/2065 Art. 18.
    """
    rules.check_report(kind=by.kind, role=by.role)
    rules.check_lead(body.bases, kind=by.kind, country=body.country, posted_at=body.posted_at)
    rules.check_grounds(body.country_grounds, country=body.country)
    ledger.lock_ledger()
    crisis = _crisis(body, by=by)
    candidates = reads.candidates(body.country, exercise=body.exercise)
    name = rules.choose(candidates, to=body.to, country=body.country)
    zone = body.posted_at.utcoffset() if body.posted_at else None
    row = Lead.objects.create(
        uid=uuid_at(now),
        crisis=crisis,
        level=body.level,
        bases=list(body.bases),
        country=body.country,
        country_grounds=list(body.country_grounds),
        sent_by=by.party,
        addressed_to=parties.party(name),
        copied_to=None if body.country else _at_home(by.party, exercise=body.exercise),
        **reads.encrypt_texts(body),
        posted_at=body.posted_at,
        posted_zone=zone.total_seconds() // 60 if zone else 0,
        salt=secrets.token_hex(32),
        exercise=body.exercise,
        reported_at=now,
        erase_due=rules.erase_due(now),
        **basis_columns(RowClass.LEAD, kind=by.kind),
    )
    digest = rules.seal_digest(reads.words_of(row), salt=row.salt)
    detail: dict[str, object] = {"bases": row.bases, "digest": digest}
    return _record("lead.reported", row, by=by, now=now, detail=detail)


def _crisis(body: LeadIn, *, by: Actor) -> Crisis | None:
    """Return the crisis that a lead belongs to. raises: InvalidError if it does not fit."""
    if body.crisis is None:
        return None
    try:
        crisis = crises.find(body.crisis, viewer=by.party)
    except NotFoundError as error:
        raise InvalidError.of("crisis", error) from error
    if crisis.exercise is not body.exercise:
        crisis_kind = "an exercise" if crisis.exercise else "real"
        raise InvalidError(
            "exercise",
            "the crisis is {what} and the lead is not: both must be the same",
            what=crisis_kind,
        )
    return crisis


def _at_home(party: Party, *, exercise: bool) -> Party | None:
    """Return the authority of a party's own country: the first by name; None if there is none."""
    names = reads.candidates(party.country, exercise=exercise) if party.country else []
    others = [name for name in names if name != party.name]
    return parties.party(others[0]) if others else None


@transaction.atomic
def receive_lead(uid: UUID, *, by: Actor, now: datetime) -> LeadOut:
    """Acknowledge that a person has the lead.

    raises: NotFoundError, NotAllowedError; ConflictError if it is acknowledged already.
    """
    ledger.lock_ledger()
    row = reads.find_lead(uid, viewer=by.party)
    facts = reads.lead_facts(row)
    rules.check_receive(facts, name=by.party.name, kind=by.kind, role=by.role)
    row.state, row.received_at = LeadState.RECEIVED, now
    row.save(update_fields=["state", "received_at"])
    return _record("lead.received", row, by=by, now=now, detail={})


@transaction.atomic
def pass_on_lead(uid: UUID, *, body: LeadPassIn, by: Actor, now: datetime) -> LeadOut:
    """Pass a lead on to another authority here, or to the party's own investigators.

    raises: NotFoundError, NotAllowedError, ConflictError; InvalidError if `to` is no authority.
    """
    ledger.lock_ledger()
    row = reads.find_lead(uid, viewer=by.party)
    facts = reads.lead_facts(row)
    rules.check_pass_on(facts, name=by.party.name, kind=by.kind, role=by.role)
    row.passed_to = _next(body.to, exercise=row.exercise, by=by) if body.to else None
    row.state, row.passed_on_at = LeadState.PASSED_ON, now
    row.save(update_fields=["state", "passed_on_at", "passed_to"])
    return _record("lead.forwarded", row, by=by, now=now, detail={"inside": bool(body.to)})


def _next(name: str, *, exercise: bool, by: Actor) -> Party:
    """Return the party that a lead is passed on to. raises: InvalidError."""
    try:
        party = parties.addressee(name, exercise=exercise)
    except (NotFoundError, InvalidError) as error:
        raise InvalidError.of("to", error) from error
    if party.kind not in {PartyKind.AUTHORITY, PartyKind.AGENCY} or party.pk == by.party.pk:
        raise InvalidError("to", "{name} is not another authority or agency: choose one", name=name)
    return party


@transaction.atomic
def close_lead(uid: UUID, *, body: LeadCloseIn, by: Actor, now: datetime) -> LeadOut:
    """Close a lead with its outcome. Its words are erased 30 days later, or earlier.

    raises: NotFoundError, NotAllowedError, ConflictError for one that nobody received.
    """
    ledger.lock_ledger()
    row = reads.find_lead(uid, viewer=by.party)
    facts = reads.lead_facts(row)
    rules.check_close(facts, name=by.party.name, kind=by.kind, role=by.role)
    row.state, row.closed_at, row.outcome = LeadState.CLOSED, now, body.outcome
    row.erase_due = min(row.erase_due, rules.erase_due(row.reported_at, closed_at=now))
    row.save(update_fields=["state", "closed_at", "outcome", "erase_due"])
    return _record("lead.closed", row, by=by, now=now, detail={"outcome": body.outcome.value})


def erase_due_leads(now: datetime, *, except_for: Collection[UUID] = ()) -> int:
    """Erase the words of leads whose time has come; how many. The ledger keeps its proof.

    except_for: those on a legal hold.
    """
    count = 0
    while done := _erase_some(now, except_for=except_for):
        count += done
    return count


@transaction.atomic
def _erase_some(now: datetime, *, except_for: Collection[UUID]) -> int:
    """Erase one batch."""
    due = Lead.objects.filter(erased_at__isnull=True, erase_due__lte=now)
    due = due.exclude(uid__in=except_for)
    if not due.exists():
        return 0
    ledger.lock_ledger()
    # Another scheduler may have run before ours: what it erased is no longer due.
    rows = list(due.order_by("erase_due")[:ERASE_AT_ONCE])
    for row in rows:
        _erase(row, actor=CLOCK, now=now)
    return len(rows)


@transaction.atomic
def erase_again(uid: UUID, *, actor: str, now: datetime) -> bool:
    """Erase the words of a lead that a restored backup has again; return whether it had any."""
    ledger.lock_ledger()
    row = Lead.objects.filter(uid=uid, erased_at__isnull=True).first()
    if row is not None:
        _erase(row, actor=actor, now=now)
    return row is not None


def _erase(row: Lead, *, actor: str, now: datetime) -> None:
    """Erase the words of one lead."""
    row.facts = row.reasons = row.address = row.locate = row.callback = row.salt = ""
    row.posted_at, row.erased_at = None, now
    row.save()
    ledger.append("lead.erased", actor=actor, subject=row.ref, now=now, exercise=row.exercise)


def _record(
    kind: str, row: Lead, *, by: Actor, now: datetime, detail: dict[str, object]
) -> LeadOut:
    """Append to the ledger and return the lead."""
    ledger.append_by(
        kind,
        by=by,
        subject=row.ref,
        now=now,
        detail=detail,
        exercise=row.exercise,
    )
    return reads.describe_lead(row)
