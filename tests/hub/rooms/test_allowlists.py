# SPDX-License-Identifier: Apache-2.0
"""The hub's allow-list: who changes it, what it covers, what cannot be shared because of it."""

from datetime import timedelta

import pytest

from stemtide.hub.platform.errors import ConflictError, NotAllowedError
from stemtide.hub.platform.permissions import allows
from stemtide.hub.rooms.allowlists import reads, rules, writes
from stemtide.hub.rooms.allowlists.models import AllowEntry, AllowMatches
from stemtide.hub.rooms.allowlists.rules import AllowlistRefusedError
from stemtide.hub.rooms.approvals.reads import approvals
from stemtide.hub.rooms.ledger.models import Entry
from stemtide.hub.rooms.ledger.rules.ledger import OPEN_TO
from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.signals.reads import allowed, signals as signal_reads
from stemtide.hub.rooms.signals.reads.sharing import bulk
from stemtide.hub.rooms.signals.writes import allowlists, signals
from stemtide.hub.rooms.signals.writes.opinions import give_opinion
from stemtide.protocol.enums import PartyKind, Role
from stemtide.protocol.messages.signals import OpinionIn
from stemtide.protocol.sync.allowlists import (
    AllowEntryIn,
    AllowlistIn,
    AllowMatchCount,
    AllowMatchesIn,
    AllowRemoveIn,
    AllowRestoreIn,
)
from tests.rounds import some_of
from tests.world import NOON, hex_value, signal_in

pytestmark = pytest.mark.django_db
SHA = hex_value(7)
PDQ = hex_value()
WHY = AllowRemoveIn(reason="it was wrong")


def entry(**facts):
    plain = {"kind": "sha256", "value": SHA, "source": "Newsroom", "reason": "logo of Newsroom"}
    return AllowEntryIn.model_validate(plain | facts)


def near(value, bits):
    """A PDQ hash that far from another."""
    return f"{int(value, 16) ^ ((1 << bits) - 1):064x}"


@pytest.fixture
def officer(world):
    return world.actor(world.agency, role="duty_officer")


@pytest.fixture
def add(officer):
    def run(*entries, by=officer, accept=False, now=NOON):
        body = AllowlistIn(entries=entries, accept_covered=accept)
        return allowlists.add(body, by=by, now=now)

    return run


ROLES = [Role.DUTY_OFFICER, Role.COORDINATOR, None]


@pytest.mark.parametrize("kind", PartyKind)
@pytest.mark.parametrize("role", [*Role, None])
def test_only_deciding_people_and_keys_of_an_agency_change_the_list(kind, role):
    may = kind is PartyKind.AGENCY and role in ROLES
    assert allows(rules.check_change, kind=kind, role=role) is may


@pytest.mark.parametrize("party", ["authority", "big_provider", "consortium", "observer"])
def test_no_other_party_adds_removes_or_restores_an_entry(world, add, party):
    """An authority neither: it could shield what it uploaded itself."""
    uid = add(entry()).ids[0]
    by = world.actor(getattr(world, party), role="duty_officer")
    body = AllowlistIn(entries=(entry(value=hex_value(8)),))
    for act in (
        lambda: allowlists.add(body, by=by, now=NOON),
        lambda: allowlists.check(body, by=by, now=NOON),
        lambda: allowlists.restore(uid, body=AllowRestoreIn(accept_covered=True), by=by, now=NOON),
        lambda: writes.remove(uid, body=WHY, by=by, now=NOON),
    ):
        with pytest.raises(NotAllowedError, match="only an agency"):
            act()
    assert [row.value for row in AllowEntry.objects.all()] == [SHA]


def test_an_entry_is_in_the_list_the_file_and_the_ledger(world, add):
    before = reads.version()
    uid = add(entry()).ids[0]
    assert (before, reads.page().entries[0].id) == ("", uid)
    content = reads.manifest(NOON).entries[0]
    assert (content.kind, content.value, content.reason) == ("sha256", SHA, "logo of Newsroom")
    assert world.last_entry().kind == "allow_entry.added"
    assert world.last_entry().subject == f"allow_entry:{uid}"
    assert "Newsroom" not in str(world.last_entry().detail)


