# SPDX-License-Identifier: Apache-2.0
"""The door for signed messages of neighbours, and a hub that tells another one."""

import json
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings as django_settings
from django.test import Client

from stemtide.hub.checks.surroundings import neighbours as check
from stemtide.hub.rooms.crises.models import Crisis, Neighbour, NeighbourMessage, Telling
from stemtide.hub.rooms.crises.teller import NeighbourTeller
from stemtide.protocol.activations import TYPE, key_text, read_key, sign, signing_key
from tests.hub.alerts.receivers import answer, parts, receiver

KEY = Ed25519PrivateKey.generate()


def current():
    """The time of a message: the door takes none that is five minutes old."""
    return datetime.now(UTC)


@pytest.fixture
def file(world, settings, tmp_path):
    """The operator's file, with a neighbour whose party speaks for its mechanism."""
    world.consortium.mechanism = "gifct"
    world.consortium.save()
    path = tmp_path / "neighbours.toml"
    settings.NEIGHBOURS_FILE = str(path)
    key = key_text(KEY.public_key())
    path.write_text(f'[gifct]\nparty = "{world.consortium.name}"\nkeys = ["{key}"]\n')
    return path


def body(**change):
    data = {
        "id": str(uuid4()),
        "sequence": 1,
        "framework": "gifct",
        "version": "2025",
        "type": "perpetrator-content-incident",
        "status": "active",
        "started_at": current().isoformat(),
        "event": {"refs": ["wikidata:Q1"]},
    }
    return json.dumps(
        {"type": TYPE, "timestamp": current().isoformat(), "data": data | change}
    ).encode()


def post(content, headers, name="gifct"):
    return Client().post(
        f"/neighbours/{name}/activations",
        content,
        content_type="application/json",
        headers=headers,
    )


def signed(content, key=KEY, name="msg_1", at=None):
    return sign(name, content, key=key, at=at or current())


@pytest.mark.usefixtures("file")
def test_a_signed_message_is_entered_and_its_repeat_is_taken_again(world):
    world.warn(event_refs=("wikidata:Q1",))
    content = body()
    answers = [post(content, signed(content)) for _ in range(2)]
    assert [(one.status_code, one.json()["state"]) for one in answers] == [(200, "taken")] * 2
    assert Neighbour.objects.count() == 1


@pytest.mark.usefixtures("file")
def test_the_answer_does_not_say_whether_the_event_is_here(world):
    first = body()
    unknown = post(first, signed(first))
    world.warn(event_refs=("wikidata:Q1",))
    second = body()
    known = post(second, signed(second, name="msg_2"))
    assert unknown.status_code == known.status_code
    assert unknown.json().keys() == known.json().keys()
    assert unknown.json()["state"] == known.json()["state"]
    assert Neighbour.objects.count() == 1


@pytest.mark.usefixtures("file")
@pytest.mark.parametrize(
    ("change", "status"),
    [
        (lambda content: (content, signed(content, key=Ed25519PrivateKey.generate())), 401),
        (lambda content: (content + b" ", signed(content)), 401),
        (lambda content: (content, {}), 401),
        (lambda content: (content * 90, signed(content * 90)), 422),
    ],
)
def test_what_no_pinned_key_signed_leaves_nothing(change, status):
    assert post(*change(body())).status_code == status
    assert not NeighbourMessage.objects.exists()


@pytest.mark.usefixtures("file")
def test_the_door_is_of_the_machines_interface():
    wrong = Client().get("/neighbours/gifct/activations")
    nothing = Client().get("/neighbours/gifct/nothing")
    for answered, status in ((wrong, 405), (nothing, 404)):
        assert answered.status_code == status
        assert answered.headers["Content-Type"] == "application/problem+json"


@pytest.mark.usefixtures("file")
def test_a_wrong_clock_is_refused_and_kept_with_its_reason():
    content = body()
    late = post(content, signed(content, at=current() - timedelta(minutes=7)))
    assert (late.status_code, "clock" in late.json()["detail"]) == (422, True)
    assert "old" in NeighbourMessage.objects.get().reason


def test_a_neighbour_or_a_key_that_is_taken_out_of_the_file_ends_at_once(file):
    content = body()
    assert post(content, signed(content), name="other").status_code == 404
    file.write_text("")
    assert post(content, signed(content)).status_code == 404


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[gifct", "cannot be read"),
        ('[gifct]\nparty = "x1"\nkeys = []', "gifct.keys"),
        ('[gifct]\nparty = "x1"\nkeys = ["whpk_AAAA"]', "no Ed25519 key"),
        ('[GIFCT]\nparty = "x1"\nkeys = ["whpk_AAAA"]', "use a to z"),
    ],
)
def test_doctor_names_what_is_wrong_in_the_file(file, text, words):
    (fine,) = check()
    assert "1 exchange activations" in fine.text
    file.write_text(text)
    (wrong,) = check()
    assert words in wrong.text


