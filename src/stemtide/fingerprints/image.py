# SPDX-License-Identifier: Apache-2.0
"""Images become PDQ hashes. Runs inside a worker of the sandbox, on content nobody vouches for."""

import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO

from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    DdsImagePlugin,
    GifImagePlugin,
    IcnsImagePlugin,
    IcoImagePlugin,
    Image,
    ImageFile,
    Jpeg2KImagePlugin,
    JpegImagePlugin,
    MpoImagePlugin,
    PcxImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    PsdImagePlugin,
    QoiImagePlugin,
    SgiImagePlugin,
    TiffImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,
)

from stemtide.fingerprints import pdq
from stemtide.fingerprints.kinds import (
    LIMIT,
    MIN_QUALITY,
    UNDECODABLE,
    Fingerprint,
    Fingerprints,
    Kind,
)
from stemtide.fingerprints.limits import LimitError, Limits, UndecodableError
from stemtide.fingerprints.luma import plane_of

PLUGINS = (
    AvifImagePlugin,
    BmpImagePlugin,
    DdsImagePlugin,
    GifImagePlugin,
    IcnsImagePlugin,
    IcoImagePlugin,
    Jpeg2KImagePlugin,
    JpegImagePlugin,
    MpoImagePlugin,
    PcxImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    PsdImagePlugin,
    QoiImagePlugin,
    SgiImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)
FORMATS = tuple(
    name
    for name, (opened_by, _) in Image.OPEN.items()
    if opened_by.__module__ in {p.__name__ for p in PLUGINS}
)
"""What is taken for an image. Left out on purpose: EPS (Pillow hands it to Ghostscript), WMF and
the scientific stubs (they call other programs), TGA (any bytes can look like it), text formats."""

_ANIMATED = frozenset({"AVIF", "GIF", "PNG", "WEBP", "TIFF"})
"""Formats whose frames are shown one after the other, or are pages. In the others (MPO, PSD, ICO)
further pictures are thumbnails, layers or sizes of the first."""

_REDUCED_SIDE_PX = 1024
"""A JPEG with sides of twice this and more is decoded at half, a quarter or an eighth: at 12
megapixels that changes at most 4 bits of the hash and saves a quarter of the time."""

_DISTINCT_BITS = 8
"""A frame that is nearer than this to one already kept adds nothing."""

_BOMBS = (Image.DecompressionBombError, Image.DecompressionBombWarning)

_STANDING_S = 0.5
_UNSAID_S = 0.1
"""Frames that say 10 ms or less are shown for 100 ms, as browsers do."""

_SIGNATURES = (
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"GIF8", "image/gif"),
    (8, b"WEBP", "image/webp"),
    (4, b"ftypavi", "image/avif"),
    (4, b"ftyphei", "image/heic"),
    (4, b"ftyphev", "image/heic"),
    (4, b"ftypmif1", "image/heif"),
    (4, b"ftypmsf1", "image/heif"),
    (0, b"II*\x00", "image/tiff"),
    (0, b"MM\x00*", "image/tiff"),
    (0, b"8BPS", "image/vnd.adobe.photoshop"),
    (0, b"\x00\x00\x00\x0cjP", "image/jp2"),
    (0, b"\x00\x00\x00\x0cJXL", "image/jxl"),
    (0, b"\xff\x0a", "image/jxl"),
)
"""How files say that they are images. What Pillow does not open is still known for an image by
these, so that a damaged picture, or a kind not read here, is never taken for no picture."""


def fingerprint_image(blob: bytes, *, limits: Limits) -> Fingerprints:
    """Make the PDQ hash of a picture, or those of the distinct frames of an animation.

    1. Recognise it; what is no image gets no hash and a remark.
    2. Check the size that its header states against the pixel limit.
    3. Decode strictly; if that fails, once more, taking as much as there is, with a remark.
    4. Hash. Rotation notes (EXIF) are not followed and transparency is ignored, as everybody
       who makes PDQ does it, or the hashes would not meet.

    returns: PDQ fingerprints only. What could not be looked at is said by a remark that begins
             with UNDECODABLE or LIMIT; nothing is raised for what the content is like.
    """
    look = _Look(blob, limits)
    with _pillow_limited(limits):
        try:
            _fill(look)
        except UndecodableError as error:
            look.remarks.append(f"{UNDECODABLE}{error}")
        except (*_BOMBS, LimitError):
            look.remarks.append(
                f"{LIMIT}the picture is too large to decode: it has more than"
                f" {limits.max_pixels:,} pixels (max_pixels)"
            )
        except MemoryError:
            look.remarks.append(
                f"{LIMIT}decoding it needs more than {limits.memory_bytes:,} bytes of memory"
                " (memory_bytes)"
            )
    return Fingerprints(
        each=tuple(look.found),
        media_type=look.media_type,
        size_bytes=len(blob),
        remarks=tuple(look.remarks),
    )


