# SPDX-License-Identifier: Apache-2.0
"""Roles of a response: who takes, gives, accepts and leaves them, and when they are open again."""

import pytest

from stemtide.hub.platform.errors import ConflictError, InvalidError, NotAllowedError
from stemtide.hub.rooms.alerts.models import Alert
from stemtide.hub.rooms.alerts.writes import alerts
from stemtide.hub.rooms.crises.reads import roles as reads
from stemtide.hub.rooms.crises.rules import crises as crisis_rules, roles as rules
from stemtide.hub.rooms.crises.writes import participants, roles as writes
from stemtide.hub.rooms.parties.reads import parties
from stemtide.hub.rooms.parties.writes import people
from stemtide.protocol.enums import JoinState, PartyKind, Role
from stemtide.protocol.enums.response import ResponseRole
from stemtide.protocol.law.frameworks import framework
from stemtide.protocol.messages.crises import OptionalReasonIn
from stemtide.protocol.messages.situation import RoleGiveIn
from tests.rounds import at_night, on_sqlite, some_of
from tests.world import NOON, suspend

MEDIA, LEAD = ResponseRole.MEDIA, ResponseRole.LEAD


@pytest.fixture
def crisis(world):
    crisis = world.activate()
    world.join(crisis, world.big_provider, world.small_provider, world.observer)
    return crisis


@pytest.fixture
def person(world):
    """person(party, role): who signs in for a party."""
    return lambda party, role="duty_officer": parties.actor(world.person(party, role=role))


def give(crisis, by, to, note="", role=MEDIA):
    return writes.give(crisis.id, role, body=RoleGiveIn(to=to, note=note), by=by, now=NOON)


def holder(crisis, viewer, role=MEDIA):
    return next(row for row in reads.roles(crisis.id, viewer=viewer) if row.role == role)


KINDS = {
    "opener": PartyKind.PROVIDER,
    "authority": PartyKind.AUTHORITY,
    "agency": PartyKind.AGENCY,
    "provider": PartyKind.PROVIDER,
    "observer": PartyKind.OBSERVER,
    "outsider": PartyKind.PROVIDER,
}
COLUMNS = ("opener", "authority", "agency", "provider", "observer", "outsider")
TABLE = """
take open media             yes yes yes yes no  no
take open lead              yes yes yes no  no  no
take held media             no  no  no  no  no  no
give open media to provider yes yes yes yes no  no
give open media to agency   yes yes yes no  no  no
give open media to observer no  no  no  no  no  no
give open lead to provider  no  no  no  no  no  no
give held media to agency   yes yes yes yes no  no
leave open media            no  no  no  no  no  no
leave held media            yes yes yes yes no  no
"""
"""The provider holds what is held. Everybody is a duty officer."""


class Somebody:
    """A party and its person, as the rules see them."""

    country, group, ref = "", "", "person:1"

    def __init__(self, name, role=Role.DUTY_OFFICER):
        self.name, self.kind, self.role = name, KINDS[name], role


def may(words, name, *, role=Role.DUTY_OFFICER, stage="active"):
    act, state, held, *to = words.split()
    facts = crisis_rules.CrisisFacts(
        framework=framework("eucp-2023"),
        stage=stage,
        opened_by="opener",
        countries=("BE",),
        states=dict.fromkeys(("authority", "provider", "observer"), JoinState.JOINED),
    )
    checks = {"take": rules.check_take, "give": rules.check_give, "leave": rules.check_lay_down}
    given = {"to": Somebody(to[1])} if to else {}
    now = rules.RoleFacts(ResponseRole(held), holder="provider" if state == "held" else "")
    by = Somebody(name, role)
    return "yes" if crisis_rules.allows(checks[act], facts, now, by=by, **given) else "no"


@pytest.mark.parametrize("row", TABLE.strip().splitlines())
def test_who_takes_gives_and_leaves_roles(row):
    words, answers = row[:28], row[28:].split()
    assert [may(words, name) for name in COLUMNS] == answers


@pytest.mark.parametrize("words", ["take open media", "give open media to agency"])
def test_an_observing_person_and_a_closed_crisis_change_no_role(words):
    assert may(words, "agency", role=Role.OBSERVER) == "no"
    assert may(words, "agency", stage="closed") == "no"


