# SPDX-License-Identifier: Apache-2.0
"""Labels of content (labels.toml) and ideologies of its makers (ideologies.toml), as data.

Three different things: a label says what the content does, an ideology what its makers believe,
an entity which listed organisation it comes from. Only labels are required.
"""

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Annotated

from pydantic import AfterValidator, WithJsonSchema

MAX_ENTITY_CHARS = 120
"""Maximum characters of an entity's name."""


@dataclass(frozen=True, slots=True)
class Ideology:
    """An ideology of ideologies.toml."""

    name: str
    title: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Label:
    """A label of labels.toml.

    refuse_to: the right channel, if Stemtide must not store the content.
    also:      other names; a refused label is refused under each of them.
    """

    name: str
    title: str
    meaning: str
    refuse_to: str | None = None
    also: tuple[str, ...] = ()


class RefusedLabelError(ValueError):
    """The label names content that Stemtide never stores; the message names its channel."""


@cache
def ideologies() -> dict[str, Ideology]:
    """Return all ideologies by name."""
    text = files("stemtide.protocol").joinpath("ideologies.toml").read_text("utf-8")
    return {name: Ideology(name=name, **row) for name, row in tomllib.loads(text).items()}


def check_ideology(name: str) -> str:
    """Return the name of a known ideology. raises: ValueError for another."""
    if name not in ideologies():
        known_names = ", ".join(sorted(ideologies()))
        raise ValueError(
            f"there is no ideology {name[:60]!r}; known are {known_names}: or leave it out"
        )
    return name


def check_entity(name: str) -> str:
    """Return an entity's name, normalised.

    raises: ValueError if it is empty, too long, or has characters that cannot be shown.
    """
    name = " ".join(name.split())
    if not 1 <= len(name) <= MAX_ENTITY_CHARS or not name.isprintable():
        raise ValueError(
            f"an entity's name has 1 to {MAX_ENTITY_CHARS} characters, all of which can be shown:"
            " write it as the list of terrorist entities does, or leave it out"
        )
    return name


@cache
def labels() -> dict[str, Label]:
    """Return all labels by name."""
    rows = tomllib.loads(files("stemtide.protocol").joinpath("labels.toml").read_text("utf-8"))
    return {
        name: Label(name=name, **(row | {"also": tuple(row.get("also", ()))}))
        for name, row in rows.items()
    }


def refused_label(name: str) -> Label | None:
    """Return the refused label that a name means, in any spelling, or None."""
    spelled = "-".join(re.split(r"[^a-z0-9]+", name.lower())).strip("-")
    refused = (label for label in labels().values() if label.refuse_to)
    return next(
        (candidate for candidate in refused if spelled in {candidate.name, *candidate.also}), None
    )


def check_label(name: str) -> str:
    """Return the name of a known label.

    raises: RefusedLabelError for content of another channel, ValueError for an unknown name.
    """
    if name in _allowed_names():
        return name
    if refused := refused_label(name):
        raise RefusedLabelError(f"{refused.title} is never stored here: {refused.refuse_to}")
    if name not in labels():
        known_names = ", ".join(
            sorted(label.name for label in labels().values() if not label.refuse_to)
        )
        raise ValueError(f"there is no label {name[:60]!r}; known are {known_names}")
    return name


@cache
def _allowed_names() -> frozenset[str]:
    """Return the names of labels that are not refused. Cached: a bulk calls this 20,000 times."""
    return frozenset(name for name in labels() if refused_label(name) is None)


LabelName = Annotated[
    str,
    AfterValidator(check_label),
    WithJsonSchema({"type": "string", "enum": sorted(_allowed_names())}),
]
"""The name of a label that a signal may carry."""

IdeologyName = Annotated[
    str,
    AfterValidator(check_ideology),
    WithJsonSchema({"type": "string", "enum": sorted(ideologies())}),
]
"""The name of an ideology that a signal may carry."""

EntityName = Annotated[
    str,
    AfterValidator(check_entity),
    WithJsonSchema({"type": "string", "minLength": 1, "maxLength": MAX_ENTITY_CHARS}),
]
"""A listed terrorist entity, as its list names it."""
