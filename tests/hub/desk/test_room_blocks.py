# SPDX-License-Identifier: Apache-2.0
"""Blocks of a room that are kept for others: each reader gets what would be made for them alone."""

import re
from uuid import uuid4

import pytest

from stemtide.hub.desk.crises import blocks as room_blocks
from stemtide.hub.desk.ledger_sentences import ENTRY_PHRASES
from stemtide.hub.rooms.adoptions import writes as adoptions
from stemtide.hub.rooms.crises.writes import (
    crises,
    events as writes_events,
    moves as writes_moves,
    participants as writes_joining,
)
from stemtide.hub.rooms.ledger.crisis_versions import CrisisVersions
from stemtide.hub.rooms.ledger.rules.ledger import is_of_alerts, stays_in_its_room
from stemtide.hub.rooms.parties.models import Person
from stemtide.hub.rooms.parties.writes import parties, people as writes_people
from stemtide.hub.rooms.situation.writes import leads as writes_leads, situation
from stemtide.protocol.enums import Role
from stemtide.protocol.law.retention.adoptions import AdoptionAnswerIn
from stemtide.protocol.messages.crises import (
    CheckIn,
    InviteIn,
    LinkIn,
    NeighbourIn,
    OptionalReasonIn,
    ProposalIn,
    WarningIn,
)
from stemtide.protocol.messages.situation import LeadIn, MessageIn, PublicStatementIn
from tests.rounds import at_night, rounds
from tests.world import hex_value

pytestmark = pytest.mark.django_db

READERS = (
    ("authority", Role.DUTY_OFFICER),
    ("authority", Role.ANALYST),
    ("authority", Role.OBSERVER),
    ("agency", Role.DUTY_OFFICER),
    ("neighbour", Role.DUTY_OFFICER),
    ("provider", Role.DUTY_OFFICER),
    ("provider", Role.DATA_PROTECTION_OFFICER),
    ("rival", Role.ANALYST),
)
PASSING = re.compile(r'<div id="block-moment".*|(?<=>)[^<]*(?=</time>)', re.DOTALL)
"""What the very second changes: when the blocks were made, and "3 s ago"."""


@pytest.fixture(autouse=True)
def _nothing_made_before():
    room_blocks.block_cache.clear()


@pytest.fixture
def uid(world):
    """A live crisis of the authority, in which the two providers are."""
    return world.crisis(active=True, joined=("provider", "rival"))


@pytest.fixture
def desks(world):
    """Somebody of each party and role, by both."""
    return {reader: world.desk(*reader) for reader in READERS}


def blocks(desk, uid):
    """All blocks as they come, without what passes."""
    page = desk.get(f"/crises/{uid}/_blocks", headers={"HX-Request": "true"})
    assert page.status_code == 200
    return PASSING.sub("", page.content.decode())


def made_for(desk, uid):
    """The same, with nothing kept."""
    room_blocks.block_cache.clear()
    return blocks(desk, uid)


def check_each(desks, uid, *, both_ways=True):
    """Whoever comes first, each reader gets what would be made for them alone.

    both_ways: whether they come in the opposite order, too.
    """
    kept = {reader: blocks(desk, uid) for reader, desk in desks.items()}
    alone = {reader: made_for(desk, uid) for reader, desk in desks.items()}
    room_blocks.block_cache.clear()
    for reader in reversed(desks) if both_ways else ():
        assert blocks(desks[reader], uid) == alone[reader], reader
    for reader in desks:
        assert kept[reader] == alone[reader], reader
    return alone


def test_nobody_gets_what_was_made_for_another(world, uid, desks):
    marks = [("green", ()), ("amber", ()), ("amber+strict", ()), ("red", ("agency",))]
    values = iter(f"{number:02x}" * 32 for number in range(17, 255, 34))
    for tlp, audience in marks:
        for by in ("authority", "rival") if tlp == "red" else ("provider",):
            world.share(by=by, tlp=tlp, audience=audience, crisis=uid, value=next(values))
    alone = check_each(desks, uid, both_ways=rounds(quick=False, nightly=True))
    assert len(set(alone.values())) == len(READERS)


