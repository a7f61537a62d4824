# SPDX-License-Identifier: Apache-2.0
"""What a provider was asked, batch by batch, and one answer to many."""

from datetime import timedelta

import pytest

from stemtide.hub.platform.errors import InvalidError, NotAllowedError, NotFoundError
from stemtide.hub.rooms.alerts.models import Alert
from stemtide.hub.rooms.alerts.writes.alerts import raise_from_ledger
from stemtide.hub.rooms.ledger.models import Entry
from stemtide.hub.rooms.rechecks import writes as rechecks
from stemtide.hub.rooms.rechecks.models import Recheck
from stemtide.hub.rooms.referrals.models import Referral
from stemtide.hub.rooms.referrals.reads import inbox as reads_inbox, referrals as reads
from stemtide.hub.rooms.referrals.writes import answers as writes_answers, referrals as writes
from stemtide.protocol.enums.referrals import ReferralState
from stemtide.protocol.messages.referrals import AcknowledgeIn, AnswerIn, TakeBackIn
from tests.hub.referrals.conftest import row
from tests.world import NOON

pytestmark = pytest.mark.django_db
LATER = NOON + timedelta(minutes=5)
REMOVED = AnswerIn(answer="removed")


@pytest.fixture
def batch(desk):
    made = desk.open()
    desk.add(made, [row(one) for one in range(1, 6)])
    return made


def waiting(world, batch):
    return reads_inbox.undecided(viewer=world.big_provider, batch=batch.id)


def say(desk, uids, body=REMOVED, party="big_provider", role="analyst"):
    by = desk.actor(party, role)
    return writes_answers.answer_many(uids, body=body, by=by, now=LATER)


def test_each_of_many_answers_has_an_entry_of_its_own(desk, world, batch):
    assert say(desk, waiting(world, batch)) == 5
    entries = Entry.objects.filter(kind="referral.answered")
    refs = {f"referral:{one}" for one in Referral.objects.values_list("uid", flat=True)}
    assert set(entries.values_list("subject", flat=True)) == refs
    made = Referral.objects.all()[0]
    assert (made.state, made.measure_at, made.received_via) == ("removed", LATER, "desk")
    kinds = [one.kind for one in reads.history(made.uid, viewer=world.authority)]
    assert kinds == ["referrals.sent", "referral.answered"]


def test_each_of_many_answers_is_the_same_as_one_given_alone(desk, world, batch):
    first, *others = waiting(world, batch)
    body = AnswerIn(answer="geo_blocked", countries=("NL", "BE"), note="Courts.", reference="T1")
    writes_answers.answer(first, body=body, by=desk.actor("big_provider", "analyst"), now=LATER)
    say(desk, others, body)
    told = [reads.referral(uid, viewer=world.authority) for uid in (first, *others)]
    same = [one.model_dump(exclude={"id", "reference", "url"}) for one in told]
    assert same == [same[0]] * 5


def test_what_was_decided_or_taken_back_meanwhile_is_left_as_it_stands(desk, world, batch):
    uids = waiting(world, batch)
    decided = AnswerIn(answer="refused", reason="within_terms")
    writes_answers.answer(uids[0], body=decided, by=desk.actor("big_provider"), now=NOON)
    writes.take_back(uids[1], body=TakeBackIn(reason="mistake"), by=desk.actor(), now=NOON)
    assert say(desk, uids) == 3
    states = [Referral.objects.get(uid=one).state for one in uids[:2]]
    assert states == ["refused", "withdrawn"]
    assert say(desk, uids) == 0


def test_nobody_answers_for_another_provider(desk, world, batch):
    uids = waiting(world, batch)
    assert say(desk, uids, party="small_provider") == 0
    assert say(desk, uids, party="authority", role="duty_officer") == 0
    with pytest.raises(NotAllowedError):
        say(desk, uids, role="observer")
    assert set(Referral.objects.values_list("state", flat=True)) == {"sent"}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (AnswerIn(answer="needs_context", question="Which scene?"), "answer"),
        (AnswerIn(answer="removed", measure_at=LATER + timedelta(hours=1)), "measure_at"),
    ],
)
def test_an_answer_that_does_not_fit_many_is_given_to_none(desk, world, batch, body, field):
    with pytest.raises(InvalidError) as refused:
        say(desk, waiting(world, batch), body)
    assert refused.value.field == field
    assert set(Referral.objects.values_list("state", flat=True)) == {"sent"}


