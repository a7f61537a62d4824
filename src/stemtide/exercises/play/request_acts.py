# SPDX-License-Identifier: Apache-2.0
"""Acts of bots on requests to providers: holds, referrals, removal orders."""

from datetime import UTC, datetime, timedelta
from itertools import islice

from stemtide.exercises.play.context import Context, counted
from stemtide.protocol.enums.orders import EmergencyGround
from stemtide.protocol.enums.referrals import Answer, ReferralState
from stemtide.protocol.messages.batches import (
    MAX_ROWS_AT_ONCE,
    BatchIn,
    BatchRowIn,
    RowsIn,
)
from stemtide.protocol.messages.holds import HoldIn
from stemtide.protocol.messages.orders import OrderAnswerIn, OrderIn, OrderReasonIn, Values
from stemtide.protocol.messages.referrals import AcknowledgeIn, AnswerIn, AssessIn
from stemtide.scenarios import acts

_OPEN = {ReferralState.SENT, ReferralState.ACKNOWLEDGED}
_OF_REMOVAL = {Answer.REMOVED, Answer.DISABLED, Answer.GEO_BLOCKED}

_AUTHORITY_SECTIONS = {
    "contact_point": "orders@provider.example",
    "authority_type": "law_enforcement",
    "authority_name": "Crisis Centre (EXERCISE)",
    "representative": "The duty officer (EXERCISE)",
    "file_number": "2026/114",
    "authority_address": "1 Exercise Street, Brussels",
    "authority_phone": "+32 2 555 01 00",
    "authority_mail": "orders@authority.example",
    "signature": "The duty officer (EXERCISE)",
    "feedback_contact": "orders@authority.example",
    "home_contact": "not known here (EXERCISE)",
    "redress_authority": "Reconsideration by this authority (EXERCISE)",
    "redress_body": "Court of first instance, Brussels (EXERCISE)",
    "redress_deadline": "60 days from receipt (EXERCISE)",
    "redress_link": "https://authority.example/redress",
}
"""Sections A, E, F and G of Annex I, as the authority fills them in."""


def hold(context: Context, act: acts.PlaceHold) -> str:
    """Ask that an address be left alone."""
    body = HoldIn(
        url=context.content.address(act.content),
        until=datetime.now(UTC) + timedelta(hours=act.hours),
        reason=act.reason,
        contact="duty desk (EXERCISE)",
        exercise=context.world.exercise,
    )
    context.hub.place_hold(body)
    return f"asks to leave {act.content} alone"


def refer(context: Context, act: acts.Refer) -> str:
    """Refer one address, or many in a batch."""
    if act.count > 1:
        return _refer_batch(context, act)
    body = AssessIn(
        provider=context.world.party_of(act.to),
        url=context.content.address(act.content),
        labels=act.labels,
        reason=act.reason,
        crisis=context.crisis,
        exercise=context.world.exercise,
    )
    referral = context.hub.refer(body, send=True)
    context.made[context.step] = [referral.id]
    return f"refers {act.content} to {act.to}: {referral.state}"


def _refer_batch(context: Context, act: acts.Refer) -> str:
    """Refer many addresses as rows of a batch."""
    name = f"EXERCISE {context.step}"
    batch = context.hub.open_batch(
        BatchIn(name=name, crisis=context.crisis, exercise=context.world.exercise)
    )
    rows = iter(
        BatchRowIn(
            number=number,
            url=context.content.address(act.content, number=number),
            provider=context.world.party_of(act.to),
            reason=act.reason,
            labels=" ".join(act.labels),
        )
        for number in range(1, act.count + 1)
    )
    answered = []
    while part := tuple(islice(rows, MAX_ROWS_AT_ONCE)):
        answered += context.hub.add_rows(RowsIn(rows=part), uid=batch.id).rows
    context.made[context.step] = [row.referral for row in answered if row.referral is not None]
    return f"refers {len(answered)} addresses to {act.to} in a batch"


def answer_referrals(context: Context, act: acts.AnswerReferrals) -> str:
    """Acknowledge and answer open referrals, oldest first."""
    measure_at = datetime.now(UTC) if act.answer in _OF_REMOVAL else None
    answered = 0
    for uid in context.things(act.of):
        if answered == act.at_most:
            break
        if context.hub.read_referral(uid=uid).state not in _OPEN:
            continue
        context.hub.acknowledge_referral(AcknowledgeIn(), uid=uid)
        context.hub.answer_referral(AnswerIn(answer=act.answer, measure_at=measure_at), uid=uid)
        answered += 1
    return f"answers {counted(answered, 'referral')}: {act.answer}"


def order(context: Context, act: acts.IssueOrder) -> str:
    """Draft and issue a removal order, as an emergency."""
    cast = context.scenario.cast
    is_home = cast[act.to].country == cast[context.by].country
    body = OrderIn(
        to=context.world.party_of(act.to),
        annex={
            **_AUTHORITY_SECTIONS,
            "home_contact": "" if is_home else _AUTHORITY_SECTIONS["home_contact"],
            "urls": [context.content.address(act.content)],
            "grounds": ["a"],
            "reasons": act.reason,
            "signed_on": datetime.now(UTC).date().isoformat(),
        },
        emergency="EXERCISE. The event is under way.",
        emergency_ground=EmergencyGround.ONGOING_EVENTS,
        crisis=context.crisis,
        exercise=context.world.exercise,
    )
    draft = context.hub.draft_order(body)
    context.made[context.step] = [draft.id]
    issued = context.hub.issue_order(uid=draft.id)
    return f"orders {act.content} removed by {act.to}: {issued.state}"


def confirm_order(context: Context, act: acts.ConfirmOrder) -> str:
    """Confirm an order as a second person."""
    (uid,) = context.things(act.of)
    context.world.confirm_order(context.by, uid)
    return f"confirms the order {act.of} as a second person"


def execute_order(context: Context, act: acts.ExecuteOrder) -> str:
    """Execute an order: the fields of Annex II."""
    (uid,) = context.things(act.of)
    now = datetime.now(UTC)
    annex: Values = {
        **_provider(context),
        "measure": "removed",
        "measure_at": now.isoformat(),
        "provider_state": context.scenario.cast[context.by].country,
        "signed_on": now.date().isoformat(),
    }
    context.hub.acknowledge_order(uid=uid)
    context.hub.execute_order(OrderAnswerIn(annex=annex), uid=uid)
    return f"executes the order {act.of}"


def suspend_order(context: Context, act: acts.SuspendOrder) -> str:
    """Say that an order has a manifest error: the fields of Annex III."""
    (uid,) = context.things(act.of)
    annex: Values = {
        **_provider(context),
        "grounds": ["manifest_error"],
        "explanation": act.error,
        "errors": act.error,
        "signature": "Duty desk (EXERCISE)",
        "signed_at": datetime.now(UTC).isoformat(),
    }
    context.hub.acknowledge_order(uid=uid)
    context.hub.suspend_order(OrderAnswerIn(annex=annex), uid=uid)
    return f"says that the order {act.of} has an error"


def withdraw_order(context: Context, act: acts.WithdrawOrder) -> str:
    """Withdraw an order."""
    (uid,) = context.things(act.of)
    context.hub.withdraw_order(OrderReasonIn(text=act.reason), uid=uid)
    return f"withdraws the order {act.of}"


def _provider(context: Context) -> dict[str, str]:
    """Return the fields about the provider that both annexes have."""
    return {
        "provider_name": f"{context.scenario.cast[context.by].title} (EXERCISE)",
        "authorised_person": "Duty desk (EXERCISE)",
        "contact_mail": f"orders@{context.by}.example",
    }
