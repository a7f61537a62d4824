# SPDX-License-Identifier: Apache-2.0
"""A hub is backed up and restored by command; a backup that is not whole and its own is refused."""

import gzip
import io
import os
import shutil
import sqlite3
import stat
import sys
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pyrage
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import connection

from stemtide.hub.backups import databases, encryption, keys as key_archive
from stemtide.hub.backups.manifest import MANIFEST, BackupError, StoredFile, new_name, read_signed
from stemtide.hub.rooms.ledger.rules.keys import KeyName
from stemtide.hub.rooms.snapshots.keys import keys_in
from stemtide.protocol.sync.signatures import sign
from stemtide.protocol.tlog.notes import Checkpoint
from tests import tables
from tests.cli.conftest import COMMAND, run, run_process
from tests.hub.api.conftest import empty_database, laid_database
from tests.rounds import some_of

PERSON = "duty@agency.example"
NEWER = {"signals": "9999_of_the_future"}


@dataclass
class Place:
    """A hub's data folder with its database, one backup of it, and the key that decrypts it."""

    folder: Path
    environment: dict[str, str]
    backups: Path
    keys: Path
    identity: Path
    recipient: str

    def run(self, *words, **environment):
        return run(*words, **(self.environment | environment))

    def back_up(self, *words):
        done = self.run(
            *("hub", "backup", self.backups, "--keys", self.keys, "--json"),
            *(words or ("--recipient", self.recipient)),
        )
        assert done.code == 0, done.err
        return Path(done.rows[0]["backup"])

    def restore(self, backup, target, *words, database=None, **environment):
        """Restore into a folder, and into this empty database or one of its own."""
        named = ("--keys", self.keys) if "--keys" not in words else ()
        given = ("--identity", self.identity) if "--identity" not in words else ()
        at = ("--data-dir", target, "--json")
        with empty_database() if database is None else nullcontext(database) as settings:
            environment |= settings
            return run("hub", "restore", backup, *named, *given, *at, *words, **environment)


@dataclass
class Copy:
    """A backup to change, and the folder of its keys."""

    backup: Path
    keys: Path


def new_identity(path):
    identity = pyrage.x25519.Identity.generate()
    path.write_text(f"# made by a test\n{identity}\n", "utf-8")
    return str(identity.to_public())


@contextmanager
def place_of(folder):
    with laid_database(folder / "hub") as database:
        yield Place(
            folder / "hub",
            {**database, "STEMTIDE_DATA_DIR": str(folder / "hub")},
            folder / "backups",
            folder / "keys",
            folder / "identity",
            new_identity(folder / "identity"),
        )


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    """A hub with a party and a person, and one backup of it."""
    with place_of(tmp_path_factory.mktemp("backups")) as place:
        place.run("party", "add", "agency", "--kind", "agency")
        person = ("--party", "agency", "--role", "duty_officer")
        assert place.run("person", "add", PERSON, *person).code == 0
        place.first = place.back_up()
        yield place


@pytest.fixture
def copy(hub, tmp_path):
    """A copy of the backup and its keys, to change."""
    keys = tmp_path / "keys"
    keys.mkdir()
    shutil.copy(hub.keys / f"{hub.first.name}.keys.age", keys)  # other tests make more backups
    return Copy(Path(shutil.copytree(hub.first, tmp_path / hub.first.name)), keys)


