# SPDX-License-Identifier: Apache-2.0
"""Fingerprint the text in a picture. For the sandbox; decision 0221 has the reasons.

The caller names this modality: no content is recognised as one. The picture was fingerprinted by
another worker before, so nothing is lost if this one is stopped.
"""

import re

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from stemtide.fingerprints.analysis import (
    Analysis,
    AnalysisOptions,
    Content,
    Progress,
    bytes_of,
)
from stemtide.fingerprints.image.formats import (
    BOMBS,
    check_pixels,
    open_image,
    pillow_limited,
    tolerance,
)
from stemtide.fingerprints.image.tesseract import TextReader
from stemtide.fingerprints.kinds import (
    LIMIT,
    PICTURE_TEXT,
    UNDECODABLE,
    Fingerprint,
    Fingerprints,
    Kind,
)
from stemtide.fingerprints.limits import DecodingLimits, LimitError
from stemtide.fingerprints.text.fingerprint import sketch

MAX_PIXELS = 4_000_000
"""Larger pictures are reduced: a page of 60 lines is read as well at four megapixels."""

SMALL_PIXELS = 600_000
"""Smaller pictures are enlarged twice: letters of ten pixels are then read."""

MAX_CHARS = 20_000
"""Characters of a picture that are read and handed on."""

LEAST_SURE = 50
"""Below this average sureness most letters are patterns of grass or fur. Pages have 85 and more."""

_DIVIDED = re.compile(r"(?<=[^\W\d_])[-\u2010]\n+(?=[^\W\d_])")
_readers: list[TextReader] = []


def load(languages: tuple[str, ...]) -> None:
    """Load Tesseract and its models in the server. raises: TesseractError."""
    reader = TextReader(languages)
    reader.read(np.full((64, 64), 255, np.uint8))
    sketch("an \u00dcberschrift of five words and more, so that the tables of texts are loaded")
    _readers[:] = [reader]


def sniff(head: bytes) -> str:  # noqa: ARG001 - every modality is asked
    """Return "": the caller names what is to be read."""
    return ""


def analyse(
    content: Content,
    *,
    limits: DecodingLimits,
    options: AnalysisOptions,  # noqa: ARG001 - there is nothing to choose
    progress: Progress,  # noqa: ARG001 - one step
) -> Analysis:
    """Return the sketch of the text in a picture, and the text, both empty if there is none."""
    try:
        read, sureness = _readers[0].read(pixels_to_read(bytes_of(content), limits))
    except (*BOMBS, LimitError):
        return _remark(f"{LIMIT}its text was not read: it has too many pixels (max_pixels)")
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - decoders raise whatever hostile bytes lead them to
        return _remark(f"{UNDECODABLE}its text was not read ({type(error).__name__})")
    text = in_one_line(read)
    grams = sketch(text)
    if sureness < LEAST_SURE or not len(grams.grams):
        return Analysis(Fingerprints(()))
    fingerprint = Fingerprint(Kind.TEXT, grams.to_bytes(), part=PICTURE_TEXT)
    return Analysis(Fingerprints((fingerprint,), text=text))


def in_one_line(text: str) -> str:
    """Return a text without line breaks, words that were divided at one joined again."""
    return " ".join(_DIVIDED.sub("", text).split())[:MAX_CHARS]


def pixels_to_read(blob: bytes, limits: DecodingLimits) -> npt.NDArray[np.uint8]:
    """Return a picture, or the first frame of an animation, upright and grey, at a size to read."""
    with pillow_limited(limits), tolerance(), open_image(blob) as image:
        check_pixels(image, limits)
        upright = ImageOps.exif_transpose(image)
        whole = upright.convert("LA")
        grey = Image.new("L", whole.size, 255)
        grey.paste(whole.getchannel("L"), mask=whole.getchannel("A"))
    size = grey.width * grey.height
    if size > MAX_PIXELS:
        grey = _scaled(grey, (MAX_PIXELS / size) ** 0.5)
    elif size < SMALL_PIXELS:
        grey = _scaled(grey, 2)
    return np.ascontiguousarray(np.asarray(grey))


def _scaled(grey: Image.Image, factor: float) -> Image.Image:
    sides = max(1, round(grey.width * factor)), max(1, round(grey.height * factor))
    return grey.resize(sides, Image.Resampling.LANCZOS)


def _remark(text: str) -> Analysis:
    return Analysis(Fingerprints((), remarks=(text,)))
