# SPDX-License-Identifier: Apache-2.0
"""Countries and time zones that messages may name, as data in places.toml."""

import tomllib
from functools import cache
from importlib.resources import files
from typing import Annotated

from pydantic import WithJsonSchema
from typing_extensions import TypeAliasType


@cache
def _names(key: str) -> frozenset[str]:
    """Return the names under a key of places.toml."""
    text = files("stemtide.protocol").joinpath("places.toml").read_text("utf-8")
    return frozenset(tomllib.loads(text)[key].split())


def countries() -> frozenset[str]:
    """Return the officially assigned country codes. source: ISO 3166-1 alpha-2."""
    return _names("countries")


def time_zones() -> frozenset[str]:
    """Return the time zones that are named by a place, and UTC. source: IANA time zone database."""
    return _names("time_zones")


Country = TypeAliasType(
    "Country",
    Annotated[str, WithJsonSchema({"type": "string", "enum": sorted(countries())})],
)
"""A country code in the published schema; the hub's rules refuse unknown ones."""

TimeZone = TypeAliasType(
    "TimeZone",
    Annotated[str, WithJsonSchema({"type": "string", "enum": sorted(time_zones())})],
)
"""A time zone in the published schema; the hub's rules refuse unknown ones."""
