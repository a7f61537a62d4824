# SPDX-License-Identifier: Apache-2.0
"""Private matching in the hub: which rows there are, who gets them, and how keys change."""

import base64
from datetime import timedelta

import pytest

from stemtide.fingerprints.kinds import Kind
from stemtide.fingerprints.url.reach import print_of_url
from stemtide.hub import scheduler
from stemtide.hub.platform.errors import ConflictError, InvalidError, RateLimitError
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.private_matching import reads, rules, writes
from stemtide.hub.rooms.private_matching.models import (
    EvaluatedSignal,
    EvaluationCount,
    MatchEpoch,
)
from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.signals.writes import opinions, signals
from stemtide.protocol.enums import Action
from stemtide.protocol.handling import Pap
from stemtide.protocol.messages.signals import OpinionIn, WithdrawIn
from stemtide.protocol.private_match.messages import BlindedIn, BucketsIn
from stemtide.protocol.private_match.oprf import blind
from stemtide.protocol.private_match.rows import input_of, split_rows, tag_of, unseal
from tests.rounds import at_night
from tests.world import NOON, hex_value

WEEK = timedelta(days=7, seconds=1)


def share(world, number=1, **facts):
    size = 32 if facts.setdefault("kind", "sha256") == "md5" else 64
    return world.share(value=hex_value(number, digits=size), **facts).id


@pytest.fixture
def ask(world):
    """Note that a provider asks, and let the scheduler do what is due."""

    def ask(now=NOON):
        writes.note_request(by=world.big_provider, now=now)
        writes.follow_feed(now)

    return ask


def epoch_of(viewer, now=NOON):
    return reads.describe(viewer=viewer, now=now)


def opened(viewer, number=1, *, kind=Kind.SHA256, epoch=None, now=NOON):
    """The signals that a party's rows open to, for one digest."""
    head = epoch or epoch_of(viewer, now).epoch
    value = bytes.fromhex(hex_value(number, digits=32 if kind is Kind.MD5 else 64))
    output = reads.server(head).output_of(input_of(kind, value))
    return [
        signal
        for tag, sealed in rows_of(viewer, epoch=head, now=now)
        if tag == tag_of(output) and (signal := unseal(sealed, output=output))
    ]


def rows_of(viewer, *, epoch, now=NOON):
    body = BucketsIn(epoch=epoch, buckets=[0])
    (bucket,) = reads.buckets(body, viewer=viewer, now=now).buckets
    return list(split_rows(base64.b64decode(bucket.rows)))


@at_night
def test_a_hub_that_nobody_asks_evaluates_nothing(world):
    share(world)
    scheduler.follow_ledger(NOON)
    assert not MatchEpoch.objects.exists()
    with pytest.raises(rules.NotEvaluatedError, match="ask again"):
        epoch_of(world.big_provider)


def test_the_digests_of_live_signals_are_matched_and_those_of_pictures_are_not(world, ask):
    file, old_file = share(world), share(world, 2, kind="md5")
    share(world, 3, kind="pdq")
    ask()
    viewer = world.big_provider
    assert opened(viewer) == [(file, Action.BLOCK)]
    assert opened(viewer, 2, kind=Kind.MD5) == [(old_file, Action.BLOCK)]
    assert opened(viewer, 3) == []
    assert len(rows_of(viewer, epoch=epoch_of(viewer).epoch)) == 2


def test_new_and_ended_signals_follow(world, ask):
    first = share(world)
    ask()
    second = share(world, 2)
    scheduler.follow_ledger(NOON)
    viewer = world.big_provider
    assert opened(viewer, 2) == [(second, Action.BLOCK)]
    body = WithdrawIn(reason="mistake")
    signals.withdraw(first, body=body, by=world.authority, now=NOON, actor_ref="key:abcd2345")
    assert opened(viewer) == []  # at once
    scheduler.follow_ledger(NOON)
    assert EvaluatedSignal.objects.get().signal.uid == second


def test_a_signal_that_expired_is_in_no_bucket(world, ask):
    share(world, expires_at=(NOON + timedelta(hours=2)).isoformat())
    ask()
    viewer = world.big_provider
    epoch = epoch_of(viewer).epoch
    assert len(rows_of(viewer, epoch=epoch)) == 1
    assert rows_of(viewer, epoch=epoch, now=NOON + timedelta(hours=3)) == []


def test_only_signals_that_a_party_may_see_take_part(world, ask):
    share(world, tlp="red", audience=(world.big_provider.name,))
    share(world, 2, tlp="amber")
    share(world, 3, tlp="green")
    ask()
    epoch = epoch_of(world.observer).epoch
    for viewer, count in [
        (world.big_provider, 3),
        (world.small_provider, 2),
        (world.observer, 1),
        (world.authority, 3),
    ]:
        assert len(rows_of(viewer, epoch=epoch)) == count, viewer.name
    assert opened(world.small_provider) == []


def test_exercise_signals_take_no_part(world, ask):
    share(world, exercise=True)
    ask()
    assert rows_of(world.big_provider, epoch=epoch_of(world.big_provider).epoch) == []


