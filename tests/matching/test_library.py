# SPDX-License-Identifier: Apache-2.0
"""One library answers for every kind: which signals, how, how near, in which order."""

import numpy as np
import pytest
from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from stemtide.fingerprints.kinds import Fingerprint, FingerprintError, Fingerprints, Kind
from stemtide.matching.hamming import HammingIndex
from stemtide.matching.library import IndexedSignal, Library, Match
from tests.matching import sets
from tests.matching.oracle import Oracle
from tests.rounds import rounds

SHA, MD5, URL = b"s" * 32, b"m" * 16, b"u" * 32
BLACK = bytes(32)
FIVE_OFF = bytes(31) + b"\x1f"


def content(*each):
    return Fingerprints(tuple(each))


@pytest.fixture
def library():
    return Library()


def test_the_first_signal_of_an_empty_library_matches_at_once(library):
    library.put([IndexedSignal(1, Kind.PDQ, BLACK)])
    assert library.match(sets.picture(BLACK)) == [Match(1, Kind.PDQ, 0, "")]


@pytest.mark.parametrize(("kind", "value"), [(Kind.SHA256, SHA), (Kind.MD5, MD5), (Kind.URL, URL)])
def test_an_exact_kind_matches_when_it_is_equal_and_only_then(library, kind, value):
    library.put([IndexedSignal(1, kind, value)])
    assert library.match(content(Fingerprint(kind, value))) == [Match(1, kind, 0, "")]
    almost = value[:-1] + b"\x00"
    assert library.match(content(Fingerprint(kind, almost))) == []


def test_a_url_digest_is_no_file_digest(library):
    library.put([IndexedSignal(2, Kind.SHA256, SHA)])
    assert library.match(content(Fingerprint(Kind.URL, SHA))) == []


def test_a_digest_that_many_signals_share_names_each_until_it_is_dropped(library):
    library.put(IndexedSignal(key, Kind.MD5, MD5) for key in [3, 1, 2])
    picture = content(Fingerprint(Kind.MD5, MD5))
    assert [match.key for match in library.match(picture)] == [1, 2, 3]
    for key, left in ((1, [2, 3]), (3, [2]), (2, [])):
        library.drop([key])
        assert [match.key for match in library.match(picture)] == left
    assert len(library) == 0


def test_nearest_come_first_and_exact_kinds_before_pictures(library):
    library.put(
        [
            IndexedSignal(1, Kind.PDQ, FIVE_OFF),
            IndexedSignal(2, Kind.PDQ, BLACK),
            IndexedSignal(3, Kind.MD5, MD5),
            IndexedSignal(4, Kind.SHA256, SHA),
        ]
    )
    found = library.match(
        content(
            Fingerprint(Kind.PDQ, BLACK, quality=100),
            Fingerprint(Kind.MD5, MD5),
            Fingerprint(Kind.SHA256, SHA),
        )
    )
    assert [(match.key, match.distance_bits) for match in found] == [
        (4, 0),
        (3, 0),
        (2, 0),
        (1, 5),
    ]


def test_every_frame_is_tried_and_the_nearest_one_is_named(library):
    library.put([IndexedSignal(1, Kind.PDQ, BLACK)])
    frames = content(
        Fingerprint(Kind.PDQ, b"\xff" * 32, quality=100, part="frame 0"),
        Fingerprint(Kind.PDQ, FIVE_OFF, quality=100, part="frame 1"),
        Fingerprint(Kind.PDQ, bytes(31) + b"\x01", quality=100, part="frame 2"),
        Fingerprint(Kind.PDQ, bytes(31) + b"\x02", quality=100, part="frame 3"),
    )
    assert library.match(frames) == [Match(1, Kind.PDQ, 1, "frame 2")]


@pytest.mark.parametrize(("quality", "compared"), [(0, 0), (49, 0), (50, 1), (100, 1), (None, 1)])
def test_a_picture_of_low_quality_is_not_compared(library, quality, compared):
    library.put([IndexedSignal(1, Kind.PDQ, BLACK)])
    assert len(library.match(sets.picture(BLACK, quality=quality))) == compared


def test_a_signal_is_matched_within_its_own_distance_be_it_narrower_or_wider():
    library = Library(within_bits=4)
    library.put(
        [
            IndexedSignal(1, Kind.PDQ, FIVE_OFF, within_bits=2),
            IndexedSignal(2, Kind.PDQ, FIVE_OFF),
            IndexedSignal(3, Kind.PDQ, FIVE_OFF, within_bits=6),
        ]
    )
    black = sets.picture(BLACK)
    assert [match.key for match in library.match(black)] == [3]
    assert [match.key for match in library.match(black, within_bits=5)] == [2, 3]
    assert [match.key for match in library.match(black, within_bits=0)] == [3]


