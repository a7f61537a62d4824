# SPDX-License-Identifier: Apache-2.0
"""Tables of actions: every write takes what perform() sends to it."""

from inspect import signature

import pytest

from stemtide.hub.desk.complaints import redress, views as complaints
from stemtide.hub.desk.crises.verbs import ROOM_ACTIONS
from stemtide.hub.desk.inbox import referral as inbox
from stemtide.hub.desk.orders.offers import ORDER_ACTIONS
from stemtide.hub.desk.referrals import views as referrals

TABLES = {
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
