# SPDX-License-Identifier: Apache-2.0
"""Rules of mentions and links in a message: how they are written, and who may be notified.

Decision 0139.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from stemtide.hub.platform.errors import InvalidError
from stemtide.hub.rooms.crises.rules.crises import PartyNamed
from stemtide.protocol.enums.response import ReferenceKind
from stemtide.protocol.handling import TLP_ALLOWS, Tlp
from stemtide.protocol.messages.situation import MessageIn

MAX_REFERENCES = 20
"""Different mentions and links in one message. source: our choice; each costs readers a look-up."""

MIN_DIGITS = 8
"""Last digits of an id that a link needs at least."""

_WRITTEN = re.compile(
    r"(?<![\w@#/])(?:@(?P<who>role|party|person):(?P<name>[\w.+'@-]*\w)"
    r"|#(?P<thing>signal|cluster|referral|order|task):(?P<id>[\w-]*\w))"
)


@dataclass(frozen=True, slots=True)
class WrittenReference:
    """A mention or a link as somebody wrote it. name: after the colon."""

    text: str
    kind: ReferenceKind
    name: str


def written_references(text: str) -> list[WrittenReference]:
    """Return the mentions and links in a text in order, each once. raises: InvalidError."""
    references = list(dict.fromkeys(_read(match) for match in _WRITTEN.finditer(text)))
    if len(references) > MAX_REFERENCES:
        raise InvalidError(
            "text",
            "mentions and links to more than {most} things: leave some out",
            most=MAX_REFERENCES,
        )
    return references


def replace_references(text: str, token_of: Callable[[WrittenReference], str]) -> str:
    """Return a text with the tokens that stand for its mentions and links."""
    return _WRITTEN.sub(lambda match: token_of(_read(match)), text)


def id_digits(name: str) -> str:
    """Return the digits of an id, or of its end. raises: InvalidError if there are too few."""
    digits = name.replace("-", "").lower()
    if not MIN_DIGITS <= len(digits) <= 32 or not re.fullmatch("[0-9a-f]+", digits):  # noqa: PLR2004  # of a UUID
        raise InvalidError(
            "text",
            "has a link to {name!r}, which is no id: write the id, or its last {least} digits or"
            " more",
            name=name[:40],
            least=MIN_DIGITS,
        )
    return digits


def check_told(body: MessageIn, party: PartyNamed, *, author: str) -> None:
    """Check that a party that is mentioned may read the message."""
    if party.name == author:
        return
    if body.audience:
        may_read = party.name in body.audience
    else:
        may_read = party.kind in TLP_ALLOWS[Tlp(body.tlp)].to_kinds
    if not may_read:
        raise InvalidError(
            "text",
            "mentions {name}, which may not read this message: change who may read it, or leave the"
            " mention out",
            name=party.name,
        )


def _read(match: re.Match[str]) -> WrittenReference:
    """Return the reference that a match names."""
    kind = match["who"] or match["thing"]
    return WrittenReference(match[0], ReferenceKind(kind), match["name"] or match["id"])
