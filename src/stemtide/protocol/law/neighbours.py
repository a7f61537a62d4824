# SPDX-License-Identifier: Apache-2.0
"""Crisis mechanisms of others, as data: their frameworks, versions and types of crises."""

import tomllib
from functools import cache
from importlib.resources import files

from pydantic import BaseModel, ConfigDict, ValidationError


class NeighbourDataError(ValueError):
    """The list of known mechanisms is inconsistent."""


class Mechanism(BaseModel):
    """A version of a mechanism. is_complete: it has no types but these."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    framework: str
    version: str
    title: str
    types: tuple[str, ...]
    is_complete: bool
    source: str


@cache
def mechanisms() -> dict[tuple[str, str], Mechanism]:
    """Return all known mechanisms by framework and version."""
    return _read(files("stemtide.protocol.law").joinpath("neighbours.toml").read_text("utf-8"))


def _read(text: str) -> dict[tuple[str, str], Mechanism]:
    """Parse the list of mechanisms.

    raises: NeighbourDataError naming the file, the mechanism and the error.
    """
    by_version = {}
    for framework, versions in tomllib.loads(text).items():
        for version, row in versions.items():
            named = {"framework": framework, "version": version}
            try:
                by_version[framework, version] = Mechanism.model_validate(row | named)
            except ValidationError as error:
                first = error.errors()[0]
                where = ".".join(str(part) for part in first["loc"])
                raise NeighbourDataError(
                    f"neighbours.toml, {framework}.{version}: {where}: {first['msg']}"
                ) from error
    return by_version
