# SPDX-License-Identifier: Apache-2.0
import threading
from functools import lru_cache

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from PIL import Image, ImageChops, ImageOps

from stemtide.fingerprints.image import pdq
from stemtide.fingerprints.kinds import FingerprintError
from stemtide.fingerprints.values.video import ROW, Sampling, VideoPrint
from stemtide.fingerprints.video import vpdq
from stemtide.fingerprints.video.fingerprint import fingerprint_video
from stemtide.matching.video import candidates as alignment_candidates, turns
from stemtide.matching.video.candidates import near
from stemtide.matching.video.finder import VideoFinder, confidence_of
from stemtide.matching.video.store import FrameStore
from tests.fingerprints.videos import LIMITS, SCENES, changed, clip, encoded, pictures
from tests.rounds import rounds

KEYS = {name: number for number, name in enumerate(SCENES)}


@lru_cache
def signal(name, *, robust=False):
    return fingerprint_video(clip(name), limits=LIMITS, sampling=Sampling.SHARE, robust=robust)


def query(blob, **options):
    return fingerprint_video(blob, limits=LIMITS, **options).to_bytes()


@pytest.fixture(scope="module")
def finder():
    held = VideoFinder()
    held.put(list(KEYS.values()), [signal(name, robust=True).to_bytes() for name in KEYS])
    return held


def only(found, name):
    assert [one.key for one in found] == [KEYS[name]]
    return found[0]


def test_the_same_video_lies_in_itself_from_end_to_end(finder):
    one = only(finder.find(query(clip("street"))), "street")
    assert one.transform == ""
    assert one.speed == pytest.approx(1.0, abs=0.02)
    assert one.query_span.start_s == pytest.approx(0, abs=0.6)
    assert one.query_span.end_s == pytest.approx(11.5, abs=0.6)
    assert one.signal_span.end_s == pytest.approx(11.5, abs=0.6)
    assert one.confidence > 0.99


CHANGES = [
    (ImageOps.mirror, "mirrored"),
    (ImageChops.invert, "inverted"),
    (lambda one: one.crop((26, 14, 230, 130)), "cropped"),
    (lambda one: one.transpose(Image.Transpose.ROTATE_90), "rotated"),
    (lambda one: ImageOps.expand(one, (0, 30), "black"), "letterbox removed"),
    (lambda one: ImageOps.expand(one, (60, 0), "#204080"), "pillarbox removed"),
    (lambda one: ImageOps.grayscale(one).convert("RGB").resize((128, 72)), ""),
]


@pytest.mark.parametrize(("change", "transform"), rounds(CHANGES[:3], nightly=CHANGES))
def test_what_was_done_to_a_video_is_undone_and_said(finder, change, transform):
    one = only(finder.find(query(changed("street", change))), "street")
    assert transform in one.transform
    assert one.signal_span.start_s == pytest.approx(one.query_span.start_s, abs=0.5)


def test_an_excerpt_in_a_compilation_is_found_where_it_lies(finder):
    lead = [one.rotate(180) for one in _strangers(8)]
    blob = encoded([*lead, *pictures("street")[24:120], *lead])
    one = only(finder.find(query(blob)), "street")
    assert one.query_span.start_s == pytest.approx(8, abs=0.8)
    assert one.query_span.end_s == pytest.approx(16, abs=0.8)
    assert one.signal_span.start_s == pytest.approx(2 + one.query_span.start_s - 8, abs=0.5)


@pytest.mark.nightly
def test_every_signal_in_a_compilation_is_told(finder):
    blob = encoded([*pictures("sky")[:72], *pictures("street")[48:], *pictures("table")[:96]])
    found = finder.find(query(blob))
    starts = {one.key: one.query_span.start_s for one in found}
    assert starts.keys() == set(KEYS.values())
    assert starts[KEYS["sky"]] < starts[KEYS["street"]] < starts[KEYS["table"]]


@pytest.mark.nightly
def test_a_signal_that_comes_twice_is_told_twice(finder):
    part = pictures("street")[:72]
    found = finder.find(query(encoded([*part, *pictures("table")[:72], *part])))
    mine = sorted(one.query_span.start_s for one in found if one.key == KEYS["street"])
    assert len(mine) == 2
    assert mine[1] == pytest.approx(12, abs=0.8)


@pytest.mark.parametrize("speed", rounds([1.25], nightly=[1.25, 0.8]))
def test_speed_is_told(finder, speed):
    frames = pictures("street")
    blob = encoded([frames[int(n * speed)] for n in range(int(len(frames) / speed))])
    one = only(finder.find(query(blob)), "street")
    assert one.speed == pytest.approx(speed, rel=0.03)


