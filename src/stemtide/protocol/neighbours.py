# SPDX-License-Identifier: Apache-2.0
"""Known mechanisms beside ours, as data: which framework, in which version, knows which types."""

import tomllib
from functools import cache
from importlib.resources import files

from pydantic import BaseModel, ConfigDict, ValidationError


class NeighbourDataError(ValueError):
    """The list of known mechanisms contradicts itself."""


class Mechanism(BaseModel):
    """One mechanism in one version. is_complete: it has no types but these."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    framework: str
    version: str
    title: str
    types: tuple[str, ...]
    is_complete: bool
    source: str


@cache
def mechanisms() -> dict[tuple[str, str], Mechanism]:
    """All known mechanisms by framework and version."""
    return _read(files("stemtide.protocol").joinpath("neighbours.toml").read_text("utf-8"))


def _read(text: str) -> dict[tuple[str, str], Mechanism]:
    """Read the list.

    raises: NeighbourDataError naming the file, the mechanism and what is wrong with it.
    """
    found = {}
    for framework, versions in tomllib.loads(text).items():
        for version, row in versions.items():
            named = {"framework": framework, "version": version}
            try:
                found[framework, version] = Mechanism.model_validate(row | named)
            except ValidationError as error:
                first = error.errors()[0]
                where = ".".join(str(part) for part in first["loc"])
                raise NeighbourDataError(
                    f"neighbours.toml, {framework}.{version}: {where}: {first['msg']}"
                ) from error
    return found
