# SPDX-License-Identifier: Apache-2.0
"""National hotlines that take reports of child sexual abuse material, with source and date."""

from collections.abc import Mapping
from datetime import date
from functools import cache
from importlib.resources import files

from pydantic import BaseModel, ConfigDict, Field

from stemtide.protocol.law.toml_files import read_tables
from stemtide.protocol.places import countries

NETWORK = "inhope.org"
"""Where the network's own list is; shown as text and never fetched."""


class HotlineDataError(ValueError):
    """The list of hotlines is inconsistent. The message names the row."""


class Hotline(BaseModel):
    """A hotline of a country. web: its address, "" if the source names none; as_of: its date."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=2)
    web: str = Field(default="", pattern=r"^([a-z0-9-]+\.)+[a-z]{2,}$|^$")
    source: str = Field(min_length=8)
    as_of: date


@cache
def hotlines() -> Mapping[str, Hotline]:
    """Return the hotlines that could be sourced, by country code."""
    text = files("stemtide.protocol.law").joinpath("hotlines.toml").read_text("utf-8")
    return read_hotlines(text, name="hotlines.toml")


def read_hotlines(text: str, *, name: str) -> dict[str, Hotline]:
    """Parse a list of hotlines.

    raises: HotlineDataError naming the file, the country and the error.
    """
    rows = read_tables(Hotline, text, name=name, error=HotlineDataError)
    for country in rows.keys() - countries():
        raise HotlineDataError(f"{name}: {country} is no country code: write DE, for example")
    return rows
