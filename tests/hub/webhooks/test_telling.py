# SPDX-License-Identifier: Apache-2.0
"""What webhooks are told, by whom it is read, and what is held back."""

import json
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from stemtide.hub.rooms.alerts.rules.kinds import REQUESTS
from stemtide.hub.rooms.crises.writes import participants as writes_joining
from stemtide.hub.rooms.parties.writes import keys, parties
from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.signals.writes import signals
from stemtide.hub.rooms.webhooks import rules
from stemtide.hub.rooms.webhooks.models import Delivery
from stemtide.hub.rooms.webhooks.reads import events as reads_events, webhooks as reads
from stemtide.hub.rooms.webhooks.rules import Bundle
from stemtide.protocol.enums import Scope
from stemtide.protocol.messages.crises import InviteIn, PartyIn
from stemtide.protocol.messages.signals import OpinionIn, WithdrawIn
from stemtide.protocol.messages.webhooks import EventType
from tests.hub.orders import cast
from tests.rounds import rounds
from tests.world import NOON, signal_in

SHA = "{:064x}"


def share(hub, *numbers, by=None, **facts):
    rows = [signal_in(kind="sha256", value=SHA.format(one), **facts) for one in numbers]
    out = signals.share_many(rows, by=by or hub.world.authority, now=NOON)
    return [one.id for one in out.signals]


def withdraw(hub, uid, by=None):
    body = WithdrawIn(reason="mistake")
    signals.withdraw(uid, body=body, by=by or hub.world.authority, now=NOON)


def ids(said):
    return [one["id"] for one in said["data"]["things"]]


# Signals


def test_a_shared_signal_is_told_with_its_place_in_the_feed_and_no_content(hub):
    ear = hub.listen(party=hub.world.big_provider)
    (uid,) = share(hub, 1)
    hub.tick()
    (said,) = ear.heard
    position = Signal.objects.get(uid=uid).position
    assert said == {
        "type": "signal.shared",
        "timestamp": NOON.isoformat(),
        "data": {
            "webhook": str(ear.id),
            "hub": "https://hub.example",
            "exercise": False,
            "count": 1,
            "things": [
                {
                    "thing": "signal",
                    "id": str(uid),
                    "position": position,
                    "href": f"/api/v1/signals/{uid}",
                }
            ],
            "after": position - 1,
            "until": position,
            "href": f"/api/v1/feed?after={position - 1}",
        },
    }


def test_what_is_told_is_a_cloud_event_as_well(hub):
    ear = hub.listen()
    share(hub, 1)
    hub.tick()
    ((headers, _),) = ear.requests
    assert {name: value for name, value in headers.items() if name.startswith("ce-")} == {
        "ce-specversion": "1.0",
        "ce-id": headers["webhook-id"],
        "ce-source": f"https://hub.example/api/v1/webhooks/{ear.id}",
        "ce-type": "signal.shared",
        "ce-time": "2026-11-24T12:00:00Z",
    }
    assert headers["content-type"] == "application/json"


def test_a_dispute_a_withdrawal_and_an_expiry_are_told_as_what_they_are(hub):
    ear = hub.listen()
    changed, gone, late = share(hub, 1, 2, 3)
    hub.tick()
    body = OpinionIn(opinion="dispute", note="a news report")
    signals.give_opinion(changed, body=body, by=hub.world.big_provider, now=NOON)
    withdraw(hub, gone)
    Signal.objects.filter(uid=late).update(expires_at=NOON)
    signals.expire_due(NOON)
    hub.tick()
    told = {said["type"]: ids(said) for said in ear.heard[1:]}
    assert told == {
        "signal.changed": [str(changed)],
        "signal.withdrawn": [str(gone)],
        "signal.expired": [str(late)],
    }


def test_an_opinion_that_moves_nothing_is_not_told(hub):
    (uid,) = share(hub, 1)
    ear = hub.listen()
    signals.give_opinion(uid, body=OpinionIn(opinion="seen"), by=hub.world.agency, now=NOON)
    hub.tick()
    assert ear.types == []


def test_a_flood_of_signals_is_one_event_that_names_where_to_read(hub):
    ears = [hub.listen(party=one) for one in hub.world.everyone]
    count = rounds(2_000, nightly=20_000)
    share(hub, *range(1, count + 1), tlp="clear")
    hub.tick()
    for ear in ears:
        (said,) = ear.heard
        assert (said["data"]["count"], said["data"]["things"]) == (count, [])
        assert said["data"]["until"] - said["data"]["after"] == count
    assert Delivery.objects.count() == len(ears)


