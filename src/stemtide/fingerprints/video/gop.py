# SPDX-License-Identifier: Apache-2.0
"""Digest groups of pictures, which identify an encode in any container.

A file moved to another container, with its index moved, its metadata stripped or another audio
track has another SHA-256, but its pictures are the same bytes. They are read without decoding,
split into groups at key pictures, and each group gets a digest.

The start of a group is read from the pictures themselves: containers disagree on key frames. Only
picture data is digested: no parameter sets, no delimiters, no remarks of the encoder, and neither
length prefixes nor start codes.

Runs in a worker of the sandbox.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field

import av
import numpy as np
from av.packet import Packet
from av.video.stream import VideoStream
from numpy.typing import NDArray

from stemtide.fingerprints.analysis import Content
from stemtide.fingerprints.kinds import LIMIT, UNDECODABLE
from stemtide.fingerprints.limits import DecodingLimits, UndecodableError
from stemtide.fingerprints.values.gop import DIGEST_BYTES, GROUP, MAX_GROUPS, GopPrint
from stemtide.fingerprints.values.video import MAX_AT_MS
from stemtide.fingerprints.video.frames import (
    NoPicturesError,
    container_of,
    opened,
    packets_of,
    short,
    video_stream,
)

LEAST_FRAMES = 12
LEAST_BYTES = 10_000
"""Groups with neither so many frames nor so many bytes are left out: black pictures and stills
encode to the same bytes in many files.
"""

_H264_SLICES = frozenset({1, 2, 5})
_H264_KEY = 5
_I_SLICES = frozenset({2, 7})
_HEVC_LAST_SLICE = 31
_HEVC_KEYS = range(16, 24)
_START_CODE = b"\0\0\1"


def fingerprint_gops(content: Content, *, limits: DecodingLimits) -> GopPrint:
    """Return the digests of all groups of pictures of a video.

    returns: a fingerprint without rows if nothing could be read, with a remark that begins with
             UNDECODABLE or LIMIT; bad content never raises.
    """
    del limits  # reading costs a hundredth of decoding, and the count of groups is bounded here
    reader = _GroupReader()
    try:
        with opened(content) as file, container_of(file) as container:
            reader.read(packets_of(container, stream := video_stream(container)), stream)
    except NoPicturesError as error:
        reader.remarks.append(str(error))
    except UndecodableError as error:
        reader.remarks.append(f"{UNDECODABLE}{error}")
    except (av.FFmpegError, EOFError, ValueError, OverflowError, MemoryError) as error:
        reader.remarks.append(f"{LIMIT}groups of pictures were read only in part ({short(error)})")
    rows = np.array(reader.groups, GROUP)
    rows["at_ms"] = np.maximum.accumulate(rows["at_ms"]) if len(rows) else 0
    return GopPrint(rows=rows, remarks=tuple(reader.remarks))


@dataclass(slots=True)
class _GroupReader:
    """The groups read so far, and the one that is being read."""

    groups: list[tuple[int, int, NDArray[np.uint8]]] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    _hash: "hashlib._Hash | None" = None
    _at_ms: int = 0
    _frames: int = 0
    _bytes: int = 0
    _first_s: float | None = None

    def read(self, packets: "Iterator[Packet[VideoStream]]", stream: VideoStream) -> None:
        codec = stream.codec_context.name
        split = _splitter(codec, bytes(stream.codec_context.extradata or b""))
        for packet in packets:
            if not packet.size:
                continue
            pictures, is_key = split(bytes(packet), packet.is_keyframe)
            if is_key:
                self._end()
                self._begin(packet, float(stream.time_base or 0))
            if len(self.groups) >= MAX_GROUPS:
                self.remarks.append(f"{LIMIT}only the first {MAX_GROUPS:,} groups were read")
                return
            if self._hash is not None and pictures:
                self._frames += 1
                for picture in pictures:
                    self._hash.update(picture)
                    self._bytes += len(picture)
        self._end()

    def _begin(self, packet: "Packet[VideoStream]", tick_s: float) -> None:
        at_s = (packet.pts if packet.pts is not None else packet.dts or 0) * tick_s
        if self._first_s is None:
            self._first_s = at_s
        self._at_ms = round(min(max(0.0, (at_s - self._first_s) * 1000), MAX_AT_MS))
        self._hash, self._frames, self._bytes = hashlib.sha256(), 0, 0

    def _end(self) -> None:
        if self._hash is None:
            return
        if self._frames >= LEAST_FRAMES or self._bytes >= LEAST_BYTES:
            digest = np.frombuffer(self._hash.digest()[:DIGEST_BYTES], np.uint8)
            self.groups.append((self._at_ms, self._frames, digest))
        self._hash = None


class _Whole:
    """Returns packets unchanged: for codecs whose packets are the same in all containers."""

    def __call__(self, packet: bytes, is_key: bool) -> tuple[list[bytes], bool]:  # noqa: FBT001 - as the splitters of NAL units are called
        return [packet], is_key


@dataclass(frozen=True, slots=True)
class _Units:
    """Splits a packet of H.264 or HEVC into its units, and keeps those with picture data.

    prefix: bytes of the length before each unit; 0 if they are separated by start codes.
    """

    prefix: int
    is_hevc: bool

    def __call__(self, packet: bytes, is_key: bool) -> tuple[list[bytes], bool]:  # noqa: FBT001 - see above
        del is_key
        pictures, begins = [], False
        for unit in self._units(packet):
            kind = unit[0] >> 1 & 63 if self.is_hevc else unit[0] & 31
            if self.is_hevc and kind <= _HEVC_LAST_SLICE:
                pictures.append(unit)
                begins = begins or kind in _HEVC_KEYS
            elif not self.is_hevc and kind in _H264_SLICES:
                # A picture may consist of several slices; it is a key if its first one is.
                begins = _is_key_slice(unit, kind) if not pictures else begins
                pictures.append(unit)
        return pictures, begins

    def _units(self, packet: bytes) -> Iterator[bytes]:
        if not self.prefix:
            # What is before the first start code is nothing; a unit never ends in zeros.
            parts = packet.split(_START_CODE)[1:]
            yield from (unit for part in parts if (unit := part.rstrip(b"\0")))
            return
        place = 0
        while place + self.prefix < len(packet):
            length = int.from_bytes(packet[place : place + self.prefix])
            place += self.prefix
            if unit := packet[place : place + length].rstrip(b"\0"):
                yield unit
            place += length


def _splitter(codec: str, extradata: bytes) -> _Units | _Whole:
    is_hevc = codec == "hevc"
    if codec not in {"h264", "hevc"}:
        return _Whole()
    if not extradata.startswith(b"\1"):  # not a configuration record: start codes
        return _Units(prefix=0, is_hevc=is_hevc)
    place = 21 if is_hevc else 4
    if len(extradata) <= place:
        return _Units(prefix=4, is_hevc=is_hevc)
    return _Units(prefix=(extradata[place] & 3) + 1, is_hevc=is_hevc)


def _is_key_slice(unit: bytes, kind: int) -> bool:
    """Whether a slice of H.264 belongs to a picture that needs no other.

    source: ITU-T H.264, 7.3.3: the slice header begins with two unsigned Exp-Golomb numbers,
            the first macroblock and the slice type.
    """
    if kind == _H264_KEY:
        return True
    bits = "".join(f"{byte:08b}" for byte in unit[1:13])
    _, place = _exp_golomb(bits, 0)
    slice_type, _ = _exp_golomb(bits, place)
    return slice_type in _I_SLICES


def _exp_golomb(bits: str, place: int) -> tuple[int, int]:
    """Read an unsigned Exp-Golomb number and the place after it; -1 if the bits end before."""
    zeros = bits.find("1", place) - place
    end = place + 2 * zeros + 1
    if zeros < 0 or end > len(bits):
        return -1, len(bits)
    return int(bits[place + zeros : end], 2) - 1, end
