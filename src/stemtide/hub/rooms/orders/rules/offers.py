# SPDX-License-Identifier: Apache-2.0
"""List the acts of a party on an order now: exactly those that the writes would allow."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial

from stemtide.hub.rooms.orders.rules import (
    entries,
    finality,
    orders as rules,
    preservation,
    scrutiny,
)
from stemtide.hub.rooms.orders.rules.orders import OrderFacts, Side, allows
from stemtide.protocol.enums import Role
from stemtide.protocol.enums.orders import (
    AppealOutcome,
    Appellant,
    OrderState,
    PreservationBasis,
    ScrutinyBasis,
)

_MOMENT = timedelta(seconds=1)
_LAST = datetime.max.replace(tzinfo=UTC) - _MOMENT

ANSWERING = ("execute", "suspend", "resume", "reinstate")
_OF_ENTRY = {
    "confirm_entry": entries.check_other_side,
    "dispute_entry": entries.check_dispute,
    "void_entry": entries.check_void,
}
DECIDING = ("announce", "uphold", "infringe")


def offers(
    facts: OrderFacts,
    *,
    name: str,
    role: Role | None,
    may_issue: bool,
    may_scrutinise: bool,
    now: datetime,
) -> list[str]:
    """Return the names of the acts that are open to a party.

    may_issue, may_scrutinise: whether its Member State has registered it for this duty.
    """
    side = rules.side_of(facts, name=name)
    of_entry = [
        act for act, check in _OF_ENTRY.items() if allows(check, facts, name=name, role=role)
    ]
    if side is Side.ISSUER:
        return of_entry + _of_issuer(facts, name=name, role=role, may_issue=may_issue, now=now)
    if side is Side.ADDRESSEE:
        return of_entry + _of_addressee(facts, name=name, role=role, now=now)
    if side is Side.HOME:
        return _of_home(facts, name=name, role=role, is_competent=may_scrutinise, now=now)
    return []


def _of_issuer(
    facts: OrderFacts, *, name: str, role: Role | None, may_issue: bool, now: datetime
) -> list[str]:
    """Return the acts of the issuer."""
    acts = []
    if facts.state is OrderState.DRAFTED:
        moves = {"change": "discard", "discard": "discard", "issue": "issue"}
        acts = [
            act
            for act, move in moves.items()
            if allows(rules.check_move, facts, move, name=name, role=role, is_competent=may_issue)
        ]
    if allows(rules.check_resume, facts, name=name, role=role):
        acts.append("resume")
    ending = rules.ending_move(facts.state, side=Side.ISSUER)
    if allows(rules.check_move, facts, ending, name=name, role=role):
        acts.append("recall" if ending == "recall" else "withdraw")
    if facts.secret_until and allows(
        rules.check_prolong,
        facts,
        name=name,
        role=role,
        until=facts.secret_until + _MOMENT,
        now=now,
    ):
        acts.append("prolong")
    acts += _of_appeals(facts, name=name, role=role, now=now)
    if allows(
        finality.check_appeal_deadline, facts, until=now.date(), name=name, role=role, now=now
    ):
        acts.append("set_appeal_deadline")
    if allows(finality.check_finalise, facts, name=name, role=role, now=now):
        acts.append("finalise")
    return acts + _longer(facts, name=name, role=role, now=now)


def _of_addressee(facts: OrderFacts, *, name: str, role: Role | None, now: datetime) -> list[str]:
    """Return the acts of the addressee. An answer also records the receipt."""
    acts = []
    if allows(rules.check_acknowledge, facts, name=name, role=role):
        acts.append("acknowledge")
    arrived = rules.after_receipt(facts, now=now)
    acts += [
        answer
        for answer in ANSWERING
        if allows(rules.check_move, arrived, answer, name=name, role=role)
    ]
    if allows(
        scrutiny.check_open,
        facts,
        ScrutinyBasis.PROVIDER,
        name=name,
        role=role,
        informed_at=None,
        now=now,
    ):
        acts.append("ask_scrutiny")
    if allows(preservation.check_note_access, facts, name=name, role=role):
        acts.append("note_access")
    if allows(preservation.check_note_destroyed, facts, name=name, role=role, now=now):
        acts.append("note_destroyed")
    acts += _recorded(facts, name=name, role=role, now=now)
    return acts + _of_appeals(facts, name=name, role=role, now=now)


def _of_home(
    facts: OrderFacts, *, name: str, role: Role | None, is_competent: bool, now: datetime
) -> list[str]:
    """Return the acts of an authority that has a copy."""
    bases = (ScrutinyBasis.OWN_INITIATIVE, ScrutinyBasis.CONTENT_PROVIDER)
    acts = [
        f"open_scrutiny_{basis}"
        for basis in bases
        if is_competent
        and allows(
            scrutiny.check_open,
            facts,
            basis,
            name=name,
            role=role,
            informed_at=now,
            now=now,
        )
    ]
    latest = facts.scrutinies[-1] if facts.scrutinies else None
    acts += [
        move
        for move in (DECIDING if latest else ())
        if allows(
            scrutiny.check_decide,
            facts,
            latest,
            move,
            name=name,
            role=role,
            is_competent=is_competent,
            now=now,
        )
    ]
    return acts + _longer(facts, name=name, role=role, now=now)


def _of_appeals(facts: OrderFacts, *, name: str, role: Role | None, now: datetime) -> list[str]:
    """Return whether a side may record an appeal, and the outcome of one."""
    days = {facts.appeal_until or now.date(), now.date()}
    may_appeal = any(
        allows(
            finality.check_appeal,
            facts,
            lodged_by=lodged_by,
            lodged_on=day,
            name=name,
            role=role,
            now=now,
        )
        for lodged_by in Appellant
        for day in days
    )
    may_decide = any(
        allows(
            finality.check_decide_appeal,
            facts,
            appeal,
            outcome=AppealOutcome.CLOSED,
            decided_on=max(appeal.lodged_on, now.date()),
            name=name,
            role=role,
            now=now,
        )
        for appeal in facts.appeals
    )
    return ["appeal"] * may_appeal + ["decide_appeal"] * may_decide


def _longer(facts: OrderFacts, *, name: str, role: Role | None, now: datetime) -> list[str]:
    """Return whether a party may ask for longer preservation, or record one by another law."""
    return _extend(facts, name=name, role=role, now=now) + _recorded(
        facts, name=name, role=role, now=now
    )


def _extend(facts: OrderFacts, *, name: str, role: Role | None, now: datetime) -> list[str]:
    """Return whether a party may ask for longer preservation by Art. 6(2)."""
    of_article_6 = [row for row in facts.preservations if row.basis is PreservationBasis.TCO]
    ends = [row.until for row in of_article_6 if row.until is not None]
    until = min(max([now, *ends]), _LAST) + _MOMENT
    is_open = allows(preservation.check_extend, facts, name=name, role=role, until=until, now=now)
    return ["extend"] if is_open else []


def _recorded(facts: OrderFacts, *, name: str, role: Role | None, now: datetime) -> list[str]:
    """Return the acts open to a party on preservations by other laws than Art. 6."""
    acts: dict[str, Callable[..., None]] = {
        "extend_preservation": partial(preservation.check_longer, now=now),
        "end_preservation": preservation.check_end,
    }
    may_record = allows(preservation.check_may_record, facts, name=name, role=role)
    return ["preserve"] * may_record + [
        act
        for act, check in acts.items()
        if any(allows(check, facts, row, name=name, role=role) for row in facts.preservations)
    ]
