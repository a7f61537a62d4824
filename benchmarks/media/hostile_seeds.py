# SPDX-License-Identifier: Apache-2.0
"""Small whole files of every kind that is read, to be damaged."""

import bz2
import gzip
import io
import lzma
import random
import struct
import tarfile
import zipfile
import zlib
from fractions import Fraction

import av
import numpy as np
from PIL import Image

from benchmarks.media.image_recall import skimage
from benchmarks.media.priority import as_before

PICTURES = (
    "JPEG", "PNG", "GIF", "WEBP", "TIFF", "AVIF", "BMP", "JPEG2000", "QOI", "PPM", "PCX", "ICO",
    "ICNS", "SGI", "DDS",
)  # fmt: skip
ANIMATIONS = ("GIF", "PNG", "WEBP", "TIFF", "AVIF")
FILMS = (
    ("mp4", "libx264", "aac"), ("mp4", "libx265", ""), ("mp4", "libsvtav1", ""),
    ("mov", "mjpeg", ""), ("matroska", "libx264", "libmp3lame"), ("webm", "libvpx", "libopus"),
    ("webm", "libvpx-vp9", ""), ("avi", "mpeg4", ""), ("mpegts", "mpeg2video", ""),
    ("flv", "flv", ""),
)  # fmt: skip
SOUNDS = (
    ("wav", "pcm_s16le"), ("mp3", "libmp3lame"), ("flac", "flac"), ("ogg", "libopus"),
    ("mp4", "aac"), ("adts", "aac"),
)  # fmt: skip
SIZE = 96, 64
RATE_HZ = 16_000
FPS = 8
SECONDS = 1.5


def seeds() -> dict[str, bytes]:
    """One or more whole files of each kind, by name."""
    photo = skimage(["coffee.png"])[0].resize(SIZE)
    made = {name: picture(photo, name) for name in PICTURES}
    made["JPEG, progressive"] = picture(photo, "JPEG", progressive=True)
    turned = [photo.rotate(20 * turn) for turn in range(1, 5)]
    for name in ANIMATIONS:
        made[f"{name}, animated"] = picture(photo, name, save_all=True, append_images=turned)
    for container, codec, sound in FILMS:
        try:
            made[f"{container}, {codec}"] = film(container, codec, sound, [photo, *turned])
        except (av.FFmpegError, ValueError) as error:
            print(f"no {codec} in {container} is made here: {error}")
    for container, codec in SOUNDS:
        made[f"{container}, {codec}, sound alone"] = sound_file(container, codec)
    return made | writings() | archives(made)


def picture(image: Image.Image, name: str, **options) -> bytes:
    stream = io.BytesIO()
    image.save(stream, name, **options)
    return stream.getvalue()


