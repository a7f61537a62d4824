# SPDX-License-Identifier: Apache-2.0
from uuid import uuid4

import pytest

from stemtide.hub.platform.errors import ConflictError, NotFoundError
from stemtide.hub.rooms.complaints.reads import complaints as reads, redress as reads_redress
from stemtide.hub.rooms.complaints.writes import redress as writes_redress
from stemtide.hub.rooms.signals.reads import signals
from stemtide.hub.rooms.signals.writes import signals as signal_writes
from stemtide.protocol.messages.signals import WithdrawIn
from tests.hub.complaints.conftest import WORDS
from tests.rounds import rounds
from tests.world import NOON, disputers, hex_value


def signal(bench, uid=None):
    return signals.signal(uid or bench.signal.id, viewer=bench.world.authority)


@pytest.mark.parametrize(
    ("party", "sees"),
    [
        ("authority", True),
        ("big_provider", False),
        ("small_provider", False),
        ("other_authority", False),
        ("agency", False),
        ("consortium", False),
        ("observer", False),
    ][:: rounds(2, nightly=1)],
)
def test_redress_is_seen_by_whom_it_asks_alone(bench, party, sees):
    complaint = bench.uphold(bench.complain())
    assert bool(bench.asked(party)) is sees
    if not sees:
        with pytest.raises(NotFoundError):
            bench.answer(complaint, keep=False, party=party)


def test_nothing_is_asked_before_a_complaint_is_upheld_against_the_signal(bench):
    bench.complain()
    bench.reject(bench.complain())
    complaint = bench.complain()
    bench.take(complaint)
    bench.decide(complaint)
    assert bench.asked() == []


def test_the_sharer_reads_nothing_of_whoever_complained(bench):
    bench.uphold(bench.complain())
    (asked,) = bench.asked()
    assert (asked.provider, asked.note) == ("big-video", "It shows a fire brigade.")
    assert WORDS not in asked.model_dump_json()
    assert "case-" not in asked.model_dump_json()


def test_the_sharer_withdraws_and_every_agent_undoes(bench):
    complaint = bench.uphold(bench.complain())
    done = bench.answer(complaint, keep=False)
    assert done.state == "granted"
    found = signal(bench)
    assert (found.state, found.withdraw_reason) == ("withdrawn", "complaint_upheld")
    assert bench.world.ledger_kinds()[-2:] == ["signal.withdrawn", "redress.granted"]
    with pytest.raises(ConflictError):
        bench.answer(complaint, keep=False)


@pytest.mark.nightly
def test_the_sharer_withdraws_every_signal_of_that_content(bench):
    content = uuid4()
    one = bench.world.share(value=hex_value(2), content=content)
    other = bench.world.share(kind="sha256", content=content)
    complaint = bench.uphold(bench.complain(ground=one.id))
    assert disputers(signal(bench, other.id)) == ["big-video"]
    bench.answer(complaint, keep=False)
    assert {signal(bench, uid).state for uid in (one.id, other.id)} == {"withdrawn"}


def test_the_sharer_keeps_it_and_the_dispute_stands_until_its_reason_is_accepted(bench):
    complaint = bench.uphold(bench.complain())
    kept = bench.answer(complaint, keep=True, reason="It is the perpetrator's film, recut.")
    assert kept.state == "kept"
    assert disputers(signal(bench)) == ["big-video"]
    found = reads.complaint(complaint.id, viewer=bench.world.big_provider)
    assert (found.redress, found.answer) == ("kept", "It is the perpetrator's film, recut.")
    assert bench.world.last_entry().detail["party"] == "party:big-video"
    done = bench.accept(complaint)
    assert (done.redress, done.state) == ("accepted", "upheld")
    assert disputers(signal(bench)) == []


def test_a_sharer_who_kept_it_may_still_withdraw(bench):
    complaint = bench.uphold(bench.complain())
    bench.answer(complaint, keep=True, reason="It is the perpetrator's film, recut.")
    assert bench.answer(complaint, keep=False).state == "granted"


@pytest.mark.nightly
def test_a_dispute_stands_while_another_complaint_of_ones_own_speaks_against_the_signal(bench):
    one, other = (bench.uphold(bench.complain()) for _ in range(2))
    bench.answer(one, keep=True, reason="It is the perpetrator's film, recut.")
    bench.accept(one)
    assert disputers(signal(bench)) == ["big-video"]
    bench.answer(other, keep=True, reason="It is the perpetrator's film, recut.")
    bench.accept(other)
    assert disputers(signal(bench)) == []


@pytest.mark.nightly
def test_nobody_accepts_before_there_is_a_reason_or_where_nothing_was_asked(bench):
    complaint = bench.uphold(bench.complain())
    with pytest.raises(ConflictError):
        bench.accept(complaint)
    with pytest.raises(ConflictError, match="no redress was requested"):
        bench.accept(bench.reject(bench.complain()))
    with pytest.raises(NotFoundError):
        bench.accept(complaint, "small_provider")


@pytest.mark.nightly
def test_a_signal_that_goes_in_another_way_ends_the_question(bench):
    complaint = bench.uphold(bench.complain())
    assert writes_redress.lapse_due(NOON) == 0
    body = WithdrawIn(reason="mistake")
    signal_writes.withdraw(bench.signal.id, body=body, by=bench.world.agency, now=NOON)
    assert writes_redress.lapse_due(NOON) == 1
    assert writes_redress.lapse_due(NOON) == 0
    told = reads_redress.redress(complaint.id, viewer=bench.world.authority)
    assert told.state == "moot"


@pytest.mark.nightly
def test_a_sharer_who_withdrew_is_not_asked_by_the_complaints_that_follow(bench):
    one, other = bench.uphold(bench.complain()), bench.uphold(bench.complain())
    bench.answer(one, keep=False)
    assert [row.state for row in bench.asked()] == ["asked", "granted"]
    assert bench.answer(other, keep=False).state == "granted"
