# SPDX-License-Identifier: Apache-2.0
"""Read a crisis' log and its public statements."""

from collections.abc import Collection, Iterable
from uuid import UUID

from django.db.models import Q, QuerySet

from stemtide.hub.platform.errors import NotFoundError
from stemtide.hub.rooms.crises.models import Crisis
from stemtide.hub.rooms.crises.reads import crises
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.signals.reads import signals
from stemtide.hub.rooms.signals.rules.signals import unpack_audience
from stemtide.hub.rooms.situation.models import Line, Message
from stemtide.hub.rooms.situation.reads import references
from stemtide.hub.rooms.situation.rules.situation import LineFacts, MessageFacts, RoomFacts
from stemtide.protocol.enums import MessageKind, PublicStatementState, Urgency, Vote
from stemtide.protocol.handling import TLP_ALLOWS, Tlp
from stemtide.protocol.messages.situation import (
    LogPage,
    MessageOut,
    PublicStatementOut,
    ReferenceOut,
    VoteOut,
)

MAX_PAGE = 500
"""Messages on one page of a log."""


def find_room(uid: UUID, *, viewer: Party) -> Crisis:
    """Return the crisis whose room a party is in, for writes and the rooms above.

    raises: NotFoundError as for an unknown crisis; NotAllowedError if the party has not joined.
    """
    return crises.find_in_room(uid, viewer=viewer)


def rooms(*, viewer: Party) -> list[int]:
    """Return the primary keys of the crises whose rooms a party is in, for the search."""
    joined = [crisis.id for crisis in crises.crises(viewer=viewer) if crisis.in_room]
    return list(Crisis.objects.filter(uid__in=joined).values_list("pk", flat=True))


def room_facts(row: Crisis) -> RoomFacts:
    """Return the facts that the rules need of a room."""
    stage = crises.facts(row).framework.stages[row.stage]
    return RoomFacts(is_open=stage.is_open, opened_by=row.opened_by.name)


def log(
    uid: UUID,
    *,
    viewer: Party,
    after: int = 0,
    limit: int = 100,
    kinds: Iterable[str] = (),
    pinned: bool = False,
) -> LogPage:
    """Return the messages of a crisis' log that the viewer may read, oldest first.

    after: the number of a message; only those after it.

    raises: NotFoundError; NotAllowedError if the viewer is not in the room.
    """
    room = find_room(uid, viewer=viewer)
    messages = _messages(viewer).filter(crisis=room, number__gt=after)
    if kinds := tuple(kinds):
        messages = messages.filter(kind__in=kinds)
    if pinned:
        messages = messages.filter(is_pinned=True)
    size = max(1, min(limit, MAX_PAGE))
    rows = list(messages.order_by("number")[: size + 1])
    page = _describe_all(rows[:size], viewer=viewer)
    return LogPage(
        messages=page, next=page[-1].number if page else after, more=len(rows) > len(page)
    )


def latest(
    uid: UUID, *, viewer: Party, limit: int = 50, before: int | None = None, kind: str = ""
) -> list[MessageOut]:
    """Return the last messages of a crisis' log, or the last before a number, newest first.

    raises: NotFoundError; NotAllowedError if the viewer is not in the room.
    """
    room = find_room(uid, viewer=viewer)
    messages = _messages(viewer).filter(crisis=room)
    if before is not None:
        messages = messages.filter(number__lt=before)
    if kind:
        messages = messages.filter(kind=kind)
    return _describe_all(list(messages.order_by("-number")[:limit]), viewer=viewer)


def find_message(uid: UUID, *, viewer: Party) -> Message:
    """Return the row of a message, for writes.

    raises: NotFoundError, also for a message that the viewer may not read.
    """
    row = _messages(viewer).filter(uid=uid).first()
    if row is None or not _sees_room(row.crisis, viewer=viewer):
        raise NotFoundError(
            "there is no message {uid} that your party may read: see the log", uid=uid
        )
    return row


def message(uid: UUID, *, viewer: Party) -> MessageOut:
    """Return a message that the viewer may read.

    raises: NotFoundError, also for a message that the viewer may not read.
    """
    return _describe_all([find_message(uid, viewer=viewer)], viewer=viewer)[0]


def message_facts(row: Message) -> MessageFacts:
    """Return the facts that the rules need of a message."""
    return MessageFacts(
        kind=MessageKind(row.kind),
        posted_by=row.posted_by.name,
        is_corrected=row.corrections.exists(),
    )


def readable_ids(uids: Iterable[UUID], *, viewer: Party) -> set[UUID]:
    """Return those of these messages that a party may read, in any room that it is in."""
    rows = _messages(viewer).filter(uid__in=list(uids))
    return {row.uid for row in rows if _sees_room(row.crisis, viewer=viewer)}


