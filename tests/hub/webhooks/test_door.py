# SPDX-License-Identifier: Apache-2.0
"""The door for webhooks: registering, changing, the log, and whom all this is not for."""

import threading
from uuid import uuid4

import pytest

from stemtide.hub.rooms.parties.writes import parties
from stemtide.hub.rooms.webhooks import rules
from stemtide.hub.rooms.webhooks.models import Delivery
from stemtide.hub.rooms.webhooks.writes import webhooks as writes
from stemtide.protocol.enums import Scope
from tests.house.test_docs import read, table
from tests.hub.api.conftest import Machine
from tests.hub.outside.names import NOT_PUBLIC, told_by
from tests.hub.webhooks.test_telling import share
from tests.rounds import rounds

PATH = "/api/v1/webhooks"


@pytest.fixture(autouse=True)
def _loopback(settings):
    settings.WEBHOOK_LOOPBACK = True


@pytest.fixture
def machine(hub):
    return Machine(hub.world.key())


@pytest.fixture
def rival(hub):
    return Machine(hub.world.key(hub.world.big_provider))


def add(machine, **facts):
    body = {"url": "http://127.0.0.1:9/hook", "event_types": ["*"]} | facts
    return machine("POST", PATH, body)


def refused(answer):
    assert answer.status_code == 422, answer.content
    return [(one["field"], one["message"]) for one in answer.json()["errors"]]


def test_a_webhook_is_registered_and_its_secret_is_shown_once(hub, machine):
    answer = add(machine)
    assert answer.status_code == 201
    made = answer.json()
    assert (made["url"], made["event_types"]) == ("http://127.0.0.1:9/hook", ["*"])
    secret = made.pop("secret")
    assert secret.startswith("whsec_")
    assert machine("GET", PATH).json() == [made]
    assert machine("GET", f"{PATH}/{made['id']}").json() == made
    entry = hub.world.last_entry()
    assert (entry.kind, entry.subject) == ("webhook.added", f"webhook:{made['id']}")
    assert "127.0.0.1" not in str(entry.detail)


def test_a_webhook_is_changed_paused_and_resumed(hub, machine):
    uid = add(machine).json()["id"]
    told = machine("PATCH", f"{PATH}/{uid}", {"event_types": ["signal.*", "signal.*"]}).json()
    assert told["event_types"] == ["signal.*"]
    assert machine("PATCH", f"{PATH}/{uid}", {"state": "paused"}).json()["state"] == "paused"
    assert machine("PATCH", f"{PATH}/{uid}", {"exercise": True}).json()["state"] == "paused"
    told = machine("PATCH", f"{PATH}/{uid}", {"state": "active"}).json()
    assert (told["state"], told["exercise"]) == ("active", True)
    assert hub.world.ledger_kinds()[-4:] == [
        *("webhook.changed", "webhook.paused", "webhook.changed", "webhook.resumed")
    ]


def test_a_change_that_changes_nothing_is_refused(machine):
    uid = add(machine).json()["id"]
    assert refused(machine("PATCH", f"{PATH}/{uid}", {}))[0][0] == "state"


def test_a_renewed_secret_is_another_and_says_how_long_the_old_one_holds(machine):
    made = add(machine).json()
    told = machine("POST", f"{PATH}/{made['id']}/secret").json()
    assert told["secret"] not in {made["secret"], ""}
    assert told["both_until"] > made["made_at"]


def test_a_webhook_is_removed(hub, machine):
    uid = add(machine).json()["id"]
    answer = machine("DELETE", f"{PATH}/{uid}")
    assert (answer.status_code, answer.content) == (204, b"")
    assert machine("GET", f"{PATH}/{uid}").status_code == 404
    assert hub.world.last_entry().kind == "webhook.removed"


def test_a_test_is_on_its_way_at_once_and_tests_do_not_pile_up(machine):
    uid = add(machine).json()["id"]
    answers = [machine("POST", f"{PATH}/{uid}/test") for _ in range(rules.TESTS + 1)]
    assert [one.status_code for one in answers] == [202] * rules.TESTS + [409]
    assert (answers[0].json()["type"], answers[0].json()["state"]) == ("webhook.test", "queued")


