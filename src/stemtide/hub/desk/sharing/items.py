# SPDX-License-Identifier: Apache-2.0
"""Pieces of content that somebody is about to share: their fingerprints, before they are signals.

The page carries them in a hidden field between its steps, so that the hub keeps nothing.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID, uuid4

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from stemtide.fingerprints.analysis import Analysis
from stemtide.fingerprints.blanks import why_blank
from stemtide.fingerprints.kinds import (
    MAX_VALUE_BYTES,
    SIZE_BYTES,
    FingerprintError,
    Kind,
)
from stemtide.fingerprints.url import canonical
from stemtide.fingerprints.values.checks import check_value
from stemtide.hub.desk.labels.languages import is_content_language
from stemtide.hub.platform.errors import InvalidError
from stemtide.protocol.messages.signals import MAX_BULK_VALUE_BYTES, MAX_URL_CHARS, SignalIn

MAX_ITEMS = 50
"""Pieces of content that are shared at once."""

MAX_PRINTS = 1000
"""Fingerprints of all of them together."""

_OF_TEXTS = ("text/", "application/pdf")

_STRICT = ConfigDict(extra="forbid", frozen=True)
_HEX = re.compile(r"[0-9a-fA-F]+")
_KIND_BY_DIGITS = {2 * SIZE_BYTES[Kind.SHA256]: Kind.SHA256, 2 * SIZE_BYTES[Kind.MD5]: Kind.MD5}


class ItemPrint(BaseModel):
    """One fingerprint of a piece of content, in hex. part: "frame 3 at 0.2 s" of an animation."""

    model_config = _STRICT

    kind: Kind
    value: str = Field(min_length=1, max_length=2 * MAX_VALUE_BYTES)
    quality: int | None = Field(default=None, ge=0, le=100)
    part: str = Field(default="", max_length=60)

    @property
    def bytes(self) -> bytes:
        """Return the value. raises: FingerprintError, ValueError if it is not one of its kind."""
        value = bytes.fromhex(self.value)
        return check_value(self.kind, value)


class Item(BaseModel):
    """A piece of content with its fingerprints, or an address.

    content: the id that its signals will share.
    name:    of the file, for the person who uploaded it; never stored. A browser that makes the
             fingerprints itself leaves it empty.
    language: of a text, as the sandbox suggests it; "" if it suggests none.
    sureness: how sure that is, in percent.
    url:     the address, if it is one.
    """

    model_config = _STRICT

    content: UUID = Field(default_factory=uuid4)
    name: str = Field(default="", max_length=200)
    media_type: str = Field(default="", max_length=100)
    language: str = Field(default="", pattern=r"^([a-z]{2,3})?$")
    sureness: int = Field(default=0, ge=0, le=100)
    url: str = Field(default="", max_length=MAX_URL_CHARS)
    prints: tuple[ItemPrint, ...] = Field(default=(), max_length=MAX_PRINTS)
    remarks: tuple[str, ...] = Field(default=(), max_length=40)


@dataclass(frozen=True, slots=True)
class ItemRow:
    """A fingerprint of an item as it would be shared. why_not: why it is left out; "" if not."""

    item: Item
    fingerprint: ItemPrint
    why_not: str = ""

    def signal(self, facts: Mapping[str, object]) -> SignalIn:
        """Return the signal to share. raises: ValidationError."""
        is_url = self.fingerprint.kind is Kind.URL
        own = {
            "kind": self.fingerprint.kind,
            "value": self.item.url or self.fingerprint.value,
            "content": self.item.content,
            "quality": self.fingerprint.quality,
        }
        reach = facts.get("reach") if is_url and self.item.url else None
        return SignalIn.model_validate({**facts, **own, "reach": reach})


def read_items(text: str) -> list[Item]:
    """Return the items in the page's hidden field. raises: InvalidError."""
    try:
        rows = json.loads(text or "[]")
        items = [Item.model_validate(row) for row in rows]
    except (ValueError, TypeError, ValidationError) as error:
        raise InvalidError("items", "these fingerprints cannot be read: add the files again") from (
            error
        )
    check_amount(items)
    return items


