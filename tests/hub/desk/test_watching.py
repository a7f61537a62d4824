# SPDX-License-Identifier: Apache-2.0
"""Whether those who watch may go on: asked together, answered for each alone."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections

from stemtide.hub.desk.auth.sessions import KEY
from stemtide.hub.desk.stream_access import BatchedChecks, Watcher, allowed_watchers
from stemtide.hub.rooms.crises.writes import participants as writes_joining
from stemtide.hub.rooms.parties.models import Person
from stemtide.hub.rooms.parties.reads.people import SessionRef
from stemtide.hub.rooms.parties.writes import sessions as writes_sittings
from stemtide.protocol.enums import Role
from stemtide.protocol.messages.crises import InviteIn, PartyIn
from tests.rounds import at_night
from tests.world import lift, suspend

PARTIES = ("authority", "agency", "provider", "rival")


def watcher(desk, crisis):
    """Somebody who watches a crisis, or the board, at a desk."""
    assert desk.get("/").status_code == 200
    person = Person.objects.get(pk=desk.session["_auth_user_id"])
    seat = SessionRef(desk.session.session_key, desk.session[KEY], person.pk)
    return Watcher(seat, person.party, crisis)


@pytest.fixture
def crisis(world):
    """A live crisis of the authority to which two providers are asked; only one came."""
    uid = world.crisis(active=True, joined=("provider",))
    body = InviteIn(parties=("rival",))
    writes_joining.invite(uid, body=body, by=world.actor("agency"), now=world.now)
    return uid


@pytest.fixture
def desks(world):
    return {name: world.desk(name, Role.DUTY_OFFICER) for name in PARTIES}


@pytest.fixture
def watchers(desks, crisis):
    return {name: watcher(desk, crisis) for name, desk in desks.items()}


def names(found):
    return {one.party.name for one in found}


@at_night
@pytest.mark.django_db
def test_everyone_goes_on_where_nothing_happened(watchers):
    assert allowed_watchers(watchers.values()) == set(watchers.values())


@pytest.mark.django_db
def test_who_signs_out_watches_no_longer_and_the_others_do(watchers, desks):
    allowed_watchers(watchers.values())
    desks["provider"].post("/sign-out")
    assert names(allowed_watchers(watchers.values())) == set(PARTIES) - {"provider"}


@at_night
@pytest.mark.django_db
def test_a_session_without_its_sitting_watches_no_longer(world, watchers):
    mine = watchers["agency"].seat
    person = Person.objects.get(pk=mine.person)
    writes_sittings.end_session(mine.sitting, person=person, now=world.now)
    assert names(allowed_watchers(watchers.values())) == set(PARTIES) - {"agency"}


@at_night
@pytest.mark.django_db
def test_the_people_of_a_suspended_party_watch_no_longer(world, watchers):
    suspend(world.party["provider"], agency=world.party["agency"], now=world.now)
    assert names(allowed_watchers(watchers.values())) == {"authority", "agency", "rival"}
    lift(world.party["provider"], agency=world.party["agency"], now=world.now)
    assert "provider" in names(allowed_watchers(watchers.values()))


@at_night
@pytest.mark.django_db
def test_nobody_watches_on_the_seat_of_another(watchers):
    theirs, mine = watchers["authority"].seat, watchers["rival"]
    odd = Watcher(
        SessionRef(theirs.session, theirs.sitting, mine.seat.person), mine.party, mine.crisis
    )
    assert allowed_watchers([odd]) == set()


@at_night
@pytest.mark.django_db
def test_a_party_whose_invitation_is_taken_back_watches_no_longer(world, watchers, crisis):
    assert "rival" in names(allowed_watchers(watchers.values()))
    body = PartyIn(party="rival")
    writes_joining.uninvite(crisis, body=body, by=world.actor("authority"), now=world.now)
    assert names(allowed_watchers(watchers.values())) == set(PARTIES) - {"rival"}


@pytest.mark.django_db
def test_the_board_is_watched_by_whoever_signed_in(world):
    observer = watcher(world.desk("observer", Role.OBSERVER), None)
    assert allowed_watchers([observer]) == {observer}


@pytest.fixture
def thread():
    with ThreadPoolExecutor(max_workers=1) as thread:
        yield thread
        thread.submit(connections.close_all).result()


@pytest.mark.django_db(transaction=True)
def test_who_leaves_while_all_wait_keeps_nobody_from_the_answer(thread):
    async def ask():
        together = BatchedChecks(thread)
        nobody = Watcher(SessionRef("", 0, 0), party=None)
        first, *others = (asyncio.create_task(together.may_go_on(nobody)) for _ in range(4))
        await asyncio.sleep(0)
        first.cancel()
        return await asyncio.gather(*others)

    assert asyncio.run(ask()) == [False] * 3


def test_what_fails_is_told_to_everyone_who_waits():
    gone = ThreadPoolExecutor(max_workers=1)
    gone.shutdown()

    async def ask():
        together = BatchedChecks(gone)
        nobody = Watcher(SessionRef("", 0, 0), party=None)
        return await asyncio.gather(
            *(together.may_go_on(nobody) for _ in range(3)), return_exceptions=True
        )

    assert [type(one) for one in asyncio.run(ask())] == [RuntimeError] * 3
