# SPDX-License-Identifier: Apache-2.0
"""A party describes one value by several indicators; its signal stays as long as any of them."""

import pytest

from stemtide.hub.rooms.signals.models import OpinionRow, Signal
from stemtide.hub.rooms.signals.writes import signals
from stemtide.interop.stix.objects import EXTENSION, MARKING_OF, indicator_id
from stemtide.protocol.messages.signals import WithdrawIn
from stemtide.protocol.trust.second_look import second_look
from tests.hub.stix.conftest import indicator, said_of
from tests.hub.stix.test_posting import A, B, C, md5, pdq, refusals, several, values
from tests.world import NOON


def revoked(sent, *, minutes=1):
    return sent | {"revoked": True, "modified": indicator(minutes=minutes)["modified"]}


def newer(sent, *, minutes=1, **more):
    return sent | {"modified": indicator(minutes=minutes)["modified"]} | more


def told_to_others(shelf):
    """Ids and whether they are revoked, as another party reads them."""
    found = shelf.indicators(shelf.world.big_provider)
    return {one["id"]: one.get("revoked", False) for one in found}


@pytest.fixture
def first(shelf):
    sent = indicator(A)
    shelf.post(sent)
    return sent


@pytest.fixture
def second(shelf, first):
    sent = indicator(A, confidence=90)
    (told,) = shelf.post(sent)["successes"]
    assert first["id"] in told["message"]
    return sent


def test_a_second_one_is_taken_and_told_to_its_poster(shelf, first, second):
    assert values() == [(A, "live")]
    assert shelf.indicators() == [first, second]
    assert told_to_others(shelf) == {first["id"]: False}


def test_both_may_come_in_one_post(shelf):
    some = [indicator(A), indicator(A), indicator(A, confidence=7)]
    assert shelf.post(*some)["success_count"] == 3
    assert values() == [(A, "live")]
    assert len(shelf.indicators()) == 3


def test_the_second_one_is_revoked_and_the_signal_stays(shelf, first, second):
    (told,) = shelf.post(revoked(second))["successes"]
    assert "stays" in told["message"]
    assert values() == [(A, "live")]
    assert told_to_others(shelf) == {first["id"]: False}
    shelf.post(revoked(first))
    assert values() == [(A, "withdrawn")]


def test_the_first_one_is_revoked_and_the_signal_says_what_the_second_does(shelf, first, second):
    before = shelf.page(shelf.world.big_provider).objects[-1].rank
    shelf.post(revoked(first))
    live = Signal.objects.get(state="live")
    assert (live.value, live.confidence) == (A, 90)
    later = shelf.told(shelf.world.big_provider, after=before, types=frozenset({"indicator"}))
    assert {one["id"]: one.get("revoked", False) for one in later} == {
        first["id"]: True,
        indicator_id(live.uid): False,
    }
    shelf.post(revoked(second))
    assert {state for _, state in values()} == {"withdrawn"}
    assert all(told_to_others(shelf).values())


def test_the_first_one_is_revoked_and_a_second_with_the_same_facts_keeps_the_signal(shelf, first):
    second = indicator(A)
    shelf.post(second)
    shelf.post(revoked(first))
    assert values() == [(A, "live")]
    told = told_to_others(shelf)
    assert (told.pop(first["id"]), list(told.values())) == (True, [False])
    (bare,) = told
    assert shelf.post(said_of(bare), by=shelf.world.big_provider)["failure_count"] == 0
    shelf.post(revoked(second))
    assert values() == [(A, "withdrawn")]


def test_a_stricter_mark_of_the_second_holds_once_the_first_is_revoked(shelf, first):
    named = {EXTENSION: {"extension_type": "property-extension", "audience": ["big-video"]}}
    shelf.post(indicator(A, object_marking_refs=[MARKING_OF["red"]], extensions=named))
    shelf.post(revoked(first))
    row = Signal.objects.get(state="live")
    assert (row.tlp, row.audience) == ("red", "|big-video|")
    (told,) = shelf.indicators(shelf.world.small_provider)
    assert (told["id"], told["revoked"]) == (first["id"], True)


def test_a_revocation_is_posted_again_with_a_newer_version(shelf, first, second):
    for minutes in (1, 2, 3):
        assert shelf.post(revoked(first, minutes=minutes))["failure_count"] == 0
        assert shelf.post(revoked(second, minutes=minutes))["failure_count"] == 0
    assert {state for _, state in values()} == {"withdrawn"}


def test_what_was_revoked_does_not_come_back_while_another_stands(shelf, first, second):
    shelf.post(revoked(first))
    assert "newer versions of that" in refusals(shelf.post(newer(first, minutes=2)))[0]
    shelf.post(revoked(second))
    assert shelf.post(newer(first, minutes=3))["failure_count"] == 0
    assert (A, "live") in values()


