# SPDX-License-Identifier: Apache-2.0
"""How parties are reached: contact points, who sees them, and the escalation ladder."""

from datetime import UTC, datetime

import pytest

from stemtide.hub.platform.errors import InvalidError, NotAllowedError, NotFoundError
from stemtide.hub.platform.permissions import allows
from stemtide.hub.rooms.parties.models import ContactPoint
from stemtide.hub.rooms.parties.reads import contacts as reads_contacts, parties as reads
from stemtide.hub.rooms.parties.rules import contacts as rules_contacts
from stemtide.hub.rooms.parties.writes import contacts as writes_contacts
from stemtide.protocol.enums import Role
from tests.world import NOON

SUNDAY = datetime(2026, 11, 22, 12, tzinfo=UTC)


def manager(world, party=None, role="administrator"):
    party = party or world.agency
    return reads.Actor(party=party, ref="person:1", role=Role(role))


def point(world, party=None, **facts):
    plain = {"channel": "mail", "address": "duty@agency.example", "is_24_7": True}
    return writes_contacts.add_own_contact_point(
        by=manager(world, party), now=NOON, **plain | facts
    )


def reached(world, party=None, *, viewer=None, now=NOON):
    party = party or world.agency
    steps = reads_contacts.ladder(party, viewer=viewer or party, now=now)
    return [(one.contact.address, one.wait_minutes) for one in steps]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"channel": "mail", "address": " duty@agency.example "}, "duty@agency.example"),
        ({"channel": "phone", "address": "+32 (2) 555-01.00"}, "+3225550100"),
        ({"channel": "url", "address": "https://duty.example/x"}, "https://duty.example/x"),
        ({"channel": "url", "address": "http://127.0.0.1:9/x"}, "http://127.0.0.1:9/x"),
    ],
)
def test_an_address_is_kept_as_its_channel_needs_it(world, given, kept):
    assert point(world, **given).address == kept


@pytest.mark.parametrize(
    ("facts", "field"),
    [
        ({"channel": "pigeon"}, "channel"),
        ({"address": "  "}, "address"),
        ({"address": "nobody"}, "address"),
        ({"address": "a@b.example, c@d.example"}, "address"),
        ({"address": "a@b.example\nBcc: c@d.example"}, "address"),
        ({"channel": "phone", "address": "02 555 01 00"}, "address"),
        ({"channel": "url", "address": "http://duty.example/"}, "address"),
        ({"channel": "url", "address": "https://user:word@duty.example/"}, "address"),
        ({"channel": "url", "address": "javascript:alert(1)"}, "address"),
        ({"channel": "url", "address": "https://x.example/" + "a" * 300}, "address"),
        ({"time_zone": "Brussels"}, "time_zone"),
        ({"time_zone": "../../etc/passwd"}, "time_zone"),
        ({"languages": ["dutch"]}, "languages"),
        ({"languages": ["xx"]}, "languages"),
        ({"title": "t" * 81}, "title"),
    ],
)
def test_a_contact_point_that_is_not_valid_is_refused_with_its_field(world, facts, field):
    with pytest.raises(InvalidError) as refused:
        point(world, **facts)
    assert refused.value.field == field
    assert world.ledger_kinds() == []


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        *(("NL", "nl"), ("nl-be", "nl-BE"), ("zh-hant", "zh-Hant")),
        *(("sr-latn-rs", "sr-Latn-RS"), ("es-419", "es-419"), ("deu", "deu")),
    ],
)
def test_a_language_is_kept_as_its_tag_is_written(given, kept):
    assert rules_contacts.language_tags([given, given]) == [kept]