@pytest.mark.parametrize(
    ("pap", "disputed", "flood", "action"),
    [
        ("red", False, "", "log"),
        ("red", True, "lowered", "log"),
        ("amber", False, "", "hold"),
        ("green", False, "", "block"),
        ("clear", False, "", "block"),
        ("green", True, "", "hold"),
        ("clear", False, "lowered", "hold"),
        ("clear", False, "cleared", "block"),
    ],
)
def test_the_marks_of_a_signal_decide_what_its_row_says(pap, disputed, flood, action):
    assert rules.strongest_action(Pap(pap), is_disputed=disputed, flood=flood) == action


def test_a_signal_whose_marks_change_gets_another_row(world, ask):
    signal = share(world)
    ask()
    assert opened(world.big_provider) == [(signal, Action.BLOCK)]
    for party in (world.other_authority, world.small_provider, world.consortium):
        body = OpinionIn(opinion="dispute", note="a news report")
        opinions.give_opinion(signal, body=body, by=party, now=NOON)
    assert Signal.objects.get().is_disputed
    scheduler.follow_ledger(NOON)
    assert opened(world.big_provider) == [(signal, Action.HOLD)]


def test_the_database_holds_no_key_in_plain_and_no_digest_beside_the_rows(world, ask):
    share(world)
    ask()
    epoch = MatchEpoch.objects.get()
    assert epoch.seed.startswith("gAAAA")  # Fernet
    assert epoch.public_key == epoch_of(world.big_provider).public_key
    row = EvaluatedSignal.objects.get()
    value = bytes.fromhex(Signal.objects.get().value)
    assert value not in bytes(row.sealed)
    assert row.signal.uid.bytes not in bytes(row.sealed)


@at_night
def test_a_key_is_replaced_after_a_week_and_the_old_one_goes_an_hour_later(world, ask):
    signal = share(world)
    ask()
    first = MatchEpoch.objects.get()
    ask(NOON + WEEK)
    viewer, now = world.big_provider, NOON + WEEK
    second = epoch_of(viewer, now)
    assert second.epoch != first.pk
    assert second.public_key != first.public_key
    old, new = (rows_of(viewer, epoch=epoch, now=now) for epoch in (first.pk, second.epoch))
    assert {tag for tag, _ in old}.isdisjoint(tag for tag, _ in new)
    assert opened(viewer, now=now) == [(signal, Action.BLOCK)]
    ask(now + timedelta(hours=1))
    first.refresh_from_db()
    assert (first.seed, first.ended_at is None) == ("", False)
    ask(now + timedelta(hours=1))
    assert {row.epoch_id for row in EvaluatedSignal.objects.all()} == {second.epoch}
    kinds = [kind for kind in world.ledger_kinds() if kind.startswith("match_epoch")]
    assert kinds == ["match_epoch.opened", "match_epoch.opened", "match_epoch.ended"]


def test_after_a_week_without_questions_the_key_goes_and_no_other_comes(world, ask):
    share(world)
    ask()
    later = NOON + timedelta(days=9)
    writes.follow_feed(later)
    assert [epoch.seed for epoch in MatchEpoch.objects.all()] == [""]
    writes.follow_feed(later)
    assert not EvaluatedSignal.objects.exists()


def test_an_epoch_that_began_after_the_last_question_goes_too(world, ask):
    """Nothing is evaluated for it any more: it would answer without the signals of that time."""
    share(world)
    ask()
    ask(NOON + timedelta(days=5))
    writes.follow_feed(NOON + WEEK)
    assert MatchEpoch.objects.latest("pk").created_at == NOON + WEEK
    writes.follow_feed(NOON + timedelta(days=13, hours=1))
    assert not MatchEpoch.objects.filter(ended_at=None).exists()


@at_night
def test_an_epoch_that_ended_answers_nothing(world, ask):
    share(world)
    ask()
    old = MatchEpoch.objects.get()
    ask(NOON + WEEK)
    ask(NOON + WEEK + timedelta(hours=1))
    blinded = [element.hex() for element in blind([b"a"]).elements]
    with pytest.raises(ConflictError, match="is not in use"):
        writes.evaluate(BlindedIn(epoch=old.pk, blinded=blinded), by=world.big_provider, now=NOON)
    with pytest.raises(ConflictError, match="is not in use"):
        rows_of(world.big_provider, epoch=old.pk)


def test_another_secret_of_the_hub_ends_the_epoch(world, ask, settings):
    share(world)
    ask()
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another" * 8, []
    writes.follow_feed(NOON)
    writes.follow_feed(NOON)
    assert [bool(epoch.seed) for epoch in MatchEpoch.objects.all()] == [False, True]


