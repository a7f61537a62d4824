# SPDX-License-Identifier: Apache-2.0
"""Find personal data in free text before it leaves, by patterns that rarely err.

Found are e-mail addresses, telephone numbers, account numbers, IP addresses, handles, profile
URLs, national numbers of Belgium, the Netherlands, France and Germany, and dates of birth after
a word that announces one. Not found are names of people, postal addresses, number plates,
national numbers of other states, paraphrases, and text in pictures: a person still has to read.
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

from stemtide.protocol.privacy import numbers


class PersonalKind(StrEnum):
    """The kind of personal data."""

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
        """Name of the kind in English."""
        return str(_definitions()["kinds"][self.value]["title"])


@dataclass(frozen=True, slots=True, order=True)
class PersonalSpan:
    """The position of personal data in a text: characters start to end (exclusive), from 0."""

    start: int
    end: int
    kind: PersonalKind


class PersonalError(ValueError):
    """A text contains personal data. The message names kind and position, and never repeats it."""

    def __init__(self, places: Sequence[PersonalSpan]) -> None:
        super().__init__(f"holds personal data: {describe_spans(places)}; leave it out")
        self.places = tuple(places)


def check_impersonal(text: str) -> str:
    """Return a text unchanged. raises: PersonalError if it contains personal data."""
    if places := find_personal(text):
        raise PersonalError(places)
    return text


def describe_spans(places: Sequence[PersonalSpan]) -> str:
    """Describe positions in English, counted from 1, without repeating the data."""
    descriptions = (
        f"{place.kind.word} at character {place.start + 1} to {place.end}" for place in places
    )
    return ", ".join(descriptions)


def find_personal(text: str) -> tuple[PersonalSpan, ...]:
    """Return the positions of personal data in a text, in order, without overlaps.

    1. Normalise look-alike letters and drop characters without a width.
    2. Run each finder, the surest first, and blank out what it found.
    3. Map positions back to the original text.
    """
    plain, origins = _normalised(text)
    places: list[PersonalSpan] = []
    for kind, look in _FINDERS:
        for start, end in list(look(plain)):
            places.append(PersonalSpan(origins[start], origins[end - 1] + 1, kind))
            plain = plain[:start] + _COVER * (end - start) + plain[end:]
    return tuple(sorted(places))


_COVER = "\N{NULL}"
_SPACE = r"[ \N{NO-BREAK SPACE}]"
_ANNOUNCED_WITHIN = 40
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
_INTERNATIONAL_PHONE = re.compile(
    r"(?<![\w+])(?:\+|00 ?)[1-9](?:[ ().\N{NO-BREAK SPACE}/-]{0,3}\d){7,13}(?!\d)"
)
_NATIONAL_PHONE = re.compile(
    r"(?<![\w+.,:/-])\(?0[1-9](?:[ ().\N{NO-BREAK SPACE}/-]{0,2}\d){7,9}(?![\w:/])"
)
_DATED = re.compile(r"(?<![\d/])(?:\d{1,2}[./-]\d{1,2}[./-]\d{2,4}|\d{1,2}:\d\d|\d{4}-\d\d-\d\d)")
_HANDLE = re.compile(r"(?<![\w@/.])@[^\W\d_]?\w[\w.]{0,38}\w|(?<![\w/])/?u/[A-Za-z0-9_-]{3,20}")


def _normalised(text: str) -> tuple[str, list[int]]:
    """Return a text in normalised letters, and the original position of each."""
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
    """Yield handles with their server, which end like an e-mail address."""
    for match in _FEDERATED.finditer(text):
        yield match.span()


def _emails(text: str) -> _Spans:
    for match in _EMAIL.finditer(text):
        yield match.span()


def _profiles(text: str) -> _Spans:
    """Yield URLs whose path names an account."""
    for match in _WEB.finditer(text):
        if _names_account(match[1].lower(), match[2]):
            yield match.span()


def _names_account(host: str, path: str) -> bool:
    """Whether a URL leads to an account, on a known host or in Mastodon's notation."""
    if _FEDIVERSE.match(path):
        return True
    for site in _definitions()["profiles"]:
        if not any(host == name or host.endswith(f".{name}") for name in site["hosts"]):
            continue
        for begins in site["begins"]:
            account = _ACCOUNT.match(path, len(begins)) if path.startswith(begins) else None
            if account is not None and account[0].lower() not in site["reserved"]:
                return True
    return False


