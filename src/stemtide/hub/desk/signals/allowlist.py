# SPDX-License-Identifier: Apache-2.0
"""The hub's allow-list at the desk: search it, add an entry, remove one, put it back."""

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _, gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from stemtide.fingerprints.kinds import Kind
from stemtide.hub.desk.actions import (
    Action,
    Offer,
    action_table,
    available,
    itself_blocked,
    itself_if,
    perform,
    sent_offer,
    why_not_yet,
)
from stemtide.hub.desk.auth.people import SignedInRequest, actor_of, signed_in
from stemtide.hub.desk.forms import MessageForm, uuid_or_none
from stemtide.hub.desk.labels import LABELS
from stemtide.hub.platform.errors import ConflictError, InvalidError
from stemtide.hub.platform.permissions import allows
from stemtide.hub.rooms.allowlists import reads, rules, writes
from stemtide.hub.rooms.allowlists.rules import AllowlistRefusedError
from stemtide.hub.rooms.parties.reads.parties import Actor, party_titles
from stemtide.hub.rooms.signals.reads import allowed
from stemtide.hub.rooms.signals.writes import allowlists
from stemtide.protocol.enums import Reach
from stemtide.protocol.messages.signals import MAX_URL_CHARS
from stemtide.protocol.sync.allowlists import (
    DEFAULT_WITHIN_BITS,
    AllowEntryIn,
    AllowlistIn,
    AllowRemoveIn,
    AllowRestoreIn,
)

ROWS = 50
"""Entries of a page."""

_KINDS = [(name, LABELS["kind"][name]) for name in ("sha256", "md5", "pdq", "url")]
_ACCEPT = gettext_lazy(
    "Add it even if it covers live signals of other parties: agents then stop acting on them"
    " automatically"
)


class AllowEntryForm(MessageForm):
    """A new entry."""

    message_type = AllowEntryIn

    kind = forms.ChoiceField(label=gettext_lazy("Kind"), choices=_KINDS)
    value = forms.CharField(
        label=gettext_lazy("Value"),
        max_length=MAX_URL_CHARS,
        help_text=gettext_lazy("The fingerprint in hex, or the web address."),
    )
    within_bits = forms.IntegerField(
        label=gettext_lazy("Distance of pictures, in bits"),
        required=False,
        min_value=0,
        max_value=31,
        help_text=gettext_lazy("For pictures only. Without it, 8: copies in other sizes."),
    )
    reach = forms.ChoiceField(
        label=gettext_lazy("Reach of a web address"),
        required=False,
        choices=[(reach, LABELS["reach"][reach]) for reach in Reach],
    )
    source = forms.CharField(
        label=gettext_lazy("Source"),
        min_length=3,
        max_length=300,
        help_text=gettext_lazy("Who says that it is lawful, for example a newsroom."),
    )
    source_url = forms.CharField(
        label=gettext_lazy("Link to the source or its terms"), required=False, max_length=500
    )
    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        min_length=3,
        max_length=300,
        help_text=gettext_lazy(
            "What the content is. Every party reads it: write nothing personal or confidential."
        ),
    )
    accept_covered = forms.BooleanField(label=_ACCEPT, required=False)

    def message_fields(self) -> dict[str, object]:
        """Return the fields of the entry; a fingerprint has no reach."""
        fields = dict(self.cleaned_data)
        is_url = fields["kind"] == Kind.URL and fields["reach"]
        return fields | {"reach": Reach(fields["reach"]) if is_url else None}


class RemoveEntryForm(MessageForm):
    """Why an entry leaves the list."""

    message_type = AllowRemoveIn

    reason = forms.CharField(label=gettext_lazy("Reason"), min_length=3, max_length=300)


class RestoreEntryForm(MessageForm):
    """Whether a removed entry may cover live signals of others."""

    message_type = AllowRestoreIn

    accept_covered = forms.BooleanField(label=_ACCEPT, required=False)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def allowlist(request: SignedInRequest) -> HttpResponse:
    """List the entries, search them, and add one."""
    by, now = actor_of(request), datetime.now(UTC)
    form = AllowEntryForm(request.POST or None)
    if request.method == "POST" and _add(request, form, by=by, now=now):
        return redirect("allowlist")
    search, is_removed = request.GET.get("q", "")[:200], "removed" in request.GET
    before = uuid_or_none(request.GET.get("before"))
    context = {
        "now": now,
        "page": reads.page(search=search, is_removed=is_removed, before=before, limit=ROWS),
        "q": search,
        "is_removed": is_removed,
        "form": form if _may_change(by) else None,
        "default_bits": DEFAULT_WITHIN_BITS,
    }
    status = 422 if request.method == "POST" else 200
    return render(request, "desk/allowlists/list.html", context, status=status)


