# SPDX-License-Identifier: Apache-2.0
"""Stills for people: what crosses the wall of the sandbox, and what a browser is given."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from stemtide.fingerprints.analysis import FILM, AnalysisOptions
from stemtide.fingerprints.image.thumbnail import (
    MAX_SIDE_PX,
    Still,
    grey,
    jpeg,
    of_luma,
    veiled,
)
from stemtide.fingerprints.kinds import Kind
from stemtide.fingerprints.sandbox.pool import Sandbox
from tests.fingerprints import videos
from tests.fingerprints.attacker import checked
from tests.fingerprints.pictures import animation, encoded, photo, png_bomb
from tests.rounds import rounds

OPTIONS = AnalysisOptions(still=True)


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox() as opened:
        yield opened


def opened(blob):
    return Image.open(BytesIO(blob))


def test_a_still_is_small_and_looks_like_its_picture(sandbox):
    found = sandbox.analyse(encoded(photo(), "PNG"), options=OPTIONS)
    still = Still(*found.still)
    assert max(still.width, still.height) == MAX_SIDE_PX
    shrunk = photo().resize((still.width, still.height))
    apart = np.abs(np.asarray(opened(jpeg(still)), int) - np.asarray(shrunk, int)).mean()
    assert apart < 10


def test_nothing_is_made_where_nothing_is_asked(sandbox):
    assert sandbox.analyse(encoded(photo(), "PNG")).still is None


def test_no_metadata_of_the_sender_is_left(sandbox):
    secret = Image.Exif()
    secret[0x010E] = "the address of a witness"
    found = sandbox.analyse(encoded(photo(), "JPEG", exif=secret.tobytes()), options=OPTIONS)
    made = jpeg(Still(*found.still))
    assert b"witness" not in made
    assert len(opened(made).getexif()) == 0


def test_a_note_of_rotation_is_followed(sandbox):
    turned = Image.Exif()
    turned[0x0112] = 6
    wide = photo().resize((400, 200))
    found = sandbox.analyse(encoded(wide, "JPEG", exif=turned.tobytes()), options=OPTIONS)
    assert found.still[:2] == (200, 400)


def test_of_an_animation_the_first_frame_is_kept(sandbox):
    assert sandbox.analyse(animation("GIF"), options=OPTIONS).still[:2] == (176, 176)


def test_a_bomb_gives_no_still(sandbox):
    found = sandbox.analyse(png_bomb(20_000), options=OPTIONS)
    assert found.still is None
    assert found.fingerprints.is_incomplete


def test_a_veil_keeps_light_and_dark_and_no_detail():
    whole = photo().resize((480, 480))
    veil = opened(veiled(Still(480, 480, whole.tobytes())))
    assert veil.mode == "L"
    grey = np.asarray(veil, float)
    fine = np.abs(np.diff(grey, axis=1)).mean()
    assert fine < np.abs(np.diff(np.asarray(whole.convert("L"), float), axis=1)).mean() / 4


@pytest.mark.parametrize(
    "parts",
    [
        (0, 10, b""),
        (MAX_SIDE_PX + 1, 1, bytes(3 * (MAX_SIDE_PX + 1))),
        (2, 2, bytes(11)),
        ("2", 2, bytes(12)),
    ],
)
def test_pixels_that_are_not_as_promised_are_not_believed(parts):
    with pytest.raises(ValueError, match="still"):
        Still(*parts)


def test_a_worker_that_answers_too_many_pixels_is_not_believed():
    with pytest.raises(ValueError, match="still"):
        checked({"still": [480, 480, bytes(2 << 20)]})


FRAMES = AnalysisOptions(frames=6)


def frames_of(sandbox, blob, **options):
    return sandbox.analyse(blob, options=FRAMES, modality=FILM, **options)


@pytest.mark.parametrize("every", rounds([6], nightly=[6, 1000]))
def test_of_a_film_a_few_grey_frames_are_taken_from_all_of_it(sandbox, every):
    found = frames_of(sandbox, videos.encoded(videos.pictures("street"), g=str(every)))
    times = [frame.at_s for frame in found.frames]
    assert (len(times), times) == (6, sorted(times))
    assert (times[0], times[-1] > 11) == (0.0, True)
    for frame in found.frames:
        still = of_luma(frame.width, frame.height, frame.luma)
        assert max(still.width, still.height) <= 256
        assert opened(grey(still)).mode == "L"
    assert not [print_ for print_ in found.fingerprints.each if print_.kind is Kind.VIDEO]


def test_a_film_with_fewer_frames_gives_those_that_it_has(sandbox):
    assert 1 <= len(frames_of(sandbox, videos.encoded(videos.pictures("street", 0.5))).frames) < 6


def test_what_is_no_film_or_is_cut_off_gives_no_frames_and_says_why(sandbox):
    for blob in (encoded(photo(), "PNG"), b"junk" * 100, videos.clip("street")[:200]):
        found = frames_of(sandbox, blob)
        assert found.frames == ()
        assert found.fingerprints.remarks


@pytest.mark.parametrize(
    "frame",
    [
        [-1, 2, 2, bytes(4)],
        ["1", 2, 2, bytes(4)],
        [float("nan"), 2, 2, bytes(4)],
        [1, 2, 2, bytes(1 << 17)],
        [1, 2, 2, "zz!"],
    ],
)
def test_a_worker_that_answers_an_impossible_frame_is_not_believed(frame):
    with pytest.raises(ValueError, match="frames"):
        checked({"frames": [frame]})
    with pytest.raises(ValueError, match="frames"):
        checked({"frames": [[1, 2, 2, bytes(4)]] * 25})


def test_grey_pixels_that_are_not_as_promised_are_not_believed():
    for width, height, luma in ((2, 2, bytes(3)), (0, 1, b""), (10**9, 10**9, bytes(4))):
        with pytest.raises(ValueError, match="still"):
            of_luma(width, height, luma)
