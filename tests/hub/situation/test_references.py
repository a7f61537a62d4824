# SPDX-License-Identifier: Apache-2.0
"""Mentions and links in a situation log: how they are written, stored, told and shown."""

from uuid import uuid4

import pytest

from stemtide.hub.platform.errors import InvalidError, RateLimitError
from stemtide.hub.rooms.alerts.models import Alert
from stemtide.hub.rooms.alerts.writes import alerts
from stemtide.hub.rooms.crises.models import Crisis
from stemtide.hub.rooms.crises.writes import roles
from stemtide.hub.rooms.ledger.rules.rate_limits import LimitGroup
from stemtide.hub.rooms.reports.reads import timeline
from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.situation.models import Message
from stemtide.hub.rooms.situation.reads import references, situation as reads
from stemtide.hub.rooms.situation.rules import references as rules
from stemtide.hub.rooms.situation.writes import situation as writes
from stemtide.hub.rooms.tasks import writes as writes_tasks
from stemtide.protocol.enums.response import ReferenceKind, ResponseRole
from stemtide.protocol.messages.situation import MessageIn, TaskIn
from tests.hub.reports.requests import order, referral
from tests.rounds import rounds
from tests.world import NOON, hex_value


def post(room, by, text, **fields):
    body = MessageIn(**({"kind": "observation", "text": text} | fields))
    return writes.post(room.crisis.id, body=body, by=by, now=NOON)


def told():
    alerts.raise_from_ledger(NOON)
    rows = Alert.objects.filter(kind="mentioned").order_by("pk")
    return [(row.party.name, row.assigned_to and row.assigned_to.email) for row in rows]


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("ask @role:lead.", [("role", "lead")]),
        ("(@party:big-video), now", [("party", "big-video")]),
        ("@person:o'neil+a@x.example: please", [("person", "o'neil+a@x.example")]),
        ("see #signal:0a1b-2c3d!", [("signal", "0a1b-2c3d")]),
        ("#order:12345678 #task:12345678", [("order", "12345678"), ("task", "12345678")]),
        ("#order:12345678 twice #order:12345678", [("order", "12345678")]),
        ("@lead #signal 1 #hashtag anna@role:lead x#signal:12345678 ##task:12345678", []),
        ("https://x.example/#signal:12345678", []),
    ],
)
def test_mentions_and_links_are_read_from_the_text(text, written):
    assert [(one.kind, one.name) for one in rules.written_references(text)] == written


def test_a_message_has_at_most_twenty_mentions_and_links():
    text = " ".join(f"#task:{number:08}" for number in range(21))
    assert len(rules.written_references(text[:-15])) == 20
    with pytest.raises(InvalidError, match="more than 20"):
        rules.written_references(text)


@pytest.mark.parametrize(
    ("marks", "may"),
    [
        ({}, True),
        ({"tlp": "green"}, True),
        ({"tlp": "amber+strict", "audience": ("tech-forum",)}, False),
        ({"tlp": "red", "audience": ("tech-forum", "big-video")}, True),
    ][:: rounds(2, nightly=1)],
)
def test_only_a_party_that_may_read_the_message_is_mentioned(room, person, marks, may):
    by = person(room.world.authority)
    if may:
        post(room, by, "@party:big-video look", **marks)
        assert told() == [("big-video", None)]
        return
    with pytest.raises(InvalidError, match="big-video, which may not read"):
        post(room, by, "@party:big-video look", **marks)
    assert told() == []


def test_the_text_has_neither_the_id_of_a_thing_nor_the_address_of_a_person(room, person):
    by, colleague = person(room.world.authority), room.world.person(role="analyst")
    signal = room.world.share(crisis=room.crisis.id, value=hex_value(8), by=room.world.authority)
    text = f"@person:{colleague.email} see #signal:{signal.id}, #signal:{signal.id.hex[-8:]}"
    said = post(room, by, text)
    assert said.text == "@person:1 see #signal:2, #signal:2"
    assert Message.objects.get(uid=said.id).text == said.text
    assert [(one.token, one.kind, one.id) for one in said.references] == [
        ("@person:1", "person", None),
        ("#signal:2", "signal", signal.id),
    ]


def test_everybody_in_the_room_is_told_by_name_role_or_party(room, person):
    by, colleague = person(room.world.authority), room.world.person(role="analyst")
    media = person(room.world.big_provider)
    roles.take(room.crisis.id, ResponseRole.MEDIA, by=media, now=NOON)
    post(room, by, f"@role:media @party:tech-forum @person:{colleague.email} @role:media")
    assert told() == [
        ("big-video", "duty_officer@big-video.example"),
        ("tech-forum", None),
        ("be-crisis-centre", colleague.email),
    ]


@pytest.mark.nightly
def test_whoever_mentions_themselves_is_not_told(room, person):
    by = person(room.world.authority)
    roles.take(room.crisis.id, ResponseRole.LEAD, by=by, now=NOON)
    post(room, by, "@role:lead @person:duty_officer@be-crisis-centre.example")
    assert told() == []


def test_the_ledger_names_the_party_but_not_the_person(room, person):
    by, colleague = person(room.world.authority), room.world.person(role="analyst")
    post(room, by, f"@person:{colleague.email}")
    entry = room.world.last_entry()
    assert (entry.kind, entry.crisis) == ("message.mentioned", room.crisis.id)
    assert entry.detail["parties"] == ["be-crisis-centre"]
    assert colleague.ref not in str({**entry.detail, "through": ""})


