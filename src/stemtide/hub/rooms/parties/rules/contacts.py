# SPDX-License-Identifier: Apache-2.0
"""Rules for contact points: valid values, opening hours, and who may see them."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

from stemtide.hub.platform.errors import InvalidError
from stemtide.hub.rooms.parties.rules.parties import CHANNELS, COORDINATING
from stemtide.protocol.enums import PartyKind

_SATURDAY = 5

DEFAULT_WAIT = timedelta(minutes=15)
"""The default wait of a step."""

LONGEST_WAIT_MINUTES = 240
MOST_STEPS = 12

_MAIL = re.compile(
    r"[^@\s\x00-\x1f<>,;]{1,64}@[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])", re.IGNORECASE
)
_PHONE = re.compile(r"\+[1-9][0-9]{6,14}")
_URL = re.compile(
    r"https://[^\s/?#@]+(?:[/?#]\S*)?|http://(?:127\.0\.0\.1|localhost)(?::\d+)?(?:/\S*)?"
)
_LANGUAGE = re.compile(
    r"(?P<language>[a-z]{2,3})(?:-(?P<script>[a-z]{4}))?(?:-(?P<region>[a-z]{2}|[0-9]{3}))?",
    re.IGNORECASE,
)
_CODES = """
aa ab ae af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de
dv dz ee el en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id
ie ig ii ik io is it iu ja jv ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu
lv mg mh mi mk ml mn mr ms mt my na nb nd ne ng nl nn no nr nv ny oc oj om or os pa pi pl ps pt qu
rm rn ro ru rw sa sc sd se sg si sk sl sm sn so sq sr ss st su sv sw ta te tg th ti tk tl tn to tr
ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za zh zu
"""
_TWO_LETTERS = frozenset(_CODES.split())
"""source: ISO 639-1."""


@dataclass(frozen=True, slots=True)
class ContactFacts:
    """The facts that decide who may see a contact point. owner: its party's name and kind."""

    owner: str
    owner_kind: PartyKind
    channel: str
    is_24_7: bool


def check_time_zone(name: str, *, field: str = "time_zone") -> None:
    """Refuse a time zone that the tz database does not know.

    source: IANA Time Zone Database.
    """
    if name not in _zones():
        raise InvalidError(
            field,
            "there is no time zone {name!r}: write one such as Europe/Brussels or UTC",
            name=name[:60],
        )


def language_tag(text: str, *, field: str = "languages") -> str:
    """Return a language tag in its usual spelling: "nl", "nl-BE", "zh-Hant".

    raises: InvalidError for anything but a language with at most a script and a region.
    source: RFC 5646 (BCP 47), sections 2.1 and 2.1.1.
    """
    match = _LANGUAGE.fullmatch(text.strip())
    language = match["language"].lower() if match else ""
    if not match or (len(language) == 2 and language not in _TWO_LETTERS):  # noqa: PLR2004  # ISO 639-1
        raise InvalidError(
            field,
            "{text!r} is not a language tag (BCP 47): write one such as nl, fr-BE or deu",
            text=text[:40],
        )
    parts = [language]
    if match["script"]:
        parts.append(match["script"].title())
    if match["region"]:
        parts.append(match["region"].upper())
    return "-".join(parts)


def language_tags(texts: Iterable[str]) -> list[str]:
    """Return language tags in the order given, without duplicates.

    raises: InvalidError.
    """
    return list(dict.fromkeys(language_tag(text) for text in texts))


def contact_address(channel: str, text: str) -> str:
    """Return an address in its channel's format: mail, telephone number with country, or https.

    raises: InvalidError for an unknown channel or an invalid address.
    source: ITU-T E.164 for numbers.
    """
    if channel not in CHANNELS:
        channels = ", ".join(sorted(CHANNELS))
        raise InvalidError(
            "channel",
            "there is no channel {channel!r}; known are {known}",
            channel=channel[:40],
            known=channels,
        )
    address = text.strip()
    if not address:
        raise InvalidError("address", "is empty: enter an address")
    if channel == "phone":
        address = re.sub(r"[\s().-]", "", address)
    shape, example = {
        "mail": (_MAIL, "duty@agency.example"),
        "phone": (_PHONE, "+32 2 555 01 00, with its country"),
        "url": (_URL, "https://duty.example/stemtide"),
    }[channel]
    if len(address) > 300 or not shape.fullmatch(address):  # noqa: PLR2004  # the column's width
        raise InvalidError(
            "address",
            "{address!r} is not an address for {channel}: write one such as {example}",
            address=address[:60],
            channel=channel,
            example=example,
        )
    return address


def is_open(*, is_24_7: bool, time_zone: str, hours: tuple[int, int], now: datetime) -> bool:
    """Whether somebody should be there now: always, or in local office hours.

    hours: at which offices open and close, Monday to Friday.
    """
    if is_24_7:
        return True
    local_time = now.astimezone(ZoneInfo(time_zone if time_zone in _zones() else "UTC"))
    opens, closes = hours
    return local_time.weekday() < _SATURDAY and opens <= local_time.hour < closes


def may_see_contact(facts: ContactFacts, *, viewer: str, kind: PartyKind) -> bool:
    """Whether a party sees a contact point.

    1. Its own party sees it.
    2. Observers see nobody else's.
    3. Coordinating kinds see all.
    4. Providers see those that are open 24/7; telephone numbers of coordinating kinds only.
    """
    if viewer == facts.owner:
        return True
    if kind is PartyKind.OBSERVER:
        return False
    if kind in COORDINATING:
        return True
    return facts.is_24_7 and (facts.channel != "phone" or facts.owner_kind in COORDINATING)


def is_at(host: str, *, address: str) -> bool:
    """Whether a contact point's domain is a web host, or one above it.

    address: of mail or of a web page; a telephone number is at none.
    """
    domain = (urlsplit(address).hostname or address.rpartition("@")[2]).lower()
    return "." in domain and f".{host.lower()}".endswith(f".{domain}")


def check_ladder(points: Iterable[int], waits: Iterable[int], *, own: Iterable[int]) -> None:
    """Refuse a ladder with too many steps, repeated or foreign points, or invalid waits."""
    steps, minutes, own_points = list(points), list(waits), set(own)
    if len(steps) > MOST_STEPS:
        raise InvalidError(
            "steps", "an escalation ladder has at most {most_steps} steps", most_steps=MOST_STEPS
        )
    if len(set(steps)) != len(steps):
        raise InvalidError("steps", "a contact point can be on the escalation ladder only once")
    if not set(steps) <= own_points:
        raise InvalidError("steps", "a step must be a contact point of your party")
    if any(not 1 <= minute <= LONGEST_WAIT_MINUTES for minute in minutes):
        raise InvalidError(
            "wait_minutes",
            "each step must wait 1 to {longest_wait_minutes} whole minutes",
            longest_wait_minutes=LONGEST_WAIT_MINUTES,
        )


@cache
def _zones() -> frozenset[str]:
    """Return the names in this machine's tz database."""
    return frozenset(available_timezones())
