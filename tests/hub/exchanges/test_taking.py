# SPDX-License-Identifier: Apache-2.0
"""What becomes of the records of a source, page by page."""

from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from stemtide.hub.rooms.exchanges.models import Exchange
from stemtide.hub.rooms.exchanges.reads import exchanges as reads
from stemtide.hub.rooms.exchanges.writes import exchanges as writes
from stemtide.hub.rooms.ledger.models import Entry
from stemtide.hub.rooms.ledger.reads import ledger
from stemtide.hub.rooms.signals.models import OpinionRow, Signal
from stemtide.hub.rooms.signals.writes import signals
from stemtide.interop.exchanges import RecordError, Terms
from stemtide.protocol.messages.signals import WithdrawIn
from stemtide.protocol.trust.limits import limits
from stemtide.protocol.trust.second_look import EndsADay, second_look
from tests.hub.exchanges.conftest import gone, told
from tests.hub.exchanges.test_taxii import Shelf, indicator
from tests.hub.waiting import decide
from tests.rounds import rounds
from tests.world import NOON, hex_value


@pytest.fixture(autouse=True)
def _exchange(desk):
    desk.add()


def withdraw(desk, signal, *, by):
    body = WithdrawIn(reason="mistake")
    return signals.withdraw(signal.uid, body=body, by=by, now=desk.now)


def test_a_new_record_is_a_signal_of_the_sources_party_on_the_exchanges_terms(desk):
    assert desk.take(told(facts={"kind": "sha256", "value": hex_value(), "pap": "clear"})) == {
        "shared": 1
    }
    row = desk.signal()
    assert (row.tlp, row.pap, row.confidence, row.severity) == ("amber", "amber", 50, "medium")
    assert row.labels == ["perpetrator-content"]


def test_a_page_and_its_checkpoint_are_written_together_or_not_at_all(desk):
    desk.take(told(1), checkpoint={"after": "a"})
    assert desk.row.checkpoint == {"after": "a"}
    (run,) = writes.claim_due(desk.now, limit=1, name="partner")
    writes.pause("partner", actor="operator", now=desk.now)
    from stemtide.hub.rooms.exchanges.writes import pulls as writes_pulling
    from stemtide.interop.exchanges import Pull

    page = Pull([told(2)], checkpoint={"after": "b"})
    assert writes_pulling.import_page(run, page, now=desk.now) is None
    assert (desk.live(), desk.row.checkpoint) == ([hex_value(1)], {"after": "a"})


def test_the_same_page_again_changes_nothing(desk):
    desk.take(told(1), told(2))
    before = Entry.objects.count()
    assert desk.take(told(1), told(2)) == {}
    assert (len(desk.live()), Entry.objects.count()) == (2, before)


def test_a_page_is_one_entry_beside_the_signals_own(desk):
    desk.take(*(told(number) for number in range(20)))
    assert desk.world.ledger_kinds()[-2:] == ["signals.shared", "exchange.pulled"]
    assert desk.world.last_entry().detail == {"shared": 20}


def test_what_the_source_takes_back_ends_its_own_signal_and_nobody_elses(desk):
    desk.take(told(1))
    other = desk.world.share(kind="sha256", value=hex_value(1))
    assert desk.take(gone(1)) == {"ended": 1}
    assert desk.live() == []
    assert Signal.objects.get(uid=other.id).state == "live"


@pytest.fixture
def many_ends_a_day(monkeypatch, at_once):
    """A table by which a party withdraws many signals a day before further ones wait."""
    table = second_look().model_copy(update={"ends_a_day": EndsADay(number=5 * at_once)})
    place = "stemtide.hub.rooms.signals.writes.mass_ends.second_look"
    monkeypatch.setattr(place, lambda: table)


@pytest.mark.usefixtures("many_ends_a_day")
def test_many_ends_are_written_in_turns_so_that_others_can_write_between(desk, at_once):
    many = range(1, at_once + 2)
    desk.take(*(told(number) for number in many), told(999))
    since = Entry.objects.order_by("-number")[0].number
    assert desk.take(*(gone(number) for number in many), told(1000)) == {
        "ended": len(many),
        "shared": 1,
    }
    pulled = Entry.objects.filter(number__gt=since, kind="exchange.pulled").order_by("number")
    assert [one.detail for one in pulled] == [
        {"ended": at_once},
        {"ended": 1},
        {"shared": 1},
    ]
    assert len(desk.live()) == 2


@pytest.mark.usefixtures("many_ends_a_day")
def test_of_two_words_about_a_record_on_a_page_of_many_ends_the_last_counts(desk, at_once):
    many = range(1, at_once + 3)
    desk.take(*(told(number) for number in many))
    desk.take(*(gone(number) for number in many), told(1, version="3"))
    assert desk.live() == [hex_value(1)]


