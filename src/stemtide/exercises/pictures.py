# SPDX-License-Identifier: Apache-2.0
"""Photographs to rehearse with, and alterations that pictures undergo as they spread.

The photographs are the ones that scikit-image ships; they are read from its folder, without
importing it. None of them shows anything violent.
"""

import importlib.util
import io
import random
from collections.abc import Callable
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, ImageOps

SHARED = (
    "astronaut.png",
    "camera.png",
    "chelsea.png",
    "coffee.png",
    "coins.png",
    "motorcycle_left.png",
    "rocket.jpg",
    "hubble_deep_field.jpg",
)
"""The photographs that the authority shares."""

UNRELATED = (
    "brick.png",
    "cell.png",
    "grass.png",
    "gravel.png",
    "ihc.png",
    "moon.png",
    "retina.jpg",
)
"""Photographs that are not shared, and must pass."""


_OFTEN, _SELDOM, _DEEPEST_CROP = 0.5, 0.1, 0.08
"""How often an alteration is made, and the share that is cut off at each side at most."""


class PhotographsMissingError(Exception):
    """The photographs are not installed."""


def photographs() -> dict[str, bytes]:
    """Return the files of all named photographs, by name.

    raises: PhotographsMissingError with the remedy.
    """
    spec = importlib.util.find_spec("skimage")
    if spec is None or not spec.submodule_search_locations:
        raise PhotographsMissingError(
            "the photographs to play with come with scikit-image: pip install 'stemtide[demo]'"
        )
    folder = Path(spec.submodule_search_locations[0]) / "data"
    try:
        return {name: (folder / name).read_bytes() for name in (*SHARED, *UNRELATED)}
    except OSError as error:
        raise PhotographsMissingError(
            f"a photograph is missing from scikit-image: {error}"
        ) from error


def _saved(picture: Image.Image, *, quality: int = 92) -> bytes:
    """Save the picture as a JPEG file."""
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=quality)
    return file.getvalue()


def untouched(blob: bytes) -> bytes:
    """Return the file unchanged."""
    return blob


def reencoded(blob: bytes) -> bytes:
    """Save it again as a low-quality JPEG."""
    return _saved(_open(blob), quality=40)


def resized(blob: bytes) -> bytes:
    """Scale it to 70 % and save it again."""
    picture = _open(blob)
    width, height = picture.size
    smaller = picture.resize((width * 7 // 10, height * 7 // 10), Image.Resampling.LANCZOS)
    return _saved(smaller, quality=75)


def watermarked(blob: bytes) -> bytes:
    """Add half-transparent text in a corner."""
    picture = _open(blob)
    width, height = picture.size
    font = ImageFont.load_default(size=max(10, height // 24))
    ImageDraw.Draw(picture, "RGBA").text(
        (width * 0.03, height * 0.92), "copy of a copy", fill=(255, 255, 255, 90), font=font
    )
    return _saved(picture)


def cropped(blob: bytes) -> bytes:
    """Crop 1 % at each side."""
    picture = _open(blob)
    width, height = picture.size
    return _saved(
        picture.crop((width // 100, height // 100, width - width // 100, height - height // 100))
    )


ALTERATIONS: tuple[Callable[[bytes], bytes], ...] = (
    untouched,
    reencoded,
    resized,
    watermarked,
    cropped,
)
"""Alterations of uploaded pictures. How much PDQ survives is in docs/understand/fingerprints.md."""


def altered(blob: bytes, seed: str) -> bytes:
    """Return a copy altered at random, as people alter copies; the same for a seed.

    Some of them are beyond the reach of PDQ: deep crops, mirrors and wide borders.
    """
    rng = random.Random(seed)  # noqa: S311 - the same in every run
    picture = _open(blob)
    if rng.random() < _OFTEN:
        width, height = picture.size
        left, top, right, bottom = (rng.uniform(0, _DEEPEST_CROP) for _ in range(4))
        box = (left * width, top * height, (1 - right) * width, (1 - bottom) * height)
        picture = picture.crop(box)
    if rng.random() < _SELDOM:
        picture = ImageOps.mirror(picture)
    if rng.random() < _SELDOM:
        border = int(rng.uniform(0.02, 0.2) * picture.width)
        picture = ImageOps.expand(picture, border, fill=(rng.randint(0, 255),) * 3)
    scale = rng.uniform(0.4, 1.2)
    picture = picture.resize((int(picture.width * scale), int(picture.height * scale)))
    if rng.random() < _OFTEN:
        font = ImageFont.load_default(size=max(10, picture.height // rng.randint(10, 30)))
        place = (picture.width * rng.uniform(0, 0.6), picture.height * rng.uniform(0, 0.9))
        ImageDraw.Draw(picture).text(place, "copy of a copy", fill=(255, 255, 255), font=font)
    return _saved(picture, quality=rng.randint(25, 95))


def _open(blob: bytes) -> Image.Image:
    """Decode a picture in RGB. Only for the files above: uploads are decoded in the sandbox."""
    return Image.open(io.BytesIO(blob)).convert("RGB")
