# SPDX-License-Identifier: Apache-2.0
"""What parties that joined a crisis still read when its tail is over."""

from datetime import timedelta

import pytest

from stemtide.hub.platform.errors import NotAllowedError, NotFoundError
from stemtide.hub.rooms.adoptions import writes as adoptions
from stemtide.hub.rooms.crises.reads import crises, participants, roles
from stemtide.hub.rooms.crises.writes import moves
from stemtide.hub.rooms.media import reads as media, writes as media_writes
from stemtide.hub.rooms.media.keys import keys_in
from stemtide.hub.rooms.reports.reads import timeline
from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.signals.reads import clusters, collection, signals as signal_reads
from stemtide.hub.rooms.signals.reads.export import ExportFilter, export
from stemtide.hub.rooms.signals.writes import signals
from stemtide.hub.rooms.situation.reads import search, situation as situation_reads
from stemtide.hub.rooms.situation.writes import situation
from stemtide.hub.rooms.tasks import reads as tasks
from stemtide.protocol.law.retention.adoptions import AdoptIn
from stemtide.protocol.messages.previews import PreviewIn
from stemtide.protocol.messages.situation import MessageIn
from tests.rounds import at_night, on_sqlite, some_of
from tests.world import NOON, hex_value

TAIL = timedelta(days=30)
END = NOON + TAIL


@pytest.fixture
def over(world, tmp_path):
    """A crisis with a signal that stays and others that end, a preview and a message."""
    crisis = world.activate()
    world.join(crisis, world.other_authority, world.big_provider, world.consortium)
    made = {
        name: world.share(value=hex_value(number), crisis=crisis.id).id
        for number, name in enumerate(("stays", "ends", "shown"), start=1)
    }
    own = world.share(world.big_provider, value=hex_value(9), crisis=crisis.id).id
    by = world.actor(world.authority)
    for name in ("stays", "shown"):
        body = PreviewIn(excerpt="Words of it.", expires_at=END + TAIL)
        keys = keys_in(tmp_path / "media.key")
        media_writes.add(made[name], body=body, by=by, now=NOON, keys=keys, most=3 * TAIL)
    body = MessageIn(kind="observation", text="Two men on the roof.")
    situation.post(crisis.id, body=body, by=by, now=NOON)
    adoptions.adopt(crisis.id, body=AdoptIn(signals=[made["stays"]]), by=by, now=NOON)
    world.close(crisis)
    return crisis.id, made | {"own": own}


def end(now=END):
    adoptions.limit_due(now)
    moves.note_due(now)
    signals.expire_due(now)


READS = {
    "timeline": lambda uid, party: timeline.timeline(uid, viewer=party),
    "log": lambda uid, party: situation_reads.log(uid, viewer=party),
    "lines": lambda uid, party: situation_reads.lines(uid, viewer=party),
    "tasks": lambda uid, party: tasks.tasks(uid, viewer=party),
    "roles": lambda uid, party: roles.roles(uid, viewer=party),
}


@pytest.mark.parametrize("read", some_of(1, READS))
def test_the_room_is_open_to_leading_parties_alone_once_the_tail_is_over(world, over, read):
    uid, _ = over
    READS[read](uid, world.big_provider)
    end()
    for party in (world.authority, world.other_authority, world.agency):
        READS[read](uid, party)
    for party in (world.big_provider, world.consortium):
        with pytest.raises(NotAllowedError, match="access of parties that joined it ended"):
            READS[read](uid, party)


@at_night
def test_previews_are_closed_to_those_that_joined(world, over):
    uid, made = over
    assert media.previews(made["stays"], viewer=world.big_provider)
    assert media.with_stored_preview(uid, viewer=world.big_provider)
    end()
    assert media.previews(made["stays"], viewer=world.big_provider) == []
    assert media.with_stored_preview(uid, viewer=world.big_provider) == set()
    assert media.previews(made["stays"], viewer=world.agency)


