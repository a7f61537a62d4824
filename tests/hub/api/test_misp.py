# SPDX-License-Identifier: Apache-2.0
"""What MISP's reader of feeds is told, and what it is refused."""

import base64
import hashlib
from uuid import UUID, uuid4

import pytest
from django.db import connection
from pymisp import MISPEvent

from stemtide.hub.rooms.signals.reads import misp as reads_misp
from stemtide.hub.rooms.signals.writes import signals as writes
from stemtide.interop.misp import events as misp
from stemtide.protocol.enums import Opinion, Scope, WithdrawReason
from stemtide.protocol.messages.signals import OpinionIn, WithdrawIn
from tests.hub.api.conftest import Machine
from tests.hub.api.test_exports import body
from tests.rounds import at_night, on_sqlite
from tests.world import NOON, hex_value, signal_in

pytestmark = [pytest.mark.usefixtures("numbered_from_1"), pytest.mark.both_databases]

BASE = "/misp/feed"


class Reader(Machine):
    """A party's MISP."""

    def manifest(self):
        answer = self("GET", f"{BASE}/manifest.json")
        assert answer.status_code == 200, answer.content
        return answer.json()

    def events(self):
        """The events of the feed, by the names that they begin with."""
        return [self.event(uuid) for uuid in self.manifest()]

    def event(self, uuid):
        answer = self("GET", f"{BASE}/{uuid}.json")
        assert answer.status_code == 200, answer.content
        return answer.json()["Event"]

    def attributes(self):
        """All attributes of the standing database, those of objects among them."""
        (event,) = [one for one in self.events() if "signals" in one["info"]]
        return [*event["Attribute"], *(o["Attribute"][0] for o in event["Object"])]


@pytest.fixture
def reader(world):
    def make(party, *, scopes=None):
        return Reader(world.key(party, scopes=scopes))

    return make


def names(thing):
    return {tag["name"] for tag in thing["Tag"]}


@at_night
def test_each_kind_that_misp_knows_is_told(world, reader):
    world.share()
    world.share(kind="sha256")
    world.share(kind="md5")
    world.share(kind="url", value="http://www.Example.org/a b")
    found = {
        (one["type"], one["value"]): one["to_ids"]
        for one in reader(world.big_provider).attributes()
    }
    assert found == {
        ("text", hex_value()): False,
        ("sha256", hex_value()): True,
        ("md5", hex_value(digits=32)): True,
        ("url", "https://example.org/a%20b"): True,
    }


def test_marks_are_tags(world, reader):
    world.share(kind="sha256", tlp="amber+strict", pap="amber")
    (one,) = reader(world.big_provider).attributes()
    assert {
        *("tlp:amber+strict", "PAP:AMBER"),
        *('stemtide:label="perpetrator-content"', 'stemtide:severity="high"'),
        *('stemtide:tvec="TVEC1"', 'stemtide:gifct="Perpetrator content"'),
        'stemtide:dsa="KEYWORD_TERRORIST_CONTENT"',
    } <= names(one)
    assert one["to_ids"] is False


def test_an_event_has_the_strictest_mark_of_what_the_reader_sees_in_it(world, reader):
    world.share(tlp="green")
    world.share(value=hex_value(2), tlp="red", audience=("big-video",))
    (named,) = reader(world.big_provider).manifest().values()
    (other,) = reader(world.observer).manifest().values()
    assert "tlp:red" in names(named)
    assert "tlp:green" in names(other)


def test_every_door_has_the_same_audience(world, reader):
    world.share(tlp="red", audience=("big-video",))
    assert len(reader(world.big_provider).attributes()) == 1
    for party in (world.small_provider, world.observer, world.agency):
        assert reader(party).manifest() == {}


def test_exercises_whole_hosts_and_bare_digests_are_not_told(world, reader):
    world.share(exercise=True)
    world.share_looked_at(kind="url", value="https://bad.example/", reach="host")
    world.share(kind="url", value=hex_value(7))
    assert reader(world.big_provider).manifest() == {}


@on_sqlite
def test_a_crisis_is_an_event_for_those_in_its_room(world, reader):
    crisis = world.activate()
    world.join(crisis, world.big_provider)
    shared = world.share(kind="sha256", crisis=crisis.id)
    standing, own = reader(world.big_provider).events()
    assert own["info"].startswith("Stemtide: crisis Attack in a city, part ")
    assert f'stemtide:crisis="{crisis.id}"' in names(own)
    ids = [UUID(one["Attribute"][0]["uuid"]) for one in (standing, own)]
    assert ids[0] != ids[1]
    assert shared.id in misp.signal_uids(ids[0], crisis=None)
    assert shared.id in misp.signal_uids(ids[1], crisis=crisis.id)
    assert len(reader(world.small_provider).events()) == 1


