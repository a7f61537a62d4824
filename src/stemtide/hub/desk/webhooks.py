# SPDX-License-Identifier: Apache-2.0
"""Webhooks of one's own party at the desk: what arrives, what was given up, and what to do then.

A machine registers them with its key: decision 0067. People look after them, and leave that key.
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

from stemtide.hub.desk.people import SignedInRequest, actor_of, carry_out, signed_in
from stemtide.hub.desk.situation_forms import uuid_or_none
from stemtide.hub.desk.words import Words
from stemtide.hub.parties.rules import allows
from stemtide.hub.webhooks import reads, rules, writes
from stemtide.protocol.webhook_messages import (
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
    """All webhooks of the party."""
    rules.check_look_after(actor_of(request).role)
    found = reads.webhooks(viewer=request.user.party)
    facts = {"now": datetime.now(UTC), "rows": sorted(found, key=_by_need)}
    return render(request, "desk/machines/webhooks.html", facts)


@require_safe
@signed_in
def webhook(request: SignedInRequest, uid: UUID) -> HttpResponse:
    """One webhook: its dead letters, then its delivery log. ?before=: the page after that one."""
    rules.check_look_after(actor_of(request).role)
    viewer = request.user.party
    found = reads.webhook(uid, viewer=viewer)
    before = uuid_or_none(request.GET.get("before"))
    page = reads.deliveries(uid, viewer=viewer, before=before, limit=ROWS)
    dead = reads.deliveries(uid, viewer=viewer, state=WebhookDeliveryState.DEAD, limit=ROWS)
    facts = {
        "now": datetime.now(UTC),
        "one": found,
        "dead": [] if before else dead.deliveries,
        "rows": [
            # Above the first page the dead letters have their button already.
            (row, _may_retry(row, webhook=found) and (bool(before) or not _is_dead(row)))
            for row in page.deliveries
        ],
        "next": page.next,
        "before": before,
        "is_active": found.state is WebhookState.ACTIVE,
    }
    return render(request, "desk/machines/webhook.html", facts)


@require_POST
@signed_in
def act(request: SignedInRequest, uid: UUID, verb: str) -> HttpResponse:
    """Do one thing about a webhook; a new secret is shown, once."""
    if verb not in _DONE:
        raise Http404
    by, now = actor_of(request), datetime.now(UTC)
    rules.check_look_after(by.role)
    if verb in _SURE and not request.POST.get("confirm"):
        reads.webhook(uid, viewer=by.party)
        messages.error(request, _("Tick the box beside it to say that you mean it."))
        return redirect("webhook", uid=uid)
    if verb == "secret":
        return _secret(request, uid)
    if verb == "remove":
        writes.remove(uid, by=by, now=now)
        messages.success(request, str(_DONE[verb]))
        return redirect("webhooks")
    carry_out(request, lambda: _VERBS[verb](uid, by=by, now=now), done=str(_DONE[verb]))
    return redirect("webhook", uid=uid)


@require_POST
@signed_in
def again(request: SignedInRequest, uid: UUID, delivery: UUID) -> HttpResponse:
    """Try a delivery that was given up once more."""
    by, now = actor_of(request), datetime.now(UTC)
    carry_out(
        request,
        lambda: writes.again(uid, delivery, by=by, now=now),
        done=_("It is sent again, under its old id."),
    )
    return redirect("webhook", uid=uid)


_PAUSE, _RESUME = WebhookChangeIn(state="paused"), WebhookChangeIn(state="active")

_VERBS: dict[str, Callable[..., object]] = {
    "test": writes.try_it,
    "pause": lambda uid, **how: writes.change(uid, body=_PAUSE, **how),
    "resume": lambda uid, **how: writes.change(uid, body=_RESUME, **how),
}

_SURE = frozenset({"pause", "secret", "remove"})
"""What asks for a tick."""

_DONE: dict[str, Words] = {
    "test": gettext_lazy("A test is on its way: reload the page to see what becomes of it."),
    "pause": gettext_lazy("Paused. What happens meanwhile is in the feed alone."),
    "resume": gettext_lazy("It is told again what happens from now on."),
    "secret": "",
    "remove": gettext_lazy("The webhook is gone, with its log and what was on its way."),
}


@sensitive_variables()
def _secret(request: SignedInRequest, uid: UUID) -> HttpResponse:
    """The page that shows a new secret. It is kept nowhere, so it is shown once."""
    made = writes.renew(uid, by=actor_of(request), now=datetime.now(UTC))
    facts = {"one": reads.webhook(uid, viewer=request.user.party), "made": made}
    return render(request, "desk/machines/webhook_secret.html", facts)


def _by_need(one: WebhookOut) -> tuple[bool, bool, datetime]:
    """What needs a look first, then the oldest."""
    is_over = one.state is WebhookState.DISABLED
    return not is_over, not (one.failing_since or one.dead), one.made_at


def _is_dead(row: WebhookDeliveryOut) -> bool:
    """Whether a delivery was given up."""
    return row.state is WebhookDeliveryState.DEAD


def _may_retry(row: WebhookDeliveryOut, *, webhook: WebhookOut) -> bool:
    """Whether the rules let a delivery be sent again."""
    return allows(rules.check_again, row.state, webhook=webhook.state)
