# SPDX-License-Identifier: Apache-2.0
"""Sharing groups of a MISP and audiences: signals never reach others than their audience there."""

from uuid import UUID, uuid4

import pytest
from pymisp import PyMISP

from stemtide.hub.platform.errors import InvalidError
from stemtide.hub.rooms.exchanges.models import GroupEvent, Outgoing
from stemtide.hub.rooms.exchanges.reads import exchanges as reads
from stemtide.hub.rooms.exchanges.writes import groups as writes
from stemtide.hub.rooms.ledger.models import Entry
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.signals.writes import signals
from stemtide.interop.misp import groups as wire
from stemtide.protocol.messages.signals import OpinionIn, WithdrawIn
from tests.misp_server import KEY, MispServer
from tests.world import NOON, add_member, hex_value

OWN, FIRST, SECOND, THIRD, STRANGER = (str(UUID(int=number)) for number in range(1, 6))


@pytest.fixture
def misp(desk):
    """A MISP that the hub pushes to, and the parties that its organisations are."""
    server = MispServer().start()
    more = {"secret": KEY, "direction": "push", "inside": True}
    desk.add("misp", address=server.address, **more)
    for name in ("first", "second", "third"):
        add_member(name, title=name.title(), kind="authority")
    for uuid, name in ((OWN, "partner-hub"), (FIRST, "first"), (SECOND, "second")):
        match(desk, uuid, name)
    yield server
    server.stop()


def match(desk, uuid, name):
    """Note which party an organisation is; None: no party any more."""
    party = Party.objects.get(name=name) if name else None
    more = {"party": party, "actor": "operator", "now": desk.now}
    return writes.match_organisation("partner", UUID(uuid), **more)


def share(desk, *names, number=1, **facts):
    """Share a signal for the exchange's party and others, in the name of the world's authority."""
    plain = {"kind": "md5", "value": hex_value(number, digits=32), "tlp": "amber"}
    return desk.world.share(**(plain | {"audience": ("partner-hub", *names)} | facts))


def again(desk):
    desk.later(minutes=6)
    return desk.run()


def where(misp):
    """The values in each group; 0 for events in none."""
    return {
        (int(event["sharing_group_id"]) if event["distribution"] == "4" else 0): sorted(
            one["value"] for one in event["Attribute"] if not one["deleted"]
        )
        for event in misp.events.values()
    }


def head(number, uuid):
    """The head of a group that has another name."""
    return {"SharingGroup": {"id": str(number), "uuid": str(uuid), "roaming": False}}


def held():
    return Outgoing.objects.filter(state="held_back").count()


VALUE = hex_value(1, digits=32)


@pytest.mark.parametrize("tlp", ["clear", "green", "amber"])
def test_a_signal_with_an_audience_goes_to_the_group_of_only_these_parties(desk, misp, tlp):
    misp.group(7, OWN, FIRST)
    share(desk, "first", "second", tlp=tlp)
    assert desk.run() == {"pushed": 1}
    assert where(misp) == {7: [VALUE]}
    (event,) = misp.events.values()
    assert event["Attribute"][0]["distribution"] == "5"
    assert f"tlp:{tlp}" in {tag["name"] for tag in event["Tag"]}
    assert held() == 0
    asked = len(misp.asked)
    assert again(desk) == {}
    assert misp.asked[asked:] == [f"sharing_groups/index/limit:{wire.MAX_GROUPS}"]


@pytest.mark.parametrize(
    ("orgs", "more"),
    [
        ((OWN, FIRST, SECOND), {}),
        ((OWN, FIRST, STRANGER), {}),
        ((OWN, FIRST), {"roaming": True}),
        ((OWN, FIRST), {"roaming": None}),
        ((OWN, FIRST), {"all_orgs": True}),
        ((OWN, FIRST), {"all_orgs": None}),
        ((OWN, FIRST, "no UUID"), {}),
        ((), {}),
    ],
    ids=["wider", "stranger", "roaming", "unclear", "server", "no mark", "no uuid", "nobody"],
)
def test_a_group_that_others_may_read_gets_nothing_and_the_page_counts_it(desk, misp, orgs, more):
    misp.group(7, *orgs, **more)
    share(desk, "first")
    share(desk, number=2, audience=(), tlp="green")
    assert desk.run() == {"pushed": 1}
    assert where(misp) == {0: [hex_value(2, digits=32)]}
    assert held() == 1
    assert reads.describe(desk.row).held_back == 1
    asked = len(misp.asked)
    assert again(desk) == {}
    assert len(misp.asked) == asked + 1


