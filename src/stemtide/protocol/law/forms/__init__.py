# SPDX-License-Identifier: Apache-2.0
"""Legal forms as data: sections, fields, conditions and titles in four languages.

Documents and pages are generated from them, and entries are validated against them. A form is
one TOML file, so that a lawyer can correct it without touching code.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from functools import cache
from typing import Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, model_validator

from stemtide.protocol.law.toml_files import read_toml, toml_texts

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
    """A form's definition is inconsistent, or there is no such form."""


class FieldKind(StrEnum):
    """The kind of value that a field holds.

    Values are as in JSON: a moment is text such as 2026-11-24T12:00:00Z (or an aware datetime), a
    date 2026-11-24 (or a date), urls and choices are lists of texts, a tick is true or false.
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
    """The kind of error in a field of a completed form."""

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
class FieldFault:
    """An error in a field. other: the field that it contradicts or depends on, or ""."""

    field: str
    kind: FaultKind
    other: str = ""


class Words(BaseModel):
    """A text in the four languages of the desk."""

    model_config = _FROZEN

    en: str = Field(min_length=1)
    nl: str = Field(min_length=1)
    fr: str = Field(min_length=1)
    de: str = Field(min_length=1)

    def within(self, language: str) -> str:
        """Return the text in a language, in English if the language is not one of the four."""
        return {"nl": self.nl, "fr": self.fr, "de": self.de}.get(language[:2], self.en)


class Condition(BaseModel):
    """Condition for asking for a field: another one is ticked or not, or has this option chosen."""

    model_config = _FROZEN

    field: str
    equals: bool | str

    def holds(self, values: Mapping[str, object]) -> bool:
        """Whether the field is asked for, given the values of the others."""
        value = values.get(self.field)
        if isinstance(self.equals, bool):
            return bool(value) is self.equals
        return self.equals in value if isinstance(value, list | tuple) else value == self.equals


class Option(BaseModel):
    """An option of a choice."""

    model_config = _FROZEN

    name: str
    title: Words


class FormField(BaseModel):
    """A field of a form.

    when:         the condition under which it is asked for; a value without it is a contradiction.
    is_filled_in: the hub fills it in, nobody is asked.
    remark:       guidance for lawyers, or for the person who fills it in.
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
        """Require options for choices, and forbid them elsewhere."""
        if bool(self.options) is not (self.kind in {FieldKind.CHOICE, FieldKind.CHOICES}):
            raise ValueError(f"{self.name}: options belong to a choice, and to nothing else")
        return self

    def is_asked(self, values: Mapping[str, object]) -> bool:
        """Whether the field is asked for, given the values of the others."""
        return self.when is None or self.when.holds(values)

    def fault(self, values: Mapping[str, object]) -> FieldFault | None:
        """Return the error in the field's value, or None."""
        value = values.get(self.name)
        other = self.when.field if self.when else ""
        if is_empty(value):
            is_missing = self.is_required and self.is_asked(values)
            return FieldFault(self.name, FaultKind.MISSING, other) if is_missing else None
        if not self.is_asked(values):
            return FieldFault(self.name, FaultKind.CONTRADICTS, other)
        kind = _fault_kind(self, value)
        return FieldFault(self.name, kind) if kind else None


class Section(BaseModel):
    """A section of a form. note: printed below its title."""

    model_config = _FROZEN

    name: str
    title: Words
    fields: tuple[FormField, ...] = Field(min_length=1)
    note: Words | None = None


