# SPDX-License-Identifier: Apache-2.0
"""The common set, and how near values are to it."""

import numpy as np
import pytest
from benchmarks import _common_set, breadth
from benchmarks._common_pictures import PICTURES, flag, login
from benchmarks._common_sounds import ring_tone
from benchmarks._ordinary_pictures import ordinary, photographs
from benchmarks.media.audio_sounds import speech
from benchmarks.media.video_clips import made_clips
from PIL import Image

from stemtide.fingerprints.text.fingerprint import sketch
from stemtide.matching.common import nearness
from stemtide.matching.common.content import common_places, common_set
from stemtide.matching.hamming import HammingIndex
from tests.fingerprints.texts import prose
from tests.rounds import rounds

GREETING = (
    "Happy birthday and many happy returns from all of us! We wish you good health, a lot of luck"
    " and love, and that all your dreams come true in the new year with your family and friends."
)


def test_the_set_is_what_its_program_makes():
    common = common_set()
    number = list(PICTURES).index("flag")
    drawn = _common_set.hashes(flag, _common_set.MANY, seed=(1, number))
    rows = np.flatnonzero(common.picture_sorts == number)
    hits = common.pictures.search(b"".join(drawn), count=len(drawn), within_bits=0)
    assert set(rows) <= set(hits["key"].tolist())


def test_the_places_are_what_its_program_makes_and_find_another_form_but_no_photograph():
    local = pytest.importorskip("stemtide.fingerprints.image.local", reason="needs [local]")
    number = list(PICTURES).index("sign-in form")
    index, sorts = common_places()
    drawn = _common_set.places(login, seed=(2, number))
    assert len(drawn) == sorts.count("sign-in form")
    assert all(index.find(value)[0].score >= 20 for value in drawn)
    form = Image.fromarray(np.asarray(login(np.random.default_rng(77)))).convert("L")
    near = nearness.near_places(local.features_of(form).to_bytes())
    assert near.sorts[0] == "sign-in form"
    for photograph in photographs():
        value = local.features_of(Image.fromarray(np.asarray(photograph)).convert("L")).to_bytes()
        assert nearness.near_places(value) is nearness.NOTHING


def test_patterns_equal_those_of_a_slow_twin():
    hashes = np.random.default_rng(1).integers(0, 1 << 63, (rounds(5, nightly=500), 4), np.uint64)
    hashes[0] = 0
    for value, pattern in zip(hashes, nearness.pattern_of(hashes), strict=True):
        signs = 2.0 * np.unpackbits(value.view(np.uint8)).reshape(16, 16) - 1
        products = (signs @ signs.T)[np.triu_indices(16, 1)]
        assert pattern == pytest.approx((products**2).mean() / 16)


def test_stripes_are_plain_and_noise_is_not():
    stripes = np.array([[0xFFFF0000FFFF0000] * 4], np.uint64)
    assert nearness.pattern_of(stripes)[0] == 16
    assert nearness.pattern_of(np.random.default_rng(2).integers(0, 1 << 63, (1, 4), np.uint64)) < 3


def test_a_sign_in_form_is_near_the_common_ones_and_a_photograph_is_not():
    form = breadth.hashed(login(np.random.default_rng(77)))[0]
    photograph = breadth.hashed(photographs()[0])[0]
    near, far = nearness.near_pictures(np.array([form, photograph]), limits=breadth.NEAR)
    assert near.matches > 1
    assert near.sorts[0] == "sign-in form"
    assert far.matches == 0


def test_one_by_one_pictures_are_as_near_as_together():
    hashes = breadth.ordinary_pictures(rounds(10, nightly=300))
    forms = _common_set.hashes(login, 3, seed=(9,))
    rows = np.concatenate([hashes, nearness.hashes_of(forms)])
    together = nearness.near_pictures(rows, limits=breadth.NEAR)
    alone = [
        nearness.near_pictures(rows[at : at + 1], limits=breadth.NEAR)[0] for at in range(len(rows))
    ]
    assert together == alone


def test_a_film_of_missing_films_is_common_and_one_of_photographs_is_not():
    number = list(PICTURES).index("paused film")
    values, qualities = breadth.drawn(PICTURES["paused film"], seed=(8, number), count=20)
    assert breadth.film_is_held(breadth.film_of(values, np.full_like(qualities, 90)))
    clip = next(iter(made_clips(1, shots=1)))
    frames = [breadth.hashed(frame.convert("L"))[0] for frame in clip.frames[::24]]
    assert not breadth.film_is_held(breadth.film_of(np.array(frames), np.full(len(frames), 90)))


def test_a_ring_tone_is_common_also_when_it_is_duller_and_speech_is_not():
    duller = np.convolve(ring_tone(3), np.ones(3) / 3, "same")
    assert breadth.sound_is_held(duller)
    assert not breadth.sound_is_held(breadth.resampled(speech(1, seconds=6)))


def test_a_greeting_is_common_and_prose_is_not():
    assert nearness.near_texts(sketch(f"{GREETING} Yours, Jo").to_bytes()).share > 0.5
    assert nearness.near_texts(sketch(prose(1, 400)).to_bytes()).share == 0


def test_a_gif_of_one_pixel_is_a_common_file():
    digest = next(key for key, name in common_set().file_names.items() if "one pixel" in name)
    assert nearness.common_file(digest).matches == 1
    assert nearness.common_file("ab" * 32) is nearness.NOTHING


@pytest.mark.nightly
def test_at_most_one_ordinary_picture_in_a_thousand_is_held():
    assert breadth.held(breadth.ordinary_pictures(12_000)).mean() <= 0.001


@pytest.mark.nightly
def test_nearly_all_broad_pictures_of_known_sorts_are_held():
    caught = []
    for number, draw in enumerate(PICTURES.values()):
        values, qualities = breadth.drawn(draw, seed=(7, number), count=200)
        caught += breadth.held(values)[breadth.broad_of(values, qualities)].tolist()
    assert len(caught) > 500
    assert np.mean(caught) >= 0.95


def test_a_picture_is_ordinary_whatever_travels_upon_it():
    whole, count = photographs()[0], rounds(20, nightly=400)
    made = [ordinary(np.random.default_rng(at), whole) for at in range(count)]
    hashes = np.array([breadth.hashed(picture)[0] for picture in made])
    assert not breadth.held(hashes).any()


@pytest.mark.parametrize("row", [0x0123456789ABCDEF, 0xFFFF0000FFFF0000], ids=["any", "stripes"])
def test_another_picture_matches_up_to_the_distance_and_no_further(row):
    """Stripes are searched further than that: for common pictures."""
    query = np.array([[row] * 4], np.uint64)
    others = np.repeat(query, 2, axis=0)
    for place, bits in enumerate((breadth.NEAR.within_bits, breadth.NEAR.within_bits + 1)):
        others[place, 0] ^= np.uint64((1 << bits) - 1)
    index = nearness.with_common(HammingIndex())
    index.put(np.array([nearness.OTHERS, nearness.OTHERS + 1]), others)
    found = nearness.search_pictures(query, limits=breadth.NEAR, index=index)
    assert found.others == {0: [nearness.OTHERS]}
