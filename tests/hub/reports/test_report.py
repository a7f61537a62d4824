# SPDX-License-Identifier: Apache-2.0
from datetime import date
from uuid import uuid4

import pytest

from stemtide.hub.platform.errors import ConflictError, InvalidError, NotAllowedError, NotFoundError
from stemtide.hub.rooms.ledger.reads import ledger
from stemtide.hub.rooms.reports.models import ReportSection
from stemtide.hub.rooms.reports.reads import reports as reads
from stemtide.hub.rooms.reports.rules import reports as rules
from stemtide.hub.rooms.reports.writes import reports as writes
from stemtide.protocol.enums import PartyKind, ReportAudience, ReportState, Role
from stemtide.protocol.law.frameworks import frameworks
from stemtide.protocol.messages.reports import ActionIn, NoteIn, sections_of
from tests.hub.situation.test_log import NO, YES, allowed
from tests.rounds import rounds
from tests.world import NOON

OTHER = rules.Hand(party="fr-referral-unit", ref="person:7")


def facts(state="draft", *, audience=None, closed=True, authors=(OTHER,), texts=None):
    return rules.ReportFacts(
        state=ReportState(state),
        audience=audience and ReportAudience(audience),
        opened_by="big-video",
        is_crisis_closed=closed,
        authors=tuple(authors),
        texts={"lessons": "Call earlier."} if texts is None else texts,
    )


@pytest.mark.parametrize("name", frameworks())
def test_every_framework_has_sections(name):
    names = [one.name for one in sections_of(name)]
    wanted = {"parameters", "roles", "activation", "duration", "safeguards", "outcomes", "lessons"}
    assert wanted <= set(names)
    assert ("victims" in names) is (name == "eu-ocrf-2026")


@pytest.mark.parametrize(
    ("name", "kind", "role", "may"),
    [
        ("be", "authority", "analyst", YES),
        ("be", "authority", "duty_officer", YES),
        ("be", "authority", "administrator", YES),
        ("be", "authority", "data_protection_officer", NO),
        ("be", "authority", "observer", NO),
        ("eu", "agency", None, YES),
        ("big-video", "provider", "analyst", YES),
        ("small", "provider", "duty_officer", NO),
        ("forum", "consortium", "duty_officer", NO),
        ("watch", "observer", "duty_officer", NO),
    ],
)
def test_who_may_open_and_write(name, kind, role, may):
    kind, role = PartyKind(kind), role and Role(role)
    me = {"kind": kind, "name": name, "role": role}
    opens = {"crisis_opened_by": "big-video", "was_active": True}
    assert may is allowed(rules.check_open, **me, **opens)
    assert not allowed(rules.check_open, **me, **(opens | {"was_active": False}))
    assert may is allowed(rules.check_write, facts(), **me)
    assert may is allowed(rules.check_act, facts(), **me)


@pytest.mark.parametrize(
    ("state", "write", "note", "agree", "publish"),
    [
        ("draft", YES, YES, YES, NO),
        ("agreed", YES, NO, NO, YES),
        ("published", NO, NO, NO, NO),
    ],
)
def test_what_may_happen_to_a_report_in_each_state(state, write, note, agree, publish):
    me = {"kind": PartyKind.AGENCY, "role": Role.COORDINATOR}
    by = rules.Hand(party="eu", ref="person:1")
    assert write is allowed(rules.check_write, facts(state), name="eu", **me)
    assert note is allowed(rules.check_note, facts(state), **me)
    assert agree is allowed(rules.check_agree, facts(state), by=by, **me)
    assert publish is allowed(rules.check_publish, facts(state), name="eu", **me)


@pytest.mark.parametrize(
    ("role", "agree", "publish", "note"),
    [
        ("duty_officer", YES, YES, YES),
        ("coordinator", YES, YES, YES),
        ("analyst", NO, NO, YES),
        ("administrator", NO, NO, YES),
        ("data_protection_officer", NO, NO, NO),
        ("observer", NO, NO, NO),
    ],
)
def test_who_agrees_publishes_and_notes(role, agree, publish, note):
    me = {"kind": PartyKind.AUTHORITY, "role": Role(role)}
    by = rules.Hand(party="be", ref="person:1")
    assert agree is allowed(rules.check_agree, facts(), by=by, **me)
    assert publish is allowed(rules.check_publish, facts("agreed"), name="be", **me)
    assert note is allowed(rules.check_note, facts(), **me)