def test_a_party_that_may_not_read_a_message_learns_of_no_mention(room, person):
    post(room, person(room.world.authority), "@party:big-video", tlp="red", audience=("big-video",))
    page = timeline.timeline(room.crisis.id, viewer=room.world.consortium, limit=500)
    mentions = [entry for entry in page.entries if entry.kind == "message.mentioned"]
    assert [(one.subject, one.detail) for one in mentions] == [("withheld", {})]


def test_a_colleague_is_named_to_their_own_party_only(room, person):
    by, colleague = person(room.world.authority), room.world.person(role="analyst")
    said = post(room, by, f"@person:{colleague.email}")
    own, other = (
        reads.message(said.id, viewer=viewer)
        for viewer in (room.world.authority, room.world.big_provider)
    )
    assert own.references[0].name == colleague.email
    assert colleague.email not in other.model_dump_json()
    assert (other.references[0].name, other.references[0].party) == ("", "be-crisis-centre")


@pytest.fixture
def author(room, person):
    """Somebody of the authority, who may see everything here."""
    return person(room.world.authority)


@pytest.fixture
def things(room, author):
    """One thing of each kind that the consortium may not see, by kind, and a task that it may."""
    signal = room.world.share(crisis=room.crisis.id, tlp="red", audience=("big-video",))
    Signal.objects.filter(uid=signal.id).update(title="Hidden title")
    crisis = Crisis.objects.get(uid=room.crisis.id)
    requests = referral(room.world), order(room.world)
    for row in requests:
        row.crisis = crisis
        row.save()
    body = TaskIn(title="Call the forum", due_at=NOON)
    task = writes_tasks.give(room.crisis.id, body=body, by=author, now=NOON)
    ids = [signal.id, signal.id, *(row.uid for row in requests), task.id]
    return dict(zip(("signal", "cluster", "referral", "order", "task"), ids, strict=True))


def test_what_is_linked_is_named_to_those_who_may_see_it(room, author, things):
    text = " ".join(f"#{kind}:{uid}" for kind, uid in things.items())
    said = post(room, author, text)
    assert [one.id for one in said.references] == list(things.values())
    assert said.references[0].name == "Hidden title"
    other = reads.message(said.id, viewer=room.world.consortium)
    assert [(one.kind, one.id is not None) for one in other.references] == [
        *(("signal", False), ("cluster", False), ("referral", False), ("order", False)),
        ("task", True),
    ]
    shown = other.model_dump_json()
    assert "Hidden title" not in shown
    assert [kind for kind, uid in things.items() if str(uid) in shown] == ["task"]
    assert [one.name for one in other.references if one.kind != "task"] == [""] * 4


def test_who_may_not_see_a_thing_neither_links_to_it_nor_is_offered_it(
    room, person, author, things
):
    by = person(room.world.consortium)
    for kind in ("signal", "cluster", "referral", "order"):
        for name in (things[kind], things[kind].hex[-8:], uuid4()):
            with pytest.raises(InvalidError, match="or that your party may not see"):
                post(room, by, f"see #{kind}:{name}")
    assert [one.kind for one in proposed(room, by)] == ["task"]
    assert {one.kind for one in proposed(room, author)} == {
        *("signal", "referral", "order", "task"),
    }


def proposed(room, by, *words):
    return references.suggestions(room.crisis.id, words=words, viewer=by.party, limit=5)


def test_things_are_proposed_by_the_words_of_their_names(room, person):
    by = person(room.world.authority)
    for number, title in enumerate(("Überfall auf dem Markt", "Market by night"), start=1):
        signal = room.world.share(value=hex_value(number), crisis=room.crisis.id)
        Signal.objects.filter(uid=signal.id).update(title=title)
    loose = room.world.share(value=hex_value(3))
    Signal.objects.filter(uid=loose.id).update(title="Überfall: Markt elsewhere")
    assert [one.name for one in proposed(room, by, "ÜBER", "markt")] == ["Überfall auf dem Markt"]
    assert [one.name for one in proposed(room, by, "nothing")] == []
    assert {one.name for one in proposed(room, by) if one.kind is ReferenceKind.SIGNAL} == {
        *("Überfall auf dem Markt", "Market by night"),
    }


@pytest.mark.parametrize(
    "text",
    [
        "@role:king",
        "@role:lead",
        "@party:no-such-party",
        "@party:rights-watch",
        "@person:nobody@be-crisis-centre.example",
        "@person:duty_officer@big-video.example",
        "@person:1",
        "#signal:1",
        "#signal:video",
        "#order:0123456789abcdef0123456789abcdef0",
        "#task:ffffffff",
    ][:: rounds(4, nightly=1)],
)
def test_what_is_wrong_is_named_and_nothing_is_written(room, person, text):
    person(room.world.big_provider)
    with pytest.raises(InvalidError) as refusal:
        post(room, person(room.world.authority), f"Look: {text}")
    assert refusal.value.field == "text"
    assert not Message.objects.exists()


def test_a_thing_of_another_crisis_is_not_linked(room, person):
    loose = room.world.share(value=hex_value(2))
    with pytest.raises(InvalidError, match="not in this crisis"):
        post(room, person(room.world.authority), f"#signal:{loose.id}")


@pytest.mark.nightly
def test_a_party_mentions_so_often_in_an_hour_and_a_message_over_it_is_not_written(
    room, person, settings
):
    settings.ALERTING_ACTS = {LimitGroup.MENTION: 2}
    by = person(room.world.authority)
    for _time in range(2):
        post(room, by, "@party:big-video")
    with pytest.raises(RateLimitError, match="Mentions in situation logs"):
        post(room, by, "@party:big-video")
    assert Message.objects.count() == 2
    post(room, by, "Without a mention.")
    assert told() == [("big-video", None)] * 2
