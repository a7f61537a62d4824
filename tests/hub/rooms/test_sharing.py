# SPDX-License-Identifier: Apache-2.0
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from django.db import connection

from stemtide.fingerprints.url import canonical as url
from stemtide.hub.platform.errors import ConflictError, InvalidError, NotAllowedError
from stemtide.hub.platform.permissions import allows
from stemtide.hub.rooms.crises.writes import moves as crises
from stemtide.hub.rooms.signals import bulk_sql as statements
from stemtide.hub.rooms.signals.models import ContentItem, Signal
from stemtide.hub.rooms.signals.reads import signals as reads
from stemtide.hub.rooms.signals.rules import signals as rules
from stemtide.hub.rooms.signals.writes import signals as writes
from stemtide.protocol.enums import PartyKind
from stemtide.protocol.messages.crises import CloseIn
from stemtide.protocol.messages.signals import RowError, WithdrawIn
from tests.rounds import at_night, on_sqlite
from tests.world import NOON, hex_value, signal_in


def bulk(world, *bodies, by=None, partial=False):
    return writes.share_many(bodies, by=by or world.authority, now=NOON, partial=partial)


def many(count, **facts):
    return [signal_in(value=hex_value(number), **facts) for number in range(count)]


@pytest.mark.parametrize(
    ("kind", "may"),
    [
        (PartyKind.AUTHORITY, True),
        (PartyKind.AGENCY, True),
        (PartyKind.PROVIDER, True),
        (PartyKind.CONSORTIUM, True),
        (PartyKind.OBSERVER, False),
    ],
)
def test_who_may_share(kind, may):
    assert allows(rules.check_share, kind=kind) is may


def test_an_observer_cannot_share_a_signal(world):
    with pytest.raises(NotAllowedError, match="observers"):
        world.share(world.observer)
    with pytest.raises(NotAllowedError, match="observers"):
        bulk(world, signal_in(), by=world.observer)
    assert world.ledger_kinds() == []


@on_sqlite
def test_a_shared_signal_reads_as_it_was_sent(world):
    crisis = world.activate()
    world.join(crisis, world.big_provider)
    shared = world.share(
        value=hex_value().upper(),
        quality=71,
        within_bits=12,
        content=(content := uuid4()),
        labels=("manifesto", "incitement", "manifesto"),
        provenance="perpetrator",
        confidence=95,
        tlp="amber+strict",
        pap="amber",
        audience=("small-forum", "big-video"),
        expires_at=world.at(days=30),
        crisis=crisis.id,
    )
    read = reads.signal(shared.id, viewer=world.big_provider)
    assert shared.created
    assert (read.id, read.position, read.state) == (shared.id, shared.position, "live")
    assert (read.kind, read.value, read.url, read.quality) == ("pdq", hex_value(), None, 71)
    assert (read.within_bits, read.content, read.crisis) == (12, content, crisis.id)
    assert read.labels == ["incitement", "manifesto"]
    assert (read.severity, read.provenance, read.confidence) == ("high", "perpetrator", 95)
    assert (read.tlp, read.pap) == ("amber+strict", "amber")
    assert read.audience == ["big-video", "small-forum"]
    assert (read.shared_by, read.shared_at) == ("be-crisis-centre", NOON)
    assert (read.expires_at, read.withdrawn_at) == (world.at(days=30), None)


def test_a_share_is_recorded_without_what_was_shared(world):
    signal = signal_in(kind="url", value="https://host.example/a")
    shared = writes.share(signal, by=world.big_provider, now=NOON, actor_ref="key:ab12")
    entry = world.last_entry()
    assert (entry.kind, entry.actor) == ("signal.shared", "party:big-video")
    assert entry.subject == f"signal:{shared.id}"
    assert entry.detail == {"position": 1, "through": "key:ab12"}
    assert entry.recorded_at == NOON


