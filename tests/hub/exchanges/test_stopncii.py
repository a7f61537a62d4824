# SPDX-License-Identifier: Apache-2.0
"""Pulling from servers of StopNCII's shape: records, seconds, tokens, and what is odd."""

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest

from stemtide.hub.rooms.ledger.reads import ledger
from stemtide.interop.stopncii import canary
from tests.rounds import rounds
from tests.world import NOON, hex_value

NOON_S = int(NOON.timestamp())


class Server:
    """Records with their seconds, as the standard client reads them."""

    def __init__(self, partner, *, size=1000):
        self.records = []
        self._size = size
        partner.answers = self.answer

    def answer(self, _method, path, headers, _body):
        assert headers["x-functions-key"] == "fetch"
        assert headers["Ocp-Apim-Subscription-Key"] == "sub"
        asked = {name: values[0] for name, values in parse_qs(urlsplit(path).query).items()}
        since, start = int(asked["startTimestamp"]), int(asked.get("nextPageToken", 0))
        found = [one for one in self.records if one["lastModtimestamp"] >= since]
        page = found[start : start + self._size]
        more = start + len(page) < len(found)
        body = {
            "count": len(page),
            "nextPageToken": str(start + len(page)) if more else None,
            "nextSetTimestamp": page[-1]["lastModtimestamp"] if page else since,
            "hasMoreRecords": more,
            "hashRecords": page,
        }
        return 200, {}, body


def record(number=1, *, at=0, status="Active", said=None, tags=(), name="ImagePDQ", **more):
    feedback = {"source": "Europol", "feedbackValue": said or "Blocked", "tags": list(tags)}
    plain = {
        "lastModtimestamp": NOON_S + at,
        "signalType": name,
        "hashValue": hex_value(number),
        "hashStatus": status,
        "caseNumbers": {},
        "CSPFeedbacks": [feedback],
    }
    return plain | more


@pytest.fixture
def source(desk, partner):
    desk.add("stopncii", address=partner.address, secret="fetch, sub")
    return partner


def test_records_become_signals_with_what_their_tags_say(desk, source):
    server = Server(source)
    server.records = [
        record(1, tags=["label:livestream", "severity:high", "tlp:green", "pap:red"]),
        record(2, name="VideoMD5", hashValue=hex_value(2, digits=32).upper()),
        record(3, name="URL", hashValue="https://evil.example/a"),
    ]
    assert desk.run() == {"shared": 3}
    row = desk.signal()
    assert (row.labels, row.severity, row.tlp, row.pap) == (["livestream"], "high", "green", "red")
    assert hex_value(2, digits=32) in desk.live()


def test_a_canary_is_no_signal(desk, source):
    server = Server(source)
    server.records = [one.model_dump(mode="json") for one in canary.records()] + [record(1)]
    assert desk.run() == {"shared": 1}


