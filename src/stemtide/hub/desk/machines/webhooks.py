# SPDX-License-Identifier: Apache-2.0
"""Webhooks of one's own party at the desk: deliveries, failures and actions.

Machines and people register them (webhook_form.py). Each belongs to a key: decision 0126.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _, gettext_lazy
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_POST, require_safe

from stemtide.hub.desk.auth.people import SignedInRequest, actor_of, carry_out, signed_in
from stemtide.hub.desk.forms import uuid_or_none
from stemtide.hub.desk.labels import Words
from stemtide.hub.platform.permissions import allows, check_may_manage_webhooks
from stemtide.hub.rooms.webhooks import rules
from stemtide.hub.rooms.webhooks.reads import webhooks as reads
from stemtide.hub.rooms.webhooks.writes import webhooks as writes
from stemtide.protocol.messages.webhooks import (
    WebhookChangeIn,
    WebhookDeliveryOut,
    WebhookDeliveryState,
    WebhookOut,
    WebhookState,
)

ROWS = 50
"""Deliveries on one page of the log."""


@require_safe
@signed_in
def webhooks(request: SignedInRequest) -> HttpResponse:
    """List all webhooks of the party."""
    check_may_manage_webhooks(actor_of(request).role)
    webhook_rows = reads.webhooks(viewer=request.user.party)
    context = {"now": datetime.now(UTC), "rows": sorted(webhook_rows, key=_by_need)}
    return render(request, "desk/machines/webhooks.html", context)


@require_safe
@signed_in
def webhook(request: SignedInRequest, uid: UUID) -> HttpResponse:
    """Show one webhook: dead letters, then the delivery log; ?before= is the next page."""
    check_may_manage_webhooks(actor_of(request).role)
    viewer = request.user.party
    webhook_out = reads.webhook(uid, viewer=viewer)
    before = uuid_or_none(request.GET.get("before"))
    page = reads.deliveries(uid, viewer=viewer, before=before, limit=ROWS)
    dead = reads.deliveries(uid, viewer=viewer, state=WebhookDeliveryState.DEAD, limit=ROWS)
    context = {
        "now": datetime.now(UTC),
        "one": webhook_out,
        "dead": [] if before else dead.deliveries,
        "rows": [
            # On the first page the list of dead letters above has the buttons.
            (row, _may_retry(row, webhook=webhook_out) and (bool(before) or not _is_dead(row)))
            for row in page.deliveries
        ],
        "next": page.next,
        "before": before,
        "is_active": webhook_out.state is WebhookState.ACTIVE,
    }
    return render(request, "desk/machines/webhook.html", context)


@require_POST
@signed_in
def act(request: SignedInRequest, uid: UUID, verb: str) -> HttpResponse:
    """Carry out one action on a webhook; a new secret is shown once."""
    if verb not in _DONE:
        raise Http404
    by, now = actor_of(request), datetime.now(UTC)
    check_may_manage_webhooks(by.role)
    if verb in _CONFIRMED_VERBS and not request.POST.get("confirm"):
        reads.webhook(uid, viewer=by.party)
        messages.error(request, _("Nothing changed: tick the box to confirm, then send again."))
        return redirect("webhook", uid=uid)
    if verb == "secret":
        return _new_secret(request, uid)
    if verb == "remove":
        writes.remove(uid, by=by, now=now)
        messages.success(request, str(_DONE[verb]))
        return redirect("webhooks")
    carry_out(request, lambda: _VERBS[verb](uid, by=by, now=now), done=str(_DONE[verb]))
    return redirect("webhook", uid=uid)


@require_POST
@signed_in
def again(request: SignedInRequest, uid: UUID, delivery: UUID) -> HttpResponse:
    """Retry a delivery that was given up."""
    by, now = actor_of(request), datetime.now(UTC)
    carry_out(
        request,
        lambda: writes.retry(uid, delivery, by=by, now=now),
        done=_("It is sent again, under its old id."),
    )
    return redirect("webhook", uid=uid)


_PAUSE, _RESUME = WebhookChangeIn(state="paused"), WebhookChangeIn(state="active")

_VERBS: dict[str, Callable[..., object]] = {
    "test": writes.send_test,
    "pause": lambda uid, **arguments: writes.change(uid, body=_PAUSE, **arguments),
    "resume": lambda uid, **arguments: writes.change(uid, body=_RESUME, **arguments),
}

_CONFIRMED_VERBS = frozenset({"pause", "secret", "remove"})
"""Actions that must be confirmed with a checkbox."""

_DONE: dict[str, Words] = {
    "test": gettext_lazy("A test is on its way: reload the page to see what becomes of it."),
    "pause": gettext_lazy("Paused. What happens meanwhile is in the feed alone."),
    "resume": gettext_lazy("It is told again what happens from now on."),
    "secret": "",
    "remove": gettext_lazy("The webhook is gone, with its log and what was on its way."),
}


@sensitive_variables()
def _new_secret(request: SignedInRequest, uid: UUID) -> HttpResponse:
    """Show a new secret. It is not stored, so it is shown once."""
    renewed = writes.renew(uid, by=actor_of(request), now=datetime.now(UTC))
    context = {"one": reads.webhook(uid, viewer=request.user.party), "made": renewed}
    return render(request, "desk/machines/webhook_secret.html", context)


def _by_need(webhook: WebhookOut) -> tuple[bool, bool, datetime]:
    """Return the sort key: webhooks that need attention first, then the oldest."""
    is_over = webhook.state is WebhookState.DISABLED
    return not is_over, not (webhook.failing_since or webhook.dead), webhook.made_at


def _is_dead(row: WebhookDeliveryOut) -> bool:
    """Whether a delivery was given up."""
    return row.state is WebhookDeliveryState.DEAD


def _may_retry(row: WebhookDeliveryOut, *, webhook: WebhookOut) -> bool:
    """Whether the rules allow a retry of a delivery."""
    return allows(rules.check_retry, row.state, webhook=webhook.state)
