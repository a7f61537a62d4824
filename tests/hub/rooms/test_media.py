# SPDX-License-Identifier: Apache-2.0
"""Previews: who sends, looks and destroys; that only ciphertext is kept, and not for long."""

import base64
from datetime import timedelta
from uuid import uuid4

import pytest

from stemtide.hub.platform.errors import ConflictError, InvalidError, NotAllowedError, NotFoundError
from stemtide.hub.platform.permissions import allows, check_may_see_preview_counts
from stemtide.hub.rooms.ledger.models import Entry
from stemtide.hub.rooms.media import keys as media_keys, reads, rules, writes
from stemtide.hub.rooms.media.models import Look, Preview
from stemtide.hub.rooms.media.rules import PreviewFacts
from stemtide.hub.rooms.parties.reads import parties
from stemtide.hub.rooms.signals.writes import signals
from stemtide.protocol.enums import PartyKind, Role, SignalState
from stemtide.protocol.messages.previews import PreviewIn, PreviewKind, Purpose
from stemtide.protocol.messages.signals import WithdrawIn
from tests.fingerprints.pictures import encoded, photo
from tests.rounds import at_night
from tests.world import NOON, hex_value, signal_in

MOST = timedelta(days=14)
LATER = NOON + timedelta(days=2)
PICTURE = encoded(photo(), "JPEG")
JPEG = b"\xff\xd8\xff"


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    return media_keys.keys_in(tmp_path_factory.mktemp("keys") / "media.key")


@pytest.fixture
def crisis(world):
    """A crisis with the big provider in its room."""
    return world.warn()


@pytest.fixture
def signal(world, crisis):
    body = signal_in(crisis=crisis.id)
    return signals.share(body, by=world.authority, now=NOON).id


@pytest.fixture
def actor(world):
    def actor_of(party=None, role=Role.DUTY_OFFICER):
        person = world.person(party or world.authority, role=role)
        return parties.actor(person)

    return actor_of


@pytest.fixture
def key_of():
    return lambda party: parties.Actor(party=party, ref="key:abcd2345")


@pytest.fixture
def send(world, signal, key_of, keys):
    def send_one(uid=signal, *, by=None, at=NOON, expires_at=LATER, excerpt="Words of it."):
        body = PreviewIn(excerpt=excerpt, expires_at=expires_at)
        by = by or key_of(world.authority)
        return writes.add(uid, body=body, by=by, now=at, keys=keys, most=MOST)

    return send_one


def still(expires_at=LATER):
    return PreviewIn(still=base64.b64encode(PICTURE).decode(), expires_at=expires_at)


# Sending


def test_only_ciphertext_is_kept(send, keys):
    send(excerpt="Words that must not be found.")
    row = Preview.objects.get()
    assert bytes(row.whole).startswith(b"age-encryption.org/v1")
    assert b"must not be found" not in bytes(row.whole)
    assert keys.unseal(row.whole) == b"Words that must not be found."


@at_night
def test_a_still_is_made_anew_and_has_a_veil(world, signal, key_of, keys):
    by = key_of(world.authority)
    found = writes.add(signal, body=still(), by=by, now=NOON, keys=keys, most=MOST)
    assert found.kind is PreviewKind.STILL
    row = Preview.objects.get()
    whole, veil = keys.unseal(row.whole), keys.unseal(row.veil)
    assert whole.startswith(JPEG)
    assert veil.startswith(JPEG)
    assert len(veil) < len(whole) == found.size_bytes


def test_what_is_no_picture_is_refused_at_its_field(world, signal, key_of, keys):
    body = PreviewIn(still=base64.b64encode(b"GIF89a nothing").decode(), expires_at=LATER)
    with pytest.raises(InvalidError, match="still: the hub cannot create") as refused:
        writes.add(signal, body=body, by=key_of(world.authority), now=NOON, keys=keys, most=MOST)
    assert refused.value.field == "still"
    assert not Preview.objects.exists()


@at_night
def test_sending_is_written_down_without_words_of_it(world, signal, send):
    send(excerpt="secret words")
    entry = world.last_entry()
    assert (entry.kind, entry.subject) == ("preview.added", f"signal:{signal}")
    assert "secret" not in str(entry.detail)


