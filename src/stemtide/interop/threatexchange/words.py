# SPDX-License-Identifier: Apache-2.0
"""Words of other exchanges for kinds and labels (words.toml), as data."""

import re
import tomllib
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.resources import files
from typing import Any

from stemtide.fingerprints.kinds import Kind

_GAP = re.compile(r"[\s_-]+")


@cache
def _tables() -> dict[str, Any]:
    """Return the tables of words.toml."""
    text = files("stemtide.interop.threatexchange").joinpath("words.toml").read_text("utf-8")
    return tomllib.loads(text)


def kind_of(name: str, *, vocabulary: str) -> Kind | None:
    """Return our kind for a type of another exchange; None if we have none."""
    kind = _tables()["kinds"][vocabulary].get(name)
    return Kind(kind) if kind else None


def name_of(kind: Kind, *, vocabulary: str) -> str | None:
    """Return the first type of another exchange for a kind; None if it has none."""
    names = _tables()["kinds"][vocabulary].items()
    return next((name for name, value in names if value == kind), None)


def translated(tags: Iterable[str]) -> Iterator[str]:
    """Yield tags, those with the meaning of one of our words as that word."""
    labels: dict[str, str] = _tables()["tags"]
    for tag in tags:
        yield labels.get(_GAP.sub("-", tag.strip().lower()), tag)
