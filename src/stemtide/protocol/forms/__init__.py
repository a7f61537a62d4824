# SPDX-License-Identifier: Apache-2.0
"""Forms of the law as data: sections, fields, conditions and titles in four languages.

Documents and pages are made from them, and what is written into them is held against them. A form
is one TOML file; a lawyer corrects it without touching code.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

_FROZEN = ConfigDict(frozen=True, extra="forbid")

MAX_TEXT = 500
MAX_LONG_TEXT = 5000
MAX_URLS = 50
MAX_URL = 4096
"""Characters and rows that a field holds at most."""

_MAIL = re.compile(r"[^@\s,;<>\"]{1,64}@[^@\s,;<>\"]{1,185}\.[^@\s,;<>\"]{2,63}")
_PHONE = re.compile(r"\+[0-9][0-9 ()./-]{4,38}")
_COUNTRY = re.compile(r"[A-Z]{2}")
_JOINERS = "\u200c\u200d"  # Persian and the scripts of India are not written without them


class FormError(ValueError):
    """A form's data contradicts itself, or there is no such form."""


class FieldKind(StrEnum):
    """What a field holds, and how its value is written.

    Values are what JSON has: a moment is text such as 2026-11-24T12:00:00Z (or an aware datetime),
    a date 2026-11-24 (or a date), urls and choices are lists of texts, a tick is true or false.
    """

    TEXT = "text"
    LONG_TEXT = "long_text"
    COUNTRY = "country"
    MOMENT = "moment"
    DATE = "date"
    URLS = "urls"
    LINK = "link"
    MAIL = "mail"
    PHONE = "phone"
    CHOICE = "choice"
    CHOICES = "choices"
    TICK = "tick"


class FaultKind(StrEnum):
    """What can be wrong with one field of a form that somebody filled in."""

    MISSING = "missing"
    UNKNOWN = "unknown"
    NOT_TEXT = "not_text"
    TOO_LONG = "too_long"
    NO_CONTROLS = "no_controls"
    NOT_COUNTRY = "not_country"
    NOT_MOMENT = "not_moment"
    NOT_DATE = "not_date"
    NOT_URL = "not_url"
    TOO_MANY = "too_many"
    NOT_MAIL = "not_mail"
    NOT_PHONE = "not_phone"
    NOT_OPTION = "not_option"
    NOT_TICK = "not_tick"
    CONTRADICTS = "contradicts"


