# SPDX-License-Identifier: Apache-2.0
"""Indicators of a TAXII server that ask for several things: each is a record, and a signal."""

from datetime import timedelta

import pytest
from django.conf import settings

from stemtide.hub.rooms.exchanges.models import Exchange, Record
from stemtide.hub.rooms.exchanges.reads import exchanges as reads
from stemtide.hub.rooms.exchanges.writes import exchanges as writes
from stemtide.hub.rooms.ledger.models import Entry
from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.signals.writes import signals
from stemtide.interop.exchanges import Terms
from stemtide.interop.stix.objects import EXTENSION, MARKING_OF
from stemtide.interop.stix.pulled import MAX_SIGNALS
from stemtide.protocol.enums import WithdrawReason
from stemtide.protocol.messages.signals import WithdrawIn
from stemtide.protocol.trust.second_look import EndsADay, second_look
from tests.hub.exchanges.test_taxii import Shelf, indicator, newer
from tests.rounds import rounds
from tests.world import NOON, hex_value

ODD = "ipv4-addr:value = '192.0.2.7'"


@pytest.fixture
def shelf(desk, partner):
    desk.add(address=partner.address, account="us", secret="hush")
    return Shelf(partner)


def sha(number):
    return f"file:hashes.'SHA-256' = '{hex_value(number)}'"


def pattern(*numbers, beside=()):
    """A pattern that asks for some values, and for what no upload is held against."""
    return f"[{' OR '.join([*map(sha, numbers), *beside])}]"


def several(*numbers, beside=(), **more):
    return indicator(pattern=pattern(*numbers, beside=beside), **more)


def values(*numbers):
    return sorted(map(hex_value, numbers))


def few(most):
    Exchange.objects.update(terms=Terms(most_a_day=most).model_dump(mode="json"))


class Talk:
    """One indicator of a source through its versions. say: pull the next version of it."""

    def __init__(self, desk, shelf, *numbers, **more):
        self.desk, self.shelf, self.minutes = desk, shelf, 0
        self.sent = several(*numbers, **more)
        shelf.put(self.sent)
        self.counts = desk.run()

    def say(self, *numbers, beside=(), **more):
        self.minutes += 1
        if numbers:
            more["pattern"] = pattern(*numbers, beside=beside)
        self.sent = newer(self.sent, minutes=self.minutes, **more)
        at = NOON + timedelta(minutes=self.minutes)
        self.shelf.dated = [(at, self.sent)]
        self.desk.now = max(self.desk.now, at)
        return self.desk.run()


@pytest.fixture
def talk(desk, shelf):
    return Talk(desk, shelf, 1, 2, 3)


def standing():
    """Which values are said by records that have not ended."""
    rows = Record.objects.filter(ended=False)
    return sorted(rows.values_list("signal__value", flat=True))


def withdraw(desk, number, *, by):
    body = WithdrawIn(reason="mistake")
    signals.withdraw(desk.signal(number).uid, body=body, by=by, now=desk.later(minutes=1))


def test_each_comparison_is_a_signal_of_the_sources_party_with_its_record(desk, talk):
    assert talk.counts == {"shared": 3}
    assert desk.live() == values(1, 2, 3)
    assert {row.part_of for row in desk.records()} == {talk.sent["id"]}
    assert not any(hex_value(number) in row.key for number in (1, 2, 3) for row in desk.records())
    assert {row.signal.shared_by for row in desk.records()} == {desk.party}
    assert desk.world.last_entry().detail == {"shared": 3}


@pytest.mark.usefixtures("talk")
def test_what_is_pulled_again_in_one_version_changes_nothing(desk):
    before = Entry.objects.count()
    assert desk.run() == {}
    assert (Entry.objects.count(), desk.live()) == (before, values(1, 2, 3))


