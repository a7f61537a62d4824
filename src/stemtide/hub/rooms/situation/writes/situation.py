# SPDX-License-Identifier: Apache-2.0
"""Write a crisis' log and its public statements."""

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Max

from stemtide.hub.platform.errors import InvalidError, NotFoundError
from stemtide.hub.platform.retention.columns import retention_columns
from stemtide.hub.rooms.crises.models import Crisis
from stemtide.hub.rooms.crises.reads import participants
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.signals.reads import signals
from stemtide.hub.rooms.signals.rules.signals import pack_audience, uuid_at
from stemtide.hub.rooms.situation.models import Line, LineVote, Message
from stemtide.hub.rooms.situation.reads import situation as reads
from stemtide.hub.rooms.situation.reads.message_text import read_text
from stemtide.hub.rooms.situation.rules import situation as rules
from stemtide.hub.rooms.situation.writes.references import add_references
from stemtide.protocol.enums import PartyKind, PublicStatementState, Vote as VoteWord
from stemtide.protocol.law.retention import RowClass
from stemtide.protocol.messages.situation import (
    MessageIn,
    MessageOut,
    PublicStatementIn,
    PublicStatementOut,
    VoteIn,
)


@transaction.atomic
def post(uid: UUID, *, body: MessageIn, by: Actor, now: datetime) -> MessageOut:
    """Write a message into the log of a crisis. It never changes; corrections follow it.

    People and parties that its text mentions are notified.

    raises: NotFoundError, NotAllowedError, InvalidError naming the field, ConflictError;
            RateLimitError over the party's limit of mentions.
    """
    ledger.lock_ledger()
    room = reads.find_room(uid, viewer=by.party)
    facts = reads.room_facts(room)
    rules.check_post(facts, kind=by.kind, role=by.role, message=body.kind)
    inside = participants.in_room(uid, viewer=by.party)
    rules.check_audience(body, members=[party.name for party in inside])
    answers = _spoken_of(body.answers, field="answers", room=room, by=by)
    corrects = _spoken_of(body.corrects, field="corrects", room=room, by=by)
    facts_of = {"answers": _facts(answers), "corrects": _facts(corrects)}
    rules.check_agrees_with(body, author=by.party.name, **facts_of)
    text, referenced = read_text(body, room=room, by=by)
    row = Message.objects.create(
        uid=uuid_at(now),
        crisis=room,
        number=_next_number(room),
        kind=body.kind,
        text=text,
        language=body.language,
        tlp=body.tlp,
        audience=pack_audience(body.audience),
        urgency=body.urgency,
        signal=_signal(body.signal, room=room, by=by),
        answers=answers,
        corrects=corrects,
        posted_by=by.party,
        posted_ref=by.ref,
        posted_as=by.role or "",
        posted_at=now,
        exercise=room.exercise,
        **retention_columns(RowClass.MESSAGE, kind=by.kind, now=now),
    )
    detail: dict[str, object] = {"kind": body.kind.value, "urgency": body.urgency.value}
    if corrects is not None:
        detail["corrects"] = corrects.ref
    _record("message.posted", row, by=by, now=now, detail=detail)
    add_references(row, referenced, by=by, now=now)
    return reads.message(row.uid, viewer=by.party)


def _next_number(room: Crisis) -> int:
    """Return the number of the next message in the log of a crisis."""
    last: int = room.messages.aggregate(last=Max("number"))["last"] or 0
    return last + 1


def _spoken_of(uid: UUID | None, *, field: str, room: Crisis, by: Actor) -> Message | None:
    """Return the message that another one names. raises: InvalidError if it is not in the room."""
    if uid is None:
        return None
    try:
        message = reads.find_message(uid, viewer=by.party)
    except NotFoundError as error:
        raise InvalidError.of(field, error) from error
    if message.crisis_id != room.pk:
        raise InvalidError(field, "is a message of another crisis: name one of this log")
    return message


def _facts(row: Message | None) -> rules.MessageFacts | None:
    """Return the facts that the rules need of a message that another one names, if any."""
    return None if row is None else reads.message_facts(row)


def _signal(uid: UUID | None, *, room: Crisis, by: Actor) -> Signal | None:
    """Return the signal that a message names. raises: InvalidError if it is of another crisis."""
    if uid is None:
        return None
    try:
        signal = signals.find(uid, viewer=by.party)
    except NotFoundError as error:
        raise InvalidError.of("signal", error) from error
    if signal.crisis_id != room.pk:
        raise InvalidError("signal", "does not belong to this crisis: leave it out")
    return signal


@transaction.atomic
def pin(uid: UUID, *, is_pinned: bool, by: Actor, now: datetime) -> MessageOut:
    """Pin a message on top of the log, or take it down. Doing it again changes nothing.

    raises: NotFoundError, NotAllowedError.
    """
    ledger.lock_ledger()
    row = reads.find_message(uid, viewer=by.party)
    facts = reads.room_facts(row.crisis)
    rules.check_pin(facts, kind=by.kind, name=by.party.name, role=by.role)
    if row.is_pinned is is_pinned:
        return reads.message(uid, viewer=by.party)
    row.is_pinned = is_pinned
    row.save(update_fields=["is_pinned"])
    kind = "message.pinned" if is_pinned else "message.unpinned"
    return _tell_message(kind, row, by=by, now=now, detail={})