def test_many_are_answered_one_by_one_and_in_their_order(library):
    library.put([IndexedSignal(1, Kind.PDQ, BLACK), IndexedSignal(2, Kind.SHA256, SHA)])
    many = [sets.picture(BLACK), content(), content(Fingerprint(Kind.SHA256, SHA))]
    assert library.match_many(many) == [library.match(one) for one in many]
    assert library.match_many([]) == []


def test_a_signal_that_changes_its_kind_is_found_as_what_it_is_now(library):
    library.put([IndexedSignal(1, Kind.PDQ, BLACK)])
    library.put([IndexedSignal(1, Kind.SHA256, SHA)])
    both = content(Fingerprint(Kind.PDQ, BLACK), Fingerprint(Kind.SHA256, SHA))
    assert library.match(both) == [Match(1, Kind.SHA256, 0, "")]
    library.put([IndexedSignal(1, Kind.PDQ, BLACK)])
    assert library.match(both) == [Match(1, Kind.PDQ, 0, "")]
    counts = library.counts()
    assert counts.pop(Kind.PDQ) == 1
    assert set(counts.values()) == {0}


@pytest.mark.parametrize(
    ("entry", "error", "message"),
    [
        (IndexedSignal(9, Kind.PDQ, b"short"), FingerprintError, "signal 9: a pdq value has 32"),
        (IndexedSignal(9, Kind.MD5, SHA), FingerprintError, "signal 9: a md5 value has 16 bytes"),
        (
            IndexedSignal(9, Kind.MD5, MD5, within_bits=3),
            ValueError,
            "signal 9: within_bits is for",
        ),
        (
            IndexedSignal(9, Kind.PDQ, BLACK, within_bits=65),
            ValueError,
            r"9: within_bits is 0\.\.64",
        ),
    ],
)
def test_one_bad_entry_keeps_all_of_its_put_out(library, entry, error, message):
    with pytest.raises(error, match=message):
        library.put([IndexedSignal(1, Kind.PDQ, BLACK), IndexedSignal(2, Kind.SHA256, SHA), entry])
    assert len(library) == 0


def test_content_with_a_value_of_the_wrong_length_is_refused(library):
    with pytest.raises(FingerprintError, match="a pdq value has 32 bytes, not 5"):
        library.match(sets.picture(b"short"))


def test_unknown_keys_are_ignored(library):
    library.put([IndexedSignal(1, Kind.PDQ, BLACK)])
    library.drop([99, 2**40])
    assert library.keys().tolist() == [1]


@pytest.mark.parametrize("key", [-1, 2**63, "1", 1.5])
def test_a_key_that_is_no_number_from_0_is_refused(library, key):
    with pytest.raises(ValueError, match="its key is a number from 0"):
        library.put([IndexedSignal(key, Kind.PDQ, BLACK)])


def test_columns_are_held_like_entries(library):
    rng = np.random.default_rng(1)
    pictures = rng.integers(0, 256, (300, 32), dtype=np.uint8)
    digests = rng.integers(0, 256, (300, 16), dtype=np.uint8)
    library.put_columns(Kind.PDQ, np.arange(300), pictures, own_bits=np.full(300, 3, np.uint8))
    library.put_columns(Kind.MD5, np.arange(300, 600), digests)
    assert library.match(sets.picture(pictures[7].tobytes())) == [Match(7, Kind.PDQ, 0, "")]
    digest = Fingerprint(Kind.MD5, digests[5].tobytes())
    assert library.match(content(digest)) == [Match(305, Kind.MD5, 0, "")]
    assert library.keys().tolist() == list(range(600))


def test_columns_of_the_wrong_shape_are_refused(library):
    with pytest.raises(ValueError, match=r"3 keys of kind md5 need values of shape \(3, 16\)"):
        library.put_columns(Kind.MD5, np.arange(3), np.zeros((3, 32), dtype=np.uint8))
    with pytest.raises(ValueError, match="within_bits is for pdq"):
        library.put_columns(
            Kind.MD5, np.arange(1), np.zeros((1, 16), np.uint8), own_bits=np.array([5], np.uint8)
        )
    assert len(library) == 0