def test_what_was_taken_back_may_be_said_again_by_the_source(desk):
    desk.take(told(1))
    desk.take(gone(1))
    assert desk.take(told(1, version="3")) == {"shared": 1}
    assert desk.live() == [hex_value(1)]


def test_other_facts_of_a_record_replace_its_signal(desk):
    desk.take(told(1))
    facts = {"kind": "sha256", "value": hex_value(1), "severity": "critical"}
    assert desk.take(told(1, version="2", facts=facts)) == {"changed": 1}
    assert desk.signal().severity == "critical"
    assert Signal.objects.get(state="withdrawn").withdraw_reason == "superseded"


def test_a_newer_version_that_says_the_same_changes_nothing(desk):
    desk.take(told(1))
    assert desk.take(told(1, version="2")) == {}
    assert (desk.records()[0].version, Signal.objects.count()) == ("2", 1)


def test_a_record_with_another_value_leaves_the_first(desk):
    desk.take(told(1))
    facts = {"kind": "sha256", "value": hex_value(2)}
    assert desk.take(told(1, version="2", facts=facts)) == {"changed": 1}
    assert desk.live() == [hex_value(2)]


def test_several_records_of_one_value_are_one_signal_until_the_last_ends(desk):
    desk.take(told(1), told(1, key="twin"))
    assert len(desk.live()) == 1
    desk.take(gone(1))
    assert len(desk.live()) == 1
    desk.take(gone(1, key="twin"))
    assert desk.live() == []


def test_a_value_that_another_party_shares_is_confirmed_and_no_new_original(desk):
    there = desk.world.share(kind="sha256", value=hex_value(1))
    assert desk.take(told(1)) == {"confirmed": 1}
    (record,) = desk.records()
    assert (record.signal.uid, record.is_own, desk.live()) == (there.id, False, [])
    assert OpinionRow.objects.count() == 0


def test_a_value_that_others_may_not_know_of_here_is_shared_by_the_source(desk):
    desk.world.share(
        kind="sha256", value=hex_value(1), tlp="red", audience=(desk.world.agency.name,)
    )
    assert desk.take(told(1)) == {"shared": 1}


def test_taking_back_what_was_only_confirmed_touches_nobody(desk):
    there = desk.world.share(kind="sha256", value=hex_value(1))
    desk.take(told(1))
    assert desk.take(gone(1)) == {}
    assert Signal.objects.get(uid=there.id).state == "live"


def test_our_own_is_known_by_the_hubs_it_came_through(desk):
    hub = str(ledger.heads().hub)
    assert desk.take(told(1, via=(hub, str(uuid4())))) == {"echo": 1}
    assert (desk.live(), desk.records()) == ([], [])


def test_our_own_is_known_by_its_id(desk):
    placed = desk.world.share(kind="sha256", value=hex_value(7))
    assert desk.take(told(1, signals=(placed.id,))) == {"echo": 1}


def test_our_own_is_known_by_who_made_it(desk):
    maker = next(iter(reads.own_makers()))
    assert desk.take(told(1, makers=(maker,))) == {"echo": 1}


def test_the_way_that_a_signal_came_is_kept_and_the_other_hub_learned(desk):
    first, last = str(uuid4()), str(uuid4())
    desk.take(told(1, via=(first, last)))
    assert desk.signal().via == f"{first} {last}"
    assert desk.row.hub == last


def test_what_was_withdrawn_here_after_the_source_said_it_stays_withdrawn(desk):
    placed = desk.world.share(kind="sha256", value=hex_value(1))
    desk.later(hours=1)
    signals.withdraw(
        placed.id, body=WithdrawIn(reason="mistake"), by=desk.world.authority, now=desk.now
    )
    desk.later(hours=1)
    assert desk.take(told(1, said_at=NOON)) == {"overruled": 1}
    assert desk.take(told(2, facts=told(1).facts, said_at=None)) == {"overruled": 1}
    assert desk.take(told(1, said_at=desk.now)) == {"shared": 1}


def test_what_was_confirmed_and_then_withdrawn_here_does_not_come_back(desk):
    placed = desk.world.share(kind="sha256", value=hex_value(1))
    desk.take(told(1))
    desk.later(hours=1)
    signals.withdraw(
        placed.id, body=WithdrawIn(reason="mistake"), by=desk.world.authority, now=desk.now
    )
    assert desk.take(told(1, version="2", said_at=NOON)) == {"overruled": 1}
    assert desk.live() == []


def test_what_an_agency_withdrew_of_a_source_never_comes_back_by_itself(desk):
    desk.take(told(1))
    withdraw(desk, desk.signal(), by=desk.world.agency)
    later = desk.later(hours=1)
    assert desk.take(told(1, version="2", said_at=later)) == {"overruled": 1}
    assert desk.live() == []


