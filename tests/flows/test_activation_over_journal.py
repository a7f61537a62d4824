# SPDX-License-Identifier: Apache-2.0
"""A crisis is activated when copies are up already: a provider joins, and its journal is searched.

Its signals come as one bulk of thousands. Copies that were uploaded before are blocked or held,
shown to a moderator, reported as counts, and restored when their signals are withdrawn.
"""

import hashlib
from datetime import UTC, datetime

import pytest
from playwright.sync_api import expect

from stemtide.exercises import cast
from stemtide.protocol.law.frameworks import framework
from tests.agent.world import picture
from tests.flows.conftest import NARROW, WIDE, digest, row, until
from tests.flows.test_earlier_uploads_story import upload
from tests.flows.test_review_page import CAT, PARTY, SHARER, faults, heard, press, sign_in

pytestmark = [pytest.mark.flow, pytest.mark.browser]

BULK = 2500
"""Signals of the crisis; an agent searches for 2,000 at a time."""

ROCKET, COFFEE = picture("rocket.jpg"), picture("coffee.png")


def activate(house, *, invited):
    """Have an authority warn, rate, answer and propose, and an agency confirm; the crisis."""
    warning = {
        "name": "Attack at the harbour",
        "countries": ["BE", "FR"],
        "happened_at": datetime.now(UTC).isoformat(),
        "invite": [invited, SHARER],
    }
    authority = house.authority
    crisis = authority.post("/api/v1/crises", json=warning).raise_for_status().json()
    path = f"/api/v1/crises/{crisis['id']}"
    measure = {"country": "BE", "measure": "Referrals", "insufficient": "Hosts are abroad."}
    proposal = {"act": "activate", "reason": "It spreads."}
    authority.post(f"{path}/triage", json={"harm": 4, "virality": 3}).raise_for_status()
    for test in framework(crisis["framework"]).tests:
        body = {"answer": "yes", "evidence": "Two officers saw it."}
        authority.put(f"{path}/checks/{test}", json=body).raise_for_status()
    authority.post(f"{path}/measures", json=measure).raise_for_status()
    told = authority.post(f"{path}/proposals", json=proposal).raise_for_status().json()
    confirm = f"{path}/proposals/{told['proposals'][-1]['id']}/confirm"
    with house.client(cast.COORDINATOR) as agency:
        assert agency.post(confirm).raise_for_status().json()["activated_at"]
    return crisis["id"]


def share(house, party, rows, *, crisis):
    """Share a bulk into the crisis; the ids of the signals by value."""
    rows = [one | {"crisis": crisis} for one in rows]
    with house.client(party) as sharer:
        answer = sharer.post("/api/v1/signals/bulk", json={"signals": rows})
    assert answer.status_code == 201, answer.text
    shared = answer.json()["signals"]
    return {one["value"]: signal["id"] for one, signal in zip(rows, shared, strict=True)}


def withdraw(house, party, uid):
    with house.client(party) as sharer:
        done = sharer.post(f"/api/v1/signals/{uid}/withdraw", json={"reason": "mistake"})
    assert done.status_code == 200, done.text


def earlier(house, uid):
    """What an agency reads of the uploads that came before a signal, and its outcomes."""
    with house.client(cast.COORDINATOR) as agency:
        told = agency.get(f"/api/v1/signals/{uid}/propagation").raise_for_status().json()
    return told["earlier"]["uploads"] if told["earlier"] else 0


def outcomes(house, uid):
    """What the hub counted for a signal."""
    counted = house.rows(
        "SELECT s.uid, outcome, count FROM signals_sighting JOIN signals_signal s"
        " ON s.id = signal_id WHERE count > 0"
    )
    return {outcome: count for signal, outcome, count in counted if signal == uid.replace("-", "")}


@pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["wide", "phone"])
def test_a_crisis_that_is_activated_finds_what_was_uploaded_before_it(house, chromium, viewport):
    agent = house.agent(PARTY, review="lock_min = 5")
    house.caught_up(agent)
    copies = {"film 1": ROCKET, "film 2": ROCKET, "still": CAT, "coffee": COFFEE}
    assert [upload(agent, ref, content) for ref, content in copies.items()] == [None] * 4

    crisis = activate(house, invited=PARTY)
    page = sign_in(house, agent, chromium, name="Anna", viewport=viewport)
    press(page, "f")
    page.get_by_role("button", name="Join Attack at the harbour").press("Enter")
    expect(page.get_by_text("Joined: Attack at the harbour.")).to_be_visible()
    press(page, "v")
    expect(page.get_by_text("uploads: 4, for 30 days at most")).to_be_visible()
    expect(page.get_by_text("Signals searched for: 0")).to_be_visible()

    film, still = (hashlib.sha256(content).hexdigest() for content in (ROCKET, CAT))
    with house.client(SHARER) as sharer:
        sharer.post(f"/api/v1/crises/{crisis}/join").raise_for_status()
    bulk = [row(digest()) for _ in range(BULK - 1)]
    uids = share(house, cast.AUTHORITY, [*bulk, row(film)], crisis=crisis)
    uids |= share(house, SHARER, [row(still)], crisis=crisis)
    until(lambda: heard(house, "film 1") == heard(house, "film 2") == [("content.block", None)])
    until(lambda: heard(house, "still") == [("content.hold", None)])
    expect(page.get_by_text(f"Signals searched for: {BULK + 1:,}")).to_be_visible()  # by itself
    expect(page.get_by_text("actions on earlier uploads: 3")).to_be_visible()
    expect(page.get_by_text("up to date")).to_be_visible()
    assert faults(page) == []

    until(lambda: outcomes(house, uids[film]) == {"blocked": 2})
    until(lambda: outcomes(house, uids[still]) == {"held": 1})
    until(lambda: [earlier(house, uids[value]) for value in (film, still)] == [2, 1])
    press(page, "q")
    expect(page.get_by_text("1 held")).to_be_visible()
    page.get_by_role("link", name="still").click()
    expect(page.get_by_text("It was uploaded before the signal was shared")).to_be_visible()
    assert faults(page) == []

    withdraw(house, cast.AUTHORITY, uids[film])
    withdraw(house, SHARER, uids[still])
    for ref in ("film 1", "film 2", "still"):
        until(lambda ref=ref: heard(house, ref)[-1] == ("content.release", None))
    until(lambda: outcomes(house, uids[film]) == {"reversed": 2})
    press(page, "q")
    expect(page.get_by_text("Nothing is held.")).to_be_visible()
    assert heard(house, "coffee") == []
    assert page.troubles == []
