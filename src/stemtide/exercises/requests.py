# SPDX-License-Identifier: Apache-2.0
"""Play requests to providers: a referral, a referral that meets a hold, a removal order."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from stemtide.exercises import cast
from stemtide.exercises.stage import RunningExercise, expect_ok

_REFERRED = "https://big-videos.example/watch?v=played-{}"
_ORDERED = "https://small-pictures.example/album/played"

AUTHORITY_SECTIONS = {
    "contact_point": "orders@small-pictures.example",
    "authority_type": "law_enforcement",
    "authority_name": "Crisis Centre (played)",
    "representative": "The duty officer (played)",
    "file_number": "2026/114",
    "authority_address": "1 Played Street, Brussels",
    "authority_phone": "+32 2 555 01 00",
    "authority_mail": "orders@authority.example",
    "signature": "The duty officer (played)",
    "feedback_contact": "orders@authority.example",
    "home_contact": "not known here (played)",
    "redress_authority": "Reconsideration by this authority (played)",
    "redress_body": "Court of first instance, Brussels (played)",
    "redress_deadline": "60 days from receipt (played)",
    "redress_link": "https://authority.example/redress",
}
"""Sections A, E, F and G of Annex I, as the authority fills them in."""


def play_requests(stage: RunningExercise, people: cast.Cast, *, crisis: str) -> None:
    """Refer two URLs, one of which is on hold; order another removed; the providers answer.

    raises: DemoError.
    """
    with (
        stage.client(people, cast.COORDINATOR) as agency,
        stage.client(people, cast.AUTHORITY) as authority,
    ):
        _refer(stage, people, agency=agency, crisis=crisis)
        _hold(stage, agency=agency, authority=authority, crisis=crisis)
        _order(stage, people, authority=authority, crisis=crisis)


def _referral(crisis: str, *, number: int) -> dict[str, Any]:
    """Return the body of a referral."""
    return {
        "provider": cast.PROVIDERS[0],
        "url": _REFERRED.format(number),
        "content_type": "video",
        "language": "fr",
        "labels": ["perpetrator-content"],
        "terms": "4.2 Violent extremism (played)",
        "reason": "A copy of the film that its perpetrator made (played).",
        "crisis": crisis,
    }


def _refer(stage: RunningExercise, people: cast.Cast, *, agency: httpx.Client, crisis: str) -> None:
    """Send a referral that is acknowledged and answered: removed, by the provider's own choice."""
    body = _referral(crisis, number=1)
    sent = expect_ok(agency.post("/api/v1/referrals", params={"send": 1}, json=body))
    with stage.client(people, cast.PROVIDERS[0]) as big:
        path = f"/api/v1/referrals/{sent['id']}"
        expect_ok(big.get(path))
        expect_ok(big.post(f"{path}/acknowledge", json={}))
        answered = expect_ok(big.post(f"{path}/answer", json={"answer": "removed"}))
    stage.counts.referrals[answered["state"]] = stage.counts.referrals.get(answered["state"], 0) + 1
    stage.say(f"The agency refers an address; {cast.PROVIDERS[0]} looks, and removes it.")


def _hold(
    stage: RunningExercise, *, agency: httpx.Client, authority: httpx.Client, crisis: str
) -> None:
    """Send a referral that waits, because an authority asked to leave the content for now."""
    body = _referral(crisis, number=2)
    hold = {
        "url": body["url"],
        "until": (datetime.now(UTC) + timedelta(hours=6)).isoformat(),
        "reason": "investigation",
        "contact": "duty desk (played)",
        "case_reference": "2026/114",
    }
    expect_ok(authority.post("/api/v1/holds", json=hold))
    waiting = expect_ok(agency.post("/api/v1/referrals", params={"send": 1}, json=body))
    stage.counts.referrals[waiting["state"]] = stage.counts.referrals.get(waiting["state"], 0) + 1
    stage.say("Another address is held by the authority: the agency's referral of it waits.")


def _order(
    stage: RunningExercise, people: cast.Cast, *, authority: httpx.Client, crisis: str
) -> None:
    """Issue a removal order in an emergency; it is executed within its hour."""
    body = {
        "to": cast.PROVIDERS[1],
        "emergency": "The attack is under way (played).",
        "emergency_ground": "ongoing_events",
        "content_type": "image",
        "crisis": crisis,
        "annex": {
            "urls": [_ORDERED],
            "grounds": ["a"],
            "reasons": "It praises the attack of this morning and calls for more (played).",
            "signed_on": datetime.now(UTC).date().isoformat(),
            **AUTHORITY_SECTIONS,
        },
    }
    draft = expect_ok(authority.post("/api/v1/orders", json=body))
    path = f"/api/v1/orders/{draft['id']}"
    expect_ok(authority.post(f"{path}/issue"))
    with stage.client(people, cast.PROVIDERS[1]) as small:
        expect_ok(small.get(path))
        expect_ok(small.post(f"{path}/acknowledge"))
        annex = {
            "measure": "removed",
            "measure_at": datetime.now(UTC).isoformat(),
            "provider_name": "Small Pictures (played)",
            "provider_state": "EE",
            "authorised_person": "Duty desk (played)",
            "contact_mail": "orders@small-pictures.example",
            "signed_on": datetime.now(UTC).date().isoformat(),
        }
        executed = expect_ok(small.post(f"{path}/execute", json={"annex": annex}))
    stage.counts.orders[executed["state"]] = stage.counts.orders.get(executed["state"], 0) + 1
    stage.say(f"The authority orders content away; {cast.PROVIDERS[1]} executes within the hour.")