def test_values_are_searched_by_the_thousand(library):
    rng = np.random.default_rng(2)
    pictures = rng.integers(0, 256, (500, 32), dtype=np.uint8)
    library.put_columns(Kind.PDQ, np.arange(500), pictures)
    asked = np.concatenate([pictures[100:400], rng.integers(0, 256, (700, 32), dtype=np.uint8)])
    hits = library.match_values(Kind.PDQ, asked.tobytes())
    assert hits.queries.tolist() == list(range(300))
    assert hits.keys.tolist() == list(range(100, 400))
    assert not hits.distances_bits.any()
    with pytest.raises(FingerprintError, match="33 bytes are no whole number of pdq values"):
        library.match_values(Kind.PDQ, bytes(33))


FEW_KEYS = list(range(40))


class LibraryIsItsOracle(RuleBasedStateMachine):
    """Whatever is put, replaced and dropped in whatever order, both say the same."""

    @initialize(rng=sets.seeds, shape=sets.shapes, loose_rows=st.sampled_from([0, 8, 4096]))
    def begin(self, rng, shape, loose_rows):
        self.rng = rng
        self.library = Library()
        self.library._indexes[Kind.PDQ] = HammingIndex(loose_rows=loose_rows)
        self.oracle = Oracle(within_bits=31)
        self.values = shape(rng, 60)

    @rule(keys=st.lists(st.sampled_from(FEW_KEYS), max_size=12), own=sets.own_thresholds)
    def put_pictures(self, keys, own):
        self.put([IndexedSignal(key, Kind.PDQ, self.rng.choice(self.values), own) for key in keys])

    @rule(
        keys=st.lists(st.sampled_from(FEW_KEYS), max_size=4),
        kind=st.sampled_from([Kind.SHA256, Kind.MD5, Kind.URL]),
    )
    def put_digests(self, keys, kind):
        self.put([IndexedSignal(key, kind, self.digest(kind)) for key in keys])

    @rule(keys=st.lists(st.sampled_from(FEW_KEYS), max_size=12))
    def drop(self, keys):
        self.library.drop(keys)
        self.oracle.drop(keys)

    @rule(asked=st.none() | sets.thresholds, frames=st.integers(0, 4))
    def match(self, asked, frames):
        many = [self.content(frames) for _ in range(3)]
        found = self.library.match_many(many, within_bits=asked)
        assert found == [self.oracle.match(one, within_bits=asked) for one in many]

    @invariant()
    def both_hold_as_many(self):
        assert len(self.library) == len(self.oracle.entries)

    def put(self, entries):
        self.library.put(entries)
        self.oracle.put(entries)

    def digest(self, kind):
        return bytes([self.rng.randrange(3)]) * (16 if kind is Kind.MD5 else 32)

    def content(self, frames):
        near = sets.near_some(self.values, rng=self.rng, count=frames)
        pictures = [
            Fingerprint(Kind.PDQ, value, self.rng.choice([None, 30, 100]), f"frame {place}")
            for place, value in enumerate(near)
        ]
        kinds = (Kind.SHA256, Kind.MD5, Kind.URL)
        return content(*pictures, *(Fingerprint(kind, self.digest(kind)) for kind in kinds))


TestLibraryIsItsOracle = LibraryIsItsOracle.TestCase
TestLibraryIsItsOracle.settings = settings(
    max_examples=rounds(12, nightly=60), stateful_step_count=25, deadline=None
)


def test_a_large_library_agrees_with_the_oracle_while_it_grows_and_shrinks():
    rng = sets.seeded(7)
    library, oracle = Library(), Oracle(within_bits=31)
    size, step = rounds((3_000, 1_000), nightly=(6_000, 1_500))
    values = sets.clustered(rng, size)
    entries = [
        IndexedSignal(place, Kind.PDQ, value, rng.choice([None, None, 12, 31, 40]))
        for place, value in enumerate(values)
    ]
    many = [sets.picture(value) for value in sets.near_some(values, rng=rng, count=20)]
    for start in range(0, size, step):
        library.put(entries[start : start + step])
        oracle.put(entries[start : start + step])
        going = [rng.randrange(start + step) for _ in range(400)]
        library.drop(going)
        oracle.drop(going)
        assert library.match_many(many) == [oracle.match(one) for one in many]
    going = list(range(size - 100))
    library.drop(going)
    oracle.drop(going)
    assert library.match_many(many) == [oracle.match(one) for one in many]
