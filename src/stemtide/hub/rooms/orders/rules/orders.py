# SPDX-License-Identifier: Apache-2.0
"""Rules of orders: who drafts, issues, answers and ends one, and when. Agencies issue none.

source: Regulation (EU) 2021/784 Art. 3, 6, 11 and 12.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from stemtide.hub.platform.errors import ConflictError, InvalidError, NotAllowedError
from stemtide.hub.platform.permissions import allows, check_person_may_lead, check_person_may_write
from stemtide.hub.rooms.ledger.rules.ledger import CLOCK
from stemtide.protocol.enums import PartyKind, Role
from stemtide.protocol.enums.orders import (
    AppealOutcome,
    Appellant,
    EntryState,
    FinalGround,
    OrderState,
    PreservationBasis,
    ScrutinyBasis,
    ScrutinyState,
    Side,
)
from stemtide.protocol.law import deadlines
from stemtide.protocol.law.machines import WrongMoveError, machine

__all__ = [
    "IN_EFFECT",
    "AppealFacts",
    "EntryFacts",
    "OrderFacts",
    "PreservationFacts",
    "ScrutinyFacts",
    "Side",
    "after_receipt",
    "allows",
    "check_acknowledge",
    "check_addressee",
    "check_change",
    "check_clock",
    "check_confirmed",
    "check_draft",
    "check_inform",
    "check_link",
    "check_look",
    "check_mark",
    "check_move",
    "check_prolong",
    "check_resume",
    "check_side",
    "ending_move",
    "is_late",
    "known_side",
    "side_of",
]


IN_EFFECT = frozenset(
    {OrderState.ISSUED, OrderState.RECEIVED, OrderState.SUSPENDED, OrderState.EXECUTED}
)
"""States of an order that is binding or was executed."""

_LEADING = frozenset(
    {"submit", "issue", "confirm", "recall", "withdraw", "revoke", "annul", "undo"}
)
"""Moves that a person makes only in a role that decides."""

_ISSUING = frozenset({"submit", "issue", "confirm"})
"""Moves that only an authority in the register makes."""

_CLARIFIABLE = frozenset({"manifest_error", "insufficient_information"})
"""Grounds of Annex III that a word of the issuer can end."""


@dataclass(frozen=True, slots=True)
class ScrutinyFacts:
    """The facts that the rules need of a scrutiny. authority: who examines; "" for nobody yet."""

    state: ScrutinyState
    basis: ScrutinyBasis
    due_at: datetime
    authority: str = ""

    @property
    def is_open(self) -> bool:
        """Whether it is not decided."""
        return self.state in {ScrutinyState.OPENED, ScrutinyState.ANNOUNCED}

    @property
    def is_requested(self) -> bool:
        """Whether the provider or a content provider asked for it."""
        return self.basis is not ScrutinyBasis.OWN_INITIATIVE


@dataclass(frozen=True, slots=True)
class PreservationFacts:
    """The facts that the rules need of a preservation.

    until:      None while it waits for a request for production.
    entered_by: the party that recorded it; "" for Art. 6, which begins by itself.
    """

    until: datetime | None
    uid: str = ""
    basis: PreservationBasis = PreservationBasis.TCO
    since: datetime | None = None
    entered_by: str = ""
    is_extended: bool = False
    is_ended: bool = False
    is_destroyed: bool = False


@dataclass(frozen=True, slots=True)
class EntryFacts:
    """The facts that the rules need of an order that was made elsewhere. entered_by: a party."""

    entered_by: str
    state: EntryState = EntryState.WAITING


@dataclass(frozen=True, slots=True)
class OrderFacts:
    """The facts that the rules need of an order. Parties by name.

    issued_by:    "" for an issuer that is no party.

    homes:        the authorities that have a copy, each with when it received it, or None.
    grounds:      those of the Annex III that stops the clock now.
    scrutinies:   all of them, oldest first.
    appeals:      all of them, oldest first. appeal_until: the last day for one, if it is known.
    final:        why the order is final; None while it is not.
    entry:        how it was entered by hand; None for an order made here.
    """

    state: OrderState
    issued_by: str
    addressee: str
    homes: tuple[tuple[str, datetime | None], ...] = ()
    is_cross_border: bool = False
    issued_at: datetime | None = None
    received_at: datetime | None = None
    is_acknowledged: bool = False
    grounds: frozenset[str] = frozenset()
    secret_until: datetime | None = None
    scrutinies: tuple[ScrutinyFacts, ...] = ()
    preservations: tuple[PreservationFacts, ...] = ()
    appeals: tuple["AppealFacts", ...] = ()
    appeal_until: date | None = None
    final: FinalGround | None = None
    entry: EntryFacts | None = None


@dataclass(frozen=True, slots=True)
class AppealFacts:
    """The facts that the rules need of an appeal."""

    uid: str
    lodged_by: Appellant
    lodged_on: date
    outcome: AppealOutcome
    decided_on: date | None = None


def side_of(facts: OrderFacts, *, name: str) -> Side | None:
    """Return the side of an order that a party is on; None for strangers, who may not see it."""
    if name and name == facts.issued_by:
        return Side.ISSUER
    if name == facts.addressee:
        return None if facts.issued_at is None else Side.ADDRESSEE
    return Side.HOME if name in dict(facts.homes) else None


def check_confirmed(facts: OrderFacts, *, name: str) -> None:
    """Check that a party confirmed an order that others entered by hand, before it acts on it.

    raises: ConflictError.
    """
    entry = facts.entry
    if entry is None or entry.state is EntryState.CONFIRMED or entry.entered_by == name:
        return
    if name in {facts.issued_by, facts.addressee}:
        raise ConflictError(
            "{who} entered this order by hand: confirm first that it is right",
            who=entry.entered_by,
        )


def check_draft(*, kind: PartyKind, is_competent: bool, role: Role | None) -> None:
    """Check that the party may draft orders: only an authority that its state named, no agency.

    source: Regulation (EU) 2021/784 Art. 3(1) and 12(1)(a).
    """
    if kind is PartyKind.AGENCY:
        raise NotAllowedError("an agency cannot issue orders: make a referral")
    if kind is not PartyKind.AUTHORITY:
        raise NotAllowedError("only authorities can issue removal orders: contact one")
    if not is_competent:
        raise NotAllowedError(
            "your authority is not in the register for issuing removal orders (Art. "
            "12(1)(a)): ask the hub's operator to add it, or make a referral"
        )
    check_person_may_write(role)


def check_inform(*, kind: PartyKind, is_competent: bool, role: Role | None) -> None:
    """Check that a party may inform a provider before a first order: those who may order may."""
    check_draft(kind=kind, is_competent=is_competent, role=role)


def check_look(*, kind: PartyKind) -> None:
    """Check that a party may ask whether others have orders for an address."""
    if kind not in {PartyKind.AUTHORITY, PartyKind.AGENCY}:
        raise NotAllowedError("only authorities and agencies can look up orders of others")


def check_addressee(name: str, *, kind: PartyKind) -> None:
    """Check that an order is addressed to a provider. raises: InvalidError."""
    if kind is not PartyKind.PROVIDER:
        raise InvalidError("to", "{name} is not a provider: orders go to providers only", name=name)


def check_mark(*, crisis: bool, exercise: bool) -> None:
    """Check that a crisis and its order are both real or both an exercise."""
    if crisis is not exercise:
        crisis_kind = "an exercise" if crisis else "real"
        raise InvalidError(
            "exercise",
            "the crisis is {what} and the order is not: both must be the same",
            what=crisis_kind,
        )


def check_link(uid: object, *, shared_by: str, name: str, exercise: bool, is_drill: bool) -> None:
    """Check that an order names its issuer's own signals only: they are withdrawn with it."""
    if shared_by != name:
        raise InvalidError(
            "signals",
            "{uid} was shared by {shared_by}: you can name only your own signals",
            uid=uid,
            shared_by=shared_by,
        )
    if exercise is not is_drill:
        raise InvalidError(
            "signals", "{uid} and the order are not both real or both an exercise", uid=uid
        )