def test_every_id_is_of_a_version_that_misp_takes(world, reader):
    world.share()
    (event,) = reader(world.big_provider).events()
    (thing,) = event["Object"]
    ids = [event["uuid"], event["Orgc"]["uuid"], thing["uuid"], thing["Attribute"][0]["uuid"]]
    assert {UUID(one).version for one in ids} == {4}
    assert len(set(ids)) == 4


@at_night
def test_pymisp_reads_an_event(world, reader):
    world.share()
    world.share(kind="md5")
    (sent,) = reader(world.big_provider).events()
    event = MISPEvent()
    event.from_dict(**sent)
    assert [one.type for one in event.attributes] == ["md5"]
    assert [one.name for one in event.objects] == ["perceptual-hash"]
    assert event.published


def test_what_is_withdrawn_is_marked_as_deleted_in_a_newer_event(world, reader):
    kept = world.share(kind="sha256")
    gone = world.share()
    one = reader(world.big_provider)
    (before,) = one.events()
    writes.withdraw(gone.id, body=_mistake(), by=world.authority, now=world.at(hours=2))
    (after,) = one.events()
    assert int(after["timestamp"]) > int(before["timestamp"])
    (thing,) = after["Object"]
    (inner,) = thing["Attribute"]
    assert thing["deleted"] is inner["deleted"] is True
    assert int(inner["timestamp"]) > int(before["Object"][0]["Attribute"][0]["timestamp"])
    (live,) = after["Attribute"]
    assert (live["deleted"], kept.id in misp.signal_uids(UUID(live["uuid"]), crisis=None)) == (
        False,
        True,
    )


@at_night
def test_a_disputed_signal_is_told_anew_and_not_for_detection(world, reader):
    shared = world.share(kind="sha256")
    one = reader(world.big_provider)
    (before,) = one.attributes()
    said = OpinionIn(opinion=Opinion.DISPUTE, note="a news report")
    writes.give_opinion(shared.id, body=said, by=world.agency, now=world.at(hours=2))
    (after,) = one.attributes()
    assert (before["to_ids"], after["to_ids"]) == (True, False)
    assert int(after["timestamp"]) > int(before["timestamp"])


def test_one_partys_dispute_keeps_a_signal_from_its_own_detection_alone(world, reader):
    shared = world.share(kind="sha256")
    said = OpinionIn(opinion=Opinion.DISPUTE, note="a news report")
    writes.give_opinion(shared.id, body=said, by=world.small_provider, now=world.at(hours=2))
    (own,) = reader(world.small_provider).attributes()
    (other,) = reader(world.big_provider).attributes()
    assert (own["to_ids"], other["to_ids"]) == (False, True)


def timestamp(world, **later):
    """When the one event of a reader changed, as the feed says it at some time."""
    (head,) = reads_misp.heads(viewer=world.big_provider, now=world.at(**later))
    return head.timestamp


def test_two_changes_in_one_second_are_fetched_twice(world):
    shared = world.share(kind="sha256")
    first = timestamp(world)
    writes.withdraw(shared.id, body=_mistake(), by=world.authority, now=NOON)
    assert timestamp(world, seconds=1) > first


def test_what_a_slower_writer_commits_later_is_fetched(world):
    world.share(kind="sha256")
    first = timestamp(world, seconds=20)
    writes.share(signal_in(), by=world.authority, now=world.at(seconds=2))
    assert timestamp(world, seconds=21) > first


def test_timestamps_stay_once_a_minute_has_passed(world):
    world.share()
    assert timestamp(world, seconds=misp.QUIET_S) == timestamp(world, hours=5)