def _add(request: SignedInRequest, form: AllowEntryForm, *, by: Actor, now: datetime) -> bool:
    """Add the entry of a form; return whether it was. Refusals are shown at its fields."""
    rules.check_change(kind=by.kind, role=by.role)
    entry = form.message()
    if entry is None:
        return False
    body = AllowlistIn(entries=(entry,), accept_covered=form.cleaned_data["accept_covered"])
    try:
        added = allowlists.add(body, by=by, now=now)
    except AllowlistRefusedError as error:
        form.add_refusal(InvalidError(error.errors[0].field, error.errors[0].message))
        return False
    except ConflictError as error:
        form.add_refusal(error)
        return False
    if added.created:
        messages.success(request, _("Added. Agents have it with their next look at the feed."))
    else:
        messages.info(request, _("The list has an entry of this value already."))
    return True


@require_safe
@signed_in
def entry(request: SignedInRequest, uid: UUID) -> HttpResponse:
    """Show an entry, and the live signals that it covers."""
    return _page(request, uid)


@require_POST
@signed_in
def act(request: SignedInRequest, uid: UUID, verb: str) -> HttpResponse:
    """Remove an entry, or put it back."""
    by = actor_of(request)
    rules.check_change(kind=by.kind, role=by.role)
    offer = sent_offer(request, ACTIONS, verb)
    if not perform(request, offer, uid):
        return _page(request, uid, refused=offer)
    return redirect("allow-entry", uid=uid)


@dataclass(frozen=True, slots=True)
class _EntryFacts:
    """Facts of an entry's page for the rules. is_listed: its value is on the list."""

    removed_at: datetime | None
    is_listed: bool
    by: Actor

    def check_remove(self) -> None:
        """Refuse the removal that the reader may not make now."""
        rules.check_remove(removed_at=self.removed_at, kind=self.by.kind, role=self.by.role)

    def check_restore(self) -> None:
        """Refuse to put the entry back where the reader may not do so now."""
        rules.check_restore(is_listed=self.is_listed, kind=self.by.kind, role=self.by.role)


ACTIONS = action_table(
    Action(
        "remove",
        RemoveEntryForm,
        writes.remove,
        gettext_lazy("Removed. Agents act again on what it covered. You can put it back here."),
        itself_if(lambda page: allows(page.check_remove)),
        title=gettext_lazy("Remove it"),
        button=gettext_lazy("Remove the entry"),
        is_destructive=True,
        is_primary=True,
        blocked=itself_blocked(lambda page: why_not_yet(page.check_remove)),
    ),
    Action(
        "restore",
        RestoreEntryForm,
        allowlists.restore,
        gettext_lazy("It is on the list again."),
        itself_if(lambda page: allows(page.check_restore)),
        title=gettext_lazy("Put it back"),
        is_primary=True,
        blocked=itself_blocked(lambda page: why_not_yet(page.check_restore)),
    ),
)


def _page(request: SignedInRequest, uid: UUID, *, refused: Offer | None = None) -> HttpResponse:
    """Render the page of an entry. refused: an action that was refused."""
    row, by = reads.find(uid), actor_of(request)
    facts = _EntryFacts(row.removed_at, reads.is_listed(row), by)
    context = {
        "now": datetime.now(UTC),
        "one": reads.describe(row),
        "titles": party_titles(),
        "covered": allowed.covered_signals(row, viewer=by.party),
        "offers": available(ACTIONS.values(), facts, refused=refused),
    }
    status = 422 if refused else 200
    return render(request, "desk/allowlists/entry.html", context, status=status)


def _may_change(by: Actor) -> bool:
    """Whether the rules let somebody change the list."""
    return allows(rules.check_change, kind=by.kind, role=by.role)
