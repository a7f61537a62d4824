# SPDX-License-Identifier: Apache-2.0
"""The numbers of the flood guard, read from breadth.toml."""

import tomllib
from functools import cache
from importlib.resources import files

from pydantic import BaseModel, ConfigDict, Field

_FROZEN = ConfigDict(frozen=True, extra="forbid")


class PictureLimits(BaseModel):
    """From when on a picture is near common ones, or too simple."""

    model_config = _FROZEN

    matches: int = Field(ge=1)
    wide_pattern: float = Field(ge=1)
    wide_bits: int = Field(ge=31, le=64)
    plain_pattern: float = Field(ge=1)


class FilmLimits(BaseModel):
    """The share of common frames, and how many frames are looked at."""

    model_config = _FROZEN

    share: float = Field(gt=0, le=1)
    frames: int = Field(ge=1)


class SoundLimits(BaseModel):
    """The share of common sounds."""

    model_config = _FROZEN

    share: float = Field(gt=0, le=1)


class TextLimits(BaseModel):
    """The share of passages that are in common texts."""

    model_config = _FROZEN

    share: float = Field(gt=0, le=1)


class StandingLimits(BaseModel):
    """How many unlike contents of how many parties, among how many of the hub's signals."""

    model_config = _FROZEN

    contents: int = Field(ge=2)
    parties: int = Field(ge=2)
    signals: int = Field(ge=1)
    fresh: int = Field(ge=1)


class BreadthLimits(BaseModel):
    """All numbers of breadth.toml."""

    model_config = _FROZEN

    pictures: PictureLimits
    films: FilmLimits
    sounds: SoundLimits
    texts: TextLimits
    standing: StandingLimits


@cache
def breadth_limits() -> BreadthLimits:
    """Return the numbers of breadth.toml."""
    text = files(__package__).joinpath("breadth.toml").read_text("utf-8")
    return BreadthLimits.model_validate(tomllib.loads(text))
