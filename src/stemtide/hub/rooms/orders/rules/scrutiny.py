# SPDX-License-Identifier: Apache-2.0
"""Rules of scrutiny: who requests it, who examines an order, and until when.

source: Regulation (EU) 2021/784 Art. 4.
"""

from datetime import datetime

from stemtide.hub.platform.errors import ConflictError, InvalidError, NotAllowedError
from stemtide.hub.platform.permissions import check_person_may_lead, check_person_may_write
from stemtide.hub.rooms.orders.rules.orders import (
    IN_EFFECT,
    OrderFacts,
    ScrutinyFacts,
    Side,
    check_confirmed,
    side_of,
)
from stemtide.protocol.enums import Role
from stemtide.protocol.enums.orders import ScrutinyBasis, ScrutinyState
from stemtide.protocol.law import deadlines
from stemtide.protocol.law.machines import WrongMoveError, machine

_FINDING = frozenset({"announce", "infringe"})
"""Steps towards an infringement."""


def check_open(
    facts: OrderFacts,
    basis: ScrutinyBasis,
    *,
    name: str,
    role: Role | None,
    informed_at: datetime | None,
    now: datetime,
) -> datetime:
    """Whether scrutiny is asked for or opened, and from when the time for it runs.

    A provider asks within 48 hours of receipt. A content provider is no party here: the authority
    that it asked enters the request, made within 48 hours of its being informed. By itself the
    authority acts within 72 hours of its copy. A request is heard also while an authority examines
    by itself: its own initiative may lapse, the right of who asked does not.

    raises: NotAllowedError, ConflictError, InvalidError.
    """
    side = side_of(facts, name=name)
    needed = Side.ADDRESSEE if basis is ScrutinyBasis.PROVIDER else Side.HOME
    if side is not needed:
        who = facts.addressee if needed is Side.ADDRESSEE else "an authority with a copy"
        raise NotAllowedError("only {who} can open scrutiny on this basis", who=who)
    (check_person_may_write if side is Side.ADDRESSEE else check_person_may_lead)(role)
    check_confirmed(facts, name=name)
    if facts.state not in IN_EFFECT:
        raise ConflictError("this order has no effect: there is nothing to scrutinise")
    if not facts.homes:
        raise ConflictError(
            "no authority has a copy of this order in the hub: only orders of another Member State"
            " are examined so; challenge it before the court that it names"
        )
    is_requested = basis is not ScrutinyBasis.OWN_INITIATIVE
    if any(
        scrutiny.is_open
        for scrutiny in facts.scrutinies
        if not is_requested or scrutiny.is_requested
    ):
        raise ConflictError("scrutiny of this order is already open")
    if basis is ScrutinyBasis.OWN_INITIATIVE:
        return _own_initiative(facts, name=name, now=now)
    return _requested(facts, basis, informed_at=informed_at, now=now)


def _own_initiative(facts: OrderFacts, *, name: str, now: datetime) -> datetime:
    """Return when an authority's own 72 hours began: with its copy. raises: ConflictError."""
    since = dict(facts.homes)[name] or now
    if now > deadlines.scrutiny_due(since):
        raise ConflictError("the 72 hours since your copy are over: scrutiny now needs a request")
    return since


def _requested(
    facts: OrderFacts, basis: ScrutinyBasis, *, informed_at: datetime | None, now: datetime
) -> datetime:
    """Return when the 72 hours after a request begin: now. raises: ConflictError, InvalidError."""
    since = facts.received_at
    if basis is ScrutinyBasis.CONTENT_PROVIDER:
        if informed_at is None or informed_at > now:
            raise InvalidError(
                "informed_at", "enter when the content provider was informed, or received the order"
            )
        since = informed_at
    if since is not None and now > deadlines.ask_scrutiny_until(since):
        raise ConflictError("the 48 hours for requesting scrutiny are over")
    return now


def check_door(basis: ScrutinyBasis, *, is_providers: bool) -> None:
    """Check that a basis belongs to the endpoint: providers request scrutiny, authorities open it.

    raises: InvalidError.
    """
    if (basis is ScrutinyBasis.PROVIDER) is not is_providers:
        other = "scrutiny" if is_providers else "ask-scrutiny"
        raise InvalidError("basis", "is not for this address: use {other}", other=other)


def check_competent(*, is_competent: bool) -> None:
    """Check that the authority's Member State named it for the scrutiny of orders."""
    if not is_competent:
        raise NotAllowedError(
            "your authority is not in the register for scrutiny (Art. 12(1)(b)): ask the "
            "hub's operator to add it"
        )


def check_decide(
    facts: OrderFacts,
    scrutiny: ScrutinyFacts,
    move: str,
    *,
    name: str,
    role: Role | None,
    is_competent: bool,
    now: datetime,
) -> ScrutinyState:
    """Return the state that a step of scrutiny leads to, if the authority may take it.

    The authority that examines continues; the first authority with a copy may take up a request.
    An infringement is found only after it was announced to the issuer, and on an
    authority's own initiative only within its 72 hours. A request must be decided, also late.

    raises: NotAllowedError, ConflictError.
    source: Regulation (EU) 2021/784 Art. 4(3): the finding is adopted "within the same period";
            Art. 4(4) sets a duty to decide, and no lapse; Art. 4(5).
    """
    if side_of(facts, name=name) is not Side.HOME:
        raise NotAllowedError("only an authority with a copy can examine this order")
    check_competent(is_competent=is_competent)
    if scrutiny.authority not in {"", name}:
        raise NotAllowedError("{who} is already examining this order", who=scrutiny.authority)
    check_person_may_lead(role)
    if scrutiny.is_open and move in _FINDING and has_lapsed(scrutiny, now=now):
        raise ConflictError(
            "the 72 hours of your own initiative ended at {due_at:%Y-%m-%d %H:%M} UTC: an"
            " infringement can no longer be found (Art. 4(3)); decide that there is none, or wait"
            " for a request",
            due_at=scrutiny.due_at,
        )
    try:
        return ScrutinyState(machine("scrutiny").to(scrutiny.state, move, side="home"))
    except WrongMoveError as error:
        if move == "infringe" and scrutiny.state is ScrutinyState.OPENED:
            raise ConflictError(
                "inform the issuer first that you intend to find an infringement, with reasons"
            ) from error
        raise ConflictError(
            "this scrutiny is decided: {state}",
            state=machine("scrutiny").states[scrutiny.state].title,
        ) from error


def has_lapsed(scrutiny: ScrutinyFacts, *, now: datetime) -> bool:
    """Whether the power to find an infringement by own initiative has ended.

    source: Regulation (EU) 2021/784 Art. 4(3).
    """
    return not scrutiny.is_requested and now > scrutiny.due_at
