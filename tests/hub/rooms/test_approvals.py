# SPDX-License-Identifier: Apache-2.0
"""Acts that wait for a second look: who asks, who decides, what becomes of them."""

import random
from contextlib import suppress
from datetime import timedelta
from uuid import uuid4

import pytest

from stemtide.hub.platform.errors import ConflictError, NotAllowedError, NotFoundError, RefusalError
from stemtide.hub.rooms.approvals.models import Approval, WaitingSignal
from stemtide.hub.rooms.approvals.reads import approvals
from stemtide.hub.rooms.approvals.writes import approvals as writes
from stemtide.hub.rooms.ledger.models import Entry
from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.signals.reads import signals as reads
from stemtide.hub.rooms.signals.reads.sharing import bulk
from stemtide.hub.rooms.signals.writes import signals
from stemtide.protocol.approvals import ApproveIn, RefuseIn
from stemtide.protocol.messages.signals import WithdrawIn
from stemtide.protocol.trust.second_look import SharesADay, second_look
from tests.rounds import on_sqlite, rounds
from tests.world import NOON, add_member, hex_value, signal_in, suspend

FOLDER = {"kind": "url", "value": "https://bad.example/video/12/", "reach": "folder"}


def folder(number=1, **facts):
    return signal_in(**FOLDER | {"value": f"https://bad.example/video/{number}/"} | facts)


def ask(world, *, by=None, ref="key:abc", **facts):
    """Share a folder, which waits; return the signal and what waits."""
    by = by or world.small_provider
    shared = signals.share(folder(**facts), by=by, now=NOON, actor_ref=ref)
    (waiting,) = approvals.approvals(viewer=by, state="waiting").approvals
    return shared, waiting


def approve(world, waiting, *, by=None, role="duty_officer", ref="person:9", count=1, now=NOON):
    actor = world.actor(by or world.agency, role=role, ref=ref)
    return writes.approve(waiting.id, body=ApproveIn(count=count), by=actor, now=now)


def travels(world, shared):
    entries = reads.feed(0, viewer=world.agency).entries
    return [entry.id for entry in entries if entry.op == "put"] == [shared.id]


def test_a_folder_waits_and_travels_under_its_promised_id_once_approved(world):
    shared, waiting = ask(world)
    assert (shared.state, shared.position, shared.created) == ("waiting", 0, True)
    assert shared.waiting_for == ["it covers a whole folder or host of the web"]
    assert not Signal.objects.exists()
    out = approve(world, waiting)
    assert (out.state, out.decided_by, out.not_done) == ("approved", "eu-referral-unit", [])
    assert travels(world, shared)
    row = reads.signal(shared.id, viewer=world.small_provider)
    assert (row.state, row.shared_by, row.reach) == ("live", "small-forum", "folder")
    assert not WaitingSignal.objects.exists()


def test_the_ledger_names_who_asked_and_who_approved(world):
    _shared, waiting = ask(world)
    approve(world, waiting)
    assert world.ledger_kinds() == ["approval.asked", "signals.shared", "approval.approved"]
    entry = world.last_entry()
    named = (entry.actor, entry.detail["through"], entry.detail["party"], entry.detail["asked_by"])
    assert named == ("party:eu-referral-unit", "person:9", "small-forum", "key:abc")
    assert Entry.objects.get(kind="signals.shared").actor == "party:small-forum"


ROLES = [
    # who decides, role, whether they may
    ("small_provider", "duty_officer", True),
    ("small_provider", "analyst", True),
    ("small_provider", "observer", False),
    ("small_provider", None, False),
    ("authority", "duty_officer", True),
    ("authority", "analyst", False),
    ("authority", None, False),
    ("agency", "coordinator", True),
    ("agency", None, False),
]


@pytest.mark.parametrize(("who", "role", "may"), ROLES)
def test_a_person_approves_and_a_key_never_does(world, who, role, may):
    _, waiting = ask(world)
    if may:
        assert approve(world, waiting, by=getattr(world, who), role=role).state == "approved"
    else:
        with pytest.raises(NotAllowedError):
            approve(world, waiting, by=getattr(world, who), role=role)


@pytest.mark.parametrize("who", ["big_provider", "consortium", "observer"])
def test_others_do_not_know_what_waits(world, who):
    shared, waiting = ask(world, tlp="clear")
    viewer = getattr(world, who)
    assert approvals.approvals(viewer=viewer).approvals == []
    with pytest.raises(NotFoundError):
        approve(world, waiting, by=viewer)
    with pytest.raises(NotFoundError):
        reads.signal(shared.id, viewer=viewer)
    for knows in (world.small_provider, world.authority, world.agency):
        assert reads.signal(shared.id, viewer=knows).state == "waiting"


def test_marks_hide_what_waits_from_authorities_too(world):
    shared, _ = ask(world, audience=("big-video",))
    with pytest.raises(NotFoundError):
        reads.signal(shared.id, viewer=world.authority)


