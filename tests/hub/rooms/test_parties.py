# SPDX-License-Identifier: Apache-2.0
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from stemtide.hub.platform.errors import ConflictError, InvalidError, NotFoundError, UnknownKeyError
from stemtide.hub.platform.permissions import allows, check_person_may_write
from stemtide.hub.rooms.parties.models import Agent, ApiKey, Person
from stemtide.hub.rooms.parties.reads import parties as reads
from stemtide.hub.rooms.parties.rules import parties as rules
from stemtide.hub.rooms.parties.writes import contacts as writes_contacts, parties as writes
from stemtide.hub.rooms.signals.reads.times import last_position
from stemtide.protocol.enums import PartyKind, Role, Scope
from stemtide.protocol.sync.agents import AgentStatusIn
from tests.world import NOON, PASSWORD, hex_value


def status(position=0, version="1.0", **more):
    return AgentStatusIn(
        version=version, position=position, signals=position, started_at=NOON, **more
    )


def beat(world, position=0, *, now=NOON, by=None, name="a1", version="1.0"):
    return writes.report_status(
        name, by=by or world.big_provider, status=status(position, version), now=now
    )


@pytest.mark.parametrize(
    ("facts", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "Big Video"}, "name"),
        ({"name": "-video"}, "name"),
        ({"name": "video-"}, "name"),
        ({"name": "a|b"}, "name"),
        ({"name": "v" * 61}, "name"),
        ({"name": "vidéo"}, "name"),
        ({"kind": "platform"}, "kind"),
        ({"country": "be"}, "country"),
        ({"country": "XX"}, "country"),
        ({"country": "BEL"}, "country"),
        ({"title": "  "}, "title"),
    ],
)
def test_a_party_that_is_not_valid_is_refused_with_its_field(world, facts, field):
    plain = {"name": "video", "title": "Video", "kind": "provider", "country": "BE"}
    with pytest.raises(InvalidError) as refused:
        writes.add_party(**plain | facts, actor="operator", now=NOON)
    assert refused.value.field == field
    assert world.ledger_kinds() == []


def test_a_party_name_is_given_once(world):
    with pytest.raises(ConflictError, match="another name"):
        writes.add_party("big-video", title="B", kind="provider", actor="operator", now=NOON)
    assert world.ledger_kinds() == []


def test_every_party_sees_every_party(world):
    assert {one.name for one in reads.parties()} == {one.name for one in world.everyone}
    assert reads.party("small-forum") == world.small_provider


@pytest.mark.usefixtures("world")
def test_an_unknown_party_is_named():
    with pytest.raises(NotFoundError, match="'nobody'"):
        reads.party("nobody")


def test_an_operator_reads_all_parties_and_keys(world):
    world.key()
    assert reads.parties() == sorted(world.everyone, key=lambda one: one.name)
    assert [one.party.name for one in reads.all_keys()] == ["be-crisis-centre"]
    assert reads.party("big-video") == world.big_provider


def test_a_person_is_added_and_recorded_without_their_name(world):
    person = world.person()
    assert person.check_password(PASSWORD)
    entry = world.last_entry()
    assert (entry.kind, entry.subject) == ("person.added", f"person:{person.pk}")
    assert person.email not in str(entry.detail)


def test_a_weak_password_is_refused_in_the_words_of_the_password_rules(world):
    with pytest.raises(InvalidError, match="at least 12 characters") as refused:
        writes.add_person(
            "a@b.example",
            party=world.agency,
            role="analyst",
            password="short",
            actor="operator",
            now=NOON,
        )
    assert refused.value.field == "password"
    assert not Person.objects.exists()


@pytest.mark.parametrize(
    ("facts", "field"), [({"email": "nobody"}, "email"), ({"role": "boss"}, "role")]
)
def test_a_person_that_is_not_valid_is_refused_with_the_field(world, facts, field):
    plain = {"email": "a@b.example", "role": "analyst", "password": PASSWORD}
    with pytest.raises(InvalidError) as refused:
        writes.add_person(**plain | facts, party=world.agency, actor="operator", now=NOON)
    assert refused.value.field == field


def test_a_mail_address_signs_in_once_whatever_its_case(world):
    world.person(world.agency)
    with pytest.raises(ConflictError, match="already"):
        writes.add_person(
            "Duty_Officer@EU-referral-unit.example",
            party=world.agency,
            role="analyst",
            password=PASSWORD,
            actor="operator",
            now=NOON,
        )