def test_an_expired_signal_of_a_source_is_shared_anew(desk):
    facts = {"kind": "sha256", "value": hex_value(1)}
    soon = desk.world.at(hours=1)
    desk.take(told(1, facts=facts | {"expires_at": soon}))
    signals.expire_due(desk.later(hours=2))
    assert desk.take(told(1, version="2", facts=facts)) == {"shared": 1}


def test_what_the_source_disputes_its_party_disputes_and_no_longer(desk):
    desk.take(told(1, is_disputed=True))
    assert desk.signal().is_disputed
    desk.take(told(1, version="2", is_disputed=True))
    assert OpinionRow.objects.count() == 1
    desk.take(told(1, version="3"))
    assert not desk.signal().is_disputed


def test_a_bad_record_is_counted_and_named_and_the_others_go_on(desk):
    bad = told(2, facts={"kind": "sha256", "value": "zz"})
    assert desk.take(bad, told(1), faults=[RecordError("x\n1", "no pattern")]) == {
        "shared": 1,
        "refused": 2,
    }
    assert "refused: x?1: no pattern" in desk.log()
    assert "refused: record-2: value: a sha256 value is 64 hex digits" in desk.log()


def test_a_value_that_matches_everything_is_refused_as_at_every_door(desk):
    blank = told(facts={"kind": "pdq", "value": "0" * 64})
    assert desk.take(blank) == {"refused": 1}


def test_what_can_no_longer_be_taken_is_not_kept_either(desk):
    desk.take(told(1), told(2))
    red = told(1, version="2", facts={"kind": "sha256", "value": hex_value(1), "tlp": "red"})
    assert desk.take(red, faults=[RecordError("record-2", "it is refused now")]) == {
        "left_out": 1,
        "refused": 1,
    }
    assert desk.live() == []


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"tlp": "red"}, "TLP:RED is stricter"),
        ({"tlp": "amber+strict"}, "TLP:AMBER+STRICT is stricter"),
        ({"audience": ("somebody",)}, "for named parties"),
        ({"expires_at": NOON}, "ran out"),
    ],
    ids=["red", "strict", "named", "over"],
)
def test_what_the_terms_do_not_take_is_left_out_and_said(desk, said, words):
    facts = {"kind": "sha256", "value": hex_value(1)} | said
    assert desk.take(told(1, facts=facts)) == {"left_out": 1}
    assert words in desk.log()[0]


def test_an_exercise_of_the_source_never_becomes_real(desk):
    assert desk.take(told(1, is_exercise=True)) == {"left_out": 1}


@pytest.mark.nightly
def test_a_source_that_goes_back_and_forth_stops_nothing_else_and_ends_disputed(desk):
    for version in range(14):
        desk.take(told(1, version=str(version), is_disputed=version % 2 == 0))
    assert desk.signal().is_disputed
    assert OpinionRow.objects.get().changes == limits().opinion.changes_a_day + 1


@pytest.mark.nightly
def test_what_is_disputed_and_changes_stays_disputed(desk):
    desk.take(told(1, is_disputed=True))
    facts = {"kind": "sha256", "value": hex_value(1), "severity": "critical"}
    desk.take(told(1, version="2", facts=facts, is_disputed=True))
    assert (desk.signal().severity, desk.signal().is_disputed) == ("critical", True)


def test_records_that_leave_a_value_together_leave_no_signal_behind(desk):
    desk.take(told(1), told(1, key="twin"))
    other = {"kind": "sha256", "value": hex_value(2)}
    desk.take(told(1, version="2", facts=other), told(1, key="twin", version="2", facts=other))
    assert desk.live() == [hex_value(2)]


def test_a_record_that_comes_back_beside_its_twin_stands_for_the_same_signal(desk):
    desk.take(told(1), told(1, key="twin"))
    desk.take(gone(1))
    assert desk.take(told(1, version="3")) == {}
    assert (desk.live(), Signal.objects.count()) == ([hex_value(1)], 1)
    desk.take(gone(1, key="twin"))
    assert desk.live() == [hex_value(1)]


def test_a_value_that_one_record_leaves_on_a_page_and_another_says_is_shared_anew(desk):
    desk.take(told(1))
    left = desk.signal().pk
    leaving = told(1, version="2", facts={"kind": "sha256", "value": hex_value(2)})
    coming = told(3, facts={"kind": "sha256", "value": hex_value(1)})
    assert desk.take(leaving, coming) == {"changed": 1, "shared": 1}
    assert desk.live() == sorted([hex_value(1), hex_value(2)])
    assert desk.signal().pk != left
    assert {one.key: one.signal.state for one in desk.records()} == {
        "record-1": "live",
        "record-3": "live",
    }


def marked(tlp, *, key, pap="amber", **more):
    """A record of one value with marks of its own."""
    facts = {"kind": "sha256", "value": hex_value(1), "tlp": tlp, "pap": pap}
    return told(1, key=key, facts=facts, **more)


