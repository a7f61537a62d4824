# SPDX-License-Identifier: Apache-2.0
"""Write what people add to DSA transparency reports, and finish versions."""

from datetime import datetime

from django.db import transaction

from stemtide.hub.rooms.ledger.reads import ledger as ledger_reads
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.reports.models import DsaForm, DsaVersion
from stemtide.hub.rooms.reports.reads import dsa as reads
from stemtide.hub.rooms.reports.rules import dsa as rules
from stemtide.protocol.law.dsa.figures import ReportForm
from stemtide.protocol.law.dsa.versions import DsaReportOut


@transaction.atomic
def write_form(
    form: ReportForm, *, year: int, half: int = 0, by: Actor, now: datetime
) -> DsaReportOut:
    """Replace what a provider added to a report. An unchanged form leaves no entry.

    raises: NotAllowedError; InvalidError naming the cell.
    """
    rules.check_write(kind=by.kind, role=by.role)
    period = rules.period_asked(year, half, now=now)
    rules.check_form_sound(form, period=period)
    ledger.lock_ledger()
    if form != reads.form_of(period, viewer=by.party):
        DsaForm.objects.update_or_create(
            party=by.party,
            year=year,
            half=half,
            defaults={"form": form.model_dump(mode="json"), "ref": by.ref, "written_at": now},
        )
        ledger.append_by(
            "dsa.written",
            by=by,
            subject=f"dsa:{period.text}",
            now=now,
            detail={"cells": len(form.cells)},
        )
    return reads.dsa_report(year, half, viewer=by.party, now=now)


@transaction.atomic
def finish_version(
    *, change: str = "", year: int, half: int = 0, by: Actor, now: datetime
) -> DsaReportOut:
    """Keep the draft of the report as a version, which nothing changes later.

    raises: NotAllowedError; ConflictError for a report with faults or of a period that runs;
    InvalidError for a later version that does not say what changed.
    """
    rules.check_write(kind=by.kind, role=by.role)
    period = rules.period_asked(year, half, now=now)
    ledger.lock_ledger()
    form = reads.form_of(period, viewer=by.party)
    report = reads.filled(period, form, viewer=by.party, now=now)
    number = DsaVersion.objects.filter(party=by.party, year=year, half=half).count() + 1
    rules.check_finish(report, number=number, change=change)
    DsaVersion.objects.create(
        party=by.party,
        year=year,
        half=half,
        number=number,
        change=change.strip(),
        tables=[table.model_dump() for table in report.tables],
        head=ledger_reads.heads().entries,
        ref=by.ref,
        finished_at=now,
    )
    ledger.append_by(
        "dsa.finished",
        by=by,
        subject=f"dsa:{period.text}",
        now=now,
        detail={"version": number, "missing": len(report.missing)},
    )
    return reads.dsa_report(year, half, viewer=by.party, now=now)
