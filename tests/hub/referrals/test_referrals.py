# SPDX-License-Identifier: Apache-2.0
"""Who refers, who answers, how a referral moves, and who learns what of it."""

from uuid import uuid4

import pytest
from pydantic import ValidationError

from stemtide.hub.platform.errors import (
    ConflictError,
    InvalidError,
    NotAllowedError,
    NotFoundError,
    RefusalError,
)
from stemtide.hub.rooms.ledger.models import Entry
from stemtide.hub.rooms.referrals.models import Referral
from stemtide.hub.rooms.referrals.reads import referrals as reads
from stemtide.hub.rooms.referrals.rules import referrals as rules
from stemtide.hub.rooms.referrals.writes import answers as writes_answers, referrals as writes
from stemtide.hub.rooms.signals.models import Signal
from stemtide.protocol.enums import PartyKind, Role
from stemtide.protocol.enums.referrals import Answer, HoldState, ReceiptVia, ReferralState
from stemtide.protocol.law.machines import machine
from stemtide.protocol.messages.referrals import (
    AcknowledgeIn,
    AnswerIn,
    ContextIn,
    DropIn,
    ReinstateIn,
    TakeBackIn,
)
from tests.hub.referrals.conftest import URL
from tests.world import NOON, hex_value

YES, NO = True, False


def allowed(check, *facts, **named):
    try:
        check(*facts, **named)
    except RefusalError:
        return False
    return True


class By:
    """Who acts, as the rules see them."""

    def __init__(self, name, role=None):
        self.name, self.role, self.kind = name, role and Role(role), PartyKind.AUTHORITY


@pytest.mark.parametrize(
    ("kind", "role", "may"),
    [
        ("authority", None, YES),
        ("authority", "duty_officer", YES),
        ("authority", "analyst", YES),
        ("authority", "coordinator", YES),
        ("authority", "administrator", YES),
        ("authority", "data_protection_officer", NO),
        ("authority", "observer", NO),
        ("agency", None, YES),
        ("agency", "analyst", YES),
        ("agency", "observer", NO),
        ("provider", "duty_officer", NO),
        ("provider", None, NO),
        ("consortium", "coordinator", NO),
        ("observer", "coordinator", NO),
    ],
)
def test_who_assesses_content(kind, role, may):
    assert may is allowed(rules.check_assess, kind=PartyKind(kind), role=role and Role(role))


VERBS = [
    *("send", "wait", "override", "drop", "explain", "withdraw"),
    *("acknowledge", "ask", "remove", "disable", "geo_block", "refuse", "miss", "reinstate"),
]
TABLE = {
    #                 send wait over drop expl with  ackn ask  remv disa geo  refu miss rein
    "assessed":      (YES, YES, NO,  YES, NO,  NO,   NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO),
    "held":          (NO,  NO,  YES, YES, NO,  NO,   NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO),
    "not_referred":  (NO,  NO,  NO,  NO,  NO,  NO,   NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO),
    "sent":          (NO,  NO,  NO,  NO,  NO,  YES,  YES, YES, YES, YES, YES, YES, YES, NO),
    "acknowledged":  (NO,  NO,  NO,  NO,  NO,  YES,  NO,  YES, YES, YES, YES, YES, YES, NO),
    "needs_context": (NO,  NO,  NO,  NO,  YES, YES,  NO,  NO,  YES, YES, YES, YES, YES, NO),
    "removed":       (NO,  NO,  NO,  NO,  NO,  YES,  NO,  NO,  NO,  NO,  NO,  NO,  NO,  YES),
    "disabled":      (NO,  NO,  NO,  NO,  NO,  YES,  NO,  NO,  YES, NO,  NO,  NO,  NO,  YES),
    "geo_blocked":   (NO,  NO,  NO,  NO,  NO,  YES,  NO,  NO,  YES, YES, NO,  NO,  NO,  YES),
    "refused":       (NO,  NO,  NO,  NO,  NO,  YES,  NO,  NO,  YES, YES, YES, NO,  NO,  NO),
    "not_found":     (NO,  NO,  NO,  NO,  NO,  YES,  NO,  NO,  YES, YES, YES, NO,  NO,  NO),
    "reinstated":    (NO,  NO,  NO,  NO,  NO,  NO,   NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO),
    "withdrawn":     (NO,  NO,  NO,  NO,  NO,  NO,   NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO),
}  # fmt: skip


