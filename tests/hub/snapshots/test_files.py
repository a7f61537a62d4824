# SPDX-License-Identifier: Apache-2.0
"""What a hostile hand does to files of snapshots, and what is said to it."""

import gzip
import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from stemtide.hub.rooms.signals.writes import signals as writes
from stemtide.protocol.messages.signals import WithdrawIn
from stemtide.protocol.sync.signatures import PublicKey, SignatureError, sign
from stemtide.protocol.sync.snapshot_files import (
    SnapshotDownload,
    SnapshotFileError,
    WrongBaseError,
    apply,
    head_member,
    is_delta,
    opened_delta,
    opened_whole,
)
from stemtide.protocol.sync.snapshots import WholeHead
from tests.rounds import rounds
from tests.world import NOON, hex_value, signal_in


def verify(path, *, trusted):
    opened = opened_delta if is_delta(path) else opened_whole
    with opened(path, trusted=trusted) as (_, lines):
        lines.read()


@pytest.fixture
def taken(world, readers):
    """A snapshot of 40 signals, a delta, and the snapshot that it leads to."""
    bodies = [signal_in(value=hex_value(number)) for number in range(40)]
    shared = writes.share_many(bodies, by=world.authority, now=NOON).signals
    first, manifest = readers.whole(world.agency)
    writes.withdraw(shared[3].id, body=WithdrawIn(reason="mistake"), by=world.authority, now=NOON)
    world.share(value=hex_value(99))
    delta = readers.delta(world.agency, manifest)
    return first, delta, readers.whole(world.agency)[0]


def test_files_are_verified_with_the_public_key_alone(taken, readers):
    for path in taken:
        verify(path, trusted=readers.trusted)