@pytest.mark.parametrize("hidden", ["SharingGroupOrg", "SharingGroupServer"])
def test_a_group_whose_members_a_misp_does_not_show_gets_nothing(desk, misp, hidden):
    misp.group(7, OWN, FIRST)
    del misp.groups[7][hidden]
    share(desk, "first")
    assert desk.run() == {}
    assert held() == 1


@pytest.mark.parametrize("facts", [{"tlp": "red"}, {"tlp": "amber+strict"}, {"pap": "red"}])
def test_an_audience_loosens_no_other_mark(desk, misp, facts):
    misp.group(7, OWN, FIRST)
    share(desk, "first", **facts)
    assert desk.run() == {}
    assert (held(), misp.events) == (0, {})


def test_the_party_of_that_misp_has_to_be_named_too(desk, misp):
    misp.group(7, OWN, FIRST)
    share(desk, audience=("first",))
    assert desk.run() == {}
    assert (held(), misp.events) == (0, {})


def test_of_fitting_groups_the_one_that_reaches_most_gets_it_then_the_lower_number(desk, misp):
    misp.group(3, OWN, FIRST)
    misp.group(9, OWN, FIRST, SECOND)
    misp.group(8, OWN, FIRST, SECOND)
    misp.group(2, OWN, FIRST, SECOND, STRANGER)
    share(desk, "first", "second")
    share(desk, "first", number=2)
    assert desk.run() == {"pushed": 2}
    assert where(misp) == {8: [VALUE], 3: [hex_value(2, digits=32)]}


def test_the_sharer_may_be_in_the_group_and_each_audience_has_an_event_of_its_own(desk, misp):
    match(desk, THIRD, "be-crisis-centre")
    misp.group(7, OWN, FIRST, THIRD)
    share(desk, "first")
    share(desk, "first", number=2)
    share(desk, "first", "second", number=3)
    assert desk.run() == {"pushed": 3}
    assert sorted(len(event["Attribute"]) for event in misp.events.values()) == [1, 2]


def test_a_group_that_grew_loses_the_event_and_a_fitting_one_gets_it_anew(desk, misp):
    misp.group(7, OWN, FIRST)
    share(desk, "first")
    share(desk, "first", "second", number=2)
    assert desk.run() == {"pushed": 2}
    before = set(misp.events)
    misp.group(7, OWN, FIRST, SECOND)
    assert again(desk) == {}
    assert where(misp) == {7: [hex_value(2, digits=32)]}  # its audience has the second, too
    assert held() == 1
    assert any("deleted there: an event with 1 signals" in line for line in desk.log())
    misp.group(4, OWN, FIRST)
    assert again(desk) == {"pushed": 1}
    assert where(misp) == {7: [hex_value(2, digits=32)], 4: [VALUE]}
    misp.group(4, OWN, FIRST, STRANGER)
    assert again(desk) == {}
    misp.group(4, OWN, FIRST)
    assert again(desk) == {"pushed": 1}  # in an event that is not on the blocklist
    assert where(misp)[4] == [VALUE]
    assert len(before & set(misp.events)) == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda misp, _: misp.group(7, OWN, FIRST, roaming=True),
        lambda misp, _: misp.group(7, OWN, FIRST, all_orgs=True),
        lambda misp, _: misp.groups.pop(7),
        lambda misp, _: misp.group(8, OWN, uuid=misp.groups[7]["SharingGroup"]["uuid"]),
        lambda misp, _: misp.groups.update({8: misp.groups[7] | head(7, uuid4())}),
        lambda _, desk: match(desk, FIRST, None),
        lambda _, desk: match(desk, FIRST, "third"),
        lambda _, desk: [match(desk, uuid, None) for uuid in (OWN, FIRST, SECOND)],
        lambda *_: Party.objects.filter(name="first").update(standing="suspended"),
        lambda *_: Party.objects.filter(name="first").update(exercise=True),
    ],
    ids=[
        *("roaming", "server", "gone", "uuid twice", "number twice"),
        *("no party", "another party", "no parties at all", "suspended", "exercise"),
    ],
)
def test_an_event_whose_group_does_not_fit_any_more_is_deleted_there(desk, misp, change):
    misp.group(7, OWN, FIRST)
    share(desk, "first")
    assert desk.run() == {"pushed": 1}
    (uuid,) = misp.events
    change(misp, desk)
    assert again(desk) == {}
    assert misp.events == {}
    assert f"events/delete/{uuid}" in misp.asked
    assert not GroupEvent.objects.exists()
    assert not Outgoing.objects.filter(state="sent").exists()