def test_nobody_approves_what_they_asked_for_themselves(world):
    _, waiting = ask(world, ref="person:9")
    with pytest.raises(NotAllowedError, match="yourself"):
        approve(world, waiting, by=world.small_provider)
    assert approve(world, waiting, by=world.small_provider, ref="person:8").state == "approved"


def test_an_authority_of_the_same_group_is_no_second_party(world):
    _, waiting = ask(world)
    for party in (world.small_provider, world.authority):
        party.group = "owner"
        party.save()
    with pytest.raises(NotAllowedError):
        approve(world, waiting, by=world.authority)


def test_a_suspended_party_neither_approves_nor_has_its_acts_approved(world):
    _, waiting = ask(world)
    suspend(world.small_provider, agency=world.agency)
    with pytest.raises(NotAllowedError):
        approve(world, waiting, by=world.small_provider)
    with pytest.raises(ConflictError, match="suspended"):
        approve(world, waiting)


def test_sharing_it_again_returns_the_same_id(world):
    shared, _ = ask(world)
    again = signals.share(folder(), by=world.small_provider, now=NOON)
    assert (again.id, again.created, again.state) == (shared.id, False, "waiting")
    with pytest.raises(ConflictError, match="severity"):
        signals.share(folder(severity="low"), by=world.small_provider, now=NOON)


def test_a_bulk_of_many_rows_is_one_thing_to_approve(world):
    rows = [folder(number) for number in range(30)] + [signal_in()]
    out = signals.share_many(rows, by=world.small_provider, now=NOON, actor_ref="key:abc")
    assert (out.created, out.waiting, out.existing, out.refused) == (1, 30, 0, 0)
    (waiting,) = approvals.approvals(viewer=world.agency).approvals
    assert waiting.count == 30
    approve(world, waiting, count=30)
    assert Signal.objects.count() == 31


def test_further_signals_join_what_waits_and_who_saw_fewer_looks_again(world):
    _, waiting = ask(world)
    signals.share(folder(2), by=world.small_provider, now=NOON, actor_ref="key:abc")
    assert approvals.approval(waiting.id, viewer=world.agency).count == 2
    with pytest.raises(ConflictError, match="2 signals by now"):
        approve(world, waiting, count=1)
    later = NOON + timedelta(hours=2)
    signals.share(folder(3), by=world.small_provider, now=later, actor_ref="key:abc")
    assert len(approvals.approvals(viewer=world.agency).approvals) == 2


def test_the_rules_of_the_moment_are_asked_again(world):
    gone = NOON + timedelta(hours=1)
    rows = [folder(1, expires_at=gone), folder(2)]
    signals.share_many(rows, by=world.small_provider, now=NOON)
    (waiting,) = approvals.approvals(viewer=world.agency).approvals
    out = approve(world, waiting, count=2, now=NOON + timedelta(hours=2))
    assert [(error.row, error.field) for error in out.not_done] == [(0, "expires_at")]
    assert Signal.objects.count() == 1


def test_what_is_refused_does_not_travel_and_may_be_asked_again(world):
    shared, waiting = ask(world)
    actor = world.actor(world.agency, role="coordinator")
    out = writes.refuse(waiting.id, body=RefuseIn(note="a newspaper"), by=actor, now=NOON)
    assert (out.state, out.note) == ("refused", "a newspaper")
    told = reads.signal(shared.id, viewer=world.small_provider)
    assert (told.state, told.withdraw_note) == ("withdrawn", "a newspaper")
    assert told.waiting_for == ["it was refused by eu-referral-unit, and did not travel"]
    with pytest.raises(NotFoundError):
        reads.signal(shared.id, viewer=world.agency)
    with pytest.raises(ConflictError, match="refused already"):
        approve(world, waiting)
    again = signals.share(folder(), by=world.small_provider, now=NOON)
    assert again.id != shared.id


def test_withdrawing_a_waiting_signal_takes_it_back(world):
    shared, waiting = ask(world)
    body = WithdrawIn(reason="mistake")
    out = signals.withdraw(shared.id, body=body, by=world.small_provider, now=NOON)
    assert (out.state, out.withdraw_reason) == ("withdrawn", "mistake")
    assert approvals.approval(waiting.id, viewer=world.agency).state == "taken_back"
    with pytest.raises(NotAllowedError):
        writes.take_back(waiting.id, body=RefuseIn(), by=world.actor(world.agency), now=NOON)


def test_what_nobody_decides_expires(world):
    _shared, waiting = ask(world)
    hours = second_look().waiting.hours
    assert writes.expire_due(NOON + timedelta(hours=hours - 1)) == 0
    assert writes.expire_due(NOON + timedelta(hours=hours)) == 1
    assert approvals.approval(waiting.id, viewer=world.agency).state == "expired"
    assert world.ledger_kinds() == ["approval.asked", "approval.expired"]