def test_many_acts_of_one_moment_are_one_event_also_one_by_one(hub):
    ear = hub.listen()
    uids = [share(hub, one)[0] for one in range(1, 31)]
    hub.tick()
    (said,) = ear.heard
    assert ids(said) == [str(one) for one in uids]


def test_what_waits_grows_and_what_has_left_once_does_not(hub):
    ear = hub.listen(replies=[b"HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n"])
    share(hub, 1)
    hub.tick()
    share(hub, 2)
    hub.follow()
    share(hub, 3)
    hub.follow()
    assert hub.states(ear) == [("signal.shared", "failed"), ("signal.shared", "queued")]
    assert [one.spans for one in Delivery.objects.order_by("pk")] == [[[1, 1]], [[2, 3]]]


def test_an_event_full_of_long_names_stays_below_20_kb(hub):
    ear = hub.listen()
    share(hub, *range(1, rules.MAX_SUBJECTS + 1))
    hub.tick()
    ((_, body),) = ear.requests
    assert len(json.loads(body)["data"]["things"]) == reads_events.MAX_THINGS
    assert len(body) < 20_000


def test_a_signal_for_others_is_told_to_nobody_else_not_even_its_time(hub):
    inside, outside = hub.listen(), hub.listen(party=hub.world.observer)
    share(hub, 1, tlp="amber", audience=[hub.world.agency.name])
    hub.tick()
    assert (inside.types, outside.types) == (["signal.shared"], [])
    assert hub.states(outside) == []


def test_of_a_bulk_each_party_is_told_its_own_part(hub):
    ear = hub.listen(party=hub.world.big_provider)
    mine = signal_in(kind="sha256", value=SHA.format(1))
    other = signal_in(
        kind="sha256", value=SHA.format(2), tlp="amber", audience=[hub.world.agency.name]
    )
    out = signals.share_many([mine, other], by=hub.world.authority, now=NOON)
    hub.tick()
    assert [ids(one) for one in ear.heard] == [[str(out.signals[0].id)]]


def test_a_signal_withdrawn_before_its_event_left_is_not_told_as_shared(hub):
    ear = hub.listen()
    first, second = share(hub, 1, 2)
    hub.follow()
    withdraw(hub, first)
    hub.tick()
    assert {said["type"]: ids(said) for said in ear.heard} == {
        "signal.shared": [str(second)],
        "signal.withdrawn": [str(first)],
    }


def test_a_party_that_loses_sight_of_a_signal_on_its_way_is_told_nothing(hub):
    ear = hub.listen(party=hub.world.big_provider)
    share(hub, 1)
    hub.follow()
    Signal.objects.update(tlp="red", audience=f"|{hub.world.agency.name}|")
    hub.tick()
    assert ear.requests == []
    assert hub.states(ear) == [("signal.shared", "moot")]


def test_a_retry_says_no_more_than_may_be_seen_by_then(hub):
    ear = hub.listen(replies=[b"HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n"])
    first, second = share(hub, 1, 2)
    hub.tick()
    withdraw(hub, first)
    hub.tick(seconds=10)
    told = [ids(said) for said in ear.heard if said["type"] == "signal.shared"]
    assert told == [[str(first), str(second)], [str(second)]]


def test_exercises_are_told_to_those_who_asked_and_are_marked(hub):
    real, played = hub.listen(), hub.listen(exercise=True)
    share(hub, 1)
    share(hub, 2, exercise=True)
    hub.tick()
    assert [said["data"]["exercise"] for said in real.heard] == [False]
    assert [said["data"]["exercise"] for said in played.heard] == [False, True]
    assert played.heard[1]["data"]["href"].endswith("&exercise=true")


def test_nothing_from_before_is_told(hub):
    share(hub, 1)
    first = hub.listen()
    hub.tick()
    share(hub, 2)
    second = hub.listen()
    hub.tick()
    assert (len(first.heard), len(second.heard)) == (1, 0)


