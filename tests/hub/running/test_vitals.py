# SPDX-License-Identifier: Apache-2.0
"""The hub says that it cannot do its work, and why to those who may know."""

import resource

import pytest
from django.test import Client

from stemtide.hub.vitals import HealthChecks
from tests import tables
from tests.hub.api.conftest import serving, signal, wait_until
from tests.world import hex_value

pytestmark = pytest.mark.both_databases

LOCAL = {"Host": "127.0.0.1"}


@pytest.fixture
def full(settings, monkeypatch):
    """A disk on which there is never room enough."""
    settings.MIN_FREE_MB = 10**12
    vitals = HealthChecks()
    for door in ("api.health", "desk.board"):
        monkeypatch.setattr(f"stemtide.hub.{door}.vitals", vitals)


@pytest.mark.usefixtures("full", "world")
@pytest.mark.parametrize(
    ("headers", "knows"),
    [
        (LOCAL, True),
        ({"Host": "localhost:8100"}, True),
        ({"Host": "testserver"}, False),
        (LOCAL | {"X-Forwarded-For": "192.0.2.1"}, False),
        (LOCAL | {"Forwarded": "for=192.0.2.1"}, False),
        (LOCAL | {"X-Forwarded-Proto": "https"}, False),
    ],
)
def test_only_a_caller_on_the_hubs_own_machine_hears_why_it_is_not_well(headers, knows):
    answer = Client().get("/health", headers=headers)

    assert answer.status_code == 503
    assert ("MB left" in answer.json()["detail"]) is knows


@pytest.mark.usefixtures("full")
def test_a_key_that_reads_metrics_hears_why_the_hub_is_not_well(world):
    key = {"Authorization": f"Bearer {world.key(world.agency)}"}
    answer = Client().get("/health", headers=key)
    metrics = Client().get("/metrics", headers=key).content.decode()

    assert (answer.status_code, "MB left" in answer.json()["detail"]) == (503, True)
    assert "stemtide_healthy 0.0" in metrics
    assert 'stemtide_trouble{part="disk",reason="nearly-full"} 1.0' in metrics


@pytest.mark.usefixtures("full")
def test_the_board_says_that_the_hubs_disk_is_full(world):
    desk = Client()
    desk.force_login(
        world.person(world.authority), backend="django.contrib.auth.backends.ModelBackend"
    )

    assert "disk is full" in desk.get("/").content.decode()


@pytest.mark.nightly
def test_a_hub_whose_disk_takes_nothing_says_so_and_recovers():
    with serving() as hub, hub.client() as client:
        limits = resource.prlimit(hub.process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(hub.process.pid, resource.RLIMIT_FSIZE, (1, limits[1]))
        wait_until(lambda: client.get("/health").status_code == 503)

        assert "cannot be written to" in client.get("/health").json()["detail"]
        resource.prlimit(hub.process.pid, resource.RLIMIT_FSIZE, limits)
        wait_until(lambda: client.get("/health").status_code == 200)
        body = signal(hex_value(1))
        assert client.post("/api/v1/signals", json=body).status_code == 201


@pytest.mark.nightly
@pytest.mark.further_case
def test_a_damaged_sqlite_file_ends_the_start_in_one_line_with_the_remedy(run, empty_hub, tmp_path):
    empty_hub.pop("STEMTIDE_DATABASE_URL", None)
    file = tmp_path / "hub" / tables.NAME
    tables.lay(file.parent)
    file.write_bytes(b"\x17" * 8192 + file.read_bytes()[8192:])
    for words in (("hub", "start", "--port", "0"), ("party", "list")):
        command = run(*words)
        lines = command.stderr.read().splitlines()

        assert command.wait() == 1
        assert len(lines) == 1, lines
        assert f"{file} is damaged" in lines[0]
        assert "restore the last backup with `stemtide hub restore`" in lines[0]
