# SPDX-License-Identifier: Apache-2.0
"""`stemtide hub doctor` is content with a right set-up, and says the remedy for a broken one."""

import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from django.db import connection, transaction
from django.db.migrations.recorder import MigrationRecorder

from stemtide.fingerprints.sandbox.walls import Wall
from stemtide.hub import host_keys
from stemtide.hub.checks import database, diagnosis, machine, surroundings
from stemtide.hub.checks.results import Level
from stemtide.hub.platform.documents import seal_files
from stemtide.hub.rooms.ledger.models import Entry, HubKey
from stemtide.hub.rooms.ledger.writes import backups, ledger
from stemtide.protocol.tlog.notes import encode_base64
from tests.cli.conftest import run
from tests.hub.alerts.test_mail import server as mail_server
from tests.hub.conftest import guards_lifted
from tests.rounds import some_of

pytestmark = pytest.mark.django_db

NOW = datetime.now(UTC)
HOST = "hub.example.eu"


class _Hub(BaseHTTPRequestHandler):
    """Answers as a hub does at its public address."""

    def do_GET(self):
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def public():
    """The address of a server that answers."""
    with HTTPServer(("127.0.0.1", 0), _Hub) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def hub(settings, tmp_path, public, world):  # noqa: ARG001  # the tables must be there
    """A right set-up, apart from mail."""
    settings.DATA_DIR = tmp_path
    settings.MEDIA_KEY_FILE = tmp_path / "media.key"
    settings.SIGNING_KEY_FILE = tmp_path / "signing.key"
    settings.SECRET_KEY = "a secret of enough characters, as it is made"
    settings.SECRET_KEY_PLACE = "STEMTIDE_SECRET_KEY"
    settings.SECOND_FACTOR_REQUIRED = True
    settings.WEBHOOK_LOOPBACK = settings.EXCHANGE_LOOPBACK = settings.RECHECK_LOOPBACK = False
    settings.ACCEPT_MISSING_WALLS = frozenset(Wall)
    settings.HUB_ADDRESS = public
    settings.ALLOWED_HOSTS = ["127.0.0.1"]
    tmp_path.chmod(0o700)
    host_keys.record(actor="operator", now=NOW)
    backups.record_backup("stemtide-backup-1", is_encrypted=True, actor="operator", now=NOW)
    connection.check_constraints()  # or PostgreSQL lets nobody lift the guards
    return settings


def clock():
    return datetime.now(UTC)


def results():
    return list(diagnosis.diagnose(workers=1, now=clock))


def test_a_right_set_up_has_no_failure(hub):
    with mail_server() as inbox:
        hub.EMAIL_HOST, hub.EMAIL_PORT = "127.0.0.1", inbox.port
        hub.EMAIL_USE_TLS = hub.EMAIL_USE_SSL = False
        hub.DEFAULT_FROM_EMAIL = f"stemtide@{HOST}"
        found = [one for one in results() if one.level is not Level.OK]

    assert {one.check for one in found} <= {"walls", "disk", "open files"}, found
    assert Level.FAIL not in {one.level for one in found}


def test_a_set_up_without_mail_and_backups_is_warned_of(hub):
    with guards_lifted():
        Entry.objects.filter(kind="backup.created").delete()
    hub.HUB_ADDRESS = ""

    warned = {one.check: one.text for one in results() if one.level is Level.WARN}

    assert "so the hub sends no mail" in warned["mail"]
    assert "so alerts have no links" in warned["address"]
    assert "never backed up" in warned["backups"]


def fill_the_disk(settings):
    settings.MIN_FREE_MB = 10**12


def open_a_key(settings):
    settings.MEDIA_KEY_FILE.chmod(0o644)


def lose_the_mail_server(settings):
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1


def forget_an_allowed_host(settings):
    settings.ALLOWED_HOSTS = [HOST]


def allow_every_host(settings):
    settings.ALLOWED_HOSTS = ["*"]


def lose_the_proxy(settings):
    settings.HUB_ADDRESS = "http://127.0.0.1:1"


