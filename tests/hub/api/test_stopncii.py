# SPDX-License-Identifier: Apache-2.0
"""What StopNCII's clients are told, take part in, and are refused."""

import io
import json
from datetime import timedelta
from uuid import uuid4

import numpy as np
import PIL.Image
import pytest

from stemtide.fingerprints.image.pdq import hash_luma
from stemtide.hub.rooms.ledger.models import Entry
from stemtide.hub.rooms.parties.writes import parties
from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.signals.reads import signals as reads
from stemtide.hub.rooms.signals.writes import signals as writes
from stemtide.interop.stopncii import canary
from stemtide.protocol.enums import Opinion, Scope, WithdrawReason
from stemtide.protocol.messages.signals import OpinionIn, WithdrawIn
from tests.hub.api.conftest import Machine
from tests.hub.waiting import decide, let_one_a_day_travel
from tests.rounds import at_night, some_of
from tests.world import NOON, hex_value, signal_in

BASE = "/stopncii/v1"
AT = int(NOON.timestamp())


class Client(Machine):
    """A party's StopNCII client."""

    def __init__(self, key, subscription=None):
        super().__init__(None)
        self._headers = {
            "x-functions-key": key,
            "Ocp-Apim-Subscription-Key": key if subscription is None else subscription,
        }

    def page(self, *, start=10, size=800, token=""):
        query = f"startTimestamp={start}&pageSize={size}"
        query += f"&nextPageToken={token}" if token else ""
        answer = self("GET", f"{BASE}/FetchHashes?{query}")
        assert answer.status_code == 200, answer.content
        return answer.json()

    def fetch(self, *, start=10, size=800, between=lambda: None):
        """All pages from a time; the records by what they are of, and the time to go on from."""
        found, token, times = {}, "", []
        while True:
            page = self.page(start=start, size=size, token=token)
            times.append(page["nextSetTimestamp"])
            for one in page["hashRecords"]:
                found[one["signalType"], one["hashValue"]] = one
            token = page["nextPageToken"]
            if not page["hasMoreRecords"]:
                assert times == sorted(times)
                assert times[0] >= start
                return found, times[-1]
            between()

    def submit(self, *records):
        body = {"count": len(records), "hashRecords": records}
        return self("POST", f"{BASE}/SubmitHashes", body)

    def say(self, *feedbacks):
        body = {"count": len(feedbacks), "hashFeedbacks": feedbacks}
        return self("POST", f"{BASE}/SubmitFeedback", body)


@pytest.fixture
def client(world):
    def make(party, *, scopes=None):
        return Client(world.key(party, scopes=scopes))

    return make


def said(record):
    return {one["source"]: one["feedbackValue"] for one in record["CSPFeedbacks"]}


def real(found):
    """What was fetched, without the canary."""
    return {key: one for key, one in found.items() if key[1] not in canary.HASHES}


PDQ = ("ImagePDQ", hex_value())
NINE = hex_value(9)


# Fetching


@at_night
def test_each_kind_that_the_shape_knows_is_told(world, client):
    world.share()
    world.share(kind="md5")
    world.share(kind="url", value="http://www.Example.org/a b")
    world.share(kind="sha256")
    found, start = client(world.big_provider).fetch()
    kinds = {*real(found)}
    assert kinds == {
        PDQ,
        ("VideoMD5", hex_value(digits=32)),
        ("URL", "https://example.org/a%20b"),
    }
    assert start == AT


def test_a_record_names_its_sharer_its_crisis_and_its_marks(world, client):
    crisis = world.activate()
    world.join(crisis, world.big_provider)
    shared = world.share(crisis=crisis.id)
    record = client(world.big_provider).fetch()[0][PDQ]
    assert record["hashStatus"] == "Active"
    assert record["caseNumbers"] == {str(crisis.id): "Active"}
    (one,) = record["CSPFeedbacks"]
    assert (one["source"], one["feedbackValue"]) == ("be-crisis-centre", "Blocked")
    assert {f"signal:{shared.id}", "label:perpetrator-content", "tlp:amber", "pap:green"} <= {
        *one["tags"]
    }


