# SPDX-License-Identifier: Apache-2.0
"""Write assessments of a crisis: warn, rate, answer the checklist, consider measures.

Moves are in moves.py, participation in participants.py, links with others in events.py.
"""

from datetime import datetime
from uuid import UUID, uuid4

from django.db import transaction

from stemtide.hub.platform.errors import InvalidError
from stemtide.hub.rooms.crises.models import Check, Crisis, Measure, Triage
from stemtide.hub.rooms.crises.reads import crises as reads, life
from stemtide.hub.rooms.crises.rules import crises as rules, moves
from stemtide.hub.rooms.crises.writes import moves as moves_writes, participants
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.protocol.enums import TriageOutcome
from stemtide.protocol.law.frameworks import FrameworkError, framework
from stemtide.protocol.messages.crises import (
    CheckIn,
    CloseIn,
    CountriesIn,
    CrisisLife,
    InviteIn,
    MeasureIn,
    TriageIn,
    WarningIn,
)


@transaction.atomic
def warn(body: WarningIn, *, by: Actor, now: datetime) -> CrisisLife:
    """Raise an early warning, and invite those that it is addressed to.

    raises: NotAllowedError for observers and roles that only read; InvalidError for an unknown
            framework, country or party.
    """
    rules.check_warn(by=by)
    rules.check_countries(body.countries)
    try:
        of = framework(body.framework)
    except FrameworkError as error:
        raise InvalidError("framework", str(error)) from error
    if body.happened_at is not None and body.happened_at > now + rules.CLOCK_SKEW:
        raise InvalidError("happened_at", "is in the future: enter when it happened")
    crisis = Crisis.objects.create(
        uid=uuid4(),
        name=body.name,
        framework=of.name,
        stage=of.first_stage,
        summary=body.summary,
        countries=sorted(set(body.countries)),
        exercise=body.exercise,
        opened_by=by.party,
        event_refs=sorted(set(body.event_refs)),
        happened_at=body.happened_at,
        warned_at=now,
    )
    detail: dict[str, object] = {"framework": of.name, "countries": crisis.countries}
    _record("crisis.warned", crisis, by=by, now=now, detail=detail)
    if body.invite:
        _invite(crisis, body.invite, by=by, now=now)
    return life.describe(crisis, viewer=by.party)


@transaction.atomic
def triage(uid: UUID, *, body: TriageIn, by: Actor, now: datetime) -> CrisisLife:
    """Rate a warning by harm and virality; earlier ratings stay on record.

    raises: NotFoundError, NotAllowedError, ConflictError past the warning; InvalidError for an
            unknown level, and for an outcome that differs from the matrix without a reason.
    """
    ledger.lock_ledger()
    crisis = reads.find(uid, viewer=by.party)
    facts = reads.facts(crisis)
    rules.check_triage(facts, by=by)
    suggested, outcome, words = rules.triage_outcome(
        facts,
        harm=body.harm,
        virality=body.virality,
        requested=body.outcome,
        reason=body.reason,
    )
    if body.close:
        moves.check_close(facts, by=by)
        if outcome is not TriageOutcome.AS_USUAL:
            raise InvalidError(
                "close",
                "the rating is {outcome}: only business as usual closes the warning",
                outcome=outcome,
            )
    Triage.objects.create(
        crisis=crisis,
        harm=body.harm,
        virality=body.virality,
        suggested=suggested,
        outcome=outcome,
        explanation=words,
        reason=body.reason,
        by=by.party,
        by_ref=by.ref,
        by_role=by.role or "",
        at=now,
    )
    detail: dict[str, object] = {"harm": body.harm, "virality": body.virality}
    detail |= {"suggested": str(suggested), "outcome": str(outcome)}
    _record("crisis.triaged", crisis, by=by, now=now, detail=detail)
    if body.close:
        return moves_writes.close(uid, body=CloseIn(reason=body.reason or words), by=by, now=now)
    return life.describe(crisis, viewer=by.party)


@transaction.atomic
def answer(uid: UUID, *, test: str, body: CheckIn, by: Actor, now: datetime) -> CrisisLife:
    """Answer one test of the activation checklist; earlier answers stay on record.

    raises: NotFoundError, NotAllowedError, InvalidError for an unknown test, ConflictError.
    """
    ledger.lock_ledger()
    crisis = reads.find(uid, viewer=by.party)
    rules.check_answer(reads.facts(crisis), by=by, test=test)
    Check.objects.create(
        crisis=crisis,
        test=test,
        answer=body.answer,
        evidence=body.evidence,
        answered_by=by.party,
        answered_ref=by.ref,
        answered_role=by.role or "",
        answered_at=now,
    )
    detail: dict[str, object] = {"test": test, "answer": str(body.answer)}
    _record("check.answered", crisis, by=by, now=now, detail=detail)
    return life.describe(crisis, viewer=by.party)


@transaction.atomic
def consider(uid: UUID, *, body: MeasureIn, by: Actor, now: datetime) -> CrisisLife:
    """Record a national measure that was considered, and why it does not suffice.

    raises: NotFoundError, NotAllowedError, InvalidError for an unknown country, ConflictError.
    """
    ledger.lock_ledger()
    crisis = reads.find(uid, viewer=by.party)
    rules.check_measure(reads.facts(crisis), by=by)
    rules.check_countries([body.country])
    Measure.objects.create(
        crisis=crisis,
        country=body.country,
        measure=body.measure,
        insufficient=body.insufficient,
        by=by.party,
        by_ref=by.ref,
        by_role=by.role or "",
        at=now,
    )
    detail: dict[str, object] = {"country": body.country}
    _record("measure.considered", crisis, by=by, now=now, detail=detail)
    return life.describe(crisis, viewer=by.party)


@transaction.atomic
def widen(uid: UUID, *, body: CountriesIn, by: Actor, now: datetime) -> CrisisLife:
    """Add countries that a crisis turns out to concern. None is ever removed.

    raises: NotFoundError, NotAllowedError, InvalidError for what is no country; ConflictError past
            the closure, and where all of them are named already.
    """
    ledger.lock_ledger()
    crisis = reads.find(uid, viewer=by.party)
    facts = reads.facts(crisis)
    rules.check_widen(facts, by=by)
    rules.check_new_countries(facts, body.countries)
    added = sorted(set(body.countries) - set(crisis.countries))
    crisis.countries = sorted({*crisis.countries, *added})
    crisis.save(update_fields=["countries"])
    _record("crisis.widened", crisis, by=by, now=now, detail={"countries": added})
    return life.describe(crisis, viewer=by.party)


def _invite(crisis: Crisis, names: tuple[str, ...], *, by: Actor, now: datetime) -> None:
    """Invite those that a warning is addressed to. raises: InvalidError naming the field."""
    try:
        participants.invite(crisis.uid, body=InviteIn(parties=names), by=by, now=now)
    except InvalidError as error:
        raise InvalidError.of("invite", error) from error


def _record(
    kind: str, crisis: Crisis, *, by: Actor, now: datetime, detail: dict[str, object]
) -> None:
    """Append to the ledger: who did it, and through which hand."""
    ledger.append_by(
        kind, by=by, subject=crisis.ref, now=now, detail=detail, exercise=crisis.exercise
    )