def test_a_date_is_needed_that_lies_ahead_and_not_far(send):
    with pytest.raises(InvalidError, match="in the past"):
        send(expires_at=NOON)
    with pytest.raises(InvalidError, match="14 days at most"):
        send(expires_at=NOON + timedelta(days=15))


@at_night
def test_a_signal_has_at_most_four_previews(send):
    for _ in range(4):
        send()
    with pytest.raises(ConflictError, match="has 4 previews"):
        send()


def test_a_signal_without_a_crisis_takes_none(world, send):
    loose = world.share(value=hex_value(5)).id
    with pytest.raises(ConflictError, match="has no crisis"):
        send(loose)


@at_night
def test_a_withdrawn_signal_takes_none(world, signal, send):
    body = WithdrawIn(reason="mistake")
    signals.withdraw(signal, body=body, by=world.authority, now=NOON)
    with pytest.raises(ConflictError, match="no longer matches"):
        send()


def test_nobody_else_sends_a_preview_of_a_signal(world, send, key_of):
    for party in (world.agency, world.big_provider, world.consortium):
        with pytest.raises(NotAllowedError, match="only be-crisis-centre"):
            send(by=key_of(party))
    with pytest.raises(NotFoundError):
        send(by=key_of(world.observer))


def test_a_signal_that_is_held_back_is_not_there(world, crisis, send, key_of):
    body = signal_in(
        value=hex_value(7), crisis=crisis.id, tlp="red", audience=("eu-referral-unit",)
    )
    uid = signals.share(body, by=world.authority, now=NOON).id
    with pytest.raises(NotFoundError):
        send(uid, by=key_of(world.big_provider))
    send(uid)
    assert reads.previews(uid, viewer=world.big_provider) == []
    assert reads.with_stored_preview(crisis.id, viewer=world.big_provider) == set()
    assert reads.with_stored_preview(crisis.id, viewer=world.agency) == {uid}


# Rules: who may, written out

FACTS = PreviewFacts(
    shared_by="sharer", state=SignalState.LIVE, has_crisis=True, is_in_room=True, previews=1
)
LOOKS = {
    (PartyKind.AUTHORITY, Role.DUTY_OFFICER): True,
    (PartyKind.AUTHORITY, Role.ANALYST): True,
    (PartyKind.AUTHORITY, Role.COORDINATOR): True,
    (PartyKind.AUTHORITY, Role.ADMINISTRATOR): True,
    (PartyKind.AUTHORITY, Role.DATA_PROTECTION_OFFICER): False,
    (PartyKind.AUTHORITY, Role.OBSERVER): False,
    (PartyKind.AUTHORITY, None): False,
    (PartyKind.AGENCY, Role.ANALYST): True,
    (PartyKind.PROVIDER, Role.ANALYST): True,
    (PartyKind.PROVIDER, None): False,
    (PartyKind.CONSORTIUM, Role.ANALYST): True,
    (PartyKind.OBSERVER, Role.ANALYST): False,
    (PartyKind.OBSERVER, Role.OBSERVER): False,
}


@pytest.mark.parametrize(("who", "may"), LOOKS.items(), ids=str)
def test_who_looks(who, may):
    kind, role = who
    assert allows(rules.check_look, FACTS, kind=kind, role=role) is may


@pytest.mark.parametrize(
    "facts",
    [
        FACTS.__class__("sharer", SignalState.LIVE, True, False, 1),
        FACTS.__class__("sharer", SignalState.LIVE, True, True, 0),
        FACTS.__class__("sharer", SignalState.WITHDRAWN, True, True, 1),
        FACTS.__class__("sharer", SignalState.EXPIRED, True, True, 1),
    ],
    ids=["outside the room", "nothing kept", "withdrawn", "expired"],
)
def test_nobody_looks(facts):
    assert not allows(rules.check_look, facts, kind=PartyKind.AGENCY, role=Role.ANALYST)


DESTROYS = {
    (PartyKind.AUTHORITY, "sharer"): True,
    (PartyKind.PROVIDER, "sharer"): True,
    (PartyKind.AGENCY, "other"): True,
    (PartyKind.AUTHORITY, "other"): False,
    (PartyKind.PROVIDER, "other"): False,
    (PartyKind.CONSORTIUM, "other"): False,
    (PartyKind.OBSERVER, "other"): False,
}