def test_unrelated_videos_do_not_match(finder):
    assert finder.find(query(encoded(_strangers(12)))) == []
    alone = VideoFinder()
    alone.put([1], [signal("sky", robust=True).to_bytes()])
    assert alone.find(query(clip("street"))) == []
    assert alone.find(query(clip("table"))) == []


def test_black_and_still_pictures_meet_nothing():
    dark = fingerprint_video(
        encoded([Image.new("RGB", (256, 144))] * 60), limits=LIMITS, sampling=Sampling.SHARE
    )
    held = VideoFinder()
    held.put([1], [dark.to_bytes()])
    assert held.find(query(encoded([Image.new("RGB", (256, 144))] * 60))) == []


def test_a_still_picture_does_not_add_up_by_lasting(finder):
    still = pictures("street")[10]
    found = finder.find(query(encoded([still] * 240)))
    assert all(one.score < 15 for one in found)


def test_somebody_elses_vpdq_is_searched_in():
    held = VideoFinder()
    theirs = vpdq.from_text(vpdq.to_lines(signal("street")))
    held.put([9], [theirs.to_bytes()])
    (one,) = held.find(query(changed("street", ImageOps.mirror)))
    assert (one.key, one.transform) == (9, "mirrored")


def test_an_empty_query_and_an_empty_finder_find_nothing(finder):
    nothing = fingerprint_video(b"", limits=LIMITS).to_bytes()
    assert finder.find(nothing) == []
    assert VideoFinder().find(query(clip("street"))) == []
    held = VideoFinder()
    held.put([1], [nothing])
    assert held.find(query(clip("street"))) == []
    assert len(held) == 1


def test_malformed_values_are_refused_and_nothing_is_held():
    held = VideoFinder()
    with pytest.raises(FingerprintError):
        held.put([1, 2], [signal("street").to_bytes(), b"nonsense"])
    assert len(held) == 0
    with pytest.raises(FingerprintError):
        held.find(b"nonsense")


def test_the_same_key_replaces_and_a_dropped_one_is_gone():
    held = VideoFinder()
    held.put([1], [signal("street").to_bytes()])
    held.put([1], [signal("table").to_bytes()])
    assert len(held) == 1
    assert held.find(query(clip("street"))) == []
    assert [one.key for one in held.find(query(clip("table")))] == [1]
    held.drop([1, 77])
    assert len(held) == 0
    assert held.find(query(clip("table"))) == []


def test_two_keys_of_one_put_and_twice_the_same_key_are_well_held():
    held = VideoFinder()
    values = [signal(name).to_bytes() for name in ("street", "table", "sky")]
    held.put([1, 2, 1], values)
    assert len(held) == 2
    assert held.find(query(clip("street"))) == []
    assert [one.key for one in held.find(query(clip("sky")))] == [1]


def test_searches_run_while_signals_come_and_go():
    held = VideoFinder()
    held._store = FrameStore(loose_rows=64)
    held.put([0], [signal("street").to_bytes()])
    asked, over, missed = query(clip("street")), threading.Event(), []

    def write():
        for round_ in range(60):
            keys = [1 + round_ % 5, 6 + round_ % 3]
            held.put(keys, [signal("table").to_bytes(), signal("sky").to_bytes()])
            held.drop([1 + (round_ + 2) % 5])
        over.set()

    writer = threading.Thread(target=write)
    writer.start()
    while not over.is_set():
        found = held.find(asked)
        missed += [] if [one.key for one in found] == [0] else [found]
    writer.join()
    assert missed == []
    assert held.frames < 2000  # what went was tidied away


def test_compacting_changes_no_answer():
    held = VideoFinder()
    held._store = FrameStore(loose_rows=1)
    for key, name in [(1, "table"), (2, "street"), (3, "sky"), (4, "table")]:
        held.put([key], [signal(name, robust=True).to_bytes()])
    before = held.find(query(clip("street")))
    held.drop([1, 3])
    held.drop([4])
    assert held.find(query(clip("street"))) == before
    assert held.frames == len(signal("street", robust=True))


def test_turned_hashes_are_nearly_those_of_turned_pictures():
    for picture in pictures("street")[::40]:
        exact = pdq.dihedral(pdq.shrink(np.asarray(picture.convert("L"))))
        plain = np.frombuffer(exact[0], np.uint8)[None]
        for number, value in enumerate(exact):
            turned = turns.turn(plain, number)[0].tobytes()
            assert (int.from_bytes(value) ^ int.from_bytes(turned)).bit_count() <= 20


