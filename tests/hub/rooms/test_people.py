# SPDX-License-Identifier: Apache-2.0
"""People of a party: who may do what about whom, and what is left when somebody is erased."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from allauth.mfa.models import Authenticator
from axes.models import AccessAttempt
from django.db import connection, models

from stemtide.hub.platform.errors import ConflictError, InvalidError, NotAllowedError, NotFoundError
from stemtide.hub.platform.permissions import (
    MAY,
    Verb,
    allows,
    check_may_erase_people,
    check_may_see_people,
    check_person_may_lead,
    check_person_may_manage,
    check_person_may_write,
)
from stemtide.hub.rooms.ledger.models import Entry
from stemtide.hub.rooms.parties.models import Person, PersonSession
from stemtide.hub.rooms.parties.reads import parties as reads, people as reads_people
from stemtide.hub.rooms.parties.rules import people as rules_people
from stemtide.hub.rooms.parties.writes import (
    locks as writes_locks,
    people as writes_people,
    sessions as writes_sittings,
)
from stemtide.protocol.enums import Role
from tests.rounds import some_of
from tests.world import NOON

IDLE = timedelta(hours=2)


def actor(person):
    return reads.actor(person)


ACTS = {
    "add": lambda by, _number: writes_people.add_colleague(
        "new@agency.example", role="analyst", by=by, now=NOON
    ),
    "invite": lambda by, number: writes_people.invite_again(number, by=by, now=NOON),
    "role": lambda by, number: writes_people.change_role(number, role="observer", by=by, now=NOON),
    "deactivate": lambda by, number: writes_people.deactivate_person(number, by=by, now=NOON),
    "name": lambda by, number: writes_people.change_name(number, name="Ada", by=by),
    "end_sittings": lambda by, number: writes_people.end_sessions(number, by=by, now=NOON),
    "unlock": lambda by, number: writes_locks.unlock_person(locked(number), by=by, now=NOON),
    "factors": lambda by, number: writes_people.remove_factors(number, by=by, now=NOON),
    "list": lambda by, _number: reads_people.people(by=by, idle=IDLE, now=NOON),
}
MANAGE = {
    "add",
    "invite",
    "role",
    "name",
    "deactivate",
    "end_sittings",
    "unlock",
    "factors",
    "list",
}


def locked(number):
    """Somebody's number, with as many failures as lock their account."""
    person = Person.objects.get(pk=number)
    attempt = AccessAttempt.objects.create(
        username=person.email, ip_address="192.0.2.1", failures_since_start=rules_people.FAILURES
    )
    AccessAttempt.objects.filter(pk=attempt.pk).update(attempt_time=NOON)
    return number


@pytest.mark.parametrize("act", some_of(3, ACTS))
@pytest.mark.parametrize(
    ("role", "may"),
    [
        (Role.DUTY_OFFICER, set()),
        (Role.ANALYST, set()),
        (Role.COORDINATOR, MANAGE),
        (Role.DATA_PROTECTION_OFFICER, {"list"}),
        (Role.OBSERVER, set()),
        (Role.ADMINISTRATOR, MANAGE),
    ],
)
def test_what_each_role_may_do_about_a_colleague(world, role, may, act):
    by, other = actor(world.person(world.agency, role=role)), colleague(world)
    if act in may:
        ACTS[act](by, other.pk)
    else:
        before = Entry.objects.count()
        with pytest.raises(NotAllowedError):
            ACTS[act](by, other.pk)
        assert Entry.objects.count() == before


@pytest.mark.parametrize(
    ("role", "verbs"),
    [
        (Role.DUTY_OFFICER, {"read", "write", "lead"}),
        (Role.ANALYST, {"read", "write"}),
        (Role.COORDINATOR, {"read", "write", "lead", "see_people", "manage", "erase"}),
        (Role.ADMINISTRATOR, {"read", "write", "see_people", "manage", "erase"}),
        (Role.DATA_PROTECTION_OFFICER, {"read", "see_people", "erase"}),
        (Role.OBSERVER, {"read"}),
    ],
)
def test_what_each_role_may_do(role, verbs):
    assert MAY[role] == verbs
    checks = {
        Verb.WRITE: check_person_may_write,
        Verb.LEAD: check_person_may_lead,
        Verb.MANAGE: check_person_may_manage,
        Verb.SEE_PEOPLE: check_may_see_people,
        Verb.ERASE: check_may_erase_people,
    }
    for verb, check in checks.items():
        assert allows(check, role) is (verb in verbs)
    assert rules_people.needs_second_factor(role) is (verbs != {"read"})