def test_observations_and_values_of_in_are_each_a_signal_and_one_said_twice_is_one(desk, shelf):
    many = f"file:hashes.MD5 IN ('{'a' * 32}', '{'b' * 32}', '{'A' * 32}')"
    shelf.put(indicator(pattern=f"[{sha(1)}] OR ([{many} OR {sha(1)}])"))
    assert desk.run() == {"shared": 3}
    assert sorted(Signal.objects.values_list("kind", flat=True)) == ["md5", "md5", "sha256"]


def test_a_newer_version_ends_what_it_no_longer_names_and_keeps_what_stays(desk, talk):
    kept = {number: desk.signal(number).uid for number in (1, 2)}
    assert talk.say(4, 2, 1) == {"shared": 1, "ended": 1}
    assert desk.live() == values(1, 2, 4)
    assert {number: desk.signal(number).uid for number in (1, 2)} == kept
    gone = Signal.objects.get(value=hex_value(3))
    assert gone.withdraw_reason == WithdrawReason.SUPERSEDED
    assert talk.say(1, 3) == {"shared": 1, "ended": 2}
    assert (desk.live(), standing()) == (values(1, 3), values(1, 3))


def test_other_facts_replace_each_signal_and_the_strictest_mark_is_each_ones(talk):
    labels = ["tlp:green", 'stemtide:severity="high"', "PAP:RED"]
    marks = {"object_marking_refs": [MARKING_OF["amber"]], "labels": labels}
    assert talk.say(**marks) == {"changed": 3}
    rows = Signal.objects.filter(state="live").values_list("tlp", "pap", "severity")
    assert list(rows) == [("amber", "red", "high")] * 3


def test_a_revocation_ends_all_of_them(desk, talk):
    assert talk.say(pattern=7, revoked=True) == {"ended": 3}
    assert (desk.live(), standing()) == ([], [])
    assert desk.run() == {}


def test_a_version_that_cannot_be_read_ends_all_of_them(desk, talk):
    assert talk.say(pattern=f"[{sha(1)} AND {sha(2)}]") == {"refused": 1}
    assert (desk.live(), standing()) == ([], [])
    assert any("asks for several things at once" in words for words in desk.log())


@pytest.mark.parametrize("first", [(1,), (1, 2)][: rounds(1, nightly=None)])
def test_one_that_becomes_several_and_back_is_the_same_signal(desk, shelf, first):
    talk = Talk(desk, shelf, *first)
    uid = desk.signal(1).uid
    for numbers, counts in (((1, 2), {}), ((1,), {}), ((1, 2), {}), ((1, 3), {}), ((1,), {})):
        before = set(desk.live())
        after = set(values(*numbers))
        if new := len(after - before):
            counts["shared"] = new
        if over := len(before - after):
            counts["ended"] = over
        assert talk.say(*numbers) == counts
        assert (desk.live(), standing()) == (values(*numbers), values(*numbers))
        assert desk.signal(1).uid == uid


@pytest.mark.parametrize(("first", "then"), [((1,), (1, 2)), ((1, 2), (1,))], ids=["more", "less"])
def test_one_that_becomes_several_or_back_with_other_facts_says_them(desk, shelf, first, then):
    talk = Talk(desk, shelf, *first)
    counts = talk.say(*then, labels=['stemtide:severity="critical"'])
    assert counts == {"changed": 1, ("shared" if len(then) > 1 else "ended"): 1}
    live = Signal.objects.filter(state="live")
    assert set(live.values_list("severity", flat=True)) == {"critical"}
    assert desk.live() == values(*then)


@pytest.mark.parametrize("first", [(1,), (1, 2)][: rounds(1, nightly=None)])
def test_what_an_agency_withdrew_does_not_come_back_by_another_number_of_comparisons(
    desk, shelf, first
):
    talk = Talk(desk, shelf, *first)
    withdraw(desk, 1, by=desk.world.agency)
    for numbers in ((1, 3), (3,), (1, 3), (1, 2, 3)):
        counts = talk.say(*numbers)
        assert counts.get("overruled", 0) == (1 in numbers)
        assert desk.live() == values(*(set(numbers) - {1}))
    assert talk.say(1)["overruled"] == 1