def test_pages_are_followed_and_the_last_second_comes_twice_without_harm(desk, source):
    server = Server(source, size=3)
    server.records = [record(number, at=number // 4) for number in range(10)]
    assert desk.run() == {"shared": 10}
    server.records.append(record(20, at=2))  # in the second that was told last
    assert desk.run() == {"shared": 1}
    assert desk.run() == {}
    assert desk.row.checkpoint == {"start": NOON_S + 2}


def test_a_withdrawn_record_ends_the_signal(desk, source):
    server = Server(source)
    server.records = [record(1), record(2)]
    desk.run()
    server.records = [record(1, at=9, status="Withdrawn"), record(2, at=9, status="Deleted")]
    assert desk.run() == {"ended": 2}
    assert desk.live() == []


def test_not_blocked_disputes(desk, source):
    server = Server(source)
    server.records = [record(1, said="NotBlocked")]
    desk.run()
    assert desk.signal().is_disputed


def test_types_that_we_do_not_know_are_passed_over_record_by_record_and_counted(desk, source):
    server = Server(source)
    server.records = [record(1, name="VideoTMK"), record(2), record(3, name="Text")]
    assert desk.run() == {"shared": 1}
    assert any("1 of type VideoTMK" in line for line in desk.log())


def test_a_bad_record_is_refused_alone_and_its_value_is_not_in_the_log(desk, source):
    server = Server(source)
    server.records = [
        record(1, hashValue="xyz-secret"),
        record(2, lastModtimestamp=1.5) | {"lastModtimestamp": NOON_S, "hashValue": 7},
        record(3, CSPFeedbacks=None),
        record(4, tags=["csam"]),
        record(5, CSPFeedbacks=[{"tags": None}, 7]),
    ]
    assert desk.run() == {"refused": 3, "shared": 2}
    assert not any("xyz-secret" in line for line in desk.log())


def test_what_only_parties_behind_us_share_there_is_an_echo(desk, source):
    hub, there = str(ledger.heads().hub), str(uuid4())
    server = Server(source)
    back = {"source": "from-us", "feedbackValue": "Blocked", "tags": [f"via:{hub}", f"hub:{there}"]}
    own = {"source": "theirs", "feedbackValue": "Blocked", "tags": [f"hub:{there}"]}
    judged = {"source": "else", "feedbackValue": "NotBlocked", "tags": []}
    server.records = [
        record(1, CSPFeedbacks=[back, judged]),
        record(2, CSPFeedbacks=[back, own]),
    ]
    assert desk.run() == {"echo": 1, "shared": 1}
    assert (desk.live(), desk.signal(2).via) == ([hex_value(2)], there)


@pytest.mark.parametrize(
    ("page", "words"),
    [
        ({"nextSetTimestamp": 9}, "go back"),
        ({"nextSetTimestamp": NOON_S * 1000}, "not in seconds"),
        ({"nextSetTimestamp": "10"}, "no whole number"),
        ({"nextSetTimestamp": 10, "hasMoreRecords": True}, "not where"),
        (
            {"nextSetTimestamp": 10, "hasMoreRecords": True, "nextPageToken": "t" * 3000},
            "no way on",
        ),
        ({"hashRecords": {}}, "no page"),
        ({"hashRecords": [{}] * 10_001}, "too many"),
    ][:: rounds(3, nightly=1)],
    ids=["back", "milliseconds", "text", "nowhere", "long", "object", "many"][
        :: rounds(3, nightly=1)
    ],
)
def test_what_makes_no_way_is_an_error_and_the_place_is_kept(desk, source, page, words):
    source.answers = lambda *_: (200, {}, {"hashRecords": []} | page)
    assert desk.run() == {}
    assert words in desk.row.trouble
    assert desk.row.checkpoint == {}


def test_one_token_may_serve_a_whole_run_of_pages(desk, source):
    page = {"nextSetTimestamp": NOON_S, "nextPageToken": "same", "hasMoreRecords": True}

    def answer(*_):
        number = len(source.asked)
        more = {"hasMoreRecords": number < 3, "hashRecords": [record(number)]}
        return 200, {}, page | more

    source.answers = answer
    assert desk.run() == {"shared": 3}


def test_the_same_page_for_ever_ends_at_once(desk, source):
    page = {"hashRecords": [record()], "nextSetTimestamp": NOON_S, "hasMoreRecords": True}
    source.answers = lambda *_: (200, {}, page | {"nextPageToken": "same"})
    desk.run()
    assert "nothing new: no way on" in desk.row.trouble
    assert len(source.asked) == 2


def test_a_token_that_was_forgotten_begins_the_run_anew(desk, source):
    server = Server(source)
    server.records = [record(1)]
    row = desk.row
    row.checkpoint = {"start": 10, "token": "old"}
    row.save()
    honest = server.answer
    source.answers = lambda *all_of: (400, {}, {}) if "old" in all_of[1] else honest(*all_of)
    assert desk.run() == {"shared": 1}
    assert desk.row.next_at > desk.now + timedelta(seconds=100)