def test_the_log_is_read_in_pages_and_by_state(hub, machine):
    ear = hub.listen("signal.*")
    for number in range(1, 8):
        share(hub, number)
        hub.tick()
    share(hub, 8)
    hub.follow()
    path = f"{PATH}/{ear.id}/deliveries"
    seen, before = [], ""
    while True:
        page = machine("GET", f"{path}?limit=3{before}").json()
        seen += page["deliveries"]
        if page["next"] is None:
            break
        before = f"&before={page['next']}"
    assert [one["state"] for one in seen] == ["queued", *["sent"] * 7]
    assert [one["id"] for one in reversed(seen[1:])] == ear.ids
    (waiting,) = machine("GET", f"{path}?state=queued").json()["deliveries"]
    assert (waiting["count"], waiting["attempts"], waiting["said"]) == (1, 0, "")
    assert machine("GET", f"{PATH}/{ear.id}").json()["waiting"] == 1


def test_a_page_of_a_log_begins_only_where_one_of_its_own_ended(hub, machine):
    ear = hub.listen()
    answer = machine("GET", f"{PATH}/{ear.id}/deliveries?before={uuid4()}")
    assert answer.status_code == 404


@pytest.mark.parametrize(
    ("state", "status"),
    [("dead", 202), ("stopped", 202), ("sent", 409), ("queued", 409), ("moot", 409)],
)
def test_what_was_given_up_is_tried_again_and_nothing_else(hub, machine, state, status):
    ear = hub.listen()
    share(hub, 1)
    hub.follow()
    Delivery.objects.update(state=state, attempts=12)
    path = f"{PATH}/{ear.id}/deliveries/{hub.last(ear).uid}/again"
    answer = machine("POST", path)
    assert answer.status_code == status
    if status == 202:
        assert (answer.json()["attempts"], answer.json()["id"]) == (0, str(hub.last(ear).uid))
        hub.tick(minutes=1)
        assert ear.types == ["signal.shared"]


def test_nothing_is_tried_again_at_a_webhook_that_is_not_called(hub, machine):
    ear = hub.listen()
    share(hub, 1)
    hub.follow()
    machine("PATCH", f"{PATH}/{ear.id}", {"state": "paused"})
    path = f"{PATH}/{ear.id}/deliveries/{hub.last(ear).uid}/again"
    answer = machine("POST", path)
    assert (answer.status_code, "resume it first" in answer.json()["detail"]) == (409, True)


# What is refused


@pytest.mark.parametrize(
    "url",
    [
        "ftp://127.0.0.1/",
        "http://example.org/",
        "https://user@example.org/",
        "https://127.0.0.1:notaport/",
        "https://exämple.org/",
        "example.org",
        "https://",
        "https://[::1",
        f"https://{'a' * 64}.example/",
        "https://a..example/",
    ],
)
def test_an_address_that_the_hub_may_not_reach_is_not_registered(machine, url, monkeypatch):
    if "example.org" in url:
        told_by(monkeypatch, ["93.184.216.34"])
    assert refused(add(machine, url=url))[0][0] == "url"
    assert machine("GET", PATH).json() == []


@pytest.mark.parametrize("address", NOT_PUBLIC[:: rounds(6, nightly=1)])
def test_a_name_that_leads_inside_is_not_registered(machine, monkeypatch, settings, address):
    settings.WEBHOOK_LOOPBACK = False
    told_by(monkeypatch, [address])
    ((field, message),) = refused(add(machine, url="https://hook.example/"))
    assert (field, address in message) == ("url", False)


def test_an_address_on_a_public_network_is_registered(machine, monkeypatch, settings):
    settings.WEBHOOK_LOOPBACK = False
    told_by(monkeypatch, ["93.184.216.34"])
    assert add(machine, url="https://hook.example:8443/in").status_code == 201