def film(container, codec, sound, shots) -> bytes:
    """A cut every three frames, with sound if its codec is named."""
    stream = io.BytesIO()
    with as_before(), av.open(stream, "w", format=container) as out:
        moving = out.add_stream(codec, rate=FPS, options={"g": "4"})
        moving.width, moving.height = SIZE
        moving.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        moving.thread_count = 1
        heard = add_sound(out, sound) if sound else None
        for number in range(int(SECONDS * FPS)):
            frame = av.VideoFrame.from_image(shots[number // 3 % len(shots)])
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            out.mux(moving.encode(frame))
        out.mux(moving.encode(None))
        if heard:
            put_sound(out, heard)
    return stream.getvalue()


def sound_file(container, codec) -> bytes:
    stream = io.BytesIO()
    with av.open(stream, "w", format=container) as out:
        put_sound(out, add_sound(out, codec))
    return stream.getvalue()


def add_sound(out, codec):
    return out.add_stream(codec, rate=48_000 if codec == "libopus" else RATE_HZ, layout="mono")


def put_sound(out, heard):
    """Three notes and a little noise."""
    rate = heard.rate
    moment = np.arange(int(SECONDS * rate)) / rate
    wave = sum(np.sin(2 * np.pi * hz * moment * (1 + moment / 9)) for hz in (330, 512, 880)) / 4
    wave += np.random.default_rng(1).normal(0, 0.02, len(wave))
    samples = (wave * 32_000).clip(-32_768, 32_767).astype(np.int16)
    frame = av.AudioFrame.from_ndarray(samples[None], format="s16", layout="mono")
    frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
    form = heard.codec_context.format.name
    size = heard.codec_context.frame_size or 1024
    resampler = av.AudioResampler(format=form, layout="mono", rate=rate, frame_size=size)
    for piece in [*resampler.resample(frame), *resampler.resample(None)]:
        out.mux(heard.encode(piece))
    out.mux(heard.encode(None))


def writings() -> dict[str, bytes]:
    """Words that nobody speaks: plain in three encodings, as a page, as two documents."""
    chance = random.Random(5)  # noqa: S311 - repeatable, not secret
    words = ["".join(chance.choices("abdeiklmnoprstu", k=chance.randint(2, 9))) for _ in range(300)]
    text = " ".join(words)
    foreign = "".join(map(chr, chance.choices(range(0x400, 0x9FFF), k=900)))
    page = "".join(f"<p class='a'>{' '.join(words[at : at + 30])} &amp; &#x41;</p>"
                   for at in range(0, 300, 30))  # fmt: skip
    html = f"<!DOCTYPE html><html><head><title>t</title></head><body>{page}</body></html>"
    return {
        "txt": text.encode(),
        "txt, UTF-16": text.encode("utf-16"),
        "txt, other scripts": foreign.encode(),
        "html": html.encode(),
        "pdf": pdf(words, squeezed=False),
        "pdf, squeezed": pdf(words, squeezed=True),
    }  # fmt: skip


def pdf(words, *, squeezed) -> bytes:
    lines = b" ".join(b"(%s)Tj T*" % " ".join(words[at : at + 12]).encode()
                      for at in range(0, len(words), 12))  # fmt: skip
    drawn, kind = b"BT /F 9 Tf 11 TL 40 780 Td " + lines + b" ET", b""
    if squeezed:
        drawn, kind = zlib.compress(drawn), b"/Filter/FlateDecode"
    objects = (
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Count 1/Kids[5 0 R]>>",
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        b"<<%s/Length %d>>stream\n%s\nendstream" % (kind, len(drawn), drawn),
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Contents 4 0 R/Resources 6 0 R>>",
        b"<</Font<</F 3 0 R>>>>",
    )
    out, places = b"%PDF-1.4\n", []
    for number, one in enumerate(objects, start=1):
        places.append(len(out))
        out += b"%d 0 obj%sendobj\n" % (number, one)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    head = b"xref\n0 7\n0000000000 65535 f \n" + table + b"trailer<</Size 7/Root 1 0 R>>\n"
    return out + head + b"startxref\n%d\n%%%%EOF" % len(out)


def archives(made) -> dict[str, bytes]:
    """Each way of packing, around a picture, a text and an archive."""
    inside = {"a.jpg": made["JPEG"], "b.txt": b"a few words are in here, and no more " * 9}
    inside["c.zip"] = zipped(inside, zipfile.ZIP_DEFLATED)
    tar = tarred(inside)
    ways = {"stored": zipfile.ZIP_STORED, "bzip2": zipfile.ZIP_BZIP2, "lzma": zipfile.ZIP_LZMA}
    return {
        "zip": zipped(inside, zipfile.ZIP_DEFLATED),
        **{f"zip, {name}": zipped(inside, way) for name, way in ways.items()},
        "tar": tar,
        "tar.gz": gzip.compress(tar),
        "tar.bz2": bz2.compress(tar),
        "tar.xz": lzma.compress(tar),
        "7z, stored": seven(made["JPEG"], way="stored"),
        "7z, lzma2": seven(made["JPEG"], way="lzma2"),
        "7z, deflate": seven(made["JPEG"], way="deflate"),
    }


def zipped(files, way) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", way) as out:
        for name, blob in files.items():
            out.writestr(name, blob)
    return stream.getvalue()


def tarred(files) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as out:
        for name, blob in files.items():
            head = tarfile.TarInfo(name)
            head.size = len(blob)
            out.addfile(head, io.BytesIO(blob))
    return stream.getvalue()


def seven(blob, *, way) -> bytes:
    """One file as 7z lays it out; "huge": as if unpacking it took four gigabytes."""
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -15)
    only = [{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 16}]
    packed, coder = {
        "stored": lambda: (blob, b"\1\0"),
        "deflate": lambda: (squeeze.compress(blob) + squeeze.flush(), b"\3\4\1\x08"),
        "lzma2": lambda: (lzma.compress(blob, lzma.FORMAT_RAW, filters=only), b"\x21\x21\1\x0a"),
        "huge": lambda: (lzma.compress(blob, lzma.FORMAT_RAW, filters=only), b"\x21\x21\1\x28"),
    }[way]()
    streams = b"\x06\0\1\x09" + stretched(len(packed)) + b"\0"
    folder = b"\x07\x0b\1\0\1" + coder + b"\x0c" + stretched(len(blob))
    check = b"\x0a\1" + struct.pack("<L", zlib.crc32(blob)) + b"\0"
    name = b"\0" + "a.jpg\0".encode("utf-16-le")
    files = b"\x05\1\x11" + stretched(len(name)) + name + b"\0"
    header = b"\1\4" + streams + folder + check + b"\0" + files + b"\0"
    start = struct.pack("<QQL", len(packed), len(header), zlib.crc32(header))
    return (
        b"7z\xbc\xaf\x27\x1c\0\4" + struct.pack("<L", zlib.crc32(start)) + start + packed + header
    )


def stretched(number) -> bytes:
    """A number as 7z writes it, always in nine bytes."""
    return b"\xff" + struct.pack("<Q", number)
