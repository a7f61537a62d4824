# SPDX-License-Identifier: Apache-2.0
"""Labels: what content does, as data in labels.toml; what moves its makers, in ideologies.toml.

Three things that are not the same: a label says what content does, an ideology what its makers
believe, an entity which listed organisation it is of. Only labels are required.
"""

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Annotated

from pydantic import AfterValidator, WithJsonSchema

MAX_ENTITY_CHARS = 120
"""Characters of an entity's name."""


@dataclass(frozen=True, slots=True)
class Ideology:
    """One ideology."""

    name: str
    title: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Label:
    """One label.

    refuse_to: the right channel, where Stemtide must not hold the content.
    also:      what else it is called; a refused label is refused under each of these.
    """

    name: str
    title: str
    meaning: str
    refuse_to: str | None = None
    also: tuple[str, ...] = ()


class RefusedLabelError(ValueError):
    """A label that names content Stemtide never stores, with the channel it belongs to."""


@cache
def ideologies() -> dict[str, Ideology]:
    """All ideologies by name, checked at load."""
    text = files("stemtide.protocol").joinpath("ideologies.toml").read_text("utf-8")
    return {name: Ideology(name=name, **row) for name, row in tomllib.loads(text).items()}


def check_ideology(name: str) -> str:
    """Return the name of a known ideology. raises: ValueError for another."""
    if name not in ideologies():
        known = ", ".join(sorted(ideologies()))
        raise ValueError(f"there is no ideology {name[:60]!r}; known are {known}: or leave it out")
    return name


def check_entity(name: str) -> str:
    """Return an entity's name as it is kept.

    raises: ValueError for one that is empty, too long, or holds what cannot be shown.
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
    """All labels by name, checked at load."""
    rows = tomllib.loads(files("stemtide.protocol").joinpath("labels.toml").read_text("utf-8"))
    return {
        name: Label(name=name, **(row | {"also": tuple(row.get("also", ()))}))
        for name, row in rows.items()
    }


def refused_label(name: str) -> Label | None:
    """The label that content of another channel is meant by, however it is written; else None."""
    spelled = "-".join(re.split(r"[^a-z0-9]+", name.lower())).strip("-")
    refused = (label for label in labels().values() if label.refuse_to)
    return next((one for one in refused if spelled in {one.name, *one.also}), None)


def check_label(name: str) -> str:
    """Return the name of a known label.

    raises: RefusedLabelError for content of another channel, ValueError for an unknown name.
    """
    if name in _sound_names():
        return name
    if refused := refused_label(name):
        raise RefusedLabelError(f"{refused.title} is never stored here: {refused.refuse_to}")
    if name not in labels():
        known = ", ".join(sorted(label.name for label in labels().values() if not label.refuse_to))
        raise ValueError(f"there is no label {name[:60]!r}; known are {known}")
    return name


@cache
def _sound_names() -> frozenset[str]:
    """The names of labels that are not refused. A bulk asks for them 20,000 times."""
    return frozenset(name for name in labels() if refused_label(name) is None)


LabelName = Annotated[
    str,
    AfterValidator(check_label),
    WithJsonSchema({"type": "string", "enum": sorted(_sound_names())}),
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