def _activated(world, **facts):
    crisis = world.warn(event_refs=("wikidata:Q1",), **facts)
    Crisis.objects.filter(uid=crisis.id).update(
        activated_at=current(), stage="active", framework="eu-ocrf-2026"
    )
    return crisis


def _tell(url, file, *, now=None):
    """Run the teller once, as the scheduler does."""
    now = now or current()
    text = file.read_text()
    if "tell" not in text:
        file.write_text(f'{text}tell = "{url}"\n')
    teller = NeighbourTeller(loopback=True, now=lambda: now, threads=1)
    for job in teller.claim_due(now, limit=5):
        teller.run(job)
    teller.close()


def test_what_one_hub_tells_another_hub_enters(world, file):
    """The message goes out by HTTP, and comes in at a door that pins the sender's key."""
    crisis = _activated(world)
    with receiver(lambda connection: connection.sendall(answer(200))) as ear:
        _tell(f"http://127.0.0.1:{ear.port}/neighbours/ours/activations", file)
        _tell("", file)  # it was taken: nothing is due
        (request,) = ear.requests
    _, headers, content = parts(request)
    world.consortium.mechanism = "eu-ocrf"
    world.consortium.save()
    own = Client().get("/neighbours/key").content.decode().strip()
    assert own == key_text(signing_key(django_settings.SECRET_KEY).public_key())
    file.write_text(f'[ours]\nparty = "{world.consortium.name}"\nkeys = ["{own}"]\n')
    sent = {name: headers[name] for name in headers if name.startswith("webhook-")}
    assert post(content, sent, name="ours").status_code == 200
    row = Neighbour.objects.get()
    assert (row.crisis.uid, row.framework, row.version) == (crisis.id, "eu-ocrf", "2026")
    assert (row.type, row.status, row.own_by) == ("active", "active", world.consortium)


def test_a_change_is_told_with_a_higher_sequence_and_a_failure_again_later(world, file):
    began = current()
    crisis = _activated(world)
    replies = [answer(500), answer(200), answer(200)]
    with receiver(lambda connection: connection.sendall(replies.pop(0))) as ear:
        url = f"http://127.0.0.1:{ear.port}/hook"
        _tell(url, file)
        assert Telling.objects.get().error
        _tell(url, file)
        assert len(ear.requests) == 1  # not before its time
        _tell(url, file, now=current() + timedelta(minutes=1))
        Crisis.objects.filter(uid=crisis.id).update(closed_at=current())
        _tell(url, file, now=current() + timedelta(minutes=2))
        sent = [json.loads(parts(request)[2])["data"] for request in ear.requests]
        ids = [parts(request)[1]["webhook-id"] for request in ear.requests]
    assert [one["status"] for one in sent] == ["active", "active", "ended"]
    first, again, ended = [one["sequence"] for one in sent]
    assert first == again < ended
    assert first >= int(began.timestamp() * 1_000_000)  # above what a hub sent before its restore
    assert ids[0] == ids[1] != ids[2]


@pytest.mark.parametrize(
    ("framework", "detail"),
    [("eu-ocrf-2026", {"name": "Attack in a city"}), ("eucp-2023", {"name": "", "refs": []})],
)
def test_the_framework_says_how_much_is_told(world, file, framework, detail):
    crisis = _activated(world)
    Crisis.objects.filter(uid=crisis.id).update(framework=framework, name="Attack in a city")
    with receiver(lambda connection: connection.sendall(answer(200))) as ear:
        _tell(f"http://127.0.0.1:{ear.port}/hook", file)
        data = json.loads(parts(ear.requests[0])[2])["data"]
    assert data["event"].items() >= detail.items()
    assert "summary" not in data


def test_warnings_and_exercises_are_told_to_nobody(world, file):
    world.warn(name="only a warning")
    _activated(world, exercise=True)
    with receiver(lambda connection: connection.sendall(answer(200))) as ear:
        _tell(f"http://127.0.0.1:{ear.port}/hook", file)
        assert ear.requests == []


def test_a_key_text_is_read_back():
    assert read_key(key_text(KEY.public_key())) == KEY.public_key()