def check_amount(items: Iterable[Item]) -> None:
    """Refuse more items or fingerprints than one share takes. raises: InvalidError."""
    listed = list(items)
    prints = [fingerprint for item in listed for fingerprint in item.prints]
    if len(listed) > MAX_ITEMS or len(prints) > MAX_PRINTS:
        raise InvalidError(
            "items",
            "{most} pieces of content are shared at once, with {most_prints} fingerprints: share"
            " some first",
            most=MAX_ITEMS,
            most_prints=MAX_PRINTS,
        )
    if sum(len(fingerprint.value) for fingerprint in prints) > 2 * MAX_BULK_VALUE_BYTES:
        raise InvalidError("items", "these fingerprints are too long together: share some first")


def write_items(items: Iterable[Item]) -> str:
    """Return items for the page's hidden field."""
    return json.dumps([item.model_dump(mode="json") for item in items])


def typed_items(text: str) -> list[Item]:
    """Return the hashes and addresses in typed lines; [] if a line is neither: it is a text."""
    items = [_typed_item(line) for line in text.split()]
    return [item for item in items if item] if all(items) else []


def _typed_item(word: str) -> Item | None:
    """Return a hash or an address as an item. raises: InvalidError for a wrong one."""
    name, _, rest = word.partition(":")
    if name.lower() in SIZE_BYTES and _HEX.fullmatch(rest):
        return _hash_item(Kind(name.lower()), rest)
    if _HEX.fullmatch(word) and len(word) in _KIND_BY_DIGITS:
        return _hash_item(_KIND_BY_DIGITS[len(word)], word)
    if "://" not in word:
        return None
    try:
        digest = canonical.digest(canonical.canonical(word)).hex()
    except canonical.UrlError as error:
        raise InvalidError("value", str(error)) from error
    return Item(url=word[:MAX_URL_CHARS], prints=(ItemPrint(kind=Kind.URL, value=digest),))


def _hash_item(kind: Kind, digits: str) -> Item:
    """Return a hash as an item."""
    if len(digits) != 2 * SIZE_BYTES[kind]:
        raise InvalidError(
            "value",
            "a {kind} value has {digits} hex digits, this has {count}",
            kind=kind.value,
            digits=2 * SIZE_BYTES[kind],
            count=len(digits),
        )
    return Item(prints=(ItemPrint(kind=kind, value=digits.lower()),))


def measured_item(analysis: Analysis, *, name: str) -> Item:
    """Return content that the sandbox has read as an item, with the language if it is sure."""
    fingerprints, guess = analysis.fingerprints, analysis.language
    language = guess.tag if guess and guess.is_sure and is_content_language(guess.tag) else ""
    prints = [
        ItemPrint(
            kind=fingerprint.kind,
            value=fingerprint.hex,
            quality=fingerprint.quality,
            part=fingerprint.part[:60],
        )
        for fingerprint in fingerprints.each
    ]
    return Item(
        name=name[:200],
        media_type=fingerprints.media_type[:100],
        language=language,
        sureness=guess.percent if guess and language else 0,
        prints=tuple(prints),
        remarks=fingerprints.remarks[:40],
    )


def language_of(items: Iterable[Item]) -> str:
    """Return the language that all texts among the items are probably in; "" if there is none."""
    languages = {item.language for item in items if item.media_type.startswith(_OF_TEXTS)}
    return languages.pop() if len(languages) == 1 else ""


def rows_of(items: Iterable[Item]) -> list[ItemRow]:
    """Return the fingerprints of items, with the reason for each that cannot be shared."""
    return [
        ItemRow(item, fingerprint, why_not=_why_not(fingerprint))
        for item in items
        for fingerprint in item.prints
    ]


def _why_not(fingerprint: ItemPrint) -> str:
    """Return why a fingerprint cannot be shared; "" if it can."""
    try:
        return why_blank(fingerprint.kind, fingerprint.bytes, quality=fingerprint.quality)
    except (FingerprintError, ValueError) as error:
        return str(error)