def search_messages(rooms: Iterable[int], *, text: str, viewer: Party) -> QuerySet[Message]:
    """Return the messages that contain a text, in these rooms, newest first; for the search."""
    messages = _messages(viewer).filter(crisis__in=list(rooms), text__icontains=text)
    return messages.order_by("-posted_at", "-pk")


def lines(uid: UUID, *, viewer: Party) -> list[PublicStatementOut]:
    """Return the public statements of a crisis, the latest proposal first.

    raises: NotFoundError; NotAllowedError if the viewer is not in the room.
    """
    room = find_room(uid, viewer=viewer)
    rows = room.lines.select_related("crisis", "proposed_by", "replaces")
    return [describe_line(row) for row in rows.prefetch_related("votes__party")]


def find_line(uid: UUID, *, viewer: Party) -> Line:
    """Return the row of a public statement, for writes.

    raises: NotFoundError, also for a statement of a room that the viewer is not in.
    """
    rows = Line.objects.select_related("crisis__opened_by", "proposed_by", "replaces")
    row = rows.filter(uid=uid).first()
    if row is None or not _sees_room(row.crisis, viewer=viewer):
        raise NotFoundError("there is no public line {uid} that your party may read", uid=uid)
    return row


def line_facts(row: Line) -> LineFacts:
    """Return the facts that the rules need of a public statement."""
    return LineFacts(state=PublicStatementState(row.state), proposed_by=row.proposed_by.name)


def describe_line(row: Line) -> PublicStatementOut:
    """Return a public statement as a message."""
    return PublicStatementOut(
        id=row.uid,
        crisis=row.crisis.uid,
        state=PublicStatementState(row.state),
        usable=row.state == PublicStatementState.AGREED,
        texts=row.texts,
        proposed_by=row.proposed_by.name,
        proposed_at=row.proposed_at,
        agreed_at=row.agreed_at,
        replaces=row.replaces.uid if row.replaces else None,
        votes=[
            VoteOut(
                party=vote.party.name, vote=Vote(vote.vote), note=vote.note, given_at=vote.given_at
            )
            for vote in row.votes.all()
        ],
        exercise=row.exercise,
    )


def _messages(viewer: Party) -> QuerySet[Message]:
    """Return the messages that a party may read by their author, audience or TLP mark.

    The caller checks that the party is in their room.
    """
    kinds = [tlp for tlp, allowance in TLP_ALLOWS.items() if viewer.kind in allowance.to_kinds]
    mine = (
        Q(posted_by=viewer)
        | Q(audience__contains=f"|{viewer.name}|")
        | Q(audience="", tlp__in=kinds)
    )
    rows = Message.objects.filter(mine)
    return rows.select_related("crisis__opened_by", "posted_by", "signal", "answers", "corrects")


def _describe_all(rows: list[Message], *, viewer: Party) -> list[MessageOut]:
    """Return messages, each with the latest of its corrections that the viewer may read."""
    correcting = _messages(viewer).filter(corrects__in=[row.pk for row in rows]).order_by("number")
    corrections = dict(correcting.values_list("corrects", "uid"))
    spoken_of = {row.signal.uid for row in rows if row.signal}
    visible_signals = signals.visible_by_uid(spoken_of, viewer=viewer) if spoken_of else {}
    named = references.describe(rows, viewer=viewer)
    return [
        _describe(
            row,
            corrected_by=corrections.get(row.pk),
            visible_signals=visible_signals.keys(),
            named=named.get(row.pk, []),
        )
        for row in rows
    ]


def _describe(
    row: Message,
    *,
    corrected_by: UUID | None,
    visible_signals: Collection[UUID],
    named: list[ReferenceOut],
) -> MessageOut:
    """Return a message for a viewer.

    visible_signals: ids of the signals that the viewer may see; others are not named.
    named: what the text mentions and links to, for the viewer.
    """
    return MessageOut(
        id=row.uid,
        number=row.number,
        crisis=row.crisis.uid,
        kind=MessageKind(row.kind),
        text=row.text,
        references=named,
        language=row.language,
        tlp=Tlp(row.tlp),
        urgency=Urgency(row.urgency),
        audience=sorted(unpack_audience(row.audience)),
        signal=row.signal.uid if row.signal and row.signal.uid in visible_signals else None,
        answers=row.answers.uid if row.answers else None,
        corrects=row.corrects.uid if row.corrects else None,
        corrected_by=corrected_by,
        pinned=row.is_pinned,
        posted_by=row.posted_by.name,
        posted_as=row.posted_as or None,
        posted_at=row.posted_at,
        exercise=row.exercise,
    )


def _sees_room(row: Crisis, *, viewer: Party) -> bool:
    """Whether a party is in a room."""
    return crises.is_in_room(row.uid, party=viewer)
