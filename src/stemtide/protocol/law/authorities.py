# SPDX-License-Identifier: Apache-2.0
"""Competent authorities of the Member States, as data with a source and a date for each.

source: Regulation (EU) 2021/784 Art. 12(1) and (4), recital 35: the register is to be used to
        verify quickly that a removal order is authentic.
"""

import unicodedata
from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from functools import cache
from importlib.resources import files
from itertools import chain

from pydantic import BaseModel, ConfigDict, Field

from stemtide.protocol.enums import Duty
from stemtide.protocol.law.toml_files import read_tables
from stemtide.protocol.places import countries

_POINTS = dict(zip("abcd", Duty, strict=True))


class Point(StrEnum):
    """A point of Art. 12(1)."""

    A = "a"
    B = "b"
    C = "c"
    D = "d"


class AuthorityDataError(ValueError):
    """A list of authorities is inconsistent. The message names the row."""


class Authority(BaseModel):
    """An authority that a Member State designated.

    names:   as its source writes it, and translations; the first is shown.
    as_of:   the date of the source.
    in_list: whether the Commission's list was read for this row: OJ C 224, 27.6.2023, p. 10.
    party:   its party on this hub, where the hub's operator names one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    names: tuple[str, ...] = Field(min_length=1)
    points: frozenset[Point]
    source: str
    as_of: date
    in_list: bool = False
    contact: str = ""
    note: str = ""
    party: str = ""

    def is_for(self, duty: Duty) -> bool:
        """Whether it was designated for a duty."""
        return any(_POINTS[point] is duty for point in self.points)

    def is_called(self, title: str) -> bool:
        """Whether a title is one of its names, but for case, accents and text in brackets."""
        names = set(chain.from_iterable(_forms(name) for name in self.names))
        return not names.isdisjoint(_forms(title))


class StateAuthorities(BaseModel):
    """The authorities of a Member State. complete: points of which every authority is here."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    authority: tuple[Authority, ...] = ()
    complete: frozenset[Point] = frozenset()

    def named_for(self, duty: Duty) -> list[Authority]:
        """Return the authorities for a duty."""
        return [authority for authority in self.authority if authority.is_for(duty)]

    def is_complete_for(self, duty: Duty) -> bool:
        """Whether every authority for a duty is here."""
        return any(_POINTS[point] is duty for point in self.complete)


@cache
def published() -> Mapping[str, StateAuthorities]:
    """Return the authorities that could be read, by country code."""
    text = files("stemtide.protocol.law").joinpath("authorities.toml").read_text("utf-8")
    return read_authorities(text, name="authorities.toml")


def read_authorities(text: str, *, name: str) -> dict[str, StateAuthorities]:
    """Parse a list of authorities.

    raises: AuthorityDataError naming the file, the State and the error.
    """
    states = read_tables(StateAuthorities, text, name=name, error=AuthorityDataError)
    for state in states.keys() - countries():
        raise AuthorityDataError(f"{name}: {state} is no country code: write DE, for example")
    return states


def _forms(title: str) -> set[str]:
    """Return a title in the forms in which it is compared: whole, and without its brackets."""
    before, bracket, after = title.partition("(")
    without = before + after.partition(")")[2] if bracket else title
    return {form for form in (_plain(title), _plain(without)) if form}


def _plain(title: str) -> str:
    """Return a title as plain words: no case, accents or punctuation."""
    letters = unicodedata.normalize("NFKD", title.casefold())
    plain = [letter for letter in letters if not unicodedata.combining(letter)]
    return " ".join("".join(letter if letter.isalnum() else " " for letter in plain).split())
