# SPDX-License-Identifier: Apache-2.0
import re

import pytest

from stemtide.hub.platform.errors import NotAllowedError, NotFoundError
from stemtide.hub.rooms.reports import paper
from stemtide.hub.rooms.reports.reads import reports as reads, timeline as reads_timeline
from stemtide.hub.rooms.reports.rules import reports as rules
from stemtide.hub.rooms.reports.writes import reports as writes
from stemtide.protocol.messages.reports import TimelineEntry, TimelineExport
from tests.hub.situation.test_log import allowed
from tests.world import NOON

TITLES = {"party:be-crisis-centre": "Belgian Crisis Centre"}


def text_of(pdf: bytes) -> str:
    """The words of a PDF, in reading order."""
    import pypdfium2

    document = pypdfium2.PdfDocument(pdf)
    return "\n".join(page.get_textpage().get_text_range() for page in document)


def export(after, party="authority", role="duty_officer", as_="json"):
    by = after.actor(party, role)
    return writes.export_timeline(after.crisis.id, as_=as_, by=by, now=NOON)


def test_a_timeline_is_read_page_by_page(busy):
    first = reads_timeline.timeline(busy.crisis.id, viewer=busy.world.authority, limit=4)
    assert (len(first.entries), first.more, first.next) == (4, True, first.entries[-1].number)
    rest = reads_timeline.timeline(
        busy.crisis.id, viewer=busy.world.authority, after=first.next, limit=500
    )
    kinds = [one.kind for one in (*first.entries, *rest.entries)]
    assert kinds[0] == "crisis.warned"
    assert kinds[-1] == "signal.withdrawn"
    assert "message.posted" in kinds


def test_names_of_signals_and_messages_are_open_to_those_who_may_see_them(busy):
    busy.post(text="For one alone.", tlp="red", audience=("big-video",))
    told = {
        one.kind: one.actor
        for one in reads_timeline.timeline(
            busy.crisis.id, viewer=busy.world.agency, limit=500
        ).entries
    }
    assert told["signal.shared"] == "party:be-crisis-centre"
    assert told["outcomes.reported"] == "party:big-video"
    last = reads_timeline.timeline(busy.crisis.id, viewer=busy.world.agency, limit=500).entries[-1]
    assert (last.kind, last.subject) == ("message.posted", "withheld")


def test_a_provider_learns_of_no_other_providers_outcomes(busy):
    found = reads_timeline.timeline(
        busy.crisis.id, viewer=busy.world.small_provider, things=["outcomes"]
    )
    assert [one.actor for one in found.entries] == ["withheld"]


def test_a_lead_is_in_no_timeline(busy):
    busy.lead(crisis=busy.crisis.id)
    kinds = [one.kind for one in export(busy, "agency", "coordinator").entries]
    assert not any(one.startswith("lead.") for one in kinds)


def test_an_export_is_its_own_last_entry(busy):
    found = export(busy, as_="pdf")
    last = found.entries[-1]
    assert (last.kind, last.detail["as"]) == ("timeline.exported", "pdf")
    assert found.head == last.number
    assert found.withheld == 0


def test_an_analyst_does_not_export_and_an_outsider_finds_nothing(busy):
    with pytest.raises(NotAllowedError, match="cannot export"):
        export(busy, role="analyst")
    with pytest.raises(NotFoundError):
        export(busy, "observer", "coordinator")


def made(entries, **more):
    facts = {
        "hub": "00000000-0000-4000-8000-000000000000",
        "head": 9,
        "crisis": "00000000-0000-4000-8000-000000000001",
        "name": 'Attack #panic("read as code") *not bold* $x$ <label> @ref',
        "framework": "eucp-2023",
        "exercise": True,
        "tlp": "amber",
        "made_by": "be-crisis-centre",
        "made_at": NOON,
        "withheld": 0,
        "entries": entries,
    }
    return TimelineExport.model_validate(facts | more)


def entry(number, kind="signal.shared", **detail):
    return TimelineEntry(
        number=number,
        kind=kind,
        actor="party:be-crisis-centre",
        subject=f"signal:00000000-0000-4000-8000-{number:012d}",
        detail=detail,
        exercise=True,
        recorded_at=NOON,
    )


def test_words_of_people_are_shown_and_never_read_as_typst():
    evil = '#import "@preview/x:1.0.0": y \\ ] $ #sys.inputs {{ %'
    pdf = paper.timeline_pdf(made([entry(1, note=evil)]), titles=TITLES, acts={})
    told = re.sub(r"\s+", "", text_of(pdf))
    assert re.sub(r"\s+", "", evil) in told
    assert 'panic("readascode")*notbold*' in told


def test_a_long_timeline_repeats_its_heads_and_its_marks_on_every_page():
    rows = [entry(number, count=number) for number in range(1, 200)]
    pdf = paper.timeline_pdf(made(rows), titles=TITLES, acts={"signal.shared": "shared a signal"})
    pages = text_of(pdf).split("On what, and facts")
    assert len(pages) > 4
    told = text_of(pdf)
    assert told.count("TLP:AMBER") == len(pages) - 1
    assert "Belgian Crisis Centre" in told
    assert "shared a signal" in told
    assert told.count("EXERCISE") >= len(pages) - 1


@pytest.mark.parametrize(
    ("entries", "as_", "may"),
    [(5000, "pdf", True), (5001, "pdf", False), (50_000, "json", True)],
)
def test_paper_has_an_end(entries, as_, may):
    assert allowed(rules.check_size, entries, as_=as_) is may


def test_a_word_without_end_is_broken_over_lines():
    pdf = paper.timeline_pdf(made([entry(1, note="a" * 400)]), titles={}, acts={})
    assert text_of(pdf).count("aaaaaaaa") > 2
    assert "\u200b" in text_of(pdf)


def test_a_paper_is_tagged_and_says_which_standards_it_keeps():
    pdf = paper.timeline_pdf(made([entry(1)]), titles={}, acts={})
    assert b"pdfuaid" in pdf
    assert b"pdfaid" in pdf
    assert b"/StructTreeRoot" in pdf or b"/MarkInfo" in pdf


@pytest.mark.parametrize("letters", ["Ελλάδα България Łódź", "مرحبا", "日本 😀"])
def test_every_script_leaves_a_paper_behind(letters):
    pdf = paper.timeline_pdf(made([entry(1, note=letters)]), titles={}, acts={})
    assert pdf.startswith(b"%PDF-")


@pytest.mark.nightly
def test_a_report_is_printed_with_its_sections_figures_and_debrief(busy):
    report = busy.written()
    told = text_of(paper.report_pdf(report, titles={"eu-referral-unit": "EU Unit"}))
    assert "Post-crisis report" in told
    assert "DRAFT" in told
    assert "Safeguards of fundamental rights" in told
    assert "withheld" in told
    busy.agree(report)
    busy.close()
    busy.publish(report, "public")
    again = reads.report(report.id, viewer=busy.world.agency)
    assert "TLP:CLEAR" in text_of(paper.report_pdf(again, titles={}))


def test_the_tail_of_a_timeline_leaves_out_what_it_is_told_to(busy):
    told = {"viewer": busy.world.authority, "limit": 4}
    tail = reads_timeline.tail(busy.crisis.id, **told)
    without = reads_timeline.tail(busy.crisis.id, **told, without=[tail[0].kind])
    assert tail[0].number > tail[1].number
    assert tail[0].kind not in {one.kind for one in without}
    assert len(without) == 4
