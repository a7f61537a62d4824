# SPDX-License-Identifier: Apache-2.0
"""Values that would match nothing, or everybody's files, are refused at the hub's every door."""

import hashlib

import pytest

from stemtide.fingerprints.text.fingerprint import sketch
from stemtide.hub.platform.errors import InvalidError
from stemtide.hub.rooms.signals.reads import signals as reads
from stemtide.hub.rooms.signals.writes import signals as writes
from tests.fingerprints.test_blanks import encode, film, sound
from tests.world import NOON, hex_value, signal_in

EMPTY = hashlib.sha256(b"").hexdigest()
BLANKS = [
    ("sha256", EMPTY, "share another fingerprint"),
    ("sha256", EMPTY.upper(), "share another fingerprint"),
    ("md5", hashlib.md5(b"", usedforsecurity=False).hexdigest(), "share another fingerprint"),
    ("url", EMPTY, "share another fingerprint"),
    ("pdq", "00" * 32, "share the file's SHA-256"),
    ("video", film().hex(), "share its sound"),
    ("audio", sound(0).hex(), "share its frames"),
    ("text", sketch("").to_bytes().hex(), "more of the text"),
    ("gop", encode(1).hex(), "share its frames"),
]


@pytest.mark.parametrize(("kind", "value", "remedy"), BLANKS)
def test_a_blank_is_refused_with_what_to_share_instead(world, kind, value, remedy):
    blank = signal_in(kind=kind, value=value, quality=None)
    with pytest.raises(InvalidError, match=remedy) as refused:
        writes.share(blank, by=world.authority, now=NOON)
    assert refused.value.field == "value"
    good = signal_in(value=hex_value(7))
    bulk = writes.share_many([blank, good], by=world.authority, now=NOON, partial=True)
    assert (bulk.created, bulk.refused, bulk.errors[0].row) == (1, 1, 0)
    assert len(reads.feed(0, viewer=world.agency).entries) == 1


def test_an_address_as_itself_is_never_blank(world):
    assert world.share(kind="url", value="https://example.com/", quality=None).created
