# SPDX-License-Identifier: Apache-2.0
"""Questions to the sharer of a signal: who sends, reads and answers them, and how many a day."""

from datetime import timedelta

import pytest

from stemtide.hub.platform.errors import (
    ConflictError,
    NotAllowedError,
    NotFoundError,
    RateLimitError,
)
from stemtide.hub.rooms.alerts.models import Alert
from stemtide.hub.rooms.alerts.writes import alerts
from stemtide.hub.rooms.ledger.models import Entry
from stemtide.hub.rooms.signals.models import Signal, SignalQuestion
from stemtide.hub.rooms.signals.reads import opinions as reads
from stemtide.hub.rooms.signals.writes import opinions as writes, signals
from stemtide.hub.rooms.signals.writes.endings import erasure
from stemtide.protocol.messages.signals import QuestionAnswerIn, QuestionIn, WithdrawIn
from stemtide.protocol.trust.limits import limits
from tests.world import NOON, hex_value

WHOLE = "Is the whole film meant?"


def send(world, uid, *, by=None, text=WHOLE, now=NOON):
    by = world.actor(by or world.big_provider)
    return writes.send_question(uid, body=QuestionIn(text=text), by=by, now=now)


def reply(world, uid, *, by=None, party="big-video", text="Only from 2:10 on."):
    by = world.actor(by or world.authority)
    return writes.answer_question(uid, party, body=QuestionAnswerIn(text=text), by=by, now=NOON)


def texts(uid, viewer):
    row = Signal.objects.get(uid=uid)
    return [(row.party, row.answer) for row in reads.questions_of(row, viewer=viewer)]


def test_the_sharer_and_the_party_that_sent_a_question_read_it_and_nobody_else(world):
    shared = world.share()
    send(world, shared.id)
    send(world, shared.id, by=world.small_provider)
    reply(world, shared.id)
    assert texts(shared.id, world.authority) == [
        ("big-video", "Only from 2:10 on."),
        ("small-forum", ""),
    ]
    assert texts(shared.id, world.big_provider) == [("big-video", "Only from 2:10 on.")]
    assert texts(shared.id, world.agency) == []
    detail = [entry.detail for entry in Entry.objects.filter(kind__startswith="question.")]
    assert len(detail) == 3
    assert WHOLE not in str(detail)


def test_the_sharer_is_alerted_of_a_question_and_the_other_party_of_the_answer(world):
    shared = world.share()
    send(world, shared.id)
    reply(world, shared.id)
    alerts.raise_from_ledger(NOON)
    assert set(Alert.objects.values_list("kind", "party__name")) == {
        ("signal_question", "be-crisis-centre"),
        ("question_answered", "big-video"),
    }


def test_a_question_moves_no_signal_and_says_nothing_of_what_a_party_thinks(world):
    shared = world.share()
    before = Signal.objects.get(uid=shared.id)
    send(world, shared.id)
    after = Signal.objects.get(uid=shared.id)
    assert (after.position, after.stamp_s) == (before.position, before.stamp_s)
    assert not after.opinions.exists()


def test_only_the_sharer_answers_and_once(world):
    shared = world.share()
    send(world, shared.id)
    for other in (world.small_provider, world.agency):
        with pytest.raises(NotFoundError):
            reply(world, shared.id, by=other)
    with pytest.raises(NotAllowedError):
        reply(world, shared.id, by=world.big_provider)
    reply(world, shared.id)
    with pytest.raises(ConflictError, match="answered this question already"):
        reply(world, shared.id)
    with pytest.raises(NotFoundError):
        reply(world, shared.id, party="small-forum")


def test_one_question_is_open_and_the_same_again_changes_nothing(world):
    shared = world.share()
    first = send(world, shared.id)
    assert send(world, shared.id, now=NOON + timedelta(hours=1)) == first
    with pytest.raises(ConflictError, match="waits for its answer"):
        send(world, shared.id, text="And the sound?")
    reply(world, shared.id)
    assert send(world, shared.id, text="And the sound?").answer == ""
    assert SignalQuestion.objects.count() == 1


def test_observers_the_sharer_and_readers_of_other_signals_send_none(world):
    shared = world.share(tlp="clear", pap="clear")
    with pytest.raises(NotAllowedError):
        send(world, shared.id, by=world.observer)
    with pytest.raises(ConflictError, match="shared this signal"):
        send(world, shared.id, by=world.authority)
    secret = world.share(value=hex_value(7), tlp="red", audience=("big-video",))
    with pytest.raises(NotFoundError):
        send(world, secret.id, by=world.small_provider)


def test_a_withdrawn_signal_takes_no_question_and_its_sharer_still_answers(world):
    shared = world.share()
    send(world, shared.id)
    withdraw = WithdrawIn(reason="mistake")
    signals.withdraw(shared.id, body=withdraw, by=world.authority, now=NOON)
    with pytest.raises(ConflictError):
        send(world, shared.id, by=world.small_provider)
    assert reply(world, shared.id).answer


def test_a_party_sends_so_many_questions_a_day(world, monkeypatch):
    few = limits().model_copy(
        update={"question": limits().question.model_copy(update={"a_day": 1})}
    )
    monkeypatch.setattr("stemtide.hub.rooms.signals.rules.questions.limits", lambda: few)
    first, second = world.share(value=hex_value(1)), world.share(value=hex_value(2))
    send(world, first.id)
    with pytest.raises(RateLimitError, match="1 questions today"):
        send(world, second.id)
    assert send(world, second.id, now=NOON + timedelta(days=1))


def test_questions_are_erased_with_their_signal(world):
    shared = world.share()
    send(world, shared.id)
    erasure.erase(list(Signal.objects.filter(uid=shared.id)), now=NOON)
    assert not SignalQuestion.objects.exists()
