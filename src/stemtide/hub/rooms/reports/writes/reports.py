# SPDX-License-Identifier: Apache-2.0
"""Write reports: exports of timelines, post-crisis reports and debriefs."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Max

from stemtide.hub.platform.errors import ConflictError, InvalidError, NotFoundError
from stemtide.hub.platform.exemptions import needs_no_lock
from stemtide.hub.rooms.crises.reads import crises
from stemtide.hub.rooms.ledger.reads import ledger as ledger_reads
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.parties.reads import independence, parties
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.reports.drafts import TitleOf, plain_title
from stemtide.hub.rooms.reports.models import (
    DebriefAction,
    DebriefNote,
    Report,
    ReportAuthor,
    ReportSection,
)
from stemtide.hub.rooms.reports.reads import reports as reads, timeline as timeline_reads
from stemtide.hub.rooms.reports.reads.figures import figures
from stemtide.hub.rooms.reports.rules import reports as rules
from stemtide.hub.rooms.signals.rules.signals import uuid_at
from stemtide.hub.rooms.situation.reads import situation
from stemtide.protocol.enums import ReportState
from stemtide.protocol.messages.reports import (
    ActionIn,
    NoteIn,
    PublishIn,
    ReportOut,
    SectionIn,
    TimelineExport,
    sections_of,
)


@needs_no_lock("it records a read")
@transaction.atomic
def export_timeline(uid: UUID, *, as_: str, by: Actor, now: datetime) -> TimelineExport:
    """Take the whole timeline of a crisis out of the hub, and leave an entry in it that says so.

    as_: the form that it takes: "json" or "pdf". The entry is the export's own last one.

    raises: NotFoundError, NotAllowedError; ConflictError for more than paper holds.
    """
    room = situation.find_room(uid, viewer=by.party)
    rules.check_export(kind=by.kind, role=by.role)
    ledger.append_by(
        "timeline.exported",
        by=by,
        subject=f"crisis:{room.uid}",
        now=now,
        detail={"as": as_},
        exercise=room.exercise,
    )
    timeline = timeline_reads.whole(uid, viewer=by.party, now=now)
    rules.check_size(len(timeline.entries), as_=as_)
    return timeline


@transaction.atomic
def open_report(
    crisis: UUID, *, by: Actor, now: datetime, title_of: TitleOf = plain_title
) -> ReportOut:
    """Begin the report of a crisis, or the next version of one that is published.

    title_of: returns the label of a stored word of a given type.

    raises: NotFoundError, NotAllowedError, ConflictError while another version is being written.
    """
    ledger.lock_ledger()
    room = situation.find_room(crisis, viewer=by.party)
    rules.check_open(
        kind=by.kind,
        name=by.party.name,
        role=by.role,
        crisis_opened_by=room.opened_by.name,
        was_active=room.activated_at is not None,
    )
    if room.after_reports.exclude(state=ReportState.PUBLISHED).exists():
        raise ConflictError("there is already a draft version of this report: edit that one")
    before = room.after_reports.order_by("-version").first()
    row = Report.objects.create(
        uid=uuid_at(now),
        crisis=room,
        version=(room.after_reports.aggregate(last=Max("version"))["last"] or 0) + 1,
        framework=room.framework,
        opened_by=by.party,
        opened_ref=by.ref,
        opened_at=now,
        exercise=room.exercise,
    )
    if before is None:
        _write_drafts(row, by=by, now=now, title_of=title_of)
    else:
        ReportSection.objects.bulk_create(
            ReportSection(
                report=row,
                name=section.name,
                text=section.text,
                draft=section.draft,
                written_by=section.written_by,
                written_ref=section.written_ref,
                written_at=section.written_at,
            )
            for section in before.sections.all()
        )
    _sign(row, by=by)
    return _record("report.opened", row, by=by, now=now, detail={"version": row.version})


@transaction.atomic
def write_section(uid: UUID, *, name: str, body: SectionIn, by: Actor, now: datetime) -> ReportOut:
    """Write one section. An agreed report becomes a draft again.

    raises: NotFoundError, NotAllowedError, InvalidError for an unknown section, ConflictError.
    """
    ledger.lock_ledger()
    row = reads.find(uid, viewer=by.party)
    _check_write(row, by=by)
    rules.check_section(name, sections=sections_of(row.framework))
    return _write(row, name=name, text=body.text, by=by, now=now)


@transaction.atomic
def write_sections(
    uid: UUID,
    *,
    texts: Mapping[str, SectionIn],
    bases: Mapping[str, str],
    by: Actor,
    now: datetime,
) -> None:
    """Write those of several sections that were changed: all or none.

    bases: by section, the fingerprint of the text that was changed, so that a section that others
    saved in the meantime is not overwritten.

    raises: NotFoundError, NotAllowedError, InvalidError for an unknown section, ConflictError.
    """
    ledger.lock_ledger()
    row = reads.find(uid, viewer=by.party)
    saved = dict(row.sections.values_list("name", "text"))
    changed = {
        name: body.text
        for name, body in texts.items()
        if body.text != saved.get(name, "") and rules.fingerprint(body.text) != bases.get(name)
    }
    if changed:
        _check_write(row, by=by)
    for name, text in changed.items():
        rules.check_section(name, sections=sections_of(row.framework))
        rules.check_unchanged(text=saved.get(name, ""), basis=bases.get(name, ""))
        _write(row, name=name, text=text, by=by, now=now)


@transaction.atomic
def draft_again(uid: UUID, *, by: Actor, now: datetime, title_of: TitleOf) -> ReportOut:
    """Draft a report again from the record. Sections that people changed keep their text.

    raises: NotFoundError, NotAllowedError, ConflictError.
    """
    ledger.lock_ledger()
    row = reads.find(uid, viewer=by.party)
    _check_write(row, by=by)
    count = _write_drafts(row, by=by, now=now, title_of=title_of)
    detail: dict[str, object] = {"sections": count} | (_redraft(row) if count else {})
    _sign(row, by=by)
    return _record("report.drafted", row, by=by, now=now, detail=detail)


def _write_drafts(row: Report, *, by: Actor, now: datetime, title_of: TitleOf) -> int:
    """Store new drafts, and use them where nobody changed the text; return how many texts."""
    count = 0
    saved = {section.name: section for section in row.sections.all()}
    names = {section.name for section in sections_of(row.framework)}
    for name, draft in reads.drafts(row, viewer=by.party, title_of=title_of).items():
        if name not in names:
            continue
        section = saved.get(name) or ReportSection(report=row, name=name, draft="")
        if section.text == section.draft and section.text != draft:
            section.text, count = draft, count + 1
            section.written_by, section.written_ref, section.written_at = by.party, by.ref, now
        section.draft = draft
        section.save()
    return count


def _write(row: Report, *, name: str, text: str, by: Actor, now: datetime) -> ReportOut:
    """Save one section, and record it."""
    ReportSection.objects.update_or_create(
        report=row,
        name=name,
        defaults={
            "text": text,
            "written_by": by.party,
            "written_ref": by.ref,
            "written_at": now,
        },
    )
    detail: dict[str, object] = {"section": name} | _redraft(row)
    _sign(row, by=by)
    return _record("report.written", row, by=by, now=now, detail=detail)


def _check_write(row: Report, *, by: Actor) -> None:
    """Refuse who may not write into a report. raises: NotAllowedError, ConflictError."""
    facts = reads.facts(row)
    rules.check_write(facts, kind=by.kind, name=by.party.name, role=by.role)


def _redraft(row: Report) -> dict[str, object]:
    """Make a draft of an agreed report, and return its former state if it was one."""
    if row.state != ReportState.AGREED:
        return {}
    before, row.state = row.state, ReportState.DRAFT
    row.agreed_by, row.agreed_ref, row.agreed_at = None, "", None
    row.save(update_fields=["state", "agreed_by", "agreed_ref", "agreed_at"])
    return {"from": before}


def _sign(row: Report, *, by: Actor) -> None:
    """Remember whose hand wrote into a report."""
    ReportAuthor.objects.get_or_create(report=row, ref=by.ref, defaults={"party": by.party})


@transaction.atomic
def add_note(uid: UUID, *, body: NoteIn, by: Actor, now: datetime) -> ReportOut:
    """Add a note to the debrief.

    raises: NotFoundError, NotAllowedError; ConflictError for an agreed or published report.
    """
    ledger.lock_ledger()
    row = reads.find(uid, viewer=by.party)
    situation.find_room(row.crisis.uid, viewer=by.party)
    rules.check_note(reads.facts(row), kind=by.kind, role=by.role)
    DebriefNote.objects.create(
        uid=uuid_at(now),
        report=row,
        topic=body.topic,
        text=body.text,
        added_by=by.party,
        added_at=now,
    )
    detail: dict[str, object] = {"topic": body.topic.value}
    return _record("report.noted", row, by=by, now=now, detail=detail)


@transaction.atomic
def add_action(uid: UUID, *, body: ActionIn, by: Actor, now: datetime) -> ReportOut:
    """Assign an action to a party in the room, with a due date.

    An agreed report becomes a draft again, as after every edit.

    raises: NotFoundError, NotAllowedError, InvalidError for an unknown owner, ConflictError.
    """
    ledger.lock_ledger()
    row = reads.find(uid, viewer=by.party)
    facts = reads.facts(row)
    rules.check_act(facts, kind=by.kind, name=by.party.name, role=by.role)
    try:
        owner = parties.party(body.owner)
    except NotFoundError as error:
        raise InvalidError.of("owner", error) from error
    if not crises.took_part(row.crisis.uid, party=owner):
        raise InvalidError(
            "owner",
            "{name} is not a participant of this crisis: name a participant",
            name=owner.name,
        )
    DebriefAction.objects.create(
        uid=uuid_at(now),
        report=row,
        text=body.text,
        owner=owner,
        due_on=body.due,
        added_by=by.party,
        added_at=now,
    )
    detail: dict[str, object] = {"owner": owner.ref, "due": body.due.isoformat()} | _redraft(row)
    _sign(row, by=by)
    return _record("action.added", row, by=by, now=now, detail=detail)


@transaction.atomic
def complete_action(uid: UUID, *, action: UUID, by: Actor, now: datetime) -> ReportOut:
    """Mark an action as done, also after publication.

    raises: NotFoundError, NotAllowedError for a party that does not own it, ConflictError.
    """
    ledger.lock_ledger()
    row = reads.find(uid, viewer=by.party)
    action_row = row.actions.select_related("owner").filter(uid=action).first()
    if action_row is None:
        raise NotFoundError(
            "there is no action {action} in this report: see its list", action=action
        )
    rules.check_done(
        owner=action_row.owner.name,
        is_done=action_row.done_at is not None,
        name=by.party.name,
        role=by.role,
    )
    action_row.done_at = now
    action_row.save(update_fields=["done_at"])
    return _record("action.completed", row, by=by, now=now, detail={"action": str(action_row.uid)})


@transaction.atomic
def agree(uid: UUID, *, by: Actor, now: datetime) -> ReportOut:
    """Agree to the present text of a report: the second pair of eyes.

    raises: NotFoundError, NotAllowedError for who wrote any of it, ConflictError.
    """
    ledger.lock_ledger()
    row = reads.find(uid, viewer=by.party)
    hand = rules.Hand(party=by.party.name, ref=by.ref)
    facts = reads.facts(row)
    rules.check_agree(facts, kind=by.kind, role=by.role, by=hand)
    for author in facts.authors:
        independence.check_second_person(by, first=author.ref)
    row.state, row.agreed_by, row.agreed_ref = ReportState.AGREED, by.party, by.ref
    row.agreed_at = now
    row.save(update_fields=["state", "agreed_by", "agreed_ref", "agreed_at"])
    return _record("report.agreed", row, by=by, now=now, detail={})


@transaction.atomic
def publish(uid: UUID, *, body: PublishIn, by: Actor, now: datetime) -> ReportOut:
    """Publish an agreed report of a closed crisis. Its figures stay as they are now.

    raises: NotFoundError, NotAllowedError, ConflictError.
    source: Regulation (EU) 2022/2065 Art. 48.
    """
    ledger.lock_ledger()
    row = reads.find(uid, viewer=by.party)
    facts = reads.facts(row)
    rules.check_publish(facts, kind=by.kind, name=by.party.name, role=by.role)
    row.figures = figures(row.crisis, viewer=by.party).model_dump(mode="json")
    row.head = ledger_reads.heads().entries
    row.state, row.audience = ReportState.PUBLISHED, body.audience
    row.published_by, row.published_at = by.party, now
    row.save()
    detail: dict[str, object] = {"audience": body.audience.value, "head": row.head}
    return _record("report.published", row, by=by, now=now, detail=detail)


def _record(
    kind: str, row: Report, *, by: Actor, now: datetime, detail: dict[str, object]
) -> ReportOut:
    """Append to the ledger and the crisis's timeline, and return the report."""
    ledger.append_by(
        kind,
        by=by,
        subject=row.ref,
        now=now,
        detail=detail,
        exercise=row.exercise,
        crisis=row.crisis.uid,
    )
    return reads.describe(row, viewer=by.party)