@at_night
def test_a_crisis_that_a_party_may_not_see_is_not_named(world, client):
    crisis = world.activate()
    world.share(crisis=crisis.id)
    assert client(world.small_provider).fetch()[0][PDQ]["caseNumbers"] == {}


def test_an_empty_hub_tells_the_canary_and_the_time_that_was_asked(world, client):
    page = client(world.big_provider).page()
    assert [one["hashValue"] for one in page["hashRecords"]] == [*canary.HASHES]
    assert (page["count"], page["nextSetTimestamp"], page["hasMoreRecords"]) == (2, 10, False)


@at_night
def test_the_canary_is_told_once_and_nobody_says_block(world, client):
    world.share()
    one = client(world.big_provider)
    assert {
        value for (_, value), record in one.fetch()[0].items() if "None" in said(record).values()
    } == {*canary.HASHES}
    assert real(one.fetch(start=AT)[0]).keys() == one.fetch(start=AT)[0].keys() == {PDQ}


def test_the_canarys_hashes_are_those_of_its_picture(client, world):
    answer = client(world.big_provider)("GET", f"{BASE}/canary.png")
    luma = np.asarray(PIL.Image.open(io.BytesIO(answer.content)).convert("L"), np.float32)
    for picture, told in zip((luma, luma[:, ::-1]), canary.HASHES, strict=True):
        value = hash_luma(np.ascontiguousarray(picture))[0]
        assert (int(value.hex(), 16) ^ int(told, 16)).bit_count() <= 4


@pytest.mark.parametrize("size", some_of(1, [1, 2, 3, 5]))
def test_no_page_is_longer_than_asked_for_and_none_is_lost(world, client, size):
    for number in range(3):
        world.share(value=hex_value(number))
    token, told = "", []
    while True:
        page = client(world.big_provider).page(size=size, token=token)
        told += [one["hashValue"] for one in page["hashRecords"]]
        assert page["count"] == len(page["hashRecords"]) <= size
        if not (token := page["nextPageToken"]):
            break
    assert told == [*canary.HASHES, *map(hex_value, range(3))]