def test_a_contact_point_is_added_and_recorded_without_its_address(world):
    point = writes_contacts.add_contact_point(
        world.agency,
        channel="mail",
        address=" duty@agency.example ",
        languages=["en", "fr"],
        is_24_7=True,
        actor="operator",
        now=NOON,
    )
    assert point.address == "duty@agency.example"
    assert world.last_entry().detail == {"channel": "mail", "is_24_7": True}


@pytest.mark.parametrize(
    ("facts", "field"), [({"channel": "pigeon"}, "channel"), ({"address": " "}, "address")]
)
def test_a_contact_point_that_is_not_valid_is_refused(world, facts, field):
    plain = {"channel": "mail", "address": "duty@agency.example"}
    with pytest.raises(InvalidError) as refused:
        writes_contacts.add_contact_point(world.agency, **plain | facts, actor="operator", now=NOON)
    assert refused.value.field == field


def test_a_key_opens_for_its_party_with_its_scopes(world):
    text = world.key(scopes=["feed:read", "signals:write"])
    caller = reads.caller(text, now=NOON)
    assert caller.party == world.authority
    assert caller.scopes == {Scope.FEED_READ, Scope.SIGNALS_WRITE}
    assert text.startswith(f"st_{caller.key}_")
    assert caller.ref == f"key:{caller.key}"


def test_the_text_of_a_key_is_kept_nowhere(world):
    secret = world.key().split("_", 2)[2]
    row = ApiKey.objects.values().get()
    assert secret not in str(row)
    assert secret not in str(world.last_entry().detail)


def test_why_a_key_opens_nothing_is_not_told(world):
    text = world.key()
    prefix = text.split("_")[1]
    said = set()
    wrong = [
        *("", "st_", "nonsense", "st_zzzzzzzz_nothing", text[:-1], text + "A", text.lower()),
        *(text.removeprefix("st_"), f"st_{prefix}_", f"st_{prefix}", "st_é_é"),
    ]
    for token in wrong:
        with pytest.raises(UnknownKeyError) as refused:
            reads.caller(token, now=NOON)
        said.add(str(refused.value))
    writes.revoke_key(prefix, actor="operator", now=NOON)
    with pytest.raises(UnknownKeyError) as refused:
        reads.caller(text, now=NOON)
    assert said == {str(refused.value)}


def test_a_key_opens_until_it_expires(world):
    _, text = writes.new_key(
        "short",
        party=world.agency,
        scopes=["feed:read"],
        expires_at=world.at(hours=1),
        actor="operator",
        now=NOON,
    )
    assert reads.caller(text, now=world.at(minutes=59)).party == world.agency
    with pytest.raises(UnknownKeyError):
        reads.caller(text, now=world.at(hours=1))


@pytest.mark.parametrize(
    ("facts", "field"),
    [
        ({"scopes": []}, "scopes"),
        ({"scopes": ["everything"]}, "scopes"),
        ({"expires_at": NOON}, "expires_at"),
        ({"name": " "}, "name"),
        ({"name": "n" * 61}, "name"),
    ],
)
def test_a_key_that_is_not_valid_is_refused_with_the_field(world, facts, field):
    plain = {"name": "agent", "scopes": ["feed:read"]}
    with pytest.raises(InvalidError) as refused:
        writes.new_key(**plain | facts, party=world.agency, actor="operator", now=NOON)
    assert refused.value.field == field


def test_a_name_serves_one_live_key_and_again_once_it_is_revoked(world):
    def make():
        return writes.new_key(
            "agent", party=world.agency, scopes=["feed:read"], actor="operator", now=NOON
        )

    key, _ = make()
    with pytest.raises(ConflictError, match="revoke it"):
        make()
    writes.revoke_key(key.prefix, actor="operator", now=NOON)
    again, _ = make()
    assert again.prefix != key.prefix
    assert world.ledger_kinds() == ["key.issued", "key.revoked", "key.issued"]


def test_a_key_is_revoked_once(world):
    prefix = world.key().split("_")[1]
    writes.revoke_key(prefix, actor="operator", now=NOON)
    with pytest.raises(ConflictError, match="2026-11-24 12:00:00"):
        writes.revoke_key(prefix, actor="operator", now=world.at(hours=1))
    with pytest.raises(NotFoundError, match="no key 'zzz'"):
        writes.revoke_key("zzz", actor="operator", now=NOON)