@transaction.atomic
def propose_line(
    uid: UUID, *, body: PublicStatementIn, by: Actor, now: datetime
) -> PublicStatementOut:
    """Propose a public statement in one or more languages.

    raises: NotFoundError, NotAllowedError, InvalidError for a line to replace that is not there.
    """
    ledger.lock_ledger()
    room = reads.find_room(uid, viewer=by.party)
    rules.check_propose(reads.room_facts(room), kind=by.kind, role=by.role)
    row = Line.objects.create(
        uid=uuid_at(now),
        crisis=room,
        texts=dict(body.texts),
        proposed_by=by.party,
        proposed_at=now,
        replaces=_replaced(body.replaces, room=room, by=by),
        exercise=room.exercise,
    )
    detail: dict[str, object] = {"languages": sorted(body.texts)}
    return _tell_line("line.proposed", row, by=by, now=now, detail=detail)


def _replaced(uid: UUID | None, *, room: Crisis, by: Actor) -> Line | None:
    """Return the statement that a new one replaces. raises: InvalidError if of another crisis."""
    if uid is None:
        return None
    try:
        line = reads.find_line(uid, viewer=by.party)
    except NotFoundError as error:
        raise InvalidError.of("replaces", error) from error
    if line.crisis_id != room.pk:
        raise InvalidError("replaces", "is a line of another crisis: leave it out")
    return line


@transaction.atomic
def vote(uid: UUID, *, body: VoteIn, by: Actor, now: datetime) -> PublicStatementOut:
    """Agree to a public line, or object; a later word of the same party replaces its first.

    An objection to a line in use takes it out of use at once. A line that is agreed supersedes the
    one that it replaces.

    raises: NotFoundError, NotAllowedError, ConflictError for one that is over.
    """
    ledger.lock_ledger()
    row = reads.find_line(uid, viewer=by.party)
    rules.check_vote(
        reads.line_facts(row),
        reads.room_facts(row.crisis),
        kind=by.kind,
        name=by.party.name,
        role=by.role,
    )
    LineVote.objects.update_or_create(
        line=row,
        party=by.party,
        defaults={"vote": body.vote, "note": body.note, "given_at": now},
    )
    votes = list(row.votes.select_related("party"))
    kinds = {vote_row.party.name: PartyKind(vote_row.party.kind) for vote_row in votes}
    row.state = rules.state_of_votes(
        {vote_row.party.name: VoteWord(vote_row.vote) for vote_row in votes},
        kinds=kinds | {row.proposed_by.name: PartyKind(row.proposed_by.kind)},
        proposed_by=row.proposed_by.name,
    )
    row.agreed_at = (row.agreed_at or now) if row.state == PublicStatementState.AGREED else None
    row.save(update_fields=["state", "agreed_at"])
    if row.state == PublicStatementState.AGREED and row.replaces is not None:
        Line.objects.filter(pk=row.replaces.pk).update(state=PublicStatementState.SUPERSEDED)
    detail: dict[str, object] = {"vote": body.vote.value, "state": row.state}
    kind = "line.agreed" if body.vote is VoteWord.AGREE else "line.objected"
    return _tell_line(kind, row, by=by, now=now, detail=detail)


@transaction.atomic
def withdraw_line(uid: UUID, *, by: Actor, now: datetime) -> PublicStatementOut:
    """Take back a line that one's own party proposed.

    raises: NotFoundError, NotAllowedError, ConflictError for one that is over.
    """
    ledger.lock_ledger()
    row = reads.find_line(uid, viewer=by.party)
    facts = reads.line_facts(row)
    rules.check_withdraw_line(facts, name=by.party.name, role=by.role)
    detail: dict[str, object] = {"from": row.state}
    row.state = PublicStatementState.WITHDRAWN
    row.agreed_at = None
    row.save(update_fields=["state", "agreed_at"])
    return _tell_line("line.withdrawn", row, by=by, now=now, detail=detail)


def _tell_message(
    kind: str, row: Message, *, by: Actor, now: datetime, detail: dict[str, object]
) -> MessageOut:
    """Append to the ledger and return the message."""
    _record(kind, row, by=by, now=now, detail=detail)
    return reads.message(row.uid, viewer=by.party)


def _tell_line(
    kind: str, row: Line, *, by: Actor, now: datetime, detail: dict[str, object]
) -> PublicStatementOut:
    """Append to the ledger and return the public statement."""
    _record(kind, row, by=by, now=now, detail=detail)
    return reads.describe_line(row)


def _record(
    kind: str, row: Message | Line, *, by: Actor, now: datetime, detail: dict[str, object]
) -> None:
    """Append an act in a room to the ledger, and to the timeline of its crisis."""
    ledger.append_by(
        kind,
        by=by,
        subject=row.ref,
        now=now,
        detail=detail,
        exercise=row.exercise,
        crisis=row.crisis.uid,
    )