def test_a_person_takes_an_open_role_and_the_room_reads_who(world, crisis, person):
    by = person(world.big_provider, "analyst")
    people.change_name(int(by.ref[7:]), name="Anna", by=person(world.big_provider, "administrator"))
    writes.take(crisis.id, MEDIA, by=by, now=NOON)
    row = holder(crisis, world.authority)
    assert (row.party, row.holder, row.ref) == ("big-video", "Anna", None)
    assert holder(crisis, world.big_provider).ref == by.ref
    entry = world.last_entry()
    assert (entry.kind, entry.detail["role"]) == ("role.taken", "media")
    with pytest.raises(ConflictError, match="somebody holds this role"):
        writes.take(crisis.id, MEDIA, by=person(world.agency), now=NOON)


@on_sqlite
def test_a_mail_address_is_shown_to_the_own_party_only(world, crisis, person):
    writes.take(crisis.id, MEDIA, by=person(world.big_provider), now=NOON)
    assert holder(crisis, world.big_provider).holder == "duty_officer@big-video.example"
    assert holder(crisis, world.authority).holder == ""


@at_night
def test_a_colleague_has_a_role_at_once_with_the_note_and_is_told(world, crisis, person):
    by, colleague = person(world.authority), world.person(world.authority, role="analyst")
    writes.take(crisis.id, MEDIA, by=by, now=NOON)
    give(crisis, by, colleague.email, note="The press call is at six.")
    row = holder(crisis, world.authority)
    assert (row.ref, row.note) == (colleague.ref, "The press call is at six.")
    alerts.raise_from_ledger(NOON)
    alert = Alert.objects.get(kind="role_offered")
    assert (alert.party, alert.assigned_to) == (world.authority, colleague)


@at_night
def test_another_party_is_asked_and_the_holder_keeps_the_role_until_it_accepts(
    world, crisis, person
):
    by, other = person(world.authority), person(world.big_provider)
    writes.take(crisis.id, MEDIA, by=by, now=NOON)
    give(crisis, by, "big-video", note="Over to you.")
    row = holder(crisis, world.agency)
    assert (row.party, row.offered_to, row.offer_note) == (
        *("be-crisis-centre", "big-video", "Over to you."),
    )
    alerts.raise_from_ledger(NOON)
    assert Alert.objects.get(kind="role_offered").party == world.big_provider
    writes.accept(crisis.id, MEDIA, by=other, now=NOON)
    row = holder(crisis, world.agency)
    assert (row.party, row.offered_to, row.note) == ("big-video", None, "Over to you.")
    alerts.raise_from_ledger(NOON)
    assert Alert.objects.get(kind="role_offered").state == "overtaken"


@at_night
def test_a_declined_role_stays_as_it_was(world, crisis, person):
    give(crisis, person(world.authority), "big-video")
    with pytest.raises(ConflictError, match="not offered to your party"):
        writes.decline(crisis.id, MEDIA, by=person(world.small_provider), now=NOON)
    writes.decline(crisis.id, MEDIA, by=person(world.big_provider), now=NOON)
    row = holder(crisis, world.authority)
    assert (row.party, row.offered_to) == (None, None)


@at_night
def test_a_role_is_open_when_its_holder_is_shut_out_or_leaves_or_is_suspended(
    world, crisis, person
):
    by = person(world.big_provider)
    writes.take(crisis.id, MEDIA, by=by, now=NOON)
    administrator = person(world.big_provider, "administrator")
    people.deactivate_person(int(by.ref[7:]), by=administrator, now=NOON)
    assert holder(crisis, world.authority).party is None
    analyst = person(world.big_provider, "analyst")
    writes.take(crisis.id, MEDIA, by=analyst, now=NOON)
    assert holder(crisis, world.authority).party == "big-video"
    suspend(world.big_provider, agency=world.agency)
    assert holder(crisis, world.authority).party is None
    other = person(world.small_provider)
    writes.take(crisis.id, MEDIA, by=other, now=NOON)
    participants.leave(
        crisis.id, body=OptionalReasonIn(), by=world.actor(world.small_provider), now=NOON
    )
    assert holder(crisis, world.authority).party is None


@at_night
def test_a_key_gives_roles_and_holds_none(world, crisis):
    key = world.actor(world.agency)
    with pytest.raises(NotAllowedError, match="people hold roles"):
        writes.take(crisis.id, MEDIA, by=key, now=NOON)
    assert give(crisis, key, "big-video").roles[3].offered_to == "big-video"


@on_sqlite
@pytest.mark.parametrize(
    ("to", "words"),
    some_of(
        1,
        [
            ("nobody@big-video.example", "nobody with this mail address"),
            ("no-such-party", "there is no party"),
            ("eu-referral-unit", "is your own party"),
        ],
    ),
)
def test_a_role_goes_to_somebody_there_is(world, crisis, to, words):
    with pytest.raises(InvalidError, match=words):
        give(crisis, world.actor(world.agency), to)