def take_another_secret(settings):
    settings.SECRET_KEY = "another secret, which is not the one of the hub"


def lose_a_key(settings):
    settings.SIGNING_KEY_FILE.unlink()


def leave_a_migration(_):
    MigrationRecorder.Migration.objects.filter(app="webhooks").order_by("-id").first().delete()


def come_from_a_newer_version(_):
    MigrationRecorder.Migration.objects.create(app="webhooks", name="9999_future")


def set_the_clock_back(_):
    with guards_lifted():
        last = Entry.objects.order_by("number").last()
        Entry.objects.filter(pk=last.pk).update(recorded_at=NOW + timedelta(hours=3))


def let_the_seal_expire(settings):
    path = settings.DATA_DIR / "old.pem"
    seal_files.own_seal(path, name="a hub", now=NOW - timedelta(days=3660))
    settings.SEAL_FILE = str(path)
    HubKey.objects.filter(name="seal").delete()


def let_the_backup_age(_):
    with guards_lifted():
        Entry.objects.filter(kind="backup.created").update(recorded_at=NOW - timedelta(days=9))


def lose_signed_entries(_):
    detail = {"last": ["stemtide/a-hub", "4711", encode_base64(bytes(32))]}
    with transaction.atomic():
        ledger.append("log.halted", actor="clock", subject="log", now=NOW, detail=detail)


@pytest.mark.parametrize(
    ("break_it", "check", "text", "remedy"),
    some_of(
        8,
        [
            (fill_the_disk, "disk", "MB left, and less than", "make room"),
            (open_a_key, "permissions", "media.key (mode 0644)", "chmod go="),
            (lose_the_mail_server, "mail", "127.0.0.1:1 cannot be used", "STEMTIDE_MAIL_URL"),
            (forget_an_allowed_host, "address", "lacks 127.0.0.1", "add 127.0.0.1"),
            (allow_every_host, "address", "allows every host", "name the hub's own hosts"),
            (lose_the_proxy, "proxy", "does not answer from here", "start the hub and its proxy"),
            (take_another_secret, "keys", "the secret key is another", ""),
            (lose_a_key, "keys", "the signing key is missing", ""),
            (leave_a_migration, "migrations", "migrations wait", "back up the hub, then start it"),
            (come_from_a_newer_version, "migrations", "of a newer version", "install that version"),
            (set_the_clock_back, "clock", "in the future", "NTP"),
            (let_the_seal_expire, "seals", "the hub's seal expired on", "renew the certificate"),
            (lose_signed_entries, "log", "signed entries, up to 4710", "hub reopen-log --yes"),
            (let_the_backup_age, "backups", "the last backup is of", "stemtide hub backup"),
        ],
    ),
)
def test_a_broken_set_up_fails_with_its_remedy(hub, break_it, check, text, remedy):
    break_it(hub)

    failed = [one for one in results() if one.level is Level.FAIL]

    assert {one.check for one in failed} == {check}, failed
    assert text in failed[0].text
    assert remedy in failed[0].remedy


@pytest.mark.both_databases
def test_standbys_that_the_settings_expect_and_nobody_runs_are_missed(hub):
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has no standbys")
    hub.STANDBYS = 2
    failed = [one.text for one in results() if one.level is Level.FAIL]
    assert "names one host" in failed[0]
    assert failed[1:] == ["0 of 2 standbys follow"]
    hub.STANDBYS = 0
    assert "standbys" not in {one.check for one in results()}


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"HUB_ADDRESS": f"http://{HOST}"}, "is not https://"),
        ({"SESSION_COOKIE_SECURE": False}, "STEMTIDE_HTTPS is off"),
        ({"TRUSTED_PROXIES": ()}, "names no proxy"),
    ],
)
def test_a_public_address_needs_tls_and_a_named_proxy(settings, changed, text):
    right = {"HUB_ADDRESS": f"https://{HOST}", "ALLOWED_HOSTS": [HOST]}
    right |= {"SESSION_COOKIE_SECURE": True, "TRUSTED_PROXIES": ("10.0.0.1",)}
    for name, value in right.items():
        setattr(settings, name, value)
    assert [one.level for one in surroundings.address()] == [Level.OK]
    for name, value in changed.items():
        setattr(settings, name, value)

    (found,) = surroundings.address()

    assert (found.level, text in found.text) == (Level.FAIL, True)


