# SPDX-License-Identifier: Apache-2.0
"""What an exchange brings has the standing of its party here, never of the party it names."""

import pytest

from stemtide.hub.rooms.exchanges.reads import exchanges as reads
from stemtide.hub.rooms.exchanges.writes import exchanges as writes, pulls
from stemtide.hub.rooms.signals.models import OpinionRow, Signal
from stemtide.interop.exchanges import Pull
from stemtide.interop.stix.objects import EXTENSION
from stemtide.protocol.trust.standing import Basis, basis_of
from tests.hub.exchanges.conftest import told
from tests.hub.exchanges.test_taxii import Shelf, indicator, newer
from tests.world import add_member, hex_value, lift, suspend


@pytest.fixture
def bridge():
    """The party of an exchange: a consortium that is a member here."""
    return add_member("bridge", title="Bridge", kind="consortium")


def claiming(name, **more):
    """An indicator of a partner hub, which says who shared it there."""
    facts = {"extension_type": "property-extension", "shared_by": name, **more}
    return indicator(extensions={EXTENSION: facts})


def basis():
    row = Signal.objects.select_related("shared_by").get()
    return row.shared_by.name, basis_of(row.shared_by.trust, [], kind=row.kind, reach=None)


@pytest.mark.parametrize(
    ("standing", "expected"),
    [
        ("new", Basis.UNVETTED),
        ("member", Basis.UNCONFIRMED),
        ("trusted", Basis.UNCONFIRMED),
        ("suspended", Basis.SUSPENDED),
    ],
)
def test_a_record_in_the_name_of_an_authority_has_the_exchanges_standing(
    desk, partner, bridge, standing, expected
):
    desk.add(address=partner.address, party=bridge)
    Shelf(partner).put(claiming("be-crisis-centre"))
    assert desk.run() == {"shared": 1}
    bridge.standing = standing
    bridge.save()
    assert basis() == ("bridge", expected)


def test_a_dispute_in_the_name_of_an_authority_is_the_exchanges_own(desk, partner, bridge):
    desk.add(address=partner.address, party=bridge)
    shelf, sent = Shelf(partner), claiming("be-crisis-centre")
    shelf.put(sent)
    desk.run()
    extension = sent["extensions"][EXTENSION] | {"disputed": True}
    shelf.put(newer(sent, minutes=1, extensions={EXTENSION: extension}))
    desk.later(minutes=2)
    desk.run()
    assert [row.party.name for row in OpinionRow.objects.all()] == ["bridge"]


def test_the_exchanges_of_a_suspended_party_pause_and_go_on_as_they_were(desk, bridge):
    desk.add(party=bridge)
    desk.take(told(1), checkpoint={"after": "a"})
    (run,) = writes.claim_due(desk.now, limit=1, name="partner")
    suspend(bridge, agency=desk.world.agency)
    assert pulls.import_page(run, Pull([told(2)], checkpoint={"after": "b"}), now=desk.now) is None
    assert writes.claim_due(desk.later(days=1), limit=9) == []
    (exchange,) = reads.exchanges(viewer=desk.world.agency)
    assert exchange.state == "paused"
    lift(bridge, agency=desk.world.agency)
    desk.take(told(2))
    assert desk.live(bridge) == sorted([hex_value(1), hex_value(2)])