@pytest.mark.parametrize("which", range(3))
def test_a_changed_byte_anywhere_is_noticed(taken, readers, which):
    """In the gzip or in what it holds: none of a file's bytes can be another one unseen."""
    whole = taken[which].read_bytes()
    path = readers.path("changed")
    # Bytes 4 to 9 of a member are its time, its flags and its system, which say nothing.
    for at in range(10, len(whole), rounds(44, nightly=11)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        try:
            verify(path, trusted=readers.trusted)
        except (SnapshotFileError, SignatureError):
            continue
        assert gzip.decompress(path.read_bytes()) == gzip.decompress(whole)


@pytest.mark.parametrize("which", range(3))
def test_lines_that_were_changed_and_packed_anew_are_noticed(taken, readers, which):
    lines = gzip.decompress(taken[which].read_bytes()).splitlines(keepends=True)
    path = readers.path("packed")
    others = [*lines[1:-1], lines[-1].replace(b'"pdq"', b'"md5"')]
    for changed in (others, lines[1:-1], [*lines[1:], lines[-1]], lines[:0:-1]):
        path.write_bytes(gzip.compress(b"".join([lines[0], *changed])))
        with pytest.raises(SnapshotFileError, match="cut or changed"):
            verify(path, trusted=readers.trusted)


@pytest.mark.parametrize("which", range(3))
def test_a_file_that_was_cut_anywhere_is_noticed(taken, readers, which):
    whole = taken[which].read_bytes()
    path = readers.path("cut")
    for size in range(0, len(whole), rounds(68, nightly=17)):
        path.write_bytes(whole[:size])
        with pytest.raises((SnapshotFileError, SignatureError)):
            verify(path, trusted=readers.trusted)


def test_a_signature_of_one_snapshot_is_none_of_another(taken, readers):
    first, _, second = (
        gzip.decompress(one.read_bytes()).splitlines(keepends=True) for one in taken
    )
    path = readers.path("moved")
    path.write_bytes(gzip.compress(b"".join([first[0], *second[1:]])))
    with pytest.raises(SnapshotFileError, match="cut or changed"):
        verify(path, trusted=readers.trusted)
    heads = [json.loads(one[0])["snapshot"] for one in (first, second)]
    mixed = {"snapshot": {**heads[0], "signatures": heads[1]["signatures"]}}
    path.write_bytes(gzip.compress(b"".join([json.dumps(mixed).encode() + b"\n", *first[1:]])))
    with pytest.raises(SignatureError, match="does not hold"):
        verify(path, trusted=readers.trusted)


def test_a_signature_of_a_delta_is_none_of_a_snapshot(taken, readers):
    line = gzip.decompress(taken[1].read_bytes()).splitlines()[0]
    path = readers.path("other")
    path.write_bytes(head_member(WholeHead(snapshot=json.loads(line)["delta"])))
    with pytest.raises(SnapshotFileError, match="does not begin as"):
        verify(path, trusted=readers.trusted)


def test_another_hubs_key_is_refused_with_the_remedy(taken, readers):
    other = Ed25519PrivateKey.generate()
    for path in taken:
        with pytest.raises(SignatureError, match="by telephone"):
            verify(path, trusted=[PublicKey.of(other)])
    with opened_whole(taken[0], trusted=readers.trusted) as (head, _):
        forged = sign(head.manifest, keys=[other])
    path = readers.path("forged")
    lines = gzip.decompress(taken[0].read_bytes()).split(b"\n", 1)[1]
    path.write_bytes(head_member(WholeHead(snapshot=forged)) + gzip.compress(lines))
    verify(path, trusted=[PublicKey.of(other)])
    with pytest.raises(SignatureError, match="by no key that you trust"):
        verify(path, trusted=readers.trusted)


def test_a_delta_is_applied_once_and_to_its_own_base(taken, readers, world):
    first, delta, second = taken
    applied = readers.apply(first, delta)
    assert readers.lines(applied) == readers.lines(second)
    with pytest.raises(WrongBaseError, match="in their order, each once"):
        readers.apply(applied, delta)
    others, _ = readers.whole(world.big_provider)
    with pytest.raises(WrongBaseError, match="another hub, party or kind"):
        readers.apply(others, delta)


def test_a_refused_delta_leaves_the_snapshot_as_it_was(taken, readers, world):
    first, delta, second = taken
    before = first.read_bytes()
    world.share(value=hex_value(100))
    of_later = readers.delta(world.agency, readers.manifest(second))
    with pytest.raises(WrongBaseError):
        apply(first, of_later, first, trusted=readers.trusted)
    delta.write_bytes(delta.read_bytes()[:-20])
    with pytest.raises(SnapshotFileError):
        apply(first, delta, first, trusted=readers.trusted)
    assert first.read_bytes() == before
    assert not list(first.parent.glob(".*"))


def test_a_delta_put_together_by_somebody_else_leads_nowhere(taken, readers):
    """Its own signature holds for its lines, and the one of its end for where it leads."""
    first, delta, _ = taken
    lines = gzip.decompress(delta.read_bytes()).splitlines(keepends=True)
    delta.write_bytes(gzip.compress(b"".join([lines[0], *lines[1:-1]])))
    with pytest.raises(SnapshotFileError):
        readers.apply(first, delta)


def test_a_hub_that_never_stops_sending_is_cut_off(taken, readers):
    with readers.path("incoming").open("w+b") as file:
        incoming = SnapshotDownload(file, trusted=readers.trusted)
        incoming.add(taken[0].read_bytes())
        incoming.add(bytes(100_000))
        with pytest.raises(SnapshotFileError, match="more than"):
            incoming.add(bytes(100_000))


def test_a_bomb_of_zeros_is_not_unpacked(readers):
    with readers.path("bomb").open("w+b") as file, pytest.raises(SnapshotFileError):
        SnapshotDownload(file, trusted=readers.trusted).add(gzip.compress(bytes(50_000_000)) * 4)


@pytest.mark.nightly
def test_lines_beyond_what_was_signed_are_not_read(taken, readers):
    whole = taken[0].read_bytes()
    path = readers.path("bomb")
    path.write_bytes(whole + gzip.compress(b"\n" * 50_000_000))
    with pytest.raises(SnapshotFileError, match="cut or changed"):
        verify(path, trusted=readers.trusted)


@pytest.mark.parametrize(
    "content",
    [b"", b"no gzip", gzip.compress(b"", mtime=0), gzip.compress(b"{}\n", mtime=0)],
    ids=["empty", "no gzip", "nothing in it", "no head"],
)
def test_what_is_no_snapshot_is_said_to_be_none(readers, content):
    path = readers.path("none")
    path.write_bytes(content)
    with pytest.raises(SnapshotFileError, match="snapshot of a hub"):
        verify(path, trusted=readers.trusted)