def test_every_change_gives_another_version_and_a_position_that_wakes_streams(world, add):
    seen = [(signal_reads.feed(0, viewer=world.observer).allowlist, 0)]
    uid = add(entry()).ids[0]
    seen.append((reads.version(), reads.last_position()))
    writes.remove(uid, body=WHY, by=world.actor(world.agency), now=NOON)
    seen.append((reads.version(), reads.last_position()))
    assert len({version for version, _ in seen}) == 3
    assert [position for _, position in seen] == sorted({position for _, position in seen})
    assert signal_reads.changes(seen[-1][1] - 1)[-1].position == seen[-1][1]
    assert signal_reads.feed(0, viewer=world.observer).allowlist == seen[-1][0]


def test_the_same_value_again_keeps_its_entry_and_an_expired_one_gives_way(add, world):
    first = add(entry(expires_at=NOON + timedelta(days=1)))
    again = add(entry(), entry())
    later = add(entry(), now=world.at(days=2))
    assert (again.created, again.existing, again.ids) == (0, 2, [first.ids[0]] * 2)
    assert (later.created, later.ids == first.ids) == (1, False)


def test_a_bulk_with_bad_rows_adds_nothing_and_names_them(add):
    bad = [
        entry(kind="url", value="https://youtube.com/", reach="host"),
        entry(kind="url", value="no address"),
        entry(expires_at=NOON - timedelta(days=1)),
    ]
    with pytest.raises(AllowlistRefusedError) as refused:
        add(entry(value=hex_value(9)), *bad)
    assert [(one.row, one.field) for one in refused.value.errors] == [
        (1, "value"),
        (2, "value"),
        (3, "expires_at"),
    ]
    assert not AllowEntry.objects.exists()


# what a key may do alone


@pytest.mark.parametrize(
    "facts",
    [
        {"kind": "url", "value": "https://news.example/", "reach": "host"},
        {"kind": "url", "value": "https://news.example/a/b", "reach": "folder"},
        {"kind": "pdq", "value": PDQ, "within_bits": 9},
        {"kind": "pdq", "value": PDQ, "within_bits": 31},
    ],
)
def test_a_key_of_the_agency_adds_nothing_wide_and_a_person_does(world, add, facts):
    with pytest.raises(AllowlistRefusedError):
        add(entry(**facts), by=world.actor(world.agency))
    assert add(entry(**facts)).created == 1


def test_entries_that_cover_signals_of_others_are_added_only_once_that_is_accepted(world, add):
    world.share(world.big_provider, kind="sha256", value=SHA)
    with pytest.raises(ConflictError, match="cover 1 live signals of other parties"):
        add(entry())
    added = add(entry(), accept=True, by=world.actor(world.agency))
    assert (added.created, added.covered, added.protected) == (1, 1, 0)


def test_a_signal_of_an_authority_is_shielded_by_a_person_alone(world, add):
    world.share(world.authority, kind="sha256", value=SHA)
    with pytest.raises(NotAllowedError, match="not a key"):
        add(entry(), accept=True, by=world.actor(world.agency))
    assert add(entry(), accept=True).protected == 1


def test_a_signal_that_two_confirm_is_shielded_by_a_person_alone(world, add):
    signal = world.share(world.big_provider, kind="sha256", value=SHA)
    for party in (world.small_provider, world.consortium):
        give_opinion(signal.id, body=OpinionIn(opinion="agree"), by=party, now=NOON)
    with pytest.raises(NotAllowedError, match="not a key"):
        add(entry(), accept=True, by=world.actor(world.agency))


# what an entry covers

