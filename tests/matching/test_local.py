# SPDX-License-Identifier: Apache-2.0
import threading

import numpy as np
import pytest
from PIL import Image, ImageOps

from stemtide.fingerprints.kinds import FingerprintError
from stemtide.matching.local import MATCH_INLIERS, LocalIndex, confidence_of
from tests.fingerprints.pictures import photo

local = pytest.importorskip("stemtide.fingerprints.image.local", reason="needs stemtide[local]")

NAMES = ("astronaut.png", "coffee.png", "rocket.jpg", "chelsea.png", "camera.png")


def value(image):
    return local.features_of(image.convert("L")).to_bytes()


VALUES = [value(photo(name)) for name in NAMES]


def query(image):
    as_is, mirrored = local.query_values(image.convert("L"))
    return {"value": as_is, "mirrored": mirrored}


@pytest.fixture
def index():
    made = LocalIndex()
    made.put(range(len(NAMES)), VALUES)
    return made


def bent(image):
    width, height = image.size
    corners = (-20, -10, 12, height + 15, width + 25, height - 12, width - 8, 14)
    return image.transform(image.size, Image.Transform.QUAD, corners, Image.Resampling.BILINEAR)


@pytest.mark.parametrize(
    ("alter", "transform"),
    [
        (lambda image: image, ""),
        (lambda image: image.rotate(20, expand=True), ""),
        (lambda image: image.crop((0, 0, image.width * 3 // 4, image.height * 3 // 4)), ""),
        (lambda image: image.resize((image.width // 2, image.height // 2)), ""),
        (bent, ""),
        (lambda image: ImageOps.mirror(image.rotate(9)), "mirrored"),
    ],
)
@pytest.mark.parametrize("number", range(len(NAMES)))
def test_an_altered_picture_is_found_before_all_others(index, number, alter, transform):
    found = index.find(**query(alter(photo(NAMES[number]))))
    assert (found[0].key, found[0].transform) == (number, transform)
    assert found[0].score >= MATCH_INLIERS
    assert found[0].confidence >= 0.95


def test_unrelated_pictures_are_no_match(index):
    for name in ("retina.jpg", "hubble_deep_field.jpg", "moon.png", "page.png"):
        found = index.find(**query(photo(name)))
        assert all(one.score < MATCH_INLIERS for one in found)


def test_what_is_dropped_or_replaced_is_found_no_longer(index):
    index.drop([1, 77])
    assert len(index) == 4
    assert all(one.score < MATCH_INLIERS for one in index.find(**query(photo("coffee.png"))))
    index.put([0], [VALUES[1]])
    assert index.find(**query(photo("coffee.png")))[0].key == 0
    assert all(one.score < MATCH_INLIERS for one in index.find(**query(photo("astronaut.png"))))


def test_nothing_is_found_in_an_empty_index_nor_by_an_empty_picture(index):
    assert LocalIndex().find(VALUES[0]) == []
    assert index.find(value(Image.new("L", (100, 100)))) == []


def test_a_malformed_value_changes_nothing(index):
    with pytest.raises(FingerprintError):
        index.put([0, 1], [VALUES[0], b"STLF"])
    with pytest.raises(FingerprintError):
        index.find(b"nonsense")
    assert index.find(VALUES[1])[0].key == 1


def test_searching_goes_on_while_pictures_are_put_and_dropped(index):
    stop = threading.Event()

    def churn():
        while not stop.is_set():
            index.put([9], [VALUES[2]])
            index.drop([9])

    writer = threading.Thread(target=churn)
    writer.start()
    try:
        assert all(index.find(VALUES[1])[0].key == 1 for _ in range(40))
    finally:
        stop.set()
        writer.join()


def test_confidence_never_falls_as_places_agree():
    shares = [confidence_of(score) for score in np.arange(0, 60, 0.5)]
    assert shares == sorted(shares)
    assert shares[0] >= 0
    assert shares[-1] <= 1
