# SPDX-License-Identifier: Apache-2.0
"""Pulling from TAXII servers that keep the standard, bend it, or mean harm."""

import time
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest

from stemtide.hub.rooms.exchanges.sources import source as port, taxii
from stemtide.hub.rooms.signals.models import Signal
from stemtide.interop.stix.objects import EXTENSION, MARKING_OF, stix_time
from tests.rounds import rounds
from tests.world import NOON, hex_value


class Shelf:
    """A collection as a server of TAXII tells it. dated: (moment, object), oldest first.

    tokens: it gives next. most: objects in one page, whatever is asked for.
    """

    def __init__(self, partner, *, tokens=True, most=1000, headers=True):
        self.dated = []
        self._tokens, self._most, self._headers = tokens, most, headers
        partner.answers = self.answer

    def put(self, *objects, at=NOON):
        self.dated += [(at, one) for one in objects]

    def answer(self, _method, path, headers, _body):
        assert headers["Accept"] == "application/taxii+json;version=2.1"
        asked = {name: values[0] for name, values in parse_qs(urlsplit(path).query).items()}
        after = asked.get("added_after", "")
        left = [one for one in self.dated if stix_time(one[0]) > after]
        start = int(asked.get("next", 0))
        page = left[start : start + min(int(asked["limit"]), self._most)]
        body = {"objects": [one for _, one in page]} if page else {}
        if start + len(page) < len(left):
            body["more"] = True
            if self._tokens:
                body["next"] = str(start + len(page))
        told = {"Content-Type": taxii.MEDIA_TYPE}
        if page and self._headers:
            told["X-TAXII-Date-Added-First"] = stix_time(page[0][0])
            told["X-TAXII-Date-Added-Last"] = stix_time(page[-1][0])
        return 200, told, body


def indicator(number=1, *, minutes=0, **more):
    plain = {
        "type": "indicator",
        "spec_version": "2.1",
        "id": f"indicator--{uuid4()}",
        "created": stix_time(NOON),
        "modified": stix_time(NOON + timedelta(minutes=minutes)),
        "pattern": f"[file:hashes.'SHA-256' = '{hex_value(number)}']",
        "pattern_type": "stix",
        "valid_from": stix_time(NOON),
    }
    return plain | more


def newer(sent, *, minutes, **more):
    return sent | {"modified": stix_time(NOON + timedelta(minutes=minutes))} | more


@pytest.fixture
def source(desk, partner):
    desk.add(address=partner.address, account="us", secret="hush")
    return partner


def test_pages_are_followed_by_next_with_our_account(desk, source):
    shelf = Shelf(source, most=7)
    shelf.put(*(indicator(number) for number in range(30)))
    assert desk.run() == {"shared": 30}
    assert len(source.asked) == 5
    assert source.asked[0][2]["Authorization"] == "Basic dXM6aHVzaA=="
    assert desk.row.trouble == ""


def test_a_token_is_sent_as_bearer_where_there_is_no_account(desk, partner):
    Shelf(partner)
    desk.add(address=partner.address, secret="token")
    desk.run()
    assert partner.asked[0][2]["Authorization"] == "Bearer token"


def test_without_next_pages_are_followed_by_time_and_equal_times_are_not_lost(desk, source):
    shelf = Shelf(source, tokens=False, most=4)
    for minute in range(10):
        some = [indicator(10 * minute + number) for number in range(3)]
        shelf.put(*some, at=NOON - timedelta(minutes=60 - minute))
    assert sum(desk.run().values()) == 30
    assert len(desk.live()) == 30


@pytest.mark.nightly
def test_more_of_one_time_than_fit_in_a_page_are_asked_for_at_once(desk, source):
    shelf = Shelf(source, tokens=False, most=5_000)
    shelf.put(*(indicator(number) for number in range(700)))
    assert desk.run() == {"shared": 700}


def test_a_server_that_cannot_give_them_at_once_is_an_error_and_no_loop(desk, source):
    shelf = Shelf(source, tokens=False, most=5)
    shelf.put(*(indicator(number) for number in range(12)))
    desk.run()
    assert "no way on" in desk.row.trouble
    assert len(source.asked) < 10


def test_what_is_added_later_with_the_time_of_the_last_is_found(desk, source):
    shelf = Shelf(source)
    shelf.put(indicator(1))
    desk.run()
    shelf.put(indicator(2))
    assert desk.run() == {"shared": 1}
    assert desk.run() == {}


def test_the_whole_is_read_again_where_a_server_tells_no_times(desk, source):
    shelf = Shelf(source, headers=False)
    shelf.put(indicator(1))
    desk.run()
    shelf.put(indicator(2))
    assert desk.run() == {"shared": 1}
    assert any("reads all of it again" in line for line in desk.log())


def test_a_revocation_withdraws_even_if_all_else_is_wrong_with_it(desk, source):
    shelf, sent = Shelf(source), indicator()
    shelf.put(sent)
    desk.run()
    later = NOON + timedelta(minutes=5)
    wrong = {"object_marking_refs": ["marking-definition--1"], "pattern": 7}
    shelf.dated = [(later, newer(sent, minutes=5, revoked=True, **wrong))]
    assert desk.run() == {"ended": 1}
    assert desk.live() == []


