# SPDX-License-Identifier: Apache-2.0
"""Simulated agents read streams in gzip, however the chunks are cut on the way."""

import pytest

from stemtide.exercises.stress.inflate import StreamInflater
from stemtide.hub.wire import compression
from stemtide.hub.wire.compression import EventBytes

EVENTS = [b"retry: 1000\n\n", b": ping\n\n", b"data: %b\n\n" % (b'{"op":"put"}' * 5000)]


def chunks() -> list[bytes]:
    return [compression.HEADER, *(EventBytes(event).blocks for event in EVENTS * 3)]


def test_chunks_of_the_hub_are_events():
    first, second = StreamInflater(), StreamInflater()

    for reader in (first, second):
        assert [reader.take(chunk) for chunk in chunks()] == [b"", *EVENTS * 3]


@pytest.mark.parametrize("size", [1, 7, 1000, 10**6])
def test_chunks_that_a_proxy_cut_are_the_same_content(size):
    sent, reader = b"".join(chunks()), StreamInflater()

    parts = [reader.take(sent[begin : begin + size]) for begin in range(0, len(sent), size)]

    assert b"".join(parts) == b"".join(EVENTS * 3)


def test_chunks_that_are_cut_later_on_are_the_same_content():
    *whole, last = chunks()
    reader = StreamInflater()

    parts = [reader.take(chunk) for chunk in [*whole, last[:50], last[50:], *chunks()[1:]]]

    assert b"".join(parts) == b"".join(EVENTS * 6)


def test_what_is_not_gzip_is_a_broken_stream():
    with pytest.raises(ConnectionError, match="not gzip"):
        StreamInflater().take(compression.HEADER + b"data: text\n\n")