def facts_of(state):
    return rules.ReferralFacts(state=ReferralState(state), sender="be", provider="big")


@pytest.mark.parametrize("state", TABLE)
def test_how_a_referral_moves(state):
    hands = ["be"] * 6 + ["big"] * 8
    found = [
        allowed(rules.check_move, facts_of(state), verb, by=By(hand))
        for verb, hand in zip(VERBS, hands, strict=True)
    ]
    assert dict(zip(VERBS, found, strict=True)) == dict(zip(VERBS, TABLE[state], strict=True))


@pytest.mark.parametrize(
    ("role", "moves"),
    [
        (None, {*VERBS}),
        ("duty_officer", {*VERBS}),
        ("coordinator", {*VERBS}),
        ("analyst", {*VERBS} - {"send", "override", "drop", "withdraw"}),
        ("administrator", {*VERBS} - {"send", "override", "drop", "withdraw"}),
        ("data_protection_officer", set()),
        ("observer", set()),
    ],
)
def test_which_role_makes_which_move_for_its_party(role, moves):
    found = {
        verb
        for verb in VERBS
        for hand in ["be" if verb in VERBS[:6] else "big"]
        if allowed(rules.check_hand, facts_of("sent"), verb, by=By(hand, role))
    }
    assert found == moves


@pytest.mark.parametrize("verb", VERBS)
def test_nobody_makes_the_other_sides_move(verb):
    wrong = "big" if verb in VERBS[:6] else "be"
    with pytest.raises(NotAllowedError, match="belongs to it"):
        rules.check_hand(facts_of("sent"), verb, by=By(wrong))
    with pytest.raises(NotAllowedError):
        rules.check_hand(facts_of("sent"), verb, by=By("somebody-else"))


def test_only_a_hold_that_is_over_frees_a_referral():
    assert machine("referral").moves["free"].by == ("holder", "clock")
    with pytest.raises(ConflictError):
        rules.move(facts_of("held"), "free", side="sender")


def test_the_machines_states_are_the_words():
    assert set(machine("referral").states) == set(ReferralState)
    assert set(machine("hold").states) == set(HoldState)
    assert set(rules.MOVE_OF) == set(Answer)


@pytest.mark.parametrize(
    ("name", "kind", "is_sent", "may"),
    [
        ("be", "authority", NO, YES),
        ("big", "provider", NO, NO),
        ("big", "provider", YES, YES),
        ("small", "provider", YES, NO),
        ("fr", "authority", YES, NO),
        ("eu", "agency", NO, YES),
        ("tech", "consortium", YES, NO),
        ("watch", "observer", YES, NO),
    ],
)
def test_who_sees_a_referral(name, kind, is_sent, may):
    facts = rules.ReferralFacts(ReferralState.SENT, sender="be", provider="big", is_sent=is_sent)
    assert rules.may_see(facts, name=name, kind=PartyKind(kind)) is may


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://video.example/a?b=1", "https://video.example/a?b=1"),
        ("hxxps://video[.]example/a", "https://video.example/a"),
        ("video.example/a", "http://video.example/a"),
    ],
)
def test_an_address_is_sent_so_that_it_can_be_opened(text, url):
    assert rules.read_url(text)[0] == url


@pytest.mark.parametrize(
    "text",
    [
        "ftp://video.example/a",
        "nowhere",
        "https://user:pass@video.example/a",
        "https://video.example/a b",
        "https://video.example/" + "a" * 4096,
        "javascript:alert(1)",
    ],
)
def test_what_is_no_address_to_send_is_refused_with_its_field(text):
    with pytest.raises(InvalidError) as refused:
        rules.read_url(text)
    assert refused.value.field == "url"


