# SPDX-License-Identifier: Apache-2.0
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from PIL import Image

from stemtide.fingerprints.analysis import AnalysisOptions
from stemtide.fingerprints.image.fingerprint import NO_LOCAL, analyse_image
from stemtide.fingerprints.kinds import FingerprintError
from stemtide.fingerprints.limits import DecodingLimits
from stemtide.fingerprints.values.local import (
    QUERY_FEATURES,
    SIDE_PX,
    LocalFeatures,
    check_shared,
)
from tests.fingerprints.pictures import encoded, photo
from tests.rounds import rounds

local = pytest.importorskip("stemtide.fingerprints.image.local", reason="needs stemtide[local]")


def features(image):
    return local.features_of(image.convert("L"))


VALUE = features(photo("coffee.png")).to_bytes()


def test_a_photograph_has_a_hundred_places_which_are_read_back_as_they_were_written():
    made = features(photo("coffee.png"))
    assert len(made.points) == 100
    assert max(made.width, made.height) == SIDE_PX
    read = LocalFeatures.from_bytes(VALUE)
    assert (read.width, read.height) == (made.width, made.height)
    assert np.array_equal(read.descriptors, made.descriptors)
    assert np.allclose(read.points, made.points, atol=1 / 64)
    assert read.to_bytes() == VALUE


@pytest.mark.parametrize("size", [(200, 200), (5, 5), (31, 400), (1, 1)])
def test_a_flat_or_tiny_picture_has_no_places(size):
    made = features(Image.new("L", size, 80))
    assert len(made.points) == 0
    assert LocalFeatures.from_bytes(made.to_bytes()).to_bytes() == made.to_bytes()


def test_the_strongest_places_come_first():
    many = local.features_of(photo("coffee.png").convert("L"), at_most=QUERY_FEATURES)
    few = many.strongest()
    assert len(many.points) > len(few.points) == 100
    assert np.array_equal(few.descriptors, many.descriptors[:100])


def test_a_look_gives_the_features_of_the_picture_and_of_its_mirror_image_when_asked():
    blob = encoded(photo("coffee.png"), "PNG")
    assert analyse_image(blob, limits=DecodingLimits(), options=AnalysisOptions()).local == ()
    as_is, mirrored = analyse_image(
        blob, limits=DecodingLimits(), options=AnalysisOptions(local=True)
    ).local
    assert LocalFeatures.from_bytes(as_is).width == LocalFeatures.from_bytes(mirrored).width
    assert as_is != mirrored


def test_without_opencv_the_hash_is_made_and_the_lack_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "stemtide.fingerprints.image.local", None)
    look = analyse_image(
        encoded(photo("coffee.png"), "PNG"),
        limits=DecodingLimits(),
        options=AnalysisOptions(local=True),
    )
    assert look.local == ()
    assert look.fingerprints.each
    assert look.fingerprints.remarks == (NO_LOCAL,)


@given(at=st.integers(0, len(VALUE) - 1), to=st.integers(0, 255), cut=st.integers(0, len(VALUE)))
@settings(max_examples=rounds(25, nightly=200))
def test_malformed_bytes_are_refused_or_bounded(at, to, cut):
    for value in (
        VALUE[:cut],
        VALUE[:at] + bytes([to]) + VALUE[at + 1 :],
        VALUE + bytes([to]),
        bytes([to]) * cut,
    ):
        try:
            read = LocalFeatures.from_bytes(value)
        except FingerprintError:
            continue
        assert len(read.points) <= QUERY_FEATURES
        assert (read.points <= (read.width, read.height)).all()


PHOTOGRAPHS = ("astronaut.png", "coffee.png", "rocket.jpg", "chelsea.png", "camera.png")


@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_those_of_a_photograph_may_be_shared(name):
    value = features(photo(name)).to_bytes()
    assert len(check_shared(value).points) == 100


def crowded(made):
    return replace(made, points=made.points * np.float32(0.1))


def repeated(made):
    return replace(made, descriptors=np.repeat(made.descriptors[:20], 5, axis=0))


def unheard_of(made):
    return replace(made, octaves=made.octaves + np.uint8(8))


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (crowded, "parts of the picture are too few"),
        (lambda made: made.strongest(19), "19 places in"),
        (lambda made: made.strongest(0), "0 places in 0 parts"),
        (repeated, "so like each other"),
        (unheard_of, "not as the extractor writes them"),
    ],
)
def test_what_would_match_much_else_may_not_be_shared(change, fault):
    made = change(features(photo("coffee.png")))
    with pytest.raises(FingerprintError, match=fault):
        check_shared(made.to_bytes())


def test_more_places_than_a_sharer_has_may_not_be_shared():
    many = local.features_of(photo("coffee.png").convert("L"), at_most=QUERY_FEATURES)
    with pytest.raises(FingerprintError, match="send the 100 strongest places"):
        check_shared(many.to_bytes())


def test_a_chessboard_may_not_be_shared():
    board = np.kron(np.indices((12, 12)).sum(axis=0) % 2 * 255, np.ones((30, 30)))
    value = features(Image.fromarray(board.astype(np.uint8))).to_bytes()
    with pytest.raises(FingerprintError):
        check_shared(value)


def test_values_one_after_the_other_are_split_again():
    values = [features(photo(name)).strongest(7).to_bytes() for name in PHOTOGRAPHS]
    assert LocalFeatures.split(b"".join(values)) == values
    assert LocalFeatures.split(b"") == []
