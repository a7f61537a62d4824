# SPDX-License-Identifier: Apache-2.0
"""Rules of standing: with which one parties begin, and who changes it."""

from stemtide.protocol.enums import PartyKind, Standing

VOUCHED_FOR = frozenset({PartyKind.AUTHORITY, PartyKind.AGENCY})
"""Kinds of party that begin as members: a Member State or the Union vouches for them."""


def first_standing(kind: PartyKind) -> Standing:
    """Return the standing with which a party of a kind begins."""
    return Standing.MEMBER if kind in VOUCHED_FOR else Standing.NEW
