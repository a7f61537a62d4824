# SPDX-License-Identifier: Apache-2.0
"""What Tesseract reads in pictures of a known text and in photographs, and what that costs.

    python -m benchmarks.media.picture_text [--languages eng,nld,fra,deu] [--json]

Counted is the processor time of reading alone, in this process: the decoding of the picture and
the new process of the sandbox come on top (python -m benchmarks.sandbox).
"""

import argparse
import json
import time
from collections.abc import Iterator

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from tests.fingerprints.picture_texts import TEXTS, photographed, png, screenshot
from tests.fingerprints.pictures import encoded, photo

from stemtide.fingerprints.image import reading
from stemtide.fingerprints.image.tesseract import TextReader
from stemtide.fingerprints.limits import DecodingLimits
from stemtide.fingerprints.text.fingerprint import sketch

TEXT = TEXTS["eng"]
PHOTOGRAPHS = ("chelsea.png", "coffee.png", "rocket.jpg", "grass.png", "motorcycle_right.png")


def pictures() -> Iterator[tuple[str, bytes]]:
    """Yield the name and the file of each picture."""
    page = screenshot(TEXT)
    yield "screenshot", png(page)
    for part in (2, 3):
        small = page.resize((page.width // part, page.height // part))
        yield f"1/{part} of its size", encoded(small, "JPEG", quality=60)
    yield "white on black", png(page.point(lambda light: 255 - light))
    yield "photographed", encoded(photographed(page), "JPEG", quality=70)
    large = photographed(screenshot(" ".join(TEXTS.values()), size_px=70, width=3000))
    yield "photographed, 12 MP", encoded(large, "JPEG", quality=85)
    dense = screenshot(" ".join(TEXTS.values()) * 4, size_px=24, width=2000)
    yield "1,500 words", png(dense)
    across = photo("coffee.png").convert("RGB")
    pen, words = ImageDraw.Draw(across), TEXT.split()
    lines = "\n".join(" ".join(words[at : at + 5]) for at in range(0, 30, 5))
    font = ImageFont.load_default(34)
    pen.multiline_text((20, 20), lines, "white", font, stroke_width=2, stroke_fill="black")
    yield "across a photograph", png(across)
    for name in PHOTOGRAPHS:
        yield name, encoded(photo(name).convert("RGB"), "JPEG", quality=90)
    yield "photograph, 12 MP", encoded(photo("coffee.png").resize((4000, 3000)), "JPEG", quality=85)


def measure(reader: TextReader, blob: bytes) -> dict[str, object]:
    """Read a picture; return what of the text is in it."""
    pixels = reading.pixels_to_read(blob, DecodingLimits())
    began = time.process_time()
    text, sureness = reader.read(pixels)
    took_s = time.process_time() - began
    known = sketch(TEXT).grams
    shared = len(np.intersect1d(known, sketch(reading.in_one_line(text)).grams))
    size = f"{pixels.shape[1]} x {pixels.shape[0]}"
    return {"read_at": size, "sureness": sureness, "grams": shared, "of": len(known), "s": took_s}


def main() -> None:
    """Measure all pictures, and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--languages", default="eng")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    Image.MAX_IMAGE_PIXELS = None
    reader = TextReader(tuple(chosen.languages.split(",")))
    for name, blob in pictures():
        row = measure(reader, blob)
        if chosen.json:
            print(json.dumps({"picture": name, **row}), flush=True)
        else:
            print(
                f"{name:<22} {row['read_at']:>12}  sure {row['sureness']:>3}"
                f"  {row['grams']:>2} of {row['of']} grams  {row['s']:.2f} s",
                flush=True,
            )


if __name__ == "__main__":
    main()
