# SPDX-License-Identifier: Apache-2.0
import json
import re

import pytest
from django.utils import translation

from stemtide.hub.desk.reports.differences import compare
from stemtide.hub.rooms.crises.writes import moves
from stemtide.hub.rooms.reports.models import ReportSection
from stemtide.hub.rooms.reports.reads import reports as reads
from stemtide.hub.rooms.reports.rules.reports import fingerprint
from stemtide.hub.rooms.reports.writes import reports as writes
from stemtide.protocol.enums import Role
from stemtide.protocol.messages.crises import ProposalIn
from stemtide.protocol.messages.reports import sections_of
from tests.hub.desk.test_board import text
from tests.rounds import at_night, few


@pytest.fixture
def crisis(world):
    return world.crisis(active=True, joined=("provider",))


def test_the_timeline_is_shown_in_words_and_by_thing(world, crisis, monkeypatch):
    monkeypatch.setattr("stemtide.hub.desk.reports.views.ROWS", 2)
    desk = world.desk("authority")
    page = desk.get(f"/crises/{crisis}/timeline")
    assert "The authority raised an early warning" in text(page)
    assert "Later entries" in text(page)
    only = text(desk.get(f"/crises/{crisis}/timeline?thing=signal"))
    assert "There is no such entry." in only
    later = text(desk.get(f"/crises/{crisis}/timeline?after=999999"))
    assert "There is no such entry." in later


def test_the_timeline_has_the_answers_to_the_checklist_in_one_row(world, crisis):
    page = text(world.desk("authority").get(f"/crises/{crisis}/timeline?thing=steps"))
    assert page.count("The authority answered the checklist") == 1
    assert "seriously intimidating a population? yes" in page
    assert "before: Early identification" in page
    assert "joined a crisis" not in page


def test_only_the_own_party_reads_which_key_acted(world, crisis):
    own, other = (
        world.desk(name).get(f"/crises/{crisis}/timeline") for name in ("authority", "provider")
    )
    assert "by key authority" in text(own)
    assert "by key authority" not in text(other)


@pytest.mark.parametrize(
    ("role", "may"),
    few(
        (0, 3),
        of=[
            ("duty_officer", True),
            ("coordinator", True),
            ("data_protection_officer", True),
            ("analyst", False),
            ("administrator", False),
            ("observer", False),
        ],
    ),
)
def test_who_takes_the_timeline_along(world, crisis, role, may):
    desk = world.desk("authority", Role(role))
    assert ("Export as PDF" in text(desk.get(f"/crises/{crisis}/timeline"))) is may
    answer = desk.post(f"/crises/{crisis}/timeline/export", {"as": "json"})
    assert answer.status_code == (200 if may else 403)


def test_an_export_is_a_file(world, crisis):
    desk = world.desk("authority", Role.DUTY_OFFICER)
    as_json = desk.post(f"/crises/{crisis}/timeline/export", {"as": "json"})
    assert json.loads(as_json.content)["entries"][-1]["kind"] == "timeline.exported"
    as_pdf = desk.post(f"/crises/{crisis}/timeline/export", {"as": "pdf"})
    assert as_pdf.content.startswith(b"%PDF-")
    assert f"timeline-{crisis}.pdf" in as_pdf.headers["Content-Disposition"]


def test_an_export_that_paper_does_not_hold_says_so(world, crisis, monkeypatch):
    monkeypatch.setattr("stemtide.hub.rooms.reports.rules.reports.MOST_ON_PAPER", 1)
    desk = world.desk("authority", Role.DUTY_OFFICER)
    answer = desk.post(f"/crises/{crisis}/timeline/export", {"as": "pdf"}, follow=True)
    assert "too many for a PDF" in text(answer)


@pytest.mark.parametrize("page", ["timeline", "report"])
def test_who_is_not_in_the_room_gets_404(world, crisis, page):
    assert world.desk("observer").get(f"/crises/{crisis}/{page}").status_code == 404


