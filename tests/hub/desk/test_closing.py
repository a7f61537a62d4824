# SPDX-License-Identifier: Apache-2.0
"""The page on which a leading party says which signals stay after a crisis."""

import pytest

from stemtide.hub.rooms.adoptions import reads
from stemtide.hub.rooms.adoptions.models import Adoption
from stemtide.hub.rooms.crises.models import Crisis
from stemtide.hub.rooms.parties.models import Person
from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.signals.writes import signals
from stemtide.protocol.enums import Role
from tests.rounds import at_night
from tests.world import hex_value, signal_in


@pytest.fixture
def uid(world):
    return world.crisis(active=True)


@pytest.fixture
def share(world, uid):
    def share_signals(*numbers, label="glorification", by="authority"):
        bodies = [
            signal_in(value=hex_value(number), labels=[label], crisis=uid, provenance="unknown")
            for number in numbers
        ]
        return [
            row.id for row in signals.share_many(bodies, by=world.party[by], now=world.now).signals
        ]

    return share_signals


@pytest.fixture
def officer(world):
    return world.desk("authority", Role.DUTY_OFFICER)


def text(answer):
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def post(desk, uid, act, *, query="", **data):
    return desk.post(f"/crises/{uid}/closing{query}", {"act": act, **data}, follow=True)


def adopted():
    return {str(row.signal.uid) for row in Adoption.objects.all()}


def test_the_selected_are_adopted_and_undone(officer, uid, share):
    one, other = share(1, 2)
    page = text(post(officer, uid, "adopt", signal=[one]))
    assert "Adopted." in page
    assert adopted() == {str(one)}
    assert "police work, by national law" in page
    assert "The adoptions are undone." in text(post(officer, uid, "unadopt", signal=[one]))
    assert adopted() == set()
    assert str(other) in page


@at_night
def test_what_perpetrators_made_is_selected_already(officer, uid, share):
    wanted, other = *share(1, label="manifesto"), *share(2)
    page = text(officer.get(f"/crises/{uid}/closing"))
    assert f'value="{wanted}" autocomplete="off" checked' in page
    assert f'value="{other}" autocomplete="off" >' in page
    assert "Manifesto" in page


@at_night
def test_an_answer_adopts_what_is_pre_selected_and_lets_the_crisis_be_closed(officer, uid, share):
    wanted, _other = *share(1, label="manifesto"), *share(2)
    room = text(officer.get(f"/crises/{uid}"))
    assert f"/crises/{uid}/closing" in room
    assert "say first which signals stay" in room
    page = text(post(officer, uid, "answer", **{"answer-adopt": "suggested"}))
    assert "Answered." in page
    assert adopted() == {str(wanted)}
    assert "say first which signals stay" not in text(officer.get(f"/crises/{uid}"))


@at_night
def test_an_answer_can_give_another_basis(officer, uid, share):
    share(1)
    data = {"answer-adopt": "all", "answer-legal_basis": "tco"}
    post(officer, uid, "answer", **data)
    assert Signal.objects.get().legal_basis == "tco"


@at_night
def test_all_that_fit_a_filter_are_adopted_at_once(officer, uid, share):
    wanted = share(1, 2, label="manifesto")
    share(3)
    query = "?label=manifesto"
    assert "Adopt all that fit" in text(officer.get(f"/crises/{uid}/closing{query}"))
    post(officer, uid, "adopt-matching", query=query)
    assert adopted() == set(map(str, wanted))
    post(officer, uid, "unadopt-matching", query=query)
    assert adopted() == set()


@at_night
def test_nothing_selected_adopts_nothing(officer, uid, share):
    share(1)
    assert "Select signals, or one of the answers." in text(post(officer, uid, "adopt"))
    assert "Select signals, or one of the answers." in text(post(officer, uid, "answer"))
    assert "Select signals" in text(post(officer, uid, "adopt-matching"))
    assert adopted() == set()


@at_night
def test_the_list_has_pages(officer, uid, share, monkeypatch):
    monkeypatch.setattr(reads, "PAGE", 2)
    first, second, third = share(1, 2, 3)
    page = text(officer.get(f"/crises/{uid}/closing?show=all"))
    assert str(first) in page
    assert str(third) not in page
    assert f"after={second}" in page
    assert str(third) in text(officer.get(f"/crises/{uid}/closing?show=all&after={second}"))


@at_night
def test_an_analyst_reads_and_decides_nothing(world, uid, share):
    (one,) = share(1)
    desk = world.desk("authority", Role.ANALYST)
    page = text(desk.get(f"/crises/{uid}/closing"))
    assert "does not let you decide" in page
    assert 'name="act"' not in page
    assert post(desk, uid, "adopt", signal=[one]).status_code == 403


@at_night
def test_an_unknown_act_is_not_there(officer, uid):
    assert post(officer, uid, "burn").status_code == 404


@at_night
def test_an_ended_crisis_offers_nothing(officer, uid, share):
    share(1)
    Crisis.objects.filter(uid=uid).update(stage="ended")
    assert 'name="act"' not in text(officer.get(f"/crises/{uid}/closing"))
    assert f"/crises/{uid}/closing" not in text(officer.get(f"/crises/{uid}"))


def test_the_end_of_the_others_is_in_the_readers_time_zone(world, officer, uid, share):
    share(1)
    ends_at = world.now.replace(year=2027, month=1, day=5, hour=12, minute=30, second=0)
    Crisis.objects.filter(uid=uid).update(tail_ends_at=ends_at)
    Person.objects.filter(party=world.party["authority"]).update(time_zone="Europe/Brussels")
    page = text(officer.get(f"/crises/{uid}/closing"))
    assert ">5 Jan 2027, 13:30:00 CET</time>" in page
