# SPDX-License-Identifier: Apache-2.0
"""The flood guard: which signals would match much else, and wait for a second look."""

import pytest
from benchmarks import _common_set
from benchmarks._common_pictures import login

from stemtide.fingerprints.text.fingerprint import sketch
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.signals.reads.sharing import breadth as reads, bulk
from stemtide.hub.rooms.signals.reads.sharing.breadth import estimate
from stemtide.hub.rooms.signals.rules import checks
from stemtide.hub.rooms.signals.writes import signals
from stemtide.matching.common.content import common_set
from stemtide.protocol.enums import Standing
from stemtide.protocol.messages.signals import WithdrawIn
from stemtide.protocol.trust.breadth import breadth_limits
from tests.matching.test_common import GREETING
from tests.prints import long_value
from tests.rounds import at_night, on_sqlite
from tests.world import NOON, add_member, hex_value, signal_in

pytestmark = pytest.mark.django_db
FORM = _common_set.hashes(login, 1, seed=(70,))[0].hex()
BASE = int(hex_value(5), 16)


def picture(value, **facts):
    return signal_in(value=value, **facts)


def turned(bits):
    """A hash that differs from BASE in these bits."""
    return f"{BASE ^ sum(1 << bit for bit in bits):064x}"


def breadth(world, body, *, by=None):
    ready = checks.read([body], now=NOON)
    return estimate(ready.drafts, by=by or world.big_provider).get(0)


@pytest.mark.parametrize("by", ["big_provider", "authority", "agency"])
def test_a_common_picture_waits_whoever_shares_it(world, by):
    shared = signals.share(picture(FORM), by=getattr(world, by), now=NOON)
    assert shared.state == "waiting"
    (why,) = shared.waiting_for
    assert "of 4,650 common pictures and screens lie near it (sign-in form" in why


def test_an_ordinary_picture_travels_and_the_next_bulk_says_before_what_waits(world):
    assert signals.share(picture(hex_value(3)), by=world.big_provider, now=NOON).state == "live"
    checked = bulk.check_bulk(
        [picture(FORM), picture(hex_value(4))], by=world.big_provider, now=NOON
    )
    assert [row.would_be for row in checked.rows] == ["waiting", "created"]
    assert "common pictures" in checked.rows[0].waiting_for[0]


@on_sqlite
def test_a_broad_picture_of_an_exercise_and_of_an_active_crisis_waits_too(world):
    crisis = world.activate()
    shared = signals.share(picture(FORM, crisis=crisis.id), by=world.authority, now=NOON)
    assert shared.state == "waiting"
    drilled = signals.share(picture(FORM, exercise=True), by=world.big_provider, now=NOON)
    assert drilled.state == "waiting"


@at_night
def test_a_text_that_everybody_sends_waits_and_a_film_and_prose_do_not(world):
    greeting = sketch(f"{GREETING} Yours, Jo").to_bytes().hex()
    assert breadth(world, signal_in(kind="text", value=greeting)).is_broad
    for kind in ("text", "video", "audio", "gop"):
        body = signal_in(kind=kind, value=long_value(kind).hex())
        assert breadth(world, body) is None or not breadth(world, body).is_broad


def test_digests_of_common_files_wait_and_addresses_do_not(world):
    name = next(key for key in common_set().file_names if len(key) == 64)
    assert breadth(world, signal_in(kind="sha256", value=name)).is_broad
    assert breadth(world, signal_in(kind="url", value="https://a.example/1")) is None


UNLIKE = [turned(range(30)), turned(range(60, 90)), turned(range(120, 150))]
"""Each is 30 bits from BASE, and 60 from the others."""


def share_unlike(*sharers, **facts):
    for number, (value, by) in enumerate(zip(UNLIKE, sharers, strict=True)):
        given = {name: each[number] for name, each in facts.items()}
        signals.share(picture(value, **given), by=by, now=NOON)


def test_a_picture_that_matches_three_unlike_contents_of_two_parties_is_broad(world):
    share_unlike(world.authority, world.agency, world.agency)
    estimated = breadth(world, picture(turned([])))
    assert (estimated.is_broad, estimated.matches_standing) == (True, 3)
    assert "it matches 3 unlike contents that others share" in estimated.note


def test_a_hub_that_starts_reads_the_sample_before_the_first_share(
    world, monkeypatch, django_assert_num_queries
):
    share_unlike(world.authority, world.agency, world.agency)
    monkeypatch.setattr(reads, "_sample", reads._Sample())
    reads.warm_up()

    with django_assert_num_queries(1):  # whether the feed has moved
        reads._sample.follow(limits=breadth_limits().standing)
    assert len(reads._sample.signals) == 3


def test_contents_of_one_party_do_not_make_a_picture_broad(world):
    share_unlike(*[world.agency] * 3)
    assert breadth(world, picture(turned([]))) is None


@on_sqlite
def test_the_variants_of_an_outbreak_do_not_make_it_broad(world):
    crisis = world.activate().id
    share_unlike(world.authority, world.agency, world.agency, crisis=[crisis] * 3)
    assert breadth(world, picture(turned([]))) is None


def test_what_no_third_party_may_see_does_not_count(world):
    hidden = [("eu-referral-unit",)] * 3
    share_unlike(world.authority, world.agency, world.agency, audience=hidden)
    assert breadth(world, picture(turned([]))) is None


def test_providers_cannot_make_the_picture_of_an_authority_wait(world):
    share_unlike(world.big_provider, *[world.small_provider] * 2)
    assert breadth(world, picture(turned([])), by=world.authority) is None


def test_withdrawn_signals_and_those_of_new_parties_do_not_count(world):
    share_unlike(world.authority, world.agency, world.agency)
    assert breadth(world, picture(turned([])))
    uid = Signal.objects.get(value=UNLIKE[0]).uid
    signals.withdraw(uid, body=WithdrawIn(reason="mistake"), by=world.authority, now=NOON)
    assert breadth(world, picture(turned([]))) is None
    newcomer = add_member("newcomer", title="New", kind="provider")
    Party.objects.filter(pk=newcomer.pk).update(standing=Standing.NEW)
    signals.share(picture(UNLIKE[0]), by=newcomer, now=NOON)
    assert breadth(world, picture(turned([]))) is None
