# SPDX-License-Identifier: Apache-2.0
"""Cut ordinary pictures from the photographs that scikit-image ships.

Some are boxed into black bars, some carry words, a banner or a mark, as films and posts do.
"""

import importlib.util
from pathlib import Path

from PIL import Image, ImageDraw, ImageOps

from benchmarks._common_pictures import Rng, font, words

PHOTOGRAPHS = (
    *("astronaut.png", "brick.png", "camera.png", "cell.png", "chelsea.png", "coffee.png"),
    *("coins.png", "grass.png", "gravel.png", "hubble_deep_field.jpg", "ihc.png", "moon.png"),
    *("motorcycle_left.png", "retina.jpg", "rocket.jpg"),
)


def photographs() -> list[Image.Image]:
    """Return the photographs in shades of grey."""
    spec = importlib.util.find_spec("skimage")
    folder = Path(spec.submodule_search_locations[0]) / "data"
    return [Image.open(folder / name).convert("L") for name in PHOTOGRAPHS]


def ordinary(rng: Rng, photograph: Image.Image) -> Image.Image:
    """Return a part of a photograph, plain or as it travels."""
    width, height = photograph.size
    side, ratio = (
        rng.uniform(0.2, 1.0) * min(width, height),
        rng.choice([1, 1.33, 1.78, 0.56, 0.75]),
    )
    wide, tall = min(width, side * ratio**0.5), min(height, side / ratio**0.5)
    x, y = rng.uniform(0, width - wide), rng.uniform(0, height - tall)
    part = photograph.crop((int(x), int(y), int(x + wide), int(y + tall)))
    part.thumbnail((256, 256))
    if rng.random() < 0.5:
        part = ImageOps.mirror(part)
    how = rng.random()
    if how < 0.12:
        return boxed(rng, part)
    if how < 0.24:
        return lettered(rng, part)
    return part


def boxed(rng: Rng, part: Image.Image) -> Image.Image:
    """Put black bars above and below, or at both sides."""
    width, height = part.size
    border = int(rng.uniform(0.05, 0.2) * min(width, height))
    bars = (0, border) if rng.random() < 0.5 else (border, 0)
    return ImageOps.expand(part, bars, fill=0)


def lettered(rng: Rng, part: Image.Image) -> Image.Image:
    """Write a line, a banner or a mark upon it."""
    draw = ImageDraw.Draw(part)
    width, height = part.size
    kind = rng.integers(3)
    if kind == 0:
        draw.rectangle((0, height * 0.8, width, height), fill=30)
        draw.text((6, height * 0.83), words(rng, 3)[:24], font=font(height * 0.09), fill=250)
    elif kind == 1:
        draw.text((width / 2, height * 0.1), words(rng, 2)[:18], font=font(height * 0.12), fill=255,
                  anchor="mm", stroke_width=2, stroke_fill=0)  # fmt: skip
    else:
        draw.rectangle((width * 0.8, 4, width - 4, height * 0.14), fill=240)
    return part
