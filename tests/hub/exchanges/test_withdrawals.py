# SPDX-License-Identifier: Apache-2.0
"""All that an exchange brought is withdrawn in parts, and shared again."""

import pytest

from stemtide.hub import scheduler
from stemtide.hub.platform.errors import ConflictError, NotAllowedError, RateLimitError
from stemtide.hub.rooms.approvals.writes import approvals
from stemtide.hub.rooms.exchanges.models import Record, Withdrawal
from stemtide.hub.rooms.exchanges.reads import withdrawals as reads
from stemtide.hub.rooms.exchanges.writes import exchanges as writes, withdrawals
from stemtide.hub.rooms.ledger.models import Entry
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.signals.writes import signals
from stemtide.interop.exchanges import WithdrawAllIn
from stemtide.protocol.enums import SignalState
from stemtide.protocol.messages.signals import WithdrawIn
from stemtide.protocol.trust.second_look import WaitingAct, second_look
from tests.hub.exchanges.conftest import gone, told
from tests.world import NOON, hex_value

pytestmark = pytest.mark.django_db


@pytest.fixture
def coordinator(world):
    return world.actor(world.agency, role="coordinator")


@pytest.fixture
def full(desk):
    """An exchange that brought three signals."""
    desk.add()
    desk.take(told(1), told(2), told(3))
    return desk


def body(count=3):
    return WithdrawAllIn(count=count, reason="mistake", note="a test set")


def begin(by, count=3):
    return withdrawals.begin("partner", body=body(count), by=by, now=NOON)


def test_all_that_it_brought_is_withdrawn_and_the_exchange_is_paused(full, coordinator):
    other = full.world.share(kind="sha256", value=hex_value(1))
    begin(coordinator)
    assert full.row.is_paused
    assert len(full.live()) == 3
    scheduler.run_once(NOON)
    assert full.live() == []
    assert Signal.objects.get(uid=other.id).state == "live"
    last = reads.brought("partner", viewer=coordinator.party, now=NOON).withdrawal
    assert (last.withdrawn, last.waiting, last.refused, last.done_at) == (3, 0, 0, NOON)
    assert last.by == coordinator.party.name


def test_beyond_the_number_of_a_day_each_waits_and_leads_to_hold(full, coordinator):
    most = second_look().ends_a_day.number
    approvals.count_acts(
        WaitingAct.WITHDRAW, most - 1, party=coordinator.party, exercise=False, now=NOON
    )
    seen = reads.brought("partner", viewer=coordinator.party, now=NOON)
    assert (seen.live, seen.at_once) == (3, 1)
    begin(coordinator)
    last = withdrawals.finish("partner", now=NOON)
    assert (last.withdrawn, last.waiting) == (1, 2)
    waiting = Signal.objects.filter(shared_by=full.party, state="live")
    assert [row.is_disputed for row in waiting] == [True, True]


@pytest.mark.usefixtures("full")
def test_the_operator_waits_for_nobody():
    for _ in range(2):
        withdrawals.begin("partner", body=body(), now=NOON)
        assert withdrawals.finish("partner", now=NOON).withdrawn == 3
        withdrawals.restore("partner", now=NOON)
        assert withdrawals.finish("partner", now=NOON).restored == 3


def test_what_was_withdrawn_is_shared_again_and_the_source_can_end_it(full, coordinator):
    before = set(Signal.objects.filter(shared_by=full.party).values_list("uid", flat=True))
    begin(coordinator)
    withdrawals.finish("partner", now=NOON)
    withdrawals.restore("partner", by=coordinator, now=NOON)
    scheduler.run_once(NOON)
    assert full.live() == sorted([hex_value(1), hex_value(2), hex_value(3)])
    again = Signal.objects.filter(shared_by=full.party, state=SignalState.LIVE)
    assert not before & set(again.values_list("uid", flat=True))
    assert again.first().labels == ["perpetrator-content"]
    assert {record.signal for record in Record.objects.all()} == set(again)
    full.row.__class__.objects.update(is_paused=False, next_at=NOON)
    full.take(gone(1))
    assert full.live() == sorted([hex_value(2), hex_value(3)])


@pytest.mark.usefixtures("full")
@pytest.mark.parametrize("count", [0, 2, 4])
def test_a_number_that_nobody_saw_is_refused(coordinator, count):
    with pytest.raises(ConflictError, match="3 of its signals are live"):
        begin(coordinator, count)


