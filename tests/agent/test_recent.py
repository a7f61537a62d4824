# SPDX-License-Identifier: Apache-2.0
"""How many of the latest uploads a new signal would have matched."""

from uuid import uuid4

import numpy as np
import pytest

from stemtide.agent.recognise import recent
from stemtide.agent.recognise.recent import RecentUploads
from stemtide.fingerprints.kinds import Fingerprint, Fingerprints, Kind
from stemtide.protocol.sync.feed import FeedSignal
from stemtide.protocol.trust.runaway import Rate


@pytest.fixture
def chosen():
    return np.random.default_rng(7)


def upload(*values, kind=Kind.PDQ, quality=None):
    return Fingerprints(tuple(Fingerprint(kind, value, quality) for value in values))


def signal(value, *, kind=Kind.PDQ, within_bits=None):
    return FeedSignal.model_construct(
        id=uuid4(), kind=kind, value=value.hex(), within_bits=within_bits
    )


def flip(value, bits):
    """Return a value so many bits away."""
    number = int.from_bytes(value, "big")
    return (number ^ ((1 << bits) - 1)).to_bytes(len(value), "big")


def test_pictures_are_counted_by_upload_within_the_distance_of_each_signal(chosen):
    common, other = chosen.bytes(32), chosen.bytes(32)
    uploads = RecentUploads()
    uploads.add([upload(flip(common, bits), flip(common, bits + 1)) for bits in (0, 9, 30, 31, 40)])
    uploads.add([upload(other), upload(common, quality=20)])
    wide, narrow, unknown = signal(common), signal(common, within_bits=9), signal(chosen.bytes(32))
    near = signal(flip(other, 200), within_bits=31)
    rates = uploads.rates([wide, unknown, narrow, near])
    assert rates == {str(wide.id): Rate(4, 6), str(narrow.id): Rate(2, 6)}


def test_digests_are_counted_exactly_and_the_earliest_are_forgotten(chosen, monkeypatch):
    monkeypatch.setattr(recent, "MOST_UPLOADS", 3)
    values = [chosen.bytes(32) for _ in range(3)]
    uploads = RecentUploads()
    for value in (*values, values[2]):
        uploads.add([upload(value, value, kind=Kind.SHA256)])
    signals = [signal(value, kind=Kind.SHA256) for value in values]
    rates = uploads.rates([*signals, signal(values[2])])
    assert rates == {str(signals[1].id): Rate(1, 3), str(signals[2].id): Rate(2, 3)}