def check_move(
    facts: OrderFacts, move: str, *, name: str, role: Role | None, is_competent: bool = True
) -> OrderState:
    """Return the state that a move leads to, if the party may make it.

    is_competent: whether the issuer is registered for issuing now.

    raises: NotAllowedError, ConflictError.
    """
    side = known_side(facts, name=name)
    check = check_person_may_lead if move in _LEADING else check_person_may_write
    check(role)
    if side is Side.ISSUER:
        check_confirmed(facts, name=name)
    try:
        after = machine("order").to(facts.state, move, side=side)
    except WrongMoveError as error:
        raise ConflictError(
            "this order is {state}: this action is not possible now",
            state=machine("order").states[facts.state].title,
        ) from error
    if move in _ISSUING and not is_competent:
        raise NotAllowedError(
            "your authority is no longer in the register for issuing removal orders"
        )
    return OrderState(after)


def check_clock(facts: OrderFacts, move: str) -> OrderState:
    """Return the state that a move of the clock leads to. raises: ConflictError."""
    try:
        return OrderState(machine("order").to(facts.state, move, side=CLOCK))
    except WrongMoveError as error:
        raise ConflictError("this order is decided already") from error


def check_change(facts: OrderFacts, *, name: str, role: Role | None) -> None:
    """Check that the issuer may change a draft: a second person confirms what they read.

    raises: NotAllowedError, ConflictError.
    """
    if facts.state is OrderState.SUBMITTED:
        check_side(facts, Side.ISSUER, name=name)
        raise ConflictError(
            "this order waits for a second person: return it to draft before you change it"
        )
    check_move(facts, "discard", name=name, role=role)