def test_sharing_the_same_again_gives_what_is_there(world):
    facts = {"labels": ("manifesto", "incitement"), "audience": ("big-video", "small-forum")}
    first = world.share(**facts)
    turned = {name: tuple(reversed(value)) for name, value in facts.items()}
    again = world.share(**turned, value=hex_value().upper())
    assert (again.id, again.position, again.created) == (first.id, first.position, False)
    assert world.ledger_kinds() == ["signal.shared"]


@pytest.mark.parametrize(
    ("facts", "named"),
    [
        ({"severity": "low"}, "severity"),
        ({"quality": 80}, "quality"),
        ({"within_bits": 3}, "within_bits"),
        ({"labels": ("manifesto",)}, "labels"),
        ({"confidence": 1}, "confidence"),
        ({"provenance": "victim"}, "provenance"),
        ({"tlp": "green"}, "tlp"),
        ({"pap": "red"}, "pap"),
        ({"audience": ("big-video",)}, "audience"),
        ({"content": uuid4()}, "content"),
        ({"expires_at": NOON.replace(year=2027)}, "expires_at"),
        ({"tlp": "clear", "pap": "clear"}, "tlp, pap"),
    ],
)
def test_sharing_the_same_value_with_other_facts_is_a_conflict_that_names_them(world, facts, named):
    world.share()
    with pytest.raises(ConflictError, match=f"another {named}: withdraw that signal first"):
        world.share(**facts)
    assert Signal.objects.count() == 1


def test_two_parties_may_share_one_value(world):
    assert world.share().created
    assert world.share(world.big_provider, severity="low").created


def test_an_exercise_may_use_a_real_value(world):
    content = uuid4()
    assert world.share(content=content).created
    assert world.share(content=content, exercise=True).created
    assert ContentItem.objects.filter(uid=content).count() == 2
    assert world.last_entry().exercise


def test_a_value_that_was_withdrawn_becomes_a_new_signal(world):
    first = world.share()
    body = WithdrawIn(reason="mistake")
    writes.withdraw(first.id, body=body, by=world.authority, now=NOON)
    second = world.share()
    assert second.created
    assert second.id != first.id


def test_signals_of_one_content_share_its_item(world):
    content = uuid4()
    world.share(content=content)
    world.share(kind="sha256", content=content)
    world.share(world.big_provider, content=content)
    assert ContentItem.objects.count() == 2


@pytest.mark.parametrize(
    ("facts", "field", "says"),
    [
        ({"quality": 49}, "quality", "SHA-256"),
        ({"expires_at": NOON}, "expires_at", "past"),
        ({"audience": ("big-video", "big-vidoe")}, "audience", "'big-vidoe'"),
        ({"crisis": uuid4()}, "crisis", "leave it out"),
        ({"kind": "url", "value": "https://"}, "value", "address|host"),
        ({"kind": "url", "value": "no address"}, "value", "address|host"),
    ],
)
def test_a_signal_that_is_not_valid_is_refused_with_its_field(world, facts, field, says):
    with pytest.raises(InvalidError, match=says) as refused:
        world.share(**facts)
    assert refused.value.field == field
    assert world.ledger_kinds() == []


def test_a_quality_of_fifty_is_enough(world):
    assert world.share(quality=50).created
    assert world.share(value=hex_value(2), quality=None).created


@at_night
def test_a_closed_crisis_takes_signals_until_its_tail_ends(world):
    crisis = world.close(world.activate())
    late = signal_in(crisis=crisis.id)
    before, after = world.at(days=29, hours=23), world.at(days=30)
    assert writes.share(late, by=world.authority, now=before).created
    with pytest.raises(InvalidError, match="closed"):
        writes.share(signal_in(crisis=crisis.id, value=hex_value(2)), by=world.authority, now=after)


