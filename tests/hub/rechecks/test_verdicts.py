# SPDX-License-Identifier: Apache-2.0
"""What a visit means: never gone where something may be there."""

from datetime import timedelta

import pytest

from stemtide.egress.probe import Probe, ProbeFailure
from stemtide.hub.rooms.rechecks import rules
from stemtide.hub.rooms.rechecks.rules import AddressState, News, VisitResult
from stemtide.protocol.enums.rechecks import Reason, Verdict
from tests.world import NOON

PAGE = "https://video.example/watch/12"
HTML = {"content_type": "text/html", "size_bytes": 5000, "digest": "a" * 64}


def judged(status, *, url=PAGE, control=None, **seen):
    found = rules.judge(Probe(**{"url": url, "status": status} | seen), url=PAGE, control=control)
    return found.verdict.value, found.reason.value


@pytest.mark.parametrize(
    ("status", "verdict", "reason"),
    [
        *((404, "gone", "says_gone"), (410, "gone", "says_gone"), (451, "gone", "says_gone")),
        *((200, "there", "answers"), (206, "there", "answers"), (204, "there", "answers")),
        *((401, "unclear", "closed"), (402, "unclear", "closed"), (403, "unclear", "closed")),
        *((407, "unclear", "closed"), (408, "unclear", "busy"), (429, "unclear", "busy")),
        *((500, "unclear", "busy"), (502, "unclear", "busy"), (503, "unclear", "busy")),
        *((504, "unclear", "busy"), (521, "unclear", "busy"), (400, "unclear", "other_status")),
        *((302, "unclear", "other_status"), (304, "unclear", "other_status")),
        *((418, "unclear", "other_status"), (501, "unclear", "other_status")),
        *((999, "unclear", "other_status"), (405, "unclear", "other_status")),
    ],
)
def test_what_a_status_means(status, verdict, reason):
    assert judged(status) == (verdict, reason)


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [
        ("refused", "refused"),
        ("timed_out", "timed_out"),
        ("no_connection", "no_connection"),
        ("broken_off", "broken_off"),
        ("too_many_hops", "too_many_hops"),
    ],
)
def test_no_answer_is_never_gone(trouble, reason):
    assert judged(None, trouble=ProbeFailure(trouble)) == ("unclear", reason)


@pytest.mark.parametrize("status", [200, 404, 410])
def test_an_answer_of_another_page_proves_nothing(status):
    elsewhere = "https://video.example/login?next=%2Fwatch%2F12"
    assert judged(status, url=elsewhere, hops=1) == ("unclear", "led_elsewhere")


@pytest.mark.parametrize(
    "url",
    [
        "http://www.video.example/watch/12/",
        "https://VIDEO.example/watch/12?utm_source=x",
        "https://video.example/watch/./12",
    ],
)
def test_another_spelling_of_the_same_address_is_the_same(url):
    assert judged(404, url=url, hops=2) == ("gone", "says_gone")
    assert judged(200, url=url, hops=2) == ("there", "answers")


def test_a_short_link_that_leads_anywhere_is_there():
    seen = Probe("https://video.example/watch/12", status=200, hops=1)
    assert rules.judge(seen, url="https://bit.ly/abc").verdict is Verdict.THERE
    gone = Probe("https://video.example/watch/12", status=404, hops=1)
    assert rules.judge(gone, url="https://bit.ly/abc").verdict is Verdict.GONE


def test_an_address_that_has_no_canonical_spelling_led_elsewhere():
    seen = Probe("https://video.example/b", status=404, hops=1)
    assert rules.judge(seen, url="http://[::1").reason is Reason.LED_ELSEWHERE


def test_a_page_that_says_removed_and_answers_well_proves_nothing():
    assert judged(200, found="has been removed", **HTML) == ("unclear", "says_removed")


def test_a_packed_answer_cannot_be_looked_through():
    assert judged(200, is_packed=True, **HTML) == ("unclear", "packed")


@pytest.mark.parametrize(
    ("control", "verdict"),
    [
        ({"status": 200, "size_bytes": 5000, "digest": "a" * 64}, "unclear"),
        ({"status": 200, "size_bytes": 4600, "digest": "b" * 64}, "unclear"),
        ({"status": 200, "size_bytes": 4400, "digest": "b" * 64}, "there"),
        ({"status": 404, "size_bytes": 5000, "digest": "b" * 64}, "there"),
        ({"status": 302, "size_bytes": 5000, "digest": "b" * 64}, "there"),
        ({"trouble": ProbeFailure.TIMED_OUT}, "there"),
    ],
)
def test_a_host_that_answers_anything_proves_nothing(control, verdict):
    assert judged(200, control=Probe("https://video.example/x", **control), **HTML)[0] == verdict


