# SPDX-License-Identifier: Apache-2.0
"""Collections of the cast's world, and short ways to read and post."""

import json
from datetime import timedelta
from uuid import uuid4

import pytest

from stemtide.hub.rooms.parties.reads.parties import Caller
from stemtide.hub.rooms.stix.reads import pages as reads_pages, stix as reads
from stemtide.hub.rooms.stix.reads.pages import PageFilters
from stemtide.hub.rooms.stix.writes import builder as writes_making, stix as writes
from stemtide.interop.stix.objects import stix_time
from stemtide.protocol.enums import Scope
from tests.world import NOON, hex_value


class Shelf:
    """The collections of a world, as its parties see them."""

    def __init__(self, world):
        self.world = world

    def caller(self, party=None, scopes=None):
        party = party or self.world.authority
        return Caller(party=party, key="abcd2345", scopes=frozenset(scopes or Scope))

    def collections(self, party=None, scopes=None):
        caller = self.caller(party, scopes)
        found = reads.collections(viewer=caller.party, scopes=caller.scopes, now=NOON)
        return {one.alias: one for one in found}

    def told(self, party=None, *, of="signals", limit=1000, after=None, **wanted):
        """A page: the objects, in order. after: a rank."""
        page = self.page(party, of=of, limit=limit, after=after, **wanted)
        return [json.loads(one.body) for one in page.objects]

    def page(self, party=None, *, of="signals", limit=1000, after=None, **wanted):
        caller = self.caller(party)
        one = self.collections(party)[of]
        return reads_pages.page(
            one, viewer=caller.party, filters=PageFilters(**wanted), limit=limit, after=after
        )

    def indicators(self, party=None, **more):
        return self.told(party, types=frozenset({"indicator"}), **more)

    def post(self, *objects, by=None, to="signals", scopes=None, now=NOON):
        one = self.collections(by, scopes)[to]
        return writes.post(list(objects), to=one, by=self.caller(by, scopes), now=now)

    def make(self, now=NOON):
        """What the clock does."""
        return writes_making.follow_ledger(now)


@pytest.fixture
def shelf(world):
    return Shelf(world)


@pytest.fixture
def committed_shelf(committed_world):
    return Shelf(committed_world)


def indicator(value=None, *, minutes=0, **more):
    """An indicator as other programs write them."""
    at = stix_time(NOON + timedelta(minutes=minutes))
    plain = {
        "type": "indicator",
        "spec_version": "2.1",
        "id": f"indicator--{uuid4()}",
        "created": stix_time(NOON),
        "modified": at,
        "pattern": f"[file:hashes.PDQ = '{value or hex_value()}']",
        "pattern_type": "stix",
        "valid_from": stix_time(NOON),
    }
    return plain | more


def said_of(target, kind="opinion", *, minutes=0, **more):
    """An opinion or a sighting of an indicator."""
    at = stix_time(NOON + timedelta(minutes=minutes))
    plain = {"type": kind, "spec_version": "2.1", "id": f"{kind}--{uuid4()}"}
    plain |= {"created": stix_time(NOON), "modified": at}
    if kind == "opinion":
        plain |= {"opinion": "disagree", "object_refs": [target]}
    else:
        plain |= {"sighting_of_ref": target, "count": 3}
    return plain | more
