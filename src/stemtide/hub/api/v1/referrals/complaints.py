# SPDX-License-Identifier: Apache-2.0
"""Endpoints for complaints: links for complainants, a provider's queue, and redress.

Complainants use the public page, not these endpoints.
"""

from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from ninja import Router
from pydantic import RootModel

from stemtide.hub.api.app import requires
from stemtide.hub.api.auth import caller_of, now
from stemtide.hub.api.bodies import answer
from stemtide.hub.rooms.complaints.reads import complaints as reads, redress
from stemtide.hub.rooms.complaints.writes import complaints as writes, redress as redress_writes
from stemtide.hub.rooms.complaints.writes.reading import note_complaint_read, note_complaints_read
from stemtide.protocol.enums import Scope
from stemtide.protocol.messages.complaints import (
    ComplaintFiledOut,
    ComplaintIn,
    ComplaintLinkIn,
    ComplaintLinkOut,
    ComplaintOut,
    ComplaintOutcomeIn,
    ComplaintTakeIn,
    RedressIn,
    RedressOut,
)

router = Router(tags=["complaints"])

_Complaints = RootModel[list[ComplaintOut]]
_Redress = RootModel[list[RedressOut]]

_NEEDS = requires(Scope.COMPLAINTS_WRITE)


@router.post(
    "/complaint-links",
    **_NEEDS,
    response={201: ComplaintLinkOut},
    operation_id="make_complaint_link",
)
def make_link(request: HttpRequest, body: ComplaintLinkIn) -> HttpResponse:
    """Create a complaint link for the statement of reasons of a decision. Nothing is stored."""
    home = settings.HUB_ADDRESS or request.build_absolute_uri("/").rstrip("/")
    link = reads.link(body, by=caller_of(request).actor, home=home, now=now())
    return answer(link, status=201)


@router.post(
    "/complaints", **_NEEDS, response={201: ComplaintFiledOut}, operation_id="file_complaint"
)
def file(request: HttpRequest, body: ComplaintIn) -> HttpResponse:
    """File a complaint that you received elsewhere, on the uploader's behalf."""
    complaint = writes.file_for(body, by=caller_of(request).actor, now=now())
    return answer(complaint, status=201)


@router.get("/complaints", **_NEEDS, response=list[ComplaintOut], operation_id="list_complaints")
def read_all(request: HttpRequest, *, open: bool | None = None) -> HttpResponse:  # noqa: A002  # the query's own word
    """List complaints about your decisions, open ones first; at most 200."""
    by = caller_of(request).actor
    note_complaints_read(by=by, now=now())
    return answer(_Complaints(reads.complaints(viewer=by.party, is_open=open)))


@router.get("/complaints/{uid}", **_NEEDS, response=ComplaintOut, operation_id="read_complaint")
def read(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Retrieve a complaint about your decision."""
    by = caller_of(request).actor
    complaint = reads.complaint(uid, viewer=by.party)
    note_complaint_read(complaint, by=by, now=now())
    return answer(complaint)


@router.post(
    "/complaints/{uid}/take", **_NEEDS, response=ComplaintOut, operation_id="take_complaint"
)
def take(request: HttpRequest, uid: UUID, body: ComplaintTakeIn) -> HttpResponse:
    """Assign a reviewer to a complaint."""
    return answer(writes.take(uid, body=body, by=caller_of(request).actor, now=now()))


@router.post(
    "/complaints/{uid}/decide", **_NEEDS, response=ComplaintOut, operation_id="decide_complaint"
)
def decide(request: HttpRequest, uid: UUID, body: ComplaintOutcomeIn) -> HttpResponse:
    """Submit a reviewer's decision, with the reasons for the uploader."""
    return answer(writes.decide(uid, body=body, by=caller_of(request).actor, now=now()))


@router.post(
    "/complaints/{uid}/accept", **_NEEDS, response=ComplaintOut, operation_id="accept_answer"
)
def accept(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Accept the reasons for keeping the measure, which withdraws your dispute."""
    return answer(redress_writes.accept(uid, by=caller_of(request).actor, now=now()))


@router.get("/redress", **_NEEDS, response=list[RedressOut], operation_id="list_redress")
def read_asked(request: HttpRequest) -> HttpResponse:
    """List requests for redress from complaints about your party's signals and requests."""
    return answer(_Redress(redress.requests(viewer=caller_of(request).party)))


@router.get("/redress/{uid}", **_NEEDS, response=RedressOut, operation_id="read_redress")
def read_one(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Retrieve a request for redress."""
    return answer(redress.redress(uid, viewer=caller_of(request).party))


@router.post("/redress/{uid}/answer", **_NEEDS, response=RedressOut, operation_id="answer_redress")
def answer_one(request: HttpRequest, uid: UUID, body: RedressIn) -> HttpResponse:
    """Answer a request for redress: take back, which reaches every agent, or keep with a reason."""
    return answer(redress_writes.answer(uid, body=body, by=caller_of(request).actor, now=now()))
