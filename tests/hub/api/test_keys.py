# SPDX-License-Identifier: Apache-2.0
from datetime import UTC, datetime, timedelta

import pytest

from stemtide.hub.rooms.parties.writes import parties
from stemtide.protocol.enums import Scope
from tests.hub.api.conftest import Machine

SOME = "5a1e2f00-0000-4000-8000-000000000000"
# Written out, not computed: what each address needs.
NEEDS = [
    ("POST", "/api/v1/signals", "signals:write"),
    ("POST", "/api/v1/signals/bulk", "signals:write"),
    ("GET", f"/api/v1/signals/{SOME}", "feed:read"),
    ("POST", f"/api/v1/signals/{SOME}/withdraw", "signals:write"),
    ("PUT", f"/api/v1/signals/{SOME}/opinion", "feedback:write"),
    ("GET", "/api/v1/feed", "feed:read"),
    ("GET", "/api/v1/snapshot", "feed:read"),
    ("GET", "/api/v1/segments", "feed:read"),
    ("GET", f"/api/v1/segments/{'0' * 64}", "feed:read"),
    ("GET", "/api/v1/events/stream", "feed:read"),
    ("PUT", "/api/v1/agents/a1", "feedback:write"),
    ("POST", "/api/v1/outcomes", "feedback:write"),
    ("GET", "/api/v1/outliers", "feed:read"),
    ("PUT", f"/api/v1/outliers/{SOME}/decision", "feedback:write"),
    ("POST", "/api/v1/crises", "crises:write"),
    ("GET", "/api/v1/crises", "feed:read"),
    ("GET", f"/api/v1/crises/{SOME}", "feed:read"),
    ("PUT", f"/api/v1/crises/{SOME}/checks/scale", "crises:write"),
    ("GET", f"/api/v1/crises/{SOME}/clocks", "feed:read"),
    ("GET", f"/api/v1/crises/{SOME}/participants", "feed:read"),
    ("GET", f"/api/v1/crises/{SOME}/event", "feed:read"),
    ("PUT", "/api/v1/parties/tech-forum/mechanism", "parties:write"),
    *(
        ("POST", f"/api/v1/crises/{SOME}/{verb}", "crises:write")
        for verb in (
            *("triage", "measures", "countries", "proposals", f"proposals/{SOME}/confirm"),
            *(f"proposals/{SOME}/decline", f"proposals/{SOME}/withdraw", "deescalate", "resume"),
            *("review", "close", "invite", "uninvite", "join", "decline", "leave"),
            *("link", "unlink", "neighbours"),
        )
    ),
    ("PUT", f"/api/v1/crises/{SOME}/neighbours/{SOME}", "crises:write"),
    ("GET", "/metrics", "metrics:read"),
]
EVERYWHERE = [(method, path) for method, path, _ in NEEDS] + [("GET", "/api/v1/whoami")]


@pytest.mark.parametrize(("method", "path", "scope"), NEEDS)
def test_a_key_without_the_scope_is_told_which_one_it_lacks(machine, world, method, path, scope):
    others = [str(one) for one in Scope if one != scope]

    answer = machine(world.agency, scopes=others)(method, path, {})

    assert answer.status_code == 403
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert f"lacks the scope {scope}" in answer.json()["detail"]


@pytest.mark.parametrize(("method", "path", "scope"), NEEDS)
def test_the_scope_alone_opens_its_address(machine, world, method, path, scope):
    answer = machine(world.agency, scopes=[scope])(method, path, {})

    assert answer.status_code not in {401, 403}


@pytest.mark.parametrize(("method", "path"), EVERYWHERE)
def test_nobody_gets_in_without_a_key(machine, method, path):
    answer = machine(None)(method, path, {})

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert "Authorization: Bearer" in answer.json()["detail"]


