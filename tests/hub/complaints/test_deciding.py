# SPDX-License-Identifier: Apache-2.0
from uuid import uuid4

import pytest

from stemtide.hub.platform.errors import ConflictError, InvalidError, NotAllowedError, NotFoundError
from stemtide.hub.rooms.complaints.reads import complaints as reads
from stemtide.hub.rooms.signals.reads import signals
from stemtide.hub.rooms.signals.writes import signals as signal_writes
from stemtide.protocol.messages.signals import WithdrawIn
from tests.world import NOON, disputers, hex_value, signal_in


def signal(bench, uid=None, viewer="authority"):
    return signals.signal(uid or bench.signal.id, viewer=getattr(bench.world, viewer))


def test_a_reviewer_takes_a_complaint_up_and_a_colleague_takes_it_over(bench):
    complaint = bench.complain()
    taken = bench.take(complaint)
    assert (taken.state, taken.reviewer, taken.taken_at) == (
        "in_review",
        "person:duty_officer",
        NOON,
    )
    over = bench.take(complaint, role="analyst", now=bench.world.at(hours=1))
    assert (over.reviewer, over.taken_at) == ("person:analyst", NOON)


def test_nothing_is_decided_that_nobody_took_up(bench):
    with pytest.raises(ConflictError, match="cannot become upheld"):
        bench.decide(bench.complain())


def test_a_complaint_about_somebody_elses_decision_does_not_exist(bench):
    complaint = bench.complain()
    for party in ("small_provider", "agency"):
        with pytest.raises(NotFoundError):
            bench.take(complaint, party)
        with pytest.raises(NotFoundError):
            bench.decide(complaint, by=bench.actor(party))


def test_a_rejected_complaint_gives_its_reasons_to_whoever_complained(bench):
    filed = bench.file()
    bench.reject(filed.complaint)
    told = reads.state_of(filed.code)
    assert (told.state, told.decided_at) == ("rejected", NOON)
    assert told.reasons == "It shows the attack as its perpetrator filmed it."
    assert disputers(signal(bench)) == []


def test_content_that_was_lawful_in_its_context_leaves_the_signal_as_it_is(bench):
    complaint = bench.complain()
    bench.take(complaint)
    done = bench.decide(complaint)
    assert (done.state, done.exemption, done.finding, done.redress) == (
        *("upheld", "news", "content"),
        None,
    )
    assert signal(bench).state == "live"
    assert disputers(signal(bench)) == []
    assert bench.world.last_entry().detail["ground"] == "stands"


def test_ones_own_wrong_signal_is_withdrawn_at_once(bench):
    own = bench.world.share(bench.world.big_provider, value=hex_value(2))
    done = bench.uphold(bench.complain(ground=own.id))
    assert done.redress is None
    found = signal(bench, own.id)
    assert (found.state, found.withdraw_reason) == ("withdrawn", "complaint_upheld")
    assert bench.world.ledger_kinds()[-2:] == ["signal.withdrawn", "complaint.decided"]


def test_anothers_wrong_signal_is_disputed_and_its_sharer_asked(bench):
    done = bench.uphold(bench.complain())
    assert done.redress == "asked"
    found = signal(bench)
    assert (found.state, found.disputed) == ("live", False)
    assert (found.opinions[0].party, found.opinions[0].opinion) == ("big-video", "dispute")
    assert found.opinions[0].note == "It shows a fire brigade."
    entry = bench.world.last_entry()
    assert (entry.kind, entry.detail["party"]) == ("redress.asked", "party:be-crisis-centre")


def test_every_signal_of_the_same_content_goes_with_it(bench):
    content = uuid4()
    party = bench.world.big_provider
    pdq = bench.world.share(party, value=hex_value(2), content=content)
    file = bench.world.share(party, kind="sha256", content=content)
    alone = bench.world.share(party, value=hex_value(3))
    bench.uphold(bench.complain(ground=pdq.id))
    states = [signal(bench, one.id).state for one in (pdq, file, alone)]
    assert states == ["withdrawn", "withdrawn", "live"]


def test_a_signal_that_is_gone_already_asks_nobody(bench):
    complaint = bench.complain()
    body = WithdrawIn(reason="mistake")
    signal_writes.withdraw(bench.signal.id, body=body, by=bench.world.authority, now=NOON)
    done = bench.uphold(complaint)
    assert (done.state, done.redress) == ("upheld", None)
    assert bench.world.last_entry().detail["ground"] == "gone"


def test_a_decision_of_ones_own_has_no_signal_to_put_right(bench):
    complaint = bench.complain(basis="own", ground=None)
    bench.take(complaint)
    assert bench.decide(complaint, exemption="none").state == "upheld"


def test_who_shared_the_signal_does_not_reject_a_complaint_about_it(bench):
    body = signal_in(value=hex_value(2))
    own = signal_writes.share(
        body, by=bench.world.big_provider, now=NOON, actor_ref="person:duty_officer"
    )
    complaint = bench.complain(ground=own.id)
    with pytest.raises(NotAllowedError, match="colleague"):
        bench.reject(complaint)
    plain = {"is_upheld": False, "exemption": "none", "finding": None}
    done = bench.decide(complaint, by=bench.actor(role="analyst"), **plain)
    assert done.state == "rejected"


def test_who_took_the_decision_does_not_reject_a_complaint_about_it(bench):
    complaint = bench.complain(acted_by="moderator-12")
    bench.take(complaint)
    plain = {"is_upheld": False, "exemption": "none", "finding": None}
    machine = bench.actor(role=None)
    with pytest.raises(NotAllowedError, match="colleague"):
        bench.decide(complaint, by=machine, reviewed_by="moderator-12", **plain)
    done = bench.decide(complaint, by=machine, reviewed_by="moderator-13", **plain)
    assert done.reviewer == "moderator-13"


def test_no_machine_decides_alone(bench):
    complaint = bench.complain()
    with pytest.raises(InvalidError, match="reviewed_by"):
        bench.take(complaint, role=None)
    bench.take(complaint, role=None, reviewed_by="moderator-12")
    with pytest.raises(InvalidError, match="reviewed_by"):
        bench.decide(complaint, by=bench.actor(role=None))


@pytest.mark.parametrize("name", ["person:1", "Person:1", "key:1"])
def test_no_machine_decides_in_the_name_of_somebody_of_the_desk(bench, name):
    complaint = bench.complain()
    with pytest.raises(InvalidError, match="reviewed_by"):
        bench.take(complaint, role=None, reviewed_by=name)
    bench.take(complaint)
    with pytest.raises(InvalidError, match="desk"):
        bench.decide(complaint, by=bench.actor(role=None), reviewed_by=name)


def test_the_ledger_holds_no_word_of_a_decision(bench):
    bench.uphold(bench.complain(), reasons="It shows nothing but smoke over a roof.")
    for entry in type(bench.world.last_entry()).objects.all():
        assert "smoke" not in str(entry.detail)