def after_receipt(facts: OrderFacts, *, now: datetime) -> OrderFacts:
    """Return the facts of the order after its receipt: an answer implies one."""
    if facts.state is not OrderState.ISSUED:
        return facts
    return replace(facts, state=OrderState.RECEIVED, received_at=now)


def ending_move(state: OrderState, *, side: Side) -> str:
    """Return the move that ends an order's effect; executed orders are to be reinstated.

    One that waits for a second person is a draft again.
    """
    if side is Side.HOME:
        return "undo" if state is OrderState.EXECUTED else "annul"
    if state is OrderState.SUBMITTED:
        return "recall"
    return "revoke" if state is OrderState.EXECUTED else "withdraw"


def check_acknowledge(facts: OrderFacts, *, name: str, role: Role | None) -> None:
    """Check that the addressee may acknowledge, once, that a person has the order."""
    check_side(facts, Side.ADDRESSEE, name=name)
    check_person_may_write(role)
    if facts.is_acknowledged:
        raise ConflictError("this order is already acknowledged")
    if facts.state not in {OrderState.ISSUED, OrderState.RECEIVED, OrderState.SUSPENDED}:
        raise ConflictError("this order has ended: there is nothing left to acknowledge")


def check_resume(
    facts: OrderFacts, *, name: str, role: Role | None, side: Side | None = None
) -> None:
    """Check that a side may end a pause: the addressee its ground, the issuer by clarification.

    side: whose door it is, where it is one side's alone.
    """
    if side is not None:
        check_side(facts, side, name=name)
    check_move(facts, "resume", name=name, role=role)
    if name == facts.issued_by and not facts.grounds & _CLARIFIABLE:
        raise ConflictError(
            "only the provider can end an impossibility: wait for it, or withdraw the order"
        )


def check_prolong(
    facts: OrderFacts, *, name: str, role: Role | None, until: datetime, now: datetime
) -> None:
    """Check that the issuer may extend the secrecy of an order, by at most six weeks once.

    source: Regulation (EU) 2021/784 Art. 11(3).
    """
    check_side(facts, Side.ISSUER, name=name)
    check_person_may_lead(role)
    check_confirmed(facts, name=name)
    if facts.state not in IN_EFFECT or facts.secret_until is None or facts.issued_at is None:
        raise ConflictError("this order is not secret")
    if now >= facts.secret_until:
        raise ConflictError("the secrecy has ended: the content provider may already know")
    most = deadlines.secrecy_until(facts.issued_at, times=2)
    if not facts.secret_until < until <= most:
        raise InvalidError(
            "until",
            "is not possible: enter a time after {first:%Y-%m-%d %H:%M} and at most "
            "{most:%Y-%m-%d %H:%M} UTC",
            first=facts.secret_until,
            most=most,
        )


def is_late(
    measure_at: datetime, *, received_at: datetime, pauses: Sequence[deadlines.Pause]
) -> bool:
    """Whether a measure came after the hour; a stopped clock makes nothing late."""
    due = deadlines.execute_due(received_at, pauses=pauses)
    return due is not None and measure_at > due


def known_side(facts: OrderFacts, *, name: str) -> Side:
    """Return the side of a party. raises: NotAllowedError for strangers."""
    side = side_of(facts, name=name)
    if side is None:
        raise NotAllowedError("your party has no part in this order")
    return side


def check_side(facts: OrderFacts, side: Side, *, name: str) -> None:
    """Refuse a party that is not on that side of an order."""
    if known_side(facts, name=name) is not side:
        who = (facts.issued_by or "its issuer") if side is Side.ISSUER else facts.addressee
        raise NotAllowedError("only {who} can do this with the order", who=who)
