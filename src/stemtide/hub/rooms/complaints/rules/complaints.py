# SPDX-License-Identifier: Apache-2.0
"""Rules of complaints: who makes links, takes complaints up and decides, and when.

source: Regulation (EU) 2021/784 Art. 10; Regulation (EU) 2022/2065 Art. 20.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from stemtide.hub.platform.errors import ConflictError, InvalidError, NotAllowedError
from stemtide.hub.platform.permissions import allows, check_person_may_write
from stemtide.protocol.enums import PartyKind, Role
from stemtide.protocol.enums.complaints import (
    ComplaintBasis,
    ComplaintFinding,
    ComplaintState,
    Exemption,
)
from stemtide.protocol.handling import Pap
from stemtide.protocol.law.deadlines import COMPLAINT_WEEKS, months_after, weeks_after
from stemtide.protocol.law.machines import WrongMoveError, machine
from stemtide.protocol.messages.complaints import ComplaintLinkIn, ComplaintOutcomeIn

__all__ = [
    "ERASE_AT_LAST_MONTHS",
    "ERASE_MONTHS",
    "LINK_LEEWAY",
    "LINK_MONTHS",
    "ComplaintFacts",
    "GroundFacts",
    "allows",
    "answer_due",
    "asks_author",
    "check_asked",
    "check_decide",
    "check_decision",
    "check_file",
    "check_link",
    "check_take",
    "check_unbound",
    "erase_due",
    "hand_of",
    "link_ends",
    "own_hand",
    "seal_digest",
    "state_after",
]

LINK_MONTHS = 6
"""For how long one may complain, at least. source: Regulation (EU) 2022/2065 Art. 20(1)."""

LINK_LEEWAY = timedelta(days=14)
"""Extra time of a link, as the months count from when the uploader is informed (Art. 20(2))."""

ERASE_MONTHS = 6
"""Words are kept this long after the outcome, in case a party takes it further.

source: our choice, after the six months of Regulation (EU) 2021/784 Art. 6.
"""

ERASE_AT_LAST_MONTHS = 12
"""Words of a complaint that nobody decides are kept no longer. Our choice."""

_FUTURE = timedelta(minutes=5)
"""How far a provider's clock may be ahead of ours."""


@dataclass(frozen=True, slots=True)
class GroundFacts:
    """The facts that the rules need of a decision's ground.

    pap: of a signal. secret_until: of an order that must be kept secret from its content provider.
    """

    exercise: bool
    pap: Pap | None = None
    secret_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class ComplaintFacts:
    """The facts that the rules need of a complaint. party: the provider that decided.

    own_hands: who acted, or shared the signal: they do not reject a complaint about it.
    binds:     it rests on a removal order that has its effect.
    """

    state: ComplaintState
    party: str
    basis: ComplaintBasis
    own_hands: frozenset[str]
    binds: bool = False


def check_link(*, kind: PartyKind, role: Role | None) -> None:
    """Check that the party may make links: only providers decide about content."""
    if kind is not PartyKind.PROVIDER:
        raise NotAllowedError(
            "only providers can create complaint links: complaints are about decisions of providers"
        )
    if role is not None:
        check_person_may_write(role)


def check_decision(decision: ComplaintLinkIn, *, ground: GroundFacts | None, now: datetime) -> None:
    """Check that a decision was taken and may be complained about.

    ground: what it rests on, if that is in this hub.
    raises: InvalidError naming the field.
    """
    if decision.acted_at > now + _FUTURE:
        raise InvalidError("acted_at", "is in the future: enter when you acted")
    if link_ends(decision.acted_at) < now:
        raise InvalidError("acted_at", "is more than six months ago: the time to complain is over")
    if decision.basis is ComplaintBasis.OWN and decision.ground is not None:
        raise InvalidError(
            "ground", "must be left out: your own decision is based on no signal, referral or order"
        )
    if decision.basis is not ComplaintBasis.OWN and decision.ground is None:
        raise InvalidError(
            "ground",
            "is missing: enter the id of the signal, referral or "
            "order that your decision is based on",
        )
    if ground is None:
        return
    if ground.pap is Pap.RED:
        raise InvalidError(
            "ground", "is a PAP:RED signal: it allows no action, and nobody may learn of it"
        )
    if ground.secret_until is not None and ground.secret_until > now:
        raise InvalidError(
            "ground",
            "is an order that must stay secret until {until:%Y-%m-%d %H:%M} UTC: wait",
            until=ground.secret_until,
        )
    if ground.exercise is not decision.exercise:
        ground_kind = "an exercise" if ground.exercise else "real"
        raise InvalidError(
            "exercise",
            "its ground is {what} and the decision is not: both must be the same",
            what=ground_kind,
        )


def link_ends(moment: datetime) -> datetime:
    """Return when a link that was made at a moment expires."""
    return months_after(moment, LINK_MONTHS) + LINK_LEEWAY


def answer_due(filed_at: datetime) -> datetime:
    """Return when the complainant must know the outcome.

    source: Regulation (EU) 2021/784 Art. 10(2): two weeks of receipt.
    """
    return weeks_after(filed_at, COMPLAINT_WEEKS)


def check_file(*, is_there: bool) -> None:
    """Check that nobody has complained about this decision: one complaint for each."""
    if is_there:
        raise ConflictError("there is already a complaint about this decision: see its state")


