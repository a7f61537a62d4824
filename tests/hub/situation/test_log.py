# SPDX-License-Identifier: Apache-2.0
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
from stemtide.hub.rooms.situation.reads import situation as reads
from stemtide.hub.rooms.situation.rules import situation as rules
from stemtide.hub.rooms.situation.writes import situation as writes
from stemtide.protocol.enums import MessageKind, PartyKind, Role
from stemtide.protocol.messages.situation import MessageIn
from tests.world import NOON, hex_value

OPEN = rules.RoomFacts(is_open=True, opened_by="be-crisis-centre")
CLOSED = rules.RoomFacts(is_open=False, opened_by="be-crisis-centre")
YES, NO = True, False


def allowed(check, *facts, **named):
    try:
        check(*facts, **named)
    except RefusalError:
        return False
    return True


@pytest.mark.parametrize(
    ("role", "observation", "decision"),
    [
        ("duty_officer", YES, YES),
        ("coordinator", YES, YES),
        ("analyst", YES, NO),
        ("administrator", YES, NO),
        ("data_protection_officer", NO, NO),
        ("observer", NO, NO),
        (None, YES, YES),
    ],
)
def test_who_may_post_by_role(role, observation, decision):
    role = role and Role(role)
    said = [
        allowed(rules.check_post, OPEN, kind=PartyKind.AUTHORITY, role=role, message=kind)
        for kind in (MessageKind.OBSERVATION, MessageKind.DECISION)
    ]
    assert said == [observation, decision]


@pytest.mark.parametrize(
    ("kind", "observation", "preserve", "do_not_remove"),
    [
        ("authority", YES, YES, YES),
        ("agency", YES, YES, YES),
        ("provider", YES, NO, NO),
        ("consortium", YES, NO, NO),
        ("observer", NO, NO, NO),
    ],
)
def test_who_may_post_by_kind_of_party(kind, observation, preserve, do_not_remove):
    said = [
        allowed(rules.check_post, OPEN, kind=PartyKind(kind), role=None, message=MessageKind(one))
        for one in ("observation", "preserve", "do_not_remove")
    ]
    assert said == [observation, preserve, do_not_remove]


def test_a_closed_crisis_takes_no_message():
    assert not allowed(rules.check_post, CLOSED, kind=PartyKind.AGENCY, role=None)


@pytest.mark.parametrize(
    ("name", "kind", "role", "may"),
    [
        ("be-crisis-centre", "authority", "duty_officer", YES),
        ("be-crisis-centre", "authority", "analyst", NO),
        ("fr-referral-unit", "authority", "coordinator", YES),
        ("eu-referral-unit", "agency", None, YES),
        ("big-video", "provider", "duty_officer", NO),
        ("tech-forum", "consortium", "duty_officer", NO),
    ],
)
def test_who_may_pin(name, kind, role, may):
    role = role and Role(role)
    assert may is allowed(rules.check_pin, OPEN, kind=PartyKind(kind), name=name, role=role)


def test_a_provider_that_opened_the_crisis_pins():
    facts = rules.RoomFacts(is_open=True, opened_by="big-video")
    rules.check_pin(facts, kind=PartyKind.PROVIDER, name="big-video", role=Role.DUTY_OFFICER)


def test_a_message_says_who_wrote_it_in_which_role_and_when(room):
    said = room.post(text="It is on four services now.", urgency="now", language="nl")
    assert (said.posted_by, said.posted_as, said.posted_at) == ("be-crisis-centre", "analyst", NOON)
    assert (said.number, said.urgency, said.language) == (1, "now", "nl")
    assert room.world.ledger_kinds()[-1] == "message.posted"
    entry = room.world.last_entry()
    assert entry.crisis == room.crisis.id
    assert "four services" not in str(entry.detail)


def test_messages_are_numbered_in_the_log_of_their_crisis(room):
    numbers = [room.post(text=f"Message {n}").number for n in range(3)]
    page = reads.log(room.crisis.id, viewer=room.world.agency, limit=2)
    assert numbers == [1, 2, 3]
    assert ([one.number for one in page.messages], page.next, page.more) == ([1, 2], 2, True)
    rest = reads.log(room.crisis.id, viewer=room.world.agency, after=2)
    assert ([one.number for one in rest.messages], rest.more) == ([3], False)
    empty = reads.log(room.crisis.id, viewer=room.world.agency, after=3)
    assert (empty.messages, empty.next, empty.more) == ([], 3, False)


@pytest.mark.parametrize(
    ("tlp", "audience", "readers"),
    [
        ("red", ("big-video",), {"authority", "big_provider"}),
        ("amber", (), {"authority", "agency", "big_provider", "consortium"}),
        ("amber+strict", ("tech-forum",), {"authority", "consortium"}),
        ("green", (), {"authority", "agency", "big_provider", "consortium"}),
    ],
)
def test_a_message_is_read_by_those_its_mark_lets_in(room, tlp, audience, readers):
    room.post(tlp=tlp, audience=audience)
    read = {
        name
        for name in ("authority", "agency", "big_provider", "consortium")
        if reads.log(room.crisis.id, viewer=getattr(room.world, name)).messages
    }
    assert read == readers