@pytest.mark.parametrize("number", [7, 8], ids=["number used again", "number changed"])
def test_a_group_with_another_name_is_another_group(desk, misp, number):
    """Its members may be the same; the event of before is deleted, and a new one is added."""
    misp.group(7, OWN, FIRST)
    uuid = misp.groups[7]["SharingGroup"]["uuid"] if number == 8 else uuid4()
    share(desk, "first")
    assert desk.run() == {"pushed": 1}
    (event,) = misp.events
    misp.groups.pop(7)
    misp.group(number, OWN, FIRST, uuid=uuid)
    assert again(desk) == {"pushed": 1}
    assert event not in misp.events
    assert where(misp) == {number: [VALUE]}


def test_a_group_that_shrinks_keeps_its_event(desk, misp):
    misp.group(7, OWN, FIRST, SECOND)
    share(desk, "first", "second")
    assert desk.run() == {"pushed": 1}
    misp.group(7, OWN, FIRST)
    assert again(desk) == {}
    assert where(misp) == {7: [VALUE]}


def test_a_group_of_the_second_page_is_read_and_too_many_are_trouble(desk, misp, monkeypatch):
    for number in range(1, 80):
        misp.group(number, OWN, STRANGER)
    misp.group(80, OWN, FIRST)
    share(desk, "first")
    assert desk.run() == {"pushed": 1}
    assert where(misp) == {80: [VALUE]}
    monkeypatch.setattr(wire, "MAX_GROUPS", 50)
    share(desk, number=2, audience=(), tlp="green")
    assert again(desk) == {"pushed": 1}  # the rest goes on
    assert "it has more than 50 sharing groups" in desk.row.trouble
    assert desk.row.failures == 0


def test_an_event_that_misp_keeps_for_others_is_deleted_at_once(desk, misp):
    misp.group(7, OWN, FIRST)
    misp.ignores_groups = True
    share(desk, "first")
    assert desk.run() == {"push_refused": 1}
    assert misp.events == {}
    assert any("does not keep the event in its sharing group" in line for line in desk.log())


def test_nothing_more_is_sent_to_an_event_that_should_be_deleted(desk, misp, monkeypatch):
    misp.group(7, OWN, FIRST)
    share(desk, "first")
    assert desk.run() == {"pushed": 1}
    share(desk, "first", number=2)
    with monkeypatch.context() as patch:
        patch.setattr(misp, "merge", None)  # this MISP does not answer
        assert again(desk) == {}
    assert Outgoing.objects.get(state="waiting").attempts == 1
    misp.group(7, OWN, FIRST, STRANGER)
    misp.events = _Undeletable(misp.events)
    assert again(desk) == {}
    assert where(misp) == {7: [VALUE]}


def test_an_event_that_misp_does_not_delete_is_trouble_until_it_does(desk, misp):
    misp.group(7, OWN, FIRST)
    share(desk, "first")
    assert desk.run() == {"pushed": 1}
    misp.group(7, OWN, FIRST, STRANGER)
    misp.events = _Undeletable(misp.events)
    share(desk, "first", number=2)
    share(desk, number=3, audience=(), tlp="green")
    assert again(desk) == {"pushed": 1}
    assert "is not deleted, though others may read" in desk.row.trouble
    assert where(misp)[7] == [VALUE]
    misp.group(7, OWN, FIRST)
    assert again(desk) == {"pushed": 1}  # the second, in another event
    assert "is not deleted" in desk.row.trouble
    misp.events = dict(misp.events)
    again(desk)
    assert desk.row.trouble == ""
    assert where(misp)[7] in ([VALUE], [VALUE, hex_value(2, digits=32)])