def test_what_was_revoked_beside_one_with_the_same_facts_needs_a_new_id(shelf, first):
    shelf.post(indicator(A))
    shelf.post(revoked(first))
    assert "use a new id" in refusals(shelf.post(newer(first, minutes=2)))[0]


@pytest.mark.usefixtures("first")
def test_a_newer_version_of_the_second_asks_for_another_value(shelf, second):
    shelf.post(newer(second, pattern=f"[{md5(B)}]"))
    assert values() == [(A, "live"), (B, "live")]
    shelf.post(revoked(second, minutes=2))
    assert values() == [(A, "live"), (B, "withdrawn")]


def test_a_newer_version_of_the_first_leaves_its_value_to_the_second(shelf, first, second):
    shelf.post(newer(first, pattern=f"[{pdq(C)}]"))
    assert sorted(value for value, state in values() if state == "live") == sorted([A, C])
    shelf.post(revoked(second, minutes=2))
    assert [value for value, state in values() if state == "live"] == [C]


@pytest.mark.usefixtures("first")
def test_a_newer_version_does_not_take_a_value_that_another_id_has(shelf):
    other = indicator(C)
    shelf.post(other)
    status = shelf.post(newer(other, pattern=f"[{pdq(A)}]"))
    assert "newer versions of that" in refusals(status)[0]
    assert values() == sorted([(A, "live"), (C, "live")])


def test_one_of_several_comparisons_describes_a_value_too(shelf, first):
    sent = several(pdq(A), md5(B))
    shelf.post(sent)
    shelf.post(revoked(first))
    assert values() == [(A, "live"), (B, "live")]
    shelf.post(revoked(sent))
    assert values() == [(A, "withdrawn"), (B, "withdrawn")]


def test_a_value_shared_by_another_door_stays_when_its_description_is_revoked(shelf):
    shelf.world.share(value=A)
    sent = indicator(A)
    assert shelf.post(sent)["failure_count"] == 0
    shelf.post(revoked(sent))
    assert values() == [(A, "live")]


def test_a_withdrawal_by_another_door_ends_it_for_all_of_them(shelf, first, second):
    mistake = WithdrawIn(reason="mistake")
    signals.withdraw(Signal.objects.get().uid, body=mistake, by=shelf.world.authority, now=NOON)
    assert told_to_others(shelf) == {first["id"]: True}
    assert shelf.post(revoked(second), revoked(first))["failure_count"] == 0


def test_an_opinion_of_the_second_is_one_of_the_signal(shelf, second):
    assert shelf.post(said_of(second["id"], opinion="agree"))["failure_count"] == 0
    assert OpinionRow.objects.get().signal == Signal.objects.get()


@pytest.mark.usefixtures("first")
def test_another_party_shares_the_same_value_as_its_own(shelf):
    assert shelf.post(indicator(A), by=shelf.world.big_provider)["failure_count"] == 0
    assert values() == [(A, "live"), (A, "live")]


@pytest.fixture
def no_withdrawal_today(monkeypatch):
    """Every further withdrawal of the party waits for a second look."""
    place = "stemtide.hub.rooms.signals.writes.mass_ends.is_beyond"
    monkeypatch.setattr(place, lambda *_act, **_by: True)


WEAKER = {
    "fewer readers": {"object_marking_refs": [MARKING_OF["amber+strict"]]},
    "an earlier end": {"valid_until": "2026-11-24T12:30:00.000Z"},
    "less confidence": {"confidence": 10},
}


@pytest.mark.usefixtures("no_withdrawal_today")
@pytest.mark.parametrize("weaker", WEAKER.values(), ids=WEAKER)
def test_a_newer_version_that_asks_for_less_is_a_withdrawal(shelf, first, weaker):
    (told,) = shelf.post(newer(first, **weaker))["failures"]
    assert "counts as a withdrawal" in told["message"]
    assert [(row.state, row.is_disputed) for row in Signal.objects.all()] == [("live", False)]


@pytest.mark.usefixtures("no_withdrawal_today")
def test_a_newer_version_that_asks_for_more_replaces_the_signal_at_once(shelf, first):
    assert shelf.post(newer(first, confidence=99))["failure_count"] == 0
    assert [row.state for row in Signal.objects.order_by("pk")] == ["withdrawn", "live"]


def test_a_second_description_that_waits_by_then_is_taken_as_one_that_waits(
    shelf, first, monkeypatch
):
    """Its value was shared, and is not any more once it is its turn."""
    table = second_look()
    none = table.shares_a_day.model_copy(update={"authority": 1})
    table = table.model_copy(update={"shares_a_day": none})
    place = "stemtide.hub.rooms.signals.reads.sharing.second_looks.second_look"
    monkeypatch.setattr(place, lambda: table)
    status = shelf.post(revoked(first), indicator(A))
    assert status["failure_count"] == 0
    assert "waits for a second look, and becomes" in status["successes"][-1]["message"]
    assert values() == [(A, "withdrawn")]
