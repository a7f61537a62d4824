# SPDX-License-Identifier: Apache-2.0
"""Local features of pictures: who sends, reads and removes them, and that they are ciphertext."""

from datetime import timedelta
from itertools import count
from uuid import uuid4

import pytest
from benchmarks import _common_set
from benchmarks._common_pictures import login
from pydantic import ValidationError

from stemtide.hub import scheduler
from stemtide.hub.platform.errors import ConflictError, InvalidError, NotAllowedError, NotFoundError
from stemtide.hub.rooms.local_features import reads, rules, writes
from stemtide.hub.rooms.local_features.models import LocalFeatures
from stemtide.hub.rooms.media import keys as media_keys
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.signals.writes import signals
from stemtide.protocol.messages.signals import WithdrawIn
from stemtide.protocol.sync.local_features import LocalFeaturesIn
from tests.fingerprints.pictures import photo
from tests.world import NOON, hex_value, signal_in

local = pytest.importorskip("stemtide.fingerprints.image.local", reason="needs stemtide[local]")


def value_of(name="coffee.png"):
    return local.features_of(photo(name).convert("L")).to_bytes().hex()


VALUE = value_of()


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    return media_keys.keys_in(tmp_path_factory.mktemp("keys") / "media.key")


NUMBERS = count(1)


def share(world, *, by=None, **facts):
    if facts.get("kind", "pdq") == "pdq":
        facts["value"] = hex_value(next(NUMBERS))
    return signals.share(signal_in(**facts), by=by or world.authority, now=NOON).id


@pytest.fixture
def signal(world):
    return share(world)


@pytest.fixture
def send(world, keys):
    def send(signal, *, by=None, value=VALUE):
        actor = Actor(party=by or world.authority, ref="key:abcd2345")
        body = LocalFeaturesIn(value=value)
        return writes.send(signal, body=body, by=actor, now=NOON, keys=keys)

    return send


@pytest.fixture
def page(world, keys):
    def page(viewer=None, *, after=0, limit=500, exercise=False):
        viewer = viewer or world.big_provider
        return reads.page(after=after, limit=limit, exercise=exercise, viewer=viewer, keys=keys)

    return page


def remove(signal, *, by):
    return writes.remove(signal, by=Actor(party=by, ref="key:abcd2345"), now=NOON)


def test_a_provider_reads_what_the_sharer_sent_and_the_database_holds_ciphertext(
    world, signal, send, page
):
    position = Signal.objects.get(uid=signal).position
    sent = send(signal)
    (entry,) = page().entries
    assert (entry.number, entry.signal, entry.value) == (sent.number, signal, VALUE)
    stored = bytes(LocalFeatures.objects.get().value)
    assert stored.startswith(b"age-encryption.org/v1")
    assert b"STLF" not in stored
    assert Signal.objects.get(uid=signal).position > position  # agents ask after a new position
    assert world.ledger_kinds()[-1] == "local_features.sent"


@pytest.mark.parametrize("reader", ["authority", "agency", "observer"])
def test_parties_that_compare_no_uploads_get_none(world, signal, send, page, reader):
    send(signal)
    with pytest.raises(NotAllowedError, match="only providers get local features"):
        page(getattr(world, reader))


def test_a_provider_outside_of_the_audience_gets_none(world, send, page):
    signal = share(world, tlp="red", audience=(world.big_provider.name,))
    send(signal)
    assert len(page().entries) == 1
    assert page(world.small_provider).entries == []


@pytest.mark.parametrize("tlp", ["green", "clear"])
def test_a_signal_that_may_be_passed_on_takes_none(world, send, tlp):
    with pytest.raises(ConflictError, match="TLP:AMBER only"):
        send(share(world, tlp=tlp))


def test_only_the_sharer_of_a_live_picture_sends_them(world, send):
    with pytest.raises(NotAllowedError, match="who shared this signal, can send"):
        send(share(world), by=world.big_provider)
    with pytest.raises(ConflictError, match="only a pdq signal"):
        send(share(world, kind="sha256"))
    with pytest.raises(NotFoundError):
        send(uuid4())
    ended = share(world)
    withdraw(world, ended)
    with pytest.raises(ConflictError, match="only a live signal"):
        send(ended)


