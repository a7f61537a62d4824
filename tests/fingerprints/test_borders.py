# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from PIL import Image, ImageOps

from stemtide.fingerprints.image import borders
from tests.fingerprints.pictures import photo
from tests.rounds import rounds


def seen(image):
    small = image.convert("L")
    small.thumbnail((borders.LOOK_SIDE_PX, borders.LOOK_SIDE_PX))
    return np.asarray(small)


def overlap(box, top, bottom, left, right):
    """Intersection over union with the place where the picture truly is."""
    height = max(0.0, min(box.bottom, bottom) - max(box.top, top))
    width = max(0.0, min(box.right, right) - max(box.left, left))
    area = (box.bottom - box.top) * (box.right - box.left) + (bottom - top) * (right - left)
    return height * width / (area - height * width)


def placed(canvas_size, colour, at, picture):
    canvas = Image.new("RGB", canvas_size, colour)
    canvas.paste(picture, at)
    width, height = canvas_size
    left, top = at
    return canvas, (
        top / height,
        (top + picture.height) / height,
        left / width,
        (left + picture.width) / width,
    )


@pytest.mark.parametrize("colour", ["black", "white", "navy"])
@pytest.mark.parametrize("name", ["coffee.png", "rocket.jpg", "chelsea.png"])
def test_bars_and_borders_are_taken_off(colour, name):
    picture = photo(name)
    width, height = picture.size
    for size, at in (
        ((width, height * 2), (0, height // 2)),
        ((width * 2, height), (width // 2, 0)),
        ((width + 80, height + 80), (40, 40)),
    ):
        canvas, truth = placed(size, colour, at, picture)
        found = borders.boxes_in(seen(canvas))
        assert max(overlap(box, *truth) for box in found) > 0.95


def test_an_inset_upon_another_picture_is_found_by_its_straight_sides():
    behind = ImageOps.fit(photo("rocket.jpg"), (600, 400))
    behind.paste(photo("coffee.png").resize((360, 240)), (180, 90))
    found = borders.boxes_in(seen(behind))
    assert max(overlap(box, 90 / 400, 330 / 400, 180 / 600, 540 / 600) for box in found) > 0.94


@pytest.mark.parametrize("degrees", [-30, -15, -5, 3, 5, 12, 25])
def test_a_turned_picture_tells_by_how_much_it_was_turned(degrees):
    turned = photo("coffee.png").rotate(degrees, Image.Resampling.BICUBIC)
    assert borders.tilt_of(seen(turned)) == pytest.approx(degrees, abs=1)


@pytest.mark.parametrize("name", ["astronaut.png", "coffee.png", "rocket.jpg", "camera.png"])
def test_a_picture_as_it_is_was_not_turned(name):
    assert borders.tilt_of(seen(photo(name))) is None


def test_a_flat_picture_and_a_tiny_one_have_no_boxes():
    for size in ((200, 256), (3, 9), (1, 1), (256, 4)):
        flat = np.full(size, 77, np.uint8)
        assert borders.boxes_in(flat) == []
        assert borders.tilt_of(flat) is None


@given(height=st.integers(1, 120), width=st.integers(1, 120), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=rounds(12, nightly=60), deadline=None)
def test_whatever_the_picture_boxes_lie_within_it(height, width, seed):
    chance = np.random.default_rng(seed)
    grey = chance.integers(0, chance.integers(2, 257), (height, width)).astype(np.uint8)
    grey[: chance.integers(0, height + 1)] = chance.integers(0, 256)
    grey[:, : chance.integers(0, width + 1)] = chance.integers(0, 256)
    found = borders.boxes_in(grey)
    assert len(found) <= borders.MAX_BOXES
    assert all(0 <= box.top < box.bottom <= 1 and 0 <= box.left < box.right <= 1 for box in found)
    tilt = borders.tilt_of(grey)
    assert tilt is None or abs(tilt) <= 45


def is_step(rows, y, x):
    """Whether the brightness changes more between row y - 1 and row y than next to them."""
    height = len(rows)

    def apart(above, below):
        inside = above >= 0 and below < height
        return abs(int(rows[below, x]) - int(rows[above, x])) if inside else 0

    sharp = max(apart(y - 2, y), apart(y - 1, y + 1))
    beside = max(apart(y - 3, y - 2), apart(y + 1, y + 2))
    return sharp > 9 and 2 * apart(y - 1, y) > sharp > 2 * beside


@given(height=st.integers(24, 40), width=st.integers(24, 90), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=rounds(12, nightly=60), deadline=None)
def test_shortcuts_on_bytes_give_what_the_definitions_give(height, width, seed):
    chance = np.random.default_rng(seed)
    levels = chance.integers(0, 256, chance.integers(2, 9))  # few of them: ties, and far apart
    grey = chance.choice(levels, (height, width)).astype(np.uint8)
    for rows in (grey, grey.T):
        marked = borders._steps(rows)
        assert marked.shape == (len(rows) + 1, rows.shape[1])
        assert not marked[[0, -1]].any()
        for y in range(1, len(rows)):
            assert marked[y].tolist() == [is_step(rows, y, x) for x in range(rows.shape[1])]
        ends = max(1, rows.shape[1] // 40)
        edge = np.median(np.hstack([rows[:, :ends], rows[:, -ends:]]), axis=1).astype(int)
        alike = np.abs(rows.astype(int) - edge[:, None]) <= 12
        assert np.array_equal(borders._share_of_bar(rows), alike.mean(axis=1))
        detail = rows > np.median(levels)
        amount = detail.mean(axis=1)
        upper = amount[amount > np.percentile(amount, 60)]
        least = 0.5 * np.median(upper) if len(upper) else 0
        assert np.array_equal(borders._is_rich(detail), amount > least)
