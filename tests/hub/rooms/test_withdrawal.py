# SPDX-License-Identifier: Apache-2.0
import json
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from stemtide.hub.platform.errors import ConflictError, NotAllowedError, NotFoundError
from stemtide.hub.rooms.signals.models import OpinionRow, Signal
from stemtide.hub.rooms.signals.reads import signals as reads
from stemtide.hub.rooms.signals.rules import signals as rules
from stemtide.hub.rooms.signals.writes import signals as writes
from stemtide.protocol.enums import PartyKind, Role, SignalState
from stemtide.protocol.messages.signals import OpinionIn, WithdrawIn
from tests.rounds import at_night, some_of
from tests.world import NOON, hex_value

PASS, NO, CONFLICT = None, NotAllowedError, ConflictError
MISTAKE = WithdrawIn(reason="mistake", note="a wedding, not an attack")


def withdraw(world, uid, *, by=None, now=NOON):
    return writes.withdraw(uid, body=MISTAKE, by=by or world.authority, now=now)


def opine(uid, opinion, *, by, note="art", now=NOON):
    body = OpinionIn(opinion=opinion, note=note)
    return writes.give_opinion(uid, body=body, by=by, now=now)


def outcome_of(check, *args, **named):
    try:
        check(*args, **named)
    except (NotAllowedError, ConflictError) as refused:
        return type(refused)
    return None


@pytest.mark.parametrize(
    ("kind", "is_own", "live", "withdrawn", "expired"),
    [
        (PartyKind.AUTHORITY, True, PASS, CONFLICT, CONFLICT),
        (PartyKind.AUTHORITY, False, NO, NO, NO),
        (PartyKind.AGENCY, True, PASS, CONFLICT, CONFLICT),
        (PartyKind.AGENCY, False, PASS, CONFLICT, CONFLICT),
        (PartyKind.PROVIDER, True, PASS, CONFLICT, CONFLICT),
        (PartyKind.PROVIDER, False, NO, NO, NO),
        (PartyKind.CONSORTIUM, True, PASS, CONFLICT, CONFLICT),
        (PartyKind.CONSORTIUM, False, NO, NO, NO),
        (PartyKind.OBSERVER, False, NO, NO, NO),
    ],
)
def test_who_may_withdraw_what(kind, is_own, live, withdrawn, expired):
    name = "sharer" if is_own else "other"
    expected = {
        SignalState.LIVE: live,
        SignalState.WITHDRAWN: withdrawn,
        SignalState.EXPIRED: expired,
    }
    for state, outcome in expected.items():
        facts = rules.SignalFacts(state=state, shared_by="sharer", ended_at=NOON)
        assert outcome_of(rules.check_withdraw, facts, kind=kind, name=name) is outcome


@pytest.mark.parametrize(
    ("kind", "live", "withdrawn", "expired"),
    [
        (PartyKind.AUTHORITY, PASS, CONFLICT, CONFLICT),
        (PartyKind.AGENCY, PASS, CONFLICT, CONFLICT),
        (PartyKind.PROVIDER, PASS, CONFLICT, CONFLICT),
        (PartyKind.CONSORTIUM, PASS, CONFLICT, CONFLICT),
        (PartyKind.OBSERVER, NO, NO, NO),
    ],
)
def test_who_may_say_what_they_think(kind, live, withdrawn, expired):
    expected = {
        SignalState.LIVE: live,
        SignalState.WITHDRAWN: withdrawn,
        SignalState.EXPIRED: expired,
    }
    for state, outcome in expected.items():
        facts = rules.SignalFacts(state=state, shared_by="sharer")
        assert outcome_of(rules.check_opinion, facts, kind=kind) is outcome


def test_a_withdrawal_reaches_everyone_who_had_the_signal(world):
    shared = world.share(audience=("big-video",))
    before = reads.feed(0, viewer=world.big_provider).next
    out = withdraw(world, shared.id, now=world.at(minutes=3))
    assert (out.state, out.withdraw_reason) == ("withdrawn", "mistake")
    assert (out.withdrawn_at, out.withdraw_note) == (world.at(minutes=3), MISTAKE.note)
    entry = reads.feed(before, viewer=world.big_provider).entries[0]
    assert (entry.op, entry.id, entry.state) == ("drop", shared.id, "withdrawn")
    assert entry.position > shared.position
    assert reads.feed(0, viewer=world.small_provider).entries == []


def test_a_withdrawal_is_recorded_without_its_note(world):
    shared = world.share()
    withdraw(world, shared.id)
    entry = world.last_entry()
    assert (entry.kind, entry.subject) == ("signal.withdrawn", f"signal:{shared.id}")
    assert entry.detail == {"reason": "mistake", "position": 2}