URLS = [
    # the entry: address and reach; the signal: address and reach; whether they meet
    ("https://news.example/a/b", "address", "https://news.example/a/b", "address", True),
    ("https://news.example/a/b", "address", "https://news.example/a/c", "address", False),
    ("https://news.example/a", "folder", "https://news.example/a/c", "address", True),
    ("https://news.example/a", "folder", "https://news.example/b", "address", False),
    ("https://news.example/", "host", "https://www.news.example/x", "address", True),
    ("https://news.example/", "host", "https://badnews.example/x", "address", False),
    ("https://news.example/a/b", "address", "https://news.example/a", "folder", True),
    ("https://news.example/a/b", "address", "https://news.example/", "host", True),
    ("https://news.example/a/b", "address", "https://news.example/c", "folder", False),
]


@pytest.mark.parametrize("case", some_of(3, URLS))
def test_an_address_meets_what_covers_it_and_what_lies_below(world, add, case):
    listed, wide, shared, reach, meets = case
    listed_entry = entry(kind="url", value=listed, reach=wide)
    facts = {"kind": "url", "value": shared, "reach": reach}
    signal = world.share_looked_at(world.big_provider, **facts)
    row = AllowEntry.objects.get(uid=add(listed_entry, accept=True).ids[0])
    covered = [uid for uid, *_ in allowed.covered_signals(row, viewer=world.authority)]
    assert covered == ([signal.id] if meets else [])
    other = signal_in(**facts)
    told = signals.share(other, by=world.authority, now=NOON).waiting_for
    assert any("allow-list: logo of Newsroom" in why for why in told) is meets


def test_many_folders_and_hosts_cover_what_each_alone_would(world):
    addresses = ("www.news.example/x", "badnews.example/x", "a.host3.example/watch/1", "192.0.2.7/")
    for address in addresses:
        world.share(world.big_provider, kind="url", value=f"https://{address}")
    hosts = ["news.example", "192.0.2.7", *(f"host{number}.example" for number in range(30))]
    entries = [entry(kind="url", value=f"https://{host}/", reach="host") for host in hosts]
    entries.append(entry(kind="url", value="https://badnews.example/y", reach="folder"))
    by = world.actor(world.agency, role="coordinator")
    assert allowlists.check(AllowlistIn(entries=entries), by=by, now=NOON).covered == 3


@pytest.mark.parametrize(
    ("within", "distance", "meets"),
    some_of(
        2,
        [
            (None, 8, True),
            (None, 9, False),
            (31, 31, True),
            (31, 32, False),
            (0, 0, True),
            (0, 1, False),
        ],
    ),
)
def test_a_picture_meets_an_entry_within_its_distance(world, add, within, distance, meets):
    world.share(world.big_provider, value=near(PDQ, distance))
    body = AllowlistIn(entries=(entry(kind="pdq", value=PDQ, within_bits=within),))
    checked = allowlists.check(body, by=world.actor(world.agency, role="coordinator"), now=NOON)
    assert (checked.created, checked.covered) == (1, int(meets))
    add(entry(kind="pdq", value=PDQ, within_bits=within), accept=True)
    with_near = signal_in(value=near(PDQ, distance))
    shared = signals.share(with_near, by=world.authority, now=NOON)
    assert shared.state == ("waiting" if meets else "live")


def test_a_signal_that_meets_the_list_waits_with_the_reason_until_an_agency_approves(world, add):
    add(entry())
    for party in (world.authority, world.agency, world.big_provider):
        (why,) = world.share(party, kind="sha256", value=SHA).waiting_for
        assert "logo of Newsroom (source: Newsroom" in why
        assert "added by EU Internet Referral Unit" in why
    assert approvals.approvals(viewer=world.other_authority).approvals == []
    world.approve_all()
    assert Signal.objects.count() == 3


