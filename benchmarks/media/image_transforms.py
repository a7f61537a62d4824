# SPDX-License-Identifier: Apache-2.0
"""What happens to pictures as they spread: 32 alterations, each of them seeded and repeatable."""

import random
from collections.abc import Callable
from io import BytesIO

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont, ImageOps

Altered = Callable[[Image.Image, random.Random, Image.Image], bytes]
"""(the picture, chance, an unrelated picture to lay things on) -> the altered file."""

FILLS = ("black", "white", (24, 26, 30))


def saved(picture, file_type="JPEG", **options):
    stream = BytesIO()
    picture.save(stream, file_type, **({"quality": 85} if file_type == "JPEG" else {}) | options)
    return stream.getvalue()


def cropped(picture, share):
    """Without `share` of its width and of its height, half of that at each side."""
    width, height = picture.size
    across, down = round(width * share / 2), round(height * share / 2)
    return picture.crop((across, down, width - across, height - down))


def cropped_off_centre(picture, chance):
    width, height = picture.size
    kept_w, kept_h = round(width * 0.75), round(height * 0.75)
    left, top = (chance.choice((0.1, 0.9)) for _ in range(2))
    x, y = round((width - kept_w) * left), round((height - kept_h) * top)
    return picture.crop((x, y, x + kept_w, y + kept_h))


def squared(picture):
    side = min(picture.size)
    return ImageOps.fit(picture, (side, side))


def toned(picture, curve):
    return picture.point([round(255 * curve(level / 255)) for level in range(256)] * 3)


def sepia(picture):
    grey = ImageOps.grayscale(picture)
    return ImageOps.colorize(grey, "#21130a", "#fff2d8", mid="#a5845a")


def noisy(picture, chance):
    drawn = np.random.default_rng(chance.getrandbits(32)).normal(0, 14, (*picture.size[::-1], 3))
    return Image.fromarray((np.asarray(picture) + drawn).clip(0, 255).astype(np.uint8))