def number_from(number):
    """Give the signals shared from now on numbers from this one."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            sequence = "UPDATE sqlite_sequence SET seq = %s - 1 WHERE name = 'signals_signal'"
        else:
            sequence = "SELECT setval(pg_get_serial_sequence('signals_signal', 'id'), %s, false)"
        cursor.execute(sequence, [number])


@at_night
def test_signals_are_spread_over_events(world, reader):
    shared = {world.share(value=hex_value(number)).id for number in range(3)}
    number_from(misp.MAX_SIGNALS - 2)
    shared |= {world.share(value=hex_value(number)).id for number in range(3, 8)}
    events = reader(world.big_provider).events()
    assert sorted(len(one["Object"]) for one in events) == [3, 5]
    told = [UUID(o["Attribute"][0]["uuid"]) for one in events for o in one["Object"]]
    assert len(told) == 8
    assert {uid for one in told for uid in misp.signal_uids(one, crisis=None)} >= shared


@at_night
def test_hashes_name_the_values_that_still_match(world, reader):
    gone = world.share()
    world.share(kind="md5")
    writes.withdraw(gone.id, body=_mistake(), by=world.authority, now=NOON)
    one = reader(world.big_provider)
    (uuid,) = one.manifest()
    answer = one("GET", f"{BASE}/hashes.csv")
    value = hashlib.md5(hex_value(digits=32).encode(), usedforsecurity=False).hexdigest()
    assert answer.streaming
    assert body(answer) == f"{value},{uuid}\n"
    assert answer.headers["Content-Type"] == "text/csv"


def test_what_a_reader_has_is_not_sent_again(world, reader):
    world.share()
    one = reader(world.big_provider)
    (uuid,) = one.manifest()
    for number, path in enumerate(("manifest.json", "hashes.csv", f"{uuid}.json"), start=2):
        tag = one("GET", f"{BASE}/{path}").headers["ETag"]
        had = {"If-None-Match": f'"other", W/{tag}'}
        again = one("GET", f"{BASE}/{path}", headers=had)
        assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", tag)
        body = signal_in(value=hex_value(number))
        writes.share(body, by=world.authority, now=world.at(hours=number))
        assert one("GET", f"{BASE}/{path}", headers=had).status_code == 200


@at_night
def test_tags_of_two_readers_differ_where_their_events_do(world, reader):
    world.share(tlp="red", audience=("big-video",))
    tag = reader(world.big_provider)("GET", f"{BASE}/manifest.json").headers["ETag"]
    answer = reader(world.observer)("GET", f"{BASE}/manifest.json", headers={"If-None-Match": tag})
    assert (answer.status_code, answer.json()) == (200, {})


# Who is let in


@pytest.mark.parametrize("form", ["{key}", "Bearer {key}", "Token {key}", "Basic {basic}"])
def test_a_key_may_come_in_every_way_that_misp_can_send(world, form):
    key = world.key(world.big_provider)
    basic = base64.b64encode(f"big-video:{key}".encode()).decode()
    sent = {"Authorization": form.format(key=key, basic=basic)}
    assert Machine(None)("GET", f"{BASE}/manifest.json", headers=sent).status_code == 200


@pytest.mark.parametrize("sent", ["", "st_no_such", "Bearer", "Basic !", "Digest a", "\u00e9"])
@pytest.mark.django_db
def test_without_a_key_nothing_is_told(sent):
    for path in ("manifest.json", "hashes.csv", f"{uuid4()}.json"):
        headers = {"Authorization": sent} if sent else {}
        answer = Machine(None)("GET", f"{BASE}/{path}", headers=headers)
        assert answer.status_code == 401
        assert {*answer.json()} == {"name", "message", "url"}
        assert "Basic" in answer.headers["WWW-Authenticate"]


def test_a_key_needs_its_scope(world, reader):
    answer = reader(world.big_provider, scopes=[Scope.SIGNALS_WRITE])(
        "GET", f"{BASE}/manifest.json"
    )
    assert (answer.status_code, "feed:read" in answer.json()["message"]) == (403, True)


def test_an_event_of_others_looks_like_none(world, reader):
    world.share(tlp="red", audience=("big-video",))
    (uuid,) = reader(world.big_provider).manifest()
    one = reader(world.observer)
    secret, none = (one("GET", f"{BASE}/{name}.json") for name in (uuid, uuid4()))
    assert secret.status_code == none.status_code == 404
    assert secret.json() == none.json()


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "manifest.json", 405),
        ("DELETE", "hashes.csv", 405),
        ("GET", "no-uuid.json", 404),
        ("GET", "../../etc/passwd", 404),
        ("GET", "", 404),
    ],
)
def test_other_requests_are_refused_in_misps_words(world, reader, method, path, status):
    answer = reader(world.big_provider)(method, f"{BASE}/{path}")
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json()["message"]


def _mistake():
    return WithdrawIn(reason=WithdrawReason.MISTAKE)
