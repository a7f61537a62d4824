# SPDX-License-Identifier: Apache-2.0
"""The page of one alert: acknowledge it, assign it, snooze it, or mute its kind."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy as _, ngettext_lazy
from django.views.decorators.http import require_POST, require_safe

from stemtide.hub.desk.actions import (
    Action,
    Offer,
    action_table,
    available,
    itself_blocked,
    itself_if,
    perform,
    sent_offer,
    why_not,
)
from stemtide.hub.desk.auth.people import SignedInRequest, actor_of, signed_in
from stemtide.hub.desk.forms import MessageForm
from stemtide.hub.platform.permissions import allows, check_person_may_write
from stemtide.hub.rooms.alerts.reads import alerts as reads
from stemtide.hub.rooms.alerts.reads.alerts import AlertRow
from stemtide.hub.rooms.alerts.rules import attention as rules
from stemtide.hub.rooms.alerts.writes import alerts as writes, attention
from stemtide.hub.rooms.parties.reads import people
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.protocol.messages.alerts import AssignIn, MuteIn, SnoozeIn


class AssignForm(MessageForm):
    """Assign an alert to a colleague."""

    message_type = AssignIn
    person = forms.ChoiceField(label=_("Colleague"), required=False)

    def __init__(self, *args: Any, colleagues: list[str], **named: Any) -> None:  # noqa: ANN401  # Django's
        super().__init__(*args, **named)
        choices = [("", _("nobody")), *((email, email) for email in colleagues)]
        self.fields["person"].choices = choices  # type: ignore[attr-defined]  # a choice field


class SnoozeForm(MessageForm):
    """Set an alert aside for some hours."""

    message_type = SnoozeIn
    hours = forms.TypedChoiceField(
        label=_("For how long?"),
        coerce=int,
        choices=[
            (hours, ngettext_lazy("%(hours)d hour", "%(hours)d hours", hours) % {"hours": hours})
            for hours in rules.SNOOZE_HOURS
        ],
    )

    def __init__(self, *args: Any, colleagues: list[str], **named: Any) -> None:  # noqa: ANN401, ARG002  # as the others
        super().__init__(*args, **named)


class MuteForm(MessageForm):
    """Mute a kind of alert for some days."""

    message_type = MuteIn
    days = forms.TypedChoiceField(
        label=_("For how long?"),
        coerce=int,
        choices=[
            (days, ngettext_lazy("%(days)d day", "%(days)d days", days) % {"days": days})
            for days in rules.MUTE_DAYS
        ],
    )

    def __init__(self, *args: Any, colleagues: list[str], **named: Any) -> None:  # noqa: ANN401, ARG002  # as the others
        super().__init__(*args, **named)


class BareForm(MessageForm):
    """An action without fields."""

    def __init__(self, *args: Any, colleagues: list[str], **named: Any) -> None:  # noqa: ANN401, ARG002  # as the others
        super().__init__(*args, **named)


@dataclass(frozen=True, slots=True)
class _PageFacts:
    """What the rules need of an alert's page. muted_until: None if its kind is not muted."""

    alert: AlertRow
    by: Actor
    muted_until: datetime | None
    now: datetime

    @property
    def may_act(self) -> bool:
        """Whether the reader's role writes and the alert still waits."""
        return self.alert.is_waiting and allows(check_person_may_write, self.by.role)


def _why_no_snooze(page: _PageFacts) -> str:
    """Return why an alert that waits cannot be snoozed."""
    arguments = {"role": page.by.role, "state": page.alert.state}
    return why_not(rules.check_snooze, page.alert.kind, **arguments) if page.may_act else ""


def _why_no_mute(page: _PageFacts) -> str:
    """Return why a kind of alert cannot be muted."""
    return "" if page.muted_until else why_not(rules.check_mute, page.alert.kind)


ACTIONS = action_table(
    Action(
        "acknowledge",
        BareForm,
        writes.acknowledge,
        _("Acknowledged. Nobody else of your party is asked."),
        itself_if(lambda page: page.may_act),
        title=_("Acknowledge"),
        help=_("Your party has it. The alert goes to no further contact point."),
        is_primary=True,
    ),
    Action(
        "assign",
        AssignForm,
        attention.assign,
        _("Assigned."),
        itself_if(lambda page: page.may_act),
        title=_("Assign to a colleague"),
        button=_("Assign"),
        help=_("It shows your party who looks after it. The alert still waits."),
    ),
    Action(
        "snooze",
        SnoozeForm,
        attention.snooze,
        _("Snoozed for your party."),
        itself_if(lambda page: page.may_act and not _why_no_snooze(page)),
        title=_("Snooze"),
        help=_("Until then no page of your party counts it. Messages already under way go on."),
        blocked=itself_blocked(_why_no_snooze),
        is_step=True,
    ),
    Action(
        "mute",
        MuteForm,
        attention.mute,
        _("Muted for you."),
        itself_if(lambda page: page.muted_until is None and not _why_no_mute(page)),
        title=_("Mute alerts of this kind"),
        button=_("Mute"),
        help=_("Your pages do not count them. Your party still gets them."),
        blocked=itself_blocked(_why_no_mute),
        is_step=True,
    ),
    Action(
        "unmute",
        BareForm,
        attention.unmute,
        _("You see alerts of this kind again."),
        itself_if(lambda page: page.muted_until is not None),
        title=_("Stop muting alerts of this kind"),
        button=_("Stop muting"),
    ),
)


@require_safe
@signed_in
def alert(request: SignedInRequest, uid: UUID) -> HttpResponse:
    """Show one alert and what its reader may do with it."""
    return _page(request, uid)


@require_POST
@signed_in
def act(request: SignedInRequest, uid: UUID, verb: str) -> HttpResponse:
    """Acknowledge, assign, snooze, mute or unmute."""
    colleagues = people.colleagues(viewer=request.user.party)
    offer = sent_offer(request, ACTIONS, verb, colleagues=colleagues)
    if not perform(request, offer, uid):
        return _page(request, uid, refused=offer)
    return redirect("alert", uid=uid)


def _page(request: SignedInRequest, uid: UUID, *, refused: Offer | None = None) -> HttpResponse:
    """Render the page of an alert. refused: an action that was refused."""
    user, now = request.user, datetime.now(UTC)
    row = reads.alert(uid, viewer=user.party)
    until = reads.muted_kinds(viewer=user, now=now).get(row.kind)
    page = _PageFacts(row, by=actor_of(request), muted_until=until, now=now)
    colleagues = people.colleagues(viewer=user.party)
    context = {
        "now": now,
        "alert": row,
        "muted_until": until,
        "may_acknowledge": False,
        "offers": available(ACTIONS.values(), page, refused=refused, colleagues=colleagues),
    }
    status = 422 if refused else 200
    return render(request, "desk/alerts/alert.html", context, status=status)