@pytest.mark.parametrize("keys", ["a", "ab", "ca", "c"][:: rounds(2, nightly=1)])
def test_of_records_of_one_value_the_strictest_mark_counts_whichever_becomes_so(desk, keys):
    desk.take(marked("green", key="a"), marked("green", key="b"))
    assert desk.take(*(marked("amber", key=key, version="2") for key in keys)) == {"changed": 1}
    assert (desk.signal().tlp, len(desk.live())) == ("amber", 1)
    standing = sorted({"a", "b", *keys})
    assert sorted(one.key for one in desk.records() if one.signal == desk.signal()) == standing
    for key in standing:
        assert desk.signal().tlp == "amber"
        desk.take(gone(1, key=key, version="3"))
    assert desk.live() == []


def test_of_new_records_of_one_value_the_strictest_of_each_mark_counts(desk):
    Exchange.objects.update(terms=Terms(pap="green").model_dump(mode="json"))
    page = [marked("green", key="a"), marked("amber", key="b", pap="green")]
    assert desk.take(*page) == {"shared": 1}
    assert (desk.signal().tlp, desk.signal().pap) == ("amber", "amber")
    assert desk.take(marked("green", key="a", pap="green", version="2")) == {}
    assert (desk.signal().tlp, desk.signal().pap) == ("amber", "amber")


@pytest.mark.nightly
def test_what_a_record_disputes_stays_so_when_another_makes_it_stricter(desk):
    desk.take(marked("green", key="a", is_disputed=True), marked("green", key="b"))
    desk.take(marked("amber", key="b", version="2"))
    assert (desk.signal().tlp, desk.signal().is_disputed) == ("amber", True)
    desk.take(marked("green", key="a", version="2"))
    assert (desk.signal().tlp, desk.signal().is_disputed) == ("amber", False)


def test_what_its_party_shares_by_itself_is_not_replaced_by_a_record(desk):
    placed = desk.world.share(by=desk.party, kind="sha256", value=hex_value(1), tlp="green")
    desk.take(marked("amber", key="a"))
    assert desk.signal().uid == placed.id


@pytest.mark.usefixtures("many_ends_a_day")
def test_others_get_their_turn_between_many_ends_and_between_pages(
    desk, partner, at_once, monkeypatch
):
    Exchange.objects.update(address=f"{partner.address}/root/collections/c1/")
    written = []
    monkeypatch.setattr(
        "stemtide.hub.rooms.ledger.writes.transactions.time.sleep",
        lambda _: written.append(Entry.objects.filter(kind="exchange.pulled").count()),
    )
    shelf = Shelf(partner, most=1)
    shelf.put(indicator(1), indicator(2))
    desk.run()
    many = range(10, at_once + 11)
    desk.take(*(told(number) for number in many))
    desk.take(*(gone(number) for number in many))
    is_sqlite = not connection.features.has_select_for_update
    assert written == (list(range(6)) if is_sqlite else [])  # before every part


@pytest.mark.nightly
def test_a_page_takes_no_more_queries_for_more_records(desk):
    asked = []
    for begin, end in ((0, 5), (5, 45)):
        for number in range(begin, end):
            desk.world.share(kind="sha256", value=hex_value(number))
        with CaptureQueriesContext(connection) as queries:
            assert desk.take(*(told(n) for n in range(begin, end))) == {"confirmed": end - begin}
            assert desk.take(*(told(n, key=f"{n}") for n in range(begin, end)))
            assert desk.take(*(gone(n) for n in range(begin, end))) == {}
        asked.append(len(queries))
    assert asked[1] - asked[0] < 5  # one for each record would be 35 more


@pytest.mark.parametrize("is_approved", [True, False])
def test_a_folder_of_a_source_waits_and_is_its_record_once_approved(desk, is_approved):
    facts = {"kind": "url", "value": "https://bad.example/video/1/", "reach": "folder"}
    assert desk.take(told(facts=facts)) == {"waiting": 1}
    assert desk.live() == []
    decide(desk.world, is_approved=is_approved)
    assert len(desk.live()) == is_approved
    assert desk.take(gone()) == ({"ended": 1} if is_approved else {})
    assert desk.live() == []


def test_what_a_source_takes_back_beyond_a_day_waits_and_is_counted_so(desk, monkeypatch):
    table = second_look().model_copy(update={"ends_a_day": EndsADay(number=1)})
    place = "stemtide.hub.rooms.signals.writes.mass_ends.second_look"
    monkeypatch.setattr(place, lambda: table)
    desk.take(told(1), told(2))
    assert desk.take(gone(1), gone(2)) == {"ended": 1, "waiting": 1}
    assert len(desk.live()) == 1
    decide(desk.world, is_approved=True)
    assert desk.live() == []
