# SPDX-License-Identifier: Apache-2.0
"""The doors of the transparency log: strangers get what is a day old, parties get all."""

from datetime import UTC, datetime, timedelta

import pytest

from stemtide.hub.rooms.transparency.writes import leaves
from stemtide.protocol.tlog.audit import LogCopy, audit
from stemtide.protocol.tlog.notes import NoteKey, read_checkpoint

NOW = datetime.now(UTC)


@pytest.fixture
def log(world):
    """A log that has a head of two days ago, and a newer one."""
    leaves.follow_ledger(NOW - timedelta(days=2))
    old = world.last_entry().number + 1
    world.share()
    leaves.follow_ledger(NOW)
    return old, old + 1


def head_of(caller):
    answer = caller("GET", "/log/checkpoint")
    assert answer.status_code == 200
    assert answer["Content-Type"] == "text/plain; charset=utf-8"
    assert answer["Cache-Control"] == "no-store"
    keys = caller("GET", "/log/keys").content.decode().splitlines()
    return read_checkpoint(answer.content.decode(), trusted=[NoteKey.read(key) for key in keys])


@pytest.mark.both_databases
def test_parties_get_the_newest_head_and_strangers_an_old_one(log, machine, world):
    assert head_of(machine(None)).size == log[0]
    assert head_of(machine(world.observer)).size == log[1]


@pytest.mark.both_databases
@pytest.mark.parametrize("is_member", [False, True])
def test_the_files_that_a_caller_gets_hold(log, machine, world, is_member):
    caller = machine(world.small_provider if is_member else None)

    def read(path):
        answer = caller("GET", f"/log/{path}")
        assert answer.status_code == 200, path
        return answer.content

    copy = LogCopy(head_of(caller), read)
    assert list(audit(copy)) == []
    assert copy.head.size == log[is_member]


def test_a_stranger_gets_no_tile_that_only_a_newer_head_needs(log, machine, world):
    old, new = log
    for path in (f"tile/0/000.p/{new}", f"tile/entries/000.p/{new}"):
        assert machine(None)("GET", f"/log/{path}").status_code == 404
        answer = machine(world.observer)("GET", f"/log/{path}")
        assert answer.status_code == 200
        assert answer["Cache-Control"] == "private, max-age=31536000, immutable"
    answer = machine(None)("GET", f"/log/tile/0/000.p/{old}")
    assert answer["Cache-Control"] == "public, max-age=31536000, immutable"
    assert len(answer.content) == 32 * old


@pytest.mark.usefixtures("log")
@pytest.mark.parametrize(
    "path", ["tile/0/001", "tile/1/000.p/1", "tile/0/0", "tile/", "tile/0/../0/000", "other"]
)
def test_what_the_log_has_not_is_a_problem_document(machine, path):
    answer = machine(None)("GET", f"/log/{path}")
    assert answer.status_code == 404
    assert answer["Content-Type"] == "application/problem+json"
    assert answer["Cache-Control"] == "no-store"


@pytest.mark.usefixtures("world")
def test_a_log_without_a_head_to_show_says_when_there_is_one(machine):
    answer = machine(None)("GET", "/log/checkpoint")
    assert answer.status_code == 404
    assert "24 hours old" in answer.json()["detail"]


@pytest.mark.usefixtures("log")
def test_a_wrong_key_is_refused_and_nothing_is_written(machine):
    headers = {"Authorization": "Bearer st_wrong_key"}
    assert machine(None)("GET", "/log/checkpoint", headers=headers).status_code == 401
    assert machine(None)("GET", "/log/keys", headers={"Authorization": "x"}).status_code == 401
    assert machine(None)("POST", "/log/checkpoint", {}).status_code == 405


@pytest.mark.usefixtures("log")
def test_strangers_are_counted_by_their_address(machine, settings):
    settings.RATES = {**settings.RATES, "stranger": 2}
    codes = [machine(None)("GET", "/log/checkpoint").status_code for _ in range(3)]
    assert codes == [200, 200, 429]