def test_tlp_red_names_its_recipients(room):
    with pytest.raises(InvalidError, match="named recipients"):
        room.post(tlp="red")


def test_an_audience_names_parties_that_are_there(room):
    with pytest.raises(InvalidError, match="nobody-here"):
        room.post(audience=("nobody-here",))


def test_a_stranger_is_told_that_there_is_no_such_crisis(room):
    with pytest.raises(NotFoundError):
        reads.log(room.crisis.id, viewer=room.world.observer)
    with pytest.raises(NotFoundError):
        reads.lines(uuid4(), viewer=room.world.agency)


def test_a_message_that_one_may_not_read_is_not_there(room):
    said = room.post(tlp="red", audience=("big-video",))
    with pytest.raises(NotFoundError):
        reads.message(said.id, viewer=room.world.agency)
    assert reads.readable_ids([said.id], viewer=room.world.agency) == set()
    assert reads.readable_ids([said.id], viewer=room.world.big_provider) == {said.id}
    assert reads.readable_ids([said.id], viewer=room.world.observer) == set()


def test_a_correction_follows_and_the_first_words_stay(room):
    first = room.post(text="Two attackers.")
    second = room.post(text="One attacker.", corrects=first.id)
    again = reads.message(first.id, viewer=room.world.agency)
    assert (again.text, again.corrected_by) == ("Two attackers.", second.id)
    assert second.corrects == first.id


def test_a_party_corrects_its_own_words_alone(room):
    first = room.post()
    with pytest.raises(NotAllowedError, match="be-crisis-centre"):
        room.post("agency", corrects=first.id)


def test_only_the_latest_correction_is_corrected(room):
    first = room.post()
    room.post(corrects=first.id)
    with pytest.raises(ConflictError, match="latest correction"):
        room.post(corrects=first.id)


def test_an_answer_answers_a_question(room):
    question = room.post(kind="question", text="Who has the longer film?")
    answer = room.post("big_provider", kind="answer", text="We have.", answers=question.id)
    assert answer.answers == question.id


@pytest.mark.parametrize(
    ("first", "second"), [("observation", "answer"), ("question", "technical")]
)
def test_nothing_else_answers(room, first, second):
    said = room.post(kind=first)
    with pytest.raises(InvalidError, match="only an answer"):
        room.post(kind=second, answers=said.id)


def test_what_a_message_speaks_of_lies_in_its_own_crisis(room):
    other = room.world.warn(name="Another attack")
    body = MessageIn(kind="question", text="Here?")
    there = writes.post(other.id, body=body, by=room.actor("authority"), now=NOON)
    with pytest.raises(InvalidError, match="another crisis"):
        room.post(kind="answer", answers=there.id)
    with pytest.raises(InvalidError, match="no message"):
        room.post(kind="answer", answers=uuid4())


def test_a_message_links_a_signal_of_its_crisis(room):
    shared = room.world.share(crisis=room.crisis.id)
    assert room.post(signal=shared.id).signal == shared.id
    loose = room.world.share(value=hex_value(2))
    with pytest.raises(InvalidError, match="does not belong"):
        room.post(signal=loose.id)
    with pytest.raises(InvalidError, match="no signal"):
        room.post(signal=uuid4())


def test_a_link_to_a_signal_is_kept_from_those_who_may_not_see_it(room):
    shared = room.world.share(crisis=room.crisis.id, tlp="red", audience=("big-video",))
    said = room.post(signal=shared.id)
    assert reads.message(said.id, viewer=room.world.agency).signal is None
    assert reads.message(said.id, viewer=room.world.big_provider).signal == shared.id


def test_a_pin_is_set_and_taken_down_once(room):
    said = room.post()
    by = room.actor("agency")
    assert writes.pin(said.id, is_pinned=True, by=by, now=NOON).pinned
    assert writes.pin(said.id, is_pinned=True, by=by, now=NOON).pinned
    found = reads.log(room.crisis.id, viewer=room.world.agency, pinned=True, kinds=["observation"])
    assert [one.id for one in found.messages] == [said.id]
    assert not writes.pin(said.id, is_pinned=False, by=by, now=NOON).pinned
    assert room.world.ledger_kinds()[-2:] == ["message.pinned", "message.unpinned"]


def test_the_latest_messages_come_first(room):
    room.post(text="one")
    room.post(text="two")
    assert [one.text for one in reads.latest(room.crisis.id, viewer=room.world.agency)] == [
        "two",
        "one",
    ]


def test_a_closed_crisis_is_refused_by_the_write(room):
    room.world.close(room.crisis)
    with pytest.raises(ConflictError, match="debrief"):
        room.post()


@pytest.mark.parametrize("language", ["english", "EN", "e", "en-latn", ""])
def test_a_language_is_a_tag(language):
    with pytest.raises(ValidationError):
        MessageIn(kind="observation", text="x", language=language)