@at_night
def test_a_report_goes_from_its_opening_to_its_publication(world, crisis):
    analyst = world.desk("authority")
    assert "There is no report yet" in text(analyst.get(f"/crises/{crisis}/report"))
    opened = analyst.post(f"/crises/{crisis}/report/open", follow=True)
    assert "Parameters and objective" in text(opened)
    report = reads.latest(crisis, viewer=world.party["authority"])
    at = f"/reports/{report.id}"
    names = [section.name for section in sections_of(report.framework)]
    typed = {f"text-{name}": f"About {name}.\r\n\r\nMore." for name in names}
    analyst.post(f"{at}/sections", typed)
    action = {"action-text": "Drill.", "action-owner": "provider", "action-due": "2027-01-31"}
    analyst.post(f"{at}/action", action)
    provider = world.desk("provider")
    provider.post(f"{at}/note", {"note-topic": "idea", "note-text": "Call earlier."})
    lead = world.desk("agency", Role.COORDINATOR)
    page = text(lead.get(at))
    assert "Agree to this report" in page
    assert "Call earlier." in page
    assert "About lessons." in page
    lead.post(f"{at}/agree")
    body = ProposalIn(act="close", reason="It is over.")
    told = moves.propose(crisis, body=body, by=world.actor("authority"), now=world.now)
    moves.confirm(crisis, told.proposals[-1].id, by=world.actor("agency"), now=world.now)
    assert "Choose who reads it." in text(lead.post(f"{at}/publish", {}, follow=True))
    done = lead.post(f"{at}/publish", {"audience": "parties"}, follow=True)
    assert "Published." in text(done)
    made = reads.report(report.id, viewer=world.party["provider"]).actions[0]
    assert "Done." in text(provider.post(f"{at}/actions/{made.id}/done", follow=True))
    outside = world.desk("observer")
    assert "Attack at the harbour" in text(outside.get("/reports"))
    assert outside.get(f"{at}/pdf").content.startswith(b"%PDF-")


@pytest.fixture
def report(world, crisis):
    by = world.actor("authority")
    writes.open_report(crisis, by=by, now=world.now)
    ReportSection.objects.all().delete()  # without its draft
    return reads.latest(crisis, viewer=world.party["authority"])


def saved(world, report):
    now = reads.report(report.id, viewer=world.party["authority"])
    return {section.name: section.text for section in now.sections if section.text}


TYPED = {"text-lessons": "Learnt.", "text-outcomes": "Ten copies."}


@at_night
@pytest.mark.parametrize("button", ["sections", "note", "action", "agree"])
def test_whichever_button_is_pressed_every_section_that_was_typed_is_saved(world, report, button):
    world.desk("authority", Role.DUTY_OFFICER).post(f"/reports/{report.id}/{button}", TYPED)
    assert saved(world, report) == {"lessons": "Learnt.", "outcomes": "Ten copies."}


@at_night
def test_a_note_and_an_action_that_are_half_typed_stay_on_the_page(world, report):
    more = {"note-topic": "idea", "note-text": "Call earlier", "action-text": "Drill them"}
    desk = world.desk("authority")
    page = desk.post(f"/reports/{report.id}/sections", TYPED | more).content.decode()
    assert "Call earlier" in page
    assert "Drill them" in page
    noted = desk.post(f"/reports/{report.id}/note", more).content.decode()
    assert "Drill them" in noted


@at_night
def test_what_somebody_else_saved_meanwhile_is_not_overwritten(world, report):
    at, bases = f"/reports/{report.id}/sections", {}
    for name in ("lessons", "outcomes"):
        bases[f"basis-{name}"] = fingerprint("")
    world.desk("authority").post(at, {"text-lessons": "Theirs."} | bases)
    late = world.desk("authority", Role.DUTY_OFFICER)
    answer = late.post(at, TYPED | bases)
    assert answer.status_code == 409
    assert all(words in text(answer) for words in ("Learnt.", "Ten copies.", "Theirs."))
    assert saved(world, report) == {"lessons": "Theirs."}
    late.post(at, {"text-lessons": "", "basis-lessons": fingerprint(""), "text-outcomes": "Ten."})
    assert saved(world, report) == {"lessons": "Theirs.", "outcomes": "Ten."}


def test_a_report_is_not_there_for_who_may_not_read_it(world, crisis):
    world.desk("authority").post(f"/crises/{crisis}/report/open")
    report = reads.latest(crisis, viewer=world.party["authority"])
    desk = world.desk("observer")
    assert desk.get(f"/reports/{report.id}").status_code == 404
    assert "No report is published" in text(desk.get("/reports"))


@at_night
def test_what_is_wrong_in_a_report_is_said(world, crisis):
    desk = world.desk("authority")
    desk.post(f"/crises/{crisis}/report/open")
    assert "already a draft version" in text(
        desk.post(f"/crises/{crisis}/report/open", follow=True)
    )
    report = reads.latest(crisis, viewer=world.party["authority"])
    at = f"/reports/{report.id}"
    assert desk.post(f"{at}/note", {}).status_code == 422
    assert desk.post(f"{at}/note", {"note-topic": "idea", "note-text": "x"}).status_code == 422
    assert desk.post(f"{at}/action", {}).status_code == 422
    long = desk.post(f"{at}/sections", {"text-lessons": "x" * 20_001, "text-outcomes": "Kept"})
    assert long.status_code == 422
    assert "at most 20000" in text(long)
    assert "Kept" in text(long)
    assert desk.post(f"{at}/sections", {"text-nothing": "x"}).status_code == 422
    lead = world.desk("agency", Role.COORDINATOR)
    assert "sections are empty" in text(lead.post(f"{at}/agree", follow=True))