def test_a_webhook_is_told_what_it_asked_for(hub):
    some, one, none = (
        hub.listen("signal.*"),
        hub.listen("signal.withdrawn"),
        hub.listen("hold.met"),
    )
    withdraw(hub, share(hub, 1)[0])
    share(hub, 2)
    hub.tick()
    assert sorted(some.types) == ["signal.shared", "signal.withdrawn"]
    assert (one.types, none.types) == (["signal.withdrawn"], [])


# Crises


def test_a_crisis_is_told_to_those_who_may_see_it(hub):
    ears = {one.name: hub.listen(party=one) for one in hub.world.everyone}
    crisis = hub.world.warn()
    hub.tick()
    told = {name for name, ear in ears.items() if ear.types}
    assert told == {"be-crisis-centre", "fr-referral-unit", "eu-referral-unit", "tech-forum"}
    (said,) = ears["eu-referral-unit"].heard
    assert said["type"] == "crisis.warned"
    assert said["data"]["things"] == [
        {"thing": "crisis", "id": str(crisis.id), "href": f"/api/v1/crises/{crisis.id}"}
    ]


@pytest.mark.nightly
def test_the_phases_of_a_crisis_are_told_in_their_order(hub):
    ear = hub.listen("crisis.*")
    crisis = hub.world.activate()
    hub.tick()
    hub.world.calm(crisis)
    hub.tick()
    hub.world.close(crisis)
    hub.tick()
    assert ear.types == [
        *("crisis.warned", "crisis.activated", "crisis.deescalated", "crisis.closed")
    ]


@pytest.mark.nightly
def test_an_invitation_is_told_to_whom_it_is_for_unless_it_was_taken_back(hub):
    asked, other = (
        hub.listen("participant.*", party=one)
        for one in (hub.world.big_provider, hub.world.small_provider)
    )
    crisis = hub.world.warn()
    hub.world.join(crisis, hub.world.big_provider)
    hub.tick()
    assert (asked.types, other.types) == (["participant.invited"], [])
    crisis = hub.world.warn(name="Another")
    body, by = PartyIn(party=hub.world.small_provider.name), hub.world.actor(hub.world.agency)
    writes_joining.invite(crisis.id, body=InviteIn(parties=[body.party]), by=by, now=NOON)
    hub.follow()
    writes_joining.uninvite(crisis.id, body=body, by=by, now=NOON)
    hub.tick()
    assert (hub.states(other), other.requests) == ([("participant.invited", "moot")], [])


def test_the_crisis_of_an_exercise_is_told_to_those_who_asked_for_exercises(hub):
    real, played = hub.listen(), hub.listen(exercise=True)
    hub.world.warn(exercise=True)
    hub.tick()
    assert (real.types, played.types) == ([], ["crisis.warned"])
    assert played.heard[0]["data"]["exercise"] is True


# Requests


def test_every_kind_of_request_that_alerts_somebody_is_an_event():
    assert {kind for rule in REQUESTS.values() for kind in rule.on} <= set(rules.ADDRESSED)


def test_an_order_is_told_to_its_two_sides_alone(hub):
    cast.name_competent(hub.world)
    cast.inform(hub.world)
    ears = {one.name: hub.listen(party=one) for one in hub.world.everyone}
    order = cast.issue(hub.world).id
    hub.tick()
    told = {name: ear.types for name, ear in ears.items() if ear.types}
    assert told["small-forum"] == ["order.issued"]
    assert set(told) <= {"small-forum", *(one for one in told if told[one] == ["order.copied"])}
    assert "eu-referral-unit" not in told
    (said,) = ears["small-forum"].heard
    assert said["data"]["things"] == [
        {"thing": "order", "id": str(order), "href": f"/api/v1/orders/{order}"}
    ]


def test_requests_are_told_only_where_the_key_may_read_requests(hub):
    cast.name_competent(hub.world)
    cast.inform(hub.world)
    by = hub.caller(hub.world.small_provider, scopes=[Scope.WEBHOOKS_MANAGE, Scope.FEED_READ])
    ear = hub.listen(by=by)
    cast.issue(hub.world)
    share(hub, 1)
    hub.tick()
    assert ear.types == ["signal.shared"]


def test_a_key_that_lost_its_scope_on_the_way_is_told_nothing(hub):
    ear = hub.listen()
    share(hub, 1)
    hub.follow()
    row = hub.row(ear)
    row.key.scopes = [Scope.WEBHOOKS_MANAGE.value]
    row.key.save()
    hub.tick()
    assert ear.requests == []


