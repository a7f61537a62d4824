# SPDX-License-Identifier: Apache-2.0
"""Cosignatures of witnesses, and the requests that ask for them, as C2SP has them."""

import base64
import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings, strategies as st

from stemtide.protocol.tlog.cosignatures import (
    MOST_HASHES,
    CheckpointRequest,
    WitnessKey,
    cosign,
    cosigners,
)
from stemtide.protocol.tlog.merkle import ProofError
from stemtide.protocol.tlog.notes import Checkpoint, Note, NoteError, NoteKey, read_checkpoint

LOG, WITNESS = (Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in (1, 2))
NAME = "witness.example/w1"
KEY = WitnessKey.of(WITNESS, name=NAME)
AT = 1_700_000_000
HEAD = Checkpoint("log.example", 42, bytes(32))


def note_of(head=HEAD):
    return head.sign([LOG])


def test_a_cosignature_is_built_as_the_specification_says():
    """Made again by hand: C2SP, tlog-cosignature."""
    line = cosign(HEAD.text, key=WITNESS, name=NAME, at=AT)
    public = WITNESS.public_key().public_bytes_raw()
    key_id = hashlib.sha256(NAME.encode() + b"\n\x04" + public).digest()[:4]
    message = f"cosignature/v1\ntime {AT}\nlog.example\n42\n{'A' * 43}=\n".encode()
    blob = key_id + AT.to_bytes(8, "big") + WITNESS.sign(message)
    assert line == f"\u2014 {NAME} {base64.b64encode(blob).decode()}\n"
    assert str(KEY) == f"{NAME}+{key_id.hex()}+{base64.b64encode(bytes([4]) + public).decode()}"


def test_a_cosigned_head_is_still_the_log_s_and_names_its_witnesses():
    note = note_of() + cosign(HEAD.text, key=WITNESS, name=NAME, at=AT)
    assert read_checkpoint(note, trusted=[NoteKey.of(LOG, name=HEAD.origin)]) == HEAD
    assert cosigners(Note.read(note), trusted=[KEY]) == {KEY: AT}
    assert cosigners(Note.read(note_of()), trusted=[KEY]) == {}


def test_a_key_is_read_as_it_is_written():
    assert WitnessKey.read(f" {KEY}\n") == KEY


@pytest.mark.parametrize(
    "text",
    [
        "",
        NAME,
        str(NoteKey.of(WITNESS, name=NAME)),
        str(KEY)[:-4],
        str(KEY).replace("+", "+0", 1),
        str(KEY).replace("witness", "witnesses"),
        str(KEY).replace("example/", "example /"),
    ],
)
def test_what_is_no_key_of_a_witness_is_refused(text):
    with pytest.raises(NoteError, match="is no key of a witness"):
        WitnessKey.read(text)


@pytest.mark.parametrize("change", ["time", "text", "signature", "key"])
def test_a_changed_cosignature_does_not_hold(change):
    text = HEAD.text
    line = cosign(text, key=WITNESS, name=NAME, at=AT)
    blob = bytearray(base64.b64decode(line.split()[2]))
    if change == "time":
        blob[11] ^= 1
    elif change == "signature":
        blob[-1] ^= 1
    elif change == "text":
        line = cosign(Checkpoint("log.example", 43, bytes(32)).text, key=WITNESS, name=NAME, at=AT)
        blob = bytearray(base64.b64decode(line.split()[2]))
    else:
        other = Ed25519PrivateKey.generate()
        blob[12:] = base64.b64decode(cosign(text, key=other, name=NAME, at=AT).split()[2])[12:]
    forged = f"{note_of()}\u2014 {NAME} {base64.b64encode(blob).decode()}\n"
    with pytest.raises(NoteError, match="does not hold"):
        cosigners(Note.read(forged), trusted=[KEY])


def test_a_signature_of_the_note_is_no_cosignature():
    """The key of a witness signs no plain notes: its lines have a time."""
    blob = KEY.id + WITNESS.sign(HEAD.text.encode())
    note = f"{note_of()}\u2014 {NAME} {base64.b64encode(blob).decode()}\n"
    with pytest.raises(NoteError, match="does not hold"):
        cosigners(Note.read(note), trusted=[KEY])


@settings(max_examples=40, deadline=None)
@given(old=st.integers(0, 2**40), path=st.lists(st.binary(min_size=32, max_size=32), max_size=63))
def test_a_request_is_read_as_it_is_written(old, path):
    request = CheckpointRequest(old, tuple(path), note_of())
    assert CheckpointRequest.read(str(request)) == request


@pytest.mark.parametrize(
    "text",
    [
        "",
        "old 1",
        "old 01\n\nnote",
        "new 1\n\nnote",
        "old 1\nAAAA\n\nnote",
        "old 1\n\u00e4\n\nnote",
        "old 1\n" + f"{base64.b64encode(bytes(32)).decode()}\n" * (MOST_HASHES + 1) + "\nnote",
    ],
)
def test_what_is_no_request_is_refused(text):
    with pytest.raises(ProofError, match="a request to cosign begins"):
        CheckpointRequest.read(text)