class _Undeletable(dict):
    def pop(self, *_):
        raise OSError("this MISP does not answer")


def test_a_withdrawn_signal_leaves_its_group(desk, misp):
    misp.group(7, OWN, FIRST)
    shared = share(desk, "first")
    assert desk.run() == {"pushed": 1}
    body = WithdrawIn(reason="mistake")
    signals.withdraw(shared.id, body=body, by=desk.world.authority, now=desk.later(minutes=1))
    assert desk.run() == {"pushed": 1}
    assert where(misp) == {7: []}
    misp.group(7, OWN, FIRST, STRANGER)  # who could read that it was deleted
    again(desk)
    assert misp.events == {}


def test_a_wider_record_of_the_same_value_is_not_handed_over_to_an_audience(desk, misp):
    """What one party shared with all is withdrawn there, though another's audience has it."""
    misp.group(7, OWN, FIRST)
    wide = share(desk, audience=(), tlp="amber")
    assert desk.run() == {"pushed": 1}
    misp.refused_values.add(VALUE)
    desk.world.share(
        by=desk.world.agency,
        kind="md5",
        value=VALUE,
        tlp="amber",
        audience=("partner-hub", "first"),
    )
    assert again(desk) == {"push_refused": 1}
    body = WithdrawIn(reason="mistake")
    signals.withdraw(wide.id, body=body, by=desk.world.authority, now=desk.later(minutes=1))
    desk.run()
    assert misp.attributes() == {}


def test_a_disputed_signal_is_not_sent_to_another_group(desk, misp):
    misp.group(7, OWN, FIRST)
    shared = share(desk, "first", desk.world.agency.name)
    assert desk.run() == {"pushed": 1}
    body = OpinionIn(opinion="dispute", note="it is news")
    signals.give_opinion(shared.id, body=body, by=desk.world.agency, now=desk.later(minutes=1))
    misp.group(7, OWN, FIRST, STRANGER)
    misp.group(8, OWN, FIRST)
    again(desk)
    assert Signal.objects.get(uid=shared.id).is_disputed
    assert misp.events == {}


def test_organisations_are_noted_later_and_everything_is_checked_again(desk):
    server = MispServer().start()
    server.group(7, OWN, FIRST)
    more = {"secret": KEY, "direction": "push", "inside": True}
    desk.add("misp", address=server.address, **more)
    add_member("first", title="First", kind="authority")
    share(desk, "first")
    assert desk.run() == {}
    assert server.asked == []
    match(desk, OWN, "partner-hub")
    out = match(desk, FIRST, "first")
    assert out.terms.organisations == {UUID(OWN): "partner-hub", UUID(FIRST): "first"}
    assert desk.run() == {"pushed": 1}
    entry = Entry.objects.filter(kind="exchange.changed").latest("pk")
    assert entry.detail == {"organisation": FIRST, "party": "party:first"}
    server.stop()


@pytest.mark.usefixtures("misp")
def test_only_a_misp_has_organisations_and_not_too_many(desk, monkeypatch):
    monkeypatch.setattr(writes.rules, "MAX_ORGANISATIONS", 3)
    with pytest.raises(InvalidError, match="3 organisations at most"):
        match(desk, STRANGER, "third")
    desk.add("taxii", name="other", party=add_member("other", title="Other", kind="authority"))
    party = Party.objects.get(name="first")
    with pytest.raises(InvalidError, match="only an exchange of kind misp"):
        writes.match_organisation("other", UUID(OWN), party=party, actor="operator", now=NOON)


def test_the_index_of_groups_has_misps_shape_for_pymisp(misp):
    number = misp.group(7, OWN, FIRST)
    (group,) = PyMISP(misp.address, KEY).sharing_groups(pythonify=True)
    assert (int(group.id), group.roaming) == (number, False)
    assert [member.Organisation["uuid"] for member in group.sgorgs] == [OWN, FIRST]
    event = PyMISP(misp.address, KEY).delete_event(uuid4())
    assert event["errors"][0] == 404