def test_whoever_stole_a_key_is_told_nothing_once_it_is_revoked(hub):
    ear = hub.listen()
    parties.revoke_key(ear.by.key, actor="operator", now=hub.now)
    share(hub, 1)
    hub.tick()
    assert ear.requests == []
    assert (hub.row(ear).state, hub.row(ear).why) == ("disabled", "key")


def test_webhooks_of_a_replaced_key_go_on_with_the_new_one(hub):
    ear = hub.listen()
    done = keys.replace_calling_key(overlap_hours=0, by=ear.by, now=hub.now)
    share(hub, 1)
    hub.tick()
    assert len(ear.requests) == 1
    assert hub.row(ear).key == done.key
    parties.revoke_key(done.key.prefix, actor="operator", now=hub.now)
    hub.tick()
    assert (hub.row(ear).state, hub.row(ear).why) == ("disabled", "key")


def test_webhooks_go_back_to_the_old_key_when_its_replacement_was_lost(hub):
    ear = hub.listen()
    old, later = ear.by.key, hub.now + timedelta(hours=2)
    lost = keys.replace_calling_key(overlap_hours=24, by=ear.by, now=hub.now)
    hub.tick()
    assert hub.row(ear).key == lost.key
    parties.revoke_key(lost.key.prefix, actor="operator", now=hub.now)
    share(hub, 1)
    hub.tick()
    assert (len(ear.requests), hub.row(ear).key.prefix) == (1, old)
    done = keys.replace_key(old, overlap_hours=24, actor="operator", now=later)
    hub.tick()
    assert hub.row(ear).key == done.key
    for prefix in (old, done.key.prefix):
        parties.revoke_key(prefix, actor="operator", now=hub.now)
    hub.tick()
    assert (hub.row(ear).state, hub.row(ear).why) == ("disabled", "key")


# Bundles


def test_spans_join_where_they_touch_and_are_few_whatever_comes():
    whole = Bundle(NOON)
    for position in (1, 2, 5, 6, 9):
        whole.add_span(position, position, at=NOON)
    assert whole.spans == [[1, 2], [5, 6], [9, 9]]
    for position in range(11, 11 + 4 * rules.MAX_SPANS, 2):
        whole.add_span(position, position, at=NOON)
    assert len(whole.spans) == rules.MAX_SPANS
    assert whole.spans[-1][1] == 9 + 4 * rules.MAX_SPANS


def test_subjects_are_named_once_and_beyond_their_number_counted():
    first, second = Bundle(NOON), Bundle(NOON)
    for one in range(80):
        first.add_subject(f"referral:{UUID(int=one)}", at=NOON)
    for one in range(60, 160):
        second.add_subject(f"referral:{UUID(int=one)}", at=NOON)
    first.add(second)
    assert (len(first.subjects), first.more) == (rules.MAX_SUBJECTS, 60)


@pytest.mark.parametrize("kind", EventType)
def test_every_event_is_asked_for_by_its_name_its_thing_and_the_star(kind):
    thing = kind.value.partition(".")[0]
    assert all(rules.wants([one], kind) for one in ("*", f"{thing}.*", kind.value))
    assert not rules.wants(["other.*", f"{thing}.other"], kind)


def test_a_thing_of_no_room_is_not_told(hub):
    ear = hub.listen()
    share(hub, 1)
    hub.follow()
    Delivery.objects.update(spans=[], subjects=[f"referral:{uuid4()}"], kind="referral.sent")
    hub.tick()
    assert (ear.requests, hub.states(ear)) == ([], [("referral.sent", "moot")])


def test_the_log_and_the_body_do_not_tell_how_much_was_shared_with_others(hub):
    ear = hub.listen(party=hub.world.big_provider)
    for_others = {"tlp": "amber", "audience": [hub.world.agency.name]}
    share(hub, 1, 2, **for_others)
    (seen,) = share(hub, 3)
    share(hub, 4, 5, 6, **for_others)
    hub.tick()
    ((said, place),) = [(one["data"], one["data"]["things"][0]["position"]) for one in ear.heard]
    log = reads.deliveries(ear.id, viewer=hub.world.big_provider).deliveries
    assert ids(ear.heard[0]) == [str(seen)]
    assert (said["after"], said["until"], log[0].count) == (place - 1, place, 1)
