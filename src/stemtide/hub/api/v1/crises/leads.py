# SPDX-License-Identifier: Apache-2.0
"""Endpoints for leads on threats to life. They have a scope of their own, which agents lack."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Router
from pydantic import RootModel

from stemtide.hub.api.app import requires
from stemtide.hub.api.auth import caller_of, now
from stemtide.hub.api.bodies import answer
from stemtide.hub.rooms.situation.reads import leads as reads
from stemtide.hub.rooms.situation.writes import leads as writes
from stemtide.hub.rooms.situation.writes.reading import note_lead_read, note_leads_read
from stemtide.protocol.enums import Scope
from stemtide.protocol.messages.situation import LeadCloseIn, LeadIn, LeadOut, LeadPassIn

router = Router(tags=["leads"])

_Leads = RootModel[list[LeadOut]]


@router.post(
    "/leads", **requires(Scope.LEADS_WRITE), response={201: LeadOut}, operation_id="report_lead"
)
def report(request: HttpRequest, body: LeadIn) -> HttpResponse:
    """Report a lead to the authority of its country, or to the agency."""
    lead = writes.report_lead(body, by=caller_of(request).actor, now=now())
    return answer(lead, status=201)


@router.get(
    "/leads", **requires(Scope.LEADS_WRITE), response=list[LeadOut], operation_id="list_leads"
)
def read_all(request: HttpRequest, *, open: bool | None = None) -> HttpResponse:  # noqa: A002  # the query's own word
    """List the leads that your party may see: open ones first, by level."""
    by = caller_of(request).actor
    note_leads_read(by=by, now=now())
    return answer(_Leads(reads.leads(viewer=by.party, is_open=open)))


@router.get(
    "/leads/{uid}", **requires(Scope.LEADS_WRITE), response=LeadOut, operation_id="read_lead"
)
def read(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Retrieve a lead."""
    by = caller_of(request).actor
    lead = reads.lead(uid, viewer=by.party)
    note_lead_read(lead, by=by, now=now())
    return answer(lead)


@router.post(
    "/leads/{uid}/receive",
    **requires(Scope.LEADS_WRITE),
    response=LeadOut,
    operation_id="receive_lead",
)
def receive(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Confirm that you received a lead."""
    return answer(writes.receive_lead(uid, by=caller_of(request).actor, now=now()))


@router.post(
    "/leads/{uid}/pass-on",
    **requires(Scope.LEADS_WRITE),
    response=LeadOut,
    operation_id="pass_on_lead",
)
def pass_on(request: HttpRequest, uid: UUID, body: LeadPassIn) -> HttpResponse:
    """Pass a lead on to a party that can act."""
    return answer(writes.pass_on_lead(uid, body=body, by=caller_of(request).actor, now=now()))


@router.post(
    "/leads/{uid}/close",
    **requires(Scope.LEADS_WRITE),
    response=LeadOut,
    operation_id="close_lead",
)
def close(request: HttpRequest, uid: UUID, body: LeadCloseIn) -> HttpResponse:
    """Close a lead with its outcome."""
    return answer(writes.close_lead(uid, body=body, by=caller_of(request).actor, now=now()))
