# SPDX-License-Identifier: Apache-2.0
"""A hub reads TAXII pages, exports and metrics from a replica, and shows nothing that has ended."""

from contextlib import contextmanager

import httpx
import pytest

from stemtide.exercises import processes
from tests import forks, postgres, standby
from tests.cli.conftest import run
from tests.flows.conftest import digest, row, until

pytestmark = [
    pytest.mark.flow,
    pytest.mark.skipif(postgres.binaries() is None, reason="PostgreSQL is not installed"),
]

READS = ("/api/v1/signals/export?format=csv", "/taxii2/hub/collections/signals/objects/")
TAXII = "application/taxii+json;version=2.1"
READ = "SELECT coalesce(sum(seq_scan + idx_scan), 0) FROM pg_stat_user_tables"
SESSIONS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'stemtide'"


@contextmanager
def hub(folder, *, primary, replica):
    """A hub with a replica, and a client of an authority."""
    urls = [
        f"postgres://stemtide:{server.secret}@127.0.0.1:{server.port}/{standby.DATABASE}"
        for server in (primary, replica)
    ]
    settings = {"STEMTIDE_DATABASE_URL": urls[0], "STEMTIDE_REPLICA_URL": urls[1]}

    def command(*words):
        done = run(*words, "--data-dir", folder, "--json", **settings)
        assert done.code == 0, done.err
        return done.rows

    command("party", "add", "be-police", "--kind", "authority")
    scopes = ("feed:read", "signals:write", "metrics:read")
    words = [word for scope in scopes for word in ("--scope", scope)]
    (made,) = command("key", "new", "--party", "be-police", *words)
    process = forks.ForkedRunning.of(processes.hub(folder, environment=settings)).start()
    headers = {"Authorization": f"Bearer {made['key']}"}
    try:
        with httpx.Client(base_url=process.address, headers=headers, timeout=60) as client:
            yield client
    finally:
        process.stop()


def shown(client, path):
    """What a read shows."""
    accept = {"Accept": TAXII} if "taxii" in path else {}
    answer = client.get(path, headers=accept)
    assert answer.status_code == 200, answer.text
    return answer.text


def reads_of(replica):
    """How many reads of tables the replica has counted; those of open sessions come late."""
    replica.ask(SESSIONS)  # a session counts when it ends
    return replica.ask(READ)[0][0]


def share(client):
    value = digest()
    answer = client.post("/api/v1/signals", json=row(value))
    assert answer.status_code == 201, answer.text
    return value, answer.json()["id"]


def test_a_replica_is_read_as_long_as_it_is_as_new_as_the_primary(tmp_path):
    with (
        standby.pair(is_synchronous=False) as (primary, replica),
        hub(tmp_path, primary=primary, replica=replica) as client,
    ):
        value, uid = share(client)
        for path in READS:
            before = reads_of(replica)
            until(lambda path=path, before=before: read_there(client, path, value, replica, before))
        assert "stemtide_signals" in shown(client, "/metrics")

        replica.ask("SELECT pg_wal_replay_pause()")
        withdrawn = client.post(f"/api/v1/signals/{uid}/withdraw", json={"reason": "context"})
        assert withdrawn.status_code == 200, withdrawn.text
        export, objects = (shown(client, path) for path in READS)
        assert value not in export
        assert '"revoked":true' in objects.replace(" ", "")
        assert 'stemtide_signals{state="withdrawn"} 1.0' in shown(client, "/metrics")
        replica.ask("SELECT pg_wal_replay_resume()")

        replica.kill()
        value, _ = share(client)
        for path in READS:
            assert value in shown(client, path)


def read_there(client, path, value, replica, before):
    """Whether a read shows a value, and the replica has counted more reads."""
    assert value in shown(client, path)
    return reads_of(replica) > before
