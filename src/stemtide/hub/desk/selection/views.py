# SPDX-License-Identifier: Apache-2.0
"""Act on selected signals: preview, one reason, result; and the list of a party's own signals."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from stemtide.hub.desk.auth.people import SignedInRequest, actor_of, signed_in, writers_only
from stemtide.hub.desk.forms import MessageForm, page_number, uuid_or_none
from stemtide.hub.desk.selection.acts import BULK_ACTS, BulkAct
from stemtide.hub.desk.selection.offered import offered
from stemtide.hub.desk.selection.preview import Effects, perform_all, preview
from stemtide.hub.desk.signals.content_acts import ActedContent, content_acts
from stemtide.hub.platform.errors import InvalidError
from stemtide.hub.platform.postgresql.replica import reads_replica
from stemtide.hub.rooms.crises.reads import crises
from stemtide.hub.rooms.parties.reads.parties import Actor, party_titles
from stemtide.hub.rooms.signals.reads import clusters, signals as reads
from stemtide.hub.rooms.signals.reads.signals import SelectedSignal
from stemtide.protocol.enums import SignalState

MOST = 200
"""Signals that one act changes: each is written by itself, and the page waits for all."""

A_PAGE = 100
"""Signals on a page of the own ones."""


@dataclass(frozen=True, slots=True)
class Selection:
    """What was selected. crisis: that of the list, which the next page leads back to."""

    signals: list[SelectedSignal]
    crisis: UUID | None

    @property
    def back(self) -> str:
        """Return the address of the list."""
        return reverse("crisis", args=[self.crisis]) if self.crisis else reverse("own-signals")


@require_safe
@signed_in
@reads_replica
def own(request: SignedInRequest) -> HttpResponse:
    """List the signals that the reader's party shares, the latest change first."""
    by = actor_of(request)
    page = page_number(request.GET.get("page"))
    is_all = "all" in request.GET
    signals, more = reads.of_party(viewer=by.party, is_live=not is_all, limit=A_PAGE, page=page)
    context = {
        "now": datetime.now(UTC),
        "signals": signals,
        "is_all": is_all,
        "bulk_acts": offered(by),
        "before": page - 1,
        "after": page + 1 if more else 0,
    }
    return render(request, "desk/selection/own.html", context)


@require_POST
@signed_in
@writers_only
def selected(request: SignedInRequest) -> HttpResponse:
    """Show what an act would do to the selected signals; with do=confirm, carry it out."""
    by = actor_of(request)
    selection = _selection(request, by=by)
    name = request.POST.get("act", "")
    if name not in {act.name for act in offered(by)} | set(BULK_ACTS):
        raise Http404
    if not selection.signals:
        messages.error(request, _("Select at least one that your party may see."))
        return redirect(selection.back)
    if len(selection.signals) > MOST:
        text = _("Select at most %(most)d signals: these are %(count)d.")
        numbers = {"most": MOST, "count": len(selection.signals)}
        messages.error(request, text % numbers)
        return redirect(selection.back)
    if name not in BULK_ACTS:
        return _to_form(request, name, selection, by=by)
    return _act(request, BULK_ACTS[name], selection, by=by)


def _act(
    request: SignedInRequest, act: BulkAct, selection: Selection, *, by: Actor
) -> HttpResponse:
    """Preview an act, or carry it out; 422 if its form is invalid."""
    now, is_confirmed = datetime.now(UTC), request.POST.get("do") == "confirm"
    form = act.form(request.POST if is_confirmed else None, prefix="act")
    if is_confirmed:
        is_ready = form.message() is not None if act.form.message_type else form.is_valid()
        try:
            if is_ready:
                effects = perform_all(act, form, selection.signals, by=by, now=now)
                return _page(request, "done", act, selection, effects=effects)
        except InvalidError as error:
            form.add_refusal(error)
    effects = preview(act, selection.signals, by=by, now=now)
    return _page(request, "selected", act, selection, effects=effects, form=form)


def _page(
    request: SignedInRequest,
    name: str,
    act: BulkAct,
    selection: Selection,
    *,
    effects: Effects,
    form: MessageForm | None = None,
) -> HttpResponse:
    """Render the preview or the result."""
    count = effects.done_count or len(selection.signals)
    context = {
        "act": act,
        "title": str(act.title % {"count": count}),
        "done": str(act.done % {"count": len(effects.acting)}),
        "selection": selection,
        "effects": effects,
        "form": form,
        "titles": party_titles(),
    }
    status = 422 if form is not None and form.errors else 200
    return render(request, f"desk/selection/{name}.html", context, status=status)


def _to_form(
    request: SignedInRequest, name: str, selection: Selection, *, by: Actor
) -> HttpResponse:
    """Lead to the form of a referral, an order or a hold, filled in with the selected signals."""
    content = _content(selection, by=by)
    act = next(act for act in content_acts(content, by=by) if act.name == name)
    if act.reason:
        messages.error(request, act.reason)
        return redirect(selection.back)
    return redirect(act.address)


def _content(selection: Selection, *, by: Actor) -> ActedContent:
    """Return what the forms are filled in with."""
    live = [signal for signal in selection.signals if signal.state is SignalState.LIVE]
    crises_named = {signal.crisis for signal in live}
    crisis = selection.crisis or (crises_named.pop() if len(crises_named) == 1 else None)
    languages = {signal.language for signal in live if signal.language}
    return ActedContent(
        signals=tuple(signal.id for signal in live),
        own=tuple(signal.id for signal in live if signal.shared_by == by.name),
        crisis=crisis if crisis and _is_visible(crisis, by=by) else None,
        exercise=any(signal.exercise for signal in live),
        url=next((signal.url for signal in live if signal.url), ""),
        labels=tuple(dict.fromkeys(label for signal in live for label in signal.labels)),
        language=languages.pop() if len(languages) == 1 else "",
    )


def _is_visible(crisis: UUID, *, by: Actor) -> bool:
    """Whether the reader's party may see a crisis."""
    return any(row.id == crisis for row in crises.crises(viewer=by.party))


def _selection(request: SignedInRequest, *, by: Actor) -> Selection:
    """Return the signals that a request names, and the live ones of the clusters that it names."""
    crisis = uuid_or_none(request.POST.get("crisis"))
    uids = _uuids(request.POST.getlist("signal"))
    keys = set(_uuids(request.POST.getlist("cluster")))
    if crisis is not None:
        crises.crisis(crisis, viewer=by.party)
    if crisis is not None and keys:
        uids += [
            variant.id
            for cluster in clusters.clusters(crisis, viewer=by.party)
            if keys & cluster.members
            for variant in cluster.variants
            if variant.state is SignalState.LIVE
        ]
    return Selection(reads.several(dict.fromkeys(uids), viewer=by.party), crisis)


def _uuids(names: Iterable[str]) -> list[UUID]:
    """Return the ids among some texts."""
    return [uid for name in names if (uid := uuid_or_none(name))]