@pytest.mark.parametrize(
    ("role", "may"),
    [
        ("duty_officer", False),
        ("analyst", False),
        ("coordinator", True),
        ("data_protection_officer", False),
        ("observer", False),
        ("administrator", True),
    ],
)
def test_which_roles_look_after_contact_points(world, role, may):
    by = manager(world, role=role)
    made = point(world)
    for act in (
        lambda: writes_contacts.add_own_contact_point(
            by=by, now=NOON, channel="mail", address="a@b.example"
        ),
        lambda: writes_contacts.change_contact_point(
            made.pk, by=by, now=NOON, channel="mail", address="a@b.example"
        ),
        lambda: writes_contacts.set_ladder([(made.pk, 5)], by=by, now=NOON),
        lambda: writes_contacts.remove_contact_point(made.pk, by=by, now=NOON),
    ):
        if may:
            act()
        else:
            with pytest.raises(NotAllowedError, match="administrator"):
                act()


def test_a_machine_does_not_look_after_contact_points(world):
    key = reads.Actor(party=world.agency, ref="key:abc")
    with pytest.raises(NotAllowedError, match="sign in"):
        writes_contacts.set_ladder([], by=key, now=NOON)


def test_another_partys_contact_point_is_not_found(world):
    made = point(world)
    stranger = manager(world, world.authority)
    with pytest.raises(NotFoundError):
        writes_contacts.remove_contact_point(made.pk, by=stranger, now=NOON)
    with pytest.raises(NotFoundError):
        writes_contacts.change_contact_point(
            made.pk, by=stranger, now=NOON, channel="mail", address="a@b.example"
        )
    with pytest.raises(InvalidError, match="of your party"):
        writes_contacts.set_ladder([(made.pk, 5)], by=stranger, now=NOON)


def test_an_answer_verifies_a_contact_point_until_its_address_changes(world):
    made = point(world)
    writes_contacts.verify_contact_point(made.pk, actor="party:x", now=world.at(hours=1))
    assert reads_contacts.own_contact_points(viewer=world.agency, now=NOON)[
        0
    ].verified_at == world.at(hours=1)
    by = manager(world)
    same = {"channel": "mail", "address": "duty@agency.example"}
    writes_contacts.change_contact_point(made.pk, by=by, now=NOON, title="Desk", **same)
    assert ContactPoint.objects.get().verified_at
    same["address"] = "other@agency.example"
    writes_contacts.change_contact_point(made.pk, by=by, now=NOON, **same)
    assert ContactPoint.objects.get().verified_at is None
    with pytest.raises(NotFoundError):
        writes_contacts.verify_contact_point(made.pk + 1, actor="party:x", now=NOON)
    assert "agency.example" not in str(world.last_entry().detail)


VIEWERS = ["authority", "other_authority", "consortium", "big_provider", "small_provider"]


@pytest.mark.parametrize(
    ("owner", "facts", "seen_by"),
    [
        ("agency", {"is_24_7": True}, VIEWERS),
        ("agency", {"is_24_7": False}, ["authority", "other_authority", "consortium"]),
        ("agency", {"channel": "phone", "address": "+3225550100"}, VIEWERS),
        (
            "big_provider",
            {"channel": "phone", "address": "+3225550100"},
            ["authority", "other_authority", "agency", "consortium", "big_provider"],
        ),
        ("big_provider", {}, [*VIEWERS, "agency"]),
        ("observer", {}, [*VIEWERS, "agency", "observer"]),
    ],
)
def test_who_sees_whose_contact_points(world, owner, facts, seen_by):
    party = getattr(world, owner)
    point(world, party, **facts)
    names = ["authority", "other_authority", "agency", "big_provider", "small_provider"]
    found = [
        name
        for name in [*names, "consortium", "observer"]
        if reads_contacts.contact_points(viewer=getattr(world, name), now=NOON)
    ]
    assert set(found) == {*seen_by, owner}


