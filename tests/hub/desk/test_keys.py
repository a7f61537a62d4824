# SPDX-License-Identifier: Apache-2.0
"""API keys at the desk: who creates which, that one is shown once, and revoking."""

import re
from datetime import timedelta

import pytest

from stemtide.hub.platform.errors import NotAllowedError, NotFoundError
from stemtide.hub.rooms.ledger.models import Entry
from stemtide.hub.rooms.parties.models import ApiKey
from stemtide.hub.rooms.parties.reads import parties as reads
from stemtide.hub.rooms.parties.rules import keys as rules
from stemtide.hub.rooms.parties.writes import keys as writes, parties
from stemtide.protocol.enums import PartyKind, Role, Scope

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
    reading = {Scope.FEED_READ, Scope.REQUESTS_READ, Scope.METRICS_READ}
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