def content(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def entries(environment):
    """The kinds and subjects of a hub's ledger, in order."""
    address = environment.get("STEMTIDE_DATABASE_URL")
    path = Path(environment["STEMTIDE_DATA_DIR"]) / tables.NAME
    with closing(tables.connected(address) if address else sqlite3.connect(path)) as database:
        rows = database.execute("SELECT kind, subject FROM ledger_entry ORDER BY number")
        return rows.fetchall()


def is_private(*folders):
    paths = [path for folder in folders for path in (folder, *folder.rglob("*"))]
    return all(not stat.S_IMODE(path.stat().st_mode) & 0o077 for path in paths)


def test_a_hub_is_restored_with_its_rows_keys_and_an_entry(hub, tmp_path):
    target = tmp_path / "restored"
    with empty_database() as database:
        done = hub.restore(hub.first, target, database=database)
        assert done.code == 0, done.err
        at = {**database, "STEMTIDE_DATA_DIR": str(target)}
        (person,) = run("person", "list", "--party", "agency", "--json", **at).rows
        verified = run("hub", "verify", "--json", **at)
        assert (verified.code, {row["level"] for row in verified.rows}) == (0, {"ok"})
        assert entries(at)[-1] == ("backup.restored", f"backup:{hub.first.name}")
        again = hub.restore(hub.first, tmp_path / "again", database=database)

    assert person["email"] == PERSON
    for name in ("secret.key", "signing.key", "media.key", "seal.pem"):
        assert (target / name).read_bytes() == (hub.folder / name).read_bytes()
    if database:
        assert (again.code, "is not empty: create an empty one" in again.err) == (1, True)
        assert not (tmp_path / "again").exists()


@pytest.mark.nightly
def test_files_are_private_and_the_manifest_has_no_secret(hub, tmp_path):
    target = tmp_path / "restored"
    assert hub.restore(hub.first, target).code == 0
    manifest = (hub.first / MANIFEST).read_text("utf-8")
    secrets = [
        line
        for name in ("secret.key", "signing.key", "media.key", "seal.pem")
        for line in (hub.folder / name).read_text("utf-8").splitlines()
        if not line.startswith("-----")
    ]

    assert is_private(hub.backups, hub.keys, target)
    assert len(secrets) > 4
    assert not any(secret in manifest for secret in secrets)
    everything = b"".join(content(hub.backups).values())
    assert PERSON.encode() not in everything
    assert not any(secret.encode() in everything for secret in secrets)


def test_a_backup_is_recorded_and_leaves_nothing_in_the_data_folder(hub):
    assert ("backup.created", f"backup:{hub.first.name}") in entries(hub.environment)
    assert not list(hub.folder.glob("backup-*"))


# Backups that are refused


def cut(copy):
    path = next(copy.backup.glob("database*"))
    os.truncate(path, path.stat().st_size - 1)


def turn_a_bit(copy):
    path = next(copy.backup.glob("database*"))
    changed = bytearray(path.read_bytes())
    changed[len(changed) // 2] ^= 1
    path.write_bytes(changed)


def lose_the_database(copy):
    next(copy.backup.glob("database*")).unlink()


def put_another_database(copy):
    """Encrypt a database for the same recipient, and adapt the manifest, without the hub's key."""
    manifest, signed = read_signed(copy.backup)
    path = next(copy.backup.glob("database*"))
    path.write_bytes(
        pyrage.encrypt(b"ours", [pyrage.x25519.Recipient.from_str(manifest.recipients[0])])
    )
    changed = manifest.model_copy(update={"database": stored(path)})
    text = signed.model_copy(update={"manifest": changed.model_dump_json()})
    (copy.backup / MANIFEST).write_text(text.model_dump_json(), "utf-8")


def sign_it_with_another_key(copy):
    manifest, _ = read_signed(copy.backup)
    stranger = keys_in(copy.backup.parent / "stranger.key")
    text = sign(manifest, keys=stranger.private).model_dump_json()
    (copy.backup / MANIFEST).write_text(text, "utf-8")


def swap_the_keys(copy):
    path = next(copy.keys.glob("*.keys.age"))
    path.write_bytes(path.read_bytes() + b"x")


def scribble_the_manifest(copy):
    (copy.backup / MANIFEST).write_text("{", "utf-8")


def lose_the_keys(copy):
    next(copy.keys.glob("*.keys.age")).unlink()


def stored(path):
    with path.open("rb") as file:
        measured = encryption._Measured(file)
        measured.read()
    return StoredFile(name=path.name, size_bytes=measured.size_bytes, sha256=measured.sha256)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (cut, "it was not copied completely"),
        (turn_a_bit, "was damaged or changed after it was written"),
        (lose_the_database, "cannot be read: No such file"),
        (put_another_database, "the hub did not sign this manifest"),
        (sign_it_with_another_key, "the hub did not sign this manifest"),
        (swap_the_keys, "it was not copied completely"),
        (scribble_the_manifest, "manifest.json cannot be read"),
        (lose_the_keys, "cannot be read: No such file"),
    ],
)
def test_a_changed_backup_is_refused_and_nothing_is_written(hub, copy, tmp_path, change, reason):
    change(copy)

    done = hub.restore(copy.backup, tmp_path / "restored", "--keys", copy.keys)

    assert done.code == 1
    assert reason in done.err
    assert len(done.err.splitlines()) <= 2
    assert not (tmp_path / "restored").exists()


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--identity", "other"], "no key of --identity decrypts"),
        (["--identity", "missing"], "cannot be read as age keys"),
    ],
)
def test_a_wrong_key_is_refused(hub, tmp_path, words, reason):
    new_identity(tmp_path / "other")
    given = [words[0], tmp_path / words[1]]

    done = hub.restore(hub.first, tmp_path / "restored", *given)

    assert (done.code, reason in done.err) == (1, True)
    assert not (tmp_path / "restored").exists()