@pytest.mark.parametrize("size", some_of(1, range(1, 8)))
def test_paging_loses_nothing_while_others_write(world, client, size):
    for number in range(9):
        world.share(value=hex_value(number))
    gone = world.share(value=hex_value(100))
    more = iter(range(200, 300))
    turns = iter(range(5))

    def between():
        """Somebody shares, judges and takes back between two pages."""
        turn = next(turns, None)
        if turn is None:
            return
        now = world.at(seconds=turn // 2)
        shared = writes.share(_pdq(next(more)), by=world.other_authority, now=now)
        writes.give_opinion(
            shared.id, body=OpinionIn(opinion=Opinion.AGREE), by=world.agency, now=now
        )
        if turn == 1:
            writes.withdraw(gone.id, body=_mistake(), by=world.authority, now=now)

    one = client(world.big_provider)
    found, start = one.fetch(size=size, between=between)
    later, _ = one.fetch(start=start, size=size)
    held = real({**found, **later})
    for _ in range(2):  # what changed meanwhile comes with the next runs
        later, start = one.fetch(start=start, size=size)
        held |= real(later)
    live = {row.value for row in Signal.objects.filter(state="live")}
    is_active = {value for (_, value), record in held.items() if record["hashStatus"] == "Active"}
    assert is_active == live


def _pdq(number):
    return signal_in(value=hex_value(number))


def _mistake():
    return WithdrawIn(reason=WithdrawReason.MISTAKE)


@at_night
def test_what_an_older_clock_wrote_later_is_told_to_who_asks_from_the_newer_time(world, client):
    world.share()
    one = client(world.big_provider)
    _, start = one.fetch()
    writes.share(_pdq(2), by=world.authority, now=NOON - timedelta(seconds=90))
    assert ("ImagePDQ", hex_value(2)) in one.fetch(start=start)[0]


@at_night
def test_the_time_does_not_go_back_where_what_was_left_changed_meanwhile(world, client):
    world.share()
    left = writes.share(_pdq(2), by=world.authority, now=world.at(seconds=1)).id
    one = client(world.big_provider)
    first = one.page(start=11, size=1)
    writes.withdraw(left, body=_mistake(), by=world.authority, now=world.at(minutes=1))
    then = one.page(start=11, size=1, token=first["nextPageToken"])
    assert then["hashRecords"] == []
    assert then["nextSetTimestamp"] == first["nextSetTimestamp"] == AT


# What no longer matches


def test_a_withdrawn_record_is_sent_again_and_nobody_says_block(world, client):
    shared = world.share()
    one = client(world.big_provider)
    _, start = one.fetch()
    writes.withdraw(shared.id, body=_mistake(), by=world.authority, now=world.at(minutes=1))
    record = one.fetch(start=start)[0][PDQ]
    assert record["hashStatus"] == "Withdrawn"
    assert record["caseNumbers"] == {}
    assert said(record) == {"be-crisis-centre": "NotBlocked"}


def test_a_fresh_start_omits_what_was_withdrawn(world, client):
    shared = world.share()
    writes.withdraw(shared.id, body=_mistake(), by=world.authority, now=NOON)
    assert real(client(world.big_provider).fetch()[0]) == {}


def test_who_never_had_a_withdrawn_value_does_not_get_it(world, client):
    world.share(value=hex_value(5))
    one = client(world.big_provider)
    _, start = one.fetch()
    later = writes.share(_pdq(2), by=world.authority, now=world.at(minutes=1))
    writes.withdraw(later.id, body=_mistake(), by=world.authority, now=world.at(minutes=2))
    assert ("ImagePDQ", hex_value(2)) not in one.fetch(start=start)[0]


@at_night
def test_a_value_that_another_party_still_shares_stays_active(world, client):
    shared = world.share()
    world.share(world.other_authority)
    one = client(world.big_provider)
    record = one.fetch()[0][PDQ]
    assert said(record) == {"be-crisis-centre": "Blocked", "fr-referral-unit": "Blocked"}
    writes.withdraw(shared.id, body=_mistake(), by=world.authority, now=world.at(minutes=1))
    record = one.fetch(start=AT)[0][PDQ]
    assert (record["hashStatus"], said(record)) == ("Active", {"fr-referral-unit": "Blocked"})


def test_an_expired_record_is_withdrawn_and_nobody_says_anything_of_it(world, client):
    world.share(expires_at=world.at(hours=1))
    one = client(world.big_provider)
    _, start = one.fetch()
    writes.expire_due(world.at(hours=2))
    record = one.fetch(start=start)[0][PDQ]
    assert (record["hashStatus"], said(record)) == ("Withdrawn", {"be-crisis-centre": "Withdrawn"})


# Handling


def test_every_door_has_the_same_audience(world, client):
    world.share(tlp="red", audience=("big-video",))
    assert PDQ in client(world.big_provider).fetch()[0]
    for party in (world.small_provider, world.observer, world.agency):
        assert PDQ not in client(party).fetch()[0]


def test_a_mark_that_forbids_action_keeps_a_signal_from_readers_who_act_on_all(world, client):
    world.share(pap="red")
    world.share(value=hex_value(2), pap="amber")
    found = real(client(world.big_provider).fetch()[0])
    assert {value for _, value in found} == {hex_value(2)}
    assert said(found["ImagePDQ", hex_value(2)]) == {"be-crisis-centre": "PendingReview"}


def test_exercises_and_whole_hosts_are_not_told(world, client):
    world.share(exercise=True)
    world.share_looked_at(kind="url", value="https://bad.example/", reach="host")
    world.share(kind="url", value=hex_value(7))
    assert real(client(world.big_provider).fetch()[0]) == {}


# Submitting and judging


def record(value=NINE, *, kind="StopNCIISignalType.ImagePDQ", says="Blocked", tags=()):
    feedback = {"tags": [*tags], "feedbackValue": says}
    return {
        "lastModtimestamp": AT,
        "signalType": kind,
        "hashValue": value,
        "CSPFeedbacks": [feedback],
    }


def test_submitted_hashes_become_signals_of_the_party(world, client):
    answer = client(world.big_provider).submit(
        record(tags=["label:livestream", "severity:critical", "tlp:green", "anything else"]),
        record("https://example.org/x", kind="URL", says="PendingReview"),
    )
    assert answer.status_code == 200
    assert (answer.json()["count"], answer.json()["created"]) == (2, 2)
    first, second = (reads.signal(uid, viewer=world.agency) for uid in answer.json()["signals"])
    assert (first.labels, first.severity, first.tlp, first.shared_by) == (
        ["livestream"],
        "critical",
        "green",
        "big-video",
    )
    assert (first.confidence, second.confidence, second.url) == (80, 50, "example.org/x")
    assert world.ledger_kinds()[-1] == "signals.shared"
    again = client(world.big_provider).submit(
        record("https://example.org/x", kind="URL", says="PendingReview")
    )
    assert (again.json()["created"], again.json()["existing"]) == (0, 1)


@pytest.mark.parametrize(
    ("sent", "field"),
    some_of(
        3,
        [
            (record("12"), "signals.0.value"),
            (record(says="NotBlocked"), "signals.0.CSPFeedbacks"),
            (record(tags=["label:nonsense"]), "signals.0.labels.0"),
            (record(tags=["tlp:red"]), "signals.0.audience"),
            (record(tags=[f"crisis:{uuid4()}"]), "signals.0.crisis"),
            (record(tags=["confidence:101"]), "signals.0.confidence"),
            (record(hex_value(9)[:0]), "signals.0.hashValue"),
            ("a hash", "signals.0"),
            (record("0" * 64), "signals.0.value"),
        ],
    ),
)
def test_a_bad_record_is_named_and_nothing_of_the_message_is_stored(world, client, sent, field):
    answer = client(world.big_provider).submit(sent, record(hex_value(10)))
    assert answer.status_code == 422, answer.content
    assert [one["field"] for one in answer.json()["errors"]] == [field]
    assert not Signal.objects.exists()


def test_a_submitted_hash_is_its_senders_whatever_source_it_names(world, client):
    sent = record()
    sent["CSPFeedbacks"][0]["source"] = world.authority.name
    client(world.big_provider).submit(sent)
    assert Signal.objects.get().shared_by == world.big_provider


@at_night
@pytest.mark.parametrize("kind", ["StopNCIISignalType.Text", "VideoTMK", "Unknown"])
def test_a_record_of_a_type_that_is_not_taken_leaves_the_others(world, client, kind):
    answer = client(world.big_provider).submit(record("words", kind=kind), record(), record(NINE))
    told = answer.json()
    assert (answer.status_code, told["count"], told["refused"]) == (200, 2, 1)
    assert (told["signals"][0], told["signals"][1]) == (None, str(Signal.objects.get().uid))
    (error,) = told["errors"]
    assert (error["row"], error["field"]) == (0, "signalType")


def test_a_message_of_types_that_are_not_taken_is_refused(world, client):
    answer = client(world.big_provider).submit(record(kind="Text"), record(kind="VideoTMK"))
    fields = [one["field"] for one in answer.json()["errors"]]
    assert (answer.status_code, fields) == (422, ["signals.0.signalType", "signals.1.signalType"])


def test_a_bad_record_after_one_that_is_not_taken_keeps_its_place(world, client):
    answer = client(world.big_provider).submit(
        record(kind="Text"), record(), record(tags=[f"crisis:{uuid4()}"])
    )
    assert [one["field"] for one in answer.json()["errors"]] == ["signals.2.crisis"]
    assert not Signal.objects.exists()


@pytest.mark.parametrize("tag", ["csam", "label:csam", "label:CSAM", "Child abuse"])
def test_content_of_another_channel_is_refused_and_sent_there(world, client, tag):
    answer = client(world.big_provider).submit(record(tags=[tag]))
    assert answer.status_code == 422
    assert answer.json()["type"].endswith("refused-and-routed")
    assert "CyberTipline" in answer.content.decode()


@pytest.mark.parametrize(
    ("says", "opinion"),
    some_of(
        2,
        [
            ("Blocked", "agree"),
            ("NotBlocked", "dispute"),
            ("PendingReview", "seen"),
            ("None", "seen"),
        ],
    ),
)
def test_feedback_becomes_an_opinion_and_comes_back_to_everybody(world, client, says, opinion):
    shared = world.share()
    _, start = client(world.small_provider).fetch()
    one = client(world.big_provider)
    answer = one.say({"tags": ["seen twice"], "feedbackValue": says, "hashValue": hex_value()})
    assert answer.json() == {"count": 1, "unknown": []}
    (told,) = reads.signal(shared.id, viewer=world.agency).opinions
    assert (told.party, told.opinion, told.note) == ("big-video", opinion, "seen twice")
    found = said(client(world.small_provider).fetch(start=start)[0][PDQ])
    back = {"agree": "Blocked", "dispute": "NotBlocked", "seen": "PendingReview"}[opinion]
    assert found == {"be-crisis-centre": "Blocked", "big-video": back}


def test_an_agreement_alone_is_told_too(world, client):
    shared = world.share()
    one = client(world.big_provider)
    _, start = one.fetch()
    writes.give_opinion(
        shared.id,
        body=OpinionIn(opinion=Opinion.AGREE),
        by=world.agency,
        now=world.at(minutes=5),
    )
    found, later = one.fetch(start=start)
    assert said(found[PDQ])["eu-referral-unit"] == "Blocked"
    assert later == AT + 300


def test_who_shared_a_value_takes_it_back_and_nobody_else_does(world, client):
    shared = world.share(world.big_provider)
    body = {"feedbackValue": "Withdrawn", "hashValue": hex_value()}
    assert client(world.small_provider).say(body).status_code == 404
    no_right = client(world.big_provider, scopes=["feedback:write"])
    assert no_right.say(body).status_code == 403
    assert client(world.big_provider).say(body).status_code == 200
    assert reads.signal(shared.id, viewer=world.agency).state == "withdrawn"


@at_night
def test_feedback_on_an_address_is_found_in_any_spelling(world, client):
    shared = world.share(kind="url", value="https://example.org/a")
    body = {"feedbackValue": "Blocked", "hashValue": "HTTP://www.example.org:80/a"}
    assert client(world.big_provider).say(body).status_code == 200
    assert len(reads.signal(shared.id, viewer=world.agency).opinions) == 1


@at_night
def test_one_unknown_value_does_not_lose_the_feedback_on_others(world, client):
    world.share()
    answer = client(world.big_provider).say(
        {"feedbackValue": "Blocked", "hashValue": hex_value()},
        {"feedbackValue": "Blocked", "hashValue": "nothing of ours"},
    )
    assert answer.json() == {"count": 1, "unknown": ["nothing of ours"]}


def test_a_value_that_a_party_may_not_see_looks_like_one_that_is_not_there(world, client):
    world.share(tlp="red", audience=("big-video",))
    stranger = client(world.small_provider)
    seen, unseen = (
        stranger.say({"feedbackValue": "NotBlocked", "hashValue": value})
        for value in (hex_value(), hex_value(77))
    )
    assert (seen.status_code, unseen.status_code) == (404, 404)
    assert seen.content == unseen.content


def test_the_canary_takes_feedback_as_a_test_of_the_line(world, client):
    before = Entry.objects.count()
    body = {"feedbackValue": "NotBlocked", "hashValue": canary.HASHES[0]}
    one = client(world.big_provider)
    assert one.say(body).json() == {"count": 1, "unknown": []}
    assert Entry.objects.count() == before + 1  # the key


# Keys and hostile input


@pytest.mark.parametrize(
    ("path", "method", "scope"),
    [
        ("FetchHashes", "GET", Scope.FEED_READ),
        ("SubmitHashes", "POST", Scope.SIGNALS_WRITE),
        ("SubmitFeedback", "POST", Scope.FEEDBACK_WRITE),
    ],
)
def test_each_endpoint_needs_its_scope_and_both_keys(world, path, method, scope):
    body = {"count": 0} if method == "POST" else None
    other = world.key(world.small_provider)
    fits, wrong = (
        world.key(world.big_provider, scopes=scopes)
        for scopes in ([scope], [one for one in Scope if one is not scope])
    )

    def call(key, subscription):
        return Client(key, subscription)(method, f"{BASE}/{path}", body).status_code

    assert call(fits, wrong) in (200, 422)
    assert call(wrong, wrong) == 403
    for key, subscription in [
        ("", ""),
        (fits, ""),
        ("", fits),
        (fits, "st_nobody_x"),
        ("st_nobody_x", fits),
        (fits, other),
    ]:
        assert call(key, subscription) == 401, (key, subscription)


def test_a_revoked_key_opens_nothing(world):
    key = world.key(world.big_provider)
    parties.revoke_key(key.split("_")[1], actor="operator", now=NOON)
    assert Client(key)("GET", f"{BASE}/FetchHashes").status_code == 401


def test_observers_read_what_they_may_and_share_nothing(world, client):
    world.share(tlp="green")
    one = client(world.observer)
    assert PDQ in one.fetch()[0]
    assert one.submit(record()).status_code == 403
    said = one.say({"feedbackValue": "Blocked", "hashValue": hex_value()})
    assert said.status_code == 403


@pytest.mark.parametrize(
    "query",
    [
        "startTimestamp=-1",
        "startTimestamp=1.5",
        "startTimestamp=x",
        "startTimestamp=99999999999999999999",
        "pageSize=many",
        "nextPageToken=1",
        "nextPageToken=1-2-99999999999999999999",
        "nextPageToken=%00",
        "startTimestamp=٣",
    ],
)
def test_a_query_that_means_nothing_is_refused(world, client, query):
    answer = client(world.big_provider)("GET", f"{BASE}/FetchHashes?{query}")
    assert answer.status_code == 422, answer.content
    assert answer.json()["errors"][0]["field"] in query


@at_night
@pytest.mark.parametrize("start", [AT + 1, 253_402_300_000])
def test_a_time_far_ahead_is_answered(world, client, start):
    world.share()
    assert client(world.big_provider).page(start=start)["nextSetTimestamp"] == start


@at_night
@pytest.mark.parametrize(("size", "count"), [(0, 1), (10**9, 3)])
def test_a_page_has_a_size_of_its_own(world, client, size, count):
    world.share()
    page = client(world.big_provider).page(size=size)
    assert (page["count"], page["hasMoreRecords"]) == (count, count < 3)


TOO_MANY = json.dumps({"hashFeedbacks": [{}] * 1001, "hashRecords": [{}] * 20_001}).encode()


@pytest.mark.parametrize("path", ["SubmitHashes", "SubmitFeedback"])
@pytest.mark.parametrize(
    ("body", "status"),
    some_of(
        3,
        [
            (b" ", 400),
            (b"[]", 422),
            (TOO_MANY, 413),
            (b"{", 400),
            (b'{"hashRecords": [], "hashFeedbacks": []}', 422),
            (b'{"hashRecords": 3, "hashFeedbacks": 3}', 422),
            (b'{"hashRecords": [null], "hashFeedbacks": [null]}', 422),
            (b'{"a": "\\u0000"}', 400),
            (b'{"hashRecords": ["\\ud800"], "hashFeedbacks": ["\\ud800"]}', 400),
            (b"[" * 100_000, 400),
        ],
    ),
)
def test_a_body_that_is_none_is_refused(world, client, path, body, status):
    answer = client(world.big_provider)("POST", f"{BASE}/{path}", body)
    assert answer.status_code == status, answer.content
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert not Signal.objects.exists()


def test_methods_and_addresses_that_are_none_say_so(world, client):
    one = client(world.big_provider)
    answer = one("POST", f"{BASE}/FetchHashes", {})
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD")
    answer = one("GET", f"{BASE}/Nothing")
    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("is_approved", some_of(1, [True, False]))
def test_what_waits_for_a_second_look_is_counted_and_fetched_once_approved(
    world, client, monkeypatch, is_approved
):
    let_one_a_day_travel(monkeypatch)
    authority = client(world.authority)
    answer = authority.submit(record(PDQ[1]), record())
    assert answer.status_code == 200, answer.content
    assert (answer.json()["created"], answer.json()["waiting"]) == (1, 1)
    assert set(real(authority.fetch()[0])) == {PDQ}
    decide(world, is_approved=is_approved)
    travels = {("ImagePDQ", NINE)} if is_approved else set()
    assert set(real(authority.fetch()[0])) == {PDQ} | travels
