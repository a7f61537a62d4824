# SPDX-License-Identifier: Apache-2.0
"""All open disputes of a party and its group, set aside by one act of an agency."""

import pytest

from stemtide.hub.platform.errors import ConflictError, NotAllowedError, NotFoundError
from stemtide.hub.rooms.alerts.models import Alert
from stemtide.hub.rooms.alerts.texts import alerts as texts
from stemtide.hub.rooms.alerts.writes import alerts
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.signals.models import OpinionRow, Signal
from stemtide.hub.rooms.signals.reads import dismissals as reads
from stemtide.hub.rooms.signals.rules import disputes as rules
from stemtide.hub.rooms.signals.rules.disputes import DismissalFacts, OpenDisputes
from stemtide.hub.rooms.signals.writes import dismissals as writes, disputes, signals
from stemtide.protocol.enums import PartyKind, Role
from stemtide.protocol.messages.signals import DisputeAnswerIn, OpinionIn, SetAsideIn
from stemtide.protocol.trust.disputes import DismissalAnswerIn, DismissIn
from tests.rounds import at_night
from tests.world import NOON, add_member, hex_value

WHY = "All of it is the attacker's own footage."
AGENCY = PartyKind.AGENCY


@pytest.mark.parametrize(
    ("facts", "seen", "refused"),
    [
        (("one", PartyKind.PROVIDER, 3), 3, None),
        (("one", PartyKind.PROVIDER, 3), 2, ConflictError),
        (("one", PartyKind.PROVIDER, 0), 0, ConflictError),
        (("one", AGENCY, 3), 3, NotAllowedError),
        (("agency", PartyKind.PROVIDER, 3), 3, NotAllowedError),
    ],
)
def test_which_disputes_are_set_aside_together(facts, seen, refused):
    named = {"shown": seen, "kind": AGENCY, "name": "agency", "role": Role.DUTY_OFFICER}
    if refused is None:
        rules.check_dismiss(OpenDisputes(*facts), **named)
        return
    with pytest.raises(refused):
        rules.check_dismiss(OpenDisputes(*facts), **named)


@pytest.mark.parametrize(
    ("name", "answered", "is_restored", "may"),
    [
        ("one", False, False, True),
        ("one", True, False, False),
        ("one", False, True, False),
        ("other", False, False, False),
    ],
)
def test_who_answers_and_when(name, answered, is_restored, may):
    facts = DismissalFacts(is_restored=is_restored, answered={"one": answered})
    if may:
        rules.check_answer_many(facts, name=name)
        return
    with pytest.raises(ConflictError):
        rules.check_answer_many(facts, name=name)


def opine(shared, by, opinion="dispute"):
    body = OpinionIn(opinion=opinion, note="it is art")
    signals.give_opinion(shared.id, body=body, by=by, now=NOON)


@pytest.fixture
def disputed(world):
    """Four signals: big-video disputes three and its sister one of these, which all stops."""
    Party.objects.filter(name__in=("big-video", "small-forum")).update(group="owner")
    for party in (world.big_provider, world.small_provider):
        party.refresh_from_db()
    shared = [world.share(value=hex_value(number)) for number in range(4)]
    for one in shared[:3]:
        opine(one, world.big_provider)
    opine(shared[0], world.small_provider)
    opine(shared[0], world.consortium)
    return shared


def dismiss(world, *, count=4, name="big-video"):
    by = world.actor(world.agency, role="coordinator")
    return writes.dismiss(name, body=DismissIn(count=count, reason=WHY), by=by, now=NOON)


def stopped():
    return Signal.objects.filter(is_disputed=True).count()


def test_all_disputes_of_a_group_are_set_aside_once_the_clock_has_weighed_them(world, disputed):
    assert stopped() == 1
    counted = reads.counted_disputes("small-forum", viewer=world.agency)
    assert (counted.count, [row.count for row in counted.parties]) == (4, [3, 1])
    before = Signal.objects.order_by("-position").first().position
    out = dismiss(world)
    assert (out.count, [part.party for part in out.parties]) == (4, ["big-video", "small-forum"])
    assert disputes.reweigh_due(NOON) == 1
    assert stopped() == 0
    assert Signal.objects.get(uid=disputed[0].id).position == before + 1
    assert reads.counted_disputes("big-video", viewer=world.agency).count == 0
    assert OpinionRow.objects.filter(party=world.consortium, set_aside_at=None).count() == 1