def check_take(facts: ComplaintFacts, *, name: str, role: Role | None) -> None:
    """Check that a person of the provider may assign the complaint to themselves."""
    _check_reviewer(facts, name=name, role=role)
    state_after("complaint", facts.state, "take", side="reviewer")


def check_decide(
    facts: ComplaintFacts, outcome: ComplaintOutcomeIn, *, name: str, role: Role | None, hand: str
) -> None:
    """Check that the provider's reviewer decides and gives reasons.

    hand: who reviews. The person who took the decision may find it wrong, but not right.

    raises: NotAllowedError, ConflictError, InvalidError naming the field.
    source: Regulation (EU) 2022/2065 Art. 20(4) and (6): diligent, and not by machines alone.
    """
    _check_reviewer(facts, name=name, role=role)
    state_after(
        "complaint", facts.state, "uphold" if outcome.is_upheld else "reject", side="reviewer"
    )
    if outcome.is_upheld:
        _check_upheld(facts, outcome)
        return
    if own_hand(facts, hand):
        raise NotAllowedError(
            "this complaint is about your own decision: uphold it, or let a colleague decide"
        )
    if outcome.exemption is not Exemption.NONE:
        raise InvalidError(
            "exemption", "a context that makes content lawful upholds the complaint: choose none"
        )
    if outcome.finding is not None:
        raise InvalidError("finding", "must be left out: a rejected complaint has no finding")


def _check_upheld(facts: ComplaintFacts, outcome: ComplaintOutcomeIn) -> None:
    """Check that the finding names something there is, and that the provider may undo it.

    source: Regulation (EU) 2021/784 Art. 3(1) and 4(4): an order is obeyed, and then disputed.
    """
    check_unbound(facts)
    if outcome.finding is None:
        raise InvalidError("finding", "is missing: choose content or ground")
    if outcome.finding is ComplaintFinding.GROUND and facts.basis is ComplaintBasis.OWN:
        raise InvalidError("finding", "your own decision has no other ground: choose content")
    if outcome.finding is ComplaintFinding.GROUND and not outcome.note.strip():
        raise InvalidError("note", "is missing: explain to the requesting party what is wrong")


def check_unbound(facts: ComplaintFacts) -> None:
    """Refuse to uphold a complaint while a removal order binds the provider."""
    if facts.binds:
        raise ConflictError(
            "a removal order binds you while it has effect: reject with a note to its "
            "authority or request scrutiny, and name the competent court to the complainant"
        )


def asks_author(outcome: ComplaintOutcomeIn, *, basis: ComplaintBasis) -> bool:
    """Whether the party that asked for the measure is asked to look again.

    Where it was found wrong; and with a rejection, where a provider must obey and has doubts.
    """
    if outcome.is_upheld:
        return outcome.finding is ComplaintFinding.GROUND
    return basis is ComplaintBasis.ORDER and bool(outcome.note.strip())


def own_hand(facts: ComplaintFacts, hand: str) -> bool:
    """Whether somebody would review their own act."""
    return hand in facts.own_hands


def check_asked(redress: str) -> None:
    """Check that the signal's sharer was asked for redress. raises: ConflictError."""
    if not redress:
        raise ConflictError("no redress was requested: nothing changes")


def hand_of(ref: str, reviewed_by: str | None) -> str:
    """Return the reviewer: the person at the desk, or the one that a provider's tool names.

    ref: how the ledger names who acts here.
    raises: InvalidError for a machine that names nobody, as machines alone decide no complaint, or
    somebody of the desk, who would have signed in.
    """
    if ref.startswith("person:"):
        return ref
    if not reviewed_by:
        raise InvalidError(
            "reviewed_by", "is missing: enter the id of the reviewer in your own tools"
        )
    if reviewed_by.partition(":")[0].lower() in {"person", "key"}:
        raise InvalidError(
            "reviewed_by",
            "is a person of this hub: enter the id of the reviewer in your own tools, or let "
            "them decide at the desk",
        )
    return reviewed_by


def state_after(name: str, state: str, move: str, *, side: str) -> str:
    """Return the state after a move of a state machine.

    raises: ConflictError where that move is not made from there.
    """
    try:
        return machine(name).to(state, move, side=side)
    except WrongMoveError as error:
        states = machine(name)
        raise ConflictError(
            "it is {state} and cannot become {target}",
            state=state.replace("_", " "),
            target=states.moves[move].target.replace("_", " "),
        ) from error


def erase_due(filed_at: datetime, *, decided_at: datetime | None = None) -> datetime:
    """Return when a complaint's words are erased."""
    if decided_at is None:
        return months_after(filed_at, ERASE_AT_LAST_MONTHS)
    return months_after(decided_at, ERASE_MONTHS)


def seal_digest(text: str, *, salt: str) -> str:
    """Return the digest of a complaint's words: SHA-256 of salt and text.

    The ledger keeps it, so that nobody can say later that it read otherwise.
    """
    return hashlib.sha256(f"{salt}\n{text}".encode()).hexdigest()


def _check_reviewer(facts: ComplaintFacts, *, name: str, role: Role | None) -> None:
    """Check that the reviewer belongs to the provider, in a role that may write."""
    if name != facts.party:
        raise NotAllowedError("only the provider that took the decision can review the complaint")
    if role is not None:
        check_person_may_write(role)