@pytest.mark.usefixtures("full")
def test_a_second_withdrawal_waits_for_the_first_and_nothing_is_withdrawn_twice(coordinator):
    with pytest.raises(ConflictError, match="there is nothing to share again"):
        withdrawals.restore("partner", by=coordinator, now=NOON)
    begin(coordinator)
    with pytest.raises(ConflictError, match="being withdrawn"):
        begin(coordinator)
    with pytest.raises(ConflictError, match="wait until that is done"):
        withdrawals.restore("partner", by=coordinator, now=NOON)
    withdrawals.finish("partner", now=NOON)
    with pytest.raises(ConflictError, match="nothing to withdraw"):
        begin(coordinator, 0)
    withdrawals.restore("partner", by=coordinator, now=NOON)
    withdrawals.finish("partner", now=NOON)
    with pytest.raises(ConflictError, match="there is nothing to share again"):
        withdrawals.restore("partner", by=coordinator, now=NOON)


@pytest.mark.usefixtures("full")
@pytest.mark.parametrize(
    ("party", "role"),
    [
        ("agency", "duty_officer"),
        ("agency", "administrator"),
        ("authority", "coordinator"),
        ("authority", None),
        ("big_provider", "coordinator"),
    ],
)
def test_only_coordinators_and_keys_of_an_agency_withdraw_all(world, party, role):
    by = world.actor(getattr(world, party), role=role)
    with pytest.raises(NotAllowedError):
        begin(by)
    with pytest.raises(NotAllowedError):
        withdrawals.restore("partner", by=by, now=NOON)


def test_a_suspended_agency_withdraws_nothing_more_and_blocks_nobody(full, coordinator):
    begin(coordinator)
    suspend(coordinator.party)
    assert withdrawals.continue_due(NOON) == 0
    assert len(full.live()) == 3
    withdrawals.begin("partner", body=body(), now=NOON)
    assert withdrawals.finish("partner", now=NOON).withdrawn == 3


def test_nothing_is_shared_again_in_the_name_of_a_suspended_party(full, coordinator):
    begin(coordinator)
    withdrawals.finish("partner", now=NOON)
    suspend(full.party)
    with pytest.raises(ConflictError, match="suspended"):
        withdrawals.restore("partner", by=coordinator, now=NOON)


@pytest.mark.parametrize("ends", ["removed", "suspended"])
def test_sharing_again_ends_with_the_exchange_and_with_who_asked_for_it(full, coordinator, ends):
    begin(coordinator)
    withdrawals.finish("partner", now=NOON)
    withdrawals.restore("partner", by=coordinator, now=NOON)
    if ends == "removed":
        writes.remove("partner", actor="operator", now=NOON)
    else:
        suspend(coordinator.party)
    scheduler.run_once(NOON)
    assert full.live() == []
    assert full.row.withdrawals.get().restored_at == NOON


def test_what_comes_after_the_beginning_stays(full, coordinator):
    begin(coordinator)
    writes.resume("partner", actor="operator", now=NOON)
    full.later(minutes=1)
    full.take(told(4))
    withdrawals.continue_due(full.now)
    assert full.live() == [hex_value(4)]


def test_what_others_withdraw_for_the_same_reason_is_not_shared_again(full, coordinator):
    approvals.count_acts(
        WaitingAct.WITHDRAW,
        second_look().ends_a_day.number - 2,
        party=coordinator.party,
        exercise=False,
        now=NOON,
    )
    wrong = full.signal(1)
    signals.withdraw(
        wrong.uid, body=WithdrawIn(reason="mistake", note="a test set"), by=full.party, now=NOON
    )
    begin(coordinator, 2)
    assert withdrawals.finish("partner", now=NOON).withdrawn == 2
    withdrawals.restore("partner", by=coordinator, now=NOON)
    withdrawals.finish("partner", now=NOON)
    assert full.live() == sorted([hex_value(2), hex_value(3)])


def test_a_part_that_dies_is_done_again_and_counted_once(full, coordinator, monkeypatch):
    begin(coordinator)
    with monkeypatch.context() as broken:
        broken.setattr(Withdrawal, "save", interrupt)
        with pytest.raises(KeyboardInterrupt):
            withdrawals.continue_due(NOON)
    assert len(full.live()) == 3
    withdrawals.continue_due(NOON)
    last = full.row.withdrawals.get()
    assert (last.withdrawn, last.signals.count()) == (3, 3)
    withdrawn = Entry.objects.filter(kind="signal.withdrawn")
    assert withdrawn.count() == 3


@pytest.mark.usefixtures("full")
def test_parts_that_exceed_what_may_be_shared_wait_and_are_not_lost(coordinator, monkeypatch):
    begin(coordinator)
    withdrawals.finish("partner", now=NOON)
    withdrawals.restore("partner", by=coordinator, now=NOON)
    with monkeypatch.context() as full_table:
        full_table.setattr(signals, "share_many", refuse_for_now)
        assert withdrawals.finish("partner", now=NOON).restored_at is None
    assert withdrawals.finish("partner", now=NOON).restored == 3


def interrupt(*_, **__):
    raise KeyboardInterrupt


def refuse_for_now(*_, **__):
    raise RateLimitError("too many wait", retry_after_s=60)


def suspend(party):
    Party.objects.filter(pk=party.pk).update(standing="suspended")