def test_comparisons_that_are_none_of_ours_are_said_once_and_the_others_taken(desk, shelf):
    sent = several(1, 2, beside=[ODD, "url:value LIKE 'https://x.example/%'"])
    shelf.put(sent, several(3, beside=[ODD]))
    assert desk.run() == {"shared": 3}
    words = "of its comparisons are none that uploads are compared with"
    assert f"{sent['id']}: 2 {words}" in desk.log()
    assert sum(words in line for line in desk.log()) == 2
    desk.run()
    assert sum(words in line for line in desk.log()) == 2


def test_of_many_with_comparisons_that_are_none_the_log_says_how_many(desk, shelf):
    shelf.put(*(several(number, beside=[ODD, ODD]) for number in range(8)))
    assert desk.run() == {"shared": 8}
    assert "3 more records: so are 6 of their comparisons" in desk.log()
    assert sum(": 2 of its comparisons" in line for line in desk.log()) == 5


def test_a_pattern_of_nothing_that_we_compare_is_refused_whole(desk, shelf):
    shelf.put(indicator(pattern=f"[{ODD} OR domain-name:value = 'x.example']"))
    assert desk.run() == {"refused": 1}


def test_a_value_that_is_wrong_is_named_and_sinks_no_other(desk, shelf):
    sent = several(1, 2, beside=[f"file:hashes.PDQ = '{'0' * 64}'"])
    shelf.put(sent)
    assert desk.run() == {"shared": 2, "refused": 1}
    assert any(line.startswith(f"refused: {sent['id']}#") for line in desk.log())
    assert desk.live() == values(1, 2)


def test_more_than_200_comparisons_are_refused_as_in_a_post(desk, shelf):
    shelf.put(several(*range(201)), several(*range(1000, 1200)))
    assert desk.run() == {"shared": 200, "refused": 1}


def test_an_extension_that_names_one_value_for_several_is_refused_as_in_a_post(desk, shelf):
    said = {"extension_type": "property-extension", "value": hex_value(1)}
    shelf.put(several(1, 2, extensions={EXTENSION: said}))
    assert desk.run() == {"refused": 1}


def test_what_is_there_is_confirmed_and_what_was_withdrawn_overruled_value_by_value(desk, shelf):
    there = desk.world.share(kind="sha256", value=hex_value(1))
    over = desk.world.share(kind="sha256", value=hex_value(2))
    body, by = WithdrawIn(reason="mistake"), desk.world.authority
    signals.withdraw(over.id, body=body, by=by, now=desk.later(minutes=30))
    talk = Talk(desk, shelf, 1, 2, 3)
    assert talk.counts == {"confirmed": 1, "overruled": 1, "shared": 1}
    assert desk.live() == values(3)
    assert talk.say(revoked=True) == {"ended": 1}
    assert Signal.objects.get(uid=there.id).state == "live"


def test_our_own_that_comes_back_among_others_is_an_echo(desk, shelf):
    said = {"extension_type": "property-extension", "hub": reads.own_hub()}
    shelf.put(several(1, 2, extensions={EXTENSION: said}))
    assert desk.run() == {"echo": 2}
    assert desk.live() == []


@pytest.mark.nightly
def test_what_the_source_disputes_is_disputed_of_each_and_no_longer(talk):
    said = {"extension_type": "property-extension", "disputed": True}
    talk.say(1, 2, extensions={EXTENSION: said})
    assert {row.is_disputed for row in Signal.objects.filter(state="live")} == {True}
    talk.say(2, 1, extensions={})
    assert {row.is_disputed for row in Signal.objects.filter(state="live")} == {False}


