# SPDX-License-Identifier: Apache-2.0
"""The good ways through each endpoint."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.db.migrations.recorder import MigrationRecorder

from stemtide.hub.api.health import _check_tables, facts_of_standbys
from stemtide.hub.platform.postgresql.standbys import Standby
from stemtide.hub.rooms.alerts.models import Alert, Delivery
from stemtide.hub.rooms.crises.writes import moves
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.parties.models import ContactPoint
from stemtide.interop.stix.objects import EXTENSION, SCHEMA_PATH, common_objects
from stemtide.protocol.messages.crises import ReasonIn
from tests.hub.api.conftest import signal
from tests.rounds import at_night
from tests.world import hex_value

pytestmark = pytest.mark.both_databases

WARNING = {"name": "Attack", "happened_at": "2020-01-01T10:00:00Z", "countries": ["BE", "FR"]}
STATUS = {
    "version": "1",
    "position": 7,
    "signals": 5,
    "started_at": "2020-01-01T00:00:00Z",
}


def report_on(signal_id: str) -> dict[str, object]:
    row = {"signal": signal_id, "outcome": "blocked", "count": 3}
    times = {"first_at": "2020-01-01T00:00:00Z", "last_at": "2020-01-01T00:00:00Z"}
    return {"report": str(uuid4()), "agent": "a1", "rows": [row | times]}


def test_a_signal_is_shared_once_and_found_again(machine, world):
    authority = machine(world.authority)

    first = authority("POST", "/api/v1/signals", signal(hex_value()))
    again = authority("POST", "/api/v1/signals", signal(hex_value()))

    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["id"] == again.json()["id"]
    assert again.json()["created"] is False


def test_a_signal_lives_through_opinion_and_withdrawal(machine, world):
    authority, provider = machine(world.authority), machine(world.big_provider)
    path = (
        f"/api/v1/signals/{authority('POST', '/api/v1/signals', signal(hex_value())).json()['id']}"
    )

    disputed = provider(
        "PUT", f"{path}/opinion", {"opinion": "dispute", "note": "a news report"}
    ).json()
    withdrawn = authority("POST", f"{path}/withdraw", {"reason": "context"}).json()
    read = provider("GET", path).json()

    assert (disputed["disputed"], disputed["basis"]) == (False, "speaks_alone")
    assert [one["party"] for one in disputed["opinions"]] == ["big-video"]
    assert withdrawn["state"] == read["state"] == "withdrawn"
    assert read["withdraw_reason"] == "context"


def test_a_crisis_goes_from_warning_to_closure(machine, world):
    authority, agency = machine(world.authority), machine(world.agency)

    warned = authority("POST", "/api/v1/crises", WARNING)
    path = f"/api/v1/crises/{warned.json()['id']}"
    rated = authority("POST", f"{path}/triage", {"harm": 4, "virality": 4}).json()
    for check in warned.json()["checks"]:
        body = {"answer": "yes", "evidence": "seen"}
        assert agency("PUT", f"{path}/checks/{check['test']}", body).status_code == 200
    measure = {"country": "BE", "measure": "referrals", "insufficient": "hosts abroad"}
    assert authority("POST", f"{path}/measures", measure).status_code == 200
    wider = authority("POST", f"{path}/countries", {"countries": ["SE"]}).json()
    active = four_eyes(authority, agency, path, "activate")
    kept = agency("POST", f"{path}/review", {"reason": "new variants"}).json()
    calm = agency("POST", f"{path}/deescalate", {"reason": "fewer"}).json()
    live = agency("POST", f"{path}/resume", {"reason": "again"}).json()
    closed = four_eyes(authority, agency, path, "close")
    clocks = authority("GET", f"{path}/clocks").json()

    assert warned.status_code == 201
    assert rated["triages"][0]["outcome"] == "activate"
    assert "SE" in wider["countries"]
    assert active["activated_at"]
    assert [kept["stage"], calm["stage"], live["stage"]] == ["active", "deescalating", "active"]
    assert (closed["stage"], closed["accepts_signals"]) == ("closed", True)
    assert clocks["closed_at"] == closed["closed_at"]
    assert [one["id"] for one in authority("GET", "/api/v1/crises").json()] == [closed["id"]]
    assert agency("GET", path).json()["stage"] == "closed"


def four_eyes(proposer, confirmer, path, act):
    """One party proposes; it may not confirm itself; the other does."""
    told = proposer("POST", f"{path}/proposals", {"act": act, "reason": "as seen"}).json()
    proposal = f"{path}/proposals/{told['proposals'][-1]['id']}"
    assert proposer("POST", f"{proposal}/confirm").status_code == 403
    return confirmer("POST", f"{proposal}/confirm").json()


@at_night
def test_a_proposal_is_withdrawn_and_declined(machine, world):
    authority, agency = machine(world.authority), machine(world.agency)
    crisis = world.warn()
    world.answer_all(crisis)
    path = f"/api/v1/crises/{crisis.id}/proposals"
    states = []
    for by, verb, body in (
        (authority, "withdraw", None),
        (agency, "decline", {"reason": "not yet"}),
    ):
        told = authority("POST", path, {"act": "activate", "reason": "as seen"}).json()
        proposal = told["proposals"][-1]["id"]
        told = by("POST", f"{path}/{proposal}/{verb}", body).json()
        states.append(told["proposals"][-1]["state"])
    assert states == ["withdrawn", "declined"]


@at_night
def test_a_proposal_by_api_makes_way_for_the_emergency_activation_of_its_party(machine, world):
    crisis = world.warn()
    world.answer_all(crisis)
    path = f"/api/v1/crises/{crisis.id}"
    proposed = {"act": "activate", "reason": "as seen"}
    machine(world.authority)("POST", f"{path}/proposals", proposed)
    by = world.actor(role="duty_officer", ref="person:1")
    moves.activate_now(
        crisis.id, body=ReasonIn(reason="nobody answers"), by=by, now=datetime.now(UTC)
    )
    agency = machine(world.agency)
    proposals = agency("GET", path).json()["proposals"]
    states = [(row["state"], row["is_emergency"]) for row in proposals]
    assert states == [("withdrawn", False), ("open", True)]
    old, new = (f"{path}/proposals/{row['id']}/confirm" for row in proposals)
    assert agency("POST", old).status_code == 409
    assert agency("POST", new).json()["stage"] == "active"


def test_parties_are_invited_join_decline_and_leave(machine, world):
    authority, provider = machine(world.authority), machine(world.big_provider)
    path = f"/api/v1/crises/{world.warn().id}"

    assert provider("GET", path).status_code == 404
    authority("POST", f"{path}/invite", {"kinds": ["provider"], "parties": ["rights-watch"]})
    authority("POST", f"{path}/uninvite", {"party": "rights-watch"})
    said = [provider("GET", path).json()["your_state"]]
    said += [provider("POST", f"{path}/join").json()["your_state"]]
    said += [provider("POST", f"{path}/leave", {"reason": "no staff"}).json()["your_state"]]
    declined = machine(world.small_provider)("POST", f"{path}/decline", {}).json()
    told = authority("GET", f"{path}/participants").json()

    assert said == ["invited", "joined", "left"]
    assert declined["your_state"] == "declined"
    assert [(one["party"], one["state"]) for one in told] == [
        ("be-crisis-centre", "leads"),
        ("eu-referral-unit", "leads"),
        ("big-video", "left"),
        ("small-forum", "declined"),
    ]


@at_night
def test_crises_are_linked_and_neighbours_mirrored(machine, world):
    authority = machine(world.authority)
    one, other = world.warn(), world.warn(name="Attack in a town")
    path = f"/api/v1/crises/{one.id}"
    body = {"framework": "gifct", "version": "2025", "type": "perpetrator-content-incident"}

    linked = authority("POST", f"{path}/link", {"crisis": str(other.id), "reason": "one attack"})
    mirrored = authority(
        "POST", f"{path}/neighbours", body | {"started_at": "2020-01-01T10:00:00Z"}
    ).json()
    neighbour = f"{path}/neighbours/{mirrored['neighbours'][0]['id']}"
    ended = authority("PUT", neighbour, {"status": "ended", "ended_at": "2020-01-02T10:00:00Z"})
    apart = authority("POST", f"{path}/unlink", {"reason": "two attacks"}).json()

    assert linked.json()["alike"][0]["is_linked"]
    assert ended.json()["neighbours"][0]["status"] == "ended"
    assert not apart["alike"][0]["is_linked"]


@at_night
def test_a_mechanism_notes_its_own_activation_and_the_event_shows_it(machine, world):
    forum, authority = machine(world.consortium), machine(world.authority)
    path = f"/api/v1/parties/{world.consortium.name}/mechanism"
    assert authority("PUT", path, {"mechanism": "gifct"}).status_code == 403
    named = machine(world.agency)("PUT", path, {"mechanism": "gifct"})
    assert named.json()["mechanism"] == "gifct"
    crisis = world.warn()
    world.join(crisis, world.consortium)
    path = f"/api/v1/crises/{crisis.id}"
    body = {"framework": "gifct", "version": "2025", "type": "perpetrator-content-incident"}
    noted = forum("POST", f"{path}/neighbours", body | {"started_at": "2020-01-01T10:00:00Z"})
    (row,) = noted.json()["neighbours"]
    assert row["own_by"] == world.consortium.name
    end = {"status": "ended", "ended_at": "2020-01-02T10:00:00Z"}
    assert authority("PUT", f"{path}/neighbours/{row['id']}", end).status_code == 403
    assert forum("PUT", f"{path}/neighbours/{row['id']}", end).status_code == 200
    told = authority("GET", f"{path}/event").json()
    assert [(one["status"], one["is_own"]) for one in told["activations"]] == [
        ("ended", True),
        ("unconfirmed", True),
    ]


def test_a_report_counts_once(machine, world):
    provider = machine(world.big_provider)
    report = report_on(str(world.share().id))

    first = provider("POST", "/api/v1/outcomes", report).json()
    again = provider("POST", "/api/v1/outcomes", report).json()

    assert (first["counted"], first["is_repeat"]) == (3, False)
    assert (again["counted"], again["is_repeat"]) == (0, True)


def test_metrics_count_signals_agents_outcomes_and_requests(machine, world):
    provider = machine(world.big_provider)
    shared = world.share()
    provider("PUT", "/api/v1/agents/a1", STATUS)
    provider("POST", "/api/v1/outcomes", report_on(str(shared.id)))

    answer = machine(world.agency)("GET", "/metrics")

    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    for line in (
        'stemtide_signals{state="live"} 1.0',
        'stemtide_outcomes_total{outcome="blocked"} 3.0',
        'stemtide_agent_connected{agent="a1",party="big-video"} 1.0',
        'stemtide_agent_behind{agent="a1",party="big-video"} 0.0',
        'stemtide_requests_total{method="PUT",route="api/v1/agents/<name>",status="200"}',
        'stemtide_request_seconds_bucket{le="+Inf",route="api/v1/outcomes"}',
    ):
        assert line in answer.text, line


def value_of(text, name):
    """The value of a metric without labels, or of one series; None if it is not there."""
    lines = [line for line in text.splitlines() if line.startswith(f"{name} ")]
    return float(lines[0].rpartition(" ")[2]) if lines else None


@at_night
def test_metrics_name_what_goes_wrong_slowly(machine, world):
    now = datetime.now(UTC)
    agency = machine(world.agency)
    text = agency("GET", "/metrics").text
    assert value_of(text, "stemtide_backup_age_seconds") is None
    for queue in ("alerts", "webhooks"):
        assert value_of(text, f'stemtide_oldest_waiting_seconds{{queue="{queue}"}}') == 0
    assert value_of(text, 'stemtide_certificate_days{seal="hub"}') > 30
    offset = value_of(text, "stemtide_clock_offset_seconds")
    assert offset is None if connection.vendor == "sqlite" else abs(offset) < 60
    assert "stemtide_standbys" not in text
    assert "stemtide_tls_certificate_days" not in text

    with transaction.atomic():
        ledger.append(
            "backup.created",
            actor="operator",
            subject="backup:x",
            now=now - timedelta(hours=50),
            detail={"encrypted": True},
        )
    point = ContactPoint.objects.create(party=world.agency, channel="mail", address="a@b.example")
    alert = Alert.objects.create(
        uid=uuid4(),
        kind="drill",
        party=world.agency,
        subject="drill:1",
        urgency="routine",
        created_at=now,
        state="open",
    )
    Delivery.objects.create(
        uid=uuid4(),
        alert=alert,
        point=point,
        step=0,
        channel="mail",
        state="failed",
        queued_at=now - timedelta(minutes=9),
        next_at=now - timedelta(minutes=5),
    )
    text = agency("GET", "/metrics").text
    assert value_of(text, "stemtide_backup_age_seconds") // 3600 == 50
    assert value_of(text, 'stemtide_oldest_waiting_seconds{queue="alerts"}') // 60 == 5


def test_metrics_count_the_standbys_that_are_expected(machine, world, settings):
    settings.STANDBYS = 2
    text = machine(world.agency)("GET", "/metrics").text
    expected = None if connection.vendor == "sqlite" else 2
    assert value_of(text, "stemtide_standbys_expected") == expected
    assert value_of(text, "stemtide_standbys_following") == (expected and 0)


def test_metrics_leave_standbys_out_that_the_hub_may_not_see(settings):
    """No alert says that a standby is away, only because the role lacks pg_monitor."""
    settings.STANDBYS = 1
    assert facts_of_standbys([Standby("", None, None, None, 0.0)]) is None
    follows = facts_of_standbys([Standby("db2", "streaming", True, 9, 0.1)])
    assert (follows.expected, follows.following, follows.lag_bytes) == (1, 1, 9)


def test_metrics_show_a_provider_its_own_agents_only(machine, world):
    machine(world.big_provider)("PUT", "/api/v1/agents/a1", STATUS)

    assert "a1" in machine(world.big_provider)("GET", "/metrics").text
    assert 'agent="a1"' not in machine(world.small_provider)("GET", "/metrics").text


@at_night
def test_metrics_name_routes_and_never_addresses(machine, world):
    machine(world.agency)("GET", "/api/v1/never-an-address")
    machine(world.agency)("BREW", "/api/v1/feed")

    text = machine(world.agency)("GET", "/metrics").text

    assert "never-an-address" not in text
    assert "BREW" not in text


@pytest.mark.django_db
def test_health_without_a_key_says_nothing_that_moves(machine, world):
    before = machine(None)("GET", "/health")
    world.share()

    assert before.status_code == 200
    assert machine(None)("GET", "/health").content == before.content == b'{"status":"ok"}'


@pytest.mark.django_db
def test_health_tells_details_to_a_key_that_reads_metrics(machine, world):
    seen = machine(world.agency, scopes=["metrics:read"])("GET", "/health")
    refused = machine(world.agency, scopes=["feed:read"])("GET", "/health")

    assert set(seen.json()) == {"status", "version", "hub", "entries", "positions"}
    assert (refused.status_code, "metrics:read" in refused.json()["detail"]) == (403, True)
    assert machine(None)("GET", "/health", headers={"Authorization": "Bearer x"}).status_code == 401


@pytest.mark.django_db
def test_the_schema_of_what_we_add_to_stix_is_for_everybody(machine):
    answer = machine(None)("GET", SCHEMA_PATH)
    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/schema+json"
    assert answer.json()["$id"] == f"urn:uuid:{EXTENSION.partition('--')[2]}"
    (told,) = [one for one in common_objects() if one["id"] == EXTENSION]
    assert SCHEMA_PATH in told["schema"]
    assert machine(None)("POST", SCHEMA_PATH).status_code == 405


def test_health_is_not_ready_while_a_migration_is_missing(machine):
    _check_tables.cache_clear()
    MigrationRecorder.Migration.objects.filter(app="signals").delete()

    answer = machine(None)("GET", "/health")

    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
    assert "migrate" in answer.json()["detail"]


@at_night
@pytest.mark.parametrize("path", ["/api/v1/openapi.json", "/openapi.json"])
def test_the_schema_is_open_to_all(machine, path):
    answer = machine(None)("GET", path)

    assert answer.status_code == 200
    assert answer.json()["info"]["title"] == "Stemtide hub"