def test_what_was_not_approved_is_forgotten_after_a_month_and_orders_are_not(world):
    shared, _waiting = ask(world)
    expired_at = world.at(hours=24)
    writes.expire_due(expired_at)
    told = reads.signal(shared.id, viewer=world.small_provider)
    assert (told.state, told.waiting_for[0][:26]) == ("expired", "nobody approved it in time")
    Approval.objects.create(
        uid=uuid4(),
        act="order",
        state="expired",
        party=world.authority,
        reasons=["binding_order"],
        who="|person|",
        asked_at=NOON,
        expires_at=NOON,
        decided_at=NOON,
    )
    assert writes.forget_old(expired_at + timedelta(days=30)) == 0
    assert writes.forget_old(expired_at + timedelta(days=31)) == 1
    with pytest.raises(NotFoundError):
        reads.signal(shared.id, viewer=world.small_provider)
    assert list(Approval.objects.values_list("act", flat=True)) == ["order"]


def test_signals_beyond_the_day_wait_and_the_next_day_is_new(world, monkeypatch):
    few = SharesADay(new=1, member=2, trusted=3, authority=4)
    table = second_look().model_copy(update={"shares_a_day": few})
    monkeypatch.setattr(
        "stemtide.hub.rooms.signals.reads.sharing.second_looks.second_look", lambda: table
    )
    rows = [signal_in(value=hex_value(number)) for number in range(5)]
    out = signals.share_many(rows[:3], by=world.small_provider, now=NOON)
    assert (out.created, out.waiting) == (2, 1)
    assert "2 are the most" in out.signals[2].waiting_for[0]
    tomorrow = NOON + timedelta(days=1)
    later = signals.share_many(rows[3:], by=world.small_provider, now=tomorrow)
    assert (later.created, later.waiting) == (2, 0)


def test_a_dry_run_says_what_would_wait_and_why(world):
    checked = bulk.check_bulk([folder(), signal_in()], by=world.small_provider, now=NOON)
    assert (checked.created, checked.waiting) == (1, 1)
    row = checked.rows[0]
    assert (row.would_be, row.id) == ("waiting", None)
    assert row.waiting_for == ["it covers a whole folder or host of the web"]


@on_sqlite
def test_in_an_active_crisis_it_travels_at_once_and_ends_unconfirmed(world):
    crisis = world.activate()
    world.join(crisis, world.small_provider)
    shared = signals.share(
        folder(crisis=crisis.id), by=world.small_provider, now=NOON, actor_ref="key:abc"
    )
    assert (shared.state, shared.position > 0) == ("live", True)
    assert "2 hours" in shared.waiting_for[-1]
    assert writes.expire_due(NOON + timedelta(hours=2)) == 1
    row = reads.signal(shared.id, viewer=world.small_provider)
    assert (row.state, row.withdraw_reason) == ("withdrawn", "unconfirmed")
    assert world.ledger_kinds()[-2:] == ["signals.unconfirmed", "approval.expired"]


def test_what_was_confirmed_in_time_stays(world):
    crisis = world.activate()
    shared, waiting = ask(world, by=world.authority, crisis=crisis.id)
    assert waiting.is_done
    approve(world, waiting)
    assert writes.expire_due(NOON + timedelta(hours=2)) == 0
    assert reads.signal(shared.id, viewer=world.authority).state == "live"


def test_in_a_crisis_that_is_only_a_warning_it_waits(world):
    crisis = world.warn()
    shared, _ = ask(world, by=world.authority, crisis=crisis.id)
    assert shared.state == "waiting"


def test_a_new_party_looks_at_its_own_acts_only(world):
    party = add_member("new-forum", title="New Forum", kind="authority", country="DE")
    party.standing = "new"
    party.save()
    _, waiting = ask(world)
    with pytest.raises(NotAllowedError):
        approve(world, waiting, by=party)


def test_there_is_nothing_with_an_unknown_id(world):
    with pytest.raises(NotFoundError):
        approvals.approval(uuid4(), viewer=world.agency)


def test_no_acts_of_one_party_alone_make_a_folder_travel(world):
    """Whatever its keys, and the one person who asks, do."""
    party, person = world.small_provider, "person:9"
    draw = random.Random(1402)  # noqa: S311  # a test that can be repeated
    for step in range(rounds(25, nightly=400)):
        now = NOON + timedelta(minutes=20 * step)
        ref = draw.choice(["key:a", "key:b", person])
        role = "coordinator" if ref == person else None
        own = approvals.approvals(viewer=party).approvals
        waiting = draw.choice(own) if own else None
        match draw.randrange(5):
            case 0 | 1:
                numbers = [draw.randrange(3) for _ in range(draw.randrange(1, 4))]
                rows = [folder(number, tlp="amber") for number in numbers]
                signals.share_many(rows, by=party, now=now, actor_ref=person)
            case 2 if waiting is not None:
                with suppress(RefusalError):
                    count = waiting.count
                    approve(world, waiting, by=party, role=role, ref=ref, count=count, now=now)
            case 3 if waiting is not None:
                with suppress(RefusalError):
                    actor = world.actor(party, role=role, ref=ref)
                    writes.take_back(waiting.id, body=RefuseIn(), by=actor, now=now)
            case _:
                writes.expire_due(now)
        assert not Signal.objects.exists()