@at_night
def test_nobody_gets_another_language_or_clock(world, uid):
    desks = {}
    for language in ("en", "fr"):
        for zone in ("UTC", "Europe/Brussels", "America/Sao_Paulo"):
            desk = world.desk("authority", Role.DUTY_OFFICER) if not desks else None
            person = Person.objects.get(party=world.party["authority"]) if desk else None
            if person is None:
                person = parties.add_person(
                    f"{uuid4().hex}@authority.example",
                    party=world.party["authority"],
                    role=Role.DUTY_OFFICER,
                    password="tide and stem 4711",
                    actor="operator",
                    now=world.now,
                )
                desk = type(next(iter(desks.values())))()
                desk.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
            writes_people.set_preferences(person, language=language, time_zone=zone)
            desks[language, zone] = desk
    alone = check_each(desks, uid)
    assert len(set(alone.values())) == len(desks)
    for (_, zone), told in alone.items():
        others = {"UTC": "CET", "Europe/Brussels": "UTC-03", "America/Sao_Paulo": "CET"}
        assert f" {others[zone]}" not in told, zone


def act(world, uid):
    """Acts of every sort, one after the other; yields the name of each once it is done."""
    authority, agency = world.actor("authority"), world.actor("agency")
    provider, now = world.actor("provider"), world.now
    signal = world.share(crisis=uid)
    yield "share"
    world.outcome(signal, by="provider")
    yield "outcome"
    world.dispute(signal)
    yield "opinion"
    message = MessageIn(kind="observation", text="For two alone.", audience=("agency",), tlp="red")
    situation.post(uid, body=message, by=provider, now=now)
    yield "message"
    told = situation.propose_line(
        uid, body=PublicStatementIn(texts={"en": "Stay in."}), by=agency, now=now
    )
    yield "line"
    situation.withdraw_line(told.id, by=agency, now=now)
    yield "line withdrawn"
    lead = LeadIn(
        level="high_specific",
        bases=("tco_14_5",),
        country="BE",
        to="authority",
        facts="Somebody says that they will shoot.",
        reasons="Named place and hour.",
        callback="+32 2 000 00 00",
        crisis=uid,
    )
    writes_leads.report_lead(lead, by=provider, now=now)
    yield "lead"
    body = CheckIn(answer="unknown", evidence="One of them took it back.")
    crises.answer(uid, test="real-world-event", body=body, by=authority, now=now)
    yield "check"
    adoptions.answer(uid, body=AdoptionAnswerIn(adopt="suggested"), by=authority, now=now)
    yield "answer which signals stay"
    order = ProposalIn(act="close", reason="It is over.")
    offered = writes_moves.propose(uid, body=order, by=authority, now=now).proposals[-1].id
    yield "proposal"
    writes_moves.withdraw(uid, offered, by=authority, now=now)
    yield "proposal withdrawn"
    mirrored = NeighbourIn(framework="the-neighbours", version="1", type="alarm", started_at=now)
    writes_events.mirror(uid, body=mirrored, by=authority, now=now)
    yield "neighbour"
    other = WarningIn(name="Another attack", happened_at=now, countries=("BE",))
    second = crises.warn(other, by=authority, now=now).id
    yield "another crisis"
    linked = LinkIn(crisis=second, reason="The same hand.")
    writes_events.link(uid, body=linked, by=authority, now=now)
    yield "link"
    invited = InviteIn(parties=("observer",))
    writes_joining.invite(uid, body=invited, by=agency, now=now)
    yield "invitation"
    writes_joining.leave(
        uid, body=OptionalReasonIn(reason="Done."), by=world.actor("rival"), now=now
    )
    yield "leaving"
    world.withdraw(signal)
    yield "withdrawal"


@at_night
def test_after_every_act_each_reader_gets_what_is_new(world, uid):
    few = [READERS[at] for at in rounds((0, 2, 3), nightly=(0, 2, 3, 5, 7))]
    desks = {reader: world.desk(*reader) for reader in few}
    before = {reader: blocks(desk, uid) for reader, desk in desks.items()}
    officer = ("authority", Role.DUTY_OFFICER)
    for done in act(world, uid):
        try:
            now = check_each(desks, uid, both_ways=rounds(quick=False, nightly=True))
        except AssertionError as error:
            raise AssertionError(f"after: {done}") from error
        assert now[officer] != before[officer] or done == "message", done
        before = now