def test_a_warning_that_came_to_nothing_has_no_tail(world):
    crisis = world.warn()
    body = CloseIn(reason="a rumour")
    crises.close(crisis.id, body=body, by=world.actor(), now=NOON)
    with pytest.raises(InvalidError, match="closed"):
        world.share(crisis=crisis.id)


def test_only_who_takes_part_adds_signals_to_a_crisis(world):
    crisis = world.activate()
    with pytest.raises(InvalidError, match="not a participant"):
        world.share(world.consortium, crisis=crisis.id)
    world.join(crisis, world.consortium)
    assert world.share(world.consortium, crisis=crisis.id).created


@pytest.mark.parametrize("exercise", [False, True])
def test_a_crisis_takes_signals_as_real_as_itself(world, exercise):
    crisis = world.warn(exercise=exercise)
    assert world.share(crisis=crisis.id, exercise=exercise).created
    with pytest.raises(InvalidError) as refused:
        world.share(crisis=crisis.id, exercise=not exercise, value=hex_value(2))
    assert refused.value.field == "exercise"


def test_a_url_is_shared_in_its_one_spelling(world):
    shared = world.share(kind="url", value="HTTP://Host.Example:80/a/../b?utm_source=x#top")
    spelled = url.canonical("http://host.example/b")
    read = reads.signal(shared.id, viewer=world.agency)
    assert (read.value, read.url) == (url.digest(spelled).hex(), spelled)
    assert not world.share(kind="url", value="http://host.example/b").created


def test_the_digest_of_a_url_stands_for_it(world):
    digest = url.digest(url.canonical("https://host.example/b")).hex()
    shared = world.share(kind="url", value=digest.upper())
    read = reads.signal(shared.id, viewer=world.agency)
    assert (read.value, read.url) == (digest, None)
    assert not world.share(kind="url", value="https://host.example/b").created


def test_a_bulk_is_one_act_with_one_entry(world):
    out = bulk(world, *many(50))
    assert (out.created, out.existing, out.refused) == (50, 0, 0)
    assert [one.position for one in out.signals] == list(range(1, 51))
    assert world.ledger_kinds() == ["signals.shared"]
    assert world.last_entry().detail == {"count": 50, "first": 1, "last": 50}
    assert Signal.objects.count() == 50


def test_rows_of_a_bulk_share_crisis_content_and_audience(world):
    content = uuid4()
    facts = {"crisis": world.activate().id, "content": content, "audience": ("big-video",)}
    out = bulk(world, *many(3, **facts))
    for one in out.signals:
        read = reads.signal(one.id, viewer=world.authority)
        assert (read.crisis, read.content) == (facts["crisis"], content)
        assert (read.audience, read.labels) == (["big-video"], ["perpetrator-content"])
    assert ContentItem.objects.count() == 1


@at_night
def test_a_bulk_sent_again_changes_nothing(world):
    first = bulk(world, *many(1200))
    again = bulk(world, *many(1200))
    assert (again.created, again.existing) == (0, 1200)
    assert [one.id for one in again.signals] == [one.id for one in first.signals]
    assert world.ledger_kinds() == ["signals.shared"]


def test_a_row_that_repeats_an_earlier_one_stands_for_it(world):
    out = bulk(world, signal_in(), signal_in(value=hex_value(2)), signal_in())
    assert out.signals[0].id == out.signals[2].id
    assert [one.created for one in out.signals] == [True, True, False]
    assert (out.created, out.existing) == (2, 1)


def test_a_row_that_contradicts_an_earlier_one_is_a_conflict(world):
    with pytest.raises(writes.BulkRefusedError) as refused:
        bulk(world, signal_in(), signal_in(severity="low"))
    error = refused.value.errors[0]
    assert (error.row, error.field) == (1, "conflict")
    assert "severity" in error.message


