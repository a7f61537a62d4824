# SPDX-License-Identifier: Apache-2.0
"""The standing of parties travels in the feed, in snapshots, and wakes every stream."""

import json

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from stemtide.hub.rooms.parties.models import Party, StandingChange
from stemtide.hub.rooms.parties.writes import parties
from stemtide.hub.rooms.signals.reads import signals as reads
from stemtide.protocol.enums import PartyKind, Standing
from tests.world import NOON, hex_value


def join(name="newcomer", kind="provider"):
    return parties.add_party(name, title=name, kind=kind, actor="operator", now=NOON)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("kind", "standing"),
    [
        (PartyKind.AUTHORITY, Standing.MEMBER),
        (PartyKind.AGENCY, Standing.MEMBER),
        (PartyKind.PROVIDER, Standing.NEW),
        (PartyKind.CONSORTIUM, Standing.NEW),
        (PartyKind.OBSERVER, Standing.NEW),
    ],
)
def test_a_state_vouches_for_its_authority_and_nobody_for_a_provider(kind, standing):
    party = join(kind=kind)
    assert party.standing == standing
    line = StandingChange.objects.get(party=party)
    assert (line.before, line.after, line.by_ref) == (standing, standing, "operator")


def names(page):
    return [party.name for party in page.parties]


def test_a_page_has_the_parties_that_changed_since_and_all_for_nought(world):
    world.share()
    party = join()
    assert names(reads.feed(1, viewer=world.agency, parties_after=1)) == ["newcomer"]
    assert names(reads.feed(1, viewer=world.agency, parties_after=party.position)) == []
    everybody = {one.name for one in world.everyone} | {"newcomer"}
    assert set(names(reads.feed(2, viewer=world.observer, parties_after=0))) == everybody


def test_a_page_has_no_parties_for_an_agent_that_does_not_ask(world):
    join()
    assert names(reads.feed(0, viewer=world.agency)) == []


def test_a_page_that_ends_before_a_partys_position_leaves_it_to_the_next(world):
    world.share()
    join()
    world.share(value=hex_value(2))
    world.share(value=hex_value(3))
    first = reads.feed(0, viewer=world.agency, limit=1, parties_after=1)
    assert (first.next, names(first)) == (1, [])
    second = reads.feed(1, viewer=world.agency, limit=1, parties_after=1)
    assert (second.next, names(second)) == (3, ["newcomer"])


def test_a_snapshot_begins_with_all_parties(world):
    party = join()
    Party.objects.filter(pk=party.pk).update(group="owner", speaks_for_digests=True)
    head = json.loads(next(reads.snapshot(viewer=world.observer)))
    assert len(head["parties"]) == len(world.everyone) + 1
    assert head["parties"][-1] == {
        "position": party.position,
        "name": "newcomer",
        "kind": "provider",
        "standing": "new",
        "group": "owner",
        "speaks_for_digests": True,
    }


@pytest.mark.django_db
def test_a_change_of_standing_wakes_everybody():
    position = join().position
    (change,) = reads.changes(position - 1)
    assert (change.position, change.exercise, change.audience) == (position, False, frozenset())
    assert reads.changes(position) == []


def tables(name):
    """The models of parties as a migration leaves them."""
    executor = MigrationExecutor(connection)
    state = executor.loader.project_state([("parties", name), ("ledger", "0009_followers")])
    return state.apps


@pytest.mark.nightly
def test_parties_that_exist_become_members_whom_every_agent_learns_of(committed_world):
    world = committed_world
    head = reads.feed(0, viewer=world.agency).head
    world.share()
    call_command("migrate", "parties", "0009", verbosity=0)
    tables("0009_standing").get_model("parties", "Party").objects.update(standing="new")
    call_command("migrate", verbosity=0)
    page = reads.feed(head + 1, viewer=world.agency, parties_after=head + 1)
    assert {party.standing for party in page.parties} == {Standing.MEMBER}
    assert len(page.parties) == len(world.everyone)
    assert page.next == head + 1 + len(world.everyone)
    assert world.share(value=hex_value(2)).position == page.next + 1
    assert StandingChange.objects.filter(after="member").count() == len(world.everyone)
