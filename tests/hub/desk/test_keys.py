# SPDX-License-Identifier: Apache-2.0
"""API keys at the desk: who creates which, that one is shown once, replacing and revoking."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from stemtide.hub.platform.errors import (
    ConflictError,
    InvalidError,
    NotAllowedError,
    NotFoundError,
    UnknownKeyError,
)
from stemtide.hub.rooms.ledger.models import Entry
from stemtide.hub.rooms.parties.models import ApiKey
from stemtide.hub.rooms.parties.reads import independence, parties as reads
from stemtide.hub.rooms.parties.reads.parties import Caller
from stemtide.hub.rooms.parties.rules import keys as rules
from stemtide.hub.rooms.parties.writes import keys as writes, parties
from stemtide.protocol.enums import PartyKind, Role, Scope
from tests.rounds import at_night

pytestmark = pytest.mark.django_db

NEW = {"name": "agent-1", "scopes": ["feed:read", "feedback:write"], "days": "90"}
DECIDING = {
    Scope.SIGNALS_WRITE,
    Scope.CRISES_WRITE,
    Scope.LEADS_WRITE,
    Scope.REFERRALS_WRITE,
    Scope.ORDERS_WRITE,
    Scope.ANSWERS_WRITE,
    Scope.COMPLAINTS_WRITE,
    Scope.WEBHOOKS_MANAGE,
    Scope.RETENTION_MANAGE,
}


def key_of(world, party, name="k"):
    return parties.new_key(
        name, party=world.party[party], scopes=["feed:read"], actor="operator", now=world.now
    )[0]


def test_a_key_is_shown_once_and_works(world):
    desk = world.desk("provider", Role.ADMINISTRATOR)
    text = re.search(r"st_[\w-]+", desk.post("/keys/new", NEW).content.decode())[0]
    caller = reads.caller(text, now=world.now)
    assert (caller.party.name, caller.scopes) == ("provider", {"feed:read", "feedback:write"})
    page = desk.get("/keys").content.decode()
    assert "agent-1" in page
    assert text not in page
    key = ApiKey.objects.get()
    assert key.expires_at - key.created_at == timedelta(days=90)
    entry = Entry.objects.get(kind="key.issued")
    assert entry.actor.startswith("person:")
    assert text not in str(list(Entry.objects.values()))


def test_a_key_is_revoked_after_a_confirmation_and_only_by_its_party(world):
    own, other = key_of(world, "provider"), key_of(world, "rival")
    desk = world.desk("provider", Role.ADMINISTRATOR)
    desk.post(f"/keys/{own.prefix}/revoke")
    own.refresh_from_db()
    assert own.revoked_at is None
    desk.post(f"/keys/{own.prefix}/revoke", {"confirm": "yes"})
    own.refresh_from_db()
    assert own.revoked_at is not None
    assert desk.post(f"/keys/{other.prefix}/revoke", {"confirm": "yes"}).status_code == 404
    other.refresh_from_db()
    assert other.revoked_at is None
    assert other.prefix not in desk.get("/keys").content.decode()


def test_who_may_not_decide_gives_no_scope_that_decides(world):
    by = world.someone(world.person("authority", Role.ADMINISTRATOR))
    for scope in (*DECIDING, Scope.FEEDBACK_WRITE, Scope.PARTIES_WRITE, Scope.EXERCISES_RUN):
        with pytest.raises(NotAllowedError):
            writes.create_key("k", scopes=[scope], expires_at=None, by=by, now=world.now)
    writes.create_key("k", scopes=rules.READING, expires_at=None, by=by, now=world.now)


def test_a_forged_scope_is_refused_at_the_form(world):
    desk = world.desk("authority", Role.ADMINISTRATOR)
    page = desk.post("/keys/new", NEW | {"scopes": ["orders:write"]})
    assert page.status_code == 422
    assert not ApiKey.objects.exists()


def test_the_scopes_that_each_may_give():
    provider, agency = PartyKind.PROVIDER, PartyKind.AGENCY
    authority = PartyKind.AUTHORITY
    reading = {Scope.FEED_READ, Scope.REQUESTS_READ, Scope.METRICS_READ, Scope.PRIVATE_MATCH}
    agent = reading | {Scope.FEEDBACK_WRITE}
    table = [
        (Role.ADMINISTRATOR, provider, agent),
        (Role.ADMINISTRATOR, agency, reading),
        (Role.COORDINATOR, provider, agent | DECIDING),
        (Role.COORDINATOR, authority, agent | DECIDING | {Scope.EXERCISES_RUN}),
        (Role.COORDINATOR, agency, agent | DECIDING | {Scope.PARTIES_WRITE, Scope.EXERCISES_RUN}),
    ]
    for role, kind, scopes in table:
        assert rules.grantable(role=role, kind=kind) == scopes, (role, kind)


@pytest.mark.parametrize("role", [Role.DUTY_OFFICER, Role.OBSERVER, None])
def test_nobody_else_creates_or_revokes_a_key(world, role):
    by = world.actor("provider") if role is None else world.someone(world.person("provider", role))
    with pytest.raises(NotAllowedError):
        writes.create_key("k", scopes=["feed:read"], expires_at=None, by=by, now=world.now)
    with pytest.raises(NotAllowedError):
        writes.revoke_own_key(key_of(world, "provider").prefix, by=by, now=world.now)
    boss = world.someone(world.person("provider", Role.COORDINATOR))
    with pytest.raises(NotFoundError):
        writes.revoke_own_key(key_of(world, "rival").prefix, by=boss, now=world.now)


HOUR = timedelta(hours=1)


def text_on(page):
    return re.search(r"st_[\w-]+", page.content.decode().partition("<textarea")[2])[0]


def callers(world, *texts, at=timedelta()):
    """Which of some keys work at a time."""
    known = []
    for text in texts:
        try:
            known.append(bool(reads.caller(text, now=world.now + at)))
        except UnknownKeyError:
            known.append(False)
    return known


def test_both_keys_work_until_the_old_one_expires(world):
    boss = world.someone(world.person("provider", Role.COORDINATOR))
    days = {"expires_at": world.now + timedelta(days=90), "by": boss}
    old, text = writes.create_key("agent-1", scopes=["feed:read"], now=world.now, **days)
    done = writes.replace_own_key(old.prefix, overlap_hours=24, by=boss, now=world.now + HOUR)
    assert callers(world, text, done.text, at=24 * HOUR) == [True, True]
    assert callers(world, text, done.text, at=25 * HOUR) == [False, True]
    assert (done.key.name, done.key.scopes) == ("agent-1", ["feed:read"])
    assert done.key.expires_at == world.now + HOUR + timedelta(days=90)


def test_the_ledger_has_the_replacement_and_the_end(world):
    boss = world.someone(world.person("provider", Role.COORDINATOR))
    old = key_of(world, "provider")
    done = writes.replace_own_key(old.prefix, overlap_hours=24, by=boss, now=world.now)
    assert writes.end_replaced(world.now + 23 * HOUR) == 0
    assert writes.end_replaced(world.now + 24 * HOUR) == 1
    assert writes.end_replaced(world.now + 25 * HOUR) == 0
    rows = Entry.objects.filter(kind__startswith="key.").order_by("number")
    kinds = [(row.kind, row.actor, row.subject) for row in rows]
    assert kinds == [
        ("key.issued", "operator", old.ref),
        ("key.issued", boss.ref, done.key.ref),
        ("key.replaced", boss.ref, old.ref),
        ("key.revoked", "clock", old.ref),
    ]
    assert done.text not in str(list(Entry.objects.values()))


@at_night
def test_a_key_is_replaced_at_the_desk_and_shown_once(world):
    old = key_of(world, "provider")
    desk = world.desk("provider", Role.ADMINISTRATOR)
    assert desk.get(f"/keys/{old.prefix}/replace").status_code == 200
    text = text_on(desk.post(f"/keys/{old.prefix}/replace", {"overlap_hours": "24"}))
    assert reads.caller(text, now=datetime.now(UTC)).party.name == "provider"
    page = desk.get("/keys").content.decode()
    assert "replaced" in page
    assert text not in page
    again = desk.post(f"/keys/{old.prefix}/replace", {"overlap_hours": "24"})
    assert (again.status_code, "already replaced" in again.content.decode()) == (422, True)


def test_at_most_two_keys_of_a_name_are_valid(world):
    boss = world.someone(world.person("provider", Role.COORDINATOR))
    first = key_of(world, "provider")
    second = writes.replace_own_key(first.prefix, overlap_hours=24, by=boss, now=world.now).key
    again = {"overlap_hours": 24, "by": boss}
    with pytest.raises(ConflictError, match="still valid"):
        writes.replace_own_key(second.prefix, now=world.now + HOUR, **again)
    writes.replace_own_key(second.prefix, now=world.now + 24 * HOUR, **again)
    with pytest.raises(ConflictError, match="already replaced"):
        writes.replace_own_key(second.prefix, now=world.now + 25 * HOUR, **again)


def test_a_new_key_gets_no_name_of_two_others(world):
    """The old key is valid, the lost one is revoked: a third one could be replaced at once."""
    boss = world.someone(world.person("provider", Role.COORDINATOR))
    old = key_of(world, "provider")
    more = {"overlap_hours": 24, "by": boss}
    lost = writes.replace_own_key(old.prefix, now=world.now, **more).key
    parties.revoke_key(lost.prefix, actor="operator", now=world.now)
    new = {"scopes": ["feed:read"], "expires_at": None, "by": boss}
    with pytest.raises(ConflictError, match="already has a valid key"):
        writes.create_key(old.name, now=world.now + HOUR, **new)
    assert writes.create_key(old.name, now=world.now + 24 * HOUR, **new)


def test_a_key_whose_replacement_was_lost_is_replaced_again_for_its_full_term(world):
    boss = world.someone(world.person("provider", Role.COORDINATOR))
    days = {"expires_at": world.now + timedelta(days=90), "by": boss}
    old, _ = writes.create_key("agent-1", scopes=["feed:read"], now=world.now, **days)
    more = {"overlap_hours": 24, "by": boss}
    lost = writes.replace_own_key(old.prefix, now=world.now, **more)
    parties.revoke_key(lost.key.prefix, actor="operator", now=world.now)
    caller = Caller(old.party, old.prefix, frozenset())
    with pytest.raises(ConflictError, match="already replaced"):
        writes.replace_calling_key(overlap_hours=24, by=caller, now=world.now + HOUR)
    again = writes.replace_own_key(old.prefix, now=world.now + HOUR, **more)
    assert again.key.expires_at == lost.key.expires_at
    assert again.old_expires_at == world.now + 24 * HOUR
    with pytest.raises(ConflictError, match="still valid"):
        writes.replace_own_key(again.key.prefix, now=world.now + HOUR, **more)


@pytest.mark.parametrize("hours", [-1, 169])
def test_an_overlap_has_bounds(world, hours):
    boss = world.someone(world.person("provider", Role.COORDINATOR))
    with pytest.raises(InvalidError, match="between 0 and 168"):
        writes.replace_own_key(
            key_of(world, "provider").prefix, overlap_hours=hours, by=boss, now=world.now
        )


def test_who_may_not_give_a_scope_may_not_replace_a_key_that_has_it(world):
    key, _ = parties.new_key(
        *("orders",),
        party=world.party["authority"],
        scopes=["orders:write"],
        actor="operator",
        now=world.now,
    )
    by = world.someone(world.person("authority", Role.ADMINISTRATOR))
    with pytest.raises(NotAllowedError):
        writes.replace_own_key(key.prefix, overlap_hours=1, by=by, now=world.now)
    stranger = world.someone(world.person("provider", Role.COORDINATOR))
    with pytest.raises(NotFoundError):
        writes.replace_own_key(key.prefix, overlap_hours=1, by=stranger, now=world.now)


def test_both_keys_are_revoked_at_once(world):
    boss = world.someone(world.person("provider", Role.COORDINATOR))
    for which in ("old", "new"):
        old = key_of(world, "provider", which)
        done = writes.replace_own_key(old.prefix, overlap_hours=24, by=boss, now=world.now)
        prefix = old.prefix if which == "old" else done.key.prefix
        writes.revoke_own_key(prefix, by=boss, now=world.now, with_related=True)
    assert not ApiKey.objects.filter(revoked_at=None).exists()


def test_the_old_key_alone_is_revoked_before_its_time(world):
    old = key_of(world, "provider")
    desk = world.desk("provider", Role.COORDINATOR)
    text = text_on(desk.post(f"/keys/{old.prefix}/replace", {"overlap_hours": "24"}))
    desk.post(f"/keys/{old.prefix}/revoke", {"confirm": "yes"})
    assert reads.caller(text, now=datetime.now(UTC))
    assert ApiKey.objects.filter(revoked_at=None).count() == 1


def test_whoever_replaces_a_key_may_use_it_too(world):
    """So that the key and this person do not count as two."""
    boss = world.someone(world.person("provider", Role.COORDINATOR))
    other = world.someone(world.person("provider", Role.ADMINISTRATOR))
    key, _ = writes.create_key("k", scopes=["feed:read"], expires_at=None, by=boss, now=world.now)
    done = writes.replace_own_key(key.prefix, overlap_hours=1, by=other, now=world.now)
    assert independence.users_of(done.key.ref) == {done.key.ref, boss.ref, other.ref}
