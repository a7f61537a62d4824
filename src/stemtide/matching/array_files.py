# SPDX-License-Identifier: Apache-2.0
"""Files with the arrays of a finder, which a start maps instead of parsing each signal.

For kinds whose values are as long as their content; those of fixed length are in segments (see
segments.py). A file is used only if its checksums match. The arrays are mapped copy-on-write: the
file never changes, and processes share the pages that none has written.
"""

import json
import mmap
import os
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from stemtide.matching.found import Finder
from stemtide.matching.segments import SegmentFileError

Arrays = dict[str, npt.NDArray[Any]]
Form = Mapping[str, np.dtype[Any]]
"""Names of arrays, each with its dtype."""

_MAGIC = b"STEMARR\x01"
_HEAD = struct.Struct("<8s32sIII")
"""magic with version, identity, length of the shapes, crc of the arrays, crc of head and shapes."""
_ALIGN = 4096


def save_finder(finder: Finder, path: Path, *, identity: bytes) -> None:
    """Write the arrays of a finder; without signals, remove the file."""
    if len(finder):
        write_arrays(path, finder.arrays(), identity=identity)
    else:
        path.unlink(missing_ok=True)


def load_finder(finder: Finder, path: Path, *, identity: bytes) -> list[int]:
    """Load saved arrays into a finder and return the keys, none if there is no file.

    raises: SegmentFileError, OSError; then the finder is unchanged.
    """
    if not path.exists():
        return []
    return finder.take(open_arrays(path, finder.form, identity=identity))


def write_arrays(path: Path, arrays: Arrays, *, identity: bytes) -> None:
    """Write arrays to a file, whole or not at all: it appears under its name when it is on disk.

    identity: 32 bytes that say whose they are.
    """
    shapes = json.dumps({name: array.shape for name, array in arrays.items()}).encode()
    fresh = path.with_suffix(".new")
    with fresh.open("wb") as file:
        file.seek(_aligned(_HEAD.size + len(shapes)))
        checksum = 0
        for array in arrays.values():
            flat = np.ascontiguousarray(array).reshape(-1).view(np.uint8).data
            file.write(flat)
            checksum = zlib.crc32(flat, checksum)
            file.write(bytes(_aligned(flat.nbytes) - flat.nbytes))
        head = _HEAD.pack(_MAGIC, identity, len(shapes), checksum, 0)[:-4]
        file.seek(0)
        file.write(head + struct.pack("<I", zlib.crc32(shapes, zlib.crc32(head))) + shapes)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def open_arrays(path: Path, form: Form, *, identity: bytes) -> Arrays:
    """Map a file of `write_arrays`, after reading all of it once to verify its checksum.

    raises: SegmentFileError if it is torn, of another version or form, or of another store;
            OSError if it cannot be read.
    """
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size < _HEAD.size:
            raise SegmentFileError(f"{path} is torn: it has {size} bytes")
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    shapes, checksum = _read_head(path, mapped, identity)
    if list(shapes) != list(form):
        raise SegmentFileError(f"{path} holds fingerprints of another form")
    arrays: Arrays = {}
    stop, computed = _aligned(_HEAD.size + len(json.dumps(shapes))), 0
    for name, dtype in form.items():
        nbytes = dtype.itemsize * int(np.prod(shapes[name], dtype=object))
        if not 0 <= nbytes <= size - stop:
            raise SegmentFileError(f"{path} is torn: it ends in the middle of its {name}")
        flat = np.frombuffer(mapped, np.uint8, count=nbytes, offset=min(stop, size - nbytes))
        computed = zlib.crc32(flat.data, computed)
        arrays[name] = flat.view(dtype).reshape(shapes[name])
        stop += _aligned(nbytes)
    if computed != checksum:
        raise SegmentFileError(f"{path} is torn: its checksum is wrong")
    return arrays


def _read_head(path: Path, mapped: mmap.mmap, identity: bytes) -> tuple[dict[str, list[int]], int]:
    head = mapped[: _HEAD.size]
    magic, whose, length, checksum, own = _HEAD.unpack(head)
    if magic != _MAGIC:
        raise SegmentFileError(f"{path} is no file of arrays of this version of Stemtide")
    shapes = mapped[_HEAD.size : _HEAD.size + length]
    if zlib.crc32(shapes, zlib.crc32(head[:-4])) != own:
        raise SegmentFileError(f"{path} is torn: its head is damaged")
    if whose != identity:
        raise SegmentFileError(f"{path} holds another store's signals")
    return json.loads(shapes), checksum


def _aligned(size: int) -> int:
    return -(-size // _ALIGN) * _ALIGN
