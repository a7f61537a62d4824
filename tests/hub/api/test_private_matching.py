# SPDX-License-Identifier: Apache-2.0
"""Private matching at the door: what the hub receives, what a client learns, hostile bodies."""

import base64
import json
import logging
import random
from collections import Counter
from uuid import UUID

import pytest
from pydantic import ValidationError

from stemtide.client import AnswerError, Hub
from stemtide.client.private_matching import PrivateMatcher
from stemtide.fingerprints.kinds import Kind
from stemtide.hub.api.auth import now
from stemtide.hub.rooms.private_matching import writes
from stemtide.hub.rooms.private_matching.models import EvaluationCount, MatchEpoch
from stemtide.protocol.private_match.messages import MAX_BLINDED, MAX_BUCKETS
from stemtide.protocol.private_match.oprf import OprfServer, blind, new_seed
from stemtide.protocol.private_match.rows import bucket_of, input_of, split_rows, tag_of, unseal
from tests.hub.api.conftest import Machine
from tests.rounds import at_night, some_of
from tests.world import World, hex_value

PATH = "/api/v1/private-match"
SCOPE = ["private:match"]
LISTED, UNLISTED, OTHER = (bytes.fromhex(hex_value(number)) for number in (1, 901, 902))
LISTED_SIGNALS = 24


class RecordedHub(Hub):
    """A client whose requests go to the real door, and that keeps all that the hub receives."""

    def __init__(self, machine: Machine) -> None:
        super().__init__("http://127.0.0.1:1", key="st_recorded")
        self.machine = machine
        self.received: list[tuple[str, str, dict]] = []
        self.sent: list[dict] = []
        self.forge = lambda _path, body: body

    def ask(self, call):
        content = call.content()
        self.received.append((call.method, call.path, json.loads(content or b"{}")))
        answer = self.machine(call.method, call.path, content)
        assert answer.status_code == 200, answer.content
        body = self.forge(call.path, answer.json())
        self.sent.append(body)
        try:
            return call.read(json.dumps(body).encode())
        except ValidationError as error:
            raise self.connection.unreadable(error) from error

    @property
    def blinded(self) -> list[str]:
        return [e for _, _, body in self.received for e in body.get("blinded", [])]

    @property
    def buckets(self) -> list[int]:
        return [n for _, _, body in self.received for n in body.get("buckets", [])]

    @property
    def rows(self) -> list[tuple[int, bytes]]:
        parts = [part for body in self.sent for part in body.get("buckets", [])]
        return [row for part in parts for row in split_rows(base64.b64decode(part["rows"]))]


@pytest.fixture
def listed(world: World) -> list[UUID]:
    """Signals of files, and an epoch in eight buckets."""
    uids = [
        world.share(kind="sha256", value=hex_value(number)).id
        for number in range(1, LISTED_SIGNALS + 1)
    ]
    writes.note_request(by=world.big_provider, now=now())
    writes.follow_feed(now())
    MatchEpoch.objects.update(prefix_bits=3)
    return uids


@pytest.fixture
def provider(machine, world) -> Machine:
    return machine(world.big_provider, scopes=SCOPE)


@pytest.fixture
def recorded(provider) -> RecordedHub:
    return RecordedHub(provider)


def look_up(hub, *values, whole=False):
    digests = [(Kind.SHA256, value) for value in values]
    matches = PrivateMatcher(hub, whole=whole).match(digests)
    return {value: [match.signal for match in found] for (_, value), found in matches.items()}


def bucket(value: bytes) -> int:
    """The bucket of a digest, as whoever has the key computes it."""
    from stemtide.hub.rooms.private_matching import reads

    output = reads.server(MatchEpoch.objects.get().pk).output_of(input_of(Kind.SHA256, value))
    return bucket_of(tag_of(output), prefix_bits=3)


def test_a_listed_digest_matches_and_another_does_not(recorded, listed):
    assert look_up(recorded, LISTED, UNLISTED) == {LISTED: [listed[0]]}


@pytest.mark.parametrize(
    "value", some_of(1, [LISTED, UNLISTED]), ids=some_of(1, ["listed", "unlisted"])
)
@pytest.mark.usefixtures("listed")
def test_the_hub_receives_blinded_elements_and_the_bucket_and_nothing_else(recorded, value):
    look_up(recorded, value)
    assert [(method, path, sorted(body)) for method, path, body in recorded.received] == [
        ("GET", PATH, []),
        ("POST", f"{PATH}/evaluations", ["blinded", "epoch"]),
        ("POST", f"{PATH}/buckets", ["buckets", "epoch"]),
    ]
    assert recorded.buckets == [bucket(value)]
    assert len(recorded.blinded) == 1
    received = json.dumps(recorded.received)
    assert value.hex() not in received
    assert input_of(Kind.SHA256, value).hex() not in received


