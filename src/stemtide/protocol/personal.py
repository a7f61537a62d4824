# SPDX-License-Identifier: Apache-2.0
"""Finds personal data in free text that is about to leave: what is sure, and where it stands.

It finds mail addresses, telephone numbers, account numbers, IP addresses, handles, addresses of
profiles, national numbers of Belgium, the Netherlands, France and Germany, and dates of birth that
a word announces. It does not find names of people, postal addresses, number plates, national
numbers of other states, and what is paraphrased or stands in a picture: a person still reads.
"""

import re
import tomllib
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Any

from stemtide.protocol import personal_numbers as numbers


class PersonalKind(StrEnum):
    """What kind of personal data it is."""

    EMAIL = "email"
    PHONE = "phone"
    IBAN = "iban"
    IP_ADDRESS = "ip_address"
    HANDLE = "handle"
    PROFILE = "profile"
    NATIONAL_NUMBER = "national_number"
    BIRTH_DATE = "birth_date"

    @property
    def word(self) -> str:
        """What people call it, in English."""
        return str(_told()["kinds"][self.value]["title"])


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where personal data stands in a text: its characters from start to before end, from 0."""

    start: int
    end: int
    kind: PersonalKind


class PersonalError(ValueError):
    """A text holds personal data. The words say what and where, and never repeat it."""

    def __init__(self, places: Sequence[Place]) -> None:
        super().__init__(f"holds personal data: {said(places)}; leave it out")
        self.places = tuple(places)


def check_impersonal(text: str) -> str:
    """Return a text without personal data. raises: PersonalError for one in which some is found."""
    if places := find_personal(text):
        raise PersonalError(places)
    return text


def said(places: Sequence[Place]) -> str:
    """What was found and where, counted from 1, in English: never the thing itself."""
    each = (f"{place.kind.word} at character {place.start + 1} to {place.end}" for place in places)
    return ", ".join(each)


def find_personal(text: str) -> tuple[Place, ...]:
    """Where personal data stands in a text, in order; what one finder took, no other takes.

    1. Letters that only look otherwise become plain ones; those without a width fall out.
    2. Each finder looks, the surest first, and covers what it found.
    3. Places go back to the text as it was.
    """
    plain, origins = _plainly(text)
    found: list[Place] = []
    for kind, look in _FINDERS:
        for start, end in list(look(plain)):
            found.append(Place(origins[start], origins[end - 1] + 1, kind))
            plain = plain[:start] + _COVER * (end - start) + plain[end:]
    return tuple(sorted(found))


_COVER = "\N{NULL}"
_SPACE = r"[ \N{NO-BREAK SPACE}]"
_NEAR = 40
"""Characters in which a word announces a number or a date."""

_Spans = Iterator[tuple[int, int]]

_FEDERATED = re.compile(r"(?<![\w@/.])@[\w.-]{1,40}@(?:[\w-]{1,63}\.){1,6}\w{2,24}")
_EMAIL = re.compile(
    r"[\w.!#$%&'*+/=?^`{|}~-]{1,64}(?:@|\s?[\[({](?:at|@)[\])}]\s?)"
    r"(?:[\w-]{1,63}(?:\.|\s?[\[({](?:dot|punt|point|punkt)[\])}]\s?)){1,8}[^\W\d_]{2,24}(?![\w-])",
    re.IGNORECASE,
)
_WEB = re.compile(
    r"(?<![\w.@-])(?:https?://)?((?:[\w-]{1,63}\.){1,6}[a-z]{2,24})/([^\s<>\"')\]]{1,300})",
    re.IGNORECASE,
)
_ACCOUNT = re.compile(r"[\w.@-]{1,100}")
_FEDIVERSE = re.compile(r"^(?:@|users/)[\w.-]{1,60}")
_IBAN = re.compile(rf"(?<!\w)[A-Z]{{2}}\d{{2}}(?:{_SPACE}?[A-Z0-9]){{11,27}}", re.IGNORECASE)
_BELGIAN = re.compile(r"(?<![\w.-])\d\d[ .]?\d\d[ .]?\d\d[ .-]?\d{3}[ .-]?\d\d(?![\w-])")
_FRENCH = re.compile(
    rf"(?<![\w.-])[123478]{_SPACE}?\d\d{_SPACE}?\d\d{_SPACE}?(?:\d\d|2[ABab]){_SPACE}?\d{{3}}{_SPACE}?\d{{3}}{_SPACE}?\d\d(?![\w-])"
)
_GERMAN_TAX = re.compile(r"(?<![\w.-])\d\d[ /]?\d{3}[ /]?\d{3}[ /]?\d{3}(?![\w-])")
_GERMAN_PENSION = re.compile(r"(?<![\w.-])\d\d ?\d{6} ?[A-Za-z] ?\d{3}(?![\w-])")
_DUTCH = re.compile(
    r"(?<![\w.-])\d{3}[ .]?\d{3}[ .]?\d{3}(?![\w-])|(?<![\w.-])\d{4}\.\d\d\.\d{3}(?![\w-])"
)
_DAY = re.compile(
    r"\d{1,2}[./ -]\d{1,2}[./ -](?:\d{4}|\d{2})(?!\d)|\d{4}[./-]\d{1,2}[./-]\d{1,2}(?!\d)"
    r"|\d{1,2}(?:st|nd|rd|th|er|\.)? [^\W\d_]{3,12}\.? \d{4}|[^\W\d_]{3,12} \d{1,2},? \d{4}"
)
_IP = re.compile(
    r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.]*\d)|(?<![\w:.])[0-9a-f:]{2,39}(?![\w:])",
    re.IGNORECASE,
)
_ABROAD = re.compile(r"(?<![\w+])(?:\+|00)[1-9](?:[ ().\N{NO-BREAK SPACE}/-]{0,3}\d){7,13}(?!\d)")
_AT_HOME = re.compile(
    r"(?<![\w+.,:/-])\(?0[1-9](?:[ ().\N{NO-BREAK SPACE}/-]{0,2}\d){7,9}(?![\w:/])"
)
_DATED = re.compile(r"\d{1,2}[./-]\d{1,2}[./-]\d{2,4}|\d{1,2}:\d\d|\d{4}-\d\d-\d\d")
_HANDLE = re.compile(r"(?<![\w@/.])@[^\W\d_]?\w[\w.]{0,38}\w|(?<![\w/])/?u/[A-Za-z0-9_-]{3,20}")


def _plainly(text: str) -> tuple[str, list[int]]:
    """A text in plain letters, and for each of its characters where it came from."""
    letters: list[str] = []
    origins: list[int] = []
    for place, letter in enumerate(text):
        if unicodedata.category(letter) == "Cf":
            continue
        plain = letter if letter.isspace() else unicodedata.normalize("NFKC", letter)
        letters.append(plain)
        origins.extend([place] * len(plain))
    return "".join(letters), origins


def _federated(text: str) -> _Spans:
    """Handles with their server, which end as a mail address does."""
    for found in _FEDERATED.finditer(text):
        yield found.span()


def _emails(text: str) -> _Spans:
    for found in _EMAIL.finditer(text):
        yield found.span()


def _profiles(text: str) -> _Spans:
    """Addresses whose path names an account."""
    for found in _WEB.finditer(text):
        if _names_account(found[1].lower(), found[2]):
            yield found.span()


def _names_account(host: str, path: str) -> bool:
    """Whether an address leads to an account: of a host that is known, or as Mastodon writes it."""
    if _FEDIVERSE.match(path):
        return True
    for one in _told()["profiles"]:
        if not any(host == name or host.endswith(f".{name}") for name in one["hosts"]):
            continue
        for begins in one["begins"]:
            account = _ACCOUNT.match(path, len(begins)) if path.startswith(begins) else None
            if account is not None and account[0].lower() not in one["reserved"]:
                return True
    return False


def _ibans(text: str) -> _Spans:
    """Account numbers; what follows one in the same run of letters is not of it."""
    for found in _IBAN.finditer(text):
        length = numbers.IBAN_LENGTHS.get(found[0][:2].upper())
        places = [place for place, one in enumerate(found[0]) if not one.isspace()]
        if length is None or len(places) < length:
            continue
        told = "".join(found[0][place] for place in places[:length]).upper()
        if numbers.is_iban(told):
            yield found.start(), found.start() + places[length - 1] + 1


def _national(text: str) -> _Spans:
    """National numbers that pass the test of their check digits; Dutch ones beside their word."""
    tests: tuple[tuple[re.Pattern[str], Callable[[str], bool]], ...] = (
        (_FRENCH, numbers.is_french),
        (_BELGIAN, numbers.is_belgian),
        (_GERMAN_PENSION, numbers.is_german_pension),
        (_GERMAN_TAX, numbers.is_german_tax),
    )
    taken: set[int] = set()
    for pattern, test in tests:
        for found in pattern.finditer(text):
            told = "".join(one for one in found[0] if one.isalnum()).upper()
            if test(told) and found.start() not in taken:
                taken.add(found.start())
                yield found.span()
    for found in _DUTCH.finditer(text):
        told = "".join(one for one in found[0] if one.isdecimal())
        if _is_announced("bsn", text, found.start()) and numbers.is_dutch(told):
            yield found.span()


def _birth_dates(text: str) -> _Spans:
    """Dates that a word announces as somebody's birth."""
    for found in _DAY.finditer(text):
        if _is_announced("birth", text, found.start()):
            yield found.span()


