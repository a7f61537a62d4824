# SPDX-License-Identifier: Apache-2.0
"""What a party keeps, until when, and what stops its erasure; hold, lift and extend."""

from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

from django import forms
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _, gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from stemtide.hub.desk.auth.people import SignedInRequest, actor_of, carry_out, signed_in
from stemtide.hub.desk.forms import DeskForm, MessageForm
from stemtide.hub.desk.officer import personal
from stemtide.hub.platform.permissions import check_may_stop_erasure
from stemtide.hub.platform.postgresql.replica import reads_replica
from stemtide.hub.rooms.parties.reads.parties import party_titles
from stemtide.hub.rooms.retention.reads import shown
from stemtide.hub.rooms.retention.reads.rows import KINDS
from stemtide.hub.rooms.retention.rules import REST_AFTER_LIFT
from stemtide.hub.rooms.retention.writes import holds as writes
from stemtide.protocol.law.deadlines import end_of_day
from stemtide.protocol.law.retention import RowClass, retention
from stemtide.protocol.law.retention.messages import (
    KeptRowOut,
    LegalHoldIn,
    LiftIn,
    RetentionChangeIn,
)


class LegalHoldForm(MessageForm):
    """Stop an erasure."""

    message_type = LegalHoldIn
    reason = forms.CharField(label=gettext_lazy("Why?"), max_length=500)


class LiftForm(MessageForm):
    """Let a row be erased at its date again."""

    message_type = LiftIn
    reason = forms.CharField(label=gettext_lazy("Why?"), max_length=500)


class ExtendRetentionForm(DeskForm):
    """Keep a row for longer."""

    free_texts = frozenset({"reason"})

    until = forms.DateField(
        label=gettext_lazy("Erase after"), widget=forms.DateInput(attrs={"type": "date"})
    )
    reason = forms.CharField(label=gettext_lazy("Why?"), max_length=500)

    def message(self) -> RetentionChangeIn | None:
        """Return the message of the API; None if a field is missing."""
        if not self.is_valid():
            return None
        day = datetime.combine(self.cleaned_data["until"], datetime.min.time(), tzinfo=UTC)
        return RetentionChangeIn(until=end_of_day(day), reason=self.cleaned_data["reason"])


@require_safe
@signed_in
@reads_replica
def overview(request: SignedInRequest) -> HttpResponse:
    """Show what is erased when, and what something stops."""
    by, now = actor_of(request), datetime.now(UTC)
    check_may_stop_erasure(role=by.role)
    class_name = request.GET.get("class", "")
    row_class = RowClass(class_name) if class_name in {name.value for name in KINDS} else None
    is_stopped = "stopped" in request.GET
    retained = shown.overview(viewer=by.party, now=now, row_class=row_class, is_stopped=is_stopped)
    context = {
        "now": now,
        "sums": retained.sums,
        "rows": retained.rows,
        "chosen": row_class,
        "is_stopped": is_stopped,
    }
    return render(request, "desk/retention/overview.html", context)


@require_safe
@signed_in
def row(request: SignedInRequest, row_class: str, uid: UUID) -> HttpResponse:
    """Show why one row is kept, and offer to hold or extend it."""
    by, now = actor_of(request), datetime.now(UTC)
    check_may_stop_erasure(role=by.role)
    kept_row = shown.kept_row(_class(row_class), uid, viewer=by.party, now=now)
    own = [hold for hold in kept_row.holds if hold.by == by.party.name]
    version, reason = retention(), kept_row.retention
    context = {
        "now": now,
        "row": kept_row,
        "titles": party_titles(),
        "is_held_by_own": bool(own),
        "is_soon_after_lift": reason is not None
        and reason.until is not None
        and reason.until <= now + REST_AFTER_LIFT,
        "may_extend": kept_row.party == by.party.name
        and kept_row.row_class is not RowClass.PREVIEW,
        "rule": version.classes[kept_row.row_class],
        "basis_source": version.bases[reason.legal_basis].source if reason else "",
        "hold_form": LiftForm(prefix="lift") if own else LegalHoldForm(prefix="hold"),
        "extend_form": ExtendRetentionForm(prefix="extend"),
    }
    return render(request, "desk/retention/row.html", context)


@require_POST
@signed_in
def act(request: SignedInRequest, row_class: str, uid: UUID, verb: str) -> HttpResponse:
    """Hold a row, lift the hold, or extend its date."""
    by, now, name = actor_of(request), datetime.now(UTC), _class(row_class)
    check_may_stop_erasure(role=by.role)
    if verb not in _VERBS:
        raise Http404
    form_type, write = _VERBS[verb]
    form = form_type(request.POST, prefix=verb)
    body = form.message()
    if body is None or not carry_out(
        request,
        lambda: write(name, uid, body=body, by=by, now=now),
        done=_DONE[verb],
        form=form,
    ):
        return personal.show_again(request, form)
    return redirect("retention-row", row_class=name.value, uid=uid)


_VERBS: dict[
    str,
    tuple[type[LegalHoldForm | LiftForm | ExtendRetentionForm], Callable[..., KeptRowOut]],
] = {
    "hold": (LegalHoldForm, writes.hold),
    "lift": (LiftForm, writes.lift),
    "extend": (ExtendRetentionForm, writes.change),
}


def _lifted(row: KeptRowOut) -> str:
    """Return when a row is erased, now that a hold on it is lifted."""
    if len(row.kept_by) > 1:
        return _("Lifted. Something else still stops the erasure: see “Stopped by”.")
    until = row.retention.until if row.retention else None
    if until is None or row.not_before is None:
        return _("Lifted.")
    if until > row.not_before:
        return _("Lifted. It is erased on %(day)s at the latest.") % {"day": until.date()}
    return _("Lifted. It is erased on %(day)s, unless somebody puts it on hold before.") % {
        "day": row.not_before.date()
    }


_DONE: dict[str, Callable[[KeptRowOut], str]] = {
    "hold": lambda _row: _("On hold. It is not erased before your party lifts the hold."),
    "lift": _lifted,
    "extend": lambda _row: _("Extended."),
}


def _class(name: str) -> RowClass:
    """Return a class of rows by its name in an address. raises: Http404."""
    if name not in {row_class.value for row_class in KINDS}:
        raise Http404
    return RowClass(name)
