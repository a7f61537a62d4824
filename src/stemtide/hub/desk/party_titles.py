# SPDX-License-Identifier: Apache-2.0
"""Titles of parties, as every page of the desk shows them."""

from stemtide.hub.rooms.parties.reads import parties


def titles_of() -> dict[str, str]:
    """Return titles of parties by name."""
    return {party.name: party.title for party in parties.parties()}
