# SPDX-License-Identifier: Apache-2.0
"""What must never become a signal, as it would meet nothing, or everybody's files."""

import hashlib
import io
import json
import zipfile

import numpy as np
import pytest
from hypothesis import given, strategies as st

from stemtide.fingerprints import blanks
from stemtide.fingerprints.blanks import why_blank
from stemtide.fingerprints.kinds import Kind
from stemtide.fingerprints.text.fingerprint import sketch
from stemtide.fingerprints.values.audio import Sound, Track
from stemtide.fingerprints.values.gop import GROUP, GopPrint
from stemtide.fingerprints.values.video import ROW, Sampling, VideoPrint
from stemtide.matching.gops import LEAST_GROUPS
from stemtide.matching.text.passages import FEWEST_SHARED
from stemtide.matching.video.score import MIN_QUALITY
from tests.prints import LONG, long_value

HALF = bytes.fromhex("0f" * 32)


def film(*frames):
    rows = np.zeros(len(frames), ROW)
    for at, (pdq, quality) in enumerate(frames):
        rows[at] = (at * 250, quality, 0, np.frombuffer(pdq, np.uint8))
    return VideoPrint(rows, Sampling.SHARE).to_bytes()


def sound(*heard):
    tracks = [
        Track(np.full(100, 7, np.uint32), np.arange(100) < heard_words) for heard_words in heard
    ]
    return Sound(tuple(tracks)).to_bytes()


def encode(*digests):
    rows = np.zeros(len(digests), GROUP)
    for at, digest in enumerate(digests):
        rows[at] = (at * 1000, 25, np.full(16, digest, np.uint8))
    return GopPrint(rows).to_bytes()


def empty_zip():
    held = io.BytesIO()
    zipfile.ZipFile(held, "w").close()
    return held.getvalue()


EVERYBODYS = [b"", b"\n", bytes(4096), b" ", json.dumps({}).encode(), empty_zip()]


@pytest.mark.parametrize("content", EVERYBODYS)
def test_a_file_that_everybody_has_is_never_shared(content):
    for kind, made in (("sha256", hashlib.sha256), ("md5", hashlib.md5)):
        assert "everybody has" in why_blank(Kind(kind), made(content).digest())
    assert why_blank(Kind.URL, hashlib.sha256(content).digest())


@pytest.mark.parametrize(("kind", "size"), [("sha256", 32), ("url", 32), ("md5", 16)])
def test_a_placeholder_is_no_digest(kind, size):
    assert "placeholder" in why_blank(Kind(kind), bytes(size))
    assert "placeholder" in why_blank(Kind(kind), b"\xff" * size)
    assert why_blank(Kind(kind), hashlib.sha256(b"x").digest()[:size]) == ""


@pytest.mark.parametrize(
    ("value", "quality", "words"),
    [
        (HALF, None, ""),
        (HALF, 50, ""),
        (HALF, 49, "quality 49 says too little"),
        (bytes(32), 100, "blank picture"),
        (b"\xff" * 32, None, "blank picture"),
        (b"\xff" * 7 + b"\x7f" + bytes(24), None, "blank picture"),  # 63 bits
        (b"\xff" * 8 + bytes(24), None, ""),  # 64
        (b"\xff" * 24 + bytes(8), None, ""),  # 192
        (b"\xff" * 24 + b"\x01" + bytes(7), None, "blank picture"),  # 193
    ],
)
def test_a_picture_must_show_something(value, quality, words):
    why = why_blank(Kind.PDQ, value, quality=quality)
    assert (words in why, why == "") == (True, words == "")


@pytest.mark.parametrize(
    ("frames", "is_blank"),
    [
        ([], True),
        ([(HALF, 24), (HALF, 0)], True),
        ([(bytes(32), 100), (b"\xff" * 32, 100)], True),
        ([(bytes(32), 100), (HALF, 24)], True),
        ([(bytes(32), 0), (HALF, 25)], False),
    ],
)
def test_a_film_must_have_a_frame_that_shows_something(frames, is_blank):
    why = why_blank(Kind.VIDEO, film(*frames))
    assert ("share its sound" in why) is is_blank
    assert (why != "") is is_blank


@pytest.mark.parametrize(
    ("heard", "is_blank"), [([0], True), ([29], True), ([29, 29], True), ([0, 30], False)]
)
def test_sound_must_be_heard(heard, is_blank):
    assert ("can be heard" in why_blank(Kind.AUDIO, sound(*heard))) is is_blank


def test_a_few_words_are_no_text():
    assert "too short to be known again" in why_blank(Kind.TEXT, sketch("").to_bytes())
    assert "too short" in why_blank(Kind.TEXT, sketch("one two three four five").to_bytes())


@pytest.mark.parametrize(("groups", "is_blank"), [([], True), ([1, 1, 1], True), ([1, 2], False)])
def test_an_encode_must_have_two_different_groups(groups, is_blank):
    assert ("too few" in why_blank(Kind.GOP, encode(*groups))) is is_blank


@pytest.mark.parametrize("kind", LONG)
def test_real_content_is_never_blank(kind):
    assert why_blank(Kind(kind), long_value(kind)) == ""


@given(value=st.binary(min_size=32, max_size=32).map(lambda seed: hashlib.sha256(seed).digest()))
def test_no_digest_and_no_random_hash_is_blank(value):
    assert {why_blank(kind, value) for kind in (Kind.PDQ, Kind.SHA256, Kind.URL)} == {""}


def test_the_bounds_are_those_of_the_finders():
    assert blanks.LEAST_FRAME_QUALITY == MIN_QUALITY
    assert blanks.LEAST_GRAMS == FEWEST_SHARED
    assert blanks.LEAST_GROUPS == LEAST_GROUPS
