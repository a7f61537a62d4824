# SPDX-License-Identifier: Apache-2.0
"""The fingerprint `xvid1` of a video: PDQ hashes of frames and of parts of frames."""

import struct
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Self

import numpy as np
from numpy.typing import NDArray

from stemtide.fingerprints.kinds import FingerprintError

MAGIC = b"STXV"
VERSION = 1
MAX_ROWS = 200_000
MAX_VIEWS = 32
MAX_AT_MS = 7 * 24 * 3600 * 1000

ROW = np.dtype([("at_ms", "<u4"), ("quality", "u1"), ("view", "u1"), ("pdq", "u1", (32,))])
"""One hash: time of its frame, PDQ quality 0..100, number of its view. 38 bytes, packed."""

Rows = NDArray[np.void]

_HEAD = struct.Struct("<4sBBHHIBBI")
_VIEW = struct.Struct("<BB4H")
_WHOLE = 65535


class Sampling(IntEnum):
    """How frames were chosen.

    SHARE:      four a second of every frame, without those that show nothing new.
    QUERY:      two a second, with the rectangles in which a video may be.
    KEY_FRAMES: key frames only; a twentieth of the work.
    IMPORTED:   another program's vPDQ.
    """

    SHARE = 1
    QUERY = 2
    KEY_FRAMES = 3
    IMPORTED = 4


class ViewKind(IntEnum):
    """The part of the frame that a view shows."""

    WHOLE = 0
    CROP = 1
    RECT = 2


@dataclass(frozen=True, slots=True)
class View:
    """One part of every frame that is hashed.

    number: of the view in this fingerprint; 0 is the whole frame, 1 to 9 crops, 16 on rectangles.
    box:    top, bottom, left, right in parts of the frame's height and width, 0..1.
    """

    number: int
    kind: ViewKind
    box: tuple[float, float, float, float] = (0.0, 1.0, 0.0, 1.0)


WHOLE = View(0, ViewKind.WHOLE)


@dataclass(frozen=True, slots=True, eq=False)
class VideoPrint:
    """The fingerprint of one video.

    rows:    (n,) of ROW, sorted by view and time; a view has one row per time.
    remarks: parts that could not be decoded; not part of the bytes.
    """

    rows: Rows
    sampling: Sampling
    views: tuple[View, ...] = (WHOLE,)
    duration_ms: int = 0
    width: int = 0
    height: int = 0
    remarks: tuple[str, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.rows)

    def to_bytes(self) -> bytes:
        """Serialise as `xvid1`: a head, the views, the rows; little-endian."""
        head = _HEAD.pack(
            MAGIC,
            VERSION,
            self.sampling,
            min(self.width, 0xFFFF),
            min(self.height, 0xFFFF),
            self.duration_ms,
            len(self.views),
            0,
            len(self.rows),
        )
        views = b"".join(
            _VIEW.pack(view.number, view.kind, *(round(side * _WHOLE) for side in view.box))
            for view in self.views
        )
        return head + views + self.rows.tobytes()

    @classmethod
    def from_bytes(cls, value: bytes) -> Self:
        """Parse an untrusted `xvid1`.

        raises: FingerprintError naming its fault.
        """
        if len(value) < _HEAD.size:
            raise FingerprintError(f"a video fingerprint has a head of {_HEAD.size} bytes")
        magic, version, sampling, width, height, duration_ms, views, zero, count = (
            _HEAD.unpack_from(value)
        )
        if magic != MAGIC or version != VERSION or zero:
            raise FingerprintError("this is not a video fingerprint of version 1")
        if sampling not in set(Sampling):
            raise FingerprintError(f"there is no sampling {sampling} of videos")
        if not 1 <= views <= MAX_VIEWS or count > MAX_ROWS or duration_ms > MAX_AT_MS:
            raise FingerprintError("a video fingerprint has too many views, rows or milliseconds")
        start = _HEAD.size + views * _VIEW.size
        if len(value) != start + count * ROW.itemsize:
            raise FingerprintError("a video fingerprint is not as long as its head says")
        parsed_views = _read_views(value, views)
        rows = np.frombuffer(value, ROW, count=count, offset=start)
        _check_rows(rows, parsed_views)
        return cls(
            rows=rows,
            sampling=Sampling(sampling),
            views=parsed_views,
            duration_ms=duration_ms,
            width=width,
            height=height,
        )


def _read_views(value: bytes, count: int) -> tuple[View, ...]:
    views: list[View] = []
    for place in range(count):
        number, kind, *box = _VIEW.unpack_from(value, _HEAD.size + place * _VIEW.size)
        if kind not in set(ViewKind) or (views and number <= views[-1].number):
            raise FingerprintError("a video fingerprint's views are unknown or out of order")
        top, bottom, left, right = (side / _WHOLE for side in box)
        if top >= bottom or left >= right:
            raise FingerprintError("a view of a video fingerprint is empty")
        views.append(View(number, ViewKind(kind), (top, bottom, left, right)))
    return tuple(views)


def _check_rows(rows: Rows, views: tuple[View, ...]) -> None:
    if not np.isin(rows["view"], [view.number for view in views]).all():
        raise FingerprintError("a row of a video fingerprint is of no view that it states")
    if (rows["quality"] > 100).any() or (rows["at_ms"] > MAX_AT_MS).any():  # noqa: PLR2004 - PDQ's
        raise FingerprintError("a row of a video fingerprint has an impossible quality or time")
    order = rows["view"].astype(np.int64) << 32 | rows["at_ms"]
    if (np.diff(order) <= 0).any():
        raise FingerprintError("a video fingerprint's rows are not sorted, or two are of one time")
