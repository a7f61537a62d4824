# SPDX-License-Identifier: Apache-2.0
"""Write the figures of yearly reports that the hub cannot count."""

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction

from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.reports.models import YearlyLine, YearlyVersion
from stemtide.hub.rooms.reports.reads import member_state, yearly as reads
from stemtide.hub.rooms.reports.rules import yearly as rules
from stemtide.protocol.law.yearly import YearlyForm, YearlyLineIn, YearlyReport


@transaction.atomic
def write_lines(
    year: int,
    *,
    lines: Mapping[str, YearlyLineIn],
    by: Actor,
    now: datetime,
    zone: str = "UTC",
    is_exercise: bool = False,
    form: YearlyForm | None = None,
) -> YearlyReport:
    """Write missing figures of a report, all or none. Unchanged ones leave no entry.

    form:  None for the party's own report.
    lines: by the name of the figure; one with neither count nor words takes away what is there.

    raises: NotAllowedError; InvalidError naming the year or the figure.
    """
    rules.check_write(kind=by.kind, role=by.role)
    form = rules.form_for(by.kind, form)
    _check_state(form, by=by)
    rules.year_asked(year, zone=zone, now=now, is_exercise=is_exercise)
    rules.check_lines(form, lines)
    ledger.lock_ledger()
    changed = [
        name
        for name, line in lines.items()
        if _write(name, line, year=year, by=by, now=now, is_exercise=is_exercise)
    ]
    if changed:
        ledger.append_by(
            "yearly.written",
            by=by,
            subject=f"yearly:{form}:{year}",
            now=now,
            detail={"figures": sorted(changed)},
            exercise=is_exercise,
        )
    return reads.yearly(
        year, viewer=by.party, now=now, zone=zone, is_exercise=is_exercise, form=form
    )


@transaction.atomic
def finish_version(
    year: int,
    *,
    by: Actor,
    now: datetime,
    change: str = "",
    zone: str = "UTC",
    is_exercise: bool = False,
    form: YearlyForm | None = None,
) -> YearlyReport:
    """Keep a report as it is as a version, which nothing changes later.

    raises: NotAllowedError; ConflictError for a draft; InvalidError for a later version that does
            not say what it changes.
    """
    rules.check_write(kind=by.kind, role=by.role)
    form = rules.form_for(by.kind, form)
    _check_state(form, by=by)
    ledger.lock_ledger()
    report = reads.yearly(
        year, viewer=by.party, now=now, zone=zone, is_exercise=is_exercise, form=form
    )
    number = len(report.versions) + 1
    rules.check_finish(is_whole=report.is_whole, number=number, change=change)
    YearlyVersion.objects.create(
        party=by.party,
        form=form,
        year=year,
        exercise=is_exercise,
        number=number,
        change=change.strip(),
        report=report.model_dump(mode="json", exclude={"versions"}),
        head=report.head,
        ref=by.ref,
        finished_at=now,
    )
    ledger.append_by(
        "yearly.finished",
        by=by,
        subject=f"yearly:{form}:{year}",
        now=now,
        detail={"version": number},
        exercise=is_exercise,
    )
    return reads.yearly(
        year, viewer=by.party, now=now, zone=zone, is_exercise=is_exercise, form=form
    )


def _check_state(form: YearlyForm, *, by: Actor) -> None:
    """Check that an authority may write the return of its Member State. raises: NotAllowedError."""
    if form is YearlyForm.ART_21:
        member_state.check_state(by.party)


def _write(
    name: str, line: YearlyLineIn, *, year: int, by: Actor, now: datetime, is_exercise: bool
) -> bool:
    """Write one line; whether that changed anything."""
    rows = YearlyLine.objects.filter(party=by.party, year=year, figure=name, exercise=is_exercise)
    text = line.text.replace("\r\n", "\n").strip()
    before = rows.first()
    if (line.count, text) == ((before.count, before.text) if before else (None, "")):
        return False
    if line.count is None and not text:
        rows.delete()
        return True
    YearlyLine.objects.update_or_create(
        party=by.party,
        year=year,
        figure=name,
        exercise=is_exercise,
        defaults={"count": line.count, "text": text, "ref": by.ref, "written_at": now},
    )
    return True