def test_one_bad_row_keeps_the_whole_bulk_out(world):
    world.share(value=hex_value(99), severity="low")
    bad = [
        *many(3),
        signal_in(value=hex_value(50), quality=3),
        RowError(row=4, field="value", message="is missing"),
        signal_in(value=hex_value(51), audience=("nobody",)),
        signal_in(value=hex_value(99)),
    ]
    with pytest.raises(writes.BulkRefusedError, match="partial=1") as refused:
        bulk(world, *bad)
    named = [(one.row, one.field) for one in refused.value.errors]
    assert named == [(3, "quality"), (4, "value"), (5, "audience"), (6, "conflict")]
    assert Signal.objects.count() == 1
    assert world.ledger_kinds() == ["signal.shared"]
    assert reads.feed(0, viewer=world.agency).head == 1


def test_the_good_rows_of_a_partial_bulk_land(world):
    bad = RowError(row=1, field="value", message="is missing")
    out = bulk(world, signal_in(), bad, signal_in(value=hex_value(2)), partial=True)
    assert (out.created, out.existing, out.refused) == (2, 0, 1)
    assert [one and one.position for one in out.signals] == [1, None, 2]
    assert out.errors == [bad]


def test_a_partial_bulk_without_a_good_row_records_nothing(world):
    out = bulk(world, RowError(row=0, field="value", message="is missing"), partial=True)
    assert (out.created, out.refused) == (0, 1)
    assert world.ledger_kinds() == []


def test_real_and_exercise_in_one_bulk_are_recorded_apart(world):
    out = bulk(world, signal_in(exercise=True), signal_in(), signal_in(value=hex_value(2)))
    assert [one.position for one in out.signals] == [3, 1, 2]
    assert world.ledger_kinds() == ["signals.shared"] * 2
    assert world.last_entry().exercise


def test_bulks_of_many_writers_at_once_leave_no_gap_and_no_double(committed_world):
    world = committed_world

    def work(which):
        try:
            return bulk(world, *many(40 + which)).created
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        created = sum(pool.map(work, range(8)))
    assert created == 47
    positions = Signal.objects.order_by("position").values_list("position", flat=True)
    assert list(positions) == list(range(1, 48))


@pytest.mark.skipif(connection.vendor != "sqlite", reason="SQLite plans without statistics")
def test_a_value_is_found_by_its_index_however_many_its_party_shares(world):
    same = Signal.objects.filter(shared_by=world.authority, state="live", value__in=["a", "b"])
    assert "one_live_signal_a_party_and_value (value=?" in same.explain()


def test_ids_follow_time_and_are_not_guessed():
    early, same, late = (rules.uuid_at(NOON.replace(minute=one)) for one in (0, 0, 1))
    assert early != same
    assert max(early, same) < late
    assert (early.version, early.variant) == (7, "specified in RFC 4122")


def test_what_is_shared_already_is_found_by_value_and_by_party(world):
    mine, theirs, gone = hex_value(1), hex_value(2), hex_value(3)
    world.share(value=mine)
    world.share(world.other_authority, value=theirs)
    shared = world.share(value=gone)
    writes.withdraw(shared.id, body=WithdrawIn(reason="mistake"), by=world.authority, now=NOON)
    asked = [mine, theirs, gone, mine, hex_value(4)]
    assert statements.live_values(asked, by=world.authority) == [mine]
    assert statements.live_values(asked, by=world.other_authority) == [theirs]
    assert statements.live_values([], by=world.authority) == []


@pytest.mark.skipif(connection.vendor != "sqlite", reason="asks for SQLite's plan")
@pytest.mark.usefixtures("world")
def test_values_are_looked_for_in_the_index_of_live_signals():
    with connection.cursor() as cursor:
        marks = ", ".join(["%s"] * 3)
        statement = statements._LIVE_VALUES.format(marks=marks)
        cursor.execute(f"EXPLAIN QUERY PLAN {statement}", [1, "a", "b", "c"])
        (plan,) = [row[-1] for row in cursor.fetchall()]
    assert "one_live_signal_a_party_and_value (value=?" in plan
