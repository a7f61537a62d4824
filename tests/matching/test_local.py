# SPDX-License-Identifier: Apache-2.0
import threading
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageOps

from stemtide.fingerprints.kinds import FingerprintError
from stemtide.fingerprints.values.local import LocalFeatures
from stemtide.matching.local import (
    MATCH_INLIERS,
    LocalIndex,
    confidence_of,
    inliers,
    most_alike,
)
from tests.fingerprints.pictures import photo
from tests.rounds import rounds

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
@pytest.mark.parametrize("number", rounds([0], nightly=range(len(NAMES))))
def test_an_altered_picture_is_found_before_all_others(index, number, alter, transform):
    found = index.find(**query(alter(photo(NAMES[number]))))
    assert (found[0].key, found[0].transform) == (number, transform)
    assert found[0].score >= MATCH_INLIERS
    assert found[0].confidence >= 0.95


def like(values, *, count, seed):
    """Descriptors of real pictures, of which a third of the bits are changed, at other places."""
    chance = np.random.default_rng(seed)
    known = [LocalFeatures.from_bytes(one) for one in values]
    for _ in range(count):
        of = known[chance.integers(len(known))]
        flips = np.packbits(chance.random((len(of.points), 256)) < 0.3, axis=1)
        places = chance.permutation(of.points)
        yield replace(of, points=places, descriptors=of.descriptors ^ flips).to_bytes()


@pytest.mark.nightly
@pytest.mark.parametrize("at_once", [True, False])
def test_a_large_index_finds_what_a_comparison_with_each_picture_finds(at_once):
    values = [*VALUES, *like(VALUES, count=395, seed=1)]
    large, wholes = LocalIndex(), [LocalIndex() for _ in range(0, len(values), 50)]
    for start in range(0, len(values), len(values) if at_once else 30):
        keys = range(start, min(start + (len(values) if at_once else 30), len(values)))
        large.put(keys, [values[key] for key in keys])
    for number, whole in enumerate(wholes):
        keys = range(number * 50, number * 50 + 50)
        whole.put(keys, [values[key] for key in keys])
    large.drop([1, 399, 1000])
    wholes[0].drop([1])
    assert (len(large), large.keys().tolist()) == (398, [0, *range(2, 399)])
    for number in range(len(NAMES)):
        picture = photo(NAMES[number]).rotate(8)
        turned = query(picture.crop((10, 20, picture.width - 60, picture.height - 40)))
        found = {one.key for one in large.find(**turned) if one.score >= MATCH_INLIERS}
        each = [one for whole in wholes for one in whole.find(**turned)]
        assert found == {one.key for one in each if one.score >= MATCH_INLIERS} == {number} - {1}


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


def pairs(chance, *, count, agreeing):
    """Pairs of places, of which some changed as one turn and scale did."""
    query = chance.uniform(0, 300, (count, 2)) @ [1, 1j]
    turn = chance.uniform(0.5, 2) * np.exp(1j * chance.uniform(-3, 3))
    picture = turn * query
    change = np.full(count, np.log(turn))
    wild = slice(agreeing, None)
    picture[wild] = chance.uniform(0, 300, (count, 2))[wild] @ [1, 1j]
    change[wild] += chance.uniform(-4, 4, (count, 2))[wild] @ [1, 1j]
    change += chance.uniform(-0.3, 0.3, (count, 2)) @ [1, 1j]
    return (each.astype(np.complex64) for each in (query, picture, change))


@pytest.mark.parametrize("seed", range(20))
def test_a_candidate_is_left_out_early_only_if_too_few_of_its_places_could_agree(seed):
    chance = np.random.default_rng(seed)
    count = int(chance.integers(1, 60))
    query, picture, change = pairs(chance, count=count, agreeing=int(chance.integers(0, count + 1)))
    assert most_alike(change) >= inliers(query, picture, change=change)


def test_of_no_places_none_are_alike():
    assert most_alike(np.empty(0, np.complex64)) == 0
