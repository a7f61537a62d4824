# SPDX-License-Identifier: Apache-2.0
"""Read post-crisis reports."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from stemtide.hub.platform.errors import NotFoundError
from stemtide.hub.rooms.crises.reads import crises, life
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.parties.reads import parties
from stemtide.hub.rooms.reports.drafts import TitleOf, draft_sections
from stemtide.hub.rooms.reports.models import DebriefAction, Report
from stemtide.hub.rooms.reports.reads.figures import figures
from stemtide.hub.rooms.reports.rules import reports as rules
from stemtide.hub.rooms.situation.reads import situation
from stemtide.protocol.enums import NoteTopic, ReportAudience, ReportState
from stemtide.protocol.law.frameworks import framework
from stemtide.protocol.messages.reports import (
    ActionOut,
    Figures,
    NoteOut,
    ReportOut,
    SectionOut,
    sections_of,
)

_WITH = ("crisis__opened_by", "opened_by", "agreed_by", "published_by")


def report(uid: UUID, *, viewer: Party) -> ReportOut:
    """Return a report that the viewer may read.

    raises: NotFoundError, also for a report that the viewer may not read.
    """
    return describe(find(uid, viewer=viewer), viewer=viewer)


def latest(crisis: UUID, *, viewer: Party) -> ReportOut | None:
    """Return the latest report of a crisis that the viewer may read; None if there is none.

    raises: NotFoundError for a crisis whose room the viewer is not in.
    """
    room = situation.find_room(crisis, viewer=viewer)
    row = room.after_reports.select_related(*_WITH).order_by("-version").first()
    return None if row is None else describe(row, viewer=viewer)


def reports(*, viewer: Party, limit: int = 100) -> list[ReportOut]:
    """Return the published reports that a party may read, latest first."""
    rows = Report.objects.select_related(*_WITH).filter(state=ReportState.PUBLISHED)
    published = rows.order_by("-published_at")[:limit]
    return [describe(row, viewer=viewer) for row in published if _may_read(row, viewer=viewer)]


@dataclass(frozen=True, slots=True)
class OpenAction:
    """An action after a crisis that is not done. report: the id of its report."""

    report: UUID
    text: str
    due: date
    exercise: bool


def open_actions(*, viewer: Party) -> list[OpenAction]:
    """Return the actions that a party owns and has not done, soonest due first."""
    rows = DebriefAction.objects.filter(owner=viewer, done_at=None)
    return [
        OpenAction(row.report.uid, row.text, row.due_on, row.report.crisis.exercise)
        for row in rows.select_related("report__crisis__opened_by")
        if _may_read(row.report, viewer=viewer)
    ]


def find(uid: UUID, *, viewer: Party) -> Report:
    """Return the row of a report, for writes.

    raises: NotFoundError, also for one that the viewer may not read.
    """
    row = Report.objects.select_related(*_WITH).filter(uid=uid).first()
    if row is None or not _may_read(row, viewer=viewer):
        raise NotFoundError("there is no report {uid} that your party may read", uid=uid)
    return row


def drafts(row: Report, *, viewer: Party, title_of: TitleOf) -> dict[str, str]:
    """Return what the program writes for each section now, from what a party may see."""
    return draft_sections(
        life.describe(row.crisis, viewer=viewer),
        figures(row.crisis, viewer=viewer),
        framework=framework(row.framework).title,
        titles={party.name: party.title for party in parties.parties()},
        title_of=title_of,
    )


def stored_drafts(uid: UUID, *, viewer: Party) -> dict[str, str]:
    """Return the drafts that a report was begun with, by section.

    raises: NotFoundError, also for a report that the viewer may not read.
    """
    row = find(uid, viewer=viewer)
    return {name: draft for name, draft in row.sections.values_list("name", "draft") if draft}


def facts(row: Report) -> rules.ReportFacts:
    """Return the facts that the rules need of a report."""
    texts = {section.name: section.text for section in row.sections.all()}
    return rules.ReportFacts(
        state=ReportState(row.state),
        audience=ReportAudience(row.audience) if row.audience else None,
        opened_by=row.crisis.opened_by.name,
        is_crisis_closed=row.crisis.closed_at is not None,
        authors=tuple(
            rules.Hand(party=author.party.name, ref=author.ref)
            for author in row.authors.select_related("party")
        ),
        texts={section.name: texts.get(section.name, "") for section in sections_of(row.framework)},
    )


def facts_of(uid: UUID, *, viewer: Party) -> rules.ReportFacts:
    """Return the facts of a report, for a page. raises: NotFoundError."""
    return facts(find(uid, viewer=viewer))


def open_facts(crisis: UUID, *, viewer: Party) -> dict[str, object]:
    """Return the facts that rules.check_open needs of a crisis. raises: NotFoundError."""
    room = situation.find_room(crisis, viewer=viewer)
    return {
        "crisis_opened_by": room.opened_by.name,
        "was_active": room.activated_at is not None,
    }


def describe(row: Report, *, viewer: Party) -> ReportOut:
    """Return a report as the message of the API, with frozen figures or current ones."""
    frozen = row.figures
    return ReportOut(
        id=row.uid,
        crisis=row.crisis.uid,
        crisis_name=row.crisis.name,
        version=row.version,
        framework=row.framework,
        state=ReportState(row.state),
        audience=ReportAudience(row.audience) if row.audience else None,
        opened_by=row.opened_by.name,
        opened_at=row.opened_at,
        agreed_by=row.agreed_by.name if row.agreed_by else None,
        agreed_at=row.agreed_at,
        published_by=row.published_by.name if row.published_by else None,
        published_at=row.published_at,
        exercise=row.exercise,
        sections=_sections(row),
        notes=_notes(row),
        actions=_actions(row),
        figures=(
            figures(row.crisis, viewer=viewer) if frozen is None else Figures.model_validate(frozen)
        ),
    )


def _sections(row: Report) -> list[SectionOut]:
    """Return the sections that the framework asks for, with their text if they have one."""
    written = {section.name: section for section in row.sections.select_related("written_by")}
    return [
        SectionOut(
            name=section.name,
            title=section.title,
            asks=section.asks,
            source=section.source,
            text=written[section.name].text if section.name in written else "",
            written_by=written[section.name].written_by.name if section.name in written else None,
            written_at=written[section.name].written_at if section.name in written else None,
        )
        for section in sections_of(row.framework)
    ]


def _notes(row: Report) -> list[NoteOut]:
    """Return the debrief notes."""
    return [
        NoteOut(
            id=note.uid,
            topic=NoteTopic(note.topic),
            text=note.text,
            added_by=note.added_by.name,
            added_at=note.added_at,
        )
        for note in row.notes.select_related("added_by")
    ]


def _actions(row: Report) -> list[ActionOut]:
    """Return the actions, soonest due first."""
    return [
        ActionOut(
            id=action.uid,
            text=action.text,
            owner=action.owner.name,
            due=action.due_on,
            done_at=action.done_at,
        )
        for action in row.actions.select_related("owner")
    ]


def _may_read(row: Report, *, viewer: Party) -> bool:
    """Whether a party reads a report."""
    inside = crises.took_part(row.crisis.uid, party=viewer)
    return rules.may_read(facts(row), is_in_room=inside)
