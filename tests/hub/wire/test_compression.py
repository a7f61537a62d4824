# SPDX-License-Identifier: Apache-2.0
"""Events in gzip follow on each other in any order, and each reader inflates what was sent."""

import gzip
import zlib
from random import Random

import pytest

from stemtide.hub.wire import compression
from stemtide.hub.wire.compression import EventBytes
from tests.rounds import rounds


def content(random: Random) -> bytes:
    size = random.choice([0, 1, compression.MIN_BYTES - 1, compression.MIN_BYTES, 192 * 1024])
    words = [b"data: ", b'{"entries":[', random.randbytes(8).hex().encode(), b"\x00\x00\xff\xff"]
    text = b"".join(random.choices(words, k=size // 4 + 1)) if random.random() < 0.7 else b""
    return (text or random.randbytes(size))[:size]


@pytest.mark.parametrize("seed", range(rounds(4, nightly=60)))
def test_events_in_any_order_are_what_was_sent_and_arrive_at_once(seed):
    random = Random(seed)  # noqa: S311  # to play a failure again
    events = [EventBytes(content(random)) for _ in range(6)]
    inflater = zlib.decompressobj(zlib.MAX_WBITS | 16)
    assert inflater.decompress(compression.HEADER) == b""

    for event in random.choices(events, k=30):
        assert inflater.decompress(event.blocks) == event.plain
    assert not inflater.eof


def test_a_page_of_entries_is_a_fraction_in_gzip_and_a_short_event_hardly_longer():
    entry = b'{"position":%d,"kind":"pdq","value":"%b","labels":["perpetrator-content"]}'
    random = Random(1)  # noqa: S311  # the same each time
    entries = [entry % (number, random.randbytes(32).hex().encode()) for number in range(400)]
    page, short = EventBytes(b",".join(entries)), EventBytes(entries[0])

    assert len(page.blocks) < len(page.plain) / 2
    assert len(short.blocks) == len(short.plain) + 5


def test_the_header_begins_what_any_program_reads_as_gzip():
    whole = b"data: a page\n\n" * 1000
    blocks = EventBytes(whole).blocks + b"\x03\x00"
    trailer = zlib.crc32(whole).to_bytes(4, "little") + len(whole).to_bytes(4, "little")

    assert gzip.decompress(compression.HEADER + blocks + trailer) == whole


@pytest.mark.parametrize(
    ("accepted", "expected"),
    [
        ("gzip", True),
        ("br, GZIP;q=0.5", True),
        ("deflate, gzip ; q=1.0", True),
        ("gzip;q=0", False),
        ("gzip; q=0.000", False),
        ("identity", False),
        ("", False),
        ("x-gzip-not", False),
    ],
)
def test_gzip_is_for_those_who_ask_for_it(accepted, expected):
    assert compression.is_accepted(accepted) is expected