def colleague(world, party=None, email="other@agency.example"):
    party = party or world.agency
    from stemtide.hub.rooms.parties.writes import parties as writes

    return writes.add_person(
        email, party=party, role="analyst", password="correct-horse-battery", actor="x", now=NOON
    )


@pytest.fixture
def boss(world):
    return actor(world.person(world.agency, role="administrator"))


@pytest.mark.parametrize("act", ["invite", "role", "deactivate", "end_sittings", "factors"])
def test_people_of_another_party_do_not_exist(world, boss, act):
    stranger = colleague(world, world.authority)
    with pytest.raises(NotFoundError) as refused:
        ACTS[act](boss, stranger.pk)
    with pytest.raises(NotFoundError) as missing:
        ACTS[act](boss, stranger.pk + 1000)
    words = {str(one.value).replace(str(stranger.pk + 1000), "N") for one in (refused, missing)}
    assert {one.replace(str(stranger.pk), "N") for one in words} == {
        "your party has no person N: see the list of its people"
    }


@pytest.mark.parametrize("act", ["role", "deactivate", "factors"])
def test_nobody_does_it_to_themselves(boss, act):
    with pytest.raises(NotAllowedError, match="another person"):
        ACTS[act](boss, int(boss.ref.partition(":")[2]))


def test_a_machine_looks_after_nobody(world):
    key = reads.Actor(party=world.agency, ref="key:abc")
    for act in ACTS.values():
        with pytest.raises(NotAllowedError):
            act(key, colleague(world, email=f"{id(act)}@x.example").pk)


def test_the_list_shows_ones_own_people_only(world, boss):
    colleague(world, world.authority, "elsewhere@x.example")
    colleague(world)
    rows = reads_people.people(by=boss, idle=IDLE, now=NOON)
    assert [one.email for one in rows] == [
        "administrator@eu-referral-unit.example",
        "other@agency.example",
    ]


@pytest.mark.parametrize("act", ["role", "deactivate", "end_sittings", "factors", "invite"])
def test_what_changes_somebody_signs_them_out(world, boss, act):
    other = colleague(world)
    at = writes_sittings.start_session(other, door="password", browser="", now=NOON)
    facts = {"person": other, "idle": IDLE, "now": NOON, "by_hand": True}
    assert writes_sittings.continue_session(at, **facts)
    ACTS[act](boss, other.pk)
    assert not writes_sittings.continue_session(at, **facts)


def test_the_same_role_again_is_no_act(world, boss):
    other = colleague(world)
    before = Entry.objects.count()
    writes_people.change_role(other.pk, role="analyst", by=boss, now=NOON)
    assert Entry.objects.count() == before
    with pytest.raises(InvalidError, match="no 'boss'"):
        writes_people.change_role(other.pk, role="boss", by=boss, now=NOON)


def test_someone_is_shut_out_once_and_let_in_again(world, boss):
    other = colleague(world)
    with pytest.raises(ConflictError):
        writes_people.reactivate_person(other.pk, by=boss, now=NOON)
    writes_people.deactivate_person(other.pk, by=boss, now=NOON)
    with pytest.raises(ConflictError):
        writes_people.deactivate_person(other.pk, by=boss, now=NOON)
    with pytest.raises(ConflictError, match="reactivate"):
        writes_people.invite_again(other.pk, by=boss, now=NOON)
    assert writes_people.reactivate_person(other.pk, by=boss, now=NOON).is_active


def test_a_new_link_ends_the_old_one_and_the_password(boss):
    other, first = writes_people.add_colleague("n@x.example", role="analyst", by=boss, now=NOON)
    _, second = writes_people.invite_again(other.pk, by=boss, now=NOON)
    with pytest.raises(NotFoundError):
        writes_people.accept_invitation(first, password="correct-horse-battery", now=NOON)
    done = writes_people.accept_invitation(second, password="correct-horse-battery", now=NOON)
    assert done.check_password("correct-horse-battery")
    for used in (second, "", "x"):
        with pytest.raises(NotFoundError):
            writes_people.accept_invitation(used, password="correct-horse-battery", now=NOON)


