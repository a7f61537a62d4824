# SPDX-License-Identifier: Apache-2.0
"""Draw pictures that a hostile sharer would choose, by templates that the common set has not.

None of these drawings is in benchmarks/_common_pictures.py. So the flood guard finds them by
likeness, not because it has learned them.
"""

import numpy as np
from PIL import Image, ImageDraw

from benchmarks._common_pictures import Drawing, Rng, font, words

SIZES = ((320, 180), (240, 240), (300, 225), (180, 320))


def dark(rng: Rng) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    """Return a dark picture of a usual shape."""
    picture = Image.new("L", SIZES[rng.integers(len(SIZES))], int(rng.integers(0, 50)))
    return picture, ImageDraw.Draw(picture)


def muted(rng: Rng) -> Image.Image:
    """Draw a loudspeaker that is crossed out, on a dark frame."""
    picture, draw = dark(rng)
    x, y, side = picture.width / 2, picture.height / 2, min(picture.size) * rng.uniform(0.12, 0.25)
    draw.rectangle((x - side, y - side * 0.4, x - side * 0.4, y + side * 0.4), fill=225)
    draw.polygon((x - side * 0.4, y, x + side * 0.3, y - side, x + side * 0.3, y + side), fill=225)
    draw.line((x - side, y - side, x + side, y + side), fill=250, width=5)
    return picture


def loading(rng: Rng) -> Image.Image:
    """Draw a bar that is partly full, or dots in a row, on a dark frame."""
    picture, draw = dark(rng)
    x, y, half = picture.width / 2, picture.height * rng.uniform(0.45, 0.6), picture.width * 0.3
    if rng.random() < 0.5:
        draw.rectangle((x - half, y - 6, x + half, y + 6), outline=200, width=2)
        draw.rectangle((x - half, y - 6, x - half + 2 * half * rng.random(), y + 6), fill=230)
    else:
        for dot in (-1, 0, 1):
            radius = rng.uniform(6, 14)
            at = x + dot * half * 0.5
            draw.ellipse((at - radius, y - radius, at + radius, y + radius), fill=220)
    return picture


def padlock(rng: Rng) -> Image.Image:
    """Draw a padlock or a warning triangle in the middle, with a line below."""
    picture, draw = dark(rng)
    x, y, side = (
        picture.width / 2,
        picture.height * 0.45,
        min(picture.size) * rng.uniform(0.12, 0.22),
    )
    if rng.random() < 0.5:
        draw.rectangle((x - side, y, x + side, y + side * 1.4), fill=230)
        draw.arc((x - side * 0.7, y - side, x + side * 0.7, y + side), 180, 360, fill=230, width=6)
    else:
        draw.polygon((x, y - side, x - side, y + side, x + side, y + side), fill=230)
    draw.text((x, picture.height * 0.85), words(rng, 3)[:24], font=font(12), fill=220, anchor="mm")
    return picture


def thing(rng: Rng) -> Image.Image:
    """Draw an envelope, a cup, a basket or a car in one shade, as shops and mailers do."""
    ground = int(rng.integers(190, 256))
    ink = ground - int(rng.integers(60, 170))
    picture = Image.new("L", (256, 256), ground)
    draw = ImageDraw.Draw(picture)
    kind, d = rng.integers(4), rng.uniform(-12, 12)
    if kind == 0:
        draw.rectangle((50 + d, 80, 206 - d, 180), fill=ink)
        draw.line((50 + d, 80, 128, 140, 206 - d, 80), fill=ground, width=6)
    elif kind == 1:
        draw.rectangle((75 + d, 90, 165, 190), fill=ink)
        draw.arc((150, 105, 205 + d, 165), 270, 90, fill=ink, width=12)
    elif kind == 2:
        draw.polygon((60, 100 + d, 200, 100 + d, 180, 190, 80, 190), fill=ink)
        draw.ellipse((90, 200, 110, 220), fill=ink)
        draw.ellipse((150, 200, 170, 220), fill=ink)
    else:
        draw.rounded_rectangle((40, 120 + d, 216, 180), radius=16, fill=ink)
        draw.rounded_rectangle((80, 85 + d, 180, 140), radius=16, fill=ink)
        draw.ellipse((65, 165, 105, 205), fill=20)
        draw.ellipse((150, 165, 190, 205), fill=20)
    return picture