def test_a_referral_goes_from_assessment_to_removal_with_the_time_of_each_step(desk):
    assessed = desk.assess()
    assert (assessed.state, assessed.reference) == ("assessed", "RF-BE-2026-00001")
    sent = desk.send(assessed, now=desk.world.at(minutes=2))
    by = desk.actor("big_provider", "analyst")
    body = AcknowledgeIn(reference="T-77")
    writes_answers.acknowledge(sent.id, body=body, by=by, now=desk.world.at(minutes=5))
    desk.answer(sent, "removed", now=desk.world.at(minutes=9), measure_at=desk.world.at(minutes=8))
    found = desk.look(sent)
    assert found.state == "removed"
    assert not found.standing
    assert found.provider_reference == "T-77"
    steps = (
        *(found.assessed_at, found.decided_at, found.sent_at, found.received_at),
        *(found.acknowledged_at, found.measure_at, found.answered_at),
    )
    assert [int((one - NOON).total_seconds()) // 60 for one in steps] == [0, 2, 2, 5, 5, 8, 9]
    assert desk.world.ledger_kinds() == [
        *("referral.assessed", "referral.sent", "referral.acknowledged", "referral.answered")
    ]


def test_the_ledger_says_whom_to_tell_and_holds_no_word_of_it(desk):
    sent = desk.refer()
    desk.answer(sent, "refused", reason="within_terms", note="It is a news report.")
    rows = list(Entry.objects.filter(subject=f"referral:{sent.id}").values_list("kind", "detail"))
    told = [(kind, detail.get("party")) for kind, detail in rows]
    assert told == [
        ("referral.assessed", None),
        ("referral.sent", "party:big-video"),
        ("referral.answered", "party:be-crisis-centre"),
    ]
    everything = str(rows)
    assert not any(word in everything for word in ("video.example", "market", "news"))


def test_its_addressee_sees_it_once_it_is_sent_and_others_never(desk):
    assessed = desk.assess()
    with pytest.raises(NotFoundError):
        desk.look(assessed, "big_provider")
    desk.send(assessed)
    seen = desk.look(assessed, "big_provider")
    assert seen.url == URL
    assert (seen.assessed_at, seen.decided_at) == (None, None)
    for party in ("small_provider", "other_authority", "consortium", "observer"):
        with pytest.raises(NotFoundError):
            desk.look(assessed, party)
    assert desk.look(assessed, "agency").assessed_at == NOON


def test_the_addressee_is_told_of_no_crisis_or_signal_that_it_may_not_see(desk):
    crisis = desk.world.warn()
    signal = desk.world.share(tlp="red", audience=("be-crisis-centre",))
    sent = desk.refer(crisis=crisis.id, signals=(signal.id,))
    assert (desk.look(sent).crisis, desk.look(sent).signals) == (crisis.id, [signal.id])
    seen = desk.look(sent, "big_provider")
    assert (seen.crisis, seen.signals) == (None, [])


def test_a_referral_is_not_found_by_a_crisis_that_its_addressee_may_not_see(desk):
    crisis = desk.world.warn()
    desk.refer(crisis=crisis.id)
    wanted = reads.Filters(crisis=crisis.id)
    found = reads.referrals(viewer=desk.world.authority, filters=wanted).referrals
    assert len(found) == 1
    assert reads.referrals(viewer=desk.world.big_provider, filters=wanted).referrals == []
    assert reads.counts(viewer=desk.world.big_provider, filters=wanted) == {}


def test_whose_hand_it_was_is_told_to_their_own_party_alone(desk):
    sent = desk.refer()
    desk.answer(sent, "not_found")
    for party, own in (("authority", "be-crisis-centre"), ("big_provider", "big-video")):
        rows = reads.history(sent.id, viewer=getattr(desk.world, party))
        assert {one.actor for one in rows if "through" in one.detail} == {f"party:{own}"}


def test_the_history_of_the_addressee_begins_with_the_sending(desk):
    sent = desk.refer()
    desk.answer(sent, "not_found")
    kinds = ["referral.assessed", "referral.sent", "referral.answered"]
    for party, seen in (("authority", kinds), ("agency", kinds), ("big_provider", kinds[1:])):
        rows = reads.history(sent.id, viewer=getattr(desk.world, party))
        assert [one.kind for one in rows] == seen
        assert rows[-1].actor == "party:big-video"


def test_the_same_address_is_not_referred_twice_however_it_is_spelled(desk):
    first = desk.refer()
    with pytest.raises(ConflictError, match=first.reference):
        desk.assess(url="http://www.VIDEO.example/watch?utm_source=x&v=1#top")
    assert Referral.objects.count() == 1


def test_what_came_back_after_the_answer_is_referred_again_if_its_sender_says_so(desk):
    desk.answer(desk.refer(), "removed")
    with pytest.raises(ConflictError, match="again"):
        desk.refer()
    assert desk.refer(again=True).reference == "RF-BE-2026-00002"
    with pytest.raises(ConflictError):
        desk.refer(again=True)


def test_what_was_dropped_or_withdrawn_may_be_referred_as_if_for_the_first_time(desk):
    assessed = desk.assess()
    by = desk.actor()
    gone = writes.drop(assessed.id, body=DropIn(reason="gone"), by=by, now=NOON)
    assert (gone.state, gone.drop_reason, gone.decided_at) == ("not_referred", "gone", NOON)
    sent = desk.refer()
    writes.take_back(sent.id, body=TakeBackIn(reason="mistake"), by=by, now=NOON)
    assert desk.refer().state == "sent"


def test_an_exercise_and_the_real_thing_never_meet(desk):
    desk.refer(exercise=True)
    assert desk.refer().state == "sent"
    crisis = desk.world.warn(exercise=True)
    with pytest.raises(InvalidError, match="exercise"):
        desk.refer(url="https://video.example/2", crisis=crisis.id)
    signal = desk.world.share()
    with pytest.raises(InvalidError, match="exercise"):
        desk.refer(url="https://video.example/2", signals=(signal.id,), exercise=True)


@pytest.mark.parametrize(
    ("facts", "field"),
    [
        ({"provider": "no-such"}, "provider"),
        ({"provider": "fr-referral-unit"}, "provider"),
        ({"url": "mailto:a@example.org"}, "url"),
        ({"crisis": uuid4()}, "crisis"),
        ({"signals": (uuid4(),)}, "signals"),
    ],
)
def test_a_referral_that_does_not_fit_is_refused_with_its_field(desk, facts, field):
    with pytest.raises(InvalidError) as refused:
        desk.refer(**facts)
    assert refused.value.field == field
    assert Referral.objects.count() == 0


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"answer": "geo_blocked"}, "countries"),
        ({"answer": "refused"}, "reason"),
        ({"answer": "needs_context"}, "question"),
        ({"answer": "removed", "reason": "within_terms"}, "reason"),
        ({"answer": "removed", "countries": ("BE",)}, "countries"),
        ({"answer": "removed", "question": "Who?"}, "question"),
        ({"answer": "refused", "reason": "other"}, "note"),
        ({"answer": "not_found", "measure_at": NOON}, "measure_at"),
    ],
)
def test_an_answer_says_what_it_needs_and_nothing_of_another(said, field):
    with pytest.raises(ValidationError, match=field):
        AnswerIn(**said)