@at_night
@pytest.mark.usefixtures("over")
def test_messages_are_found_no_more(world):
    words = "Two men on the roof"
    assert "roof" in search.search(words, viewer=world.big_provider).model_dump_json()
    end()
    found = search.search(words, viewer=world.big_provider).model_dump_json()
    assert "on the roof." not in found


@at_night
def test_a_signal_that_ended_with_the_crisis_is_gone_and_an_adopted_signal_stays(world, over):
    uid, made = over
    assert clusters.clusters(uid, viewer=world.big_provider)
    end()
    assert Signal.objects.get(uid=made["ends"]).state == "expired"
    with pytest.raises(NotFoundError):
        signal_reads.signal(made["ends"], viewer=world.big_provider)
    for name in ("stays", "own"):
        assert signal_reads.signal(made[name], viewer=world.big_provider).value
    assert signal_reads.signal(made["ends"], viewer=world.agency).value
    assert clusters.clusters(uid, viewer=world.big_provider) == ()
    assert clusters.clusters(uid, viewer=world.agency)


def places_that_show(uid, party):
    """The places where the value of a signal, or its title, can be read."""
    row = Signal.objects.get(uid=uid)
    everything = ExportFilter(ended=True)
    exported = list(export(everything, viewer=party).parts)
    here = {
        "search by value": str(search.search(row.value, viewer=party).groups),
        "search by its beginning": str(search.search(row.value[:12], viewer=party).groups),
        "search by id": str(search.search(str(uid), viewer=party).groups),
        "search by title": str(signal_reads.by_title(["roof"], viewer=party, limit=5)),
        "search by label": str(search.search(row.labels[0], viewer=party).groups),
        "selection": str(signal_reads.several([uid], viewer=party)),
        "names": str(signal_reads.names([uid], viewer=party)),
        "export": str(exported),
    }
    return {name for name, text in here.items() if row.value in text or "Roof" in text}


@on_sqlite
def test_an_ended_signal_is_read_nowhere_and_its_end_is_told(world, over):
    _, made = over
    Signal.objects.filter(uid=made["ends"]).update(title="Roof")
    everywhere = places_that_show(made["ends"], world.agency)
    assert len(everywhere) == 8
    assert places_that_show(made["ends"], world.big_provider) == everywhere
    end()
    assert places_that_show(made["ends"], world.big_provider) == set()
    assert places_that_show(made["ends"], world.agency) == everywhere
    (row,) = [
        row
        for part in export(ExportFilter(ended=True), viewer=world.big_provider).parts
        for row in part
        if row["id"] == made["ends"]
    ]
    assert (row["state"], row["value"], row["labels"]) == ("expired", "", [])
    rows, _ = collection.page(
        collection.collected(viewer=world.big_provider, crisis=None, exercise=None),
        viewer=world.big_provider,
        limit=10,
    )
    assert "expired" in {row["state"] for row in rows if row["id"] == made["ends"]}


@at_night
def test_the_skeleton_of_the_timeline_stays(world, over):
    uid, _ = over
    end()
    kinds = [entry.kind for entry in timeline.timeline(uid, viewer=world.authority).entries]
    assert {"crisis.activated", "message.posted", "crisis.closed", "crisis.ended"} <= set(kinds)


@at_night
def test_those_that_joined_still_find_the_crisis_and_its_report(world, over):
    uid, _ = over
    end()
    assert crises.crisis(uid, viewer=world.big_provider).in_room is False
    assert crises.took_part(uid, party=world.big_provider)
    assert not crises.took_part(uid, party=world.small_provider)
    names = {party.name for party in participants.in_room(uid, viewer=world.agency)}
    assert "big-video" not in names


@at_night
def test_during_the_tail_nothing_changes(world, over):
    uid, made = over
    end(NOON + timedelta(days=29))
    for read in READS.values():
        read(uid, world.big_provider)
    assert signal_reads.signal(made["ends"], viewer=world.big_provider).value