def _ibans(text: str) -> _Spans:
    """Yield account numbers; letters that follow one directly are not part of it."""
    for match in _IBAN.finditer(text):
        length = numbers.IBAN_LENGTHS.get(match[0][:2].upper())
        places = [place for place, character in enumerate(match[0]) if not character.isspace()]
        if length is None or len(places) < length:
            continue
        account_number = "".join(match[0][place] for place in places[:length]).upper()
        if numbers.is_iban(account_number):
            yield match.start(), match.start() + places[length - 1] + 1


def _national(text: str) -> _Spans:
    """Yield national numbers with valid check digits; Dutch ones only after a word for them."""
    tests: tuple[tuple[re.Pattern[str], Callable[[str], bool]], ...] = (
        (_FRENCH, numbers.is_french),
        (_BELGIAN, numbers.is_belgian),
        (_GERMAN_PENSION, numbers.is_german_pension),
        (_GERMAN_TAX, numbers.is_german_tax),
    )
    taken_starts: set[int] = set()
    for pattern, test in tests:
        for match in pattern.finditer(text):
            number = "".join(character for character in match[0] if character.isalnum()).upper()
            if test(number) and match.start() not in taken_starts:
                taken_starts.add(match.start())
                yield match.span()
    for match in _DUTCH.finditer(text):
        number = "".join(character for character in match[0] if character.isdecimal())
        if _is_announced("bsn", text, match.start()) and numbers.is_dutch(number):
            yield match.span()


def _birth_dates(text: str) -> _Spans:
    """Yield dates that a word announces as a date of birth."""
    for match in _DAY.finditer(text):
        if _is_announced("birth", text, match.start()):
            yield match.span()


def _ip_addresses(text: str) -> _Spans:
    """Yield IP addresses, without those that every machine has, such as loopback."""
    for match in _IP.finditer(text):
        try:
            address = IPv4Address(match[0]) if "." in match[0] else IPv6Address(match[0])
        except AddressValueError:
            continue
        if not (address.is_loopback or address.is_unspecified or address.is_multicast):
            yield match.span()


def _phones(text: str) -> _Spans:
    """Yield telephone numbers: with a country code, or national ones, grouped or announced."""
    for match in _INTERNATIONAL_PHONE.finditer(text):
        yield match.span()
    for match in _NATIONAL_PHONE.finditer(text):
        is_grouped = not match[0].isdecimal()
        if _DATED.search(match[0]):
            continue
        if is_grouped or _is_announced("phone", text, match.start()):
            yield match.span()


def _handles(text: str) -> _Spans:
    for match in _HANDLE.finditer(text):
        yield match.span()


def _is_announced(topic: str, text: str, place: int) -> bool:
    """Whether a word that announces such data is within a few characters before a position."""
    return (
        _announcing_words(topic).search(text[max(0, place - _ANNOUNCED_WITHIN) : place]) is not None
    )


@cache
def _announcing_words(topic: str) -> re.Pattern[str]:
    """Return a pattern of the words that announce a kind of data."""
    words = "|".join(re.escape(word) for word in _definitions()["announces"][topic])
    return re.compile(rf"(?<!\w)(?:{words})(?!\w)", re.IGNORECASE)


@cache
def _definitions() -> dict[str, Any]:
    """Return the definitions in personal.toml."""
    text = files("stemtide.protocol.privacy").joinpath("personal.toml").read_text("utf-8")
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
