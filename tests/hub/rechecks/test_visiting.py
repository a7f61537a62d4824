# SPDX-License-Identifier: Apache-2.0
"""Visits to a real server on this machine, from the schedule to the row."""

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from stemtide.hub.rooms.rechecks import reads, visits as visiting, writes
from stemtide.hub.rooms.rechecks.models import Recheck
from stemtide.hub.rooms.rechecks.reads import Errand
from stemtide.hub.rooms.rechecks.visits import Visitor, Way
from tests.hub.rechecks.test_rechecks import DAY, QUARTER

HERE = Way(loopback=True)


class Site(ThreadingHTTPServer):
    """A site whose pages can be taken down. anything: what it answers for pages it has not."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Page)
        self.pages = {"/film.mp4": ("video/mp4", b"film"), "/page": ("text/html", b"<p>a film</p>")}
        self.asked = []
        self.anything = (404, "text/html", b"nothing here")
        self.moved = {}

    def url(self, path):
        return f"http://127.0.0.1:{self.server_port}{path}"


class Page(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        if self.path in self.server.moved:
            self.send_response(302)
            self.send_header("Location", self.server.moved[self.path])
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        kind, body = self.server.pages.get(self.path, self.server.anything[1:])
        self.send_response(200 if self.path in self.server.pages else self.server.anything[0])
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def site():
    made = Site()
    thread = Thread(target=made.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield made
    made.shutdown()
    made.server_close()
    thread.join()


def visited(url, *, exercise=False, way=HERE):
    errand = Errand(uid=None, taken=1, url=url, exercise=exercise)
    _, finding = visiting.visit(errand, way=way)
    return finding.verdict.value, finding.reason.value


def test_a_film_that_is_there_and_then_gone(site):
    assert visited(site.url("/film.mp4")) == ("there", "answers")
    del site.pages["/film.mp4"]
    assert visited(site.url("/film.mp4")) == ("gone", "says_gone")
    assert site.asked == ["/film.mp4", "/film.mp4"]


def test_a_page_is_compared_with_one_that_cannot_exist(site):
    assert visited(site.url("/page")) == ("there", "answers")
    assert (len(site.asked), site.asked[0], site.asked[1] != "/page") == (2, "/page", True)


def test_a_site_that_answers_anything_is_not_believed(site):
    site.anything = (200, "text/html", b"<p>a film?</p>")
    assert visited(site.url("/never")) == ("unclear", "answers_anything")


def test_a_page_that_says_removed_is_unclear(site):
    site.pages["/page"] = ("text/html", b"<p>This film has been removed</p>")
    assert visited(site.url("/page")) == ("unclear", "says_removed")


def test_a_page_that_leads_to_the_sign_in_is_unclear(site):
    site.moved["/page"] = "/sign-in"
    site.pages["/sign-in"] = ("text/html", b"<form>")
    assert visited(site.url("/page")) == ("unclear", "led_elsewhere")


def test_this_machine_is_visited_only_where_it_is_let(site):
    assert visited(site.url("/film.mp4"), way=Way()) == ("unclear", "refused")
    assert site.asked == []


def test_an_exercise_visits_nothing_outside(site):
    assert visited("https://video.example/", exercise=True, way=Way()) == ("unclear", "exercise")
    assert visited("http://93.184.216.34/", exercise=True) == ("unclear", "refused")
    assert visited(site.url("/film.mp4"), exercise=True) == ("there", "answers")


def test_what_is_no_address_is_refused():
    assert visited("no address at all") == ("unclear", "refused")


@pytest.mark.django_db(transaction=True)
def test_due_visits_are_made_and_noted_in_threads(site, requests, world):
    film, page = requests.referral(site.url("/film.mp4")), requests.order(site.url("/gone"))
    clock = Visitor(way=HERE, now=lambda: QUARTER)
    assert clock.start_due(QUARTER) == 2
    clock.settle()
    assert clock.start_due(QUARTER) == 0
    clock.close()
    found = {one.reference: one for one in reads.rechecks(viewer=world.authority)}
    there, gone = found[film.reference], found[page.reference]
    assert (there.verdict, there.visits[0].status) == ("there", 200)
    assert there.visits[0].size_bytes == len(b"film")
    assert (gone.verdict, gone.next_at) == ("gone", DAY)
    assert set(world.ledger_kinds()[2:]) == {"recheck.contradicted", "recheck.confirmed"}


@pytest.mark.django_db(transaction=True)
def test_a_hub_that_does_not_visit_leaves_visits_due(site, requests):
    requests.referral(site.url("/film.mp4"))
    clock = Visitor(way=Way(is_on=False, loopback=True), now=lambda: QUARTER)
    assert (clock.start_due(QUARTER), site.asked) == (0, [])
    clock.close()
    assert len(writes.claim_due(QUARTER, limit=9)) == 1


@pytest.mark.django_db(transaction=True)
def test_a_visit_that_cannot_be_noted_is_made_again(site, requests, caplog):
    requests.referral(site.url("/film.mp4"))

    def no_clock():
        raise RuntimeError("the clock broke")

    clock = Visitor(way=HERE, now=no_clock)
    clock.start_due(QUARTER)
    clock.settle()
    clock.close()
    assert "done again" in caplog.text
    row = Recheck.objects.get()
    assert (row.visits.count(), row.next_at > QUARTER) == (0, True)
