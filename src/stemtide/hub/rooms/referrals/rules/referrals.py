# SPDX-License-Identifier: Apache-2.0
"""Rules of referrals: who refers to which provider, who answers, and the search before it.

A referral is voluntary: no rule here obliges a provider to act, and there is no deadline.

source: Regulation (EU) 2021/784 Art. 14(1) for what is searched before sending: authorities avoid
        to do the same twice, and to disturb an investigation.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from stemtide.fingerprints.url import canonical
from stemtide.hub.platform.errors import ConflictError, InvalidError, NotAllowedError
from stemtide.hub.platform.permissions import (
    WRITING_ROLES,
    allows,
    check_person_may_lead,
    check_person_may_write,
)
from stemtide.hub.rooms.parties.rules.standing import Acting
from stemtide.protocol.enums import PartyKind, Role
from stemtide.protocol.enums.referrals import Answer, ReferralState, RowOutcome
from stemtide.protocol.law.machines import WrongMoveError, machine
from stemtide.protocol.messages.referrals import MAX_URL_CHARS, AssessIn

__all__ = [
    "AWAITING",
    "BACK",
    "MOVE_OF",
    "REFERRING",
    "STANDING",
    "WRITING_ROLES",
    "NearbyReferrals",
    "ReferralFacts",
    "allows",
    "check_answer",
    "check_answer_to_many",
    "check_assess",
    "check_hand",
    "check_inbox",
    "check_measure",
    "check_move",
    "check_provider",
    "check_same_mark",
    "check_verdict",
    "columns_of",
    "may_see",
    "move",
    "read_url",
    "verdict",
]

REFERRING = frozenset({PartyKind.AUTHORITY, PartyKind.AGENCY})
"""Kinds of party that refer content and ask for holds."""

STANDING = (
    *(ReferralState.ASSESSED, ReferralState.HELD),
    *(ReferralState.SENT, ReferralState.ACKNOWLEDGED, ReferralState.NEEDS_CONTEXT),
)
"""States in which somebody still has to do something."""

AWAITING = frozenset({ReferralState.SENT, ReferralState.ACKNOWLEDGED, ReferralState.NEEDS_CONTEXT})
"""States in which a provider has not decided yet."""

MOVE_OF: Mapping[Answer, str] = {
    Answer.REMOVED: "remove",
    Answer.DISABLED: "disable",
    Answer.GEO_BLOCKED: "geo_block",
    Answer.REFUSED: "refuse",
    Answer.NOT_FOUND: "miss",
    Answer.NEEDS_CONTEXT: "ask",
}
"""The machine's move for each answer."""

CLOCK_SKEW = timedelta(minutes=5)
"""By how much another machine's clock may run ahead of ours."""

_LEADING = frozenset({"send", "override", "drop", "withdraw"})
"""Moves that need a role that decides; an analyst may make the others."""

BACK = frozenset({ReferralState.NOT_REFERRED, ReferralState.WITHDRAWN})
"""States of a referral that no longer counts: the same address may be referred again."""


@dataclass(frozen=True, slots=True)
class ReferralFacts:
    """The facts that the rules need of a referral. sender, provider: names. is_sent: ever."""

    state: ReferralState
    sender: str
    provider: str
    is_sent: bool = False


@dataclass(frozen=True, slots=True)
class NearbyReferrals:
    """The result of the search around an address that is about to be sent.

    own:       the state of the sender's last referral of it to this provider; None: there is none.
    reference: that referral's.
    others:    another authority's referral of it awaits an answer.
    holds:     holds of others stand on it.
    """

    own: ReferralState | None = None
    reference: str = ""
    others: bool = False
    holds: bool = False


def may_see(facts: ReferralFacts, *, name: str, kind: PartyKind) -> bool:
    """Whether a party sees a referral: its sender, agencies, and its addressee once it was sent."""
    if kind is PartyKind.AGENCY or name == facts.sender:
        return True
    return name == facts.provider and facts.is_sent


def check_assess(*, kind: PartyKind, role: Role | None) -> None:
    """Check that the party may assess content: authorities and agencies may, in a writing role."""
    if kind not in REFERRING:
        raise NotAllowedError("only an authority or an agency can refer content: contact one")
    check_person_may_write(role)


def check_provider(name: str, *, kind: PartyKind) -> None:
    """Check that a referral is addressed to a provider. raises: InvalidError."""
    if kind is not PartyKind.PROVIDER:
        raise InvalidError("provider", "{name} is not a provider: choose one", name=name[:60])


def check_same_mark(*, exercise: bool, of_what: str, is_exercise: bool) -> None:
    """Check that an exercise touches nothing real.

    of_what: the other thing, such as "crisis"; is_exercise: its mark.
    """
    if exercise is not is_exercise:
        raise InvalidError(
            "exercise",
            "the {of_what} is {what} and the referral is not: both must be the same",
            of_what=of_what,
            what="an exercise" if is_exercise else "real",
        )


