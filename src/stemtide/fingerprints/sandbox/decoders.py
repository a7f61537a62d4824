# SPDX-License-Identifier: Apache-2.0
"""Load decoders before a worker is locked down, since nothing can be loaded in it afterwards."""

import encodings
import importlib
import pkgutil
import sys
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import cast

from stemtide.fingerprints.analysis import FALLBACK, MODALITIES, READING, TEXT, Modality
from stemtide.fingerprints.external.installed import installed_types


class DecoderGroup(StrEnum):
    """Decoders that are loaded together, in one server.

    LOCAL: all, and OpenCV for local features. TEXTS: of texts alone, with the model of languages,
    which would make all forks of a larger group slower. READING: of pictures, and Tesseract.
    """

    PICTURES = "p"
    ALL = "a"
    LOCAL = "l"
    TEXTS = "t"
    READING = "r"


@dataclass(frozen=True, slots=True)
class Decoders:
    """The decoders that are loaded in a process.

    missing:     modalities whose decoders are not installed.
    is_complete: whether all modalities were loaded, but for these.
    has_languages: whether the model of languages is loaded.
    """

    loaded: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    is_complete: bool = False
    has_languages: bool = False


_LOCAL = "stemtide.fingerprints.image.local"
_READING = "stemtide.fingerprints.image.reading"
_LANGUAGES = "stemtide.fingerprints.text.languages"


def load(group: DecoderGroup, *, languages: tuple[str, ...] = ()) -> Decoders:
    """Import the modules of a group, and run their decoders once.

    languages: of texts in pictures.
    raises: ImportError if pictures cannot be decoded; other modalities may be missing.
            TesseractError if text in pictures cannot be read.
    """
    installed_types()
    if group is DecoderGroup.PICTURES:
        _warm_up((FALLBACK,))
        return Decoders((FALLBACK,))
    if group is DecoderGroup.READING:
        _load_av()  # which decodes the pictures of some telephones
        importlib.import_module(_READING).load(languages)
        return Decoders((READING,))
    if group is DecoderGroup.LOCAL:
        with suppress(ImportError):  # a remark says that OpenCV is missing
            importlib.import_module(_LOCAL).warm_up()
    _load_encodings()
    if group is DecoderGroup.TEXTS:
        importlib.import_module(_LANGUAGES).warm_up()
        _warm_up((TEXT,))
        return Decoders((TEXT,), has_languages=True)
    _load_av()
    missing = tuple(name for name in MODALITIES if not _is_installed(name))
    loaded = tuple(name for name in MODALITIES if name not in missing)
    _warm_up(loaded)
    return Decoders(loaded, missing, is_complete=True)


def module_of(name: str) -> Modality:
    """Return the module of a modality."""
    return cast("Modality", importlib.import_module(MODALITIES[name].module))


def _is_installed(name: str) -> bool:
    try:
        module_of(name)
    except ImportError:
        return False
    return True


def _warm_up(names: Iterable[str]) -> None:
    for name in names:
        getattr(module_of(name), "warm_up", lambda: None)()


def _load_av() -> None:
    """Import all of PyAV: it imports the class of a codec when the codec first comes."""
    with suppress(ImportError):  # then video and audio are missing
        package = importlib.import_module("av")
        for module in pkgutil.walk_packages(package.__path__, "av."):
            if module.name not in _NOT_OF_AV:
                importlib.import_module(module.name)


def _load_encodings() -> None:
    """Import all encodings of text: a page may state any of them."""
    for encoding in pkgutil.iter_modules(encodings.__path__):
        if encoding.name not in _NOT_HERE and f"encodings.{encoding.name}" not in sys.modules:
            importlib.import_module(f"encodings.{encoding.name}")


_NOT_OF_AV = {"av.__main__", "av.datasets"}
"""A command, and a download of samples."""

_NOT_HERE = {"mbcs", "oem"}
"""Encodings of Windows alone."""
