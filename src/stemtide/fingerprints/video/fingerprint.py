# SPDX-License-Identifier: Apache-2.0
"""Fingerprint videos. Runs in a worker of the sandbox, on hostile content."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from stemtide.fingerprints.analysis import Content
from stemtide.fingerprints.image import pdq
from stemtide.fingerprints.kinds import LIMIT, UNDECODABLE
from stemtide.fingerprints.limits import DecodingLimits, LimitError, UndecodableError
from stemtide.fingerprints.values.video import (
    MAX_AT_MS,
    MAX_ROWS,
    MAX_VIEWS,
    ROW,
    WHOLE,
    Rows,
    Sampling,
    VideoPrint,
    View,
    ViewKind,
)
from stemtide.fingerprints.video import thumbnails
from stemtide.fingerprints.video.frames import Depth, Frame, FrameReader, NoPicturesError
from stemtide.fingerprints.video.rects import Rect, find_rects

EVERY_S = {
    Sampling.SHARE: 0.25,
    Sampling.QUERY: 0.5,
    Sampling.KEY_FRAMES: 0.25,
}
"""One frame in each stretch of this length. A signal has them dense and a query sparse: with one a
second on both sides, a shift of a quarter of a second loses two frames of three.
"""

CROPS = (0.94, 0.88, 0.80, 0.70)
"""Shares of height and width, around the centre, that `robust` adds; also the centred square."""

CORNERS = ((0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0))
_CORNER_PART = 0.80
"""Share of height and width of a crop in each corner, for crops that are off the centre."""

_Box = tuple[float, float, float, float]
_DEPTHS = {
    Sampling.SHARE: Depth.FULL,
    Sampling.QUERY: Depth.SPARSE,
    Sampling.KEY_FRAMES: Depth.KEY_FRAMES,
}
_FIRST_RECT = 16
_MOST_RECTS = MAX_VIEWS - 1 - len(CROPS) - 1 - len(CORNERS)
_SAME_BOX = 0.015
_BATCH = 64
"""Number of frames that are held as small pictures; rectangles are searched in each such stretch,
so that each part of a compilation can have its own.
"""
_OLD_BITS = 8
_OLD_S = 2.0
"""For sharing, a frame nearer than this to the last one kept is left out, for two seconds."""

_SIGNATURES = (
    (0, b"\x1a\x45\xdf\xa3", "video/x-matroska"),
    (0, b"FLV\x01", "video/x-flv"),
    (0, b"\x00\x00\x01\xba", "video/mpeg"),
    (0, b"\x00\x00\x01\xb3", "video/mpeg"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "video/x-ms-asf"),
    (8, b"AVI ", "video/x-msvideo"),
)
_BOXES = frozenset({b"moov", b"mdat", b"free", b"wide", b"skip", b"moof", b"styp"})
_STILL_BRANDS = (b"avi", b"hei", b"hev", b"hei", b"mif1", b"msf1", b"M4A ", b"M4B ", b"M4P ")
_TS_PACKET = 188
_TS_SYNC = 0x47
_OGG_VIDEO = b"\x80theora"


def is_video(head: bytes) -> str:
    """Return the media type of a video by its first bytes (some hundreds), or "".

    Audio-only files may be in the same containers; decoding tells.
    """
    if head[4:8] == b"ftyp":
        brand = head[8:12]
        if brand.startswith(_STILL_BRANDS):
            return ""
        return "video/quicktime" if brand == b"qt  " else "video/mp4"
    if head[4:8] in _BOXES:
        return "video/mp4"
    for offset, signature, media_type in _SIGNATURES:
        if head[offset : offset + len(signature)] == signature:
            is_webm = media_type == "video/x-matroska" and b"webm" in head[:64]
            return "video/webm" if is_webm else media_type
    if head[:4] == b"OggS" and _OGG_VIDEO in head[:256]:
        return "video/ogg"
    syncs = head[0:1], head[_TS_PACKET : _TS_PACKET + 1]
    return "video/mp2t" if syncs == (bytes([_TS_SYNC]),) * 2 else ""


def fingerprint_video(
    content: Content,
    *,
    limits: DecodingLimits,
    sampling: Sampling = Sampling.QUERY,
    robust: bool = False,
    every_s: float | None = None,
    progress: Callable[[float], None] | None = None,
) -> VideoPrint:
    """Return the fingerprint of a video.

    1. Open it as one of the allowed containers and take its first stream of moving pictures.
    2. Decode it in order of time, as little as the sampling allows.
    3. Hash each chosen frame; for a query, the rectangles in which the video may be as well; for
       sharing, if `robust`, both those and nine crops.

    every_s:  in place of the sampling's own step (live chunks are sampled more densely).
    progress: called with the share, 0..1, that is done.
    returns:  a fingerprint without rows if nothing could be decoded. Such parts get a remark that
              begins with UNDECODABLE or LIMIT; bad content never raises.
    """
    reader = FrameReader(
        limits=limits,
        depth=_DEPTHS[sampling],
        every_s=every_s or EVERY_S[sampling],
        progress=progress,
    )
    hasher = _FrameHasher(sampling=sampling, robust=robust)
    try:
        for frame in reader.frames(content):
            hasher.take(frame)
    except NoPicturesError as error:
        reader.remarks.append(str(error))
    except UndecodableError as error:
        reader.remarks.append(f"{UNDECODABLE}{error}")
    except LimitError as error:
        reader.remarks.append(f"{LIMIT}{error} ({error.limit})")
    except MemoryError:
        reader.remarks.append(
            f"{LIMIT}decoding it needs more than {limits.memory_bytes:,} bytes of memory"
            " (memory_bytes)"
        )
    hasher.hash_batch()
    return VideoPrint(
        rows=hasher.sorted_rows(),
        sampling=sampling,
        views=tuple(sorted(hasher.views, key=lambda view: view.number)),
        duration_ms=min(MAX_AT_MS, round(1000 * max(reader.duration_s, reader.until_s))),
        width=reader.width,
        height=reader.height,
        remarks=(*reader.remarks, *hasher.remarks()),
    )


@dataclass(slots=True)
class _FrameHasher:
    """State of the analysis of one video: frames to be hashed, and hashes so far."""

    sampling: Sampling
    robust: bool
    views: list[View] = field(default_factory=lambda: [WHOLE])
    _done: list[Rows] = field(default_factory=list)
    _count: int = 0
    _left_out: int = 0
    _at_ms: list[int] = field(default_factory=list)
    _gains: list[float] = field(default_factory=list)
    _hashes: list[tuple[bytes, int]] = field(default_factory=list)
    _thumbs: list[thumbnails.Thumbs] = field(default_factory=list)
    _last: tuple[int, float] | None = None

    def take(self, frame: Frame) -> None:
        """Hash a whole frame and keep a small copy of it for the other views."""
        if min(frame.luma.shape) < pdq.MIN_SIDE_PX:
            self._left_out += 1
            return
        gain = 1.0 if frame.is_full_range else thumbnails.LIMITED_RANGE_GAIN
        value, quality = thumbnails.hash_frame(frame.luma, gain=gain)
        if self.sampling is Sampling.SHARE and not self._is_new(value, frame.at_s):
            return
        thumb = thumbnails.thumb_of(frame.luma)
        if self._thumbs and (len(self._thumbs) == _BATCH or self._thumbs[0].shape != thumb.shape):
            self.hash_batch()
        self._at_ms.append(round(1000 * frame.at_s))
        self._gains.append(gain)
        self._hashes.append((value, quality))
        self._thumbs.append(thumb)

    def hash_batch(self) -> None:
        """Hash the other views of the buffered frames, and drop the frames."""
        if not self._thumbs:
            return
        hashes = np.frombuffer(b"".join(value for value, _ in self._hashes), np.uint8)
        qualities = np.array([quality for _, quality in self._hashes], np.uint8)
        self._add(WHOLE, hashes.reshape(-1, 32), qualities)
        thumbs = np.stack(self._thumbs)
        if min(thumbs.shape[1:]) >= thumbnails.MIN_SIDE_PX:
            for view in self._views_of(thumbs):
                self._hash_view(view, thumbs)
        for waiting in (self._at_ms, self._gains, self._hashes, self._thumbs):
            waiting.clear()

    def sorted_rows(self) -> Rows:
        """Return all rows, by view and time."""
        if not self._done:
            return np.empty(0, ROW)
        rows = np.concatenate(self._done)
        return rows[np.lexsort((rows["at_ms"], rows["view"]))]

    def remarks(self) -> list[str]:
        """Return remarks about parts that were left out."""
        if self._left_out:
            return [f"{LIMIT}too small: a side is under {pdq.MIN_SIDE_PX} px, PDQ has no hash"]
        if self._count >= MAX_ROWS:
            return [f"{LIMIT}more than {MAX_ROWS:,} hashes: further views were not hashed"]
        return []

    def _is_new(self, value: bytes, at_s: float) -> bool:
        bits = int.from_bytes(value)
        if self._last is not None:
            last_bits, last_s = self._last
            is_near = (bits ^ last_bits).bit_count() < _OLD_BITS
            if is_near and at_s - last_s < _OLD_S:
                return False
        self._last = bits, at_s
        return True

    def _views_of(self, thumbs: thumbnails.Thumbs) -> list[View]:
        """Return the views besides the whole frame in which to hash these frames."""
        height, width = thumbs.shape[1:]
        views = []
        if self.sampling is Sampling.SHARE and self.robust:
            views += _crops(height, width)
        if self.sampling is Sampling.QUERY or self.robust:
            rects = [_box(rect, height, width) for rect in find_rects(thumbs)]
            views += [view for box in rects if (view := self._rect_view(box)) is not None]
        # Two guesses may be near enough for one view, which has one hash of a frame.
        return list({view.number: view for view in views}.values())

    def _rect_view(self, box: _Box) -> View | None:
        """Return the view that already shows this box, or a new one while there is room."""
        rects = [view for view in self.views if view.kind is ViewKind.RECT]
        for view in rects:
            if max(abs(a - b) for a, b in zip(view.box, box, strict=True)) <= _SAME_BOX:
                return view
        if len(rects) >= _MOST_RECTS:
            return None
        view = View(_FIRST_RECT + len(rects), ViewKind.RECT, box)
        self.views.append(view)
        return view

    def _hash_view(self, view: View, thumbs: thumbnails.Thumbs) -> None:
        height, width = thumbs.shape[1:]
        top, bottom, left, right = view.box
        part = thumbs[
            :,
            round(top * height) : round(bottom * height),
            round(left * width) : round(right * width),
        ]
        if min(part.shape[1:]) < thumbnails.MIN_SIDE_PX or self._count >= MAX_ROWS:
            return
        self._add(view, *thumbnails.hash_parts(part, gains=self._gains))

    def _add(self, view: View, hashes: NDArray[np.uint8], qualities: NDArray[np.uint8]) -> None:
        room = max(0, MAX_ROWS - self._count)
        rows = np.empty(len(hashes), ROW)
        rows["at_ms"], rows["quality"], rows["view"] = self._at_ms, qualities, view.number
        rows["pdq"] = hashes
        self._done.append(rows[:room])
        self._count += len(rows[:room])
        if all(view.number != other.number for other in self.views):
            self.views.append(view)


def _box(rect: Rect, height: int, width: int) -> _Box:
    return rect.top / height, rect.bottom / height, rect.left / width, rect.right / width


def _crops(height: int, width: int) -> list[View]:
    """Return the crops that make a signal robust: centred, the centred square, and in corners."""
    tall, wide = min(1.0, width / height), min(1.0, height / width)
    crops = [
        *(_part(part, part, down=0.5, across=0.5) for part in CROPS),
        _part(tall, wide, down=0.5, across=0.5),
        *(_part(_CORNER_PART, _CORNER_PART, down=y, across=x) for y, x in CORNERS),
    ]
    return [View(number, ViewKind.CROP, box) for number, box in enumerate(crops, start=1)]


def _part(tall: float, wide: float, *, down: float, across: float) -> _Box:
    """Return a box of this height and width in the frame; 0 is at the top or left, 1 opposite."""
    top, left = (1 - tall) * down, (1 - wide) * across
    return top, top + tall, left, left + wide