GOOD = {"strict-transport-security": "max-age=31536000"}


@pytest.mark.parametrize(
    ("status", "headers", "days", "expected"),
    [
        (200, GOOD, 60, []),
        (503, GOOD, 60, []),
        (400, GOOD, 60, [(Level.FAIL, "answers 400 to /health")]),
        (200, {}, 60, [(Level.FAIL, "takes requests over TLS for plain HTTP")]),
        (200, GOOD, 5, [(Level.WARN, "the TLS certificate expires on")]),
        (
            200,
            GOOD | {"date": "Sun, 29 Nov 2020 04:44:24 GMT"},
            60,
            [(Level.WARN, "the proxy's clock differs")],
        ),
    ],
)
def test_what_a_response_shows_of_the_proxy(status, headers, days, expected):
    end = NOW + timedelta(days=days)
    found = list(surroundings.proxy_flaws(status, headers, expires_at=end, now=NOW))

    assert [one.level for one in found] == [level for level, _ in expected]
    assert all(text in one.text for one, (_, text) in zip(found, expected, strict=True))


@pytest.mark.usefixtures("hub")
@pytest.mark.parametrize(
    ("mode", "level"), some_of(1, [(0o644, Level.WARN), (0o600, Level.OK), (0o640, Level.OK)])
)
def test_a_file_of_a_setting_may_be_read_by_a_group(monkeypatch, tmp_path, mode, level):
    path = tmp_path / "mail"
    path.touch(mode=0o600)
    path.chmod(mode)
    monkeypatch.setenv("STEMTIDE_MAIL_URL_FILE", str(path))

    assert [one.level for one in machine.permissions()] == [level]


def test_a_missing_wall_that_no_setting_names_is_a_failure(hub, monkeypatch):
    """Which walls stand depends on the system: here none does."""
    monkeypatch.setattr(machine, "available_walls", frozenset)
    hub.ACCEPT_MISSING_WALLS = frozenset()

    (found,) = machine.walls()

    assert (found.level, "the hub does not start" in found.text) == (Level.FAIL, True)


def test_settings_for_demos_are_named(hub):
    hub.WEBHOOK_LOOPBACK, hub.SECOND_FACTOR_REQUIRED = True, False

    found = list(surroundings.switches())

    assert [one.level for one in found] == [Level.WARN, Level.WARN]
    assert "STEMTIDE_WEBHOOK_LOOPBACK" in found[0].text


@pytest.mark.usefixtures("hub")
def test_postgresql_needs_a_connection_for_each_thread_of_a_worker():
    found = list(database.connections(workers=1000))
    if connection.vendor == "sqlite":
        assert found == []
        return

    assert (found[0].level, "may need 40020" in found[0].text) == (Level.FAIL, True)
    assert [one.check for one in database.queries()] == ["queries"]
    (found,) = database.clock(clock() + timedelta(minutes=1))
    assert "this machine and the database server differ by 60 s" in found.text


@pytest.mark.usefixtures("hub")
def test_an_error_in_one_check_does_not_end_the_others(monkeypatch):
    def broken():
        raise RuntimeError("no such\nthing")

    monkeypatch.setattr(machine, "disk", broken)
    found = results()

    assert found[0].text == "could not be checked (RuntimeError: no such thing)"
    assert len({one.check for one in found}) > 10


def test_a_place_without_a_database_is_a_failure_and_stays_without_one(tmp_path):
    done = run("hub", "doctor", "--json", "--data-dir", tmp_path / "hub")

    assert done.code == 1
    assert done.rows[-1]["check"] == "database"
    assert "there is no file" in done.rows[-1]["text"]
    assert not (tmp_path / "hub" / "hub.sqlite3").exists()