@pytest.mark.parametrize(
    ("answer", "more"),
    [
        ("removed", {}),
        ("disabled", {}),
        ("geo_blocked", {"countries": ("FR", "BE")}),
        ("refused", {"reason": "counter_speech"}),
        ("not_found", {}),
    ],
)
def test_a_provider_answers_freely_and_its_sender_reads_it(desk, answer, more):
    sent = desk.refer()
    desk.answer(sent, answer, now=desk.world.at(minutes=3), **more)
    found = desk.look(sent)
    assert (found.state, found.answer) == (answer, answer)
    assert found.received_via == "desk"
    assert found.countries == sorted(more.get("countries", ()))
    assert (found.measure_at is None) is (answer in {"refused", "not_found"})


def test_a_provider_that_changes_its_mind_says_so(desk):
    sent = desk.refer()
    desk.answer(sent, "refused", reason="within_terms", role=None)
    assert desk.look(sent).received_via == "api"
    desk.answer(sent, "removed", now=desk.world.at(hours=2))
    found = desk.look(sent)
    assert (found.state, found.refusal_reason) == ("removed", None)
    by = desk.actor("big_provider", "analyst")
    body = ReinstateIn(note="It was a documentary.")
    back = writes_answers.reinstate(sent.id, body=body, by=by, now=desk.world.at(hours=3))
    assert back.state == "reinstated"


def test_a_question_is_answered_and_the_referral_sent_again(desk):
    sent = desk.refer()
    desk.answer(sent, "needs_context", question="Which scene?", now=desk.world.at(minutes=1))
    assert desk.look(sent).answered_at is None
    body = ContextIn(context="From 2:10 on.")
    by = desk.actor(role="analyst")
    told = writes.explain(sent.id, body=body, by=by, now=desk.world.at(minutes=4))
    assert told.state == "sent"
    assert [(one.question, one.context) for one in told.questions] == [
        ("Which scene?", "From 2:10 on.")
    ]
    assert Entry.objects.get(kind="referral.explained").detail["party"] == "party:big-video"