def test_words_and_marks_become_ours_by_the_table(desk, source):
    shelf = Shelf(source)
    said = {
        "labels": ['rsit:abusive-content="violence"', 'stemtide:severity="high"', "PAP:RED", "odd"],
        "object_marking_refs": [MARKING_OF["clear"]],
        "confidence": 30,
    }
    shelf.put(indicator(**said))
    desk.run()
    row = desk.signal()
    assert (row.labels, row.severity, row.pap) == (["graphic-violence"], "high", "red")
    assert (row.tlp, row.confidence) == ("green", 30)


def test_what_our_extension_says_is_kept(desk, source):
    shelf, hubs = Shelf(source), [str(uuid4()), str(uuid4())]
    said = {
        "extension_type": "property-extension",
        "labels": ["manifesto"],
        "entity": "EU 2023/1514 II.3",
        "language": "fr",
        "provenance": "accomplice",
        "via": hubs[:1],
        "hub": hubs[1],
    }
    shelf.put(indicator(extensions={EXTENSION: said}))
    desk.run()
    row = desk.signal()
    assert (row.labels, row.language, row.provenance) == (["manifesto"], "fr", "accomplice")
    assert (row.via, desk.row.hub) == (" ".join(hubs), hubs[1])


def test_child_abuse_is_refused_with_its_channel_and_keeps_no_value(desk, source):
    shelf = Shelf(source)
    shelf.put(indicator(1, labels=["csam"]), indicator(2, labels=['copine-scale:level-9="x"']))
    assert desk.run() == {"refused": 2}
    assert sum("never stored here" in line and "INHOPE" in line for line in desk.log()) == 2
    assert not any(hex_value(1) in line for line in desk.log())


def test_other_objects_are_no_fault_and_odd_ones_are_named(desk, source):
    shelf = Shelf(source)
    shelf.put({"type": "report"}, 7, None, indicator(1), {"type": "indicator", "id": "x"})
    shelf.put(indicator(pattern="[ipv4-addr:value = '192.0.2.7']"))
    assert desk.run() == {"shared": 1, "refused": 2}


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((401, {}, {}), "refuses our key"),
        ((404, {}, {}), "nothing at this address"),
        ((503, {"Retry-After": "7000"}, {}), "busy"),
        ((500, {}, {}), "answers 500"),
        ((200, {}, b"<html>"), "no JSON"),
        ((200, {}, b"[" * 100_000), "no JSON"),
        ((200, {}, []), "no envelope"),
        ((200, {}, {"objects": [{}] * 10_001}), "too many objects"),
        ((200, {"Content-Encoding": "gzip"}, b"x"), "compressed"),
        ((302, {"Location": "http://127.0.0.1:1/"}, {}), "not followed"),
        ((200, {}, {"more": True, "objects": [{}]}), "no way on"),
        (
            (200, {"X-TAXII-Date-Added-Last": "2999-01-01T00:00:00.000Z"}, {"objects": [1]}),
            "future",
        ),
    ][:: rounds(3, nightly=1)],
    ids=[
        *("key", "gone", "busy", "broken", "html", "deep", "list", "many", "packed", "led"),
        *("endless", "future"),
    ][:: rounds(3, nightly=1)],
)
def test_what_goes_wrong_is_said_and_the_source_is_asked_later(desk, source, answer, words):
    source.answers = lambda *_: answer
    assert desk.run() == {}
    assert words in desk.row.trouble
    assert desk.row.next_at > desk.now + timedelta(seconds=300)
    assert (desk.row.checkpoint, desk.row.failing_since) == ({}, desk.now)


def test_a_source_that_asks_us_to_wait_is_not_asked_before(desk, source):
    source.answers = lambda *_: (429, {"Retry-After": "7000"}, {})
    desk.run()
    assert desk.row.next_at == desk.now + timedelta(seconds=7000)


def test_an_odd_time_to_wait_is_no_failure_of_ours(desk, source):
    odd = "Sat, 24 Nov 2096 12:05:00 +99999999999999999999"
    source.answers = lambda *_: (429, {"Retry-After": odd}, {})
    desk.run()
    assert desk.row.trouble == "it is busy (429)"


def test_it_fails_once_in_the_ledger_and_works_again_once(desk, source):
    source.answers = lambda *_: (500, {}, {})
    desk.run()
    desk.later(minutes=10)
    desk.run()
    Shelf(source)
    desk.later(minutes=30)
    desk.run()
    kinds = [one for one in desk.world.ledger_kinds() if one.startswith("exchange.")]
    assert kinds == ["exchange.added", "exchange.failed", "exchange.recovered"]
    assert (desk.row.failures, desk.row.trouble) == (0, "")


