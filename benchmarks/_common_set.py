# SPDX-License-Identifier: Apache-2.0
"""Make the common set of the flood guard, of nothing but this program's own drawings and sounds.

    python -m benchmarks._common_set

It writes the files of src/stemtide/matching/common, but texts.toml, which is written by hand.
"""

import gzip
import hashlib
import io
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks._common_pictures import PICTURES, Drawing
from benchmarks._common_sounds import SOUNDS, Samples
from stemtide.fingerprints.audio.printer import print_samples, without_steady
from stemtide.fingerprints.image.local import features_of
from stemtide.fingerprints.image.pdq import hash_luma
from stemtide.fingerprints.kinds import FingerprintError
from stemtide.fingerprints.values.local import check_shared

HERE = Path(__file__).parents[1] / "src" / "stemtide" / "matching" / "common"
FEW, MANY = 50, 250
"""Drawings of a sort: few of those that never match each other, as their content differs."""

DRAWN, PLACES = 4, 60
"""Drawings of a sort whose local features are kept, and the places of each."""

DIFFERENT = frozenset(
    {
        *("page of text", "chat", "QR code", "map", "table", "slide", "chart", "meme with words"),
        *("error page", "saying", "horizon", "blurred lights", "caption on one colour"),
    }
)
"""Sorts of which hardly two drawings match."""

SIZES = ((1, 1), (2, 2), (8, 8), (16, 16), (32, 32), (48, 48), (64, 64), (128, 128), (180, 180))
SHADES = (0, 255, 128, 192)


def hashes(draw: Drawing, count: int, *, seed: tuple[int, ...]) -> list[bytes]:
    """Return the PDQ hashes of drawings that people could post, whatever their quality."""
    each = (draw(np.random.default_rng([*seed, at])) for at in range(count))
    return [hash_luma(np.ascontiguousarray(np.asarray(picture)))[0] for picture in each]


def write_media(folder: Path) -> None:
    """Write hashes and words one after the other, and a table that says of which sort they are."""
    blob, table = b"", ["# SPDX-License-Identifier: Apache-2.0", "", _MADE, "", "[pictures]"]
    for number, (sort, draw) in enumerate(PICTURES.items()):
        count = FEW if sort in DIFFERENT else MANY
        blob += b"".join(hashes(draw, count, seed=(1, number)))
        table.append(f'"{sort}" = {count}')
    (folder / "pictures.bin").write_bytes(blob)
    sounds = {sort: words_of(play, count) for sort, (play, count) in SOUNDS.items()}
    table += ["", "[sounds]", *(f'"{sort}" = {len(words)}' for sort, words in sounds.items())]
    (folder / "sounds.bin").write_bytes(b"".join(words.tobytes() for words in sounds.values()))
    drawn = {sort: places(draw, seed=(2, at)) for at, (sort, draw) in enumerate(PICTURES.items())}
    table += ["", "[places]", *(f'"{sort}" = {len(each)}' for sort, each in drawn.items() if each)]
    (folder / "places.bin").write_bytes(b"".join(b"".join(each) for each in drawn.values()))
    (folder / "sorts.toml").write_text("\n".join(table) + "\n", "utf-8")


def places(draw: Drawing, *, seed: tuple[int, ...]) -> list[bytes]:
    """Return the local features of drawings, without those that nobody may share anyway."""
    values = []
    for at in range(DRAWN):
        picture = Image.fromarray(np.asarray(draw(np.random.default_rng([*seed, at])))).convert("L")
        value = features_of(picture, at_most=PLACES).to_bytes()
        try:
            check_shared(value)
        except FingerprintError:
            continue
        values.append(value)
    return values


def words_of(play: Callable[[int], Samples], count: int) -> NDArray[np.uint32]:
    """Return the words that are heard in sounds of a sort, each once."""
    tracks = [without_steady(print_samples(play(at))) for at in range(count)]
    return np.unique(np.concatenate([track.words[track.heard] for track in tracks])).astype("<u4")


_MADE = """# Made by benchmarks/_common_set.py: how many hashes of each sort pictures.bin has, and
# how many words sounds.bin, and how many pictures places.bin, in this order."""


def plain_files() -> Iterator[tuple[str, bytes]]:
    """Yield files that programs write when there is nothing to write, each with its name."""
    for name, content in {
        "an empty JSON object": b"{}", "an empty JSON list": b"[]", "a JSON null": b"null",
        "an empty HTML page": b"<html><head></head><body></body></html>",
        "a robots.txt": b"User-agent: *\nDisallow:\n",
        "an XML head": b'<?xml version="1.0" encoding="UTF-8"?>\n',
        "the word OK": b"OK", "the word ok": b"ok", "true": b"true", "false": b"false",
        "zero": b"0",
        "an empty playlist": b"#EXTM3U\n", "an empty subtitle file": b"WEBVTT\n\n",
    }.items():  # fmt: skip
        for end in (b"", b"\n", b"\r\n"):
            yield name, content + end
    with io.BytesIO() as file:
        zipfile.ZipFile(file, "w").close()
        yield "an empty ZIP file", file.getvalue()
    yield "an empty gzip file", gzip.compress(b"", mtime=0)
    for level in (1, 6, 9):
        yield "an empty zlib stream", zlib.compress(b"", level)
    for blocks in (2, 20):
        yield "an empty tar file", bytes(512 * blocks)


def pixels() -> Iterator[tuple[str, bytes]]:
    """Yield pictures of one colour as programs write them, and the single-pixel GIFs by hand."""
    for version in (b"87a", b"89a"):
        for flags in (0x80, 0xF0, 0x00):
            table = b"\0\0\0\xff\xff\xff" if flags & 0x80 else b""
            for colours in {table, table[::-1], table[:3] * 2}:
                for extra in (b"", b"\x21\xf9\x04\x01\0\0\0\0", b"\x21\xf9\x04\x01\n\0\x01\0"):
                    head = b"GIF" + version + b"\x01\0\x01\0" + bytes([flags]) + b"\0\0" + colours
                    frame = b"\x2c\0\0\0\0\x01\0\x01\0\0\x02\x02\x44\x01\0\x3b"
                    yield "a GIF of one pixel", head + extra + frame
    for size in SIZES:
        for shade in SHADES:
            for mode, colour in (
                ("L", shade),
                ("RGB", (shade,) * 3),
                ("RGBA", (shade,) * 3 + (0,)),
            ):
                yield from _saved(Image.new(mode, size, colour), f"of {size[0]} x {size[1]} pixels")


def _saved(picture: Image.Image, size: str) -> Iterator[tuple[str, bytes]]:
    for kind in ("PNG", "GIF", "BMP", *(() if picture.mode == "RGBA" else ("JPEG",))):
        with io.BytesIO() as file:
            picture.save(file, kind)
            yield f"a {kind} of one colour, {size}", file.getvalue()


def write_files(folder: Path) -> None:
    """Write the digests of all plain files, each once: SHA-256, MD5, name."""
    rows = {}
    for name, content in (*plain_files(), *pixels()):
        md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
        rows.setdefault(hashlib.sha256(content).hexdigest(), f"{md5} {name}")
    lines = [
        f"{sha256} {rest}" for sha256, rest in sorted(rows.items(), key=lambda row: row[1][33:])
    ]
    (folder / "files.txt").write_text("\n".join(lines) + "\n", "utf-8")


def main(folder: Path = HERE) -> None:
    """Write all files of the set."""
    write_media(folder)
    write_files(folder)


if __name__ == "__main__":
    main()