@pytest.mark.parametrize("measure_at", ["future", "past"])
def test_a_measure_was_taken_at_a_time_that_can_be(desk, measure_at):
    sent = desk.refer()
    at = desk.world.at(hours=1) if measure_at == "future" else desk.world.at(days=-4000)
    with pytest.raises(InvalidError, match="measure_at"):
        desk.answer(sent, "removed", measure_at=at)


def test_withdrawing_takes_the_senders_own_signals_back_if_it_says_so(desk):
    mine, old = desk.world.share(), desk.world.share(value=hex_value(2))
    theirs = desk.world.share(desk.world.other_authority, value=hex_value(3))
    by = desk.actor()
    sent = desk.refer(signals=(mine.id, old.id, theirs.id))
    Signal.objects.filter(uid=old.id).update(state="expired")
    body = TakeBackIn(reason="not_violating", signals=True)
    back = writes.take_back(sent.id, body=body, by=by, now=NOON)
    assert back.state == "withdrawn"
    states = dict(Signal.objects.values_list("uid", "state"))
    assert states == {mine.id: "withdrawn", old.id: "expired", theirs.id: "live"}
    assert Signal.objects.get(uid=mine.id).withdraw_reason == "not_violating"
    assert Entry.objects.get(kind="referral.withdrawn").detail["signals"] == 1


def test_the_first_receipt_counts(desk):
    sent = desk.refer()
    provider = desk.world.big_provider
    first = writes_answers.record_receipt(
        sent.id, provider=provider, via=ReceiptVia.MAIL, at=desk.world.at(minutes=1)
    )
    by = desk.actor("big_provider")
    second = writes_answers.record_receipt(
        sent.id, provider=provider, via=ReceiptVia.DESK, at=desk.world.at(minutes=2), by=by
    )
    assert (first, second) == (True, False)
    found = desk.look(sent)
    assert (found.received_via, found.received_at) == ("mail", desk.world.at(minutes=1))
    entry = Entry.objects.get(kind="referral.received")
    assert (entry.actor, entry.detail) == (
        "clock",
        {"via": "mail", "count": 1, "party": "party:be-crisis-centre"},
    )


def test_many_receipts_are_one_act_and_nobody_elses(desk):
    sent = [desk.refer(url=f"https://video.example/{one}") for one in range(3)]
    other = desk.refer(url="https://forum.example/1", provider="small-forum")
    by = desk.actor("big_provider", None)
    count = writes_answers.record_receipts(
        [one.id for one in (*sent, other)],
        provider=desk.world.big_provider,
        via=ReceiptVia.API,
        at=NOON,
        by=by,
    )
    assert count == 3
    assert desk.look(other).received_at is None
    entry = Entry.objects.get(kind="referrals.received")
    assert (entry.actor, entry.detail["count"]) == ("party:big-video", 3)


def test_the_inbox_holds_what_awaits_an_answer_the_oldest_first(desk):
    first = desk.refer()
    second = desk.refer(url="https://video.example/2", now=desk.world.at(minutes=1))
    desk.assess(url="https://video.example/3")
    desk.answer(desk.refer(url="https://video.example/4"), "removed")
    viewer = desk.world.big_provider
    assert [one.id for one in reads.inbox(viewer=viewer)] == [first.id, second.id]
    assert reads.waiting(viewer=viewer) == 2
    assert reads.inbox(viewer=desk.world.small_provider) == []


def test_lists_go_on_where_the_page_ended_and_hold_what_was_asked_for(desk):
    made = [desk.refer(url=f"https://video.example/{one}") for one in range(5)]
    desk.refer(url="https://forum.example/1", provider="small-forum", exercise=True)
    viewer = desk.world.authority
    first = reads.referrals(viewer=viewer, limit=3)
    rest = reads.referrals(viewer=viewer, limit=3, after=first.next)
    assert (first.more, rest.more) == (True, False)
    assert [one.id for one in (*first.referrals, *rest.referrals)][:5] == [one.id for one in made]

    def asked(**wanted):
        filters = reads.Filters(**wanted)
        return len(reads.referrals(viewer=viewer, filters=filters).referrals)

    assert asked(provider="small-forum") == 1
    assert asked(exercise=False) == 5
    assert asked(reference=made[2].reference) == 1
    assert asked(states=(ReferralState.REMOVED,)) == 0
    latest, more = reads.latest(viewer=viewer, limit=2)
    assert [one.provider for one in latest] == ["small-forum", "big-video"]
    assert more
    assert reads.counts(viewer=viewer) == {ReferralState.SENT: 6}