@at_night
@pytest.mark.usefixtures("listed")
def test_what_the_hub_receives_of_two_digests_in_one_bucket_is_alike(provider):
    """The same requests of the same length, and elements that repeat neither nor lean one way.

    For each element and each digest there is one scalar that blinds the one to the other: the
    element is independent of the digest (RFC 9497 section 7.1). Here 400 of each are compared.
    """
    alike = next(
        value
        for value in (bytes.fromhex(hex_value(number)) for number in range(1000, 2000))
        if bucket(value) == bucket(LISTED)
    )
    shapes, first_bits = [], []
    for value in (LISTED, alike):
        hub = RecordedHub(provider)
        look_up(hub, value)
        shapes.append([(m, p, len(json.dumps(body))) for m, p, body in hub.received])
        assert hub.buckets == [bucket(LISTED)]
        elements = [blind([input_of(Kind.SHA256, value)]).elements[0] for _ in range(400)]
        assert len(set(elements)) == 400
        first_bits.append(Counter(element[0] >> 1 & 7 for element in elements))
    assert shapes[0] == shapes[1]
    for bits in first_bits:  # 50 each are expected; 6 standard deviations are 40
        assert max(bits.values()) < 90
        assert min(bits.values()) > 10


@at_night
@pytest.mark.usefixtures("listed")
def test_with_whole_the_hub_receives_the_same_for_every_digest(provider):
    received = []
    for value in (LISTED, UNLISTED, OTHER):
        hub = RecordedHub(provider)
        look_up(hub, value, whole=True)
        assert hub.buckets == list(range(8))
        received.append([(m, p, body.get("buckets")) for m, p, body in hub.received])
    assert received[0] == received[1] == received[2]


@at_night
@pytest.mark.usefixtures("listed")
def test_the_order_of_the_blinded_elements_says_nothing(provider, monkeypatch):
    """The first of two digests is blinded first as often as second."""
    firsts = Counter()

    class Noting(random.SystemRandom):
        def shuffle(self, x):
            super().shuffle(x)
            firsts[x[0]] += 1

    monkeypatch.setattr(random, "SystemRandom", Noting)
    for _ in range(40):
        look_up(RecordedHub(provider), LISTED, UNLISTED)
    assert len(firsts) == 2
    assert min(firsts.values()) >= 5  # 20 are expected


@at_night
def test_a_client_opens_no_row_but_that_of_its_digest(recorded, listed):
    look_up(recorded, LISTED, whole=True)
    assert len(recorded.rows) == LISTED_SIGNALS
    from stemtide.hub.rooms.private_matching import reads

    server = reads.server(MatchEpoch.objects.get().pk)
    output = server.output_of(input_of(Kind.SHA256, LISTED))
    opened = [unseal(sealed, output=output) for _, sealed in recorded.rows]
    assert [signal.signal for signal in opened if signal] == [listed[0]]
    text = json.dumps(recorded.sent)
    for number, uid in enumerate(listed, start=1):
        assert hex_value(number) not in text
        assert str(uid) not in text
        assert all(uid.bytes not in sealed for _, sealed in recorded.rows)


@at_night
@pytest.mark.usefixtures("listed")
def test_a_guess_without_the_hub_fits_no_row(recorded):
    """A client that knows all digests still needs the hub for each: another key gives others."""
    look_up(recorded, UNLISTED, whole=True)
    tags = {tag for tag, _ in recorded.rows}
    own = OprfServer(new_seed())
    guesses = {
        tag_of(own.output_of(input_of(Kind.SHA256, bytes.fromhex(hex_value(number)))))
        for number in range(1, LISTED_SIGNALS + 1)
    }
    assert tags.isdisjoint(guesses)


@at_night
@pytest.mark.usefixtures("listed")
def test_rows_come_in_the_order_of_their_tags(recorded):
    look_up(recorded, UNLISTED, whole=True)
    tags = [tag for tag, _ in recorded.rows]
    assert tags == sorted(tags)  # and not in that of their signals


@pytest.mark.usefixtures("listed")
def test_a_client_does_not_believe_a_hub_with_another_key(recorded):
    other = OprfServer(new_seed())

    def forge(path, body):
        if path.endswith("/evaluations"):
            blinded = [bytes.fromhex(element) for element in recorded.blinded]
            evaluated, proof = other.evaluate(blinded)
            return body | {"evaluated": [e.hex() for e in evaluated], "proof": proof.hex()}
        return body

    recorded.forge = forge
    with pytest.raises(AnswerError, match="cannot be trusted"):
        look_up(recorded, LISTED)