def test_a_value_that_two_indicators_say_is_one_signal_until_the_last_leaves_it(desk, shelf):
    talk, twin = Talk(desk, shelf, 1, 2), several(2, 3)
    uid = desk.signal(2).uid
    shelf.dated = [(NOON, twin)]
    assert desk.run() == {"shared": 1}
    assert talk.say(1, 4) == {"shared": 1}
    assert (desk.signal(2).uid, desk.live()) == (uid, values(1, 2, 3, 4))
    shelf.dated = [(desk.later(minutes=1), newer(twin, minutes=1, revoked=True))]
    assert desk.run() == {"ended": 2}
    assert desk.live() == values(1, 4)


def test_a_stricter_mark_of_one_indicator_is_that_of_a_value_that_two_say(desk, shelf):
    green, amber = ({"object_marking_refs": [MARKING_OF[one]]} for one in ("green", "amber"))
    talk = Talk(desk, shelf, 1, 2, **green)
    shelf.dated = [(NOON, several(2, 3, **amber))]
    assert desk.run() == {"changed": 1, "shared": 1}
    assert [desk.signal(number).tlp for number in (1, 2, 3)] == ["green", "amber", "amber"]
    talk.say(1, 2, 3)
    assert [desk.signal(number).tlp for number in (1, 2, 3)] == ["green", "amber", "amber"]


def test_the_days_bound_counts_each_and_the_rest_is_taken_on_the_next(desk, shelf):
    few(3)
    shelf.put(several(1, 2, beside=[ODD]), several(3, 4, 5))
    assert desk.run() == {"shared": 3}
    assert "more than 3 new signals in a day" in desk.row.trouble
    assert desk.row.day_count == 3
    desk.later(days=1)
    assert desk.run() == {"shared": 2}
    assert (desk.row.trouble, desk.live()) == ("", values(1, 2, 3, 4, 5))
    assert sum("1 of its comparisons" in line for line in desk.log()) == 1


def test_on_a_full_day_what_is_no_longer_named_ends_and_what_is_new_waits(desk, talk):
    few(3)
    assert talk.say(1, 4) == {"ended": 2}
    assert (desk.live(), desk.row.counts) == (values(1), {"shared": 3, "ended": 2})
    desk.later(days=1)
    assert desk.run() == {"shared": 1}
    assert (desk.live(), desk.row.trouble) == (values(1, 4), "")


def test_one_that_becomes_several_on_a_full_day_keeps_its_signal(desk, shelf):
    talk = Talk(desk, shelf, 1)
    few(1)
    uid = desk.signal(1).uid
    assert talk.say(1, 2, confidence=10) == {}
    assert (desk.signal(1).uid, standing()) == (uid, values(1))
    desk.later(days=1)
    few(9)
    assert desk.run() == {"changed": 1, "shared": 1}
    assert (desk.live(), desk.signal(1).confidence) == (values(1, 2), 10)


def test_of_two_versions_on_one_page_the_last_counts(desk, shelf):
    sent = several(1, 2)
    shelf.put(sent, newer(sent, minutes=1, pattern=pattern(1, 3)))
    assert desk.run() == {"shared": 2}
    assert desk.live() == values(1, 3)


def pulled(since):
    """What each turn of a page brought, by the ledger."""
    entries = Entry.objects.filter(number__gt=since, kind="exchange.pulled").order_by("number")
    return [one.detail for one in entries]


def last_number():
    return Entry.objects.order_by("-number")[0].number


