# SPDX-License-Identifier: Apache-2.0
"""The only writers of crises: warn, answer the checklist, activate, close."""

from datetime import datetime
from uuid import UUID, uuid4

from django.db import transaction

from stemtide.hub.crises import reads, rules
from stemtide.hub.crises.models import Check, Crisis
from stemtide.hub.ledger import writes as ledger
from stemtide.hub.parties.models import Party
from stemtide.hub.parties.rules import InvalidError
from stemtide.protocol.crises import CheckIn, CloseIn, CrisisOut, WarningIn
from stemtide.protocol.frameworks import FrameworkError, framework
from stemtide.protocol.words import PartyKind


@transaction.atomic
def warn(body: WarningIn, *, by: Party, now: datetime, actor_ref: str | None = None) -> CrisisOut:
    """Raise an early warning.

    raises: NotAllowedError for observers; InvalidError for an unknown framework or country.
    """
    rules.check_warn(kind=PartyKind(by.kind))
    rules.check_countries(body.countries)
    try:
        of = framework(body.framework)
    except FrameworkError as error:
        raise InvalidError("framework", str(error)) from error
    if body.happened_at > now + rules.CLOCK_SKEW:
        raise InvalidError("happened_at", "lies in the future: name when it happened")
    crisis = Crisis.objects.create(
        uid=uuid4(),
        name=body.name,
        framework=of.name,
        stage=of.first_stage,
        summary=body.summary,
        countries=sorted(set(body.countries)),
        exercise=body.exercise,
        opened_by=by,
        happened_at=body.happened_at,
        warned_at=now,
    )
    detail: dict[str, object] = {"framework": of.name, "countries": crisis.countries}
    return _record("crisis.warned", crisis, by=by, now=now, detail=detail, through=actor_ref)


@transaction.atomic
def answer(
    uid: UUID,
    *,
    test: str,
    body: CheckIn,
    by: Party,
    now: datetime,
    actor_ref: str | None = None,
) -> CrisisOut:
    """Answer one test of the activation checklist; earlier answers stay on record.

    raises: NotFoundError, NotAllowedError, InvalidError for an unknown test, ConflictError.
    """
    ledger.take_turn()
    crisis = reads.find(uid, viewer=by)
    rules.check_answer(reads.facts(crisis, viewer=by), kind=PartyKind(by.kind), test=test)
    Check.objects.create(
        crisis=crisis,
        test=test,
        answer=body.answer,
        evidence=body.evidence,
        answered_by=by,
        answered_at=now,
    )
    detail: dict[str, object] = {"test": test, "answer": str(body.answer)}
    return _record("check.answered", crisis, by=by, now=now, detail=detail, through=actor_ref)


@transaction.atomic
def activate(uid: UUID, *, by: Party, now: datetime, actor_ref: str | None = None) -> CrisisOut:
    """Activate the protocol.

    raises: NotFoundError, NotAllowedError, ConflictError naming what is missing.
    """
    ledger.take_turn()
    crisis = reads.find(uid, viewer=by)
    facts = reads.facts(crisis, viewer=by)
    rules.check_activate(facts, kind=PartyKind(by.kind))
    crisis.stage = facts.framework.active_stage
    crisis.activated_at = now
    crisis.save(update_fields=["stage", "activated_at"])
    return _record("crisis.activated", crisis, by=by, now=now, detail={}, through=actor_ref)


@transaction.atomic
def close(
    uid: UUID, *, body: CloseIn, by: Party, now: datetime, actor_ref: str | None = None
) -> CrisisOut:
    """End a crisis. Its signals stay: each is withdrawn or expires by itself.

    raises: NotFoundError, NotAllowedError, ConflictError for one that is closed.
    """
    ledger.take_turn()
    crisis = reads.find(uid, viewer=by)
    facts = reads.facts(crisis, viewer=by)
    rules.check_close(facts, kind=PartyKind(by.kind), name=by.name)
    was = crisis.stage
    crisis.stage = facts.framework.closed_stage
    crisis.closed_at = now
    crisis.close_reason = body.reason
    crisis.save(update_fields=["stage", "closed_at", "close_reason"])
    return _record("crisis.closed", crisis, by=by, now=now, detail={"from": was}, through=actor_ref)


def _record(
    kind: str,
    crisis: Crisis,
    *,
    by: Party,
    now: datetime,
    detail: dict[str, object],
    through: str | None,
) -> CrisisOut:
    """Append to the ledger, and say how the crisis stands now."""
    if through:
        detail = {**detail, "through": through}
    ledger.append(
        kind,
        actor=by.ref,
        subject=crisis.ref,
        now=now,
        detail=detail,
        exercise=crisis.exercise,
    )
    return reads.describe(crisis, viewer=by)
