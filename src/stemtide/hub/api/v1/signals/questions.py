# SPDX-License-Identifier: Apache-2.0
"""Endpoints for questions to the sharer of a signal, and their answers."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Router
from pydantic import RootModel

from stemtide.hub.api.app import requires
from stemtide.hub.api.auth import caller_of, now
from stemtide.hub.api.bodies import answer as respond
from stemtide.hub.rooms.signals.reads import opinions, signals as reads
from stemtide.hub.rooms.signals.writes import opinions as writes
from stemtide.protocol.enums import Scope
from stemtide.protocol.messages.signals import QuestionAnswerIn, QuestionIn, SignalQuestionOut

router = Router(tags=["signals"])

_Questions = RootModel[list[SignalQuestionOut]]


@router.put(
    "/signals/{uid}/question",
    **requires(Scope.FEEDBACK_WRITE),
    response=SignalQuestionOut,
    operation_id="send_question",
)
def send_question(request: HttpRequest, uid: UUID, body: QuestionIn) -> HttpResponse:
    """Send a question about a signal to its sharer, who is notified and answers once.

    Only the sharer and your party read it. It replaces an earlier question that was answered.
    """
    by = caller_of(request).actor
    return respond(writes.send_question(uid, body=body, by=by, now=now()))


@router.get(
    "/signals/{uid}/questions",
    **requires(Scope.FEED_READ),
    response=list[SignalQuestionOut],
    operation_id="list_questions",
)
def list_questions(request: HttpRequest, uid: UUID) -> HttpResponse:
    """List questions about a signal: its sharer reads all of them, others their own party's."""
    viewer = caller_of(request).party
    row = reads.find(uid, viewer=viewer)
    return respond(_Questions(opinions.questions_of(row, viewer=viewer)))


@router.post(
    "/signals/{uid}/questions/{party}/answer",
    **requires(Scope.SIGNALS_WRITE),
    response=SignalQuestionOut,
    operation_id="answer_question",
)
def answer_question(
    request: HttpRequest, uid: UUID, party: str, body: QuestionAnswerIn
) -> HttpResponse:
    """Answer a party's question about your signal, once. Only that party and yours read it."""
    by = caller_of(request).actor
    return respond(writes.answer_question(uid, party, body=body, by=by, now=now()))
