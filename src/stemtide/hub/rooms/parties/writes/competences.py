# SPDX-License-Identifier: Apache-2.0
"""Write competences, and assign file references."""

from datetime import UTC, datetime

from django.db import transaction
from django.db.models import F, Max

from stemtide.hub.platform.errors import ConflictError, NotFoundError
from stemtide.hub.platform.exemptions import needs_no_entry
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.parties.models import Competence, CompetenceProposal, Party, Series
from stemtide.hub.rooms.parties.reads import competences as reads, independence, parties
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.parties.rules import competences as rules
from stemtide.hub.rooms.parties.rules.proposals import PROPOSED_FOR
from stemtide.protocol.enums import Duty, PartyKind
from stemtide.protocol.trust.parties import DutyIn


@transaction.atomic
def name_competent(party: Party, duty: Duty, *, actor: str, now: datetime) -> Competence:
    """Record that a Member State appointed an authority for a duty.

    raises: InvalidError, ConflictError if it was appointed before.
    """
    ledger.lock_ledger()
    is_competent = _current(party, duty) is not None
    kind = PartyKind(party.kind)
    rules.check_name_competent(duty, kind=kind, country=party.country, is_competent=is_competent)
    competence = Competence.objects.create(party=party, duty=duty, named_at=now)
    _record("competence.named", competence, actor=actor, now=now)
    return competence


@transaction.atomic
def end_competence(party: Party, duty: Duty, *, actor: str, now: datetime) -> Competence:
    """Record that a competence ended. Acts under it stay valid.

    raises: NotFoundError if there is none.
    """
    ledger.lock_ledger()
    competence = _current(party, duty)
    rules.check_end_competence(duty, is_competent=competence is not None)
    assert competence is not None  # noqa: S101  # the rule said so
    competence.ended_at = now
    competence.save(update_fields=["ended_at"])
    _record("competence.ended", competence, actor=actor, now=now)
    return competence


@transaction.atomic
def propose_duty(
    name: str, *, body: DutyIn, by: Actor, now: datetime, ends: bool = False
) -> CompetenceProposal:
    """Propose to name an authority for a duty, or to end that. A second person confirms.

    raises: NotFoundError, NotAllowedError, InvalidError, ConflictError if a proposal waits.
    """
    ledger.lock_ledger()
    party = parties.party(name)
    rules.check_propose(by=by)
    _check_change(party, body.duty, ends=ends)
    if reads.proposed(party, now=now) is not None:
        raise ConflictError("a proposal about {party} waits already: decide it first", party=name)
    CompetenceProposal.objects.filter(party=party).delete()
    row = CompetenceProposal.objects.create(
        party=party,
        duty=body.duty,
        ends=ends,
        reason=body.reason,
        by=by.party,
        by_ref=by.ref,
        at=now,
        expires_at=now + PROPOSED_FOR,
    )
    _record_proposal("competence.proposed", row, by=by, now=now)
    return row


@needs_no_entry("name_competent() and end_competence() record it")
@transaction.atomic
def confirm_duty(name: str, number: int, *, by: Actor, now: datetime) -> Competence:
    """Confirm the proposal of another person: the authority is named for the duty, or no longer.

    raises: NotFoundError, NotAllowedError, InvalidError, ConflictError.
    """
    ledger.lock_ledger()
    row = _waiting(name, number, now=now)
    rules.check_confirm(row.by_ref, by=by)
    independence.check_second_person(by, first=row.by_ref)
    change = end_competence if row.ends else name_competent
    competence = change(row.party, Duty(row.duty), actor=by.ref, now=now)
    row.delete()
    return competence


@transaction.atomic
def drop_duty(name: str, number: int, *, by: Actor, now: datetime) -> None:
    """Decline the proposal of another person, or withdraw one's own.

    raises: NotFoundError, NotAllowedError.
    """
    ledger.lock_ledger()
    row = _waiting(name, number, now=now)
    rules.check_propose(by=by)
    _record_proposal("competence.declined", row, by=by, now=now)
    row.delete()


