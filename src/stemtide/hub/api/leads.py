# SPDX-License-Identifier: Apache-2.0
"""Endpoints for leads to a threat to life. They have a scope of their own: agents' keys lack it."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Router
from pydantic import RootModel

from stemtide.hub.api.bodies import answer
from stemtide.hub.api.callers import caller_of, now
from stemtide.hub.api.machine import needs
from stemtide.hub.situation import reads_leads as reads, writes_leads as writes
from stemtide.protocol.situation import LeadCloseIn, LeadIn, LeadOut, LeadPassIn
from stemtide.protocol.words import Scope

router = Router(tags=["leads"])

_Leads = RootModel[list[LeadOut]]


@router.post(
    "/leads", **needs(Scope.LEADS_WRITE), response={201: LeadOut}, operation_id="report_lead"
)
def report(request: HttpRequest, body: LeadIn) -> HttpResponse:
    """Report a lead to the authority of its country, or to the agency."""
    made = writes.report_lead(body, by=caller_of(request).actor, now=now())
    return answer(made, status=201)


@router.get("/leads", **needs(Scope.LEADS_WRITE), response=list[LeadOut], operation_id="list_leads")
def read_all(request: HttpRequest, *, open: bool | None = None) -> HttpResponse:  # noqa: A002  # the query's own word
    """The leads that your party may see, the gravest open ones first."""
    return answer(_Leads(reads.leads(viewer=caller_of(request).party, is_open=open)))


@router.get("/leads/{uid}", **needs(Scope.LEADS_WRITE), response=LeadOut, operation_id="read_lead")
def read(request: HttpRequest, uid: UUID) -> HttpResponse:
    """One lead."""
    return answer(reads.lead(uid, viewer=caller_of(request).party))


@router.post(
    "/leads/{uid}/receive",
    **needs(Scope.LEADS_WRITE),
    response=LeadOut,
    operation_id="receive_lead",
)
def receive(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Say that you have the lead."""
    return answer(writes.receive_lead(uid, by=caller_of(request).actor, now=now()))


@router.post(
    "/leads/{uid}/pass-on",
    **needs(Scope.LEADS_WRITE),
    response=LeadOut,
    operation_id="pass_on_lead",
)
def pass_on(request: HttpRequest, uid: UUID, body: LeadPassIn) -> HttpResponse:
    """Pass the lead on to those who can act."""
    return answer(writes.pass_on_lead(uid, body=body, by=caller_of(request).actor, now=now()))


@router.post(
    "/leads/{uid}/close",
    **needs(Scope.LEADS_WRITE),
    response=LeadOut,
    operation_id="close_lead",
)
def close(request: HttpRequest, uid: UUID, body: LeadCloseIn) -> HttpResponse:
    """Say what became of the lead."""
    return answer(writes.close_lead(uid, body=body, by=caller_of(request).actor, now=now()))