def withdraw(world, signal):
    body = WithdrawIn(reason="mistake")
    signals.withdraw(signal, body=body, by=world.authority, now=NOON, actor_ref="key:abcd2345")


def test_they_end_with_their_signal_and_the_ciphertext_goes(world, signal, send, page):
    number = send(signal).number
    withdraw(world, signal)
    assert page().entries == []
    scheduler.run_deadlines(NOON + timedelta(minutes=1))
    assert writes.forget_ended(NOON + timedelta(minutes=1)) == 0
    row = LocalFeatures.objects.get()
    assert (bytes(row.value), row.removed_at is not None) == (b"", True)
    assert page().head == number  # numbers never fall, so that agents need not begin again


def test_others_replace_them_and_a_removal_reaches_those_who_have_them(world, signal, send, page):
    first, other = send(signal).number, value_of("chelsea.png")
    second = send(signal, value=other).number
    assert [entry.value for entry in page().entries] == [None, other]
    remove(signal, by=world.agency)
    (last,) = page(after=second).entries
    assert (last.signal, last.value) == (signal, None)
    assert first < second < last.number
    with pytest.raises(NotFoundError, match="nothing to remove"):
        remove(signal, by=world.authority)
    send(signal)
    with pytest.raises(NotAllowedError):
        remove(signal, by=world.big_provider)


def test_under_other_marks_than_they_were_sent_under_nobody_gets_them(world, send, page):
    signal = share(world, tlp="red", audience=(world.small_provider.name,))
    send(signal)
    Signal.objects.filter(uid=signal).update(tlp="amber", audience="")
    assert page().entries == page(world.small_provider).entries == []
    send(signal)
    assert len(page().entries) == 1


def test_pages_follow_each_other(world, send, page):
    for name in ("coffee.png", "chelsea.png", "rocket.jpg"):
        send(share(world), value=value_of(name))
    first = page(limit=2)
    rest = page(after=first.next, limit=2)
    assert (len(first.entries), first.more, len(rest.entries), rest.more) == (2, True, 1, False)
    assert rest.next == rest.head == first.head
    assert None not in [entry.value for entry in first.entries + rest.entries]
    assert page(after=rest.next).entries == []


def test_those_of_an_exercise_are_for_agents_that_take_part(world, send, page):
    send(share(world, exercise=True))
    assert page().entries == []
    assert len(page(exercise=True).entries) == 1


def test_those_of_a_sign_in_form_are_refused_as_common(signal, send):
    drawn = _common_set.Image.fromarray(_common_set.np.asarray(login(_rng(5)))).convert("L")
    with pytest.raises(InvalidError, match="common pictures and screens have the same places"):
        send(signal, value=local.features_of(drawn).to_bytes().hex())
    assert not LocalFeatures.objects.exists()


def _rng(seed):
    return _common_set.np.random.default_rng([77, seed])


def test_one_party_cannot_take_all_the_room(world, signal, send, monkeypatch):
    monkeypatch.setattr(rules, "MAX_A_PARTY", 1)
    send(signal)
    send(signal)
    with pytest.raises(ConflictError, match="remove some first"):
        send(share(world))
    send(share(world, by=world.big_provider), by=world.big_provider)


@pytest.mark.parametrize("value", ["", "zz", VALUE.upper(), VALUE + "00", VALUE[:-2], "53544c46"])
def test_malformed_values_are_refused_before_anything_is_asked(value):
    with pytest.raises(ValidationError):
        LocalFeaturesIn(value=value)


def test_a_new_key_opens_what_an_old_one_sealed(signal, send, tmp_path):
    path = tmp_path / "media.key"
    old = media_keys.keys_in(path)
    send(signal)
    LocalFeatures.objects.update(value=old.seal(bytes.fromhex(VALUE)))
    both = media_keys.add_key(path)
    assert (writes.reseal(keys=both), writes.reseal(keys=both)) == (1, 0)
    only = media_keys.drop_old_keys(path)
    assert reads.damaged(only) == []
    assert reads.damaged(old) == [LocalFeatures.objects.get().pk]