def test_a_party_lists_its_own_keys_only(world):
    world.key(world.agency, scopes=["feed:read"])
    world.key(world.authority)
    keys = reads.keys(viewer=world.agency)
    assert [one.scopes for one in keys] == [(Scope.FEED_READ,)]


def test_a_steady_agent_leaves_one_entry(world):
    for second in range(0, 100, 10):
        beat(world, second, now=world.at(seconds=second))
    assert world.ledger_kinds() == ["agent.appeared"]
    assert Agent.objects.get().position == 90


def test_an_agent_that_returns_or_changes_is_recorded(world):
    beat(world)
    beat(world, now=world.at(seconds=rules.SILENT_AFTER.total_seconds() + 1))
    beat(world, now=world.at(seconds=30), version="1.1")
    assert world.ledger_kinds() == ["agent.appeared", "agent.returned", "agent.updated"]
    assert Agent.objects.get().first_seen_at == NOON


def test_agents_of_two_parties_may_share_a_name(world):
    beat(world)
    beat(world, by=world.small_provider)
    assert Agent.objects.count() == 2


@pytest.mark.parametrize(
    ("viewer", "seen"),
    [
        ("authority", ["big-video", "small-forum"]),
        ("agency", ["big-video", "small-forum"]),
        ("consortium", ["big-video", "small-forum"]),
        ("big_provider", ["big-video"]),
        ("small_provider", ["small-forum"]),
        ("observer", []),
    ],
)
def test_who_sees_whose_agents(world, viewer, seen):
    beat(world)
    beat(world, by=world.small_provider)
    rows = reads.agents(viewer=getattr(world, viewer), now=NOON, head=0)
    assert [row.party for row in rows] == seen


def test_an_agent_tells_how_far_behind_it_is(world):
    for number in range(3):
        world.share(value=hex_value(number))
    beat(world, 1)
    head = last_position()
    row = reads.agents(viewer=world.agency, now=world.at(seconds=20), head=head)[0]
    assert (row.title, row.position, row.behind, row.is_connected) == ("Big Video", 1, 2, True)
    late = reads.agents(viewer=world.agency, now=world.at(seconds=21), head=head)[0]
    assert not late.is_connected


def test_an_agent_that_appears_twice_at_once_is_one_agent(committed_world):
    def work(_):
        try:
            beat(committed_world)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(8)))
    assert committed_world.ledger_kinds() == ["agent.appeared"]
    assert Agent.objects.count() == 1


def test_a_check_answers_a_page_that_asks(world):
    assert allows(rules.check_country, "BE")
    assert not allows(rules.check_country, "be")
    assert not allows(rules.check_revoke, "abc", revoked_at=world.noon)


@pytest.mark.parametrize(
    ("kind", "others"),
    [
        (PartyKind.AUTHORITY, True),
        (PartyKind.AGENCY, True),
        (PartyKind.CONSORTIUM, True),
        (PartyKind.PROVIDER, False),
        (PartyKind.OBSERVER, False),
    ],
)
def test_which_kinds_see_the_agents_of_others(kind, others):
    assert rules.may_see_agents("me", kind=kind, owner="you") is others
    assert rules.may_see_agents("me", kind=kind, owner="me")


@pytest.mark.parametrize(
    ("role", "may"),
    [
        (Role.DUTY_OFFICER, True),
        (Role.ANALYST, True),
        (Role.COORDINATOR, True),
        (Role.ADMINISTRATOR, True),
        (Role.DATA_PROTECTION_OFFICER, False),
        (Role.OBSERVER, False),
    ],
)
def test_which_roles_act_for_their_party(role, may):
    assert allows(check_person_may_write, role) is may


def test_a_key_reports_so_many_agents_and_no_more(world, monkeypatch):
    monkeypatch.setattr(rules, "MAX_AGENTS_OF_KEY", 2)
    facts = {"by": world.big_provider, "status": status(), "now": NOON}
    for name in ("a1", "a2", "a1"):
        writes.report_status(name, key="st_one", **facts)

    with pytest.raises(ConflictError, match="a fixed name"):
        writes.report_status("a3", key="st_one", **facts)

    assert writes.report_status("a2", key="st_one", **facts).name == "a2"
    assert writes.report_status("a3", key="st_other", **facts).name == "a3"
