# SPDX-License-Identifier: Apache-2.0
"""Read the letters of a picture with Tesseract, a library of the system, from bare pixels.

1 The library and its models are loaded in the server that forks workers, since a worker can open
  no file.
2 Tesseract gets grey pixels that our decoders made. It never sees a file of a stranger.
3 It works in one thread: a worker can start no others.

source: Tesseract 5, capi.h.
"""

import ctypes
import os
from functools import cache
from itertools import count as count_from

import numpy as np
import numpy.typing as npt

INSTALL = "apt install tesseract-ocr"

DOTS_AN_INCH = 150
"""Stated resolution of a picture. Without one, Tesseract guesses and writes a warning."""

_LIBRARIES = ("libtesseract.so.5", "libtesseract.5.dylib")
_LSTM_ONLY = 1
_POINTER = ctypes.c_void_p


class TesseractError(RuntimeError):
    """Tesseract cannot be used here. The message names the remedy."""


class TextReader:
    """Tesseract with the models of some languages loaded. For one thread.

    languages: as `tesseract --list-langs` spells them, the most frequent first.
    raises:    TesseractError if the library or a model is missing.
    """

    def __init__(self, languages: tuple[str, ...]) -> None:
        self._library = _library()
        self._handle = self._library.TessBaseAPICreate()
        named = "+".join(languages).encode()
        is_ready = self._library.TessBaseAPIInit2(self._handle, None, named, _LSTM_ONLY) == 0
        loaded = self._loaded() if is_ready else set()
        if missing := [name for name in languages if name not in loaded]:
            packages = " ".join(f"tesseract-ocr-{name.replace('_', '-')}" for name in missing)
            raise TesseractError(
                f"Tesseract has no model for {', '.join(missing)}: apt install {packages}, or name"
                " languages that `tesseract --list-langs` lists"
            )

    def _loaded(self) -> set[str]:
        """Return the languages whose models are loaded: it goes on without those that it lacks."""
        names = self._library.TessBaseAPIGetLoadedLanguagesAsVector(self._handle)
        count = next(at for at in count_from(0) if names[at] is None)
        return {(names[at] or b"").decode() for at in range(count)}

    def read(self, pixels: npt.NDArray[np.uint8]) -> tuple[str, int]:
        """Return the text of a grey picture, and how sure Tesseract is of it on average, 0..100.

        pixels: (height, width) uint8, 0..255.
        """
        height, width = pixels.shape
        call = self._library
        call.TessBaseAPISetImage(self._handle, pixels.tobytes(), width, height, 1, width)
        call.TessBaseAPISetSourceResolution(self._handle, DOTS_AN_INCH)
        text = call.TessBaseAPIGetUTF8Text(self._handle)
        try:
            read = ctypes.string_at(text).decode("utf-8", "replace") if text else ""
            return read, call.TessBaseAPIMeanTextConf(self._handle)
        finally:
            call.TessDeleteText(text)
            call.TessBaseAPIClear(self._handle)


@cache
def _library() -> ctypes.CDLL:
    """Load the library. raises: TesseractError."""
    os.environ["OMP_THREAD_LIMIT"] = "1"  # read when it is loaded; a thread that is refused ends us
    for name in _LIBRARIES:
        try:
            library = ctypes.CDLL(name)
        except OSError:
            continue
        return _with_types(library)
    raise TesseractError(f"Tesseract 5 is not installed ({INSTALL})")


def _with_types(library: ctypes.CDLL) -> ctypes.CDLL:
    """State the types of the functions in use."""
    number, text = ctypes.c_int, ctypes.c_char_p
    library.TessBaseAPICreate.restype = _POINTER
    library.TessBaseAPIInit2.argtypes = [_POINTER, text, text, number]
    library.TessBaseAPIGetLoadedLanguagesAsVector.argtypes = [_POINTER]
    library.TessBaseAPIGetLoadedLanguagesAsVector.restype = ctypes.POINTER(text)
    library.TessBaseAPISetImage.argtypes = [_POINTER, text, number, number, number, number]
    library.TessBaseAPISetSourceResolution.argtypes = [_POINTER, number]
    library.TessBaseAPIGetUTF8Text.argtypes = [_POINTER]
    library.TessBaseAPIGetUTF8Text.restype = _POINTER
    library.TessBaseAPIMeanTextConf.argtypes = [_POINTER]
    library.TessDeleteText.argtypes = [_POINTER]
    library.TessBaseAPIClear.argtypes = [_POINTER]
    return library
