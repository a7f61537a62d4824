# SPDX-License-Identifier: Apache-2.0
"""The cast of the hub's tests: who there is, what time it is, and the short ways to act."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from django.db import transaction

from stemtide.hub.rooms.adoptions import writes as adoptions
from stemtide.hub.rooms.approvals.reads import approvals as approvals_reads
from stemtide.hub.rooms.approvals.writes import approvals
from stemtide.hub.rooms.crises.reads import crises as reads_crises
from stemtide.hub.rooms.crises.writes import (
    crises,
    moves as writes_moves,
    participants as writes_joining,
)
from stemtide.hub.rooms.ledger.models import Entry
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.parties.models import Party, Person
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.parties.writes import parties, suspensions
from stemtide.hub.rooms.signals.writes import signals
from stemtide.protocol.approvals import ApproveIn
from stemtide.protocol.enums import Role, Scope, Standing
from stemtide.protocol.messages.crises import (
    CheckIn,
    CrisisLife,
    InviteIn,
    MeasureIn,
    ProposalIn,
    ReasonIn,
    WarningIn,
)
from stemtide.protocol.messages.signals import SharedSignal, SignalIn
from stemtide.protocol.sync.agents import OutcomeReportIn, OutcomeRow
from stemtide.protocol.trust.parties import SuspensionIn
from tests.replays import replayed

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
PASSWORD = "correct-horse-battery"
CAST = [
    ("be-crisis-centre", "Belgian Crisis Centre", "authority", "BE"),
    ("fr-referral-unit", "French Referral Unit", "authority", "FR"),
    ("eu-referral-unit", "EU Internet Referral Unit", "agency", ""),
    ("big-video", "Big Video", "provider", "IE"),
    ("small-forum", "Small Forum", "provider", "FR"),
    ("tech-forum", "Tech Forum against Terrorism", "consortium", ""),
    ("rights-watch", "Rights Watch", "observer", "NL"),
]


@dataclass
class World:
    """Parties by what they are. ledger_kinds starts empty once the cast is assembled."""

    authority: Party
    other_authority: Party
    agency: Party
    big_provider: Party
    small_provider: Party
    consortium: Party
    observer: Party
    entries_before: int = 0
    noon: datetime = NOON
    password: str = PASSWORD

    @property
    def everyone(self) -> list[Party]:
        return [
            *(self.authority, self.other_authority, self.agency, self.big_provider),
            *(self.small_provider, self.consortium, self.observer),
        ]

    def at(self, **later: float) -> datetime:
        """Noon, and later: at(minutes=5)."""
        return NOON + timedelta(**later)

    def ledger_kinds(self) -> list[str]:
        """What was recorded since the cast was assembled."""
        since = Entry.objects.filter(number__gt=self.entries_before).order_by("number")
        return list(since.values_list("kind", flat=True))

    def last_entry(self) -> Entry:
        return Entry.objects.order_by("-number")[0]

    def person(self, party: Party | None = None, *, role: str = "duty_officer") -> Person:
        party = party or self.authority
        return parties.add_person(
            f"{role}@{party.name}.example",
            party=party,
            role=role,
            password=PASSWORD,
            actor="operator",
            now=NOON,
        )

    def key(self, party: Party | None = None, *, scopes: list[str] | None = None) -> str:
        """The text of a new key with all scopes, or these."""
        party = party or self.authority
        _, text = parties.new_key(
            f"key {uuid4().hex[:8]}",
            party=party,
            scopes=list(Scope) if scopes is None else scopes,
            actor="operator",
            now=NOON,
        )
        return text

    def share(self, by: Party | None = None, **facts: object) -> SharedSignal:
        return signals.share(signal_in(**facts), by=by or self.authority, now=NOON)

    def share_looked_at(self, by: Party | None = None, **facts: object) -> SharedSignal:
        """Share what waits for a second look, and have the agency approve it."""
        shared = self.share(by, **facts)
        self.approve_all()
        return shared

    def approve_all(self) -> None:
        """Have a person of the agency approve all that waits."""
        approve_all(self.agency)

    def actor(self, party: Party | None = None, *, role: str | None = None, ref: str = "") -> Actor:
        """Who acts for a party: a key of its own, or with a role a person."""
        party = party or self.authority
        ref = ref or (f"person:{role}" if role else f"key:{party.name}")
        return Actor(party=party, ref=ref, role=Role(role) if role else None)

    def warn(self, by: Party | None = None, **facts: object) -> CrisisLife:
        facts = {
            "name": "Attack in a city",
            "framework": "eucp-2023",
            "happened_at": NOON,
            "countries": ("BE", "FR"),
        } | facts
        return crises.warn(WarningIn(**facts), by=self.actor(by), now=NOON)

    @replayed
    def join(self, crisis: CrisisLife, *joining: Party) -> None:
        """Have the agency invite parties to a crisis, and each of them join."""
        names = tuple(one.name for one in joining)
        body = InviteIn(parties=names)
        writes_joining.invite(crisis.id, body=body, by=self.actor(self.agency), now=NOON)
        for one in joining:
            writes_joining.join(crisis.id, by=self.actor(one), now=NOON)

    def answer_all(self, crisis: CrisisLife, answer: str = "yes") -> None:
        """Have the agency answer every test, and record one national measure."""
        by = self.actor(self.agency)
        for check in crisis.checks:
            body = CheckIn(answer=answer, evidence="seen")
            crises.answer(crisis.id, test=check.test, body=body, by=by, now=NOON)
        measure = MeasureIn(country="BE", measure="referrals", insufficient="hosts abroad")
        crises.consider(crisis.id, body=measure, by=by, now=NOON)

    def decide(self, crisis: CrisisLife, act: str, *, now: datetime = NOON) -> CrisisLife:
        """Have the agency propose, and an authority in the room confirm."""
        body = ProposalIn(act=act, reason="as seen")
        facts = reads_crises.facts_of(crisis.id, viewer=self.agency)
        if act == "close" and not facts.is_current:
            body = ProposalIn(act=act, reason="as seen", adopt="none")
        told = adoptions.propose(crisis.id, body=body, by=self.actor(self.agency), now=now)
        proposal, by = told.proposals[-1].id, self.actor(self.authority)
        return writes_moves.confirm(crisis.id, proposal, by=by, now=now)

    @replayed
    def activate(self, by: Party | None = None, **facts: object) -> CrisisLife:
        """A crisis that is active: warned of, all tests answered yes, proposed and confirmed."""
        crisis = self.warn(by, **facts)
        if (by or self.authority) != self.authority:
            self.join(crisis, self.authority)
        self.answer_all(crisis)
        return self.decide(crisis, "activate")

    def calm(self, crisis: CrisisLife, *, now: datetime = NOON) -> CrisisLife:
        body = ReasonIn(reason="fewer new variants")
        by = self.actor(self.agency)
        return writes_moves.deescalate(crisis.id, body=body, by=by, now=now)

    def close(self, crisis: CrisisLife, *, now: datetime = NOON) -> CrisisLife:
        """Close an active crisis, by four eyes."""
        return self.decide(crisis, "close", now=now)


def approve_all(agency: Party, *, now: datetime = NOON) -> None:
    """Have a person of an agency approve all that waits."""
    by = Actor(agency, "person:1003", Role.COORDINATOR)
    for waiting in approvals_reads.approvals(viewer=agency, state="waiting").approvals:
        approvals.approve(waiting.id, body=ApproveIn(count=waiting.count), by=by, now=now)


def add_member(
    name: str, *, title: str, kind: str, country: str = "", now: datetime = NOON
) -> Party:
    """Add a party that is a member already, whose standing takes no position of the feed."""
    with transaction.atomic():
        party = _member(name, title=title, kind=kind, country=country, now=now)
        party.save()
        _record_member(party, now=now)
    return party


def _member(name: str, *, title: str, kind: str, country: str, now: datetime) -> Party:
    return Party(
        name=name, title=title, kind=kind, country=country, joined_at=now, standing=Standing.MEMBER
    )


def _record_member(party: Party, *, now: datetime) -> None:
    detail = {"kind": party.kind}
    ledger.append("party.added", actor="operator", subject=party.ref, now=now, detail=detail)


def suspend(
    party: Party, *, agency: Party, reason: str = "It shares newspapers.", now: datetime = NOON
) -> None:
    """Have two coordinators of an agency suspend a party."""
    _decide_suspension(party, agency=agency, reason=reason, now=now, lifts=False)


def lift(party: Party, *, agency: Party, now: datetime = NOON) -> None:
    """Have two coordinators of an agency lift the suspension of a party."""
    _decide_suspension(party, agency=agency, reason="It mended this.", now=now, lifts=True)


def _decide_suspension(
    party: Party, *, agency: Party, reason: str, now: datetime, lifts: bool
) -> None:
    """Have one coordinator propose, and another confirm."""
    first, second = (Actor(agency, f"person:{pk}", Role.COORDINATOR) for pk in (1001, 1002))
    body = SuspensionIn(lifts=lifts, reason=reason)
    proposal = suspensions.propose(party.name, body=body, by=first, now=now)
    suspensions.confirm(proposal.id, by=second, now=now)
    party.refresh_from_db()


def make_world() -> World:
    """Assemble the cast in the database, in few statements: thousands of tests begin with it."""
    with transaction.atomic():
        cast = Party.objects.bulk_create(
            _member(name, title=title, kind=kind, country=country, now=NOON)
            for name, title, kind, country in CAST
        )
        for party in cast:
            _record_member(party, now=NOON)
    return World(*cast, entries_before=Entry.objects.count())


def hex_value(number: int = 1, *, digits: int = 64) -> str:
    """A value of its own for each number, not near any other.

    Not the SHA-256 of the file "0": everybody has that one, and its signal would wait.
    """
    return hashlib.sha256(str(number or "none").encode()).hexdigest()[:digits]


def signal_in(**facts: object) -> SignalIn:
    """A signal that may be shared as it stands; facts replace its own."""
    plain = {"kind": "pdq", "value": hex_value(), "quality": 90}
    if facts.get("kind", "pdq") != "pdq":
        plain = {"value": hex_value(digits=32 if facts["kind"] == "md5" else 64)}
    rest = {"labels": ("perpetrator-content",), "severity": "high", "tlp": "amber"}
    return SignalIn.model_validate(plain | rest | facts)


def report_of(*rows: OutcomeRow, report: UUID | None = None, agent: str = "a1") -> OutcomeReportIn:
    return OutcomeReportIn(report=report or uuid4(), agent=agent, rows=rows)


def outcome(
    signal: UUID, outcome: str = "blocked", *, count: int = 1, at: datetime = NOON
) -> OutcomeRow:
    return OutcomeRow(signal=signal, outcome=outcome, count=count, first_at=at, last_at=at)


def disputers(signal):
    """The parties that dispute a signal, whether or not that stops it everywhere."""
    return [opinion.party for opinion in signal.opinions if opinion.opinion == "dispute"]
