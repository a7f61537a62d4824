# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from PIL import Image, ImageOps

from stemtide.fingerprints.analysis import AnalysisOptions
from stemtide.fingerprints.image import pdq, views
from stemtide.fingerprints.image.fingerprint import analyse_image
from stemtide.fingerprints.image.quality import LOW_QUALITY
from stemtide.fingerprints.kinds import MIN_QUALITY, Kind
from stemtide.fingerprints.limits import DecodingLimits
from tests.fingerprints.pictures import animation, bits_between, encoded, photo
from tests.rounds import rounds

EVERYTHING = AnalysisOptions(views=True, robust=True)
WHOLE = pdq.hash_luma(np.asarray(photo("coffee.png").convert("L")))[0]


def look(image, asked=EVERYTHING, file_type="PNG"):
    return analyse_image(encoded(image, file_type), limits=DecodingLimits(), options=asked)


def nearest(found, value=WHOLE):
    """The best view of all, the picture's own hash among them: bits apart, and its name."""
    each_pdq = found.fingerprints.of(Kind.PDQ)
    own = [("", one.value) for one in each_pdq if one.quality >= MIN_QUALITY]
    each = [*own, *((view.transform, view.value) for view in found.views)]
    return min((bits_between(hash_, value), name) for name, hash_ in each)


def turn(method):
    return lambda image: image.transpose(method)


TURNS = [
    (turn(Image.Transpose.ROTATE_90), "turned 270"),
    (turn(Image.Transpose.FLIP_LEFT_RIGHT), "mirrored"),
    (ImageOps.invert, "inverted"),
    (turn(Image.Transpose.ROTATE_180), "turned 180"),
    (turn(Image.Transpose.ROTATE_270), "turned 90"),
    (turn(Image.Transpose.FLIP_TOP_BOTTOM), "flipped"),
    (turn(Image.Transpose.TRANSPOSE), "transposed"),
    (turn(Image.Transpose.TRANSVERSE), "transversed"),
]


@pytest.mark.parametrize(("alter", "name"), rounds(TURNS[:3], nightly=TURNS))
def test_a_turned_or_mirrored_or_inverted_picture_meets_in_the_view_of_that_name(alter, name):
    bits, met = nearest(look(alter(photo("coffee.png"))))
    assert bits <= 24  # sampling is not symmetric: a pixel or two of 400
    assert met == name


@pytest.mark.parametrize(
    ("alter", "begins"),
    [
        (lambda image: ImageOps.expand(image, 60, "black"), "boxed"),
        (lambda image: ImageOps.expand(image, (0, 120), "white"), "boxed"),
        (lambda image: ImageOps.mirror(ImageOps.expand(image, 60, "black")), "boxed, mirrored"),
        (lambda image: image.point(lambda level: 100 + level // 16), "brightened"),
    ],
)
def test_what_is_around_a_picture_and_a_lack_of_contrast_are_seen_through(alter, begins):
    bits, met = nearest(look(alter(photo("coffee.png"))))
    assert bits <= 31
    assert met.startswith(begins)


def test_a_picture_turned_a_little_meets_a_crop_that_was_shared():
    shared = look(photo("coffee.png"), AnalysisOptions(robust=True)).fingerprints
    crops = [one for one in shared.of(Kind.PDQ) if one.part in {"crop 80", "crop 70"}]
    turned = look(photo("coffee.png").rotate(15, Image.Resampling.BICUBIC))
    bits, met = min(nearest(turned, crop.value) for crop in crops)
    assert bits <= 31
    assert met.startswith("tilted 15")


@pytest.mark.parametrize("share", rounds([0.02, 0.15], nightly=[0.02, 0.05, 0.1, 0.15]))
def test_a_cropped_picture_meets_a_crop_that_was_shared(share):
    shared = look(photo("coffee.png"), AnalysisOptions(robust=True)).fingerprints
    width, height = photo("coffee.png").size
    x, y = round(width * share / 2), round(height * share / 2)
    cropped = look(photo("coffee.png").crop((x, y, width - x, height - y)), AnalysisOptions())
    assert min(nearest(cropped, one.value) for one in shared.of(Kind.PDQ))[0] <= 31


def test_crops_are_named_and_good_enough_and_come_after_the_whole():
    made = look(photo("coffee.png"), AnalysisOptions(robust=True)).fingerprints.of(Kind.PDQ)
    assert [one.part for one in made] == [
        "", "crop 97", "crop 94", "crop 90", "crop 85", "crop 80", "crop 70", "square",
    ]  # fmt: skip
    assert all((one.quality or 0) >= MIN_QUALITY for one in made)


def test_views_are_made_only_when_asked_for_and_are_bounded_and_good_enough():
    assert look(photo(), AnalysisOptions()).views == ()
    for image in (photo(), ImageOps.expand(photo(), 80, "white"), photo().rotate(7)):
        made = look(image).views
        assert 8 <= len(made) <= views.MAX_VIEWS
        assert all(view.quality >= MIN_QUALITY and len(view.value) == 32 for view in made)


UNRELATED = ("rocket.jpg", "astronaut.png", "camera.png", "retina.jpg")


def test_unrelated_pictures_do_not_meet_in_any_view():
    for name in rounds(("rocket.jpg", "camera.png"), nightly=UNRELATED):
        assert nearest(look(photo(name)))[0] > 45


def test_views_of_a_picture_of_deep_numbers_are_those_of_the_shallow_one():
    grey = photo("coffee.png").convert("L")
    deep = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    shallow, deep_views = look(grey).views, look(deep).views
    assert [view.transform for view in shallow] == [view.transform for view in deep_views]
    assert all(
        bits_between(one.value, other.value) <= 4
        for one, other in zip(shallow, deep_views, strict=True)
    )


def test_frames_have_views_of_their_own_which_say_whose_they_are():
    made = analyse_image(animation("GIF"), limits=DecodingLimits(), options=EVERYTHING)
    assert {view.part for view in made.views} == {one.part for one in made.fingerprints.each}


DULL = [
    (Image.new("L", (300, 200), 90), "it is of one colour"),
    (Image.fromarray(np.arange(100, dtype=np.uint8).reshape(10, 10) + 20), "it is tiny (10 x"),
    (Image.linear_gradient("L"), "of it is plain"),
    (photo("coffee.png").point(lambda level: level // 8), "it is very dark"),
    (photo("coffee.png").point(lambda level: 200 + level // 8), "it is very bright"),
    (photo("coffee.png").point(lambda level: 100 + level // 8), "it has hardly any contrast"),
]


@pytest.mark.parametrize(("image", "why"), rounds(DULL[:3], nightly=DULL))
def test_low_quality_is_explained_and_what_was_tried_is_said(image, why):
    remark = look(image).fingerprints.remarks[0]
    assert remark.startswith(f"{LOW_QUALITY} (")
    assert why in remark
    assert "Compared instead: brightened" in remark or "Tried instead: more contrast" in remark
    assert "were not asked for" in look(image, AnalysisOptions()).fingerprints.remarks[0]