@pytest.mark.parametrize("token", ["same", "another"])
@pytest.mark.parametrize("some", [1, 0][: rounds(1, nightly=None)])
def test_the_same_page_for_ever_ends_at_once(desk, source, token, some):
    objects = [indicator()] * some
    source.answers = lambda *_: (200, {}, {"more": True, "next": token, "objects": objects})
    assert desk.run() == ({"shared": 1} if some else {})
    assert "brings nothing new: no way on" in desk.row.trouble
    assert len(source.asked) == 2


def test_pages_that_take_turns_end_when_the_first_comes_again(desk, source):
    pages = [[indicator(number)] for number in range(3)]

    def answer(*_):
        number = len(source.asked)
        return 200, {}, {"more": True, "next": str(number), "objects": pages[(number - 1) % 3]}

    source.answers = answer
    assert desk.run() == {"shared": 3}
    assert ("nothing new" in desk.row.trouble, len(source.asked)) == (True, 4)


def test_a_page_that_repeats_is_left_by_time_where_the_server_tells_times(desk, source):
    page = {"more": True, "next": "same", "objects": [indicator()]}
    dated = {"X-TAXII-Date-Added-Last": stix_time(NOON)}
    source.answers = lambda *_: (200, dated, page)
    assert desk.run() == {"shared": 1}
    assert (desk.row.trouble, len(source.asked)) == ("", 2)
    assert desk.row.checkpoint == {"after": stix_time(NOON - timedelta(milliseconds=1))}
    assert any("asked again by time" in line for line in desk.log())


@pytest.mark.nightly
def test_pages_without_end_are_bounded_in_one_run_and_repeat_nothing(desk, source, monkeypatch):
    monkeypatch.setattr("stemtide.hub.rooms.exchanges.runner.MAX_PAGES", 6)
    sent = indicator()

    def answer(*_):
        number = len(source.asked)
        objects = [newer(sent, minutes=-number)]
        return 200, {}, {"more": True, "next": str(number), "objects": objects}

    source.answers = answer
    assert desk.run() == {"shared": 1}
    assert len(source.asked) == 6
    assert desk.row.next_at == desk.now + timedelta(seconds=5)


def test_a_time_that_goes_back_is_an_error_and_the_place_is_kept(desk, source):
    shelf = Shelf(source)
    shelf.put(indicator(1))
    desk.run()
    place = desk.row.checkpoint
    back = {"X-TAXII-Date-Added-Last": stix_time(NOON - timedelta(days=9))}
    source.answers = lambda *_: (200, back, {"objects": [indicator(2)]})
    assert desk.run() == {}
    assert "go back" in desk.row.trouble
    assert desk.row.checkpoint == place


def test_a_token_that_the_server_forgot_is_left_and_the_run_goes_on(desk, source):
    shelf = Shelf(source)
    shelf.put(indicator(1))
    desk.row.save()
    row = desk.row
    row.checkpoint = {"next": "forgotten"}
    row.save()
    honest = shelf.answer

    def answer(method, path, headers, body):
        return (400, {}, {}) if "forgotten" in path else honest(method, path, headers, body)

    source.answers = answer
    assert desk.run() == {"shared": 1}


def test_an_answer_that_trickles_is_left_in_time(desk, source, monkeypatch):
    monkeypatch.setattr(port, "ONE_TIMEOUT_S", 0.5)

    def drip(page):
        page.send_response(200)
        page.end_headers()
        try:
            while True:
                page.wfile.write(b" ")
                page.wfile.flush()
                time.sleep(0.05)
        except OSError:
            return

    source.answers = lambda *_: (200, {}, drip)
    desk.run()
    assert "too long" in desk.row.trouble


def test_a_page_that_is_too_large_is_asked_for_smaller(desk, source, monkeypatch):
    monkeypatch.setattr(port, "MAX_ANSWER_BYTES", 20_000)
    shelf = Shelf(source)
    shelf.put(*(indicator(number) for number in range(100)))
    assert desk.run() == {"shared": 100}


def test_one_object_that_is_too_large_by_itself_is_an_error(desk, source, monkeypatch):
    monkeypatch.setattr(port, "MAX_ANSWER_BYTES", 20_000)
    Shelf(source).put(indicator(description="x" * 30_000))
    desk.run()
    assert "more than 20,000 bytes" in desk.row.trouble


def test_an_object_within_bounds_whose_text_is_huge_is_refused_alone(desk, source):
    Shelf(source).put(indicator(1), indicator(2, description="x" * (1 << 20)))
    assert desk.run() == {"shared": 1, "refused": 1}


def test_this_machine_is_reached_only_where_the_settings_let_it(desk, source):
    Shelf(source).put(indicator())
    desk.run(loopback=False)
    assert "only https addresses" in desk.row.trouble
    assert source.asked == []


@pytest.mark.usefixtures("source")
def test_a_secret_is_sealed_and_lost_with_the_hubs_own(desk, settings):
    assert "hush" not in desk.row.secret
    settings.SECRET_KEY = "another"
    settings.SECRET_KEY_FALLBACKS = []
    desk.run()
    assert "STEMTIDE_OLD_SECRET_KEYS" in desk.row.trouble
    assert Signal.objects.count() == 0
