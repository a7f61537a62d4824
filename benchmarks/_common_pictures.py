# SPDX-License-Identifier: Apache-2.0
"""Draw pictures of the sorts that everybody has: screens, cards, charts, placeholders, test cards.

Each function draws one sort from a random generator, in shades of grey, as only brightness counts
for PDQ. Nothing is taken from elsewhere: shapes and words are drawn, and the words mean nothing.
"""

import math
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

Rng = np.random.Generator
Drawing = Callable[[Rng], Image.Image]

SHAPES = ((320, 240), (320, 180), (180, 320), (240, 240), (240, 320), (320, 160))
_SYLLABLES = (
    *("ba", "be", "di", "do", "fa", "ge", "ha", "in", "ka", "la", "lo", "ma", "mi", "na", "no"),
    *("or", "pa", "ra", "re", "sa", "se", "ta", "ti", "to", "un", "va"),
)


def words(rng: Rng, count: int) -> str:
    """Return words without meaning, of one to four syllables."""
    return " ".join(
        "".join(_SYLLABLES[at] for at in rng.integers(0, len(_SYLLABLES), rng.integers(1, 5)))
        for _ in range(count)
    )


def font(size: float) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Return the typeface that comes with Pillow."""
    return ImageFont.load_default(size=max(6, size))


def canvas(rng: Rng, *, fill: int | None = None) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    """Return an empty picture of a usual shape, and what draws upon it."""
    shape = SHAPES[rng.integers(len(SHAPES))]
    picture = Image.new("L", shape, int(rng.integers(0, 256)) if fill is None else fill)
    return picture, ImageDraw.Draw(picture)


def light_or_dark(rng: Rng) -> tuple[int, int]:
    """Return a ground and an ink in strong contrast; two thirds are dark on light."""
    light, dark = int(rng.integers(225, 256)), int(rng.integers(0, 45))
    return (light, dark) if rng.random() < 0.67 else (dark, light)


def paragraph(
    draw: ImageDraw.ImageDraw, rng: Rng, box: tuple[float, float, float, float], *, size: float,
    fill: int, spacing: float = 1.4,
) -> None:  # fmt: skip
    """Fill a box with lines of text, the last of each paragraph shorter."""
    left, top, right, bottom = box
    face = font(size)
    per_line = max(1, int((right - left) / (size * 2.9)))
    y = top
    while y + size <= bottom:
        is_last = rng.random() < 0.2
        line = words(rng, max(1, per_line // 2 if is_last else per_line))
        room = max(1, int((right - left) / (size * 0.52)))
        draw.text((left, y), line[:room], font=face, fill=fill)
        y += size * spacing * (1.6 if is_last else 1)


def gradient(rng: Rng) -> Image.Image:
    """Draw a ramp at an angle, or rings around a place."""
    width, height = SHAPES[rng.integers(len(SHAPES))]
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    if rng.random() < 0.6:
        angle = rng.uniform(0, 2 * math.pi)
        ramp = x * math.cos(angle) + y * math.sin(angle)
    else:
        ramp = np.hypot(x - rng.uniform(0, 1), y - rng.uniform(0, 1))
    ramp = (ramp - ramp.min()) / (ramp.max() - ramp.min())
    ramp = ramp ** rng.uniform(0.5, 2.0)
    low, high = sorted(rng.uniform(0, 255, 2))
    if rng.random() < 0.25:
        ramp = np.abs(2 * ramp - 1)
    return Image.fromarray((low + (high - low) * ramp).astype(np.uint8))


def logo(rng: Rng) -> Image.Image:
    """Draw a simple shape in the middle of one colour."""
    picture, draw = canvas(rng)
    ground = picture.getpixel((0, 0))
    ink = (int(ground) + int(rng.integers(90, 166))) % 256
    width, height = picture.size
    side = min(width, height) * rng.uniform(0.3, 0.85)
    box = ((width - side) / 2, (height - side) / 2, (width + side) / 2, (height + side) / 2)
    kind = rng.integers(6)
    if kind == 0:
        draw.ellipse(box, fill=ink)
    elif kind == 1:
        draw.rounded_rectangle(box, radius=side * rng.uniform(0, 0.4), fill=ink)
    elif kind == 2:
        corners = int(rng.integers(3, 9))
        draw.regular_polygon((width / 2, height / 2, side / 2), corners, fill=ink)
    elif kind == 3:
        draw.ellipse(box, outline=ink, width=max(2, int(side * rng.uniform(0.05, 0.2))))
    elif kind == 4:
        letter = "ABCDEFGHKMNPRSTVXZ"[rng.integers(18)]
        draw.text((width / 2, height / 2), letter, font=font(side), fill=ink, anchor="mm")
    else:
        draw.text(
            (width / 2, height / 2), words(rng, 1), font=font(side / 3), fill=ink, anchor="mm"
        )
    return picture


def text_screen(rng: Rng) -> Image.Image:
    """Draw a page of text: with or without a heading, a margin, two columns."""
    ground, ink = light_or_dark(rng)
    picture, draw = canvas(rng, fill=ground)
    width, height = picture.size
    size = rng.uniform(8, 22)
    left, top = width * rng.uniform(0.02, 0.15), height * rng.uniform(0.02, 0.15)
    right, bottom = width - left, height * rng.uniform(0.5, 0.98)
    if rng.random() < 0.5:
        draw.text((left, top), words(rng, 2), font=font(size * 1.8), fill=ink)
        top += size * 3
    if rng.random() < 0.3:
        middle = width / 2
        paragraph(draw, rng, (left, top, middle - 6, bottom), size=size, fill=ink)
        left = middle + 6
    paragraph(draw, rng, (left, top, right, bottom), size=size, fill=ink)
    return picture


def scene(rng: Rng, size: tuple[int, int]) -> Image.Image:
    """Draw blurred blobs as of a room or a street, over which others write."""
    coarse = rng.integers(0, 256, (int(rng.integers(3, 7)), int(rng.integers(3, 9)))).astype(
        np.uint8
    )
    return Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)


def lower_third(rng: Rng) -> Image.Image:
    """Draw a news picture: a plain or blurred scene, a band with two lines, a mark in a corner."""
    size = SHAPES[rng.integers(2)]
    picture = (
        scene(rng, size) if rng.random() < 0.3 else Image.new("L", size, int(rng.integers(256)))
    )
    draw = ImageDraw.Draw(picture)
    width, height = size
    top = height * rng.uniform(0.65, 0.8)
    draw.rectangle((0, top, width, height * rng.uniform(0.86, 1.0)), fill=int(rng.integers(0, 90)))
    draw.text((width * 0.05, top + 4), words(rng, 3), font=font(height * 0.08), fill=255)
    draw.text(
        (width * 0.05, top + height * 0.12), words(rng, 5), font=font(height * 0.05), fill=220
    )
    if rng.random() < 0.6:
        draw.rectangle(
            (width * 0.85, 6, width - 6, height * 0.16), fill=int(rng.integers(180, 256))
        )
    return picture


def error_page(rng: Rng) -> Image.Image:
    """Draw a page that says that something is missing: a large number or sign, a line, a button."""
    ground, ink = light_or_dark(rng)
    picture, draw = canvas(rng, fill=ground)
    width, height = picture.size
    sign = ("404", "500", "403", "!", "?", ":(", "X", "503")[rng.integers(8)]
    y = height * rng.uniform(0.2, 0.45)
    x = width * (0.5 if rng.random() < 0.7 else 0.25)
    draw.text((x, y), sign, font=font(height * rng.uniform(0.2, 0.45)), fill=ink, anchor="mm")
    for line in range(rng.integers(1, 4)):
        at = y + height * (0.22 + 0.08 * line)
        draw.text((x, at), words(rng, 4), font=font(height * 0.055), fill=ink, anchor="mm")
    if rng.random() < 0.6:
        half, y = width * 0.15, height * 0.85
        draw.rounded_rectangle((x - half, y - 10, x + half, y + 10), radius=6, fill=ink)
    return picture


def chat(rng: Rng) -> Image.Image:
    """Draw a conversation: bubbles on both sides below a bar."""
    ground, ink = light_or_dark(rng)
    picture = Image.new("L", SHAPES[rng.choice([2, 4, 3])], ground)
    draw = ImageDraw.Draw(picture)
    width, height = picture.size
    draw.rectangle((0, 0, width, height * 0.1), fill=int(rng.integers(40, 200)))
    y = height * 0.13
    while y < height * 0.92:
        tall, wide = height * rng.uniform(0.05, 0.16), width * rng.uniform(0.3, 0.75)
        x = 6 if rng.random() < 0.5 else width - wide - 6
        shade = abs(ground - int(rng.integers(25, 110)))
        draw.rounded_rectangle((x, y, x + wide, y + tall), radius=8, fill=shade)
        paragraph(draw, rng, (x + 6, y + 3, x + wide - 6, y + tall), size=9, fill=ink)
        y += tall + 6
    return picture


def qr_code(rng: Rng) -> Image.Image:
    """Draw a square code with its three corner marks, on white, with or without a line below."""
    modules = int(rng.choice([21, 25, 29, 33]))
    grid = rng.integers(0, 2, (modules, modules)).astype(np.uint8)
    mark = np.ones((8, 8), np.uint8)
    mark[0:7, 0:7] = 0
    mark[1:6, 1:6] = 1
    mark[2:5, 2:5] = 0
    grid[:8, :8] = mark
    grid[:8, -8:] = mark[:, ::-1]
    grid[-8:, :8] = mark[::-1]
    side = int(rng.integers(120, 236))
    code = Image.fromarray(grid * 255).resize((side, side), Image.Resampling.NEAREST)
    picture = Image.new("L", (240, 240 if rng.random() < 0.6 else 300), 255)
    picture.paste(code, ((240 - side) // 2, (240 - side) // 2))
    return picture


def caption(rng: Rng) -> Image.Image:
    """Draw a black or white frame with one to three lines: a title, credits, a saying."""
    ground = 0 if rng.random() < 0.75 else 255
    picture, draw = canvas(rng, fill=ground)
    width, height = picture.size
    size = height * rng.uniform(0.06, 0.16)
    lines = int(rng.integers(1, 4))
    y = height * rng.choice([0.5, 0.5, 0.8, 0.2]) - size * (lines - 1) / 2
    for line in range(lines):
        place = (width / 2, y + line * size * 1.3)
        draw.text(place, words(rng, int(rng.integers(1, 5)))[:28], font=font(size),
                  fill=255 - ground, anchor="mm")  # fmt: skip
    return picture


def avatar(rng: Rng) -> Image.Image:
    """Draw a person without a face, or an initial, as accounts without a picture have."""
    ground = int(rng.integers(60, 240))
    ink = ground - int(rng.integers(50, 61)) if rng.random() < 0.5 else min(255, ground + 90)
    picture = Image.new("L", (240, 240), ground)
    draw = ImageDraw.Draw(picture)
    if rng.random() < 0.3:
        draw.rectangle((0, 0, 240, 240), fill=255)
        draw.ellipse((4, 4, 236, 236), fill=ground)
    if rng.random() < 0.6:
        head, y = rng.uniform(32, 56), rng.uniform(80, 105)
        draw.ellipse((120 - head, y - head, 120 + head, y + head), fill=ink)
        body = rng.uniform(60, 100)
        draw.ellipse((120 - body, 155 + rng.uniform(-10, 15), 120 + body, 300), fill=ink)
    else:
        letters = "".join(rng.choice(list("ABCDEFGHJKLMNPRSTVW"), rng.integers(1, 3)))
        draw.text((120, 120), letters, font=font(rng.uniform(80, 140)), fill=255, anchor="mm")
    return picture


def meme(rng: Rng) -> Image.Image:
    """Draw a plain picture with large words at the top and the bottom, or a white band above."""
    picture, draw = canvas(rng)
    width, height = picture.size
    size = height * rng.uniform(0.08, 0.14)
    if rng.random() < 0.35:
        draw.rectangle((0, 0, width, height * 0.25), fill=255)
        draw.text(
            (width / 2, height * 0.125), words(rng, 3)[:20], font=font(size), fill=0, anchor="mm"
        )
    else:
        for y in (height * 0.1, height * 0.9):
            draw.text((width / 2, y), words(rng, 3).upper()[:18], font=font(size), fill=255,
                      anchor="mm", stroke_width=2, stroke_fill=0)  # fmt: skip
    return picture


def street_map(rng: Rng) -> Image.Image:
    """Draw a map: blocks and roads, a river, a pin."""
    picture, draw = canvas(rng, fill=int(rng.integers(215, 245)))
    width, height = picture.size
    for _ in range(rng.integers(2, 6)):
        x, y = rng.uniform(0, width), rng.uniform(0, height)
        box = (x, y, x + rng.uniform(20, 110), y + rng.uniform(20, 90))
        draw.rectangle(box, fill=int(rng.integers(170, 215)))
    for _ in range(rng.integers(6, 16)):
        ends = rng.uniform(-0.1, 1.1, 4) * [width, height, width, height]
        if rng.random() < 0.5:
            ends[2] = ends[0]
        draw.line(tuple(ends), fill=255, width=int(rng.integers(2, 9)))
    if rng.random() < 0.5:
        draw.ellipse((width / 2 - 8, height / 2 - 20, width / 2 + 8, height / 2), fill=60)
    return picture


def chart(rng: Rng) -> Image.Image:
    """Draw a bar, line or pie chart with axes and a title."""
    ground, ink = light_or_dark(rng)
    picture, draw = canvas(rng, fill=ground)
    width, height = picture.size
    draw.text((width * 0.1, 4), words(rng, 3), font=font(height * 0.07), fill=ink)
    left, top, right, bottom = width * 0.12, height * 0.18, width * 0.95, height * 0.88
    kind = rng.integers(3)
    if kind == 2:
        side, start = min(right - left, bottom - top), 0.0
        for part in rng.dirichlet(np.ones(rng.integers(3, 7))):
            draw.pieslice((left, top, left + side, top + side), start, start + 360 * part,
                          fill=int(rng.integers(40, 220)))  # fmt: skip
            start += 360 * part
        return picture
    draw.line((left, top, left, bottom, right, bottom), fill=ink, width=2)
    values = np.clip(np.cumsum(rng.normal(0, 0.2, rng.integers(4, 13))) + 0.5, 0.05, 1)
    step = (right - left) / len(values)
    places = [
        (left + step * (at + 0.5), bottom - (bottom - top) * v) for at, v in enumerate(values)
    ]
    if kind == 0:
        shade = int(rng.integers(60, 180))
        for x, y in places:
            draw.rectangle((x - step * 0.35, y, x + step * 0.35, bottom), fill=shade)
    else:
        draw.line(places, fill=ink, width=3)
    return picture


def test_card(rng: Rng) -> Image.Image:
    """Draw colour bars, a grid with a circle, or steps of grey, as before a broadcast."""
    picture, draw = canvas(rng, fill=int(rng.integers(90, 160)))
    width, height = picture.size
    kind = rng.integers(4)
    if kind < 2:
        shades = np.sort(rng.integers(0, 256, rng.integers(5, 13)))[:: int(rng.choice([1, -1]))]
        top = height * (1 if kind else rng.uniform(0.6, 0.85))
        for at, shade in enumerate(shades):
            step = width / len(shades)
            draw.rectangle((at * step, 0, (at + 1) * step, top), fill=int(shade))
    else:
        step = width / int(rng.integers(6, 17))
        for at in range(20):
            draw.line((at * step, 0, at * step, height), fill=255, width=2)
            draw.line((0, at * step, width, at * step), fill=255, width=2)
        side = min(width, height) * rng.uniform(0.3, 0.48)
        box = (width / 2 - side, height / 2 - side, width / 2 + side, height / 2 + side)
        draw.ellipse(box, outline=255, width=3, fill=None if kind == 2 else 40)
    return picture


def window(rng: Rng) -> Image.Image:
    """Draw a form, a dialogue or a list in a window."""
    picture, draw = canvas(rng, fill=int(rng.integers(60, 245)))
    width, height = picture.size
    left, top = width * rng.uniform(0.03, 0.25), height * rng.uniform(0.03, 0.25)
    right, bottom = width - left, height - top
    draw.rectangle((left, top, right, bottom), fill=int(rng.integers(235, 256)))
    draw.rectangle((left, top, right, top + height * 0.09), fill=int(rng.integers(20, 200)))
    y, step = top + height * 0.14, height * rng.uniform(0.09, 0.16)
    kind = rng.integers(3)
    while y + step < bottom:
        if kind == 0:
            draw.rectangle((left + 10, y, right - 10, y + step * 0.6), outline=120, width=2)
        elif kind == 1:
            draw.ellipse((left + 6, y, left + 6 + step * 0.7, y + step * 0.7), fill=160)
            draw.text((left + 14 + step, y), words(rng, 3)[:20], font=font(step * 0.5), fill=40)
        else:
            draw.text((left + 10, y), words(rng, 4)[:26], font=font(step * 0.5), fill=30)
        y += step
    draw.rounded_rectangle((right - width * 0.22, bottom - height * 0.11, right - 8, bottom - 6),
                           radius=4, fill=90)  # fmt: skip
    return picture


def slide(rng: Rng) -> Image.Image:
    """Draw a slide: a title and points, a bar at an edge."""
    ground, ink = light_or_dark(rng)
    picture = Image.new("L", SHAPES[rng.integers(2)], ground)
    draw = ImageDraw.Draw(picture)
    width, height = picture.size
    if rng.random() < 0.5:
        draw.rectangle((0, 0, width, height * 0.22), fill=int(rng.integers(40, 160)))
    else:
        draw.rectangle((0, height * 0.93, width, height), fill=int(rng.integers(40, 160)))
    draw.text((width * 0.06, height * 0.06), words(rng, 3)[:22], font=font(height * 0.11), fill=ink)
    for point in range(rng.integers(2, 6)):
        y = height * (0.3 + 0.13 * point)
        draw.ellipse((width * 0.06, y + 4, width * 0.06 + 6, y + 10), fill=ink)
        line = words(rng, int(rng.integers(2, 7)))[:36]
        draw.text((width * 0.1, y), line, font=font(height * 0.07), fill=ink)
    return picture


def table(rng: Rng) -> Image.Image:
    """Draw a sheet of cells, with a dark head and some words and numbers."""
    picture, draw = canvas(rng, fill=250)
    width, height = picture.size
    rows, columns = int(rng.integers(5, 18)), int(rng.integers(2, 8))
    tall, wide = height / rows, width / columns
    draw.rectangle((0, 0, width, tall), fill=int(rng.integers(60, 200)))
    for row in range(rows):
        if rng.random() < 0.3:
            draw.rectangle(
                (0, row * tall, width, (row + 1) * tall), fill=int(rng.integers(205, 240))
            )
        draw.line((0, row * tall, width, row * tall), fill=150)
        for column in range(columns):
            text = words(rng, 1)[: int(wide / (tall * 0.35))] if rng.random() < 0.7 else ""
            draw.text((column * wide + 3, row * tall + 2), text, font=font(tall * 0.6), fill=20)
    for column in range(columns):
        draw.line((column * wide, 0, column * wide, height), fill=150)
    return picture


def player(rng: Rng) -> Image.Image:
    """Draw a film that is not there: black or grey, with a sign to play or a line that says so."""
    picture, draw = canvas(rng, fill=int(rng.integers(0, 70)))
    width, height = picture.size
    side = min(width, height) * rng.uniform(0.12, 0.3)
    x, y = width / 2, height / 2
    if rng.random() < 0.7:
        if rng.random() < 0.7:
            shade = int(rng.integers(110, 256))
            draw.ellipse((x - side, y - side, x + side, y + side), fill=shade)
            draw.regular_polygon((x, y, side * 0.6), 3, rotation=-90, fill=20)
        else:
            draw.regular_polygon((x, y, side), 3, rotation=-90, fill=240)
    else:
        draw.text((x, y), words(rng, 3)[:22], font=font(height * 0.08), fill=230, anchor="mm")
    if rng.random() < 0.5:
        draw.rectangle((width * 0.04, height * 0.92, width * 0.96, height * 0.94), fill=160)
    return picture


def pattern(rng: Rng) -> Image.Image:
    """Draw stripes, squares, dots or waves that repeat."""
    width, height = SHAPES[rng.integers(len(SHAPES))]
    y, x = np.mgrid[0:height, 0:width]
    period, angle = rng.uniform(12, 90), rng.choice([0, 0, 0.25, 0.5, 0.5, 0.75]) * math.pi
    along = x * math.cos(angle) + y * math.sin(angle)
    across = y * math.cos(angle) - x * math.sin(angle)
    phase = 2 * math.pi * along / period + rng.uniform(0, 6)
    kind = rng.integers(4)
    if kind == 0:
        field = np.sign(np.sin(phase))
    elif kind == 1:
        field = np.sign(np.sin(phase) * np.sin(2 * math.pi * across / period))
    elif kind == 2:
        field = np.sin(phase)
    else:
        field = np.where(np.sin(phase) + np.sin(2 * math.pi * across / period) > 1, 1.0, -1.0)
    low, high = sorted(rng.uniform(0, 255, 2))
    return Image.fromarray((low + (high - low) * (field + 1) / 2).astype(np.uint8))


def horizon(rng: Rng) -> Image.Image:
    """Draw two areas, one above the other, with a soft edge: sea and sky."""
    width, height = 300, 200
    y = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j][0]
    low, high = rng.uniform(0, 110), rng.uniform(140, 255)
    edge = 1 / (1 + np.exp(-(y - rng.uniform(0.3, 0.7)) * rng.uniform(8, 60)))
    return Image.fromarray((low + (high - low) * edge).astype(np.uint8))


def vignette(rng: Rng) -> Image.Image:
    """Draw a light that falls off to the edges, as of a lamp or a flash."""
    width, height = 300, 225
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    r = np.hypot(x - rng.uniform(-0.2, 0.2), y - rng.uniform(-0.2, 0.2))
    shade = 255 * np.exp(-((r / rng.uniform(0.4, 1.1)) ** rng.uniform(1.5, 4)))
    return Image.fromarray(shade.astype(np.uint8))


def flag(rng: Rng) -> Image.Image:
    """Draw three bands, upright or level, or a cross."""
    picture = Image.new("L", (300, 200), int(rng.integers(256)))
    draw = ImageDraw.Draw(picture)
    first, second = (int(shade) for shade in rng.integers(0, 256, 2))
    kind = rng.integers(3)
    if kind == 0:
        draw.rectangle((100, 0, 200, 200), fill=first)
        draw.rectangle((200, 0, 300, 200), fill=second)
    elif kind == 1:
        draw.rectangle((0, 67, 300, 133), fill=first)
        draw.rectangle((0, 133, 300, 200), fill=second)
    else:
        draw.rectangle((90, 0, 130, 200), fill=first)
        draw.rectangle((0, 80, 300, 120), fill=first)
    return picture


def paused_film(rng: Rng) -> Image.Image:
    """Draw a dark frame with a pause sign, a ring that turns, or a note, and a bar below."""
    picture = Image.new(
        "L", ((320, 180), (180, 320), (240, 240))[rng.integers(3)], int(rng.integers(60))
    )
    draw = ImageDraw.Draw(picture)
    width, height = picture.size
    x, y, side = width / 2, height / 2, min(width, height) * rng.uniform(0.1, 0.3)
    kind = rng.integers(3)
    if kind == 0:
        for sign in (-1, 1):
            at = x + sign * side * 0.5
            draw.rectangle((at - side * 0.22, y - side, at + side * 0.22, y + side), fill=235)
    elif kind == 1:
        start = rng.uniform(0, 360)
        draw.arc(
            (x - side, y - side, x + side, y + side),
            start,
            start + 270,
            fill=220,
            width=int(side * 0.25),
        )
    else:
        draw.ellipse((x - side, y + side * 0.3, x - side * 0.2, y + side), fill=230)
        draw.rectangle((x - side * 0.35, y - side, x - side * 0.2, y + side * 0.6), fill=230)
    if rng.random() < 0.5:
        draw.line((10, height - 10, width - 10, height - 10), fill=190, width=3)
    return picture


def silhouette(rng: Rng) -> Image.Image:
    """Draw a group, a house, or a camera crossed out, as sites show for a missing picture."""
    ground = int(rng.integers(170, 250))
    ink = ground - int(rng.integers(50, 120))
    picture = Image.new("L", (256, 256), ground)
    draw = ImageDraw.Draw(picture)
    kind = rng.integers(3)
    if kind == 0:
        for x in (85, 128, 171):
            head = rng.uniform(18, 26)
            draw.ellipse((x - head, 90 - head, x + head, 90 + head), fill=ink)
            draw.rounded_rectangle((x - head * 1.5, 125, x + head * 1.5, 256), radius=20, fill=ink)
    elif kind == 1:
        roof = rng.uniform(50, 90)
        draw.polygon((128, roof, 40, 140, 216, 140), fill=ink)
        draw.rectangle((65, 140, 191, 225), fill=ink)
    else:
        draw.rounded_rectangle((48, 80, 208, 190), radius=14, fill=ink)
        radius = rng.uniform(25, 42)
        draw.ellipse((128 - radius, 135 - radius, 128 + radius, 135 + radius), fill=ground)
        draw.line((40, 210, 216, 60), fill=ground, width=10)
    return picture


def spotlight_text(rng: Rng) -> Image.Image:
    """Draw a saying on one colour with a mark of quotation and a name."""
    picture, draw = canvas(rng, fill=int(rng.choice([15, 30, 235, 250])))
    ink = 255 if picture.getpixel((0, 0)) < 128 else 0
    width, height = picture.size
    draw.text((width / 2, height * 0.2), "\u201c", font=font(height * 0.25), fill=ink, anchor="mm")
    for line in range(rng.integers(1, 4)):
        draw.text((width / 2, height * (0.42 + 0.12 * line)), words(rng, 3)[:24],
                  font=font(height * 0.09), fill=ink, anchor="mm")  # fmt: skip
    draw.text(
        (width / 2, height * 0.88), words(rng, 1), font=font(height * 0.06), fill=ink, anchor="mm"
    )
    return picture


def ticker(rng: Rng) -> Image.Image:
    """Draw a studio: a soft ground, a panel at the right, two bands at the foot."""
    picture = Image.new("L", (320, 180), int(rng.integers(60, 220)))
    draw = ImageDraw.Draw(picture)
    if rng.random() < 0.5:
        draw.rectangle((210, 15, 308, 100), fill=int(rng.integers(256)))
    draw.rectangle((0, 140, 320, 160), fill=int(rng.integers(200, 256)))
    draw.rectangle((0, 160, 320, 180), fill=int(rng.integers(0, 60)))
    draw.text((8, 142), words(rng, 5), font=font(14), fill=20)
    draw.text((8, 162), words(rng, 7), font=font(12), fill=240)
    return picture


def scoreboard(rng: Rng) -> Image.Image:
    """Draw a green field with lines, and a board with a score."""
    picture = Image.new("L", (320, 180), int(rng.integers(90, 130)))
    draw = ImageDraw.Draw(picture)
    for at in range(0, 320, 40):
        if at % 80:
            draw.rectangle((at, 0, at + 40, 180), fill=int(rng.integers(95, 140)))
    draw.line((160, 0, 160, 180), fill=230, width=2)
    draw.ellipse((130, 60, 190, 120), outline=230, width=2)
    draw.rectangle((10, 10, 110, 30), fill=20)
    draw.text(
        (14, 12),
        f"{words(rng, 1)[:4]} {rng.integers(6)}:{rng.integers(6)}",
        font=font(14),
        fill=250,
    )
    return picture


def blurred(rng: Rng) -> Image.Image:
    """Draw out-of-focus lights, as behind a veil that hides a picture."""
    picture, draw = canvas(rng)
    width, height = picture.size
    for _ in range(rng.integers(3, 9)):
        x, y, r = rng.uniform(0, width), rng.uniform(0, height), rng.uniform(20, 90)
        draw.ellipse((x - r, y - r, x + r, y + r), fill=int(rng.integers(256)))
    return picture.filter(ImageFilter.GaussianBlur(rng.uniform(25, 45)))


def clock(rng: Rng) -> Image.Image:
    """Draw a clock face or a count-down in large digits."""
    ground = int(rng.choice([0, 20, 255, 240]))
    ink = 255 - ground
    picture = Image.new("L", (256, 256), ground)
    draw = ImageDraw.Draw(picture)
    if rng.random() < 0.5:
        draw.ellipse((20, 20, 236, 236), outline=ink, width=8)
        for length in (60, 90):
            angle = rng.uniform(0, 2 * math.pi)
            tip = (128 + length * math.sin(angle), 128 - length * math.cos(angle))
            draw.line((128, 128, *tip), fill=ink, width=8)
    else:
        text = f"{rng.integers(60):02}:{rng.integers(60):02}"
        draw.text((128, 128), text, font=font(90), fill=ink, anchor="mm")
    return picture


def login(rng: Rng) -> Image.Image:
    """Draw a narrow form in the middle of a wide page, with a mark above it."""
    picture = Image.new("L", (320, 200), int(rng.integers(225, 256)))
    draw = ImageDraw.Draw(picture)
    draw.ellipse((145, 20, 175, 50), fill=int(rng.integers(40, 160)))
    for y in (65, 92):
        draw.rectangle((100, y, 220, y + 20), outline=150, width=1)
        draw.text((104, y + 4), words(rng, 1), font=font(10), fill=130)
    draw.rectangle((100, 122, 220, 144), fill=int(rng.integers(50, 140)))
    draw.text((160, 133), words(rng, 1), font=font(11), fill=255, anchor="mm")
    return picture


PICTURES: dict[str, Drawing] = {
    "gradient": gradient,
    "logo on one colour": logo,
    "page of text": text_screen,
    "news banner": lower_third,
    "error page": error_page,
    "chat": chat,
    "QR code": qr_code,
    "caption on one colour": caption,
    "placeholder for a person": avatar,
    "meme with words": meme,
    "map": street_map,
    "chart": chart,
    "test card": test_card,
    "window or form": window,
    "slide": slide,
    "table": table,
    "film that is missing": player,
    "pattern": pattern,
    "horizon": horizon,
    "light that falls off": vignette,
    "flag": flag,
    "paused film": paused_film,
    "placeholder for a picture": silhouette,
    "saying": spotlight_text,
    "news studio": ticker,
    "sports field with a score": scoreboard,
    "blurred lights": blurred,
    "clock": clock,
    "sign-in form": login,
}
"""The sorts by the names that people read, each with what draws one."""