class Form(BaseModel):
    """A legal form.

    from_memory: it was written without the official text at hand; remark says what was compared.
    preamble:    text above its first section.
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
        """Require unique field names, and conditions that name existing fields."""
        names = [field.name for field in self.fields]
        if len(set(names)) != len(names):
            raise ValueError("two fields have one name")
        for form_field in self.fields:
            if form_field.when and form_field.when.field not in names:
                raise ValueError(
                    f"{form_field.name}: its condition names no field: {form_field.when.field}"
                )
        return self

    @property
    def fields(self) -> tuple[FormField, ...]:
        """Return all fields, in the order of the form."""
        return tuple(field for section in self.sections for field in section.fields)

    def field(self, name: str) -> FormField:
        """Return a field by name. raises: FormError."""
        match = next((form_field for form_field in self.fields if form_field.name == name), None)
        if match is None:
            raise FormError(f"form {self.name} has no field {name[:60]!r}")
        return match

    def faults(self, values: Mapping[str, object]) -> list[FieldFault]:
        """Return the errors in the values of a completed form, in the order of its fields."""
        names = {field.name for field in self.fields}
        unknown = [
            FieldFault(name[:60], FaultKind.UNKNOWN) for name in sorted(values.keys() - names)
        ]
        faults_of_fields = [fault for field in self.fields if (fault := field.fault(values))]
        return faults_of_fields + unknown


def is_empty(value: object) -> bool:
    """Whether a field has no value. An unticked box (False) is a value."""
    return value is None or (not isinstance(value, bool) and not value) or _is_blank(value)


def _is_blank(value: object) -> bool:
    """Whether a value is text of white space only."""
    return isinstance(value, str) and not value.strip()


def _fault_kind(field: FormField, value: object) -> FaultKind | None:  # noqa: PLR0911  # one for each kind
    """Return the kind of error in a value that is present, or None."""
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
            return _urls_fault(value)
        case FieldKind.MOMENT:
            return None if moment_of(value) else FaultKind.NOT_MOMENT
        case FieldKind.DATE:
            return None if date_of(value) else FaultKind.NOT_DATE
        case _:
            return _text_fault(field.kind, value)


def _are_options(value: object, names: set[str]) -> bool:
    """Whether a value is a list of options, no longer than there are options."""
    if not isinstance(value, list | tuple) or len(value) > len(names):
        return False
    return all(isinstance(option, str) and option in names for option in value)


def _text_fault(kind: FieldKind, value: object) -> FaultKind | None:
    """Return the kind of error in a value that should be text, or None."""
    if not isinstance(value, str):
        return FaultKind.NOT_TEXT
    if len(value) > {FieldKind.LONG_TEXT: MAX_LONG_TEXT, FieldKind.LINK: MAX_URL}.get(
        kind, MAX_TEXT
    ):
        return FaultKind.TOO_LONG
    allowed = _JOINERS + ("\n\r\t" if kind is FieldKind.LONG_TEXT else "")
    if any(not character.isprintable() and character not in allowed for character in value):
        return FaultKind.NO_CONTROLS
    if kind is FieldKind.LINK:
        return None if is_web_address(value) else FaultKind.NOT_URL
    pattern, wrong = _PATTERNS.get(kind, (None, None))
    return wrong if pattern and not pattern.fullmatch(value) else None


def _urls_fault(value: object) -> FaultKind | None:
    """Return the kind of error in a list of URLs, or None."""
    if not isinstance(value, list | tuple):
        return FaultKind.NOT_URL
    if len(value) > MAX_URLS:
        return FaultKind.TOO_MANY
    if any(isinstance(url, str) and len(url) > MAX_URL for url in value):
        return FaultKind.TOO_LONG
    is_right = all(isinstance(url, str) and is_web_address(url) for url in value)
    return None if is_right else FaultKind.NOT_URL


def is_web_address(text: str) -> bool:
    """Whether a text is an exact http(s) URL: with a host, no credentials, nothing hidden."""
    if len(text) > MAX_URL or any(
        character.isspace() or not character.isprintable() for character in text
    ):
        return False
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return False
    host = parts.hostname or ""
    return parts.scheme in {"http", "https"} and bool(host.strip(".")) and not parts.username


def moment_of(value: object) -> datetime | None:
    """Return a field's value as an aware datetime, or None."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    is_aware = isinstance(value, datetime) and value.utcoffset() is not None
    return value if isinstance(value, datetime) and is_aware else None


def date_of(value: object) -> date | None:
    """Return a field's value as a date, or None."""
    if isinstance(value, str):
        try:
            return date.fromisoformat(value)
        except ValueError:
            return None
    return value if isinstance(value, date) and not isinstance(value, datetime) else None


def _read(name: str, text: str) -> Form:
    """Parse a form. raises: FormError."""
    return read_toml(Form, text, name=name, noun="form", error=FormError)


@cache
def forms() -> dict[str, Form]:
    """Return all forms by name."""
    return {name: _read(name, text) for name, text in toml_texts("stemtide.protocol.law.forms")}


def form(name: str) -> Form:
    """Return a form by name.

    raises: FormError naming the existing forms.
    """
    if name not in forms():
        known_names = ", ".join(sorted(forms()))
        raise FormError(f"there is no form {name[:60]!r}; known are {known_names}")
    return forms()[name]
