# SPDX-License-Identifier: Apache-2.0
"""Rules of appeals and finality: who records them, and when an order may be called final.

The hub never decides that an order is final, or that a provider is exposed: it cannot know every
appeal before a court. It computes dates, and people record.

source: Regulation (EU) 2021/784 Art. 3(9), Art. 5(4), Art. 9. Decision 0148.
"""

from collections.abc import Iterable
from datetime import date, datetime, timedelta

from stemtide.hub.platform.errors import ConflictError, InvalidError, NotAllowedError
from stemtide.hub.platform.permissions import check_person_may_lead, check_person_may_write
from stemtide.hub.rooms.orders.rules.orders import (
    IN_EFFECT,
    AppealFacts,
    OrderFacts,
    Side,
    check_confirmed,
    side_of,
)
from stemtide.protocol.enums import Role
from stemtide.protocol.enums.orders import AppealOutcome, Appellant, FinalGround
from stemtide.protocol.law import appeals, deadlines

MONTHS = 12
"""Months in which two final orders are an example of an objective factor. source: Art. 5(4)(a)."""


def check_appeal(
    facts: OrderFacts,
    *,
    lodged_by: Appellant,
    lodged_on: date,
    name: str,
    role: Role | None,
    now: datetime,
    side: Side | None = None,
) -> None:
    """Check that the issuer or the addressee may record an appeal.

    After an order became final by the end of the deadline, only its issuer may, for an appeal that
    was lodged within the deadline after all.

    side: set by an endpoint that is for one side only.

    raises: NotAllowedError, ConflictError, InvalidError.
    """
    own = side_of(facts, name=name)
    if own not in {Side.ISSUER, Side.ADDRESSEE} or side not in {None, own}:
        raise NotAllowedError("only the issuer and the addressee can record appeals")
    check_person_may_write(role)
    check_confirmed(facts, name=name)
    _check_in_effect(facts)
    if any(
        appeal.lodged_by is lodged_by and appeal.outcome is AppealOutcome.PENDING
        for appeal in facts.appeals
    ):
        raise ConflictError("an appeal by this side is already recorded and not decided")
    _check_day(lodged_on, "lodged_on", facts=facts, now=now)
    if facts.final is None:
        return
    if own is not Side.ISSUER or facts.final is not FinalGround.EXPIRY:
        raise ConflictError(
            "this order is final: if an appeal was lodged in time, its issuer can record that"
        )
    if facts.appeal_until is not None and lodged_on > facts.appeal_until:
        raise InvalidError(
            "lodged_on",
            "is after {until}, the last day for appeal, and the order is final (Art. 3(9))",
            until=facts.appeal_until,
        )


def check_decide_appeal(
    facts: OrderFacts,
    appeal: AppealFacts,
    *,
    outcome: AppealOutcome,
    decided_on: date,
    name: str,
    role: Role | None,
    now: datetime,
) -> None:
    """Check that the issuer may record how an appeal ended. The addressee cannot: it would profit.

    raises: NotAllowedError, ConflictError, InvalidError.
    """
    _check_issuer(facts, name=name, role=role)
    if appeal.outcome is not AppealOutcome.PENDING:
        raise ConflictError("the outcome of this appeal is already recorded")
    if outcome is AppealOutcome.PENDING:
        raise InvalidError("outcome", "is no outcome: choose confirmed, overturned or closed")
    _check_day(decided_on, "decided_on", facts=facts, now=now)
    if decided_on < appeal.lodged_on:
        raise InvalidError("decided_on", "is before the day on which the appeal was lodged")


def check_appeal_deadline(
    facts: OrderFacts, *, until: date, name: str, role: Role | None, now: datetime
) -> None:
    """Check that the issuer may enter the last day for appeal.

    raises: NotAllowedError, ConflictError, InvalidError.
    """
    _check_issuer(facts, name=name, role=role)
    _check_in_effect(facts)
    if facts.final is not None:
        raise ConflictError("this order is already final")
    if facts.received_at is None:
        raise ConflictError("the order has not been received: no deadline for appeal runs yet")
    if not facts.received_at.date() <= until <= _years_after(now, years=5):
        raise InvalidError(
            "until", "must be a day from the receipt of the order to five years from now"
        )


def check_finalise(
    facts: OrderFacts, *, name: str, role: Role | None, now: datetime
) -> tuple[FinalGround, date]:
    """Return why an order is final, and from which day, if its issuer may record it.

    raises: NotAllowedError, ConflictError.
    source: Regulation (EU) 2021/784 Art. 3(9), first subparagraph.
    """
    _check_issuer(facts, name=name, role=role)
    _check_in_effect(facts)
    if facts.final is not None:
        raise ConflictError("this order is already final")
    if facts.received_at is None:
        raise ConflictError("the order has not been received: no deadline for appeal runs yet")
    outcomes = {appeal.outcome for appeal in facts.appeals}
    if AppealOutcome.PENDING in outcomes:
        raise ConflictError("an appeal is not decided: record its outcome first (Art. 3(9))")
    decided = [appeal.decided_on for appeal in facts.appeals if appeal.decided_on]
    if AppealOutcome.CONFIRMED in outcomes:
        return FinalGround.CONFIRMED, max(decided)
    if facts.appeal_until is None:
        raise ConflictError(
            "the last day for appeal is not known: enter it, as Section G names no term to compute"
        )
    if not appeals.is_over(facts.appeal_until, now=now):
        raise ConflictError(
            "the deadline for appeal runs until {until}: the order is not final before (Art. 3(9))",
            until=facts.appeal_until,
        )
    return FinalGround.EXPIRY, max([facts.appeal_until + timedelta(days=1), *decided])


def since(now: datetime) -> date:
    """Return the first day of the twelve months that end now. source: Art. 5(4)(a)."""
    return deadlines.months_after(now, -MONTHS).date()


def count_recent(days: Iterable[date], *, now: datetime) -> int:
    """Return how many of these days lie in the last twelve months."""
    return sum(since(now) <= day <= now.date() for day in days)


def _check_issuer(facts: OrderFacts, *, name: str, role: Role | None) -> None:
    """Refuse others than the issuer, and people who may not decide."""
    if side_of(facts, name=name) is not Side.ISSUER:
        who = facts.issued_by or "its issuer"
        raise NotAllowedError("only {who} can do this with the order", who=who)
    check_person_may_lead(role)
    check_confirmed(facts, name=name)


def _check_in_effect(facts: OrderFacts) -> None:
    """Refuse orders that were not issued or have no effect any more."""
    if facts.state not in IN_EFFECT:
        raise ConflictError("this order has no effect: it cannot be appealed or become final")


def _check_day(day: date, field: str, *, facts: OrderFacts, now: datetime) -> None:
    """Refuse days in the future or before the issue. A day has no zone: it may have begun already.

    raises: InvalidError.
    """
    if day > (now + timedelta(hours=14)).date():
        raise InvalidError(field, "is in the future: enter the day on which it happened")
    if facts.issued_at is not None and day < (facts.issued_at - timedelta(hours=12)).date():
        raise InvalidError(field, "is before the issue of this order")


def _years_after(now: datetime, *, years: int) -> date:
    """Return the day that many years later."""
    return deadlines.months_after(now, 12 * years).date()
