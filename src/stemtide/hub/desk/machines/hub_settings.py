# SPDX-License-Identifier: Apache-2.0
"""Settings of the hub at the desk: retention, limits, office hours. Decision 0126."""

from datetime import UTC, datetime

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _, gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from stemtide.hub.desk.auth.people import SignedInRequest, actor_of, carry_out, signed_in
from stemtide.hub.desk.forms import DeskForm
from stemtide.hub.desk.labels import LABELS
from stemtide.hub.desk.officer import personal
from stemtide.hub.platform.permissions import allows
from stemtide.hub.rooms.ledger.reads import hub_settings as reads
from stemtide.hub.rooms.parties.reads import parties
from stemtide.hub.rooms.parties.rules import hub_settings as rules
from stemtide.hub.rooms.parties.rules.standing import check_sees_standings
from stemtide.hub.rooms.parties.writes import hub_settings as writes
from stemtide.hub.rooms.transparency.reads import restarts
from stemtide.hub.rooms.transparency.writes import restarts as restart_writes


class SettingForm(DeskForm):
    """A proposed value, with its reason."""

    free_texts = frozenset({"reason"})

    value = forms.IntegerField(label=gettext_lazy("Value"), min_value=0, max_value=10**9)
    reason = forms.CharField(label=gettext_lazy("Why?"), max_length=500)


@require_safe
@signed_in
def hub_settings(request: SignedInRequest) -> HttpResponse:
    """List the settings: the value in force, the default, who changed it, what is proposed."""
    by, now = actor_of(request), datetime.now(UTC)
    check_sees_standings(by.kind)
    rows = reads.rows(now=now)
    titles = {party.ref: party.title for party in parties.parties()}
    context = {
        "now": now,
        "me": by.ref,
        "may_change": allows(rules.check_propose, by=by),
        "titles": titles,
        "restores": [row for row in restarts.restarts() if row.confirmed_at is None],
        "groups": [
            (title, [row for row in rows if row.rule.group == group])
            for group, title in LABELS["setting-group"].items()
        ],
    }
    return render(request, "desk/machines/hub_settings.html", context)


@require_POST
@signed_in
def confirm_restore(request: SignedInRequest) -> HttpResponse:
    """Confirm, as the second person, that the hub was restored from a backup."""
    by, now = actor_of(request), datetime.now(UTC)
    rules.check_propose(by=by)
    origin = request.POST.get("origin", "")
    carry_out(
        request,
        lambda: restart_writes.confirm(origin, by=by, now=now),
        done=_("Confirmed. The transparency log names it."),
    )
    return redirect("hub-settings")


@require_POST
@signed_in
def act(request: SignedInRequest, name: str, verb: str) -> HttpResponse:
    """Propose, confirm or drop a value, or go back to the default."""
    if verb not in _DONE:
        raise Http404
    by, now = actor_of(request), datetime.now(UTC)
    rules.check_propose(by=by)
    done = str(_DONE[verb])
    if verb == "drop":
        carry_out(request, lambda: writes.drop_value(name, by=by, now=now), done=done)
    elif verb == "reset":
        carry_out(request, lambda: writes.reset_value(name, by=by, now=now), done=done)
    else:
        form = SettingForm(request.POST)
        if not _act_with_value(request, name, verb, form=form, done=done, now=now):
            return personal.show_again(request, form)
    return redirect(f"{request.path.partition(f'/{name}/')[0]}#{name}")


def _act_with_value(
    request: SignedInRequest,
    name: str,
    verb: str,
    *,
    form: SettingForm,
    done: str,
    now: datetime,
) -> bool:
    """Propose or confirm a value, and say whether it succeeded on the next page.

    returns: False if the form of a proposal shows what is wrong.
    """
    by = actor_of(request)
    is_valid = form.is_valid()
    value, reason = form.cleaned_data.get("value"), form.cleaned_data.get("reason", "")
    if verb == "propose":
        return (
            is_valid
            and value is not None
            and carry_out(
                request,
                lambda: writes.propose_value(name, value, reason=reason, by=by, now=now),
                done=done,
                form=form,
            )
        )
    if value is None:
        messages.error(request, _("Enter a whole number and a reason."))
        return True
    return carry_out(
        request, lambda: writes.confirm_value(name, value=value, by=by, now=now), done=done
    )


_DONE = {
    "propose": gettext_lazy("Proposed. Another person must confirm within 24 hours."),
    "confirm": gettext_lazy("Confirmed. It holds within seconds."),
    "drop": gettext_lazy("Proposal dropped."),
    "reset": gettext_lazy("The default holds again within seconds."),
}