@pytest.mark.parametrize(
    ("role", "may"),
    [
        ("duty_officer", False),
        ("analyst", False),
        ("coordinator", True),
        ("data_protection_officer", True),
        ("observer", False),
        ("administrator", True),
    ],
)
def test_which_roles_erase_somebody(world, role, may):
    by, other = actor(world.person(world.agency, role=role)), colleague(world)
    Person.objects.filter(pk=other.pk).update(is_active=False)
    if may:
        assert writes_people.erase_person(other.pk, by=by, now=NOON).erased_at == NOON
    else:
        with pytest.raises(NotAllowedError):
            writes_people.erase_person(other.pk, by=by, now=NOON)


def test_erasing_leaves_a_number_and_nothing_else(world, boss):
    other = colleague(world)
    writes_people.set_preferences(other, language="nl", time_zone="Europe/Brussels")
    writes_people.change_name(other.pk, name="Ada", by=boss)
    writes_sittings.start_session(other, door="password", browser="Firefox", now=NOON)
    with pytest.raises(ConflictError, match="deactivate them first"):
        writes_people.erase_person(other.pk, by=boss, now=NOON)
    writes_people.deactivate_person(other.pk, by=boss, now=NOON)
    writes_people.erase_person(other.pk, by=boss, now=NOON)
    row = Person.objects.filter(pk=other.pk).values().get()
    assert "agency" not in str(row["email"])
    assert row["name"] == ""
    with pytest.raises(ConflictError, match="erased"):
        writes_people.change_name(other.pk, name="Ada", by=boss)
    assert (row["language"], row["time_zone"], row["last_login"]) == ("", "", None)
    assert not PersonSession.objects.filter(person=other).exists()
    for act in (writes_people.erase_person, writes_people.reactivate_person):
        with pytest.raises(ConflictError, match="erased"):
            act(other.pk, by=boss, now=NOON)


def test_the_ledger_never_says_who_somebody_is(world, boss):
    other, secret = writes_people.add_colleague("n@x.example", role="analyst", by=boss, now=NOON)
    for act in ("invite", "role", "end_sittings", "factors", "deactivate"):
        ACTS[act](boss, other.pk)
    written = str(list(Entry.objects.values()))
    assert "@" not in written
    assert secret not in written
    assert world.ledger_kinds()[-7:] == [
        *("person.added", "person.invited", "person.invited", "person.reassigned"),
        *("sittings.ended", "factors.removed", "person.deactivated"),
    ]


def test_old_sittings_are_forgotten(world):
    other = colleague(world)
    writes_sittings.start_session(other, door="password", browser="", now=NOON)
    writes_sittings.start_session(other, door="password", browser="", now=world.at(hours=25))
    assert PersonSession.objects.aggregate(models.Count("pk")) == {"pk__count": 1}


def test_a_code_that_comes_twice_at_once_is_good_once(committed_world):
    factor = Authenticator.objects.create(
        user=committed_world.person(), type=Authenticator.Type.TOTP, data={"secret": "kept"}
    )

    def spend(_):
        try:
            return writes_people.use_code(factor.pk, step=7)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(spend, range(8))) == 1
    assert not writes_people.use_code(factor.pk, step=6)
    assert writes_people.use_code(factor.pk, step=8)
    factor.refresh_from_db()
    assert factor.data == {"secret": "kept", "spent": 8}


@pytest.mark.django_db(transaction=True)
def test_codes_at_the_same_moment_are_no_more_than_an_hour_takes(committed_world):
    person = committed_world.person(committed_world.agency)

    def begin(_):
        try:
            return writes_locks.begin_code(person, now=NOON)
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        numbers = [number for number in pool.map(begin, range(40)) if number is not None]
    assert len(numbers) == rules_people.CODES_AN_HOUR
    writes_locks.forget_code(numbers[0])
    assert writes_locks.begin_code(person, now=NOON) is not None
    assert writes_locks.begin_code(person, now=NOON) is None
    assert writes_locks.begin_code(person, now=NOON + rules_people.LOCKED_FOR) is not None
