# SPDX-License-Identifier: Apache-2.0
"""Who issues, receives and examines orders in these tests, and forms filled in rightly."""

from datetime import datetime, timedelta
from uuid import UUID

from stemtide.hub.rooms.orders.reads import orders as reads
from stemtide.hub.rooms.orders.writes import (
    answers as writes_answers,
    endings as writes_endings,
    orders as writes,
)
from stemtide.hub.rooms.parties.writes import competences
from stemtide.protocol.enums import Duty
from stemtide.protocol.enums.referrals import ReceiptVia
from stemtide.protocol.messages.orders import (
    InformIn,
    OrderAnswerIn,
    OrderIn,
    OrderOut,
    OrderReasonIn,
    PreserveIn,
    ScrutinyIn,
)
from tests.orders import issue_order
from tests.world import NOON, World

URL = "https://small-forum.example/thread/7"
REASONS = "It praises the attack of this morning and calls on others to repeat it."

ANNEX_1 = {
    "contact_point": "tco@small-forum.example",
    "home_state": "FR",
    "urls": [URL],
    "grounds": ["a"],
    "reasons": REASONS,
    "cross_border": True,
    "copy_sent": True,
    "authority_type": "law_enforcement",
    "authority_name": "Belgian Crisis Centre",
    "representative": "Head of unit",
    "file_number": "2026/114",
    "authority_address": "Rue Ducale 53\n1000 Brussels",
    "authority_phone": "+32 2 555 01 23",
    "authority_mail": "duty@crisis.example",
    "signed_on": "2026-11-24",
    "signature": "Head of unit",
    "feedback_contact": "duty@crisis.example, +32 2 555 01 23",
    "home_contact": "tco@referral.example",
    "redress_authority": "Reconsideration by the Crisis Centre",
    "redress_body": "Council of State, Brussels",
    "redress_deadline": "60 days from receipt",
    "redress_link": "https://law.example/tco",
}
ANNEX_2 = {
    "measure": "removed",
    "measure_at": "2026-11-24T12:20:00+00:00",
    "provider_name": "Small Forum SAS",
    "provider_state": "FR",
    "authorised_person": "A. Moderator",
    "contact_mail": "tco@small-forum.example",
    "signed_on": "2026-11-24",
}
ANNEX_3 = {
    "grounds": ["insufficient_information"],
    "explanation": "The thread has 900 messages.",
    "missing": "The number of the message.",
    "provider_name": "Small Forum SAS",
    "authorised_person": "A. Moderator",
    "contact_mail": "tco@small-forum.example",
    "signature": "A. Moderator",
    "signed_at": "2026-11-24T12:10:00+00:00",
}


def after(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def name_competent(world: World) -> None:
    """Belgium names its authority for issuing, France its own for scrutiny."""
    for party, duty in (
        (world.authority, Duty.ISSUE),
        (world.other_authority, Duty.SCRUTINISE),
    ):
        competences.name_competent(party, duty, actor="operator", now=NOON)


def inform(world: World, *, hours: float = 13, exercise: bool = False) -> None:
    """Tell the provider of procedures and deadlines, so long before noon."""
    text = "Orders come by webhook and mail; you have one hour from receipt."
    body = InformIn(to="small-forum", text=text, exercise=exercise)
    writes.inform(body, by=world.actor(world.authority), now=NOON - timedelta(hours=hours))


def draft(world: World, *, now: datetime = NOON, **facts: object) -> OrderOut:
    """A draft whose lint finds nothing; facts replace its own."""
    annex = ANNEX_1 | facts.pop("annex", {})
    body = OrderIn.model_validate({"to": "small-forum", "annex": annex} | facts)
    return writes.draft(body, by=world.actor(world.authority), now=now)


def issue(world: World, *, now: datetime = NOON, **facts: object) -> OrderOut:
    """An order that was issued; the provider was informed."""
    made = draft(world, now=now, **facts)
    return issue_order(made.id, by=world.actor(world.authority), now=now)


def receive(uid: UUID, *, at: datetime = NOON, via: ReceiptVia = ReceiptVia.WEBHOOK) -> bool:
    return writes_answers.record_receipt(uid, via=via, at=at, now=at)


def execute(world: World, uid: UUID, *, at: datetime | None = None, **facts: object) -> OrderOut:
    at = at or after(20)
    body = OrderAnswerIn(annex=ANNEX_2 | {"measure_at": at.isoformat()} | facts)
    return writes_answers.execute(uid, body=body, by=world.actor(world.small_provider), now=at)


def suspend(world: World, uid: UUID, *, at: datetime | None = None, **facts: object) -> OrderOut:
    annex = {name: one for name, one in (ANNEX_3 | facts).items() if one is not None}
    return writes_answers.suspend(
        uid,
        body=OrderAnswerIn(annex=annex),
        by=world.actor(world.small_provider),
        now=at or after(10),
    )


def longer(until: datetime, **facts: object) -> PreserveIn:
    """A request to preserve longer, for an appeal before a court."""
    plain: dict[str, object] = {
        "until": until,
        "proceedings": "judicial",
        "reviewed_by": "Council of State",
        "reviewed_since": "2026-11-24",
        "reference": "2026/114",
    }
    return PreserveIn.model_validate(plain | facts)


def examine(world: World, uid: UUID, *, at: datetime | None = None) -> OrderOut:
    """Have the home authority open scrutiny by itself."""
    body = ScrutinyIn(basis="own_initiative", reasons="It may be a news report.")
    by = world.actor(world.other_authority)
    return writes_endings.open_scrutiny(uid, body=body, by=by, now=at or after(30))


def decide(world: World, uid: UUID, *steps: str, at: datetime | None = None) -> OrderOut:
    """Have the home authority take steps of scrutiny."""
    by, now = world.actor(world.other_authority), at or after(40)
    for step in steps:
        body = OrderReasonIn(text="It is a news report: Art. 1(3).")
        writes_endings.decide_scrutiny(uid, step=step, body=body, by=by, now=now)
    return reads.order(uid, viewer=world.other_authority, now=now)