@pytest.mark.parametrize("is_encrypted", [True, False])
def test_a_file_that_is_changed_after_its_check_is_refused(tmp_path, is_encrypted):
    """Whoever can write where backups lie could swap the database between check and restore."""
    identity = pyrage.x25519.Identity.generate()
    recipients = [str(identity.to_public())] if is_encrypted else []
    path, other = tmp_path / "database", tmp_path / "other"
    checked = encryption.write_file(path, io.BytesIO(b"the hub's"), recipients=recipients)
    encryption.write_file(other, io.BytesIO(b"a forged one"), recipients=recipients)
    other.replace(path)

    with pytest.raises(BackupError, match="choose another backup"):
        encryption.read_file(
            path, io.BytesIO(), stored=checked, identities=[identity], is_encrypted=is_encrypted
        )


def test_a_packed_file_of_keys_is_refused_unopened():
    """A small packed archive can unpack to any size."""
    contents = dict.fromkeys(KeyName, b"secret")
    assert key_archive.unpack(key_archive.pack(contents)) == contents

    with pytest.raises(BackupError, match="the file of keys is damaged"):
        key_archive.unpack(gzip.compress(key_archive.pack(contents)))


def test_a_backup_of_a_newer_version_is_refused(hub, copy, tmp_path):
    manifest, _ = read_signed(copy.backup)
    newer = manifest.model_copy(
        update={"version": "9.9.9", "migrations": manifest.migrations | NEWER}
    )
    own = keys_in(hub.folder / "signing.key").private
    (copy.backup / MANIFEST).write_text(sign(newer, keys=own).model_dump_json(), "utf-8")

    done = hub.restore(copy.backup, tmp_path / "restored", "--keys", copy.keys)

    assert done.code == 1
    assert "of a newer version, 9.9.9" in done.err
    assert "signals 9999_of_the_future" in done.err
    assert not (tmp_path / "restored").exists()


def test_a_folder_that_is_in_use_is_refused_and_stays_as_it_is(hub, tmp_path):
    target = tmp_path / "restored"
    target.mkdir()
    (target / "photographs").write_text("mine", "utf-8")

    done = hub.restore(hub.first, target)

    assert (done.code, "is not empty (it contains photographs)" in done.err) == (1, True)
    assert content(target) == {target / "photographs": b"mine"}


def test_settings_with_another_secret_are_refused(hub, tmp_path):
    done = hub.restore(hub.first, tmp_path / "restored", STEMTIDE_SECRET_KEY="another")

    assert (done.code, "is not the secret of the backup" in done.err) == (1, True)
    assert not (tmp_path / "restored").exists()


def test_a_folder_of_backups_is_no_backup_and_the_newest_is_named(hub, tmp_path):
    done = hub.restore(hub.backups, tmp_path / "restored")

    assert (done.code, f"name one of those in it, such as {hub.backups}" in done.err) == (1, True)


def test_no_command_runs_on_a_folder_whose_restore_was_interrupted(tmp_path):
    (tmp_path / "restore.incomplete").touch()

    done = run("hub", "start", "--port", "0", "--data-dir", tmp_path)

    assert (done.code, "a restore was interrupted" in done.err) == (1, True)


