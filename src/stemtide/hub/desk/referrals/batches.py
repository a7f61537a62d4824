# SPDX-License-Identifier: Apache-2.0
"""Batches of referrals at the desk: upload, dry run, send, and the outcome of each row."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from stemtide.hub.desk.auth.people import SignedInRequest, actor_of, signed_in, writers_only
from stemtide.hub.desk.referrals.forms import BatchForm
from stemtide.hub.platform.errors import ConflictError, InvalidError
from stemtide.hub.platform.permissions import allows
from stemtide.hub.rooms.parties.reads import parties
from stemtide.hub.rooms.parties.reads.parties import Actor, party_titles
from stemtide.hub.rooms.referrals.reads import batches as reads
from stemtide.hub.rooms.referrals.rules import batches as rules
from stemtide.hub.rooms.referrals.writes import batches as writes
from stemtide.protocol.enums import PartyKind
from stemtide.protocol.enums.referrals import RowOutcome
from stemtide.protocol.files.batches import BatchFileError, read_rows, write_rows
from stemtide.protocol.messages.batches import (
    MAX_ROWS_AT_ONCE,
    BatchIn,
    BatchOut,
    BatchRowIn,
    BatchRowOut,
    CheckRowsIn,
    RowsIn,
)

SHOWN = 200
"""Rows of a dry run on a page; rows that would simply be sent come last."""


@require_safe
@signed_in
def batches(request: SignedInRequest) -> HttpResponse:
    """List the batches of the reader's party, latest first."""
    by = actor_of(request)
    context = {
        "now": datetime.now(UTC),
        "titles": party_titles(),
        "rows": reads.batches(viewer=by.party),
        "may_open": allows(rules.check_open, kind=by.kind, role=by.role),
    }
    return render(request, "desk/referrals/batches.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@writers_only
def new(request: SignedInRequest) -> HttpResponse:
    """Upload a file of addresses: a dry run first, then send it."""
    by = actor_of(request)
    rules.check_open(kind=by.kind, role=by.role)
    providers = [
        (party.name, party.title) for party in parties.parties() if party.kind == PartyKind.PROVIDER
    ]
    if request.method != "POST":
        form = BatchForm(providers=providers)
        return render(request, "desk/referrals/batch_new.html", {"form": form})
    form = BatchForm(request.POST, request.FILES, providers=providers)
    text = form.text() if form.is_valid() else None
    rows = _read(form, text) if text is not None else None
    if rows is not None and text is not None:
        try:
            if request.POST.get("do") == "send":
                batch = _send(form, rows, by=by)
                messages.success(request, _("Done. The result of each row is below."))
                return redirect("batch", uid=batch.id)
            return _dry_run(request, form, text=text, rows=rows, by=by)
        except (ConflictError, InvalidError) as error:
            form.add_refusal(error)
    return render(request, "desk/referrals/batch_new.html", {"form": form}, status=422)


@require_safe
@signed_in
def batch(request: SignedInRequest, uid: UUID) -> HttpResponse:
    """Show one batch: the number of rows per outcome, and the rows."""
    viewer = request.user.party
    batch_out = reads.batch(uid, viewer=viewer)
    after = request.GET.get("after", "0")
    page = reads.rows(
        uid,
        viewer=viewer,
        after=int(after) if after.isdecimal() and len(after) < 8 else 0,  # noqa: PLR2004  # digits
        limit=SHOWN,
    )
    context = {
        "now": datetime.now(UTC),
        "titles": party_titles(),
        "batch": batch_out,
        "outcomes": _in_order(batch_out.outcomes),
        "rows": page.rows,
        "after": page.next if page.more else 0,
    }
    return render(request, "desk/referrals/batch.html", context)


@require_safe
@signed_in
def file(request: SignedInRequest, uid: UUID) -> HttpResponse:
    """Download the outcome of each row as CSV."""
    viewer = request.user.party
    batch_out = reads.batch(uid, viewer=viewer)
    rows: list[BatchRowOut] = []
    more, after = True, 0
    while more:
        page = reads.rows(uid, viewer=viewer, after=after)
        rows += page.rows
        more, after = page.more, page.next
    response = HttpResponse(write_rows(rows), content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="batch-{batch_out.id}.csv"'
    return response


def _read(form: BatchForm, text: str) -> list[BatchRowIn] | None:
    """Return the rows of an uploaded file; None if it is invalid (the form then shows why)."""
    try:
        return read_rows(text, defaults=form.defaults())
    except BatchFileError as error:
        form.add_error("file", str(error))
        return None


def _send(form: BatchForm, rows: Sequence[BatchRowIn], *, by: Actor) -> BatchOut:
    """Open a batch and send its rows in parts."""
    form_data = form.cleaned_data
    body = BatchIn(name=form_data["name"], exercise=form_data["exercise"])
    batch = writes.open_batch(body, by=by, now=datetime.now(UTC))
    for first in range(0, len(rows), MAX_ROWS_AT_ONCE):
        part = RowsIn(rows=tuple(rows[first : first + MAX_ROWS_AT_ONCE]), again=form_data["again"])
        writes.add_rows(batch.id, body=part, by=by, now=datetime.now(UTC))
    return batch


def _dry_run(
    request: SignedInRequest,
    form: BatchForm,
    *,
    text: str,
    rows: Sequence[BatchRowIn],
    by: Actor,
) -> HttpResponse:
    """Show the outcome that each row would have, with the button to send them."""
    form_data = form.cleaned_data
    body = CheckRowsIn(rows=tuple(rows), again=form_data["again"], exercise=form_data["exercise"])
    checked = reads.check_rows(body, viewer=by.party, role=by.role, now=datetime.now(UTC)).rows
    counts = Counter(row.outcome for row in checked)
    first = sorted(checked, key=lambda row: (row.outcome is RowOutcome.SENT, row.number))
    context = {
        "form": form,
        "text": text,
        "titles": party_titles(),
        "outcomes": _in_order(counts),
        "count": len(checked),
        "going": counts[RowOutcome.SENT] + counts[RowOutcome.HELD],
        "rows": first[:SHOWN],
        "hidden": max(0, len(first) - SHOWN),
    }
    return render(request, "desk/referrals/batch_tried.html", context)


def _in_order(counts: dict[RowOutcome, int]) -> list[tuple[RowOutcome, int]]:
    """Return the number of rows per outcome, in the order of RowOutcome, without zeros."""
    return [
        (row_outcome, counts[row_outcome]) for row_outcome in RowOutcome if counts.get(row_outcome)
    ]