def test_while_many_names_are_looked_up_others_come_later(machine, monkeypatch):
    monkeypatch.setattr(writes, "_LOOK_UPS", threading.BoundedSemaphore(1))
    with writes._LOOK_UPS:
        assert add(machine).status_code == 429
    assert add(machine).status_code == 201


@pytest.mark.parametrize("types", [[], ["signals"], ["signal.eaten"], ["*", "no.*"], ["a"] * 51])
def test_event_types_that_do_not_exist_are_refused(machine, types):
    assert refused(add(machine, event_types=types))[0][0].startswith("event_types")


def test_a_single_event_that_the_key_may_not_read_is_refused(hub):
    machine = Machine(hub.world.key(scopes=[Scope.WEBHOOKS_MANAGE, Scope.FEED_READ]))
    assert add(machine).status_code == 201
    answer = add(machine, event_types=["order.issued"])
    assert (answer.status_code, "requests:read" in answer.json()["detail"]) == (403, True)


def test_a_party_has_so_many_webhooks_and_no_more(machine, rival):
    for _ in range(rules.QUOTA):
        assert add(machine).status_code == 201
    answer = add(machine)
    assert (answer.status_code, "remove one first" in answer.json()["detail"]) == (409, True)
    assert add(rival).status_code == 201


# Who


@pytest.mark.parametrize(
    "asked",
    [
        *("GET {uid}", "PATCH {uid}", "DELETE {uid}", "POST {uid}/test", "POST {uid}/secret"),
        *("GET {uid}/deliveries", "POST {uid}/deliveries/{delivery}/again"),
    ][:: rounds(2, nightly=1)],
)
def test_the_webhook_of_another_party_is_not_there(hub, machine, rival, asked):
    method, path = asked.split(" ")
    body = {"state": "paused"} if method == "PATCH" else None
    ear = hub.listen()
    share(hub, 1)
    hub.tick()
    given = {"uid": ear.id, "delivery": hub.last(ear).uid}
    nothing = {"uid": uuid4(), "delivery": uuid4()}
    answers = [rival(method, f"{PATH}/{path.format(**one)}", body) for one in (given, nothing)]
    assert [one.status_code for one in answers] == [404, 404]
    assert rival("GET", PATH).json() == []
    assert machine("GET", f"{PATH}/{ear.id}").json()["state"] == "active"


def test_a_delivery_is_found_at_its_own_webhook_alone(hub, machine):
    ear, other = hub.listen(), hub.listen()
    share(hub, 1)
    hub.tick()
    Delivery.objects.update(state="dead")
    path = f"{PATH}/{other.id}/deliveries/{hub.last(ear).uid}/again"
    assert machine("POST", path).status_code == 404


@pytest.mark.parametrize(
    "scope", [one for one in Scope if one is not Scope.WEBHOOKS_MANAGE][:: rounds(4, nightly=1)]
)
def test_a_key_without_the_scope_manages_no_webhook(hub, scope):
    machine = Machine(hub.world.key(scopes=[scope]))
    assert (add(machine).status_code, machine("GET", PATH).status_code) == (403, 403)


def test_the_key_that_wrote_last_looks_after_a_webhook(hub, machine):
    made = add(machine).json()
    other = Machine(hub.world.key())
    told = other("PATCH", f"{PATH}/{made['id']}", {"exercise": True}).json()
    assert told["key"] != made["key"]
    parties.revoke_key(made["key"], actor="operator", now=hub.now)
    hub.tick()
    assert machine("GET", PATH).status_code == 401
    assert [one["state"] for one in other("GET", PATH).json()] == ["active"]
    parties.revoke_key(told["key"], actor="operator", now=hub.now)
    hub.tick()
    third = Machine(hub.world.key())
    (row,) = third("GET", PATH).json()
    assert (row["state"], "resume it with another" in row["reason"]) == ("disabled", True)


def test_the_page_lists_every_event_and_who_is_told():
    told = {cells[0].strip("`") for cells in table(read("docs/use/connect/webhooks.md"), "event")}
    named = {one.value for one in (*rules.SIGNALS.values(), *rules.CRISES.values())}
    assert told == named | {one.value for one in rules.ADDRESSED.values()} | {"webhook.test"}
