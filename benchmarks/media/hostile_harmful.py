# SPDX-License-Identifier: Apache-2.0
"""Files that are made to do harm: bombs, lies, loops, and whatever names other files."""

import bz2
import gzip
import io
import lzma
import random
import struct
import zipfile
import zlib
from fractions import Fraction

import av
from PIL import Image

from benchmarks.media.hostile_seeds import film, picture, seven, sound_file, tarred, zipped

ZEROS = bytes(1 << 20)
TIMES = 120
"""Bombs of packed zeros hold so many megabytes."""


def harmful() -> dict[str, bytes]:
    """Make them all, by name."""
    photo = Image.effect_noise((96, 64), 90).convert("RGB")
    return pictures(photo) | films(photo) | archives() | writings() | others()


def pictures(photo) -> dict[str, bytes]:
    jpeg = picture(photo, "JPEG")
    lying = bytearray(jpeg)
    start = lying.index(b"\xff\xc0")
    lying[start + 5 : start + 9] = struct.pack(">HH", 65_000, 65_000)
    note = zlib.compress(bytes(200 << 20), 9)
    png = picture(photo, "PNG")
    noted = [chunk(name, b"a\0" + extra + note) for name, extra in
             ((b"zTXt", b"\0"), (b"iCCP", b"\0"), (b"iTXt", b"\1\0\0\0"))]  # fmt: skip
    chance = random.Random(3)  # noqa: S311 - repeatable, not secret
    flicker = [Image.frombytes("L", (16, 16), chance.randbytes(256)) for _ in range(3000)]
    return {
        "png of 50,000 px a side": png_bomb(50_000),
        "png of 12,000 px a side": png_bomb(12_000),
        "jpeg that states 65,000 px": bytes(lying),
        "jpeg, cut in half": jpeg[: len(jpeg) // 2],
        "jpeg, its head alone": jpeg[:200],
        "jpeg with a zip behind it": jpeg + zipped({"a": b"a"}, zipfile.ZIP_STORED),
        **{f"png, packed note {at}": png[:33] + one + png[33:] for at, one in enumerate(noted)},
        "gif of 3,000 frames": picture(flicker[0], "GIF", save_all=True, append_images=flicker[1:]),
        "tiff whose directory is itself": tiff_loop(),
        "jpeg of a thousand scans": scans(picture(photo, "JPEG", progressive=True)),
    }


def scans(progressive) -> bytes:
    """A progressive JPEG whose last scan comes a thousand times: each goes over the whole."""
    last = progressive.rindex(b"\xff\xda")
    return progressive[:last] + progressive[last:-2] * 1000 + b"\xff\xd9"


def chunk(name, body) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png_bomb(side_px) -> bytes:
    packer, row = zlib.compressobj(9), bytes(1 + (side_px + 7) // 8)
    body = b"".join(packer.compress(row) for _ in range(side_px)) + packer.flush()
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", side_px, side_px, 1, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def tiff_loop() -> bytes:
    entries = ((256, 4, 1, 8), (257, 4, 1, 8), (273, 4, 1, 8), (279, 4, 1, 8), (330, 4, 1, 8))
    body = b"".join(struct.pack("<HHII", *one) for one in entries)
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + body + struct.pack("<I", 8)


def films(photo) -> dict[str, bytes]:
    whole = film("mp4", "libx264", "aac", [photo])
    moov = whole.index(b"moov") - 4
    huge = film_of(8192, 8192, frames=2)
    playlist = b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n"
    return {
        "mp4 of ten hours": film_of(64, 48, frames=3600, apart_s=10),
        "mp4 of 8,192 px a side": huge,
        "mp4 without its index": whole[:moov],
        "mp4 whose boxes are in themselves": boxes(2000),
        "mp4 with a box of four gigabytes": whole[:32] + b"\xff\xff\xff\xf0free" + whole[32:],
        "playlist of a file": playlist + b"file:///etc/passwd\n#EXT-X-ENDLIST\n",
        "playlist of a host": playlist + b"http://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n",
        "list of films": b"ffconcat version 1.0\nfile /etc/passwd\n",
        "mkv of sixty streams": streams(60),
    }


def film_of(width, height, *, frames, apart_s=1) -> bytes:
    stream = io.BytesIO()
    with av.open(stream, "w", format="mp4") as out:
        moving = out.add_stream("libx264", rate=1, options={"preset": "ultrafast"})
        moving.width, moving.height, moving.pix_fmt = width, height, "yuv420p"
        moving.thread_count = 1
        for number in range(frames):
            shown = Image.new("RGB", (width, height), (number * 7 % 256, 90, 40))
            frame = av.VideoFrame.from_image(shown)
            frame.pts, frame.time_base = number * apart_s, Fraction(1, 1)
            out.mux(moving.encode(frame))
        out.mux(moving.encode(None))
    return stream.getvalue()


def boxes(depth) -> bytes:
    inside = b""
    for _ in range(depth):
        inside = struct.pack(">I4s", len(inside) + 8, b"moov") + inside
    return struct.pack(">I4s4sI4s", 20, b"ftyp", b"isom", 0, b"isom") + inside


def streams(count) -> bytes:
    stream = io.BytesIO()
    with av.open(stream, "w", format="matroska") as out:
        every = [out.add_stream("mpeg4", rate=8) for _ in range(count)]
        for one in every:
            one.width, one.height, one.pix_fmt, one.thread_count = 96, 64, "yuv420p", 1
        for one in every:
            frame = av.VideoFrame.from_image(Image.new("RGB", (96, 64)))
            frame.pts = 0
            out.mux(one.encode(frame))
            out.mux(one.encode(None))
    return stream.getvalue()


def archives() -> dict[str, bytes]:
    nested = b"the innermost"
    for _ in range(60):
        nested = zipped({"a.zip": nested}, zipfile.ZIP_STORED)
    many = zipped({f"{number}.txt": b"" for number in range(30_000)}, zipfile.ZIP_STORED)
    zero = ZEROS * TIMES
    return {
        "zip of zeros": zipped({"a": zero}, zipfile.ZIP_DEFLATED),
        "zip of zips of zeros": zipped(
            {f"{one}.zip": zipped({"a": zero}, zipfile.ZIP_DEFLATED) for one in range(8)},
            zipfile.ZIP_STORED,
        ),
        "gz of zeros": gzip.compress(zero),
        "gz of gz of zeros": gzip.compress(gzip.compress(zero)),
        "bz2 of zeros": bz2.compress(ZEROS * 40) * 50,
        "xz of zeros": lzma.compress(zero, preset=1),
        "tar of zeros": tarred({"a": ZEROS * 20, "../../etc/passwd": b"x"}),
        "zip in zip, sixty deep": nested,
        "zip of 30,000 files": many,
        "7z that states a huge dictionary": seven(b"a" * 900, way="huge"),
    }


def writings() -> dict[str, bytes]:
    chance = random.Random(6)  # noqa: S311 - repeatable, not secret
    marks = "".join(map(chr, chance.choices(range(0x300, 0x36F), k=400_000)))
    loop = b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
    loop += b"2 0 obj<</Type/Pages/Count 99999999/Kids[2 0 R 2 0 R]>>endobj\ntrailer<</Root 1 0 R>>"
    return {
        "html of 300,000 open tags": b"<!DOCTYPE html><html>" + b"<div>" * 300_000 + b"some words",
        "html of one tag": b"<!DOCTYPE html><html><a " + b"b=c " * 400_000,
        "html, comments that never end": b"<!DOCTYPE html><html>" + b"<!--" * 300_000,
        "html of references": b"<!DOCTYPE html><html><p>" + b"&amp" * 400_000,
        "txt, one letter with marks": ("a" + marks).encode(),
        "txt, one word of 30 MB": b"a" * (30 << 20),
        "txt, one word many times": b"a " * (10 << 20),
        "pdf whose pages are themselves": loop,
        "pdf of deep brackets": b"%PDF-1.4\n1 0 obj" + b"[" * 500_000 + b"]" * 500_000,
        "svg": b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>',
        "xml of laughs": b'<!DOCTYPE a [<!ENTITY b "cc"><!ENTITY d "&b;&b;">]><html>&d;</html>',
    }


def others() -> dict[str, bytes]:
    chance = random.Random(8)  # noqa: S311 - repeatable, not secret
    wav = bytearray(sound_file("wav", "pcm_s16le"))
    at = wav.index(b"data")
    wav[at + 4 : at + 8] = b"\xff\xff\xff\xff"
    slow, fast = bytearray(wav), bytearray(wav)
    slow[24:28], fast[24:28] = struct.pack("<I", 1), struct.pack("<I", 0xFFFFFFFF)
    made = {"wav of four gigabytes": bytes(wav), "wav of 1 Hz": bytes(slow),
            "wav of 4 GHz": bytes(fast), "nothing": b"", "a byte": b"\0"}  # fmt: skip
    return made | {f"noise, {2**size} bytes": chance.randbytes(2**size) for size in range(4, 22, 3)}