@pytest.mark.parametrize(("who", "may"), DESTROYS.items(), ids=str)
def test_who_destroys(who, may):
    kind, name = who
    found = allows(rules.check_destroy, FACTS, destroyed_at=None, kind=kind, name=name)
    assert found is may


@pytest.mark.parametrize(
    ("role", "may"),
    [
        (Role.DATA_PROTECTION_OFFICER, True),
        (Role.COORDINATOR, True),
        (Role.ADMINISTRATOR, True),
        (Role.DUTY_OFFICER, False),
        (Role.ANALYST, False),
        (Role.OBSERVER, False),
    ],
)
def test_who_sees_counts_of_a_party(role, may):
    assert allows(check_may_see_preview_counts, role) is may


def test_observers_send_none():
    assert not allows(rules.check_add, FACTS, kind=PartyKind.OBSERVER, name="sharer")


def test_a_role_that_reads_sends_and_destroys_none(world, send, actor):
    reader = actor(world.authority, Role.DATA_PROTECTION_OFFICER)
    with pytest.raises(NotAllowedError, match="can only read"):
        send(by=reader)
    with pytest.raises(NotAllowedError, match="can only read"):
        writes.destroy(send().id, by=reader, now=NOON, on_hold=())


# Looking


@pytest.fixture
def look(signal, actor, world):
    """A preview with a veil, and somebody who opened it."""
    by = actor(world.agency)

    def begin(uid=signal, *, at=NOON, by=by):
        return writes.open_look(uid, purpose=Purpose.REVIEW, by=by, now=at), by

    return begin


def test_behind_the_veil_first_and_without_it_after_a_second_act(world, signal, key_of, keys, look):
    sender = key_of(world.authority)
    preview = writes.add(signal, body=still(), by=sender, now=NOON, keys=keys, most=MOST).id
    uid, by = look()
    row = Preview.objects.get()
    veil = reads.content(uid, preview, by=by, now=NOON, keys=keys)
    assert veil == keys.unseal(row.veil)
    writes.reveal(uid, by=by, now=NOON)
    whole = reads.content(uid, preview, by=by, now=NOON, keys=keys)
    assert whole == keys.unseal(row.whole)


def test_an_excerpt_has_no_veil_and_is_not_there_before_the_second_act(send, look, keys):
    preview = send().id
    uid, by = look()
    with pytest.raises(NotFoundError, match="no veil"):
        reads.content(uid, preview, by=by, now=NOON, keys=keys)
    writes.reveal(uid, by=by, now=NOON)
    assert reads.content(uid, preview, by=by, now=NOON, keys=keys) == b"Words of it."


def test_each_step_is_written_down_with_its_purpose_and_names_no_person(world, signal, send, look):
    send()
    uid, by = look()
    writes.reveal(uid, by=by, now=NOON)
    writes.reveal(uid, by=by, now=NOON)  # a page loaded again
    assert world.ledger_kinds()[-3:] == ["preview.added", "preview.opened", "preview.revealed"]
    entry = Entry.objects.get(kind="preview.opened")
    assert entry.actor == "party:eu-referral-unit"
    assert entry.detail == {"purpose": "review", "through": by.ref}
    assert entry.subject == f"signal:{signal}"


def test_a_look_is_nobody_elses(world, send, look, actor, keys):
    preview = send().id
    uid, _ = look()
    other = actor(world.agency, Role.ANALYST)
    with pytest.raises(NotFoundError):
        writes.reveal(uid, by=other, now=NOON)
    with pytest.raises(NotFoundError):
        reads.content(uid, preview, by=other, now=NOON, keys=keys)
    with pytest.raises(NotFoundError):
        reads.look(uid4 := uuid4(), by=other, now=NOON), uid4


@at_night
def test_a_look_ends_after_ten_minutes(world, send, look, keys):
    preview = send().id
    uid, by = look()
    with pytest.raises(ConflictError, match="has closed"):
        writes.reveal(uid, by=by, now=world.at(minutes=11))
    writes.reveal(uid, by=by, now=world.at(minutes=9))
    assert reads.content(uid, preview, by=by, now=world.at(minutes=18), keys=keys)
    with pytest.raises(NotFoundError, match="has closed"):
        reads.content(uid, preview, by=by, now=world.at(minutes=20), keys=keys)