def test_a_signal_is_withdrawn_once_and_says_when(world):
    shared = world.share()
    withdraw(world, shared.id)
    with pytest.raises(ConflictError, match="withdrawn at 2026-11-24 12:00:00 UTC"):
        withdraw(world, shared.id, now=world.at(hours=1))
    assert world.ledger_kinds() == ["signal.shared", "signal.withdrawn"]
    assert Signal.objects.get().position == 2


def test_an_agency_withdraws_what_another_shared(world):
    shared = world.share(world.big_provider)
    assert withdraw(world, shared.id, by=world.agency).state == "withdrawn"
    with pytest.raises(NotAllowedError, match="be-crisis-centre"):
        withdraw(world, world.share().id, by=world.big_provider)


def test_nobody_withdraws_what_they_may_not_see(world):
    shared = world.share(tlp="red", audience=("big-video",))
    for uid in (shared.id, uuid4()):
        with pytest.raises(NotFoundError, match="no signal"):
            withdraw(world, uid, by=world.agency)
        with pytest.raises(NotFoundError, match="no signal"):
            opine(uid, "dispute", by=world.small_provider)


def test_an_agencys_dispute_marks_a_signal_and_moves_it_up_the_feed(world):
    shared = world.share()
    out = opine(shared.id, "dispute", by=world.agency, note="satire")
    assert out.disputed
    assert out.position == shared.position + 1
    assert [(one.party, one.opinion, one.note) for one in out.opinions] == [
        ("eu-referral-unit", "dispute", "satire")
    ]
    entry = reads.feed(shared.position, viewer=world.small_provider).entries[0]
    assert (entry.op, entry.disputed) == ("put", True)
    detail = {"opinion": "dispute", "disputed": True, "position": out.position}
    assert world.last_entry().detail == detail


def test_the_feed_and_the_snapshot_tell_a_party_of_its_own_dispute(world):
    shared = world.share()
    opine(shared.id, "dispute", by=world.big_provider)
    world.share(value=hex_value(2))
    told = {}
    for party in (world.big_provider, world.small_provider):
        page = reads.feed(0, viewer=party)
        told[party.name] = [one.disputed_by_you for one in page.entries]
    assert told == {"big-video": [True, False], "small-forum": [False, False]}
    lines = b"".join(reads.snapshot(viewer=world.big_provider)).splitlines()
    assert [json.loads(one).get("disputed_by_you") for one in lines[1:-1]] == [True, False]


def test_a_second_partys_dispute_moves_the_signal_so_that_its_agents_learn_of_it(world):
    shared = world.share()
    first = opine(shared.id, "dispute", by=world.big_provider)
    second = opine(shared.id, "dispute", by=world.small_provider)
    assert second.position == first.position + 1
    assert opine(shared.id, "seen", by=world.small_provider).position == second.position + 1


@at_night
def test_only_a_confirmation_or_a_dispute_given_or_taken_back_moves_the_signal(world):
    shared = world.share()
    positions = [
        opine(shared.id, opinion, by=world.big_provider).position - shared.position
        for opinion in ("seen", "agree", "agree", "seen", "dispute", "dispute", "agree")
    ]
    assert positions == [0, 1, 1, 2, 3, 3, 4]


def test_the_feed_and_the_snapshot_name_the_parties_that_confirm(world):
    shared = world.share()
    world.share(value=hex_value(2))
    for party in (world.small_provider, world.agency, world.authority):
        opine(shared.id, "agree", by=party)
    opine(shared.id, "dispute", by=world.big_provider)
    out = opine(shared.id, "seen", by=world.small_provider)
    assert out.confirmed_by == ["eu-referral-unit"]  # the sharer confirms nothing
    row = Signal.objects.get(uid=shared.id)
    assert (row.confirmations, row.disputes) == (1, 1)
    entries = reads.feed(0, viewer=world.consortium).entries
    assert [entry.confirmed_by for entry in entries] == [[], ["eu-referral-unit"]]
    lines = b"".join(reads.snapshot(viewer=world.consortium)).splitlines()
    assert [json.loads(line)["confirmed_by"] for line in lines[1:-1]] == [[], ["eu-referral-unit"]]


def test_a_feed_without_opinions_asks_for_none(world):
    for number in range(4):
        world.share(value=hex_value(number))
    with CaptureQueriesContext(connection) as queries:
        reads.feed(0, viewer=world.big_provider)
    assert [query["sql"] for query in queries if "opinionrow" in query["sql"].lower()] == []