def read_url(text: str) -> tuple[str, str]:
    """Return the address to send, and its canonical spelling for look-ups.

    What was made unclickable (hxxp, [.]) is undone: the provider must find the content.

    raises: InvalidError for what is no web address, or holds a password.
    """
    try:
        address, spelled = canonical.address(text), canonical.canonical(text)
    except canonical.UrlError as error:
        raise InvalidError("url", "{why}", why=str(error)) from error
    if not address.isprintable() or " " in address:
        raise InvalidError(
            "url", "contains a space or an invisible character: write it as in a browser"
        )
    if "@" in address.split("/")[2]:
        raise InvalidError("url", "contains a user name: remove the part before the @")
    if max(len(address), len(spelled)) > MAX_URL_CHARS:
        raise InvalidError("url", "is longer than {most} characters", most=MAX_URL_CHARS)
    return address, spelled


def check_hand(facts: ReferralFacts, move: str, *, by: Acting) -> None:
    """Check that a move is made by its side, sender or addressee, in a role that may.

    raises: NotAllowedError.
    """
    side = machine("referral").moves[move].by[0]
    whose = facts.sender if side == "sender" else facts.provider
    if by.name != whose:
        raise NotAllowedError("only {whose} can do this: the referral belongs to it", whose=whose)
    if move in _LEADING:
        check_person_may_lead(by.role)
    else:
        check_person_may_write(by.role)


def columns_of(body: AssessIn) -> dict[str, object]:
    """Return the columns of a referral's row that come from its assessment."""
    return {
        "content_type": body.content_type,
        "language": body.language or "",
        "ideology": body.ideology or "",
        "labels": sorted(set(body.labels)),
        "terms": body.terms,
        "reason": body.reason,
    }


def move(facts: ReferralFacts, name: str, *, side: str) -> ReferralState:
    """Return the state after a move. side: the one that makes it.

    raises: ConflictError naming what is possible instead.
    """
    states = machine("referral")
    try:
        return ReferralState(states.to(facts.state, name, side=side))
    except WrongMoveError as error:
        can = ", ".join(
            states.moves[open_move].title for open_move in states.open_to(facts.state, side=side)
        )
        raise ConflictError(
            "this referral is {state}: this action is not possible now; possible: {can}",
            state=facts.state.replace("_", " "),
            can=can or "nothing",
        ) from error


def check_move(facts: ReferralFacts, name: str, *, by: Acting) -> ReferralState:
    """Return the state after an actor's move. raises: NotAllowedError, ConflictError."""
    check_hand(facts, name, by=by)
    return move(facts, name, side=machine("referral").moves[name].by[0])


def check_answer(facts: ReferralFacts, answer: Answer, *, by: Acting) -> ReferralState:
    """Return the state after a provider's answer. raises: NotAllowedError, ConflictError."""
    return check_move(facts, MOVE_OF[answer], by=by)


def check_answer_to_many(answer: Answer) -> None:
    """Check that an answer can be given to several referrals: a question is about one."""
    if answer is Answer.NEEDS_CONTEXT:
        raise InvalidError("answer", "a question is about one referral: ask it on that one's page")


def check_inbox(kind: PartyKind) -> None:
    """Check that the party has an inbox: only providers get referrals and removal orders."""
    if kind is not PartyKind.PROVIDER:
        raise NotAllowedError(
            "only a provider has an inbox: see your lists for what your party sent"
        )


def check_measure(measure_at: datetime, *, sent_at: datetime, now: datetime) -> None:
    """Check that a measure lies in the past. It may be older than the referral."""
    if measure_at > now + CLOCK_SKEW:
        raise InvalidError("measure_at", "is in the future: enter when it was done")
    if measure_at < sent_at - timedelta(days=3650):
        raise InvalidError("measure_at", "is ten years before the referral: check the year")


def verdict(around: NearbyReferrals, *, again: bool = False) -> RowOutcome:
    """Return the decision about an assessed address, after the search.

    1. The sender's own open or answered referral of the same: it is a duplicate. again: an answered
       one does not count, as the content came back.
    2. Another party's hold: it waits.
    3. Another authority's unanswered referral: it needs a reason.
    """
    if around.own is not None and around.own not in BACK and (around.own in STANDING or not again):
        return RowOutcome.DUPLICATE
    if around.holds:
        return RowOutcome.HELD
    return RowOutcome.REFERRED_BY_OTHERS if around.others else RowOutcome.SENT


def check_verdict(outcome: RowOutcome, *, reference: str, despite: str = "") -> None:
    """Refuse a referral that the search speaks against. reference: of the sender's own referral.

    raises: ConflictError with the remedy.
    """
    if outcome is RowOutcome.DUPLICATE:
        raise ConflictError(
            "your party already refers this address, as {reference}; if the content came "
            "back after the answer, send it with again",
            reference=reference,
        )
    if outcome is RowOutcome.REFERRED_BY_OTHERS and not despite.strip():
        raise ConflictError(
            "another authority's referral of this address waits for its answer: search to "
            "see whose, and send yours only with a reason, in despite"
        )