def test_a_look_shows_nothing_of_another_signals_preview(world, crisis, send, look, keys):
    send()
    body = signal_in(value=hex_value(8), crisis=crisis.id)
    other = send(signals.share(body, by=world.authority, now=NOON).id).id
    uid, by = look()
    writes.reveal(uid, by=by, now=NOON)
    with pytest.raises(NotFoundError):
        reads.content(uid, other, by=by, now=NOON, keys=keys)


def test_a_withdrawal_ends_every_look_at_once(world, signal, send, look, keys):
    preview = send().id
    uid, by = look()
    writes.reveal(uid, by=by, now=NOON)
    signals.withdraw(signal, body=WithdrawIn(reason="mistake"), by=world.authority, now=NOON)
    with pytest.raises(NotFoundError):
        reads.content(uid, preview, by=by, now=NOON, keys=keys)
    with pytest.raises(ConflictError):
        writes.reveal(uid, by=by, now=NOON)


@at_night
def test_a_machine_does_not_look(world, signal, send, key_of):
    send()
    with pytest.raises(NotAllowedError, match="only a person"):
        writes.open_look(signal, purpose=Purpose.REVIEW, by=key_of(world.agency), now=NOON)
    with pytest.raises(NotAllowedError, match="only a person"):
        reads.person(by=key_of(world.agency))


@at_night
def test_a_look_says_what_it_is_of(crisis, signal, send, look):
    preview = send().id
    uid, by = look()
    found = reads.look(uid, by=by, now=NOON)
    assert (found.signal, found.crisis, found.purpose) == (signal, crisis.id, Purpose.REVIEW)
    assert found.previews == ((preview, PreviewKind.EXCERPT),)


# Counting


@at_night
def test_looks_are_counted_for_the_person_by_day_hour_and_crisis(crisis, send, look):
    send()
    _, by = look(at=NOON - timedelta(days=1))
    look(at=NOON - timedelta(hours=2))
    look()
    found = reads.exposure(crisis.id, by=by, now=NOON)
    assert (found.today, found.here, found.lately) == (2, 3, 1)
    assert not found.needs_pause
    assert reads.exposure(uuid4(), by=by, now=NOON).here == 0


def test_after_ten_looks_within_an_hour_a_pause_is_due(send, look, crisis):
    send()
    for _ in range(9):
        _, by = look()
    assert not reads.exposure(crisis.id, by=by, now=NOON).needs_pause
    look()
    assert reads.exposure(crisis.id, by=by, now=NOON).needs_pause


@at_night
def test_one_variant_seen_is_seen_by_one_person(crisis, signal, send, look, actor):
    send()
    _, by = look()
    assert reads.opened_signals(crisis.id, by=by) == {signal}
    assert reads.has_opened([uuid4(), signal], by=by)
    assert not reads.has_opened([uuid4()], by=by)
    other = actor(by.party, Role.ANALYST)
    assert reads.opened_signals(crisis.id, by=other) == set()
    assert Look.objects.get().cluster == signal


def test_a_machine_has_seen_nothing(world, crisis, key_of):
    machine = key_of(world.agency)
    assert reads.opened_signals(crisis.id, by=machine) == set()
    assert reads.exposure(crisis.id, by=machine, now=NOON).today == 0


@at_night
def test_a_party_sees_its_own_days_as_counts(world, send, look, actor):
    send()
    uid, by = look()
    look(by=actor(world.agency, Role.ANALYST))
    writes.reveal(uid, by=by, now=NOON)
    (day,) = reads.days_of_looks(viewer=world.agency)
    assert (day.day, day.looks, day.revealed, day.people) == (NOON.date(), 2, 1, 2)
    assert reads.days_of_looks(viewer=world.authority) == []


# Destroying