def _waiting(name: str, number: int, *, now: datetime) -> CompetenceProposal:
    """Return a proposal that waits.

    raises: NotFoundError.
    """
    rows = CompetenceProposal.objects.filter(pk=number, party__name=name, expires_at__gt=now)
    row = rows.select_related("party").first()
    if row is None:
        raise NotFoundError("this proposal was decided or has expired: propose it again")
    return row


def _check_change(party: Party, duty: Duty, *, ends: bool) -> None:
    """Refuse a change of a competence that the rules do not allow.

    raises: NotFoundError, InvalidError, ConflictError.
    """
    is_competent = reads.is_competent(party, duty)
    if ends:
        rules.check_end_competence(duty, is_competent=is_competent)
        return
    kind = PartyKind(party.kind)
    rules.check_name_competent(duty, kind=kind, country=party.country, is_competent=is_competent)


def _record_proposal(kind: str, row: CompetenceProposal, *, by: Actor, now: datetime) -> None:
    """Append an act on a proposal to the ledger."""
    act = "end_duty" if row.ends else "name_duty"
    detail: dict[str, object] = {"duty": row.duty, "ends": row.ends, "act": act}
    ledger.append_by(kind, by=by, subject=row.party.ref, now=now, detail=detail)


@needs_no_entry("the caller records the row that gets the number")
def next_reference(party: Party, series: str, *, now: datetime) -> str:
    """Return the next file reference of a party's own, without gaps per series and year (UTC).

    Call it in a write's transaction, after ledger.lock_ledger(): counting needs the lock, and a
    rollback returns the number.

    raises: NoTransactionError, ValueError for a series that is not two to four capital letters.
    """
    ledger.lock_ledger()
    year = now.astimezone(UTC).year
    row, _ = Series.objects.get_or_create(party=party, name=series, year=year)
    Series.objects.filter(pk=row.pk).update(last=F("last") + 1)
    row.refresh_from_db()
    return rules.reference(series, year=year, number=row.last)


@needs_no_entry("the caller records the row that gets the number")
def next_state_reference(party: Party, series: str, *, now: datetime) -> str:
    """Return the next file reference of a party, unique on the hub.

    raises: NoTransactionError, ValueError for a series that is not two to four capital letters.
    source: Regulation (EU) 2021/784 Annexes II and III, Section A: an answer names the file
            reference of the issuing authority, and must mean one order.
    """
    return next_references(party, series, count=1, now=now)[0]


@needs_no_entry("the caller records the rows that get the numbers")
def next_references(party: Party, series: str, *, count: int, now: datetime) -> list[str]:
    """Return the next file references of a party, in order, unique on the hub.

    They count over a Member State, or over the agencies: authorities of one State share its
    numbers, and numbers that each had before references named the State are skipped.

    raises: NoTransactionError, ValueError for a series that is not two to four capital letters.
    """
    ledger.lock_ledger()
    year = now.astimezone(UTC).year
    of_state = Series.objects.filter(party__country=party.country, name=series, year=year)
    last = of_state.aggregate(Max("last"))["last__max"] or 0
    Series.objects.update_or_create(
        party=party, name=series, year=year, defaults={"last": last + count}
    )
    state = party.country or "EU"
    return [
        rules.reference(series, year=year, number=number, state=state)
        for number in range(last + 1, last + count + 1)
    ]


def _current(party: Party, duty: Duty) -> Competence | None:
    """Return a competence that has not ended."""
    return Competence.objects.filter(party=party, duty=duty, ended_at=None).first()


def _record(kind: str, row: Competence, *, actor: str, now: datetime) -> None:
    """Append an act on a competence to the ledger."""
    detail: dict[str, object] = {"duty": row.duty}
    ledger.append(
        kind,
        actor=actor,
        subject=row.party.ref,
        now=now,
        detail=detail,
        exercise=row.party.exercise,
    )
