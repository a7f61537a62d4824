# SPDX-License-Identifier: Apache-2.0
"""Whoever begins at the same moment has the same secret, and nobody but the owner can read it."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.core.exceptions import ImproperlyConfigured

from stemtide.hub.platform import secret_files
from stemtide.hub.platform.documents import seal_files as keeping
from stemtide.hub.rooms.media import keys as media
from stemtide.hub.rooms.snapshots import keys as snapshots
from stemtide.hub.settings import _stored_secret
from tests.world import NOON

AT_ONCE = 8
MAKERS = {
    "hub": _stored_secret,
    "media": lambda path: str(media.keys_in(path).identities[0]),
    "seal": lambda path: keeping.own_seal(path, name="a hub", now=NOON).key_der,
    "signing": lambda path: snapshots.keys_in(path).public,
}

SECRET = """
import sys
from pathlib import Path
from stemtide.hub.platform.secret_files import make_once
print("ready", flush=True)
sys.stdin.readline()
path = Path(sys.argv[1])
make_once(path, lambda: sys.argv[2].encode())
print(path.read_text())
"""


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS.keys())
def test_threads_that_begin_together_have_one_secret(tmp_path, make):
    path, start = tmp_path / "kept.key", Barrier(AT_ONCE)

    def begin(_):
        start.wait()
        return make(path)

    with ThreadPoolExecutor(AT_ONCE) as threads:
        found = set(threads.map(begin, range(AT_ONCE)))
    assert len(found) == 1
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_processes_that_begin_together_have_one_secret(tmp_path):
    path = tmp_path / "kept.key"
    both = [
        subprocess.Popen(
            [sys.executable, "-c", SECRET, str(path), secret * 5000],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for secret in "ab"
    ]
    for one in both:
        assert one.stdout.readline() == "ready\n"
    for one in both:
        one.stdin.write("go\n")
        one.stdin.flush()
    found = {one.communicate()[0] for one in both}
    assert len(found) == 1
    assert len(found.pop()) == len("a" * 5000 + "\n")


def test_who_reads_while_a_secret_is_replaced_finds_one_whole(tmp_path):
    path = tmp_path / "kept.key"
    secret_files.replace(path, b"a" * 5000)

    def renew(_):
        for one in b"ab" * 20:
            secret_files.replace(path, bytes([one]) * 5000)

    with ThreadPoolExecutor(3) as threads:
        renewing = [threads.submit(renew, None) for _ in range(2)]
        while not all(one.done() for one in renewing):
            assert path.read_bytes() in {b"a" * 5000, b"b" * 5000}
        for one in renewing:
            one.result()
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_secret_that_cannot_be_written_leaves_nothing_behind(tmp_path):
    def fail():
        raise RuntimeError

    with pytest.raises(RuntimeError):
        secret_files.make_once(tmp_path / "kept.key", fail)
    with pytest.raises(TypeError):
        secret_files.replace(tmp_path / "kept.key", "text")
    assert list(tmp_path.iterdir()) == []


def test_an_empty_secret_of_the_hub_is_not_to_be_deleted_lightly(tmp_path):
    path = tmp_path / "secret.key"
    path.touch()
    with pytest.raises(ImproperlyConfigured, match="put the secret back from a backup"):
        _stored_secret(path)
