# SPDX-License-Identifier: Apache-2.0
import gc
import socket
import sys
import time
from pathlib import Path

import pytest

from stemtide.fingerprints.kinds import Kind
from stemtide.fingerprints.sandbox.channel import Inbox, TooLongError, encode
from stemtide.fingerprints.sandbox.pool import Sandbox
from tests.fingerprints.pictures import encoded, photo

GOOD = encoded(photo(), "JPEG")
LONG = "x" * 100_000


@pytest.fixture
def ends():
    near, far = socket.socketpair()
    with near, far:
        yield near, Inbox(far)


def received(inbox, *, at_most=1 << 20, wait_s=60.0):
    return inbox.receive(at_most=at_most, until=time.monotonic() + wait_s)


def test_messages_are_received_one_by_one_however_they_are_cut(ends):
    near, inbox = ends
    stream = b"".join(map(encode, ("first", LONG, "last")))
    for cut in (stream[:3], stream[3:20], stream[20:60_000]):
        near.sendall(cut)
    assert received(inbox) == b'"first"'
    near.sendall(stream[60_000:])
    assert received(inbox) == f'"{LONG}"'.encode()
    assert received(inbox) == b'"last"'


def test_a_message_that_is_too_long_is_not_read(ends):
    near, inbox = ends
    near.sendall(encode("four"))
    assert received(inbox, at_most=6) == b'"four"'
    near.sendall(encode("fives"))
    with pytest.raises(TooLongError):
        received(inbox, at_most=6)


def test_a_message_that_does_not_come_or_is_cut_off_is_an_error(ends):
    near, inbox = ends
    near.sendall(encode("whole")[:-1])
    with pytest.raises(TimeoutError):
        received(inbox, wait_s=0.01)
    near.close()
    with pytest.raises(ConnectionError):
        received(inbox)


def test_content_larger_than_a_socket_holds_gets_the_same_hash():
    large = photo().resize((2000, 1500))
    with Sandbox() as sandbox:
        (of_large,) = sandbox.fingerprint(encoded(large, "BMP")).of(Kind.PDQ)
        (of_small,) = sandbox.fingerprint(encoded(large, "PNG")).of(Kind.PDQ)
    assert of_large == of_small


@pytest.mark.nightly
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_closed_sandbox_leaves_no_file_open():
    gc.collect()  # what others left open goes now, and not meanwhile
    before = open_files()
    with Sandbox(workers=2).warm() as sandbox:
        sandbox.fingerprint(GOOD)
    assert open_files() == before


def open_files():
    return len(list(Path("/proc/self/fd").iterdir()))