def test_a_party_has_one_opinion_and_the_mark_goes_when_one_of_two_takes_its_dispute_back(world):
    shared = world.share()
    opine(shared.id, "dispute", by=world.big_provider)
    assert opine(shared.id, "dispute", by=world.small_provider).disputed
    assert not opine(shared.id, "seen", by=world.big_provider).disputed
    out = opine(shared.id, "agree", by=world.small_provider, now=world.at(minutes=1))
    assert not out.disputed
    assert out.position == 5
    assert OpinionRow.objects.count() == 2
    assert world.ledger_kinds() == ["signal.shared", *["opinion.given"] * 4]


def test_an_observer_gives_no_opinion(world):
    shared = world.share(tlp="clear")
    with pytest.raises(NotAllowedError, match="observers"):
        opine(shared.id, "dispute", by=world.observer)


def test_nobody_disputes_a_signal_that_is_gone(world):
    shared = world.share()
    withdraw(world, shared.id)
    with pytest.raises(ConflictError, match="withdrawn"):
        opine(shared.id, "dispute", by=world.big_provider)


def test_signals_expire_at_their_time_with_one_entry(world):
    for number in range(5):
        world.share(value=hex_value(number), expires_at=world.at(hours=1 + number))
    world.share(value=hex_value(9))
    assert writes.expire_due(NOON) == 0
    assert writes.expire_due(world.at(hours=3)) == 3
    assert writes.expire_due(world.at(hours=3)) == 0
    assert world.ledger_kinds()[-1] == "signals.expired"
    entry = world.last_entry()
    assert (entry.actor, entry.detail) == ("clock", {"count": 3, "first": 7, "last": 9})
    page = reads.feed(6, viewer=world.big_provider)
    assert [(one.op, one.state) for one in page.entries] == [("drop", "expired")] * 3


@at_night
def test_many_signals_expire_batch_by_batch(world, monkeypatch):
    monkeypatch.setattr(writes, "EXPIRE_AT_ONCE", 2)
    for number in range(5):
        world.share(value=hex_value(number), expires_at=world.at(hours=1), exercise=number > 3)
    assert writes.expire_due(world.at(hours=1)) == 5
    assert world.ledger_kinds()[5:] == ["signals.expired"] * 3
    assert world.last_entry().exercise


def test_an_expired_signal_says_when_it_ended(world):
    shared = world.share(expires_at=world.at(hours=1))
    writes.expire_due(world.at(hours=2))
    with pytest.raises(ConflictError, match="expired at 2026-11-24 13:00:00 UTC"):
        withdraw(world, shared.id)
    assert world.share().created


def test_through_which_key_or_person_an_act_came_is_recorded(world):
    shared = world.share()
    body = OpinionIn(opinion="dispute", note="a news report")
    writes.give_opinion(shared.id, body=body, by=world.big_provider, now=NOON, actor_ref="key:ab12")
    assert world.last_entry().detail["through"] == "key:ab12"
    writes.withdraw(shared.id, body=MISTAKE, by=world.authority, now=NOON, actor_ref="person:3")
    assert world.last_entry().detail["through"] == "person:3"


def test_a_clock_that_comes_second_has_nothing_to_do(world):
    world.share(expires_at=world.at(hours=1))
    due = Signal.objects.filter(state="live")
    assert writes.expire_due(world.at(hours=1)) == 1
    assert writes._expire_some(due, exercise=False, now=world.at(hours=1)) == 0
    assert world.ledger_kinds() == ["signal.shared", "signals.expired"]


def test_two_clocks_at_once_expire_each_signal_once(committed_world):
    world = committed_world
    for number in range(20):
        world.share(value=hex_value(number), expires_at=world.at(hours=1))

    def tick(_):
        try:
            return writes.expire_due(world.at(hours=1))
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(tick, range(8))) == 20
    assert world.ledger_kinds().count("signals.expired") == 1
    positions = Signal.objects.order_by("position").values_list("position", flat=True)
    assert list(positions) == list(range(21, 41))


@pytest.mark.parametrize(
    ("role", "may"),
    some_of(
        3,
        [
            (None, True),
            (Role.DUTY_OFFICER, True),
            (Role.ANALYST, True),
            (Role.COORDINATOR, True),
            (Role.ADMINISTRATOR, True),
            (Role.DATA_PROTECTION_OFFICER, False),
            (Role.OBSERVER, False),
        ],
    ),
)
def test_which_roles_judge_and_take_back_a_signal(world, role, may):
    signal = world.share()
    acts = (
        lambda: writes.give_opinion(
            signal.id, body=OpinionIn(opinion="seen"), by=world.authority, now=NOON, role=role
        ),
        lambda: writes.withdraw(
            signal.id, body=WithdrawIn(reason="mistake"), by=world.authority, now=NOON, role=role
        ),
    )
    for act in acts:
        if may:
            act()
        else:
            with pytest.raises(NotAllowedError, match="can only read"):
                act()