@pytest.mark.parametrize(
    ("seen", "needs"),
    [
        ({"status": 200, "content_type": "text/html"}, True),
        ({"status": 200, "content_type": "application/xhtml+xml"}, True),
        ({"status": 200, "content_type": "video/mp4"}, False),
        ({"status": 404, "content_type": "text/html"}, False),
        ({"status": 200, "content_type": "text/html", "found": "was removed"}, False),
        ({"status": 403, "content_type": "text/html"}, False),
    ],
)
def test_only_a_page_that_would_count_as_there_is_compared(seen, needs):
    assert rules.needs_control(Probe(PAGE, **seen), url=PAGE) is needs


@pytest.mark.parametrize(
    ("url", "control"),
    [
        ("https://a.example/v/12", "https://a.example/v/zz"),
        ("https://a.example/v/12/", "https://a.example/v/zz"),
        ("https://a.example/12", "https://a.example/zz"),
        ("https://a.example/watch?v=abc&t=3", "https://a.example/watch?v=zz&t=zz"),
        ("https://a.example/?id=1", "https://a.example/?id=zz"),
        ("https://a.example/", ""),
        ("https://a.example", ""),
    ],
)
def test_an_address_that_cannot_exist_lies_beside(url, control):
    assert rules.control_url(url, chance="zz") == control


def test_a_front_page_has_no_address_beside_it():
    seen = Probe("https://a.example/", status=200, content_type="text/html")
    assert not rules.needs_control(seen, url="https://a.example/")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"<p>This video has been REMOVED.</p>", "has been removed"),
        (
            "<p>Cette vid\u00e9o a \u00e9t\u00e9 supprim\u00e9e</p>".encode(),
            "a \u00e9t\u00e9 supprim\u00e9",
        ),
        ("<p>It doesn\u2019t exist</p>".encode(), "doesn't exist"),
        (b"<h1>A film</h1>", ""),
        (b"", ""),
        (b"\xff\xfe\x00 no longer available", "no longer available"),
        (b"<script>var m='page not found'</script><p>A film</p>", ""),
        (b"<SCRIPT type=x>'page not found'</Script><style>was deleted</style>ok", ""),
        (b"<script>1</script><p>page not found</p><script>2</script>", "page not found"),
        (b"<p>a</p><script>never ends: page not found", ""),
        (b"<scripture>page not found</scripture>", "page not found"),
    ],
)
def test_words_of_removal_are_found_outside_of_scripts(body, words):
    assert rules.says_removed(body) == words


def test_hostile_pages_are_looked_through_once():
    rules.says_removed(b"<script" * 150_000)
    rules.says_removed(b"<script></script" * 60_000)


# When the next visit is due


@pytest.mark.parametrize(
    ("after", "next_after"),
    [
        (timedelta(minutes=15), timedelta(days=1)),
        (timedelta(hours=3), timedelta(days=1)),
        (timedelta(days=1), timedelta(days=7)),
        (timedelta(days=1, minutes=2), timedelta(days=7)),
        (timedelta(days=7), timedelta(days=30)),
        (timedelta(days=30), None),
        (timedelta(days=99), None),
    ],
)
def test_visits_follow_the_schedule_whatever_was_in_between(after, next_after):
    standing = AddressState(since=NOON, settled=None, repeats=0)
    due = rules.next_visit(
        standing, finding=VisitResult(Verdict.GONE, Reason.SAYS_GONE), now=NOON + after
    )
    assert due == (NOON + next_after if next_after else None)


@pytest.mark.parametrize(
    ("reason", "repeats", "after", "next_after"),
    [
        ("busy", 0, timedelta(minutes=15), timedelta(minutes=75)),
        ("timed_out", 1, timedelta(minutes=75), timedelta(minutes=135)),
        ("no_connection", 2, timedelta(minutes=135), timedelta(days=1)),
        ("broken_off", 0, timedelta(hours=23, minutes=30), timedelta(days=1)),
        ("busy", 0, timedelta(days=30), timedelta(days=30, hours=1)),
        ("busy", 2, timedelta(days=30), None),
        ("closed", 0, timedelta(minutes=15), timedelta(days=1)),
        ("refused", 0, timedelta(minutes=15), timedelta(days=1)),
    ],
)
def test_what_may_pass_is_tried_again_in_an_hour(reason, repeats, after, next_after):
    standing = AddressState(since=NOON, settled=None, repeats=repeats)
    found = VisitResult(Verdict.UNCLEAR, Reason(reason))
    due = rules.next_visit(standing, finding=found, now=NOON + after)
    assert due == (NOON + next_after if next_after else None)


@pytest.mark.parametrize(
    ("settled", "verdict", "news"),
    [
        (None, "gone", News.GONE),
        (None, "there", News.STILL_THERE),
        (None, "unclear", None),
        ("gone", "gone", None),
        ("gone", "there", News.RETURNED),
        ("gone", "unclear", None),
        ("there", "gone", News.GONE),
        ("there", "there", None),
        ("there", "unclear", None),
    ],
)
def test_only_news_are_recorded(settled, verdict, news):
    standing = AddressState(since=NOON, settled=settled and Verdict(settled), repeats=0)
    assert rules.news_of(standing, finding=VisitResult(Verdict(verdict), Reason.ANSWERS)) is news
