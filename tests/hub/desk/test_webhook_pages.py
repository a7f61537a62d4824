# SPDX-License-Identifier: Apache-2.0
"""Webhooks at the desk: what arrives and what was given up, a test, a new secret, an end."""

import re

import pytest

from stemtide.hub.platform.errors import InvalidError, NotAllowedError
from stemtide.hub.rooms.ledger.models import Entry
from stemtide.hub.rooms.parties.models import ApiKey
from stemtide.hub.rooms.parties.reads import parties
from stemtide.hub.rooms.parties.writes import parties as party_writes
from stemtide.hub.rooms.webhooks.models import Delivery, Webhook
from stemtide.hub.rooms.webhooks.reads import webhooks as reads
from stemtide.hub.rooms.webhooks.writes import webhooks as writes
from stemtide.protocol.enums import Role, Scope
from stemtide.protocol.messages.webhooks import WebhookChangeIn, WebhookIn
from tests.hub.desk.test_inbox import said
from tests.rounds import at_night

pytestmark = pytest.mark.django_db
SECRET = re.compile(r"whsec_[A-Za-z0-9+/=]+")
REFUSED = {"state": "dead", "attempts": 12, "status": 503, "said": "answered with status 503"}


@pytest.fixture
def hook(world):
    """A webhook that a machine of the provider registered."""
    _, text = party_writes.new_key(
        "ears", party=world.party["provider"], scopes=list(Scope), actor="operator", now=world.now
    )
    body = WebhookIn(url="http://127.0.0.1:9/hook", event_types=["signal.*"])
    by = parties.caller(text, now=world.now)
    return writes.add(body, by=by, now=world.now, loopback=True)


@pytest.fixture
def manager(world):
    return world.desk("provider", Role.ADMINISTRATOR)


def test_a_webhook_that_was_given_up_says_why_and_is_resumed(hook, manager):
    Webhook.objects.update(state="disabled", why="failing")
    assert "nothing arrived there for three days" in said(manager.get("/webhooks"))
    manager.post(f"/webhooks/{hook.id}/resume")
    row = Webhook.objects.get()
    assert (row.state, row.why, row.key.prefix) == ("active", "", hook.key)


def test_nobody_resumes_a_webhook_for_a_key_that_was_revoked(world, hook, manager):
    ApiKey.objects.update(revoked_at=world.now)
    Webhook.objects.update(state="disabled", why="key")
    page = manager.post(f"/webhooks/{hook.id}/resume", follow=True)
    assert "is no longer valid: resume it with another key" in said(page)
    assert Webhook.objects.get().state == "disabled"


def test_a_person_widens_what_is_told_no_further_than_the_key_may_read(world, hook):
    by = world.someone(world.person("provider", Role.ADMINISTRATOR))
    ApiKey.objects.update(scopes=[Scope.WEBHOOKS_MANAGE, Scope.FEED_READ])
    wider = WebhookChangeIn(event_types=["order.issued"])
    with pytest.raises(NotAllowedError, match="requests:read"):
        writes.change(hook.id, body=wider, by=by, now=world.now)


def test_a_dead_letter_is_sent_again_from_its_first_attempt(hook, manager):
    manager.post(f"/webhooks/{hook.id}/test")
    Delivery.objects.update(**REFUSED)
    page = said(manager.get(f"/webhooks/{hook.id}"))
    assert "answered with status 503" in page
    assert "12 attempts" in page
    manager.post(f"/webhooks/{hook.id}/again/{Delivery.objects.get().uid}")
    assert (Delivery.objects.get().state, Delivery.objects.get().attempts) == ("failed", 0)


@at_night
def test_the_log_goes_on_where_its_first_page_ends(hook, manager):
    row = Webhook.objects.get()
    facts = {"webhook": row, "state": "sent", "kind": "signal.shared", "happened_at": row.made_at}
    times = {"queued_at": row.made_at, "next_at": row.made_at}
    uids = [f"00000000-0000-4000-8000-{number:012d}" for number in range(51)]
    Delivery.objects.bulk_create(Delivery(uid=uid, **facts, **times) for uid in uids)
    first = manager.get(f"/webhooks/{hook.id}").content.decode()
    (onward,) = re.findall(r'href="([^"]*before=[^"]*)"', first)
    assert uids[0] not in first
    assert f"event-{uids[0]}" in manager.get(onward).content.decode()


