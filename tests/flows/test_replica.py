# SPDX-License-Identifier: Apache-2.0
"""A hub reads long pages, exports and metrics from a replica, and shows nothing that has ended."""

import os
import re
import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import httpx
import psycopg
import pytest

from stemtide.exercises import processes
from stemtide.hub.platform.postgresql.replica import _HAS, _WRITTEN
from tests import forks, postgres, standby
from tests.cli.conftest import run
from tests.flows.conftest import digest, row, until

pytestmark = [
    pytest.mark.flow,
    pytest.mark.skipif(postgres.binaries() is None, reason="PostgreSQL is not installed"),
]

READS = ("/api/v1/signals/export?format=csv", "/taxii2/hub/collections/signals/objects/")
TAXII = "application/taxii+json;version=2.1"
PAGES = {
    *("/ledger", "/records", "/retention", "/reports", "/progress", "/progress/orders"),
    *("/progress/yearly", "/signals", "/propagation", "/search?q=withdrawn"),
}
"""Pages of the desk that read the replica for a data protection officer of an authority."""

PERSON, PASSWORD = "officer@be-police.example", "correct-horse-battery"
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
            client.settings = settings
            yield client
    finally:
        process.stop()


def shown(client, path):
    """What a read shows."""
    accept = {"Accept": TAXII} if "taxii" in path else {}
    answer = client.get(path, headers=accept)
    assert answer.status_code == 200, answer.text
    return answer.text


@contextmanager
def signed_in(folder, client):
    """A browser of a data protection officer of the authority."""
    (folder / "password").write_text(PASSWORD)
    words = ["--party", "be-police", "--role", "data_protection_officer"]
    password = ["--password-file", folder / "password", "--data-dir", folder]
    done = run("person", "add", PERSON, *words, *password, **client.settings)
    assert done.code == 0, done.err
    with httpx.Client(base_url=client.base_url, follow_redirects=True, timeout=60) as browser:
        form = {"csrfmiddlewaretoken": token_of(browser.get("/sign-in").text)}
        answer = browser.post("/sign-in", data=form | {"username": PERSON, "password": PASSWORD})
        assert answer.status_code == 200, answer.text
        yield browser


def token_of(page):
    return re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)[1]


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


WAITS = """
SELECT pid FROM pg_stat_activity WHERE usename = 'stemtide' AND wait_event_type = 'Lock'
"""


def stop_in_a_read(replica):
    """Stop the server's process of a read that waits for a lock; return its number."""
    ((number,),) = until(lambda: replica.ask(WAITS))
    os.kill(number, signal.SIGSTOP)
    return number


def test_the_desk_reads_long_pages_there_and_shows_what_was_done_a_moment_before(tmp_path):
    with (
        standby.pair(is_synchronous=False) as (primary, replica),
        hub(tmp_path, primary=primary, replica=replica) as client,
        signed_in(tmp_path, client) as desk,
    ):
        _, uid = share(client)
        for path in PAGES:
            before = reads_of(replica)
            until(lambda path=path, before=before: is_read_there(desk, path, replica, before))
        assert f"signal:{uid}" in page_of(desk, "/ledger")
        token = {"csrfmiddlewaretoken": token_of(page_of(desk, "/ledger"))}
        before = reads_of(replica)
        until(lambda: exported(desk, token).count(uid) == 1 and reads_of(replica) > before)

        replica.ask("SELECT pg_wal_replay_pause()")
        _, later = share(client)
        assert f"signal:{later}" in page_of(desk, "/ledger")
        assert exported(desk, token).count(later) == 1
        assert str(later) in page_of(desk, f"/search?q={later}")
        replica.kill()
        assert f"signal:{later}" in page_of(desk, "/ledger")


def page_of(desk, path):
    answer = desk.get(path)
    assert answer.status_code == 200, answer.text
    return answer.text


def is_read_there(desk, path, replica, before):
    """Whether a page was read from the replica, which has counted more reads."""
    page_of(desk, path)
    return reads_of(replica) > before


def exported(desk, token):
    """What a member of the authority shared, as the file that the ledger's page gives."""
    form = token | {"as": "csv", "whose": "own", "kind": "signal.shared"}
    answer = desk.post("/ledger/export", data=form)
    assert answer.status_code == 200, answer.text
    return answer.text


def test_a_replica_that_hangs_in_a_read_costs_one_answer_and_no_thread(tmp_path):
    with (
        standby.pair(is_synchronous=False) as (primary, replica),
        hub(tmp_path, primary=primary, replica=replica) as client,
        ThreadPoolExecutor() as pool,
    ):
        value, _ = share(client)
        before = reads_of(replica)
        until(lambda: read_there(client, READS[1], value, replica, before))
        with psycopg.connect(**place_of(primary)) as session:
            session.execute("LOCK TABLE signals_signal")  # of its standby, too
            until(lambda: replica.ask("SELECT 1 FROM pg_locks WHERE mode = 'AccessExclusiveLock'"))
            waiting = pool.submit(client.get, READS[1], headers={"Accept": TAXII})
            stopped = stop_in_a_read(replica)
        try:
            answer = waiting.result()
            assert answer.status_code == 503, answer.text
            assert int(answer.headers["Retry-After"]) > 0
            assert value in shown(client, READS[1])
        finally:
            os.kill(stopped, signal.SIGCONT)


def place_of(server):
    """How to connect to a server, as psycopg's parameters."""
    place = {"host": "127.0.0.1", "port": server.port, "dbname": standby.DATABASE}
    return place | {"user": "postgres", "password": server.secret}


def compared(primary, replica):
    """Whether a replica has what its primary has, and whether that can be said at all."""
    (written,) = primary.ask(_WRITTEN)
    with psycopg.connect(**place_of(replica)) as session:
        return session.execute(_HAS, written).fetchone()


def test_a_standby_of_a_replaced_primary_is_not_read_though_its_place_is_later():
    with standby.pair(is_synchronous=False) as (old, new), ExitStack() as stack:
        replica = standby.Server("db3", secret=old.secret)
        stack.callback(replica.remove)
        replica.copy(old)
        replica.start()
        until(lambda: compared(old, replica) == (True, True))
        new.carry_out(standby.STATEMENTS.promote)
        old.ask("SELECT pg_logical_emit_message(false, 'more', repeat('x', 200000))")
        old.ask("CREATE TABLE more ()")
        until(lambda: compared(new, replica)[0])
        assert compared(new, replica) == (True, False)
        assert compared(old, replica) == (True, True)


def read_there(client, path, value, replica, before):
    """Whether a read shows a value, and the replica has counted more reads."""
    assert value in shown(client, path)
    return reads_of(replica) > before


def test_a_page_whose_replica_hangs_is_read_from_the_primary(tmp_path):
    with (
        standby.pair(is_synchronous=False) as (primary, replica),
        hub(tmp_path, primary=primary, replica=replica) as client,
        signed_in(tmp_path, client) as desk,
        ThreadPoolExecutor() as pool,
    ):
        _, uid = share(client)
        before = reads_of(replica)
        until(lambda: is_read_there(desk, "/signals", replica, before))
        with psycopg.connect(**place_of(primary)) as session:
            session.execute("LOCK TABLE signals_signal")  # of its standby, too
            until(lambda: replica.ask("SELECT 1 FROM pg_locks WHERE mode = 'AccessExclusiveLock'"))
            waiting = pool.submit(page_of, desk, "/signals")
            stopped = stop_in_a_read(replica)
        try:
            assert uid in waiting.result()
        finally:
            os.kill(stopped, signal.SIGCONT)