@dataclass(slots=True)
class _Look:
    """One look at one file: what has been found so far."""

    blob: bytes
    limits: Limits
    media_type: str = ""
    found: list[Fingerprint] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def open(self) -> Image.Image:
        return Image.open(BytesIO(self.blob), formats=FORMATS)


def _fill(look: _Look) -> None:
    look.media_type = _stated_type(look.blob)
    try:
        image = look.open()
    except UnidentifiedImageError as error:
        if look.media_type:
            kind = look.media_type.removeprefix("image/")
            raise UndecodableError(f"damaged, or a kind of {kind} that is not read here") from error
        look.remarks.append(_unrecognised(look.blob))
        return
    except (*_BOMBS, MemoryError):
        raise
    except Exception as error:
        raise UndecodableError(
            f"this image is damaged at its beginning ({_short(error)})"
        ) from error
    name = image.format or "image"
    stated = look.media_type or f"image/{name.lower()}"
    look.media_type = "image/jpeg" if name == "MPO" else Image.MIME.get(name, stated)
    is_animated = name in _ANIMATED and getattr(image, "is_animated", False)
    image.close()
    _decode_twice(look, _hash_frames if is_animated else _hash_still, name)


def _decode_twice(look: _Look, decode: Callable[[_Look], None], name: str) -> None:
    """Decode strictly, and if that fails take what there is: browsers show cut files as well."""
    try:
        decode(look)
    except (*_BOMBS, LimitError, MemoryError):
        raise
    except Exception as strict:  # noqa: BLE001 - decoders raise whatever hostile bytes lead them to
        look.found.clear()
        look.remarks[:] = [
            f"cut off or damaged: hashed as far as it goes ({_short(strict)})",
        ]
        with _tolerance():
            _decode_damaged(look, decode, name)


def _decode_damaged(look: _Look, decode: Callable[[_Look], None], name: str) -> None:
    try:
        decode(look)
    except (*_BOMBS, LimitError, MemoryError):
        raise
    except Exception as error:
        if look.found:
            return  # frames before the damage were hashed, and the remark says that it is damaged
        raise UndecodableError(
            f"this {name} is damaged and no picture can be made of it ({_short(error)})"
        ) from error


def _hash_still(look: _Look) -> None:
    with look.open() as image:
        full_size = image.height, image.width
        image.draft("L", (_REDUCED_SIDE_PX, _REDUCED_SIDE_PX))
        if min(full_size) < pdq.MIN_SIDE_PX:
            look.remarks.append(_too_small(image))
            return
        value, quality = pdq.hash_grid(plane_of(image).shrink(full_size=full_size))
    look.found.append(Fingerprint(Kind.PDQ, value, quality=quality))
    if quality < MIN_QUALITY:
        look.remarks.append(
            f"low quality ({quality} of 100): too little is to be seen in it to recognise it by;"
            f" PDQ hashes of a quality under {MIN_QUALITY} are not compared"
        )


def _hash_frames(look: _Look) -> None:
    """Hash the distinct frames of an animation, looking at no more than max_frames of them.

    Up to max_frames, every one is looked at. Beyond, half of the looks go evenly over the whole
    length and the other half to the first frames that stand still for half a second or more.
    """
    with look.open() as image:
        frames = int(getattr(image, "n_frames", 1))
        if min(image.size) < pdq.MIN_SIDE_PX:
            look.remarks.append(_too_small(image))
            return
        looker = _Looker(frames, look.limits)
        dull: list[Fingerprint] = []
        for number, at_s in _walk(image, frames, look):
            if looker.wants(number, shown_s=_shown_s(image)):
                _keep_if_new(look.found, dull, _hash_frame(image, number, at_s))
    if not look.found and dull:
        look.found.extend(dull[:1])
        look.remarks.append(
            f"low quality: too little is to be seen in any frame to recognise it by; PDQ hashes"
            f" of a quality under {MIN_QUALITY} are not compared"
        )
    look.remarks.append(
        f"animated: {looker.seen} of {frames} frames looked at, {len(look.found)} distinct kept"
    )


