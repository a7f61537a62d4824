# SPDX-License-Identifier: Apache-2.0
"""Extract brightness from a picture of any mode that Pillow opens."""

import ctypes
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from stemtide.fingerprints.image import pdq

_DEEP = {"I;16", "I;16L", "I;16B", "I;16N", "I", "F"}
"""Modes with more than 8 bits a pixel."""

_WHITES = (1.0, 255.0, 65535.0)
"""Candidates for the white level of a picture that does not state it: the first that fits."""


@dataclass(frozen=True, slots=True)
class Plane:
    """Brightness of every pixel, in the picture's own units.

    values:       (h, w) real.
    black, white: the values of black and white.
    """

    values: pdq.Luma
    black: float = 0.0
    white: float = 255.0

    def shrink(self, *, full_size: tuple[int, int]) -> pdq.Floats:
        """Return the (64, 64) float32 grid, 0..255, for a picture of this full size."""
        grid = pdq.shrink(self.values, full_size=full_size)
        if (self.black, self.white) == (0.0, 255.0):
            return grid  # untouched, so that it stays bit-exact
        scale = 255.0 / (self.white - self.black)
        return ((grid - self.black) * scale).clip(0, 255).astype(np.float32)


def plane_of(image: Image.Image) -> Plane:
    """Return the brightness of a picture of any mode.

    Transparency is ignored, as in all PDQ tools: only the colour under it counts. Deep pictures are
    read at their full depth and scaled so that their white is 255.
    """
    if image.mode in _DEEP:
        return _deep_plane(image)
    if image.mode == "LAB":
        # Pillow gives lightness without colour profiles; it is near enough to luma.
        return Plane(np.asarray(image.getchannel(0)))
    if image.mode in {"RGBa", "La"}:  # premultiplied; Pillow goes one step at a time
        image = image.convert("RGBA" if image.mode == "RGBa" else "LA")
    image.info.pop("transparency", None)  # else Pillow would try to carry it over
    return Plane(pixels_of(image if image.mode == "L" else image.convert("L")))


class _ArrowArray(ctypes.Structure):
    """The beginning of the struct in Arrow's C data interface; buffers[1] holds the values."""

    _fields_ = (
        ("length", ctypes.c_int64),
        ("null_count", ctypes.c_int64),
        ("offset", ctypes.c_int64),
        ("n_buffers", ctypes.c_int64),
        ("n_children", ctypes.c_int64),
        ("buffers", ctypes.POINTER(ctypes.c_void_p)),
    )


class _Lent:
    """Bytes that Pillow lends, for numpy to read in place; released with the last array of them."""

    def __init__(self, lent: object, *, address: int, shape: tuple[int, int]) -> None:
        self._lent = lent
        self.__array_interface__ = {
            "version": 3, "typestr": "|u1", "shape": shape, "data": (address, True),
        }  # fmt: skip  # True: read-only


_pointer_in = ctypes.pythonapi.PyCapsule_GetPointer
_pointer_in.restype = ctypes.c_void_p
_pointer_in.argtypes = (ctypes.py_object, ctypes.c_char_p)


def pixels_of(image: Image.Image) -> NDArray[np.uint8]:
    """Return the pixels of a picture of mode L, without a copy if possible.

    returns: (h, w) uint8, read-only; it keeps the memory alive. Pillow lends its memory as an Arrow
             array if it is in one piece, which pictures over 16 megapixels are not.
    """
    image.load()
    try:
        _, lent = image.__arrow_c_array__()
    except (AttributeError, ValueError):
        return np.asarray(image)
    array = _ArrowArray.from_address(_pointer_in(lent, b"arrow_array"))
    size = image.width * image.height
    if (array.length, array.offset, array.n_buffers) != (size, 0, 2) or not array.buffers[1]:
        return np.asarray(image)
    shape = image.height, image.width
    pixels: NDArray[np.uint8] = np.asarray(_Lent(lent, address=array.buffers[1], shape=shape))
    return pixels


def _deep_plane(image: Image.Image) -> Plane:
    """Read 16 and 32 bits a pixel. PDQ itself does not depend on the scale; its quality does."""
    values = np.asarray(image)
    if image.mode not in {"I", "F"}:
        return Plane(values.astype(np.uint16, copy=False), white=65535.0)
    if image.mode == "F":
        values = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(values.min()), float(values.max())
    if low < 0 or high > _WHITES[-1]:  # numbers of no known scale: stretch them
        return Plane(values, black=low, white=high)
    whites = _WHITES if image.mode == "F" else _WHITES[1:]
    return Plane(values, white=next(white for white in whites if high <= white))