@at_night
@pytest.mark.usefixtures("disputed")
def test_what_a_suspended_agency_set_aside_counts_and_another_agency_decides(world):
    dismiss(world)
    disputes.reweigh_due(NOON)
    suspended_at = Party.objects.order_by("-position").first().position + 1000
    Party.objects.filter(pk=world.agency.pk).update(standing="suspended", position=suspended_at)
    assert (disputes.reweigh_due(NOON), stopped()) == (1, 1)
    other = add_member("second-agency", title="Second", kind="agency", country="")
    assert reads.counted_disputes("big-video", viewer=other).count == 4
    body = DismissIn(count=4, reason=WHY)
    writes.dismiss("big-video", body=body, by=world.actor(other), now=NOON)
    assert (disputes.reweigh_due(NOON), stopped()) == (1, 0)


@at_night
def test_a_number_that_changed_meanwhile_is_refused(world, disputed):
    opine(disputed[3], world.small_provider)
    with pytest.raises(ConflictError, match="5 open disputes by now, and you saw 4"):
        dismiss(world)
    assert not OpinionRow.objects.exclude(set_aside_at=None).exists()


@at_night
def test_each_party_is_told_once_and_answers_once_for_all(world, disputed):
    decision = dismiss(world)
    alerts.raise_from_ledger(NOON)
    told = Alert.objects.filter(kind="disputes_set_aside")
    assert sorted(told.values_list("party__name", flat=True)) == ["big-video", "small-forum"]
    alert = told.get(party=world.big_provider)
    title = texts.title(alert.kind, alert.parameters, exercise=False)
    assert title == "All your open disputes were set aside: 3"
    by = world.actor(world.big_provider)
    with pytest.raises(ConflictError, match="answer that decision"):
        disputes.answer(disputed[0].id, body=DisputeAnswerIn(text="No."), by=by, now=NOON)
    body = DismissalAnswerIn(text="Our lawyers looked at it.")
    writes.answer(decision.id, body=body, by=by, now=NOON)
    with pytest.raises(ConflictError, match="answered already"):
        writes.answer(decision.id, body=body, by=by, now=NOON)
    seen = [part.answer for part in reads.dismissal(decision.id, viewer=world.agency).parties]
    assert seen == [body.text, ""]
    (own,) = reads.dismissal(decision.id, viewer=world.small_provider).parties
    assert (own.party, own.answer) == ("small-forum", "")
    alerts.raise_from_ledger(NOON)
    assert Alert.objects.get(kind="disputes_answered").party == world.agency


@at_night
def test_a_decision_is_taken_back_once_and_what_was_decided_singly_since_stays(world, disputed):
    decision = dismiss(world)
    by = world.actor(world.agency, role="coordinator")
    uid = disputed[1].id
    disputes.restore(uid, "big-video", by=by, now=NOON)
    disputes.set_aside(uid, "big-video", body=SetAsideIn(reason="This one."), by=by, now=NOON)
    disputes.reweigh_due(NOON)
    out = writes.restore(decision.id, by=by, now=NOON)
    assert (out.restored_by, stopped()) == ("eu-referral-unit", 0)
    disputes.reweigh_due(NOON)
    assert stopped() == 1
    (left,) = OpinionRow.objects.exclude(set_aside_at=None)
    assert (left.signal.uid, left.set_aside_reason) == (uid, "This one.")
    with pytest.raises(ConflictError, match="withdrawn already"):
        writes.restore(decision.id, by=by, now=NOON)


@pytest.mark.usefixtures("disputed")
def test_others_learn_nothing_of_it(world):
    decision = dismiss(world)
    for viewer in (world.authority, world.consortium, world.observer):
        with pytest.raises(NotFoundError):
            reads.dismissal(decision.id, viewer=viewer)
        assert reads.dismissals(viewer=viewer) == []
        with pytest.raises(NotAllowedError):
            reads.counted_disputes("big-video", viewer=viewer)
    assert reads.counted_disputes("big-video", viewer=world.big_provider).count == 0


def test_what_the_agency_may_not_see_and_exercises_and_later_disputes_are_not_among_them(world):
    hidden = world.share(tlp="red", audience=("big-video",))
    drill = world.share(value=hex_value(2), exercise=True)
    seen = world.share(value=hex_value(3))
    for one in (hidden, drill, seen):
        opine(one, world.big_provider)
    dismiss(world, count=1)
    later = world.share(value=hex_value(4))
    opine(later, world.big_provider)
    aside = OpinionRow.objects.exclude(set_aside_at=None).values_list("signal__uid", flat=True)
    assert list(aside) == [seen.id]
