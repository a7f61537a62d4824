# SPDX-License-Identifier: Apache-2.0
"""The cast at the desk: parties of every kind, people in every role, one signal a mark."""

import time
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.test import Client

from stemtide.hub.desk import board
from stemtide.hub.rooms.crises.writes import (
    crises,
    moves as writes_moves,
    participants as writes_joining,
)
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.parties.writes import parties
from stemtide.hub.rooms.signals.writes import runaways, signals
from stemtide.protocol.enums import CheckAnswer, Outcome, Role
from stemtide.protocol.law.frameworks import framework
from stemtide.protocol.messages.crises import CheckIn, InviteIn, MeasureIn, ProposalIn, WarningIn
from stemtide.protocol.messages.signals import OpinionIn, SignalIn, WithdrawIn
from stemtide.protocol.sync.agents import AgentStatusIn, Lookups, OutcomeReportIn, OutcomeRow
from stemtide.protocol.sync.runaways import RunawayReportIn
from tests.replays import replayed
from tests.world import add_member

PASSWORD = "tide and stem 4711"
PDQ = "f0e1d2c3b4a5968778695a4b3c2d1e0f" * 2

PARTIES = {
    "authority": ("authority", "BE"),
    "neighbour": ("authority", "NL"),
    "agency": ("agency", ""),
    "provider": ("provider", "IE"),
    "rival": ("provider", "EE"),
    "observer": ("observer", ""),
}


EVERY_S = 30
"""Tests that begin within so many seconds have the same moment: a crisis is put in place."""


class World:
    """What is in the hub, and who may look at it. now: a moment ago."""

    def __init__(self):
        self.now = datetime.fromtimestamp(time.time() // EVERY_S * EVERY_S, UTC)
        self.party = {
            name: add_member(name, title=f"The {name}", kind=kind, country=country, now=self.now)
            for name, (kind, country) in PARTIES.items()
        }

    def __repr__(self):
        return f"World(now={self.now})"

    def person(self, party, role=Role.ANALYST):
        return parties.add_person(
            f"{role}@{party}.example",
            party=self.party[party],
            role=role,
            password=PASSWORD,
            actor="operator",
            now=self.now,
        )

    def desk(self, party, role=Role.ANALYST):
        client = Client()
        client.force_login(
            self.person(party, role), backend="django.contrib.auth.backends.ModelBackend"
        )
        return client

    def share(self, *, by="authority", tlp="amber", value=PDQ, **more):
        facts = {"kind": "pdq", "labels": ["livestream"], "severity": "high"} | more
        body = SignalIn(value=value, tlp=tlp, **facts)
        return signals.share(body, by=self.party[by], now=self.now).id

    def withdraw(self, uid, *, by="authority"):
        body = WithdrawIn(reason="mistake")
        signals.withdraw(uid, body=body, by=self.party[by], now=self.now)

    def dispute(self, uid, *, by="provider"):
        body = OpinionIn(opinion="dispute", note="It is the evening news.")
        signals.give_opinion(uid, body=body, by=self.party[by], now=self.now)

    def agent(self, party, *, position=0, seconds_ago=0, name="uploads", troubles=()):
        status = AgentStatusIn(
            version="1.2.3",
            position=position,
            signals=7,
            started_at=self.now,
            troubles=list(troubles),
        )
        heard = self.now - timedelta(seconds=seconds_ago)
        parties.report_status(name, by=self.party[party], status=status, now=heard)

    def outcome(self, uid, *, by, outcome=Outcome.BLOCKED, count=1, lookups=None, language=None):
        row = OutcomeRow(
            signal=uid,
            outcome=outcome,
            count=count,
            language=language,
            first_at=self.now,
            last_at=self.now,
        )
        begins_at = datetime.fromtimestamp(self.now.timestamp() // 300 * 300, UTC)
        spans = () if lookups is None else (Lookups(begins_at=begins_at, count=lookups),)
        body = OutcomeReportIn(report=uuid4(), agent="uploads", rows=(row,), lookups=spans)
        signals.report_outcomes(body, by=self.party[by], now=self.now)

    def report_runaway(self, uid, *, by, matches=60):
        """Have a provider's agent report that a signal matched 60 of 900 look-ups.

        matches: those since it was shared; the others were uploaded before.
        """
        report = RunawayReportIn.model_validate(
            {
                "state": "lowered",
                "since": self.now,
                "matches": 60,
                "lookups": 900,
                "most": 29,
                "curve": [{"begins_at": "2026-11-24T12:00:00Z", "matches": matches, "count": 900}],
            }
        )
        runaways.report(uid, agent="uploads", body=report, by=self.party[by], now=self.now)

    def someone(self, person):
        """A person as writes know who acts."""
        return Actor(party=person.party, ref=person.ref, role=Role(person.role))

    def actor(self, party):
        return Actor(party=self.party[party], ref=f"key:{party}")

    @replayed
    def crisis(self, *, active=False, ready=False, joined=()):
        """A crisis of the authority; joined: parties that the agency invited and that joined.

        ready: everything is there that activation needs.
        """
        body = WarningIn(
            name="Attack at the harbour",
            framework="eucp-2023",
            summary="Filmed by its perpetrator.",
            happened_at=self.now - timedelta(hours=2),
            countries=("BE", "NL"),
        )
        by, agency = self.actor("authority"), self.actor("agency")
        uid = crises.warn(body, by=by, now=self.now).id
        if joined:
            invitation = InviteIn(parties=tuple(joined))
            writes_joining.invite(uid, body=invitation, by=agency, now=self.now)
        for test in framework("eucp-2023").tests if active or ready else ():
            check = CheckIn(answer=CheckAnswer.YES, evidence="Two officers saw it.")
            crises.answer(uid, test=test, body=check, by=by, now=self.now)
        if active or ready:
            measure = MeasureIn(country="BE", measure="referrals", insufficient="hosts abroad")
            crises.consider(uid, body=measure, by=by, now=self.now)
        if active:
            proposal = ProposalIn(act="activate", reason="as seen")
            told = writes_moves.propose(uid, body=proposal, by=by, now=self.now)
            writes_moves.confirm(uid, told.proposals[-1].id, by=agency, now=self.now)
        for party in joined:
            writes_joining.join(uid, by=self.actor(party), now=self.now)
        return uid


@pytest.fixture
def world(db):  # noqa: ARG001  # the tables must be there
    board.totals_at.cache_clear()  # every test begins at the same position of the same hub
    return World()
