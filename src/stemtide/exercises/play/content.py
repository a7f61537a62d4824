# SPDX-License-Identifier: Apache-2.0
"""Make the content of a scenario: harmless, marked with the word EXERCISE, the same for a seed."""

import io
import random
from collections.abc import Mapping
from functools import cached_property

from PIL import Image, ImageDraw, ImageFont

from stemtide.exercises import media, pictures
from stemtide.scenarios import acts
from stemtide.scenarios.schema import ContentKind, ScenarioContent

MARK = "EXERCISE"
_PHOTOS = (
    "coffee.png",
    "chelsea.png",
    "coins.png",
    "motorcycle_left.png",
    "hubble_deep_field.jpg",
)
"""Photographs without people."""

_TURNS = (
    None,
    Image.Transpose.FLIP_LEFT_RIGHT,
    Image.Transpose.FLIP_TOP_BOTTOM,
    Image.Transpose.ROTATE_180,
    Image.Transpose.ROTATE_90,
    Image.Transpose.ROTATE_270,
    Image.Transpose.TRANSPOSE,
    Image.Transpose.TRANSVERSE,
)
"""Turned pictures do not match each other: seeds that share a photograph differ."""
_SHOTS = 3


class ContentMaker:
    """Makes content and its variants, each once.

    raises: PhotographsMissingError when the photographs are needed and not installed.
    """

    def __init__(self, contents: Mapping[str, ScenarioContent]) -> None:
        self._contents = contents
        self._made: dict[tuple[str, str], bytes] = {}

    def is_address(self, name: str) -> bool:
        """Whether content is an address and not a file."""
        return self._contents[name].kind is ContentKind.ADDRESS

    def is_harmless(self, name: str) -> bool:
        """Whether nobody may match the content."""
        return self._contents[name].harmless

    def address(self, name: str, *, variant: str = "untouched", number: int = 0) -> str:
        """Return an address. number: of one among many; 0 for the only one."""
        path = f"exercise/{self._contents[name].seed}" + (f"/{number}" if number else "")
        if variant == "other-spelling":
            return f"HTTPS://Videos.Example.org:443/./{path}?utm_source=exercise"
        return f"https://videos.example.org/{path}"

    def file(self, name: str, *, variant: str = "untouched") -> bytes:
        """Return a file of the content, altered as its variant says."""
        key = (name, variant)
        if key not in self._made:
            content = self._contents[name]
            make = {
                ContentKind.PICTURE: self._picture,
                ContentKind.FILM: self._film,
                ContentKind.TEXT: self._text,
            }[content.kind]
            self._made[key] = make(content.seed, variant)
        return self._made[key]

    def make(self, act: acts.UploadCopies) -> None:
        """Make all files that an act uploads: a film takes seconds, in which nothing else happens.

        Agents are then asked about each without a delay.
        """
        if not self.is_address(act.content):
            for variant in act.variants:
                self.file(act.content, variant=variant)

    def copy(self, name: str, *, number: int) -> bytes:
        """Return an altered copy of a picture; the same for a number, and 0 is the original."""
        original = self.file(name)
        return (
            pictures.altered(original, f"{self._contents[name].seed}/{number}")
            if number
            else original
        )

    @cached_property
    def _surroundings(self) -> dict[str, bytes]:
        """Return the pictures that altered films show beside their shots."""
        return {name: _with_mark(self._photographs[name], None) for name in media.SURROUNDINGS}

    @cached_property
    def _photographs(self) -> dict[str, bytes]:
        return pictures.photographs()

    def _picture(self, seed: int, variant: str) -> bytes:
        alter = {function.__name__: function for function in pictures.ALTERATIONS}[variant]
        return alter(self._marked(seed, _PHOTOS[seed % len(_PHOTOS)]))

    def _film(self, seed: int, variant: str) -> bytes:
        """Make a film of shots that other seeds do not have, with a tune of its own."""
        names = random.Random(seed).sample(_PHOTOS, _SHOTS)  # noqa: S311 - the same in every run
        shots = [f"{'shot' * (number + 1)}.png" for number in range(_SHOTS)]
        files = self._surroundings | {
            shot: self._marked(seed + number, name)
            for number, (shot, name) in enumerate(zip(shots, names, strict=True))
        }
        tune_number = 100 + seed
        if variant == "recut":
            return media.recut(files, shots=shots)
        if variant == "sound-over-a-still":
            return media.sound_over_a_still(files, tune_number=tune_number)
        return media.film(files, shots=shots, tune_number=tune_number)

    def _text(self, seed: int, variant: str) -> bytes:
        text = media.excerpt(100 + seed) if variant == "excerpt" else media.document(100 + seed)
        return text if variant == "excerpt" else f"<p>{MARK}</p>".encode() + text

    def _marked(self, seed: int, name: str) -> bytes:
        """Return a part of a photograph, turned, with the mark; other seeds give other parts."""
        turn = _TURNS[seed // len(_PHOTOS) % len(_TURNS)]
        rng = random.Random(seed)  # noqa: S311 - the same in every run
        left, top = rng.uniform(0, 0.15), rng.uniform(0, 0.15)
        return _with_mark(self._photographs[name], turn, box=(left, top, left + 0.85, top + 0.85))


def _with_mark(
    blob: bytes,
    turn: Image.Transpose | None,
    *,
    box: tuple[float, float, float, float] = (0, 0, 1, 1),
) -> bytes:
    """Return a part of a picture with the word EXERCISE across its lower half, as PNG."""
    picture = Image.open(io.BytesIO(blob)).convert("RGB")
    width, height = picture.size
    left, top, right, bottom = box
    picture = picture.crop((left * width, top * height, right * width, bottom * height))
    picture = picture if turn is None else picture.transpose(turn)
    width, height = picture.size
    font = ImageFont.load_default(size=max(12, width // 8))
    ImageDraw.Draw(picture).text(
        (width / 2, height * 0.8),
        MARK,
        anchor="mm",
        font=font,
        fill=(255, 255, 255),
        stroke_width=3,
        stroke_fill=(0, 0, 0),
    )
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()