def test_a_backup_is_checked_without_a_place_to_restore_it_to(hub, tmp_path):
    done = hub.restore(hub.first, tmp_path / "restored", "--check")

    assert (done.code, done.rows[0]["backup"]) == (0, hub.first.name)
    assert not (tmp_path / "restored").exists()


# Writing


@pytest.mark.parametrize(
    ("words", "code", "reason"),
    [
        ((), 2, "give --recipient age1"),
        (("--recipient", "age1nonsense"), 2, "is not a recipient"),
        (("--recipients-file", "identity"), 2, "that is a secret key"),
        (("--recipient", "OWN", "--unencrypted"), 2, "not both"),
        (("--recipient", "OWN", "--keys", "backups/keys"), 1, "are not apart"),
    ],
)
def test_a_backup_needs_recipients_and_a_place_for_keys(hub, words, code, reason):
    here = hub.folder.parent
    given = [
        {"OWN": hub.recipient}.get(word, here / word if "/" in word or word == "identity" else word)
        for word in words
    ]
    keys = () if "--keys" in words else ("--keys", hub.keys)
    before = sorted(hub.backups.iterdir())

    done = hub.run("hub", "backup", hub.backups, *keys, *given)

    assert (done.code, reason in done.err) == (code, True), done.err
    assert sorted(hub.backups.iterdir()) == before


@pytest.mark.nightly
def test_an_unencrypted_backup_is_restored_without_a_key(tmp_path):
    with place_of(tmp_path) as place:
        backup = place.back_up("--unencrypted")
        at = ("--keys", place.keys, "--data-dir", tmp_path / "restored")
        with empty_database() as database:
            done = run("hub", "restore", backup, *at, **database)

    assert done.code == 0, done.err
    assert next(backup.glob("database*")).name == f"database.{read_signed(backup)[0].kind}"


@pytest.mark.nightly
def test_a_copy_that_a_killed_process_left_is_deleted_a_day_later(hub):
    if "STEMTIDE_DATABASE_URL" in hub.environment:
        pytest.skip("PostgreSQL's dump never lies on the disk")
    old, young = hub.folder / "backup-old", hub.folder / "backup-young"
    for folder in (old, young):
        folder.mkdir()
        for name in ("hub.sqlite3", "hub.sqlite3-journal"):
            (folder / name).touch()
    os.utime(old, (0, 0))

    hub.back_up()

    assert (old.exists(), young.exists()) == (False, True)
    shutil.rmtree(young)


@pytest.mark.nightly
def test_backups_within_the_data_folder_are_no_leftovers(hub):
    """An operator may keep them there, in a folder whose name begins as that of a copy does."""
    own = hub.folder / "backup-weekly"
    shutil.copytree(hub.first, own / hub.first.name)
    os.utime(own, (0, 0))

    hub.back_up()

    assert (own / hub.first.name / MANIFEST).exists()
    shutil.rmtree(own)


@pytest.mark.nightly
def test_a_full_disk_leaves_no_backup(tmp_path):
    """A limit on the size of files stands for the disk."""
    with place_of(tmp_path) as place:
        limited = ("bash", "-c", 'ulimit -f 100; exec "$0" "$@"', str(COMMAND))
        done = run_process(
            *("hub", "backup", place.backups, "--keys", place.keys),
            *("--recipient", place.recipient),
            program=limited,
            **place.environment,
        )

    assert done.code == 1, done.err
    assert list(place.backups.iterdir()) == []
    assert list(place.keys.glob("*.age")) == []
    assert not list(place.folder.glob("backup-*"))


@pytest.mark.nightly
def test_a_backup_that_has_its_name_keeps_its_keys_if_the_disk_fails_then(hub, tmp_path):
    """A folder that cannot be opened to be flushed stands for the disk."""
    backups, keys = tmp_path / "backups", tmp_path / "keys"
    failing = f"""
import os, sys
real = os.fsync
def fsync(descriptor):
    if os.readlink(f"/proc/self/fd/{{descriptor}}") == {str(backups)!r}:
        raise OSError(5, "Input/output error")
    real(descriptor)
os.fsync = fsync
from stemtide.cli.app import main
main()
"""
    done = run_process(
        *("hub", "backup", backups, "--keys", keys, "--recipient", hub.recipient),
        program=(sys.executable, "-c", failing),
        **hub.environment,
    )
    assert (done.code, "Input/output error" in done.err) == (1, True), done.err
    [backup] = backups.iterdir()
    assert (keys / f"{backup.name}.keys.age").exists()