def test_a_new_secret_is_shown_once_and_only_after_a_tick(world, hook, manager):
    path = f"/webhooks/{hook.id}/secret"
    assert not SECRET.search(manager.post(path, follow=True).content.decode())
    (shown,) = SECRET.findall(manager.post(path, {"confirm": "on"}).content.decode())
    row = reads.find(hook.id, viewer=world.party["provider"])
    assert shown == reads.secrets(row, now=world.now)[0] != hook.secret
    assert row.key.prefix == hook.key
    for page in ("/webhooks", f"/webhooks/{hook.id}"):
        assert b"whsec_" not in manager.get(page).content


def test_a_webhook_ends_after_a_tick_and_the_ledger_says_by_whom(hook, manager):
    manager.post(f"/webhooks/{hook.id}/remove")
    assert Webhook.objects.count() == 1
    manager.post(f"/webhooks/{hook.id}/remove", {"confirm": "on"})
    assert Webhook.objects.count() == 0
    entry = Entry.objects.order_by("-number")[0]
    assert (entry.kind, entry.actor) == ("webhook.removed", "party:provider")
    assert entry.detail["through"].startswith("person:")


@pytest.mark.parametrize("write", [writes.renew, writes.remove, writes.send_test])
def test_a_duty_officer_looks_after_no_webhook(world, hook, write):
    by = world.someone(world.person("provider", Role.DUTY_OFFICER))
    with pytest.raises(NotAllowedError, match="duty officer"):
        write(hook.id, by=by, now=world.now)


def test_another_partys_administrator_finds_no_such_webhook(world, hook):
    rival = world.desk("rival", Role.ADMINISTRATOR)
    assert rival.get(f"/webhooks/{hook.id}").status_code == 404
    for verb in ("test", "pause", "resume", "secret", "remove"):
        answer = rival.post(f"/webhooks/{hook.id}/{verb}", {"confirm": "on"})
        assert answer.status_code == 404
    assert "Your party has no webhook" in said(rival.get("/webhooks"))


@pytest.fixture
def key(world):
    """A key of the provider that reads signals."""
    return party_writes.new_key(
        "ears", party=world.party["provider"], scopes=["feed:read"], actor="operator", now=world.now
    )[0]


def new_webhook(own_key, **more):
    facts = {"url": "http://127.0.0.1:9/hook", "key": own_key.prefix, "event_types": ["signal.*"]}
    return facts | more


def test_a_person_adds_a_webhook_for_a_key_and_reads_its_secret_once(world, key, manager, settings):
    settings.WEBHOOK_LOOPBACK = True
    page = manager.post("/webhooks/new", new_webhook(key)).content.decode()
    row = Webhook.objects.get()
    assert (row.key, row.event_types, row.party.name) == (key, ["signal.*"], "provider")
    (secret,) = set(SECRET.findall(page))
    assert secret in reads.secrets(row, now=world.now)
    assert secret not in manager.get(f"/webhooks/{row.uid}").content.decode()
    entry = Entry.objects.get(kind="webhook.added")
    assert entry.detail["through"].startswith("person:")
    assert "127.0.0.1" not in str(entry.detail)


@pytest.mark.parametrize(
    "more",
    [
        pytest.param({"url": "http://127.0.0.1:9/hook"}, id="this machine"),
        pytest.param({"url": "https://10.0.0.1/hook"}, id="a private network"),
        pytest.param({"event_types": []}, id="no events"),
        pytest.param({"key": "of-another"}, id="no key of the party"),
    ],
)
def test_a_webhook_that_may_not_be_is_refused_at_the_form(key, manager, more):
    assert manager.post("/webhooks/new", new_webhook(key, **more)).status_code == 422
    assert not Webhook.objects.exists()


def test_a_person_names_only_valid_keys_of_their_own_party(world, key):
    by = world.someone(world.person("rival", Role.ADMINISTRATOR))
    body = WebhookIn(url="http://127.0.0.1:9/hook")
    with pytest.raises(InvalidError, match="no valid key"):
        writes.add(body, by=by, now=world.now, loopback=True, prefix=key.prefix)
    own = world.someone(world.person("provider", Role.ADMINISTRATOR))
    ApiKey.objects.update(revoked_at=world.now)
    with pytest.raises(InvalidError, match="no valid key"):
        writes.add(body, by=own, now=world.now, loopback=True, prefix=key.prefix)


def test_a_person_asks_for_no_event_that_the_key_may_not_read(world, key):
    by = world.someone(world.person("provider", Role.ADMINISTRATOR))
    body = WebhookIn(url="http://127.0.0.1:9/hook", event_types=["order.issued"])
    with pytest.raises(NotAllowedError, match="requests:read"):
        writes.add(body, by=by, now=world.now, loopback=True, prefix=key.prefix)
