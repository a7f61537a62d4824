# SPDX-License-Identifier: Apache-2.0
"""A crisis as it might stand after two hours, for pictures. Nothing in it is real."""

import base64
import random
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from django.conf import settings
from django.test import Client

from stemtide.hub.rooms.crises.writes import (
    crises,
    events as writes_events,
    moves as writes_moves,
    participants as writes_joining,
)
from stemtide.hub.rooms.media import writes as media
from stemtide.hub.rooms.media.keys import keys_in
from stemtide.hub.rooms.parties.reads import parties as reads
from stemtide.hub.rooms.parties.writes import parties
from stemtide.hub.rooms.signals.writes import outcomes as writes_outcomes, signals
from stemtide.hub.rooms.situation.writes import situation
from stemtide.protocol.messages.crises import (
    CheckIn,
    InviteIn,
    MeasureIn,
    NeighbourIn,
    ProposalIn,
    TriageIn,
    WarningIn,
)
from stemtide.protocol.messages.previews import PreviewIn, Purpose
from stemtide.protocol.messages.signals import SignalIn
from stemtide.protocol.messages.situation import MessageIn, PublicStatementIn
from stemtide.protocol.sync.agents import AgentStatusIn, OutcomeReportIn, OutcomeRow
from tests.fingerprints.pictures import encoded, photo
from tests.world import add_member

CAST = [
    ("be-crisis-centre", "Belgian Crisis Centre", "authority", "BE"),
    ("fr-referral-unit", "French Referral Unit", "authority", "FR"),
    ("eu-referral-unit", "EU Internet Referral Unit", "agency", ""),
    ("big-video", "Big Video", "provider", "IE"),
    ("small-forum", "Small Forum", "provider", "FR"),
    ("chat-app", "Chat App", "provider", "EE"),
    ("tech-forum", "Tech Forum against Terrorism", "consortium", ""),
    ("rights-watch", "Rights Watch", "observer", "NL"),
]


def play() -> dict[str, str]:
    """Play it; sessions and ids that the pictures need."""
    now = datetime.now(UTC)
    party = {
        name: add_member(name, title=title, kind=kind, country=country, now=now)
        for name, title, kind, country in CAST
    }

    def person(name, role):
        return parties.add_person(
            f"{role}@{name}.example",
            party=party[name],
            role=role,
            password="tide and stem 4711",
            actor="operator",
            now=now,
        )

    def session(someone):
        client = Client()
        client.force_login(someone, backend="django.contrib.auth.backends.ModelBackend")
        return client.cookies["sessionid"].value

    def actor(someone):
        return reads.actor(someone)

    officer, colleague = (person("be-crisis-centre", one) for one in ("duty_officer", "analyst"))
    dpo = person("be-crisis-centre", "data_protection_officer")
    agency = person("eu-referral-unit", "coordinator")
    big, small = person("big-video", "duty_officer"), person("small-forum", "duty_officer")
    french = person("fr-referral-unit", "duty_officer")
    uid = _crisis(now, officer=actor(officer), agency=actor(agency))
    for one in (big, french):
        writes_joining.join(uid, by=actor(one), now=now - timedelta(minutes=80))
    shared = _signals(uid, party, now)
    _outcomes(shared, party, now)
    _said(uid, now, officer=actor(officer), agency=actor(agency), big=actor(big))
    keys, most = keys_in(settings.MEDIA_KEY_FILE), timedelta(days=14)
    still = base64.b64encode(encoded(photo("coffee.png"), "JPEG")).decode()
    body = PreviewIn(still=still, expires_at=now + timedelta(days=3))
    media.add(shared[0], body=body, by=actor(officer), now=now, keys=keys, most=most)
    looks = [
        media.open_look(shared[0], purpose=Purpose.REVIEW, by=actor(one), now=now)
        for one in (officer, colleague, officer)
    ]
    media.reveal(looks[2], by=actor(officer), now=now)
    quiet = crises.warn(
        WarningIn(name="Rumour of an attack", happened_at=now, countries=("BE",)),
        by=actor(officer),
        now=now,
    )
    later = now + timedelta(minutes=9)  # so that they count as connected for as long
    for name in ("big-video", "small-forum", "chat-app"):
        status = AgentStatusIn(version="0.1.0", position=999, signals=61, started_at=now)
        parties.report_status(f"{name}-uploads", by=party[name], status=status, now=later)
    return {
        "officer": session(officer),
        "dpo": session(dpo),
        "guest": session(small),
        "agency": session(agency),
        "crisis": str(uid),
        "quiet": str(quiet.id),
        "signal": str(shared[0]),
        "preview": str(shared[0]),
        "look": str(looks[0]),
        "revealed": str(looks[2]),
    }


