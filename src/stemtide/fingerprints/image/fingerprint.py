# SPDX-License-Identifier: Apache-2.0
"""Fingerprint images with PDQ. Runs in a worker of the sandbox, on untrusted content."""

from collections.abc import Callable
from dataclasses import dataclass, field
from io import BytesIO

from PIL import Image, UnidentifiedImageError

from stemtide.fingerprints.analysis import Analysis, AnalysisOptions, Content, Progress, no_progress
from stemtide.fingerprints.image import pdq, thumbnail, views
from stemtide.fingerprints.image.animation import (
    FrameChooser,
    count_frames,
    has_frames,
    hash_frame,
    is_new,
    shown_s,
    walk,
)
from stemtide.fingerprints.image.formats import (
    ANIMATED,
    BOMBS,
    is_image,
    open_image,
    pillow_limited,
    tolerance,
)
from stemtide.fingerprints.image.luma import Plane, plane_of
from stemtide.fingerprints.image.quality import low_quality, why_dull
from stemtide.fingerprints.kinds import (
    LIMIT,
    MIN_QUALITY,
    UNDECODABLE,
    Fingerprint,
    Fingerprints,
    Kind,
    QueryView,
)
from stemtide.fingerprints.limits import DecodingLimits, LimitError, UndecodableError

_REDUCED_SIDE_PX = 1024
"""A JPEG with sides of at least twice this is decoded at half, a quarter or an eighth: at 12
megapixels that changes at most 4 bits of the hash and saves a quarter of the time.
"""

_BOXED_FRAMES = 8
_TURNED_FRAMES = 64
"""Number of kept frames of an animation that get boxed views, and turned views."""

NO_LOCAL = "no local features were made: they need OpenCV (pip install 'stemtide[local]')"

sniff = is_image


def warm_up() -> None:
    """Run the usual decoders once, so that a worker that is forked need not set them up."""
    picture = Image.effect_noise((64, 64), 60).convert("RGB")
    for file_type in ("JPEG", "PNG"):
        file = BytesIO()
        picture.save(file, file_type)
        options = AnalysisOptions(views=True)
        analyse_image(file.getvalue(), limits=DecodingLimits(), options=options)


def analyse(
    content: Content, *, limits: DecodingLimits, options: AnalysisOptions, progress: Progress
) -> Analysis:
    """Fingerprint a picture for the sandbox: see `analyse_image`."""
    if isinstance(content, bytes):
        return analyse_image(content, limits=limits, options=options, progress=progress)
    with content.open("rb") as file:
        blob = file.read(limits.max_input_bytes + 1)
    if len(blob) > limits.max_input_bytes:
        remark = f"{LIMIT}a picture may have {limits.max_input_bytes:,} bytes (max_input_bytes)"
        return Analysis(Fingerprints(each=(), size_bytes=len(blob), remarks=(remark,)))
    return analyse_image(blob, limits=limits, options=options, progress=progress)


def fingerprint_image(blob: bytes, *, limits: DecodingLimits) -> Fingerprints:
    """Return the PDQ hash of a picture, or those of the distinct frames of an animation.

    returns: PDQ fingerprints only. Parts that could not be decoded get a remark that begins with
             UNDECODABLE or LIMIT; bad content never raises.
    """
    return analyse_image(blob, limits=limits, options=AnalysisOptions()).fingerprints


def analyse_image(
    blob: bytes,
    *,
    limits: DecodingLimits,
    options: AnalysisOptions,
    progress: Progress = no_progress,
) -> Analysis:
    """Compute everything that is requested from one decode.

    1. Recognise it; content that is no image gets no hash and a remark.
    2. Check the size that its header states against the pixel limit.
    3. Decode strictly; if that fails, decode again as far as possible, with a remark.
    4. Hash. EXIF rotation and transparency are ignored, as in all PDQ tools: otherwise the hashes
       would not match theirs.

    returns: as `fingerprint_image`; with options.robust, hashes of crops come after the whole's,
             named by their part; with options.views, the views; with options.local, the features.
    """
    work = _Work(blob, limits, options, progress)
    with pillow_limited(limits):
        try:
            _fill(work)
        except UndecodableError as error:
            work.remarks.append(f"{UNDECODABLE}{error}")
        except (*BOMBS, LimitError):
            work.remarks.append(
                f"{LIMIT}the picture is too large to decode: it has more than"
                f" {limits.max_pixels:,} pixels (max_pixels)"
            )
        except MemoryError:
            work.remarks.append(
                f"{LIMIT}decoding it needs more than {limits.memory_bytes:,} bytes of memory"
                " (memory_bytes)"
            )
    fingerprints = Fingerprints(
        each=tuple(work.prints),
        media_type=work.media_type,
        size_bytes=len(blob),
        remarks=tuple(work.remarks),
        views=tuple(work.views),
    )
    return Analysis(fingerprints, local=work.local, still=work.still)


@dataclass(slots=True)
class _Work:
    """State of the analysis of one file."""

    blob: bytes
    limits: DecodingLimits
    options: AnalysisOptions
    progress: Progress
    media_type: str = ""
    prints: list[Fingerprint] = field(default_factory=list)
    views: list[QueryView] = field(default_factory=list)
    local: tuple[bytes, ...] = ()
    still: tuple[int, int, bytes] | None = None
    remarks: list[str] = field(default_factory=list)

    def start_again(self, remark: str) -> None:
        self.prints.clear()
        self.views.clear()
        self.local = ()
        self.remarks[:] = [remark]