def _ip_addresses(text: str) -> _Spans:
    """Addresses on the Internet; those that every machine has are nobody's."""
    for found in _IP.finditer(text):
        try:
            address = IPv4Address(found[0]) if "." in found[0] else IPv6Address(found[0])
        except AddressValueError:
            continue
        if not (address.is_loopback or address.is_unspecified or address.is_multicast):
            yield found.span()


def _phones(text: str) -> _Spans:
    """Telephone numbers: with a country's code; or as at home, grouped or announced by a word."""
    for found in _ABROAD.finditer(text):
        yield found.span()
    for found in _AT_HOME.finditer(text):
        is_grouped = not found[0].isdecimal()
        if _DATED.search(found[0]):
            continue
        if is_grouped or _is_announced("phone", text, found.start()):
            yield found.span()


def _handles(text: str) -> _Spans:
    for found in _HANDLE.finditer(text):
        yield found.span()


def _is_announced(what: str, text: str, place: int) -> bool:
    """Whether one of the words for it stands a few characters before a place."""
    return _announcing(what).search(text[max(0, place - _NEAR) : place]) is not None


@cache
def _announcing(what: str) -> re.Pattern[str]:
    """The words that announce something, as one pattern."""
    words = "|".join(re.escape(one) for one in _told()["announces"][what])
    return re.compile(rf"(?<!\w)(?:{words})(?!\w)", re.IGNORECASE)


@cache
def _told() -> dict[str, Any]:
    """The data of this file."""
    text = files("stemtide.protocol").joinpath("personal.toml").read_text("utf-8")
    return tomllib.loads(text)


_FINDERS: tuple[tuple[PersonalKind, Callable[[str], _Spans]], ...] = (
    (PersonalKind.HANDLE, _federated),
    (PersonalKind.EMAIL, _emails),
    (PersonalKind.PROFILE, _profiles),
    (PersonalKind.IBAN, _ibans),
    (PersonalKind.BIRTH_DATE, _birth_dates),
    (PersonalKind.NATIONAL_NUMBER, _national),
    (PersonalKind.IP_ADDRESS, _ip_addresses),
    (PersonalKind.PHONE, _phones),
    (PersonalKind.HANDLE, _handles),
)
