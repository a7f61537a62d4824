# SPDX-License-Identifier: Apache-2.0
"""Acts that alert people: so many an hour for a party, whichever key or person acts."""

from datetime import timedelta

import pytest
from django.db import transaction

from stemtide.hub.platform.errors import RateLimitError
from stemtide.hub.rooms.crises.models import Crisis
from stemtide.hub.rooms.crises.writes import crises, participants as joining
from stemtide.hub.rooms.ledger.models import Entry, PacedAct
from stemtide.hub.rooms.ledger.reads import rate_limits as paces
from stemtide.hub.rooms.ledger.rules.rate_limits import Act, LimitGroup, check_rate_limit
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.protocol.enums import Role
from stemtide.protocol.messages.crises import InviteIn, WarningIn
from tests.rounds import at_night
from tests.world import NOON

pytestmark = pytest.mark.usefixtures("few")
HOUR = timedelta(hours=1)


@pytest.fixture
def few(settings):
    settings.ALERTING_ACTS = {LimitGroup.WARNING: 4, LimitGroup.INVITATION: 4, LimitGroup.LEAD: 4}


def warn(world, *, role=Role.DUTY_OFFICER, now=NOON, ref=None, party=None, **facts):
    actor = world.actor(party or world.authority, role=role, ref=ref)
    facts = {"name": "Attack", "happened_at": NOON, "countries": ("BE",)} | facts
    return crises.warn(WarningIn(**facts), by=actor, now=now)


def refused_after(act, *, times=20):
    for done in range(times):
        try:
            act()
        except RateLimitError as error:
            return done, error
    pytest.fail("it was never refused")


def test_a_person_may_warn_as_often_as_the_hub_allows_and_is_told_when_again(world):
    done, error = refused_after(lambda: warn(world))
    assert done == 4
    assert error.retry_after_s == 3600
    assert "Go on at 13:00:01 UTC" in str(error)
    assert "by phone" in str(error)


def test_a_machine_leaves_its_party_s_people_a_quarter(world):
    done, error = refused_after(lambda: warn(world, role=None))
    assert done == 3
    assert "do at the desk, where people have more" in str(error)
    assert warn(world).id


def test_keys_and_people_of_a_party_are_counted_together_and_another_party_apart(world):
    warn(world, role=None, ref="key:a")
    warn(world, role=None, ref="key:b")
    warn(world, ref="person:1")
    warn(world, ref="person:2")
    for more in ({"ref": "person:3"}, {"role": None, "ref": "key:c"}):
        with pytest.raises(RateLimitError):
            warn(world, **more)
    assert warn(world, party=world.other_authority).id


@at_night
def test_after_the_hour_it_works_again_and_what_no_longer_counts_is_forgotten(world):
    for minute in range(4):
        warn(world, now=NOON + timedelta(minutes=minute))
    with pytest.raises(RateLimitError) as caught:
        warn(world, now=NOON + timedelta(minutes=59))
    assert caught.value.retry_after_s == 60
    assert warn(world, now=NOON + HOUR).id
    with pytest.raises(RateLimitError):
        warn(world, now=NOON + HOUR)
    assert PacedAct.objects.filter(pace=LimitGroup.WARNING).count() == 4


def test_what_is_refused_leaves_nothing_behind(world):
    refused_after(lambda: warn(world))
    before = (Entry.objects.count(), PacedAct.objects.count(), Crisis.objects.count())
    with pytest.raises(RateLimitError):
        warn(world)
    assert (Entry.objects.count(), PacedAct.objects.count(), Crisis.objects.count()) == before


def test_an_exercise_takes_nothing_from_what_is_real(world):
    refused_after(lambda: warn(world, exercise=True))
    assert warn(world).id


def test_an_invitation_counts_once_for_each_party_that_it_names(world):
    crisis = warn(world)
    by = world.actor(world.authority, role=Role.DUTY_OFFICER)
    names = ("big-video", "small-forum", "tech-forum")
    joining.invite(crisis.id, body=InviteIn(parties=names), by=by, now=NOON)
    with pytest.raises(RateLimitError, match="Invitations: your party may send 4 an hour"):
        joining.invite(
            crisis.id, body=InviteIn(parties=("fr-referral-unit", "rights-watch")), by=by, now=NOON
        )


@at_night
def test_one_act_alone_is_never_too_much_however_many_it_names(world, settings):
    settings.ALERTING_ACTS = {LimitGroup.INVITATION: 2}
    crisis = warn(world)
    by = world.actor(world.authority, role=Role.DUTY_OFFICER)
    names = ("big-video", "small-forum", "tech-forum")
    assert joining.invite(crisis.id, body=InviteIn(parties=names), by=by, now=NOON).id == crisis.id


@at_night
def test_where_the_hub_sets_no_limit_none_holds(world, settings):
    settings.ALERTING_ACTS = {}
    assert len([warn(world) for _ in range(70)]) == 70


@at_night
def test_a_page_that_asks_first_hears_what_the_write_would_say(world):
    asked = {"viewer": world.authority, "now": NOON, "is_person": True}
    paces.check_may_alert("crisis.warned", **asked)
    _, error = refused_after(lambda: warn(world))
    with pytest.raises(RateLimitError) as caught:
        paces.check_may_alert("crisis.warned", **asked)
    assert str(caught.value) == str(error)


@pytest.mark.django_db
def test_what_the_clock_does_is_not_counted():
    with transaction.atomic():
        for _ in range(9):
            ledger.append("crisis.warned", actor="clock", subject="signals", now=NOON)
    assert PacedAct.objects.count() == 0


@pytest.mark.parametrize(
    ("acts", "weight", "wait_s"),
    [
        ([], 9, None),
        ([(0, 3)], 1, None),
        ([(0, 4)], 1, 3600),
        ([(-50, 2), (-10, 2)], 1, 600),
        ([(-50, 2), (-10, 2)], 3, 3000),
        ([(-50, 2), (-10, 2)], 9, 3000),
    ],
)
def test_the_wait_is_until_enough_acts_no_longer_count(acts, weight, wait_s):
    given = [Act(NOON + timedelta(minutes=at), much) for at, much in acts]
    asked = {"weight": weight, "most": 4, "is_person": True, "now": NOON}
    if wait_s is None:
        check_rate_limit(LimitGroup.LEAD, given, **asked)
        return
    with pytest.raises(RateLimitError) as caught:
        check_rate_limit(LimitGroup.LEAD, given, **asked)
    assert caught.value.retry_after_s == wait_s