def test_a_removed_contact_point_is_shown_to_nobody_and_leaves_the_ladder(world):
    one, two = point(world), point(world, address="second@agency.example")
    by = manager(world)
    writes_contacts.set_ladder([(two.pk, 5), (one.pk, 10)], by=by, now=NOON)
    writes_contacts.remove_contact_point(two.pk, by=by, now=NOON)
    assert reached(world) == [("duty@agency.example", 10)]
    assert len(reads_contacts.contact_points(viewer=world.authority, now=NOON)) == 1
    assert len(reads_contacts.all_contact_points()) == 1
    assert world.ledger_kinds()[-2:] == ["ladder.changed", "contact_point.removed"]


@pytest.mark.parametrize(
    ("zone", "when", "is_there"),
    [
        ("UTC", datetime(2026, 11, 24, 8, 59, tzinfo=UTC), False),
        ("UTC", datetime(2026, 11, 24, 9, 0, tzinfo=UTC), True),
        ("Europe/Brussels", datetime(2026, 11, 24, 8, 0, tzinfo=UTC), True),
        ("Europe/Brussels", datetime(2026, 7, 24, 7, 0, tzinfo=UTC), True),
        ("Europe/Brussels", datetime(2026, 11, 24, 16, 0, tzinfo=UTC), False),
        ("UTC", SUNDAY, False),
        ("Pacific/Auckland", datetime(2026, 11, 22, 20, 30, tzinfo=UTC), True),
        ("Gone/Zone", datetime(2026, 11, 24, 9, 0, tzinfo=UTC), True),
    ],
)
def test_office_hours_run_on_the_clock_that_is_there(zone, when, is_there):
    assert (
        rules_contacts.is_open(is_24_7=False, time_zone=zone, hours=(9, 17), now=when) is is_there
    )
    assert rules_contacts.is_open(is_24_7=True, time_zone=zone, hours=(9, 17), now=when)


def test_a_party_without_a_ladder_is_reached_where_somebody_always_is_first(world):
    point(world, address="office@agency.example", is_24_7=False)
    point(world)
    assert reached(world) == [("duty@agency.example", 15), ("office@agency.example", 15)]
    assert reads_contacts.own_ladder(viewer=world.agency, now=NOON) == []


def test_the_ladder_leaves_out_where_nobody_is_now(world):
    office = point(world, address="office@agency.example", is_24_7=False)
    desk = point(world)
    by = manager(world)
    writes_contacts.set_ladder([(office.pk, 5), (desk.pk, 20)], by=by, now=NOON)
    assert reached(world) == [("office@agency.example", 5), ("duty@agency.example", 20)]
    assert reached(world, now=SUNDAY) == [("duty@agency.example", 20)]
    steps = reads_contacts.ladder(world.agency, viewer=world.agency, now=SUNDAY)
    assert [one.position for one in steps] == [1]
    assert len(reads_contacts.own_ladder(viewer=world.agency, now=SUNDAY)) == 2


def test_where_nobody_is_anywhere_the_whole_ladder_is_tried(world):
    point(world, is_24_7=False)
    assert reached(world, now=SUNDAY) == [("duty@agency.example", 15)]
    assert reached(world, world.authority) == []


def test_someone_elses_ladder_shows_what_the_viewer_may_see(world):
    point(world, world.big_provider, channel="phone", address="+3225550100")
    point(world, world.big_provider)
    assert len(reached(world, world.big_provider, viewer=world.agency)) == 2
    assert reached(world, world.big_provider, viewer=world.small_provider) == [
        ("duty@agency.example", 15)
    ]
    assert reached(world, world.big_provider, viewer=world.observer) == []


@pytest.mark.parametrize(
    ("points", "waits", "may"),
    [
        ([1, 2], [5, 240], True),
        ([], [], True),
        ([1, 1], [5, 5], False),
        ([3], [5], False),
        ([1], [0], False),
        ([1], [241], False),
        (range(13), [5] * 13, False),
    ],
)
def test_what_a_ladder_may_be(points, waits, may):
    assert allows(rules_contacts.check_ladder, points, waits, own=[1, 2]) is may