@pytest.mark.parametrize(
    "change",
    some_of(
        2,
        [
            {"evaluated": []},
            {"evaluated": ["zz"]},
            {"evaluated": ["00" * 32]},
            {"proof": ""},
            {"proof": "00" * 64},
            {"rows": "!"},
            {"prefix_bits": 40},
            {"prefix_bits": -1},
            {"epoch": 2**40},
            {"max_blinded": 0},
            {"max_buckets": 0},
            {"rows": base64.b64encode(b"short").decode()},
        ],
    ),
    ids=str,
)
@pytest.mark.usefixtures("listed")
def test_a_hostile_hub_costs_the_client_an_error(recorded, change):
    def forge(_path, body):
        if "rows" in change and "buckets" in body:
            return body | {"buckets": [part | change for part in body["buckets"]]}
        return body | {name: change[name] for name in change if name in body}

    recorded.forge = forge
    with pytest.raises(AnswerError):
        look_up(recorded, LISTED)


@pytest.mark.usefixtures("listed")
def test_no_log_and_no_row_of_the_hub_says_what_was_asked(recorded, caplog, world):
    before = world.ledger_kinds()
    with caplog.at_level(logging.DEBUG):
        look_up(recorded, LISTED)
    assert world.ledger_kinds() == before
    for text in (*recorded.blinded, LISTED.hex(), PATH):
        assert text not in caplog.text
    assert EvaluationCount.objects.get().count == 1


@at_night
@pytest.mark.usefixtures("listed")
def test_a_replayed_request_gets_the_same_elements_and_is_counted(provider, recorded):
    look_up(recorded, LISTED)
    _, path, body = recorded.received[1]
    again = provider("POST", path, body).json()
    assert again["evaluated"] == recorded.sent[1]["evaluated"]
    assert provider("GET", PATH).json()["left_today"] == recorded.sent[0]["left_today"] - 2


@pytest.mark.usefixtures("listed")
def test_only_a_key_with_the_scope_is_answered(machine, world):
    reader = machine(world.big_provider, scopes=["feed:read"])
    asker = machine(world.big_provider, scopes=SCOPE)
    assert reader("GET", PATH).status_code == 403
    assert reader("POST", f"{PATH}/buckets", {"epoch": 1, "buckets": [0]}).status_code == 403
    assert asker("GET", "/api/v1/feed").status_code == 403
    assert machine(None)("GET", PATH).status_code == 401


def test_a_hub_that_nobody_asked_says_when_to_ask_again(provider):
    answer = provider("GET", PATH)
    assert answer.status_code == 503
    assert "ask again" in answer.json()["detail"]
    writes.follow_feed(now())
    assert provider("GET", PATH).json()["prefix_bits"] == 0


GOOD = blind([b"a"]).elements[0].hex()


@pytest.mark.parametrize(
    ("body", "field"),
    some_of(
        2,
        [
            ({"blinded": ["00" * 32]}, "blinded.0"),
            ({"blinded": [GOOD, "ff" * 32]}, "blinded.1"),
            ({"blinded": ["01" + "00" * 31]}, "blinded.0"),
            ({"blinded": [GOOD[:-2]]}, "blinded.0"),
            ({"blinded": [GOOD.upper()]}, "blinded.0"),
            ({"blinded": []}, "blinded"),
            ({"blinded": [GOOD] * (MAX_BLINDED + 1)}, "blinded"),
            ({"blinded": [GOOD], "epoch": 0}, "epoch"),
            ({"blinded": [GOOD], "value": LISTED.hex()}, "value"),
        ],
    ),
    ids=some_of(2, range(9)),  # the elements differ from process to process
)
@pytest.mark.usefixtures("listed")
def test_hostile_blinded_elements_are_refused_by_name(provider, body, field):
    epoch = MatchEpoch.objects.get().pk
    answer = provider("POST", f"{PATH}/evaluations", {"epoch": epoch} | body)
    assert answer.status_code == 422, answer.content
    assert answer.json()["errors"][0]["field"] == field
    assert EvaluationCount.objects.get().count == 0


@pytest.mark.parametrize(
    "buckets",
    some_of(2, [[], [-1], [8], [2**16], [1, 1], [0] * (MAX_BUCKETS + 1), ["0"]]),
    ids=str,
)
@pytest.mark.usefixtures("listed")
def test_hostile_buckets_are_refused(provider, buckets):
    epoch = MatchEpoch.objects.get().pk
    answer = provider("POST", f"{PATH}/buckets", {"epoch": epoch, "buckets": buckets})
    assert answer.status_code == 422, answer.content


@at_night
@pytest.mark.parametrize("door", ["evaluations", "buckets"])
@pytest.mark.usefixtures("listed")
def test_another_epoch_is_a_conflict(provider, door):
    content = {"blinded": [GOOD]} if door == "evaluations" else {"buckets": [0]}
    epoch = MatchEpoch.objects.get().pk + 1
    answer = provider("POST", f"{PATH}/{door}", {"epoch": epoch} | content)
    assert answer.status_code == 409
    assert "blind anew" in answer.json()["detail"]