@pytest.mark.parametrize(
    "said", ["Bearer", "Bearer ", "Bearer st_", "Bearer st_x_y", "Basic eDp5", "Bearer é", "x"]
)
def test_a_wrong_key_opens_nothing(machine, said):
    answer = machine(None)("GET", "/api/v1/whoami", headers={"Authorization": said})

    assert answer.status_code == 401


def test_a_revoked_key_opens_nothing(machine, world):
    key = world.key(world.agency)
    headers = {"Authorization": f"Bearer {key}"}
    assert machine(None)("GET", "/api/v1/whoami", headers=headers).status_code == 200

    parties.revoke_key(key.split("_")[1], actor="operator", now=world.noon)

    assert machine(None)("GET", "/api/v1/whoami", headers=headers).status_code == 401


def test_an_expired_key_opens_nothing(machine, world):
    early = datetime(2020, 1, 1, tzinfo=UTC)
    _, key = parties.new_key(
        "old",
        party=world.agency,
        scopes=["feed:read"],
        expires_at=early + timedelta(days=1),
        actor="operator",
        now=early,
    )

    headers = {"Authorization": f"Bearer {key}"}

    assert machine(None)("GET", "/api/v1/whoami", headers=headers).status_code == 401


def test_a_session_of_the_desk_opens_nothing_here(world, client):
    client.force_login(world.person())

    assert client.get("/api/v1/whoami").status_code == 401


def test_whoami_says_whom_the_key_stands_for(machine, world):
    answer = machine(world.agency, scopes=["feed:read"])("GET", "/api/v1/whoami")

    assert answer.json() == {
        "party": "eu-referral-unit",
        "kind": "agency",
        "key": answer.json()["key"],
        "scopes": ["feed:read"],
    }


def test_the_ledger_says_through_which_key_a_party_acted(machine, world):
    key = machine(world.authority)
    prefix = key("GET", "/api/v1/whoami").json()["key"]

    key("POST", "/api/v1/crises", WARNING)

    assert world.last_entry().detail["through"] == f"key:{prefix}"


WARNING = {"name": "Attack", "happened_at": "2020-01-01T10:00:00Z", "countries": ["BE", "FR"]}


def test_a_program_replaces_its_own_key_and_both_work(machine, world):
    key = machine(world.agency, scopes=["feed:read"])
    answer = key("POST", "/api/v1/keys/replace", {"overlap_hours": 36})
    assert (answer.status_code, answer["Cache-Control"]) == (201, "no-store")
    told = answer.json()
    new = Machine(told["key"])
    mine, other = (one("GET", "/api/v1/whoami").json() for one in (key, new))
    assert (mine["key"], other["key"]) == (told["old"], told["key_prefix"])
    assert (other["party"], other["scopes"]) == ("eu-referral-unit", ["feed:read"])
    end = datetime.fromisoformat(told["old_expires_at"])
    assert timedelta(hours=35) < end - datetime.now(UTC) <= timedelta(hours=36)
    again = key("POST", "/api/v1/keys/replace", {})
    assert (again.status_code, "already replaced" in again.json()["detail"]) == (409, True)
    assert new("POST", "/api/v1/keys/replace", {}).status_code == 409


def test_a_program_cannot_prolong_its_access(world):
    now = datetime.now(UTC)
    facts = {"party": world.agency, "scopes": ["feed:read"], "actor": "operator", "now": now}
    _, text = parties.new_key("k", expires_at=now + timedelta(hours=3), **facts)
    told = Machine(text)("POST", "/api/v1/keys/replace", {}).json()
    ends = [datetime.fromisoformat(told[name]) for name in ("expires_at", "old_expires_at")]
    assert ends == [now + timedelta(hours=3)] * 2


@pytest.mark.parametrize("body", [{"overlap_hours": 169}, {"overlap_hours": 23}, {"scopes": []}])
def test_a_program_takes_only_an_overlap_of_a_day_to_a_week(machine, world, body):
    assert machine(world.agency)("POST", "/api/v1/keys/replace", body).status_code == 422