def age(backup, *, days, place):
    """Let a backup be older than it is; return its folder."""
    manifest, _ = read_signed(backup)
    before = datetime.now(UTC) - timedelta(days=days)
    name = new_name(before)
    file = manifest.keys.model_copy(update={"name": f"{name}.keys.age"})
    (place.keys / manifest.keys.name).rename(place.keys / file.name)
    older = manifest.model_copy(update={"name": name, "keys": file, "created_at": before})
    change_manifest(backup, older, place=place)
    return backup.rename(backup.with_name(name))


def change_manifest(backup, manifest, *, place):
    own = keys_in(place.folder / "signing.key").private
    (backup / MANIFEST).write_text(sign(manifest, keys=own).model_dump_json(), "utf-8")


@pytest.mark.nightly
def test_backups_past_their_term_are_deleted_and_others_are_not(tmp_path):
    with place_of(tmp_path) as place:
        old, recent, touched, foreign = (
            age(place.back_up(), days=days, place=place) for days in (31, 29, 31, 31)
        )
        (touched / "notes.txt").write_text("do not delete", "utf-8")
        manifest, _ = read_signed(foreign)
        other = manifest.model_copy(update={"hub": uuid4()})
        change_manifest(foreign, other, place=place)
        redated = place.back_up()
        manifest, _ = read_signed(redated)
        dated = {"created_at": datetime.now(UTC) - timedelta(days=99)}
        change_manifest(redated, manifest.model_copy(update=dated), place=place)
        elsewhere = tmp_path / "elsewhere"
        shutil.copytree(old, elsewhere)
        (place.backups / old.name.replace("Z-", "Z-0")[:-1]).symlink_to(elsewhere)
        interrupted = place.backups / f".incomplete-{old.name}"
        interrupted.mkdir()
        os.utime(interrupted, (0, 0))

        newest = place.back_up("--recipient", place.recipient, "--keep-days", "30")

    left = {path.name for path in place.backups.iterdir() if not path.is_symlink()}
    assert left == {recent.name, touched.name, foreign.name, redated.name, newest.name}
    assert (elsewhere / MANIFEST).exists()
    assert not (place.keys / f"{old.name}.keys.age").exists()
    assert (place.keys / f"{recent.name}.keys.age").exists()
    assert (place.keys / f"{redated.name}.keys.age").exists()


@pytest.mark.both_databases
@pytest.mark.django_db
def test_programs_of_postgresql_get_no_password_in_their_arguments():
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has no password")
    password = connection.get_connection_params()["password"]

    assert databases._environment()["PGPASSWORD"] == password
    assert not any(password in word for word in databases._connection_words())


@pytest.mark.parametrize(
    ("origin", "is_own_key", "reason"),
    some_of(
        1,
        [
            ("stemtide/{hub}", True, ""),
            ("stemtide/{hub}/20261129T071648Z", True, ""),
            ("stemtide/{hub}", False, "by no key that you trust"),
            ("stemtide/{hub}0", True, "and not of stemtide/"),
        ],
    ),
)
def test_a_last_head_is_one_that_the_hub_signed(hub, tmp_path, origin, is_own_key, reason):
    manifest, _ = read_signed(hub.first)
    own = keys_in(hub.folder / "signing.key").private[0]
    head = Checkpoint(origin.format(hub=manifest.hub), 5000, bytes(32))
    file = tmp_path / "checkpoint"
    file.write_text(head.sign([own if is_own_key else Ed25519PrivateKey.generate()]), "utf-8")

    done = hub.restore(hub.first, tmp_path / "restored", "--last-head", file)

    assert (done.code, reason in done.err) == (1 if reason else 0, True), done.err
    assert (tmp_path / "restored").exists() is not bool(reason)
    if not reason:
        last = manifest.entries + 1
        assert done.rows[0]["lost"] == f"entries {last} to 4999 and any later ones"