def test_what_many_indicators_leave_is_ended_in_turns_and_the_place_goes_with_the_last(
    desk, shelf, at_once, monkeypatch
):
    table = second_look().model_copy(update={"ends_a_day": EndsADay(number=1000)})
    monkeypatch.setattr("stemtide.hub.rooms.signals.writes.mass_ends.second_look", lambda: table)
    half = at_once * 11 // 20
    sent = [several(*range(start, start + half)) for start in (1, 1001, 2001)]
    shelf.put(*sent)
    assert desk.run() == {"shared": 3 * half}
    since = last_number()
    changed = newer(sent[0], minutes=1, pattern=pattern(1, 5000))
    revoked = newer(sent[1], minutes=1, revoked=True)
    wrong = newer(sent[2], minutes=1, pattern="[")
    shelf.dated = [(desk.later(minutes=5), one) for one in (changed, revoked, wrong)]
    place = desk.row.checkpoint
    assert desk.run() == {"shared": 1, "ended": 2 * half - 1, "refused": 1}
    assert (desk.live(), standing()) == (values(1, 5000), values(1, 5000))
    assert pulled(since) == [{"ended": half}, {"shared": 1, "ended": half - 1}]
    assert desk.row.checkpoint != place
    assert desk.row.counts == {"shared": 3 * half + 1, "ended": 2 * half - 1, "refused": 1}


def test_a_page_of_many_new_ones_is_taken_in_turns_and_counted_once(desk, shelf, at_once):
    since = last_number() if Entry.objects.exists() else 0
    wrong = several(9000, 9001, beside=[f"file:hashes.PDQ = '{'0' * 64}'"])
    starts = range(1, 12 * at_once + 1, at_once)
    shelf.put(wrong, *(several(*range(at, at + at_once)) for at in starts))
    count = 12 * at_once + 2
    assert desk.run() == {"shared": count, "refused": 1}
    assert sum(one["shared"] for one in pulled(since)) == count
    assert len(pulled(since)) == 2
    assert desk.row.counts == {"shared": count, "refused": 1}


@pytest.mark.nightly
def test_a_page_of_more_signals_than_are_taken_at_once_is_asked_for_shorter(
    desk, shelf, partner, monkeypatch
):
    assert MAX_SIGNALS == 20_000
    monkeypatch.setattr("stemtide.interop.stix.pulled.MAX_SIGNALS", 100)
    shelf.put(*(several(*range(at, at + 10)) for at in range(1, 401, 10)))
    assert desk.run() == {"shared": 400}
    assert [one[1].partition("limit=")[2][:3] for one in partner.asked[:3]] == ["500", "125", "31"]
    assert "limit" not in desk.row.checkpoint


def test_a_page_that_may_not_be_longer_and_is_of_one_time_is_an_error_and_no_loop(
    desk, partner, monkeypatch
):
    monkeypatch.setattr("stemtide.interop.stix.pulled.MAX_SIGNALS", 100)
    desk.add(address=partner.address, account="us", secret="hush")
    shelf = Shelf(partner, tokens=False)
    shelf.put(*(several(*range(at, at + 10)) for at in range(1, 401, 10)))
    desk.run()
    assert "no way on" in desk.row.trouble
    assert len(partner.asked) < 10


@pytest.mark.skipif("postgresql" in settings.DATABASES["default"]["ENGINE"], reason="never sleeps")
def test_a_page_that_is_left_between_its_turns_is_taken_whole_later(
    desk, shelf, at_once, monkeypatch
):
    wrong = several(9000, 9001, beside=[f"file:hashes.PDQ = '{'0' * 64}'"])
    starts = range(1, 11 * at_once + 1, at_once)
    shelf.put(wrong, *(several(*range(at, at + at_once)) for at in starts))
    count = 11 * at_once + 2

    def pause(_):  # where others write in between
        if desk.live() and not desk.row.is_paused:
            writes.pause("partner", actor="operator", now=desk.now)

    with monkeypatch.context() as patch:
        patch.setattr("stemtide.hub.rooms.ledger.writes.transactions.time.sleep", pause)
        desk.run()
    assert (desk.row.checkpoint, desk.row.counts) == ({}, {"shared": len(desk.live())})
    assert 0 < len(desk.live()) < count
    writes.resume("partner", actor="operator", now=desk.now)
    desk.run()
    assert (len(desk.live()), desk.row.counts) == (count, {"shared": count, "refused": 1})
    assert desk.row.checkpoint != {}
