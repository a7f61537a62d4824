# SPDX-License-Identifier: Apache-2.0
"""The form that adds a task: a title, an owner, a due time, and what it is about."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.urls import Resolver404, resolve
from django.utils.translation import gettext_lazy as _

from stemtide.hub.desk.forms import MessageForm, WhenField
from stemtide.hub.desk.labels import LABELS, Words
from stemtide.hub.platform.permissions import allows
from stemtide.hub.rooms.crises.rules.crises import CrisisFacts
from stemtide.hub.rooms.parties.reads import parties, people
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.tasks import rules
from stemtide.protocol.enums.response import TaskLinkKind
from stemtide.protocol.messages.situation import TaskIn

OwnerChoices = Sequence[tuple[Words, Sequence[tuple[str, Words]]]]

_PRESETS = [
    ("1", _("in 1 hour")),
    ("4", _("in 4 hours")),
    ("12", _("in 12 hours")),
    ("24", _("in 24 hours")),
    ("", _("at the time below")),
]
"""Hours until a task is due."""


def owner_choices(facts: CrisisFacts, *, by: Actor) -> OwnerChoices:
    """Return who may own a task here: one's own party and people, roles, other parties."""
    own = [(by.name, by.party.title)]
    own += [
        (person.email, person.name or person.email) for person in people.writers(viewer=by.party)
    ]
    roles = [(f"role:{role}", title) for role, title in LABELS["response-role"].items()]
    others = [
        (party.name, party.title)
        for party in parties.parties()
        if party != by.party and allows(rules.check_owner, facts, party)
    ]
    return [(_("Your party"), own), (_("Roles"), roles), (_("Other parties"), others)]


class TaskForm(MessageForm):
    """Add a task."""

    message_type = TaskIn
    title = forms.CharField(label=_("Task"), max_length=200)
    owner = forms.ChoiceField(label=_("Owner"))
    due_in = forms.ChoiceField(label=_("Due"), choices=_PRESETS, initial="4", required=False)
    due_at = WhenField(label=_("Due at (optional)"), required=False)
    link = forms.CharField(
        label=_("What it is about (optional)"),
        help_text=_("Paste the address of the page of a signal, cluster, referral or order."),
        required=False,
        max_length=300,
    )

    def __init__(
        self,
        *args: Any,  # noqa: ANN401  # Django's
        owners: OwnerChoices = (),
        now: datetime | None = None,
        **named: Any,  # noqa: ANN401  # Django's
    ) -> None:
        super().__init__(*args, **named)
        self.fields["owner"].choices = list(owners)  # type: ignore[attr-defined]  # a choice field
        self.now = now or datetime.now(UTC)

    def clean_link(self) -> dict[str, object] | None:
        """Return what the task is about, from the address of its page.

        raises: forms.ValidationError for any other address.
        """
        address: str = self.cleaned_data["link"].strip()
        if not address:
            return None
        try:
            match = resolve(urlsplit(address).path)
        except (Resolver404, ValueError):
            match = None
        if match is None or match.url_name not in set(TaskLinkKind):
            raise forms.ValidationError(
                _("This is no address of a signal, cluster, referral or order on this desk.")
            )
        uid = match.kwargs.get("key", match.kwargs["uid"])
        return {"kind": match.url_name, "id": uid}

    def clean(self) -> dict[str, object]:
        """Set the due time, from the hours if they are chosen."""
        cleaned: dict[str, object] = super().clean() or self.cleaned_data
        hours = cleaned.get("due_in")
        if hours:
            cleaned["due_at"] = self.now + timedelta(hours=int(str(hours)))
        elif not cleaned.get("due_at") and "due_at" not in self.errors:
            self.add_error("due_at", _("Enter a time, or choose one above."))
        return cleaned
