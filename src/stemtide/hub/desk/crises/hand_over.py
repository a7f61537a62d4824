# SPDX-License-Identifier: Apache-2.0
"""The hand-over of a room: what the next shift needs to know, on one page that prints well."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from stemtide.hub.desk import ledger_sentences
from stemtide.hub.desk.auth.people import SignedInRequest, signed_in
from stemtide.hub.desk.crises import content as room_content
from stemtide.hub.desk.crises.tasks import TaskRow
from stemtide.hub.rooms.crises.reads import life as life_reads
from stemtide.hub.rooms.parties.reads.parties import Viewer
from stemtide.hub.rooms.signals.reads import clusters as clusters_reads
from stemtide.hub.rooms.situation.reads import situation
from stemtide.hub.rooms.tasks import reads as tasks
from stemtide.protocol.enums import MessageKind, ProposalState
from stemtide.protocol.enums.response import TaskState
from stemtide.protocol.messages.situation import MessageOut

HOURS = (4, 8, 12, 24)
"""Lengths of a shift to choose from."""

_SHIFT_H = 8
_MOST = 500
"""Messages and entries that are looked through, the latest ones."""


@require_safe
@signed_in
def hand_over(request: SignedInRequest, uid: UUID) -> HttpResponse:
    """Show what happened in a room in the last hours, what is decided, and what is open.

    raises: NotFoundError, NotAllowedError if the reader's party is not in the room.
    """
    viewer, now = request.user.party, datetime.now(UTC)
    text = request.GET.get("hours", "")
    hours = int(text) if text in {str(choice) for choice in HOURS} else _SHIFT_H
    since = now - timedelta(hours=hours)
    messages = situation.latest(uid, viewer=viewer, limit=_MOST)
    life = life_reads.life(uid, viewer=viewer)
    context = {
        **room_content.frame(life, viewer=viewer),
        **_messages(messages, since=since),
        **_content(uid, viewer=viewer, since=since),
        "tasks": [
            TaskRow(task, moves=())
            for task in tasks.tasks(uid, viewer=viewer)
            if task.state is TaskState.OPEN
        ],
        "crisis": life,
        "now": now,
        "since": since,
        "hours": hours,
        "choices": HOURS,
        "proposals": [row for row in life.proposals if row.state is ProposalState.OPEN],
        "acts": _acts(uid, viewer=viewer, since=since),
    }
    return render(request, "desk/hand_over.html", context)


def _messages(messages: list[MessageOut], *, since: datetime) -> dict[str, object]:
    """Return decisions, those that are pinned or of the shift, and questions without an answer."""
    answered = {message.answers for message in messages}
    valid = [message for message in messages if message.corrected_by is None]
    return {
        "decisions": [
            message
            for message in valid
            if message.kind is MessageKind.DECISION
            and (message.pinned or message.posted_at >= since)
        ],
        "questions": [
            message
            for message in valid
            if message.kind is MessageKind.QUESTION and message.id not in answered
        ],
    }


def _content(uid: UUID, *, viewer: Viewer, since: datetime) -> dict[str, object]:
    """Return clusters that are new, and how many signals are, in all and since a time."""
    clusters = clusters_reads.clusters(uid, viewer=viewer)
    shared = [variant.shared_at for cluster in clusters for variant in cluster.variants]
    return {
        "new_clusters": [cluster for cluster in clusters if cluster.first_at >= since],
        "signal_count": len(shared),
        "new_signal_count": sum(at >= since for at in shared),
    }


def _acts(uid: UUID, *, viewer: Viewer, since: datetime) -> list[tuple[str, str, int]]:
    """Return who did what since a time, and how often, the latest first."""
    lines = ledger_sentences.of_crisis(uid, viewer=viewer, limit=_MOST)
    counts = Counter((line.who, line.act) for line in lines if line.recorded_at >= since)
    return [(who, act, count) for (who, act), count in counts.items()]