@settings(max_examples=rounds(12, nightly=50), deadline=None)
@given(st.binary(min_size=32, max_size=32))
def test_turning_there_and_back_changes_nothing(value):
    plain = np.frombuffer(value, np.uint8)[None]
    for there, back in ((1, 3), (2, 2), (4, 4), (5, 5), (6, 6), (7, 7)):
        assert turns.turn(turns.turn(plain, there), back).tobytes() == value


def test_near_pairs_equal_those_of_a_plain_loop():
    rng = np.random.default_rng(3)
    rows = rng.integers(0, 2**63, 40_000, dtype=np.uint64)
    queries = np.concatenate([rows[:3] ^ np.uint64(0b10101), ~rows[5:7], rows[9:10]])
    found = {(int(q), int(r)): int(b) for q, r, b in zip(*near(rows, queries), strict=True)}
    expected = {}
    for place, word in enumerate(queries.tolist()):
        for row, value in enumerate(rows.tolist()):
            bits = (word ^ value).bit_count()
            if bits <= 10 or bits >= 54:
                expected[place, row] = bits
    assert found == expected
    assert len(found) >= 6


def test_nothing_is_near_to_nothing():
    assert len(near(np.empty(0, np.uint64), np.empty(0, np.uint64)).row) == 0


def test_the_first_frame_is_new_and_the_same_again_is_not():
    rows = np.zeros((3, 32), np.uint8)
    rows[2] = 255
    assert turns.novelty_of(rows).tolist() == pytest.approx([1, 0.05, 1])
    assert len(turns.novelty_of(rows[:0])) == 0


def test_more_evidence_is_never_less_confidence():
    scores = np.arange(0, 60, 0.5)
    shares = [confidence_of(one, signals=40) for one in scores]
    assert shares == sorted(shares)
    assert 0 <= shares[0] <= shares[-1] <= 1
    assert confidence_of(20, signals=1_000_000) < confidence_of(20, signals=10)


@settings(max_examples=rounds(12, nightly=40), deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 60))
def test_random_frames_meet_nothing_and_raise_nothing(finder, seed, count):
    rng = np.random.default_rng(seed)
    rows = np.zeros(count, ROW)
    rows["at_ms"] = np.sort(rng.choice(60_000, count, replace=False))
    rows["quality"] = rng.integers(0, 101, count)
    rows["pdq"] = rng.integers(0, 256, (count, 32))
    assert finder.find(VideoPrint(rows=rows, sampling=Sampling.QUERY).to_bytes()) == []


def _strangers(seconds):
    """Frames of something nobody knows: drifting coloured noise."""
    rng = np.random.default_rng(8)
    frames = []
    for _ in range(seconds // 4):
        noise = Image.fromarray(rng.integers(0, 256, (9, 15, 3), np.uint8))
        ground = noise.resize((512, 288), Image.Resampling.BICUBIC)
        frames += [ground.crop((n * 3, n, n * 3 + 256, n + 144)) for n in range(48)]
    return frames


def test_words_are_not_near_beyond_half_of_their_bits():
    words = np.zeros(70, np.uint64)
    with pytest.raises(ValueError, match="0 to 31"):
        near(words, words, within_bits=32)


def test_content_that_resembles_too_much_is_met_at_its_nearest_only(monkeypatch):
    monkeypatch.setattr(alignment_candidates, "MOST_PAIRS", 500)
    rows = np.zeros(1000, np.uint64)
    rows[:900] = 0b111_1111
    found = near(rows, np.zeros(1, np.uint64))
    assert set(found.row.tolist()) == set(range(900, 1000))
    assert len(near(np.zeros(900, np.uint64), np.zeros(1, np.uint64)).row) == 500


@pytest.mark.nightly
def test_a_signal_with_many_views_does_not_crowd_out_the_others():
    held = VideoFinder()
    values = [signal(name, robust=True).to_bytes() for name in KEYS]
    held.put(range(40), [values[0]] * 38 + values[1:])
    blob = encoded([*pictures("street")[:96], *pictures("table")[:48], *pictures("sky")[48:96]])
    framed = encoded(
        [ImageOps.expand(one, (0, 30), "black") for one in [*pictures("street"), *pictures("sky")]]
    )
    assert {one.key for one in held.find(query(framed))} > {39}
    assert {one.key for one in held.find(query(blob))} >= {38, 39}


def test_more_pairs_than_there_is_room_for_are_all_found():
    assert len(near(np.zeros(3001, np.uint64), np.zeros(70, np.uint64)).row) == 3001 * 70