def two_speakers(rng: Rng) -> Image.Image:
    """Draw a talk: two panes side by side with heads, and a band below."""
    picture = Image.new("L", (320, 180), int(rng.integers(20, 80)))
    draw = ImageDraw.Draw(picture)
    for left in (8, 164):
        draw.rectangle((left, 15, left + 148, 125), fill=int(rng.integers(100, 230)))
        x, shade = left + 74 + rng.uniform(-15, 15), int(rng.integers(20, 120))
        draw.ellipse((x - 22, 35, x + 22, 85), fill=shade)
        draw.ellipse((x - 50, 88, x + 50, 190), fill=shade)
    draw.rectangle((0, 128, 320, 180), fill=int(rng.integers(20, 90)))
    draw.text((10, 140), words(rng, 4)[:30], font=font(16), fill=245)
    return picture


def count_down(rng: Rng) -> Image.Image:
    """Draw a film leader: a cross, two rings and a figure."""
    picture = Image.new("L", (320, 240), int(rng.integers(120, 210)))
    draw = ImageDraw.Draw(picture)
    draw.line((160, 0, 160, 240), fill=40, width=2)
    draw.line((0, 120, 320, 120), fill=40, width=2)
    for radius in (70, 90):
        draw.ellipse((160 - radius, 120 - radius, 160 + radius, 120 + radius), outline=240, width=4)
    draw.pieslice((0, -40, 320, 280), -90, int(rng.integers(-80, 260)), fill=100)
    draw.text((160, 120), str(rng.integers(1, 10)), font=font(110), fill=20, anchor="mm")
    return picture


def weather(rng: Rng) -> Image.Image:
    """Draw a card with a sun or a cloud and a temperature."""
    picture = Image.new("L", (300, 225), int(rng.integers(110, 200)))
    draw = ImageDraw.Draw(picture)
    if rng.random() < 0.5:
        draw.ellipse((40, 50, 130, 140), fill=245)
    else:
        for x, r in ((60, 25), (95, 36), (130, 25)):
            draw.ellipse((x - r, 110 - r, x + r, 110 + r), fill=240)
    draw.text((215, 100), f"{rng.integers(-9, 38)}°", font=font(70), fill=255, anchor="mm")
    draw.text((150, 190), words(rng, 2)[:18], font=font(20), fill=250, anchor="mm")
    return picture


def robot_check(rng: Rng) -> Image.Image:
    """Draw a box to tick in the middle of a white page."""
    picture = Image.new("L", (320, 200), 252)
    draw = ImageDraw.Draw(picture)
    y = int(rng.integers(70, 100))
    draw.rectangle((70, y, 250, y + 50), outline=170, fill=243, width=2)
    draw.rectangle((82, y + 14, 104, y + 36), outline=110, width=2)
    draw.text((114, y + 17), words(rng, 2)[:14], font=font(13), fill=30)
    draw.ellipse((215, y + 10, 240, y + 36), fill=120)
    draw.text((70, 30), words(rng, 3)[:22], font=font(18), fill=20)
    return picture


def cookie_note(rng: Rng) -> Image.Image:
    """Draw a page that is greyed out, with a white box in the middle and two buttons."""
    picture = Image.new("L", (320, 200), int(rng.integers(80, 140)))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((60, 40, 260, 165), fill=255)
    for line in range(4):
        draw.text((72, 52 + 17 * line), words(rng, 5)[:30], font=font(11), fill=40)
    draw.rectangle((75, 135, 150, 155), fill=int(rng.integers(40, 120)))
    draw.rectangle((170, 135, 245, 155), fill=int(rng.integers(150, 220)))
    return picture


def slanted(rng: Rng) -> Image.Image:
    """Draw two or three areas with a slanted border, as of a poster without words."""
    picture = Image.new("L", (300, 200), int(rng.integers(256)))
    draw = ImageDraw.Draw(picture)
    at = rng.uniform(60, 240)
    slope = rng.uniform(20, 120)
    draw.polygon((0, 0, at, 0, at - slope, 200, 0, 200), fill=int(rng.integers(256)))
    if rng.random() < 0.5:
        draw.polygon(
            (300, 0, at + 40, 0, at + 40 - slope, 200, 300, 200), fill=int(rng.integers(256))
        )
    return picture


def torch(rng: Rng) -> Image.Image:
    """Draw a bright spot and its cone in the dark."""
    width, height = 300, 225
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    cone = np.exp(-(((x - 0.5) / (0.05 + 0.35 * y)) ** 2)) * np.exp(-y * rng.uniform(0.5, 2))
    return Image.fromarray((rng.uniform(180, 255) * cone).astype(np.uint8))


BROAD: dict[str, Drawing] = {
    draw.__name__: draw
    for draw in (
        *(muted, loading, padlock, thing, two_speakers, count_down, weather, robot_check),
        *(cookie_note, slanted, torch),
    )
}