def test_a_party_looks_up_so_many_digests_a_day(world, ask, monkeypatch):
    ask()
    monkeypatch.setattr(rules, "MAX_A_DAY", 3)
    epoch = epoch_of(world.big_provider).epoch
    body = BlindedIn(epoch=epoch, blinded=[e.hex() for e in blind([b"a", b"b"]).elements])
    writes.evaluate(body, by=world.big_provider, now=NOON)
    assert epoch_of(world.big_provider).left_today == 1
    with pytest.raises(RateLimitError, match="go on tomorrow") as caught:
        writes.evaluate(body, by=world.big_provider, now=NOON)
    assert caught.value.retry_after_s == 12 * 3600
    writes.evaluate(body, by=world.small_provider, now=NOON)  # each party has its own
    writes.evaluate(body, by=world.big_provider, now=NOON + timedelta(days=1))


def test_a_refused_element_costs_nothing_and_is_named(world, ask):
    ask()
    epoch = epoch_of(world.big_provider).epoch
    with pytest.raises(InvalidError) as caught:
        writes.evaluate(
            BlindedIn(epoch=epoch, blinded=["00" * 32]), by=world.big_provider, now=NOON
        )
    assert caught.value.field == "blinded.0"
    assert EvaluationCount.objects.get().count == 0


@at_night
def test_an_epoch_whose_buckets_are_too_full_is_replaced_early(world, ask, monkeypatch):
    monkeypatch.setattr(rules, "ROWS_OF_BUCKET", 1)
    share(world)
    ask()
    for number in range(2, 9):
        share(world, number)
    ask()
    assert MatchEpoch.objects.count() == 1
    share(world, 9)
    ask()
    ask()
    first, second = MatchEpoch.objects.all()
    assert (first.prefix_bits, second.prefix_bits) == (0, 3)
    assert epoch_of(world.big_provider).epoch == second.pk
    assert MatchEpoch.objects.count() == 2


def test_an_answer_of_too_many_rows_is_refused(world, ask, monkeypatch):
    share(world)
    ask()
    epoch = epoch_of(world.big_provider).epoch
    monkeypatch.setattr(rules, "MOST_ROWS", 1)
    assert len(rows_of(world.big_provider, epoch=epoch)) == 1
    monkeypatch.setattr(rules, "MOST_ROWS", 0)
    with pytest.raises(rules.NotEvaluatedError, match="ask again"):
        rows_of(world.big_provider, epoch=epoch)


def test_signals_of_a_suspended_party_are_in_no_bucket(world, ask):
    share(world)
    ask()
    epoch = epoch_of(world.big_provider).epoch
    Party.objects.filter(pk=world.authority.pk).update(standing="suspended")
    assert rows_of(world.big_provider, epoch=epoch) == []


def test_a_clock_that_is_behind_gives_nobody_another_days_count(world, ask, monkeypatch):
    monkeypatch.setattr(rules, "MAX_A_DAY", 1)
    ask()
    epoch = epoch_of(world.big_provider).epoch
    body = BlindedIn(epoch=epoch, blinded=[blind([b"a"]).elements[0].hex()])
    writes.evaluate(body, by=world.big_provider, now=NOON)
    with pytest.raises(RateLimitError):
        writes.evaluate(body, by=world.big_provider, now=NOON - timedelta(days=1))
    assert EvaluationCount.objects.get().day == NOON.date()


@pytest.mark.parametrize(
    ("rows", "bits"), [(0, 0), (2047, 0), (2048, 1), (4096, 2), (1_000_000, 9), (10**12, 16)]
)
def test_buckets_hold_a_thousand_rows_at_least(rows, bits):
    assert rules.prefix_bits(rows) == bits


def test_buckets_split_the_rows_without_remainder(world, ask):
    for number in range(1, 30):
        share(world, number)
    ask()
    MatchEpoch.objects.update(prefix_bits=3)
    viewer = world.big_provider
    head = epoch_of(viewer)
    body = BucketsIn(epoch=head.epoch, buckets=list(range(8)))
    parts = reads.buckets(body, viewer=viewer, now=NOON).buckets
    tags = [
        (part.bucket, tag) for part in parts for tag, _ in split_rows(base64.b64decode(part.rows))
    ]
    assert len(tags) == 29
    assert all(tag >> 61 == number for number, tag in tags)
    with pytest.raises(InvalidError, match="there are 8 buckets"):
        reads.buckets(BucketsIn(epoch=head.epoch, buckets=[8]), viewer=viewer, now=NOON)


@at_night
def test_a_folder_is_matched_by_the_digest_of_its_expression(world, ask):
    address = "https://listed.example/folder/"
    folder = world.share_looked_at(kind="url", value=address, reach="folder").id
    ask()
    (stored,) = Signal.objects.values_list("value", flat=True)
    digests = print_of_url("https://listed.example/folder/page.html").digests
    assert bytes.fromhex(stored) in [whole for _, whole in digests]
    server = reads.server(epoch_of(world.big_provider).epoch)
    output = server.output_of(input_of(Kind.URL, bytes.fromhex(stored)))
    ((tag, sealed),) = rows_of(world.big_provider, epoch=epoch_of(world.big_provider).epoch)
    assert tag == tag_of(output)
    assert unseal(sealed, output=output) == (folder, Action.BLOCK)