def test_many_are_acknowledged_once(desk, world, batch):
    by = desk.actor("big_provider", "analyst")
    uids = waiting(world, batch)
    assert reads_inbox.waiting(viewer=world.big_provider) == reads_inbox.OpenReferrals(5, new=5)
    done = [
        writes_answers.acknowledge_many(uids, body=AcknowledgeIn(), by=by, now=LATER)
        for _ in range(2)
    ]
    assert done == [5, 0]
    assert reads_inbox.waiting(viewer=world.big_provider) == reads_inbox.OpenReferrals(5, new=0)


def test_many_answers_begin_re_checks_and_raise_one_alert(desk, world, batch):
    say(desk, waiting(world, batch))
    while rechecks.follow_requests(LATER):
        pass
    assert Recheck.objects.count() == 5
    while raise_from_ledger(LATER):
        pass
    assert Alert.objects.filter(kind="referral_answer", party=world.authority).count() == 1


def test_a_batch_is_what_one_sender_sent_at_once(desk, world, batch):
    say(desk, waiting(world, batch)[:2])
    (one,) = reads_inbox.parcels(viewer=world.big_provider)
    assert one == reads_inbox.parcel(batch.id, viewer=world.big_provider)
    assert (one.sender, one.count, one.waiting, one.new, one.decided) == (
        world.authority.name,
        *(5, 3, 3, 2),
    )
    assert one.counts == {ReferralState.SENT: 3, ReferralState.REMOVED: 2}
    references = sorted(Referral.objects.values_list("reference", flat=True))
    assert (one.first, one.last) == (references[0], references[-1])
    page, more = reads_inbox.of_parcel(batch.id, viewer=world.big_provider, limit=4)
    assert ([row.state for row in page], more) == (["sent"] * 3 + ["removed"], True)


def test_of_a_batch_a_provider_sees_its_own_part_alone(desk, world, batch):
    desk.add(batch, [row(9, provider="small-forum")])
    assert reads_inbox.parcel(batch.id, viewer=world.big_provider).count == 5
    assert reads_inbox.parcel(batch.id, viewer=world.small_provider).count == 1
    for stranger in (world.authority, world.observer):
        with pytest.raises(NotFoundError):
            reads_inbox.parcel(batch.id, viewer=stranger)
        assert reads_inbox.parcels(viewer=stranger) == []


def test_what_was_never_sent_is_in_no_inbox(desk, world):
    desk.assess()
    assert reads_inbox.singles(viewer=world.big_provider) == ([], False)
    assert reads_inbox.waiting(viewer=world.big_provider).number == 0


def test_what_waits_stands_before_what_is_decided(desk, world):
    made = [desk.refer(url=f"https://video.example/{one}") for one in range(4)]
    desk.answer(made[3], "removed")
    by = desk.actor("big_provider", "analyst")
    writes_answers.acknowledge(made[2].id, body=AcknowledgeIn(), by=by, now=NOON)
    page, _more = reads_inbox.singles(viewer=world.big_provider)
    assert [one.id for one in page] == [made[one].id for one in (1, 0, 2, 3)]


def test_what_was_said_before_is_the_last_decision_about_the_address(desk, world):
    first = desk.refer()
    assert said_before(first, world) is None
    desk.answer(first, "refused", reason="within_terms")
    second = desk.refer("other_authority")
    assert said_before(second, world).answer == "refused"
    desk.answer(first, "removed", now=LATER)
    assert said_before(second, world).measure_at == LATER
    assert said_before(first, world) is None
    other = desk.refer(url="https://video.example/other")
    assert said_before(other, world) is None


def said_before(made, world):
    found = Referral.objects.get(uid=made.id)
    return reads_inbox.last_decision(found, viewer=world.big_provider)