@pytest.mark.parametrize(
    ("author", "by", "may"),
    [
        (("be", "person:1"), ("be", "person:1"), NO),
        (("be", "person:1"), ("be", "person:2"), YES),
        (("be", "person:1"), ("fr", "person:3"), YES),
        (("be", "key:a"), ("be", "person:2"), NO),
        (("be", "person:1"), ("be", "key:a"), NO),
        (("be", "key:a"), ("fr", "key:b"), YES),
        (("be", "key:a"), ("fr", "person:3"), YES),
    ],
)
def test_a_second_pair_of_eyes_agrees(author, by, may):
    found = facts(authors=[rules.Hand(*author)])
    by = rules.Hand(*by)
    me = {"kind": PartyKind.AUTHORITY, "role": None if by.is_key else Role.COORDINATOR}
    assert may is allowed(rules.check_agree, found, by=by, **me)


@pytest.mark.parametrize(
    ("kind", "role", "may"),
    [
        ("authority", "duty_officer", YES),
        ("authority", "coordinator", YES),
        ("authority", "data_protection_officer", YES),
        ("authority", "analyst", NO),
        ("authority", "administrator", NO),
        ("authority", "observer", NO),
        ("provider", "duty_officer", YES),
        ("provider", None, YES),
        ("observer", "coordinator", NO),
    ],
)
def test_who_may_export(kind, role, may):
    assert may is allowed(rules.check_export, kind=PartyKind(kind), role=role and Role(role))


@pytest.mark.parametrize(
    ("state", "audience", "inside", "outside"),
    [
        ("draft", None, YES, NO),
        ("agreed", None, YES, NO),
        ("published", "room", YES, NO),
        ("published", "parties", YES, YES),
        ("published", "public", YES, YES),
    ],
)
def test_who_reads_a_report(state, audience, inside, outside):
    found = facts(state, audience=audience)
    assert rules.may_read(found, is_in_room=True) is inside
    assert rules.may_read(found, is_in_room=False) is outside


@pytest.mark.parametrize(
    ("counts", "told"),
    [
        ([], YES),
        ([0, 0], YES),
        ([100], NO),
        ([50, 50], NO),
        ([50, 50, 50], NO),
        ([50, 50, 50, 50], YES),
        ([50, 50, 50, 50, 0], YES),
        ([2, 2, 2, 3], NO),
        ([1000, 50, 50, 49], NO),
        ([1000, 50, 50, 50], YES),
    ],
)
def test_a_sum_is_withheld_where_one_could_reckon_another(counts, told):
    assert rules.may_publish_counts(counts) is told


def test_a_report_is_written_agreed_and_published(busy):
    report = busy.written()
    assert report.state == "draft"
    assert busy.agree(report).agreed_by == "eu-referral-unit"
    busy.close()
    done = busy.publish(report)
    assert (done.state, done.audience) == ("published", "parties")
    kinds = busy.world.ledger_kinds()
    assert kinds[-1] == "report.published"
    assert {"report.opened", "report.written", "report.agreed"} <= set(kinds)


def test_figures_are_frozen_at_publication_with_the_ledgers_head(busy):
    report = busy.written()
    busy.agree(report)
    busy.close()
    head = ledger.heads().entries
    before = busy.publish(report).figures
    busy.world.share(value="a" * 64)
    after = reads.report(report.id, viewer=busy.world.agency).figures
    assert before == after
    assert after.head == head


@pytest.mark.nightly
def test_figures_count_what_happened(busy):
    found = busy.opened().figures
    assert found.signals == 3
    assert [(one.name, one.count) for one in found.signals_by_kind] == [("pdq", 3)]
    assert {one.name: one.count for one in found.signals_by_state} == {"live": 2, "withdrawn": 1}
    assert [(one.name, one.count) for one in found.withdrawn_by_reason] == [("context", 1)]
    assert found.moments[0].name == "event"
    assert {one.name: one.count for one in found.messages_by_kind} == {"observation": 1}
    assert found.providers == 1


def test_counts_of_one_provider_are_withheld_and_the_sum_with_them(busy):
    found = busy.opened().figures
    told = {one.name: one.count for one in found.outcomes}
    assert told == {"blocked": None, "held": None, "logged": 0, "reversed": 0}
    assert found.matches is None


@pytest.mark.nightly
def test_a_report_waits_for_its_crisis_to_close(after):
    report = after.written()
    after.agree(report)
    with pytest.raises(ConflictError, match="not closed"):
        after.publish(report)


@pytest.mark.nightly
def test_an_empty_section_keeps_a_report_from_being_agreed(after):
    report = after.opened()
    after.write(report, "lessons")
    ReportSection.objects.filter(name="parameters").update(text="")
    with pytest.raises(ConflictError, match="parameters"):
        after.agree(report)


def test_who_wrote_it_does_not_agree_to_it(after):
    report = after.written()
    with pytest.raises(NotAllowedError, match="an author of this report"):
        after.agree(report, party="authority")


def test_an_edit_after_agreement_makes_a_draft_of_it_again(after):
    report = after.written()
    after.agree(report)
    again = after.write(report, "lessons", "Other words.")
    assert (again.state, again.agreed_by) == ("draft", None)


