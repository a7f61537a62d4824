# SPDX-License-Identifier: Apache-2.0
"""Rules for opinions and sightings of another hub: its party has one opinion of a signal."""

from collections.abc import Sequence

from stemtide.hub.platform.errors import InvalidError
from stemtide.protocol.enums import ExchangeKind, Opinion, PartyKind

MAX_STORED = 100_000
"""Opinions, and sightings, that are stored of one exchange: a source cannot fill the database."""

DUE_AT_ONCE = 100
"""Signals whose opinion one transaction changes; each takes a feed position."""

_MAX_NOTE = 400


def check_feedback(*, kind: ExchangeKind, party: PartyKind) -> None:
    """Refuse feedback that the protocol does not carry, or that would count too much.

    An agency's dispute stops a signal everywhere, and another hub must not be able to.
    """
    if kind is not ExchangeKind.TAXII:
        raise InvalidError(
            "feedback", "only a TAXII server has opinions and sightings: leave the option out"
        )
    if party is PartyKind.AGENCY:
        raise InvalidError(
            "party",
            "is an agency, whose dispute stops a signal everywhere: name a party of another kind",
        )


def joint_opinion(opinions: Sequence[tuple[Opinion, str]], *, party: str) -> tuple[Opinion, str]:
    """Return the one opinion of a source's party, and the note with it.

    opinions: those of parties of the source, with their notes. A dispute counts more than any
    number of confirmations.
    """
    disputes = [note for opinion, note in opinions if opinion is Opinion.DISPUTE]
    agreeing = sum(opinion is Opinion.AGREE for opinion, _ in opinions)
    if disputes:
        reason = next((note for note in disputes if note.strip()), "")[:_MAX_NOTE]
        note = f"{party}: {len(disputes)} disputed it there"
        return Opinion.DISPUTE, f"{note}: {reason}" if reason else note
    if agreeing:
        return Opinion.AGREE, f"{party}: {agreeing} confirmed it there"
    return Opinion.SEEN, ""