@at_night
def test_a_warning_has_no_report_to_open(world):
    uid = world.crisis()
    desk = world.desk("authority")
    assert "once the protocol was activated" in text(desk.get(f"/crises/{uid}/report"))
    assert "not activated" in text(desk.post(f"/crises/{uid}/report/open", follow=True))


def test_the_search_finds_what_its_reader_may_see(world, crisis):
    desk = world.desk("authority")
    uid = world.share(crisis=crisis)
    empty = text(desk.get("/search"))
    assert "A file reference, an ID, a fingerprint" in empty
    assert "Nothing that your party may see matches" not in empty
    assert "Attack at the harbour" in text(desk.get("/search?q=harbour"))
    page = desk.get("/search?q=livestream").content.decode()
    assert f"/signals/{uid}" in page
    near = text(desk.get(f"/search?q={'f0e1d2c3b4a5968778695a4b3c2d1e0f' * 2}"))
    assert "Compared with 1 live picture." in near
    assert "Nothing that your party may see matches" in text(desk.get("/search?q=unheard"))
    assert desk.get("/search?q=x").status_code == 422
    assert "Nothing that your party may see matches" in text(
        world.desk("observer").get("/search?q=livestream")
    )


@at_night
def test_the_search_goes_on_page_by_page(world, crisis, monkeypatch):
    monkeypatch.setattr("stemtide.hub.rooms.situation.reads.search.PAGE", 1)
    desk = world.desk("authority")
    world.share(crisis=crisis)
    world.share(crisis=crisis, value="0f1e2d3c4b5a69788796a5b4c3d2e1f0" * 2)
    assert "More" in text(desk.get("/search?q=livestream"))
    assert "Back" in text(desk.get("/search?q=livestream&kind=signals&page=2"))
    assert desk.get("/search?q=livestream&kind=nothing&page=x").status_code == 200


@pytest.fixture
def drafted(world, crisis):
    """The report of a crisis as it opens."""
    world.desk("authority").post(f"/crises/{crisis}/report/open")
    return reads.latest(crisis, viewer=world.party["authority"])


def test_a_report_opens_drafted_from_the_record(world, drafted):
    texts = saved(world, drafted)
    assert f"Early warning: {world.now:%Y-%m-%d %H:%M} UTC." in texts["activation"]
    assert "Attack at the harbour. EU Crisis Protocol" in texts["parameters"]
    assert world.party["provider"].title in texts["roles"]
    assert "Signals shared: 0." in texts["outcomes"]
    assert "lessons" not in texts
    page = text(world.desk("provider").get(f"/reports/{drafted.id}"))
    assert page.count("as drafted") == len(texts)


def test_a_draft_is_in_the_language_of_who_opens_the_report(world, crisis):
    with translation.override("de"):
        writes.open_report(crisis, by=world.actor("authority"), now=world.now)
    report = reads.latest(crisis, viewer=world.party["authority"])
    assert "Geteilte Signale: 0." in saved(world, report)["outcomes"]


@at_night
def test_the_comparison_shows_what_people_added_and_removed(world, drafted):
    text_now = saved(world, drafted)["outcomes"]
    data = {
        "text-outcomes": text_now.replace("Signals shared: 0.", "Nothing was shared."),
        "basis-outcomes": fingerprint(text_now),
    }
    desk = world.desk("authority", Role.DUTY_OFFICER)
    desk.post(f"/reports/{drafted.id}/sections", data)
    page = desk.get(f"/reports/{drafted.id}/draft").content.decode()
    assert re.search(r"<del>.*Signals.*</del>", page)
    assert re.search(r"<ins>.*Nothing.*</ins>", page)
    assert page.count("As drafted.") == len(saved(world, drafted)) - 1


@at_night
def test_drafting_again_renews_what_nobody_changed_and_nothing_else(world, crisis, drafted):
    texts = saved(world, drafted)
    changed = {"text-roles": "We were few.", "basis-roles": fingerprint(texts["roles"])}
    desk = world.desk("authority", Role.DUTY_OFFICER)
    desk.post(f"/reports/{drafted.id}/sections", changed)
    world.share(crisis=crisis)
    desk.post(f"/reports/{drafted.id}/draft/again")
    renewed = saved(world, drafted)
    assert "Signals shared: 1." in renewed["outcomes"]
    assert renewed["roles"] == "We were few."


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "One."),
        ("One.", ""),
        ("One two three.", "One 2 three.\n\nFour."),
        ("word " * 5_000, "other " * 5_000),
    ],
    ids=["added", "removed", "changed", "long"],
)
def test_the_pieces_of_a_comparison_are_both_texts(before, after):
    pieces = compare(before, after)
    assert "".join(piece.text for piece in pieces if piece.change != "added") == before
    assert "".join(piece.text for piece in pieces if piece.change != "removed") == after
    assert compare(after, after) == []
