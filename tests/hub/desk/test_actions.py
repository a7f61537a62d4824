# SPDX-License-Identifier: Apache-2.0
"""Tables of actions: what is offered to whom, and that each write takes what is sent to it."""

from inspect import signature

import pytest

from stemtide.hub.desk import rechecks
from stemtide.hub.desk.actions import ActorFacts
from stemtide.hub.desk.complaints import redress, views as complaints
from stemtide.hub.desk.crises.actions import ROOM_ACTIONS
from stemtide.hub.desk.inbox import approvals, referral as inbox
from stemtide.hub.desk.orders.offers import ORDER_ACTIONS
from stemtide.hub.desk.referrals import views as referrals
from stemtide.hub.desk.signals import allowlist
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.referrals.rules.referrals import ReferralFacts
from stemtide.protocol.enums import PartyKind, Role
from stemtide.protocol.enums.referrals import ReferralState

TABLES = {
    "allowlist": allowlist.ACTIONS,
    "approvals": approvals.ACTIONS,
    "rechecks": rechecks.ACTIONS,
    "crises": ROOM_ACTIONS,
    "orders": ORDER_ACTIONS,
    "referrals": referrals._ACTIONS,
    "inbox": inbox._ACTIONS,
    "complaints": complaints._ACTIONS,
    "redress": redress._ACTIONS,
}
ACTIONS = [
    pytest.param(action, id=f"{page}-{name}")
    for page, table in TABLES.items()
    for name, action in table.items()
]


@pytest.mark.parametrize("action", ACTIONS)
def test_the_write_of_an_action_takes_what_is_sent_to_it(action):
    target = ["target"] if action.target_id else []
    message = {"body": "message"} if action.form.message_type else {}
    signature(action.write).bind("uid", *target, **message, by="actor", now="now")


@pytest.mark.parametrize("action", ACTIONS)
def test_an_action_with_a_label_has_the_field_that_it_names(action):
    assert not action.label or "text" in action.form.base_fields


SENDER = Party(name="sender", kind=PartyKind.AUTHORITY)
PROVIDER = Party(name="provider", kind=PartyKind.PROVIDER)


def offered(table, state, party, role, *, is_sent=True):
    """The names of the actions that a page offers on a referral."""
    facts = ReferralFacts(state=state, sender="sender", provider="provider", is_sent=is_sent)
    page = ActorFacts(facts, Actor(party, "person:1", role))
    return {name for name, action in table.items() if action.targets(page)}


@pytest.mark.parametrize(
    ("state", "is_sent", "expected"),
    [
        (ReferralState.ASSESSED, False, {"send", "drop"}),
        (ReferralState.SENT, True, {"withdraw"}),
        (ReferralState.NEEDS_CONTEXT, True, {"withdraw", "explain"}),
        (ReferralState.REMOVED, True, {"withdraw"}),
        (ReferralState.WITHDRAWN, True, set()),
    ],
)
def test_a_sender_is_offered_what_the_state_of_its_referral_allows(state, is_sent, expected):
    page = offered(referrals._ACTIONS, state, SENDER, Role.DUTY_OFFICER, is_sent=is_sent)
    assert page == expected


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (ReferralState.SENT, {"acknowledge", "answer"}),
        (ReferralState.ACKNOWLEDGED, {"answer"}),
        (ReferralState.REMOVED, {"reinstate"}),
        (ReferralState.WITHDRAWN, set()),
    ],
)
def test_a_provider_is_offered_what_the_state_of_a_referral_allows(state, expected):
    assert offered(inbox._ACTIONS, state, PROVIDER, Role.DUTY_OFFICER) == expected


@pytest.mark.parametrize("state", list(ReferralState))
def test_an_observer_and_the_other_side_are_offered_nothing_on_a_referral(state):
    for table, party in ((referrals._ACTIONS, SENDER), (inbox._ACTIONS, PROVIDER)):
        assert offered(table, state, party, Role.OBSERVER) == set()
    assert offered(referrals._ACTIONS, state, PROVIDER, Role.DUTY_OFFICER) == set()
    assert offered(inbox._ACTIONS, state, SENDER, Role.DUTY_OFFICER) == set()
