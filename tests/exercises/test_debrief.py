# SPDX-License-Identifier: Apache-2.0
"""Pages of a result: all read the common one, and a party alone reads about itself."""

import re
from datetime import date

import pytest
from pypdfium2 import PdfDocument

from stemtide.exercises.results import debrief, follow_up
from stemtide.exercises.results.delays import compute_delays
from stemtide.exercises.results.report import report_pdf
from stemtide.exercises.results.views import COMMON_ACTS, common_view
from stemtide.scenarios.acts import ACTS
from tests.exercises.stored_results import result
from tests.exercises.test_figures import record

TODAY = date(2026, 11, 29)
PRIVATE_ACTS = {
    *("stop-agent", "start-agent", "report-lead", "receive-lead", "pass-on-lead", "hold", "refer"),
    *("answer-referrals", "order", "confirm-order", "execute-order", "suspend-order"),
    *("withdraw-order",),
}
ABOUT_BIG_VIDEOS = (
    "Big Videos joins at once",
    "88 min",
    "78.0 min",
    "there is no order",
    "order rec",
)


def with_rest(content):
    """A result with a note and an action about one party, and one of each for all."""
    for about, text in (("", "The line was busy."), ("big-videos", "Nobody was at the desk.")):
        content = follow_up.add_note(content, text, by="An observer", at_min=9, about=about)
    for owner, text in (("crisis-centre", "Renew the list."), ("big-videos", "Add a night shift.")):
        content = follow_up.add_action(
            content, text, owner=owner, due=TODAY, is_private=owner == "big-videos"
        )
    return content


def test_every_act_is_for_all_or_for_its_party():
    assert set(ACTS) == COMMON_ACTS | PRIVATE_ACTS
    assert not COMMON_ACTS & PRIVATE_ACTS


def test_the_common_page_says_nothing_about_one_party_alone():
    page = debrief.common_page(with_rest(result()), today=TODAY)
    assert "The early warning is out." in page
    assert "The line was busy." in page
    assert "Renew the list." in page
    assert "2 copies of film are uploaded" in page
    private = (*ABOUT_BIG_VIDEOS, "Nobody was at the desk", "Add a night shift", "0 matched")
    assert [words for words in private if words in page] == []


def test_a_party_reads_its_own_delays_beside_a_median_that_names_nobody():
    page = debrief.party_page(with_rest(result()), "big-videos", today=TODAY)
    assert [words for words in ABOUT_BIG_VIDEOS if words not in page] == []
    assert "40.0 min" in page  # the median of 78 and 2
    assert "Nobody was at the desk" in page
    assert "Add a night shift" in page
    assert "Renew the list" not in page
    other = debrief.party_page(with_rest(result()), "crisis-centre", today=TODAY)
    assert [words for words in ABOUT_BIG_VIDEOS if words in other] == []


def test_a_page_stands_alone_and_runs_nothing():
    content = result(title='<script src="https://evil.example/x.js"></script>')
    content = follow_up.add_note(content, "<img src=x onerror=alert(1)>", by="<b>", at_min=1)
    content = content.model_copy(update={"cast": {"crisis-centre": "<svg onload=alert(1)>"}})
    page = debrief.common_page(content, today=TODAY)
    assert "default-src 'none'" in page
    assert re.findall(r"<(?:script|img|link|iframe|b|svg onload)\b", page) == []
    assert re.findall(r'(?:src|href)="', page.replace("&quot;", "")) == []
    assert "&lt;script" in page


def test_the_report_has_curves_notes_and_actions_with_their_states():
    content = with_rest(result())
    content = follow_up.add_action(content, "Was late.", owner="Somebody", due=date(2026, 1, 2))
    content = follow_up.finish_action(content, 1, on=TODAY)
    report = PdfDocument(report_pdf(content, today=TODAY))
    text = " ".join(page.get_textpage().get_text_bounded() for page in report)
    words = " ".join(text.split())
    for part in ("Nobody was at the desk.", "Done on 2026-11-29", "Overdue", "Open", "An observer"):
        assert part in words


def test_a_common_result_keeps_figures_of_all():
    shared = common_view(with_rest(result()))
    assert shared.is_common
    assert {row.party for row in (*shared.figures, *shared.objectives)} == {""}
    assert {copy.provider for copy in shared.copies} == {""}
    assert [entry.kind for entry in shared.entries] == ["crisis.warned"]
    assert shared.delays == ()


@pytest.mark.parametrize(
    ("reaction", "party", "minutes", "entries"),
    [
        ("from an invitation to joining", "big-videos", 3, (2, 3)),
        ("from an invitation to joining", "x", None, (2,)),
        ("from a lead until it was passed on", "second-authority", 11, (6, 7)),
        ("from a removal order to its answer", "small-pictures", 60, (8, 10)),
        ("from a removal order to its answer", "big-videos", 61, (9, 11)),
    ],
)
def test_a_delay_is_that_between_two_entries_of_the_ledger(reaction, party, minutes, entries):
    rows = {(row.reaction, row.party): row for row in compute_delays(record())}
    row = rows[reaction, party]
    assert (row.minutes, row.entries) == (minutes, entries)
