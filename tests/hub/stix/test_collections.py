# SPDX-License-Identifier: Apache-2.0
"""Which collections a party sees, what it may do there, and what may be taken away."""

import pytest

from stemtide.hub.platform.errors import NotAllowedError, NotFoundError
from stemtide.hub.rooms.stix.models import StixObject
from stemtide.hub.rooms.stix.writes import stix as writes
from stemtide.protocol.enums import Scope
from tests.hub.stix.conftest import indicator, said_of
from tests.world import NOON, hex_value

# Who does what with the collection of a crisis: r reads, w writes, - sees it, . does not.
IN_A_CRISIS = """
    party              warned   joined   closed
    be-crisis-centre   rw       rw       r
    fr-referral-unit   -        -        -
    eu-referral-unit   rw       rw       r
    big-video          .        rw       r
    small-forum        .        -        -
    rights-watch       .        .        .
"""
ROWS = [line.split() for line in IN_A_CRISIS.strip().splitlines()[1:]]


def rights(shelf, party, alias):
    one = shelf.collections(party).get(alias)
    if one is None:
        return "."
    return ("r" * one.rights.can_read + "w" * one.rights.can_write) or "-"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_the_room_of_a_crisis_reads_and_writes_its_collection(shelf, row):
    world = shelf.world
    party = next(one for one in world.everyone if one.name == row[0])
    crisis = world.warn()
    alias = f"crisis-{crisis.id}"
    found = [rights(shelf, party, alias)]
    world.join(crisis, world.big_provider)
    from stemtide.hub.rooms.crises.writes import participants as writes_joining
    from stemtide.protocol.messages.crises import InviteIn

    body = InviteIn(parties=("small-forum",))
    writes_joining.invite(crisis.id, body=body, by=world.actor(world.agency), now=NOON)
    found.append(rights(shelf, party, alias))
    from stemtide.hub.rooms.crises.writes import moves as writes_moves
    from stemtide.protocol.messages.crises import CloseIn

    body = CloseIn(reason="nothing")
    writes_moves.close(crisis.id, body=body, by=world.actor(), now=NOON)
    found.append(rights(shelf, party, alias))
    assert found == row[1:]


@pytest.mark.parametrize(
    ("scopes", "expected"),
    [
        ({Scope.FEED_READ}, ["r", "-", "r"]),
        ({Scope.FEED_READ, Scope.SIGNALS_WRITE}, ["rw", "-", "rw"]),
        ({Scope.FEEDBACK_WRITE}, ["w", "w", "w"]),
        ({Scope.METRICS_READ}, ["-", "-", "-"]),
    ],
)
def test_a_key_opens_what_its_scopes_say(shelf, scopes, expected):
    found = shelf.collections(scopes=scopes).values()
    said = ["r" * one.rights.can_read + "w" * one.rights.can_write or "-" for one in found]
    assert said == expected


def test_an_observer_reads_and_writes_nothing(shelf):
    found = [rights(shelf, shelf.world.observer, alias) for alias in ("signals", "feedback")]
    assert found == ["r", "-"]
    with pytest.raises(NotAllowedError, match="may not add"):
        shelf.post(indicator(), by=shelf.world.observer)


def delete(shelf, stix_id, *, by=None, of="signals", scopes=None, versions=None):
    caller = shelf.caller(by, scopes)
    one = shelf.collections(by, scopes)[of]
    writes.take_away(stix_id, of=one, versions=versions, by=caller, now=NOON)


def test_who_posted_an_object_beside_the_signals_deletes_it(shelf):
    sent = said_of("", "identity") | {"name": "MISP"}
    shelf.post(sent)
    with pytest.raises(NotAllowedError, match="the party that posted"):
        delete(shelf, sent["id"], by=shelf.world.big_provider)
    delete(shelf, sent["id"])
    assert not StixObject.objects.exists()
    assert shelf.world.ledger_kinds()[-1] == "objects.deleted"
    with pytest.raises(NotFoundError):
        delete(shelf, sent["id"])


def test_one_version_goes_and_the_other_stays_as_first_and_last(shelf):
    first = said_of("", "identity") | {"name": "MISP"}
    second = first | {"modified": indicator(minutes=1)["modified"], "name": "MISP 2"}
    shelf.post(first)
    shelf.post(second)
    rows = StixObject.objects.order_by("position")
    delete(shelf, first["id"], versions=frozenset({rows[1].version_at}))
    assert shelf.told(types=frozenset({"identity"}))[1:] == [first]
    with pytest.raises(NotFoundError, match="no such version"):
        delete(shelf, first["id"], versions=frozenset({NOON.replace(year=2000)}))


def test_signals_and_what_is_said_of_them_are_not_deleted(shelf):
    target = indicator()
    shelf.post(target)
    opinion = said_of(target["id"])
    shelf.post(opinion)
    shared = shelf.world.share(value=hex_value(2))
    ours = next(one["id"] for one in shelf.indicators() if one["id"] != target["id"])
    assert shared
    for stix_id in (target["id"], opinion["id"]):
        with pytest.raises(NotAllowedError, match="revoked"):
            delete(shelf, stix_id)
    with pytest.raises(NotAllowedError):
        delete(shelf, ours)


@pytest.mark.parametrize(
    ("scopes", "error"),
    [
        ({Scope.METRICS_READ}, NotFoundError),
        ({Scope.FEED_READ}, NotAllowedError),
        ({Scope.SIGNALS_WRITE}, NotAllowedError),
    ],
)
def test_a_key_that_does_not_read_and_write_deletes_nothing(shelf, scopes, error):
    sent = said_of("", "identity") | {"name": "MISP"}
    shelf.post(sent)
    with pytest.raises(error):
        delete(shelf, sent["id"], scopes=scopes)


def test_receipts_are_kept_for_a_week(shelf):
    from datetime import timedelta

    shelf.post(indicator())
    assert writes.forget_receipts(NOON + timedelta(days=6)) == 0
    assert writes.forget_receipts(NOON + timedelta(days=8)) == 1
