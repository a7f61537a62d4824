# SPDX-License-Identifier: Apache-2.0
"""Rules for opinions and sightings of another hub: its party has one opinion of a signal."""

from collections.abc import Mapping

from stemtide.hub.platform.errors import InvalidError
from stemtide.protocol.enums import ExchangeKind, Opinion, PartyKind
from stemtide.protocol.handling import Tlp

MAX_STORED = 100_000
"""Opinions, and sightings, that are stored of one exchange: a source cannot fill the database."""

DUE_AT_ONCE = 100
"""Signals whose opinion one transaction changes; each takes a feed position."""

_MAX_NOTE = 400


def check_feedback(*, kind: ExchangeKind, party: PartyKind) -> None:
    """Refuse feedback that the protocol does not carry, or that would count too much.

    An agency's dispute stops a signal everywhere, and another hub must not be able to.
    """
    if kind not in {ExchangeKind.TAXII, ExchangeKind.MISP, ExchangeKind.OPENCTI}:
        raise InvalidError(
            "feedback",
            "only a TAXII server, a MISP and an OpenCTI have opinions and sightings: leave the"
            " option out",
        )
    if party is PartyKind.AGENCY:
        raise InvalidError(
            "party",
            "is an agency, whose dispute stops a signal everywhere: name a party of another kind",
        )


def marks_within(tlp: Tlp) -> list[str]:
    """Return the marks of opinions and sightings that the readers of a signal may have.

    tlp: of the signal. "" is no mark of their own.
    """
    strictest_first = list(Tlp)
    return ["", *strictest_first[strictest_first.index(tlp) :]]


def joint_opinion(counts: Mapping[Opinion, int], *, reason: str, party: str) -> tuple[Opinion, str]:
    """Return the one opinion of a source's party, and the note with it.

    counts: authors at the source by opinion. reason: of one that disputes. A dispute counts more
    than any number of confirmations.
    """
    if disputes := counts.get(Opinion.DISPUTE, 0):
        note = f"{party}: {disputes} disputed it there"
        return Opinion.DISPUTE, f"{note}: {reason[:_MAX_NOTE]}" if reason else note
    if agreeing := counts.get(Opinion.AGREE, 0):
        return Opinion.AGREE, f"{party}: {agreeing} confirmed it there"
    return Opinion.SEEN, ""
