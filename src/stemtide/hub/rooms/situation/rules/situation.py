# SPDX-License-Identifier: Apache-2.0
"""Rules of a crisis' log and its public statements: who writes, agrees, and when."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from stemtide.hub.platform.errors import ConflictError, InvalidError, NotAllowedError
from stemtide.hub.platform.permissions import allows, check_person_may_lead, check_person_may_write
from stemtide.protocol.enums import MessageKind, PartyKind, PublicStatementState, Role, Vote
from stemtide.protocol.handling import TLP_ALLOWS, Tlp
from stemtide.protocol.messages.situation import MessageIn

__all__ = [
    "LineFacts",
    "MessageFacts",
    "RoomFacts",
    "allows",
    "check_agrees_with",
    "check_audience",
    "check_hand",
    "check_pin",
    "check_post",
    "check_propose",
    "check_vote",
    "check_withdraw_line",
    "state_of_votes",
]

LEADING_KINDS = frozenset({PartyKind.AUTHORITY, PartyKind.AGENCY})
"""Kinds of party whose investigations a removal may harm; one must agree each statement."""

_THEIRS = frozenset({MessageKind.PRESERVE, MessageKind.DO_NOT_REMOVE})
_PARTIES_FOR_A_LINE = 2


@dataclass(frozen=True, slots=True)
class RoomFacts:
    """The facts that the rules need of a room, for a person in it. opened_by: a party's name."""

    is_open: bool
    opened_by: str


@dataclass(frozen=True, slots=True)
class MessageFacts:
    """The facts that the rules need of a message that another one names."""

    kind: MessageKind
    posted_by: str
    is_corrected: bool


@dataclass(frozen=True, slots=True)
class LineFacts:
    """The facts that the rules need of a public statement."""

    state: PublicStatementState
    proposed_by: str


def check_hand(role: Role | None) -> None:
    """Check that a person has a role that may write.

    role: None for a machine; the scope of its key was checked before.
    """
    if role is not None:
        check_person_may_write(role)


def check_post(
    room: RoomFacts, *, kind: PartyKind, role: Role | None, message: MessageKind | None = None
) -> None:
    """Check that the party may post: all but observers in the room may; some kinds only some may.

    message: None asks whether any kind may be written.
    """
    if kind is PartyKind.OBSERVER:
        raise NotAllowedError("observers can only read the log: tell an authority or the agency")
    check_hand(role)
    if message in _THEIRS and kind not in LEADING_KINDS:
        raise NotAllowedError(
            "only authorities and agencies can ask to preserve or not to remove: post a question"
        )
    if message is MessageKind.DECISION:
        check_person_may_lead(role)
    if not room.is_open:
        raise ConflictError("this crisis and its log are closed: write in the debrief")


def check_audience(body: MessageIn, *, members: Iterable[str]) -> None:
    """Check a message's audience: TLP:RED names parties, and named parties are in the room."""
    if TLP_ALLOWS[Tlp(body.tlp)].needs_audience and not body.audience:
        raise InvalidError(
            "audience", "TLP:{tlp} needs named recipients: name them", tlp=body.tlp.upper()
        )
    if unknown := sorted(set(body.audience) - set(members)):
        raise InvalidError(
            "audience",
            "{unknown!r} is not in this room: see its participants",
            unknown=unknown[0][:60],
        )


def check_agrees_with(
    body: MessageIn, *, author: str, answers: MessageFacts | None, corrects: MessageFacts | None
) -> None:
    """Check that an answer names a question, and a correction its party's own latest message."""
    if answers is not None and (
        body.kind is not MessageKind.ANSWER or answers.kind is not MessageKind.QUESTION
    ):
        raise InvalidError("answers", "only an answer can name a message, which must be a question")
    if corrects is None:
        return
    if corrects.posted_by != author:
        raise NotAllowedError(
            "only {posted_by}, who wrote that message, can correct it: answer it instead",
            posted_by=corrects.posted_by,
        )
    if corrects.is_corrected:
        raise ConflictError("that message was already corrected: correct its latest correction")


def check_pin(room: RoomFacts, *, kind: PartyKind, name: str, role: Role | None) -> None:
    """Check that a leading party pins a message: the opener, authorities, agencies."""
    if kind not in LEADING_KINDS and name != room.opened_by:
        raise NotAllowedError(
            "only the party that opened the crisis, authorities and agencies can pin: ask one"
        )
    check_person_may_lead(role)


def check_propose(room: RoomFacts, *, kind: PartyKind, role: Role | None) -> None:
    """Check that a party in the room, not an observer, proposes a public statement."""
    if kind is PartyKind.OBSERVER:
        raise NotAllowedError(
            "observers cannot propose public lines: tell an authority or the agency"
        )
    check_hand(role)
    if not room.is_open:
        raise ConflictError("this crisis is closed: you can no longer propose a line")


def check_vote(
    facts: LineFacts, room: RoomFacts, *, kind: PartyKind, name: str, role: Role | None
) -> None:
    """Check that a leading person votes for a party. It has agreed to its own proposal."""
    if kind is PartyKind.OBSERVER:
        raise NotAllowedError("observers cannot agree to public lines: tell an authority")
    check_person_may_lead(role)
    if not room.is_open:
        raise ConflictError("this crisis is closed: its public lines cannot change")
    if facts.state in {PublicStatementState.SUPERSEDED, PublicStatementState.WITHDRAWN}:
        raise ConflictError(
            "this line is {state}: see the line that replaced it", state=facts.state
        )
    if name == facts.proposed_by:
        raise ConflictError("your party proposed this line: withdraw it if it no longer agrees")


def check_withdraw_line(facts: LineFacts, *, name: str, role: Role | None) -> None:
    """Check that the proposing party withdraws a public statement."""
    if name != facts.proposed_by:
        raise NotAllowedError(
            "only {proposed_by} can withdraw this line: object to it instead",
            proposed_by=facts.proposed_by,
        )
    check_hand(role)
    if facts.state in {PublicStatementState.SUPERSEDED, PublicStatementState.WITHDRAWN}:
        raise ConflictError("this line is already {state}", state=facts.state)


def state_of_votes(
    votes: Mapping[str, Vote], *, kinds: Mapping[str, PartyKind], proposed_by: str
) -> PublicStatementState:
    """Return the state of a public statement by its votes. votes, kinds: by the party's name.

    One objection keeps a line from being used. Otherwise two parties must agree, its proposer
    among them, and one of the two answers to a public: an authority or an agency.
    """
    if Vote.OBJECT in votes.values():
        return PublicStatementState.OBJECTED
    agreed = {proposed_by, *votes}
    if len(agreed) >= _PARTIES_FOR_A_LINE and any(
        kinds[party] in LEADING_KINDS for party in agreed
    ):
        return PublicStatementState.AGREED
    return PublicStatementState.PROPOSED
