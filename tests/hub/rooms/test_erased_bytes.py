# SPDX-License-Identifier: Apache-2.0
"""What was erased is in no byte of the database's files, nor in the tiles; all proofs hold."""

import re
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection

from stemtide.hub.rooms.retention.writes import purges
from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.signals.writes import signals
from stemtide.hub.rooms.transparency.models import Log
from stemtide.hub.rooms.transparency.reads import log
from stemtide.hub.rooms.transparency.reads.verification import verify
from stemtide.hub.rooms.transparency.writes import leaves
from stemtide.protocol.law.deadlines import months_after
from stemtide.protocol.tlog.tiles import tiles_of
from tests.rounds import on_sqlite, rounds
from tests.world import NOON, hex_value, signal_in

COUNT = rounds(60, nightly=1000)
EXPIRED = NOON + timedelta(hours=1)
LATER = months_after(EXPIRED, 6) + timedelta(days=1)
STAYS = hex_value(1)


def value(number):
    return hex_value(10_000 + number)


def host(number):
    return f"rare-{number}-host.example"


@pytest.fixture
def hub(committed_world):
    """A hub that shared many signals, which expired, and one that stays."""
    committed_world.share(value=STAYS)
    facts = {"expires_at": EXPIRED}
    bodies = [signal_in(value=value(number), **facts) for number in range(COUNT)]
    bodies += [
        signal_in(value=f"https://{host(number)}/1", kind="url", **facts) for number in range(COUNT)
    ]
    signals.share_many(bodies, by=committed_world.authority, now=NOON)
    leaves.follow_ledger(NOON)
    assert signals.expire_due(EXPIRED) == 2 * COUNT
    leaves.follow_ledger(EXPIRED)
    return committed_world


def files():
    """The files of the database, and its write-ahead log."""
    if connection.vendor == "sqlite":
        path = Path(connection.settings_dict["NAME"])
        return [file for file in path.parent.glob(f"{path.name}*") if not file.name.endswith("shm")]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_setting('data_directory'), oid FROM pg_database"
            " WHERE datname = current_database()"
        )
        folder, oid = cursor.fetchone()
    kept = [*Path(folder, "base", str(oid)).iterdir(), *Path(folder, "pg_wal").iterdir()]
    return [file for file in kept if file.is_file()]


def traces():
    """Which values and hosts are in a byte of the database; of some values, also as raw bytes."""
    content = b"\n".join(file.read_bytes() for file in files())
    assert STAYS.encode() in content
    found = {name.decode() for name in re.findall(rb"rare-\d+-host\.example", content)}
    found |= {text for text in map(value, range(COUNT)) if text.encode() in content}
    return found | {
        text for text in map(value, range(0, COUNT, 20)) if bytes.fromhex(text) in content
    }


@contextmanager
def emptied_log():
    """Do what docs/understand/retention.md says is done, or to do, after an erasure."""
    if connection.vendor == "sqlite":
        purges.empty_write_ahead_log(LATER)
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("VACUUM FULL")
        cursor.execute("ALTER SYSTEM SET wal_recycle = off")
        cursor.execute("SELECT pg_reload_conf()")
        for _ in range(2):
            cursor.execute("SELECT pg_switch_wal()")
            cursor.execute("CHECKPOINT")
        yield
        cursor.execute("ALTER SYSTEM RESET wal_recycle")
        cursor.execute("SELECT pg_reload_conf()")


def tile_bytes():
    return b"".join(log.read_tile(tile) for tile in tiles_of(Log.objects.get().size))


@on_sqlite
@pytest.mark.usefixtures("hub")
def test_what_was_erased_is_in_no_byte_of_the_database_and_all_proofs_hold():
    assert len(traces()) == 2 * COUNT
    assert purges.purge_due(LATER) == 2 * COUNT
    leaves.follow_ledger(LATER)
    with emptied_log():
        assert traces() == set()
    assert verify().flaws == []
    assert not any(bytes.fromhex(value(number)) in tile_bytes() for number in range(COUNT))
    assert Signal.objects.filter(erased_at=None).get().value == STAYS