def letterboxed(picture):
    """Onto a black canvas of another shape: bars above and below, or at both sides."""
    width, height = picture.size
    if width >= height:
        canvas = Image.new("RGB", (width, round(width * 1.0)), "black")
    else:
        canvas = Image.new("RGB", (round(height * 1.2), height), "black")
    if canvas.size == picture.size:
        canvas = Image.new("RGB", (width, round(height * 1.35)), "black")
    canvas.paste(picture, ((canvas.width - width) // 2, (canvas.height - height) // 2))
    return canvas


def bordered(picture, chance):
    return ImageOps.expand(picture, round(min(picture.size) * 0.1), chance.choice(FILLS))


def lettering(height):
    return ImageFont.load_default(size=max(8, height))


WORDS = ("when", "they", "said", "it", "could", "not", "be", "done", "then", "somebody", "did")


def sentence(chance, count):
    return " ".join(chance.choice(WORDS) for _ in range(count))


def captioned(picture, chance):
    """As a meme: a white bar with two lines of text above the picture."""
    width, height = picture.size
    bar = round(height * 0.22)
    canvas = Image.new("RGB", (width, height + bar), "white")
    canvas.paste(picture, (0, bar))
    pen, font = ImageDraw.Draw(canvas), lettering(bar // 4)
    for line in range(2):
        pen.text((width * 0.04, bar * (0.15 + 0.4 * line)), sentence(chance, 6), "black", font)
    return canvas


def screenshot(picture, chance):
    """In the window of an app on a telephone: a status bar, a name, and words below."""
    width = 720
    height = 1280
    is_dark = chance.random() < 0.5
    paper, ink = ((18, 18, 20), "white") if is_dark else ("white", "black")
    canvas = Image.new("RGB", (width, height), paper)
    shown = ImageOps.contain(picture, (width, 900))
    top = (height - shown.height) // 2 - 40
    canvas.paste(shown, ((width - shown.width) // 2, top))
    pen = ImageDraw.Draw(canvas)
    pen.text((30, 14), "12:47", ink, lettering(26))
    pen.text((width - 130, 14), "LTE 83%", ink, lettering(26))
    pen.ellipse((24, top - 84, 84, top - 24), fill=(90, 120, 180))
    pen.text((104, top - 72), sentence(chance, 2), ink, lettering(30))
    for line in range(3):
        pen.text((30, top + shown.height + 30 + 44 * line), sentence(chance, 7), ink, lettering(26))
    return canvas


def watermarked(picture, chance):
    """Half-transparent words across the middle and in a corner."""
    width, height = picture.size
    pen = ImageDraw.Draw(picture, "RGBA")
    large, small = lettering(height // 7), lettering(height // 14)
    pen.text((width * 0.08, height * 0.4), "COPY OF " + WORDS[3], (255, 255, 255, 140), large)
    pen.text((width * 0.6, height * 0.88), sentence(chance, 2), (255, 255, 255, 200), small)
    return picture


def stickered(picture, chance):
    """A laughing face over 30 % of the width."""
    width, height = picture.size
    side = round(min(width, height) * 0.3)
    x, y = chance.randint(0, width - side), chance.randint(0, height - side)
    pen = ImageDraw.Draw(picture)
    pen.ellipse((x, y, x + side, y + side), fill=(255, 205, 40), outline="black", width=2)
    for eye in (0.3, 0.7):
        at_x, at_y, r = x + side * eye, y + side * 0.35, side * 0.07
        pen.ellipse((at_x - r, at_y - r, at_x + r, at_y + r), fill="black")
    pen.chord((x + side * 0.2, y + side * 0.3, x + side * 0.8, y + side * 0.85), 0, 180, "black")
    return picture


def inset(picture, chance, behind):
    """At 60 % of its size upon an unrelated picture."""
    canvas = ImageOps.fit(behind, picture.size)
    shown = picture.resize((round(picture.width * 0.6), round(picture.height * 0.6)))
    room_x, room_y = canvas.width - shown.width, canvas.height - shown.height
    canvas.paste(shown, (round(room_x * chance.random()), round(room_y * chance.random())))
    return canvas


def off_a_screen(picture, chance):
    """Photographed from a screen: at an angle, with its frame, a glare, noise and blur."""
    width, height = picture.size
    frame = ImageOps.expand(picture, round(min(picture.size) * 0.05), (16, 16, 18))
    room = ImageOps.expand(frame, round(min(picture.size) * 0.12), (96, 88, 80))
    w, h = room.size
    bent = [chance.uniform(0.0, 0.06) for _ in range(8)]
    corners = [
        (-bent[0] * w, -bent[1] * h), (w * (1 + bent[2]), -bent[3] * h),
        (w * (1 + bent[4]), h * (1 + bent[5])), (-bent[6] * w, h * (1 + bent[7])),
    ]  # fmt: skip
    taken = room.transform(
        room.size, Image.Transform.PERSPECTIVE, perspective(corners, room.size),
        Image.Resampling.BILINEAR, fillcolor=(96, 88, 80),
    )  # fmt: skip
    glare = np.linspace(0, 40, w)[None, :, None] * np.linspace(1, 0.2, h)[:, None, None]
    lit = Image.fromarray((np.asarray(taken) * 0.85 + glare).clip(0, 255).astype(np.uint8))
    return noisy(lit.filter(ImageFilter.GaussianBlur(max(width, height) / 900)), chance)


def perspective(corners, size):
    """The eight numbers that lay the corners of a canvas upon four places of the source."""
    width, height = size
    rows, places = [], []
    for (x, y), (u, v) in zip(
        [(0, 0), (width, 0), (width, height), (0, height)], corners, strict=True
    ):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        places += [u, v]
    return np.linalg.solve(np.array(rows, float), np.array(places, float)).tolist()


def combined(picture, chance):
    """Cropped by 6 %, mirrored, marked and darkened."""
    marked = watermarked(ImageOps.mirror(cropped(picture, 0.06)), chance)
    return toned(marked, lambda level: level**1.4)


def turned(picture, degrees):
    return picture.rotate(degrees, Image.Resampling.BICUBIC)


def smaller(picture, share):
    return picture.resize((round(picture.width * share), round(picture.height * share)))


TRANSFORMS: dict[str, Altered] = {
    "jpeg q8": lambda p, _c, _b: saved(p, quality=8),
    "scaled 25 %": lambda p, _c, _b: saved(smaller(p, 0.25)),
    "png": lambda p, _c, _b: saved(p, "PNG"),
    "webp": lambda p, _c, _b: saved(p, "WEBP", quality=60),
    "gif": lambda p, _c, _b: saved(p, "GIF"),
    "black and white": lambda p, _c, _b: saved(ImageOps.grayscale(p)),
    "sepia": lambda p, _c, _b: saved(sepia(p)),
    "blur": lambda p, _c, _b: saved(p.filter(ImageFilter.GaussianBlur(max(p.size) / 250))),
    "noise": lambda p, c, _b: saved(noisy(p, c)),
    "gamma": lambda p, _c, _b: saved(toned(p, lambda level: level**0.6)),
    "dark": lambda p, _c, _b: saved(toned(p, lambda level: level * 0.5)),
    "stretched": lambda p, _c, _b: saved(p.resize((round(p.width * 1.25), p.height))),
    "crop 2 %": lambda p, _c, _b: saved(cropped(p, 0.02)),
    "crop 5 %": lambda p, _c, _b: saved(cropped(p, 0.05)),
    "crop 10 %": lambda p, _c, _b: saved(cropped(p, 0.10)),
    "crop 25 % off centre": lambda p, c, _b: saved(cropped_off_centre(p, c)),
    "crop to a square": lambda p, _c, _b: saved(squared(p)),
    "mirrored": lambda p, _c, _b: saved(ImageOps.mirror(p)),
    "turned 90": lambda p, _c, _b: saved(p.transpose(Image.Transpose.ROTATE_90)),
    "turned 180": lambda p, _c, _b: saved(p.transpose(Image.Transpose.ROTATE_180)),
    "turned 5": lambda p, _c, _b: saved(turned(p, 5)),
    "turned 15": lambda p, _c, _b: saved(turned(p, -15)),
    "letterbox": lambda p, _c, _b: saved(letterboxed(p)),
    "border 10 %": lambda p, c, _b: saved(bordered(p, c)),
    "caption": lambda p, c, _b: saved(captioned(p, c)),
    "phone screenshot": lambda p, c, _b: saved(screenshot(p, c)),
    "watermark": lambda p, c, _b: saved(watermarked(p.copy(), c)),
    "sticker 30 %": lambda p, c, _b: saved(stickered(p.copy(), c)),
    "inverted": lambda p, _c, _b: saved(ImageOps.invert(p)),
    "inset 60 %": lambda p, c, b: saved(inset(p, c, b)),
    "photo of a screen": lambda p, c, _b: saved(off_a_screen(p, c)),
    "combination": lambda p, c, _b: saved(combined(p, c)),
}