_PATTERNS = {
    FieldKind.COUNTRY: (_COUNTRY, FaultKind.NOT_COUNTRY),
    FieldKind.MAIL: (_MAIL, FaultKind.NOT_MAIL),
    FieldKind.PHONE: (_PHONE, FaultKind.NOT_PHONE),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with one field. other: the field that it stands against, or ""."""

    field: str
    kind: FaultKind
    other: str = ""


class Words(BaseModel):
    """One text in the four languages of the desk."""

    model_config = _FROZEN

    en: str = Field(min_length=1)
    nl: str = Field(min_length=1)
    fr: str = Field(min_length=1)
    de: str = Field(min_length=1)

    def within(self, language: str) -> str:
        """The text in a language; English for one that there is not."""
        return {"nl": self.nl, "fr": self.fr, "de": self.de}.get(language[:2], self.en)


class Condition(BaseModel):
    """When a field is asked for: another one is ticked or not, or has this option chosen."""

    model_config = _FROZEN

    field: str
    equals: bool | str

    def holds(self, values: Mapping[str, object]) -> bool:
        """Whether the field is asked for, with what the others say."""
        told = values.get(self.field)
        if isinstance(self.equals, bool):
            return bool(told) is self.equals
        return self.equals in told if isinstance(told, list | tuple) else told == self.equals


class Option(BaseModel):
    """One box that may be ticked."""

    model_config = _FROZEN

    name: str
    title: Words


class FormField(BaseModel):
    """One field.

    when:         the condition under which it is asked for; a value beside it contradicts it.
    is_filled_in: the hub writes it, nobody is asked.
    remark:       what a lawyer, or whoever fills it in, should know.
    """

    model_config = _FROZEN

    name: str = Field(pattern=r"^[a-z][a-z_]*$")
    kind: FieldKind
    title: Words
    is_required: bool = False
    is_filled_in: bool = False
    when: Condition | None = None
    options: tuple[Option, ...] = ()
    remark: str = ""

    @model_validator(mode="after")
    def _check(self) -> Self:
        """Options stand with choices, and nowhere else."""
        if bool(self.options) is not (self.kind in {FieldKind.CHOICE, FieldKind.CHOICES}):
            raise ValueError(f"{self.name}: options belong to a choice, and to nothing else")
        return self

    def is_asked(self, values: Mapping[str, object]) -> bool:
        """Whether the field is asked for, with what the others say."""
        return self.when is None or self.when.holds(values)

    def fault(self, values: Mapping[str, object]) -> Fault | None:
        """What is wrong with what stands in the field, or None."""
        value = values.get(self.name)
        other = self.when.field if self.when else ""
        if is_empty(value):
            is_missing = self.is_required and self.is_asked(values)
            return Fault(self.name, FaultKind.MISSING, other) if is_missing else None
        if not self.is_asked(values):
            return Fault(self.name, FaultKind.CONTRADICTS, other)
        kind = _wrong(self, value)
        return Fault(self.name, kind) if kind else None


class Section(BaseModel):
    """One section. note: what the form says below its title."""

    model_config = _FROZEN

    name: str
    title: Words
    fields: tuple[FormField, ...] = Field(min_length=1)
    note: Words | None = None


class Form(BaseModel):
    """One form of the law.

    from_memory: it was written without the official text at hand; remark says what was compared.
    preamble:    what stands above its first section.
    """

    model_config = _FROZEN

    name: str
    title: Words
    source: str
    article: str
    from_memory: bool
    remark: str = ""
    preamble: tuple[Words, ...] = ()
    sections: tuple[Section, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _check(self) -> Self:
        """Each name stands once, and conditions name fields that there are."""
        names = [field.name for field in self.fields]
        if len(set(names)) != len(names):
            raise ValueError("two fields have one name")
        for one in self.fields:
            if one.when and one.when.field not in names:
                raise ValueError(f"{one.name}: its condition names no field: {one.when.field}")
        return self

    @property
    def fields(self) -> tuple[FormField, ...]:
        """All fields, in the order of the form."""
        return tuple(field for section in self.sections for field in section.fields)

    def field(self, name: str) -> FormField:
        """One field. raises: FormError."""
        found = next((one for one in self.fields if one.name == name), None)
        if found is None:
            raise FormError(f"form {self.name} has no field {name[:60]!r}")
        return found

    def faults(self, values: Mapping[str, object]) -> list[Fault]:
        """What is wrong with what somebody wrote into the form, in the order of its fields."""
        names = {field.name for field in self.fields}
        unknown = [Fault(one[:60], FaultKind.UNKNOWN) for one in sorted(values.keys() - names)]
        found = [fault for field in self.fields if (fault := field.fault(values))]
        return found + unknown


def is_empty(value: object) -> bool:
    """Whether nothing was written into a field. A tick that says no is something."""
    return value is None or (not isinstance(value, bool) and not value) or _is_blank(value)


def _is_blank(value: object) -> bool:
    """Whether it is text without anything to read."""
    return isinstance(value, str) and not value.strip()


def _wrong(field: FormField, value: object) -> FaultKind | None:  # noqa: PLR0911  # one for each kind
    """What is wrong with a value that is there, or None."""
    names = {option.name for option in field.options}
    if isinstance(value, str) and len(value) > MAX_LONG_TEXT:
        return FaultKind.TOO_LONG
    match field.kind:
        case FieldKind.TICK:
            return None if isinstance(value, bool) else FaultKind.NOT_TICK
        case FieldKind.CHOICE:
            return None if isinstance(value, str) and value in names else FaultKind.NOT_OPTION
        case FieldKind.CHOICES:
            return None if _are_options(value, names) else FaultKind.NOT_OPTION
        case FieldKind.URLS:
            return _wrong_urls(value)
        case FieldKind.MOMENT:
            return None if moment_of(value) else FaultKind.NOT_MOMENT
        case FieldKind.DATE:
            return None if date_of(value) else FaultKind.NOT_DATE
        case _:
            return _wrong_text(field.kind, value)


def _are_options(value: object, names: set[str]) -> bool:
    """Whether a value is a list of options, each at most once."""
    if not isinstance(value, list | tuple) or len(value) > len(names):
        return False
    return all(isinstance(one, str) and one in names for one in value)


def _wrong_text(kind: FieldKind, value: object) -> FaultKind | None:
    """What is wrong with a value that should be text of some kind."""
    if not isinstance(value, str):
        return FaultKind.NOT_TEXT
    if len(value) > {FieldKind.LONG_TEXT: MAX_LONG_TEXT, FieldKind.LINK: MAX_URL}.get(
        kind, MAX_TEXT
    ):
        return FaultKind.TOO_LONG
    allowed = _JOINERS + ("\n\r\t" if kind is FieldKind.LONG_TEXT else "")
    if any(not one.isprintable() and one not in allowed for one in value):
        return FaultKind.NO_CONTROLS
    if kind is FieldKind.LINK:
        return None if is_web_address(value) else FaultKind.NOT_URL
    pattern, wrong = _PATTERNS.get(kind, (None, None))
    return wrong if pattern and not pattern.fullmatch(value) else None


def _wrong_urls(value: object) -> FaultKind | None:
    """What is wrong with a list of addresses."""
    if not isinstance(value, list | tuple):
        return FaultKind.NOT_URL
    if len(value) > MAX_URLS:
        return FaultKind.TOO_MANY
    if any(isinstance(one, str) and len(one) > MAX_URL for one in value):
        return FaultKind.TOO_LONG
    is_right = all(isinstance(one, str) and is_web_address(one) for one in value)
    return None if is_right else FaultKind.NOT_URL


def is_web_address(text: str) -> bool:
    """Whether a text is an exact address on the web: a scheme, a full host, nothing hidden."""
    if len(text) > MAX_URL or any(one.isspace() or not one.isprintable() for one in text):
        return False
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return False
    host = parts.hostname or ""
    return parts.scheme in {"http", "https"} and bool(host.strip(".")) and not parts.username


def moment_of(value: object) -> datetime | None:
    """The aware moment that a field says, or None."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    is_aware = isinstance(value, datetime) and value.utcoffset() is not None
    return value if isinstance(value, datetime) and is_aware else None


def date_of(value: object) -> date | None:
    """The day that a field says, or None."""
    if isinstance(value, str):
        try:
            return date.fromisoformat(value)
        except ValueError:
            return None
    return value if isinstance(value, date) and not isinstance(value, datetime) else None


def _read(name: str, text: str) -> Form:
    """Read one form from TOML.

    raises: FormError naming the file and what is wrong with it.
    """
    try:
        return Form.model_validate(tomllib.loads(text) | {"name": name})
    except tomllib.TOMLDecodeError as error:
        raise FormError(f"form {name}: {name}.toml is no TOML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        what = first["msg"].removeprefix("Value error, ")
        raise FormError(
            f"form {name}: in {name}.toml {f'at {where}: ' if where else ''}{what}"
        ) from error


@cache
def forms() -> dict[str, Form]:
    """All forms by name."""
    found = {}
    for entry in files("stemtide.protocol.forms").iterdir():
        if entry.name.endswith(".toml"):
            name = entry.name.removesuffix(".toml")
            found[name] = _read(name, entry.read_text("utf-8"))
    return found


def form(name: str) -> Form:
    """One form.

    raises: FormError naming those that there are.
    """
    if name not in forms():
        known = ", ".join(sorted(forms()))
        raise FormError(f"there is no form {name[:60]!r}; known are {known}")
    return forms()[name]