SWAPPED = re.compile(
    r'<div id="block-([a-z]+)" hx-swap-oob="innerHTML">(.*?)</div>\n\s*(?=<div id=")', re.DOTALL
)
TOKEN = re.compile(r'<input type="hidden" name="csrfmiddlewaretoken"[^>]*>')


def plain(html):
    """HTML without tokens, without what passes, and without the spaces between."""
    return " ".join(re.sub(r"(?<=>)[^<]*(?=</time>)", "", TOKEN.sub("", html)).split())


@at_night
def test_a_block_that_comes_later_is_the_one_on_the_page(world, uid, desks):
    """A template may name what one of its two ways of being made does not hand it: all at once."""
    acts = act(world, uid)
    while next(acts) != "invitation":
        pass
    seen = set()
    for reader, desk in desks.items():
        page = plain(desk.get(f"/crises/{uid}").content.decode())
        later = desk.get(f"/crises/{uid}/_blocks", headers={"HX-Request": "true"})
        pieces = SWAPPED.findall(later.content.decode())
        for name, html in pieces:
            assert plain(html) in page, (reader, name)
        seen |= {name for name, _ in pieces}
    assert seen >= {"head", "next", "people", "checks", "curve", "clusters", "sightings"}
    assert seen >= {"log", "lines", "leads", "neighbours", "ledger"}


@at_night
def test_the_address_of_one_reader_shapes_nobody_elses_log(world, uid, desks):
    body = MessageIn(kind="observation", text="Two men on the roof.")
    situation.post(uid, body=body, by=world.actor("agency"), now=world.now)
    desk = desks["authority", Role.DUTY_OFFICER]
    asked = desk.get(f"/crises/{uid}/_blocks?kind=question&before=1").content.decode()
    assert "Two men on the roof." in asked
    assert "Two men on the roof." in blocks(desk, uid)


@at_night
def test_blocks_hold_no_token(uid, desks):
    assert "csrfmiddlewaretoken" not in blocks(desks["authority", Role.DUTY_OFFICER], uid)


EVERY_ROOM = {
    *("party", "person", "crisis", "participant", "neighbour", "lead", "setting"),
    *("legal_hold", "retention", "rows"),  # what is kept, and what was erased at its date
    "exercise",  # a room offers to pause it for a real crisis
}


def test_whom_an_entry_concerns_is_decided_for_every_kind():
    things = {kind.partition(".")[0] for kind in ENTRY_PHRASES}
    everywhere = {
        thing
        for thing in things
        if not stays_in_its_room(f"{thing}.done") and not is_of_alerts(f"{thing}.done")
    }
    assert everywhere == EVERY_ROOM


def test_an_unknown_kind_concerns_every_room():
    assert not stays_in_its_room("novelty.appeared")


def test_marks_say_how_far_the_ledger_came_for_each_room(world, uid):
    other, marks = world.crisis(), CrisisVersions()
    marks.refresh()
    start = marks.of_room(uid)
    assert marks.of_room(other) == start
    world.share(crisis=other)
    world.share(value=hex_value(2))
    marks.refresh()
    assert marks.of_room(uid) == start
    assert marks.of_room(other) == marks.of_room(other, ("signal",)) > start
    assert marks.of_room(other, ("message",)) == start
    assert marks.of_thing("signal") > marks.of_room(other, ("signal",))
    assert marks.of_thing("message") <= start
    world.crisis()
    heads = marks.refresh()
    assert marks.of_room(uid, ()) <= heads.entries
    assert marks.of_room(uid, ()) == marks.of_page(uid) > start


def test_marks_are_never_those_of_a_database_before(world, uid):
    marks = CrisisVersions()
    marks.refresh()
    world.share(crisis=uid)
    marks.refresh()
    seen = {marks.of_room(uid), marks.of_page(uid), marks.of_thing("signal")}
    marks.forget()
    marks.refresh()
    world.share(crisis=uid, value=hex_value(3))
    marks.refresh()
    assert min(marks.of_room(uid), marks.of_page(uid), marks.of_thing("signal")) > max(seen)
