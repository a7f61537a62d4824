# SPDX-License-Identifier: Apache-2.0
"""Which orders wait for a second person, and whose second look it may be: written out."""

import itertools

import pytest

from stemtide.hub.platform.errors import ConflictError
from stemtide.hub.platform.permissions import allows
from stemtide.hub.rooms.approvals.rules import ApprovalFacts, check_approve, check_take_back
from stemtide.hub.rooms.orders.rules import orders as rules, second_look
from stemtide.hub.rooms.orders.rules.second_look import IssueFacts
from stemtide.protocol.enums import ApprovalState, PartyKind, Role, Standing
from stemtide.protocol.enums.orders import AtOnce, OrderState
from stemtide.protocol.trust.second_look import WaitReason, second_look as table
from stemtide.protocol.trust.standing import PartyTrust
from tests.hub.orders.cast import after
from tests.hub.orders.test_rules import ISSUER, facts
from tests.world import NOON

WAITS = {
    # emergency, active crisis, repeated: why it is issued at once
    (False, False, False): None,
    (False, False, True): None,
    (False, True, False): AtOnce.CRISIS,
    (False, True, True): None,
    (True, False, False): AtOnce.EMERGENCY,
    (True, False, True): None,
    (True, True, False): AtOnce.EMERGENCY,
    (True, True, True): None,
}


@pytest.mark.parametrize("is_alone", [False, True])
@pytest.mark.parametrize("told", WAITS)
def test_an_order_waits_but_in_an_emergency_or_an_active_crisis_and_once(told, is_alone):
    is_emergency, is_crisis_active, is_repeated = told
    issue = IssueFacts(
        is_emergency=is_emergency,
        is_crisis_active=is_crisis_active,
        is_repeated=is_repeated,
        is_alone=is_alone,
    )
    assert second_look.at_once(issue) is WAITS[told]


def test_every_case_of_waiting_is_written_out():
    assert set(WAITS) == set(itertools.product([False, True], repeat=3))


def trust(name, kind, state="", standing=Standing.MEMBER):
    return PartyTrust(name, kind, standing, state=state)


BE = trust("be", PartyKind.AUTHORITY, "BE")
LOOKERS = {
    # who looks: with a second person in the authority, and without
    "the authority itself": (BE, True, True),
    "another of its state": (trust("be-police", PartyKind.AUTHORITY, "BE"), False, True),
    "one of another state": (trust("fr", PartyKind.AUTHORITY, "FR"), False, False),
    "the agency": (trust("eu", PartyKind.AGENCY), False, True),
    "a provider of its state": (trust("forum", PartyKind.PROVIDER), False, False),
    "a consortium": (trust("forums", PartyKind.CONSORTIUM), False, False),
    "a suspended agency": (
        trust("eu", PartyKind.AGENCY, standing=Standing.SUSPENDED),
        False,
        False,
    ),
}
LEADERS = {Role.DUTY_OFFICER, Role.COORDINATOR}


class Looker:
    """Who gives a second look, as the rules see it."""

    def __init__(self, party, ref, role):
        self.name, self.kind, self.ref, self.role = party.name, party.kind, ref, role


def waiting(*, is_alone=False, **more):
    (reason,) = second_look.reasons(IssueFacts(is_alone=is_alone))
    plain = {
        "party": BE,
        "ref": "person:1",
        "who": table().deciders([reason]),
        "state": ApprovalState.WAITING,
        "expires_at": after(60),
        "is_by_leaders": table().is_by_leaders([reason]),
    }
    return ApprovalFacts(**(plain | more))


def may_confirm(told, party, *, ref="person:2", role=Role.DUTY_OFFICER, now=NOON):
    by = Looker(party, ref, role)
    return allows(check_approve, told, by=by, trust=party, count=1, now=now)


@pytest.mark.parametrize("who", LOOKERS)
def test_a_second_person_of_the_authority_confirms_and_other_bodies_only_where_it_has_none(who):
    party, with_second, alone = LOOKERS[who]
    assert may_confirm(waiting(), party) is with_second
    assert may_confirm(waiting(is_alone=True), party) is alone


@pytest.mark.parametrize("role", [*Role, None])
def test_who_confirms_may_decide_and_is_never_a_key(role):
    assert may_confirm(waiting(), BE, role=role) is (role in LEADERS)
    by = Looker(BE, "person:2", role)
    takes_back = allows(check_take_back, waiting(), by=by, now=NOON)
    assert takes_back is (role in LEADERS or role is None)


@pytest.mark.parametrize("asked", ["person:1", "key:abcd2345"])
def test_nobody_confirms_what_they_asked_for(asked):
    told = waiting(ref=asked)
    assert not may_confirm(told, BE, ref=asked)
    assert may_confirm(told, BE, ref="person:2")


def test_what_is_decided_or_expired_is_not_confirmed():
    assert not may_confirm(waiting(), BE, now=after(60))
    for state in set(ApprovalState) - {ApprovalState.WAITING}:
        assert not may_confirm(waiting(state=state), BE)


def test_both_reasons_for_orders_are_of_the_table_and_act_at_once_in_a_crisis():
    for reason in (WaitReason.BINDING_ORDER, WaitReason.LONE_AUTHORITY):
        assert table().rules[reason].act == "order"
        assert table().rules[reason].at_once_in_crisis


@pytest.mark.parametrize("state", OrderState)
def test_the_clock_recalls_what_waits_and_ends_what_is_in_effect(state):
    moves = {
        "submitted": "recall",
        **dict.fromkeys(["issued", "received", "suspended"], "withdraw"),
        "executed": "revoke",
    }
    for move in ("recall", "withdraw", "revoke"):
        expected = moves.get(state) == move
        assert allows(rules.check_clock, facts(state), move) is expected


def test_an_order_that_waits_is_taken_back_before_it_is_changed():
    with pytest.raises(ConflictError, match="return it to draft before you change it"):
        rules.check_change(facts("submitted"), name=ISSUER, role=None)