def _walk(image: Image.Image, frames: int, look: _Look) -> Iterator[tuple[int, float]]:
    """Go through the frames in order, with the time at which each is shown, while time lasts."""
    at_s = 0.0
    began, used = time.monotonic(), time.process_time()
    for number in range(frames):
        wall_s, cpu_s = time.monotonic() - began, time.process_time() - used
        if wall_s > look.limits.wall_s / 2 or cpu_s > look.limits.cpu_s / 2:
            look.remarks.append(
                f"{LIMIT}only the first {number} of {frames} frames were looked at; the others"
                f" would take too long (wall_s {look.limits.wall_s:g}, cpu_s {look.limits.cpu_s})"
            )
            return
        image.seek(number)
        check_pixels(image, look.limits)
        image.load()
        yield number, at_s
        at_s += _shown_s(image)


@dataclass(slots=True)
class _Looker:
    """Decides which frames of an animation are looked at."""

    frames: int
    limits: Limits
    seen: int = 0
    standing: int = 0

    def wants(self, number: int, *, shown_s: float) -> bool:
        half = max(1, self.limits.max_frames // 2)
        every = 1 if self.frames <= self.limits.max_frames else -(-self.frames // half)
        stands = every > 1 and shown_s >= _STANDING_S and self.standing < half
        is_wanted = number % every == 0 or stands
        self.standing += stands
        self.seen += is_wanted
        return is_wanted


def _hash_frame(image: Image.Image, number: int, at_s: float) -> Fingerprint:
    grid = plane_of(image).shrink(full_size=(image.height, image.width))
    value, quality = pdq.hash_grid(grid)
    is_page = image.format == "TIFF"
    part = f"page {number + 1}" if is_page else f"frame {number + 1} at {at_s:.1f} s"
    return Fingerprint(Kind.PDQ, value, quality=quality, part=part)


def _keep_if_new(kept: list[Fingerprint], dull: list[Fingerprint], frame: Fingerprint) -> None:
    if (frame.quality or 0) < MIN_QUALITY:
        dull.append(frame)
        return
    bits = int.from_bytes(frame.value)
    if all((bits ^ int.from_bytes(one.value)).bit_count() >= _DISTINCT_BITS for one in kept):
        kept.append(frame)


def _shown_s(image: Image.Image) -> float:
    stated_ms = image.info.get("duration", 0)
    shown_s = stated_ms / 1000 if isinstance(stated_ms, int | float) else 0.0
    return shown_s if shown_s > 0.01 else _UNSAID_S  # noqa: PLR2004 - browsers' rule, see above


def check_pixels(image: Image.Image, limits: Limits) -> None:
    """Refuse a picture whose stated size is over the limit, before a pixel is decoded."""
    if image.width * image.height > limits.max_pixels:
        raise LimitError("max_pixels", f"{image.width} x {image.height} pixels are too many")


def _too_small(image: Image.Image) -> str:
    return (
        f"too small: {image.width} x {image.height} px, and PDQ needs {pdq.MIN_SIDE_PX} a side;"
        " only digests of the file were made"
    )


def _stated_type(blob: bytes) -> str:
    """Return the media type that the first bytes state, "" if they state none of an image."""
    for offset, signature, media_type in _SIGNATURES:
        if blob[offset : offset + len(signature)] == signature:
            return media_type
    return ""


def _unrecognised(blob: bytes) -> str:
    what = "nothing is in it" if not blob else "its bytes are not those of a known kind of image"
    return f"not an image: {what}; only digests of the file were made"


@contextmanager
def _pillow_limited(limits: Limits) -> Iterator[None]:
    """Let Pillow itself refuse what is too large, and keep its advice to programmers to itself."""
    before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, limits.max_pixels
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            yield
    finally:
        Image.MAX_IMAGE_PIXELS = before


@contextmanager
def _tolerance() -> Iterator[None]:
    """Let Pillow hand out as much as a damaged file holds, instead of raising."""
    ImageFile.LOAD_TRUNCATED_IMAGES = True
    try:
        yield
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = False


def _short(error: BaseException) -> str:
    return (" ".join(str(error).split()) or type(error).__name__)[:120]


AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # a worker is limited as one thread, and works as one