def test_a_bulk_has_what_meets_the_list_wait_and_names_each_row(world, add):
    add(entry())
    listed, fine = signal_in(kind="sha256", value=SHA), signal_in()
    out = signals.share_many([listed, fine, listed], by=world.authority, now=NOON)
    assert (out.created, out.waiting, out.existing) == (1, 1, 1)
    assert [row.state for row in out.signals] == ["waiting", "live", "waiting"]
    dry = bulk.check_bulk([signal_in(kind="sha256", value=SHA)], by=world.agency, now=NOON)
    assert "allow-list" in dry.rows[0].waiting_for[0]


def test_a_signal_that_is_live_already_is_shared_again_as_before(world, add):
    before = world.share(world.authority, kind="sha256", value=SHA)
    add(entry(), accept=True)
    assert world.share(world.authority, kind="sha256", value=SHA).id == before.id


def test_what_was_removed_or_has_expired_stops_nothing(world, add, officer):
    uid = add(entry()).ids[0]
    add(entry(value=hex_value(8), expires_at=world.at(hours=1)))
    writes.remove(uid, body=WHY, by=officer, now=NOON)
    assert world.share(kind="sha256", value=SHA).state == "live"
    late = signal_in(kind="sha256", value=hex_value(8))
    assert signals.share(late, by=world.authority, now=NOON).state == "waiting"
    agency = signals.share(late, by=world.agency, now=world.at(hours=2))
    assert agency.state == "live"


def test_a_removed_entry_is_put_back_once_and_only_knowingly(world, add, officer):
    uid = add(entry()).ids[0]
    writes.remove(uid, body=WHY, by=officer, now=NOON)
    world.share(kind="sha256", value=SHA)
    with pytest.raises(ConflictError, match="cover 1"):
        allowlists.restore(uid, body=AllowRestoreIn(), by=officer, now=NOON)
    knowingly = AllowRestoreIn(accept_covered=True)
    restored = allowlists.restore(uid, body=knowingly, by=officer, now=NOON)
    assert (restored.removed_at, restored.removed_reason) == (None, "")
    assert world.last_entry().kind == "allow_entry.restored"
    with pytest.raises(ConflictError, match="has an entry"):
        allowlists.restore(uid, body=knowingly, by=officer, now=NOON)


def test_covered_signals_are_listed_only_as_far_as_a_party_may_see_them(world, add):
    world.share(world.authority, kind="sha256", value=SHA, tlp="red", audience=("big-video",))
    row = AllowEntry.objects.get(uid=add(entry(), accept=True).ids[0])
    assert allowed.covered_signals(row, viewer=world.big_provider)
    assert allowed.covered_signals(row, viewer=world.small_provider) == []


def test_counts_of_an_agent_replace_those_it_sent_before(world, add):
    uid = add(entry()).ids[0]
    for count in (3, 5):
        body = AllowMatchesIn(counts=(AllowMatchCount(entry=uid, count=count),))
        writes.count_matches("a1", body=body, by=world.big_provider, now=NOON)
    assert AllowMatches.objects.count() == 1
    assert reads.page().entries[0].matches == 5


def test_the_search_finds_reason_source_address_and_value(add):
    add(entry(), entry(kind="url", value="https://news.example/x", reason="an article"))
    for query in ("logo", "newsroom", SHA[:8]):
        assert "logo of Newsroom" in [one.reason for one in reads.page(search=query).entries]
    assert [one.url for one in reads.page(search="news.example").entries] == ["news.example/x"]
    assert reads.page(search="nothing of it").entries == []


def test_pages_follow_each_other(add):
    add(*(entry(value=hex_value(number)) for number in range(20, 25)))
    first = reads.page(limit=3)
    second = reads.page(limit=3, before=first.next)
    assert (len(first.entries), len(second.entries), second.next, first.total) == (3, 2, None, 5)


def test_every_party_reads_entries_of_the_ledger_about_it(add):
    add(entry())
    kind = Entry.objects.order_by("-number")[0].kind
    assert OPEN_TO[kind.partition(".")[0]] == frozenset(PartyKind)