@pytest.mark.nightly
def test_a_report_has_the_sections_of_its_framework(after):
    with pytest.raises(InvalidError, match="there is no 'gossip'"):
        after.write(after.opened(), "gossip")


@pytest.mark.nightly
def test_one_version_is_written_at_a_time_and_the_next_begins_with_its_words(after):
    report = after.written()
    with pytest.raises(ConflictError, match="already a draft version"):
        after.opened("agency")
    after.agree(report)
    after.close()
    after.publish(report)
    again = after.opened("agency")
    assert (again.version, again.sections[0].text) == (2, "Words.")
    assert reads.latest(after.crisis.id, viewer=after.world.agency).id == again.id


def test_a_crisis_without_a_report_has_none(after):
    assert reads.latest(after.crisis.id, viewer=after.world.agency) is None


def test_an_early_warning_has_no_report(after):
    warned = after.world.warn(name="Another")
    with pytest.raises(ConflictError, match="not activated"):
        writes.open_report(warned.id, by=after.actor("agency"), now=NOON)


@pytest.mark.nightly
def test_the_debrief_has_notes_and_actions_with_owner_and_day(after):
    report = after.opened()
    note = NoteIn(topic="went_badly", text="Nobody answered the phone.")
    writes.add_note(report.id, body=note, by=after.actor("big_provider"), now=NOON)
    body = ActionIn(text="Drill the phone.", owner="big-video", due=date(2027, 1, 31))
    found = writes.add_action(report.id, body=body, by=after.actor("agency"), now=NOON)
    assert [one.text for one in found.notes] == ["Nobody answered the phone."]
    action = found.actions[0]
    by = after.actor("big_provider")
    done = writes.complete_action(report.id, action=action.id, by=by, now=NOON)
    assert done.actions[0].done_at == NOON
    with pytest.raises(ConflictError, match="already done"):
        writes.complete_action(report.id, action=action.id, by=by, now=NOON)
    with pytest.raises(NotAllowedError, match="big-video"):
        writes.complete_action(report.id, action=action.id, by=after.actor("agency"), now=NOON)
    with pytest.raises(NotFoundError, match="no action"):
        writes.complete_action(report.id, action=uuid4(), by=by, now=NOON)
    assert after.world.ledger_kinds()[-1] == "action.completed"


def test_an_action_belongs_to_a_party(after):
    body = ActionIn(text="Drill.", owner="nobody-here", due=date(2027, 1, 31))
    with pytest.raises(InvalidError, match="owner"):
        writes.add_action(after.opened().id, body=body, by=after.actor("agency"), now=NOON)


@pytest.mark.nightly
def test_an_action_is_given_to_a_party_in_the_room(after):
    body = ActionIn(text="Drill.", owner="rights-watch", due=date(2027, 1, 31))
    with pytest.raises(InvalidError, match="not a participant"):
        writes.add_action(after.opened().id, body=body, by=after.actor("agency"), now=NOON)


@pytest.mark.nightly
def test_an_action_makes_a_draft_of_an_agreed_report_and_its_author_does_not_agree_to_it(after):
    report = after.agree(after.written())
    body = ActionIn(text="Drill.", owner="big-video", due=date(2027, 1, 31))
    by = after.actor("agency", "coordinator")
    changed = writes.add_action(report.id, body=body, by=by, now=NOON)
    assert (changed.state, changed.agreed_by) == ("draft", None)
    with pytest.raises(NotAllowedError, match="an author of this report"):
        after.agree(report)


@pytest.mark.nightly
def test_nobody_adds_a_note_to_what_was_agreed(after):
    report = after.agree(after.written())
    note = NoteIn(topic="went_badly", text="Unseen by who agreed.")
    with pytest.raises(ConflictError, match="report is agreed"):
        writes.add_note(report.id, body=note, by=after.actor("big_provider"), now=NOON)


READERS = [("room", NO), ("public", YES), ("parties", YES)]
"""For whom a report is published, and whether a party outside the room reads it."""


@pytest.mark.parametrize(("audience", "seen"), READERS[: rounds(2, nightly=None)])
def test_a_published_report_is_read_by_those_it_is_for(after, audience, seen):
    report = after.written()
    observer = after.world.observer
    with pytest.raises(NotFoundError):
        reads.report(report.id, viewer=observer)
    after.agree(report)
    after.close()
    after.publish(report, audience)
    assert [one.id for one in reads.reports(viewer=observer)] == ([report.id] if seen else [])


@pytest.mark.nightly
def test_the_facts_of_a_page_are_those_of_the_write(after):
    report = after.opened()
    found = reads.facts_of(report.id, viewer=after.world.agency)
    assert [one.ref for one in found.authors] == [after.actor("authority").ref]
    opens = reads.open_facts(after.crisis.id, viewer=after.world.agency)
    assert opens == {"crisis_opened_by": "be-crisis-centre", "was_active": True}