def _fill(work: _Work) -> None:
    work.media_type = is_image(work.blob)
    try:
        image = open_image(work.blob)
    except UnidentifiedImageError as error:
        if work.media_type:
            kind = work.media_type.removeprefix("image/")
            raise UndecodableError(f"damaged, or a kind of {kind} that is not read here") from error
        work.remarks.append(_unrecognised(work.blob))
        return
    except (*BOMBS, MemoryError):
        raise
    except Exception as error:
        raise UndecodableError(
            f"this image is damaged at its beginning ({_short(error)})"
        ) from error
    name = image.format or "image"
    stated = work.media_type or f"image/{name.lower()}"
    work.media_type = "image/jpeg" if name == "MPO" else Image.MIME.get(name, stated)
    is_animated = name in ANIMATED and has_frames(image)
    image.close()
    _decode_twice(work, _hash_frames if is_animated else _hash_still, name)
    if work.options.still:
        _take_still(work)


def _take_still(work: _Work) -> None:
    """Make a small picture for people, as far as the image can be decoded."""
    with tolerance(), open_image(work.blob) as image:
        still = thumbnail.take(image)
    work.still = still.width, still.height, still.rgb


def _decode_twice(work: _Work, decode: Callable[[_Work], None], name: str) -> None:
    """Decode strictly, and if that fails as far as possible: browsers show cut files as well."""
    try:
        decode(work)
    except (*BOMBS, LimitError, MemoryError):
        raise
    except Exception as strict:  # noqa: BLE001 - decoders raise whatever hostile bytes lead them to
        work.start_again(f"cut off or damaged: hashed as far as it goes ({_short(strict)})")
        with tolerance():
            _decode_damaged(work, decode, name)


def _decode_damaged(work: _Work, decode: Callable[[_Work], None], name: str) -> None:
    try:
        decode(work)
    except (*BOMBS, LimitError, MemoryError):
        raise
    except Exception as error:
        if work.prints:
            return  # frames before the damage were hashed, and the remark says that it is damaged
        raise UndecodableError(
            f"this {name} is damaged and no picture can be made of it ({_short(error)})"
        ) from error


def _hash_still(work: _Work) -> None:
    with open_image(work.blob) as image:
        full_size = image.height, image.width
        image.draft("L", (_REDUCED_SIDE_PX, _REDUCED_SIDE_PX))
        if min(full_size) < pdq.MIN_SIDE_PX:
            work.remarks.append(_too_small(image))
            return
        plane = plane_of(image)
    grid = plane.shrink(full_size=full_size)
    value, quality = pdq.hash_grid(grid)
    work.prints.append(Fingerprint(Kind.PDQ, value, quality=quality))
    _look_further(work, plane, grid)
    if quality < MIN_QUALITY:
        tried = work.views if work.options.views else None
        work.remarks.append(low_quality(quality, why_dull(grid, size=full_size), tried=tried))


def _look_further(work: _Work, plane: Plane, grid: pdq.Floats) -> None:
    """Compute views, crops and local features of a still picture, if requested."""
    if work.options.views:
        work.views += views.views_of(plane, grid)
    if work.options.robust:
        work.prints += [
            Fingerprint(Kind.PDQ, value, quality=quality, part=tag)
            for tag, value, quality in views.crops_of(plane)
        ]
    if work.options.local:
        try:
            from stemtide.fingerprints.image.local import query_values  # noqa: PLC0415 - needs OpenCV
        except ImportError:
            work.remarks.append(NO_LOCAL)
            return
        work.local = query_values(views.small_copy(plane))


def _hash_frames(work: _Work) -> None:
    """Hash the distinct frames of an animation, decoding at most max_frames of them."""
    with open_image(work.blob) as image:
        frames = count_frames(image)
        if min(image.size) < pdq.MIN_SIDE_PX:
            work.remarks.append(_too_small(image))
            return
        chooser = FrameChooser(frames, work.limits)
        dullest = ""
        dull: list[Fingerprint] = []
        say = work.remarks.append
        for number, at_s in walk(
            image, frames, limits=work.limits, say=say, progress=work.progress
        ):
            if not chooser.wants(number, shown_s=shown_s(image)):
                continue
            plane = plane_of(image)
            grid = plane.shrink(full_size=(image.height, image.width))
            frame = hash_frame(image, grid, number=number, at_s=at_s)
            if is_new(frame, work.prints):
                work.prints.append(frame)
                _look_at_frame(work, plane, grid)
            elif (frame.quality or 0) < MIN_QUALITY and not dull:
                dull.append(frame)
                dullest = why_dull(grid, size=(image.height, image.width))
                _look_at_frame(work, plane, grid, part=frame.part)
    if not work.prints and dull:
        work.prints += dull
        remark = low_quality(
            dull[0].quality or 0, dullest, tried=work.views if work.options.views else None
        )
        work.remarks.append(f"{remark}; no frame is better")
    work.remarks.append(
        f"animated: {chooser.chosen} of {frames} frames looked at, {len(work.prints)} distinct kept"
    )


def _look_at_frame(work: _Work, plane: Plane, grid: pdq.Floats, *, part: str = "") -> None:
    if not work.options.views:
        return
    number = len(work.prints)
    part = part or work.prints[-1].part
    if number <= _BOXED_FRAMES:
        work.views += views.views_of(plane, grid, part=part)
    elif number <= _TURNED_FRAMES:
        work.views += views.turned_views(grid, part=part)


def _too_small(image: Image.Image) -> str:
    return (
        f"too small: {image.width} x {image.height} px, and PDQ needs {pdq.MIN_SIDE_PX} a side;"
        " only digests of the file were made"
    )


def _unrecognised(blob: bytes) -> str:
    reason = "nothing is in it" if not blob else "its bytes are not those of a known kind of image"
    return f"not an image: {reason}; only digests of the file were made"


def _short(error: BaseException) -> str:
    return (" ".join(str(error).split()) or type(error).__name__)[:120]