def test_a_preview_is_destroyed_on_its_date_and_its_entry_stays(world, send):
    send()
    assert writes.destroy_due(LATER - timedelta(seconds=1)) == 0
    assert writes.destroy_due(LATER) == 1
    assert writes.destroy_due(LATER) == 0
    row = Preview.objects.get()
    assert (bytes(row.whole), bytes(row.veil), row.destroyed_at) == (b"", b"", LATER)
    assert world.last_entry().kind == "preview.destroyed"
    assert world.last_entry().actor == "clock"


@at_night
def test_a_preview_goes_with_its_signal(world, signal, send):
    send()
    signals.withdraw(signal, body=WithdrawIn(reason="mistake"), by=world.authority, now=NOON)
    assert writes.destroy_due(NOON) == 1


@at_night
def test_many_are_destroyed_batch_by_batch(monkeypatch, send):
    monkeypatch.setattr(writes, "DESTROY_AT_ONCE", 2)
    for _ in range(3):
        send()
    assert writes.destroy_due(LATER) == 3


@at_night
def test_one_run_destroys_a_bounded_number(monkeypatch, send):
    monkeypatch.setattr(writes, "DESTROY_AT_ONCE", 1)
    monkeypatch.setattr(writes, "DESTROY_BATCHES", 2)
    for _ in range(3):
        send()
    assert [writes.destroy_due(LATER) for _ in range(3)] == [2, 1, 0]


@at_night
def test_its_sender_destroys_a_preview_early_and_once(world, signal, send, key_of):
    sent = send()
    by = key_of(world.authority)
    found = writes.destroy(sent.id, by=by, now=NOON, on_hold=())
    assert found.destroyed_at == NOON
    with pytest.raises(ConflictError, match="was destroyed at 2026-11-24 12:00:00 UTC"):
        writes.destroy(sent.id, by=by, now=NOON, on_hold=())
    assert reads.previews(signal, viewer=world.authority) == [found]


def test_nobody_destroys_what_is_not_there(world, key_of):
    with pytest.raises(NotFoundError):
        writes.destroy(uuid4(), by=key_of(world.agency), now=NOON, on_hold=())


# Keys


def test_the_file_of_keys_is_made_once_for_its_owner_only(tmp_path):
    path = tmp_path / "media.key"
    first = media_keys.keys_in(path)
    again = media_keys.keys_in(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert again.unseal(first.seal(b"x")) == b"x"
    assert [one.name for one in tmp_path.iterdir()] == ["media.key"]


def test_a_new_key_seals_and_the_old_one_still_opens(tmp_path):
    path = tmp_path / "media.key"
    old = media_keys.keys_in(path)
    sealed = old.seal(b"x")
    both = media_keys.add_key(path)
    assert both.unseal(sealed) == b"x"
    assert not both.is_sealed_by_first(sealed)
    new = media_keys.drop_old_keys(path)
    assert new.is_sealed_by_first(both.seal(b"y"))
    with pytest.raises(media_keys.KeyFileError, match="no key of STEMTIDE_MEDIA_KEY_FILE"):
        new.unseal(sealed)


@pytest.mark.parametrize("text", ["", "# nothing\n", "no key\n", "\ufffe"])
def test_a_file_without_a_key_is_refused_with_its_name(tmp_path, text):
    path = tmp_path / "media.key"
    path.write_text(text, "utf-8")
    with pytest.raises(media_keys.KeyFileError, match=r"media\.key"):
        media_keys.keys_in(path)


@at_night
def test_previews_are_sealed_anew_and_read_as_before(world, signal, key_of, tmp_path, look):
    path = tmp_path / "media.key"
    sender, old = key_of(world.authority), media_keys.keys_in(path)
    preview = writes.add(signal, body=still(), by=sender, now=NOON, keys=old, most=MOST).id
    excerpt = PreviewIn(excerpt="Words.", expires_at=LATER)
    writes.add(signal, body=excerpt, by=sender, now=NOON, keys=old, most=MOST)
    both = media_keys.add_key(path)
    assert writes.reseal(keys=both, actor="operator", now=NOON) == 2
    assert writes.reseal(keys=both, actor="operator", now=NOON) == 0
    new = media_keys.drop_old_keys(path)
    uid, by = look()
    assert reads.content(uid, preview, by=by, now=NOON, keys=new).startswith(JPEG)
    assert world.last_entry().kind == "preview.opened"