def _crisis(now, *, officer, agency):
    """An activated crisis, two hours after the event."""
    warned = now - timedelta(minutes=104)
    body = WarningIn(
        name="Attack at the harbour of Antwerp",
        summary="A perpetrator streams an attack; copies and a manifesto are on several services.",
        happened_at=now - timedelta(minutes=118),
        countries=("BE", "FR", "NL"),
        event_refs=("gifct:2026-011",),
    )
    uid = crises.warn(body, by=officer, now=warned).id
    crises.triage(uid, body=TriageIn(harm=4, virality=3), by=officer, now=warned)
    kinds = ("provider", "consortium", "authority")
    writes_joining.invite(uid, body=InviteIn(kinds=kinds), by=agency, now=warned)
    said = [
        "Stream seen by two duty officers; emergency services confirm.",
        "The stream shows people being hurt.",
        "The manifesto says so in its first lines.",
        "Named in the manifesto; investigation opened.",
        "Copies on three services within 20 minutes.",
        "Hosts outside the European Union.",
    ]
    made = crises.reads.crisis(uid, viewer=officer.party)
    for check, words in zip(made.checks, said, strict=True):
        body = CheckIn(answer="yes", evidence=words)
        crises.answer(uid, test=check.test, body=body, by=officer, now=now - timedelta(minutes=97))
    measure = MeasureIn(
        country="BE", measure="Referrals and removal orders", insufficient="Hosts abroad; too slow"
    )
    crises.consider(uid, body=measure, by=officer, now=now - timedelta(minutes=96))
    proposal = ProposalIn(act="activate", reason="It multiplies across services.")
    told = writes_moves.propose(uid, body=proposal, by=officer, now=now - timedelta(minutes=95))
    at = now - timedelta(minutes=91)
    writes_moves.confirm(uid, told.proposals[-1].id, by=agency, now=at)
    neighbour = NeighbourIn(
        framework="gifct",
        version="2025",
        type="Perpetrator Content Incident",
        reference="gifct:2026-011",
        status="active",
        started_at=now - timedelta(minutes=88),
    )
    writes_events.mirror(uid, body=neighbour, by=agency, now=now - timedelta(minutes=85))
    return uid


def _signals(uid, party, now):
    """Some clusters: a stream with many stills, a manifesto, links. Ids, the stream's first."""
    chance = random.Random(7)  # noqa: S311  # the same pictures each time
    base = {"crisis": uid, "severity": "critical", "provenance": "perpetrator", "confidence": 95}
    shared, content = [], uuid4()

    def share(name, minute, **facts):
        body = SignalIn.model_validate(base | facts)
        by, at = party[name], now - timedelta(minutes=minute)
        shared.append(signals.share(body, by=by, now=at).id)

    for number, (labels, variants) in enumerate(
        [
            (["livestream", "perpetrator-content"], 23),
            (["perpetrator-content"], 9),
            (["manifesto"], 4),
            (["graphic-violence"], 3),
        ]
    ):
        value = chance.getrandbits(256)
        for variant in range(variants):
            bits = chance.sample(range(256), 14) if variant else []
            near = value ^ sum(1 << bit for bit in bits)
            who = ("be-crisis-centre", "fr-referral-unit", "big-video")[variant % 3]
            share(
                who,
                90 - 3 * variant - number,
                kind="pdq",
                value=f"{near:064x}",
                quality=92,
                labels=labels,
            )
    for number in range(5):
        share(
            "be-crisis-centre",
            60 - 9 * number,
            kind="url",
            value=f"https://files.example/{chance.getrandbits(64):x}",
            labels=["manifesto"],
            content=content,
            severity="high",
            tlp="green",
        )
    for number in range(3):
        share(
            "eu-referral-unit",
            40 - number,
            kind="sha256",
            value=f"{chance.getrandbits(256):064x}",
            labels=["livestream"],
            tlp="amber+strict",
            pap="amber",
        )
    return shared


def _outcomes(shared, party, now):
    """What agents reported over the last hour and a half."""
    chance = random.Random(11)  # noqa: S311  # the same pictures each time
    for minute in range(88, 0, -4):
        for name, weight in (("big-video", 9), ("small-forum", 2), ("chat-app", 4)):
            at = now - timedelta(minutes=minute)
            grown = max(1, int(weight * (88 - minute) ** 1.4 / 40))
            rows = tuple(
                OutcomeRow(
                    signal=chance.choice(shared[:30]),
                    outcome=outcome,
                    count=count,
                    first_at=at,
                    last_at=at,
                    language=chance.choice(["nl", "fr", "en", "en", None]),
                )
                for outcome, count in (
                    ("blocked", grown * 3),
                    ("held", max(1, grown // 3)),
                    ("logged", max(1, grown // 2)),
                )
            )
            body = OutcomeReportIn(report=uuid4(), agent="uploads", rows=rows)
            writes_outcomes.report_outcomes(body, by=party[name], now=at)


def _said(uid, now, *, officer, agency, big):
    """What was said in the room."""
    for by, minute, kind, words in (
        (officer, 84, "observation", "Second stream of the same scene, mirrored. Stills shared."),
        (agency, 61, "question", "Does anybody see copies in archives?"),
        (big, 52, "answer", "Twelve archives since noon, all blocked at upload."),
        (agency, 30, "decision", "We look again at 15:00 whether it calms down."),
    ):
        at = now - timedelta(minutes=minute)
        urgency = "soon" if kind == "question" else "routine"
        body = MessageIn(kind=kind, text=words, urgency=urgency)
        situation.post(uid, body=body, by=by, now=at)
    line = PublicStatementIn(texts={"en": "Do not share images of the attack. Report them."})
    situation.propose_line(uid, body=line, by=agency, now=now - timedelta(minutes=45))
