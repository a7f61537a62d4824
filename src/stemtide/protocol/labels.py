# SPDX-License-Identifier: Apache-2.0
"""Labels: what content does, as data in labels.toml."""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Annotated

from pydantic import AfterValidator


@dataclass(frozen=True, slots=True)
class Label:
    """One label. refuse_to names the right channel where Stemtide must not hold the content."""

    name: str
    title: str
    meaning: str
    refuse_to: str | None = None


class RefusedLabelError(ValueError):
    """A label that names content Stemtide never stores, with the channel it belongs to."""


@cache
def labels() -> dict[str, Label]:
    """All labels by name, checked at load."""
    rows = tomllib.loads(files("stemtide.protocol").joinpath("labels.toml").read_text("utf-8"))
    return {name: Label(name=name, **row) for name, row in rows.items()}


def check_label(name: str) -> str:
    """Return the name of a known label.

    raises: RefusedLabelError for content of another channel, ValueError for an unknown name.
    """
    found = labels().get(name)
    if found is None:
        known = ", ".join(sorted(one.name for one in labels().values() if not one.refuse_to))
        raise ValueError(f"there is no label {name[:60]!r}; known are {known}")
    if found.refuse_to:
        raise RefusedLabelError(f"{found.title} is never stored here: {found.refuse_to}")
    return name


LabelName = Annotated[str, AfterValidator(check_label)]
"""The name of a label that a signal may carry."""
