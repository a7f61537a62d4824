# SPDX-License-Identifier: Apache-2.0
"""The page on which a leading party says which signals stay after a crisis."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _, gettext_lazy
from django.views.decorators.http import require_http_methods

from stemtide.hub.desk.auth.people import SignedInRequest, actor_of, carry_out, signed_in
from stemtide.hub.desk.forms import DeskForm, MessageForm, uuid_or_none
from stemtide.hub.desk.labels import LABELS, Words, label_title
from stemtide.hub.platform.permissions import allows, check_person_may_lead
from stemtide.hub.rooms.adoptions import reads, writes
from stemtide.hub.rooms.crises.reads import crises
from stemtide.hub.rooms.crises.rules import closing as rules
from stemtide.hub.rooms.parties.reads.parties import party_titles
from stemtide.protocol.enums import AdoptionAnswer, PartyKind
from stemtide.protocol.labels import labels
from stemtide.protocol.law.retention import RowClass, retention
from stemtide.protocol.law.retention.adoptions import (
    AdoptIn,
    AdoptionAnswerIn,
    AdoptionOut,
    UnadoptIn,
)

_ANSWERS = (
    (AdoptionAnswer.SUGGESTED.value, gettext_lazy("Those that are pre-selected stay")),
    (AdoptionAnswer.ALL.value, gettext_lazy("All stay")),
    (AdoptionAnswer.NONE.value, gettext_lazy("No more stay than are adopted now")),
)


def _bases(kind: PartyKind) -> list[tuple[str, Words]]:
    """Return the legal bases that a kind of party may use, its default first."""
    version = retention()
    default = version.classes[RowClass.SIGNAL].bases[kind]
    usable = [basis for basis, rule in version.bases.items() if kind in rule.kinds]
    usable.sort(key=lambda basis: basis is not default)
    return [(basis.value, LABELS["legal-basis"][basis]) for basis in usable]


class AdoptionForm(MessageForm):
    """The answer which signals stay."""

    message_type = AdoptionAnswerIn
    adopt = forms.ChoiceField(
        label=gettext_lazy("After this crisis"), choices=_ANSWERS, widget=forms.RadioSelect
    )

    def __init__(self, *args: Any, kind: PartyKind, **options: Any) -> None:  # noqa: ANN401  # Django's own options
        super().__init__(*args, **options)
        bases = _bases(kind)
        self.fields["legal_basis"] = forms.ChoiceField(
            label=_("Legal basis"), choices=bases, required=False
        )
        self._default = bases[0][0]

    def message_fields(self) -> dict[str, object]:
        """Return the answer; the basis only if it is not the default of the party's kind."""
        basis = self.cleaned_data["legal_basis"]
        own = {} if basis in {"", self._default} else {"legal_basis": basis}
        return {"adopt": self.cleaned_data["adopt"]} | own


class ListForm(DeskForm):
    """What the list is limited to."""

    show = forms.ChoiceField(
        label=gettext_lazy("Show"),
        required=False,
        choices=[
            ("all", gettext_lazy("All live signals")),
            ("suggested", gettext_lazy("Pre-selected, not adopted")),
            ("adopted", gettext_lazy("Adopted")),
            ("left", gettext_lazy("Neither")),
            ("new", gettext_lazy("New since the answer")),
        ],
    )

    def __init__(self, *args: Any, sharers: list[tuple[str, str]], **options: Any) -> None:  # noqa: ANN401  # Django's own options
        super().__init__(*args, **options)
        named = [
            (name, label_title(name)) for name, label in labels().items() if not label.refuse_to
        ]
        for name, title, choices in (
            ("label", _("Label"), named),
            ("shared_by", _("Shared by"), sharers),
        ):
            self.fields[name] = forms.ChoiceField(
                label=title, required=False, choices=[("", _("Any")), *choices]
            )

    def filters(self) -> dict[str, str]:
        """Return what the list is limited to; a value that is no choice limits nothing."""
        self.is_valid()
        return {name: value for name, value in self.cleaned_data.items() if value}


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def closing(request: SignedInRequest, uid: UUID) -> HttpResponse:
    """Show the signals of a crisis, and which of them stay; adopt some, or answer."""
    by, now = actor_of(request), datetime.now(UTC)
    crisis = crises.crisis(uid, viewer=by.party)
    facts = crises.facts_of(uid, viewer=by.party)
    rules.check_sees_choice(facts, by=by)
    sharers = [(name, party_titles()[name]) for name in reads.sharers(uid, viewer=by.party)]
    list_form = ListForm(request.GET, sharers=sharers)
    filters = list_form.filters()
    if request.method == "POST":
        check_person_may_lead(by.role)
        return _act(request, uid, filters=filters)
    after = uuid_or_none(request.GET.get("after"))
    adoption = reads.adoption(
        uid,
        by=by,
        after=after,
        limit=reads.PAGE,
        label=filters.get("label", ""),
        shared_by=filters.get("shared_by", ""),
        show=filters.get("show", "all"),
    )
    context = {
        "now": now,
        "crisis": crisis,
        "titles": party_titles(),
        "adoption": adoption,
        "left": adoption.live - adoption.adopted - adoption.suggested,
        "list_form": list_form,
        "is_filtered": bool({"label", "shared_by"} & filters.keys()),
        "query": urlencode(filters),
        "after": after,
        "may_adopt": allows(rules.check_adopt, facts, by=by, now=now),
        "may_answer": allows(rules.check_answer_choice, facts, by=by),
        "answer_form": AdoptionForm(
            kind=by.kind, prefix="answer", initial={"adopt": AdoptionAnswer.SUGGESTED.value}
        ),
    }
    return render(request, "desk/closing.html", context)


def _act(request: SignedInRequest, uid: UUID, *, filters: dict[str, str]) -> HttpResponse:
    """Adopt signals, undo adoptions, or answer. raises: Http404 for an unknown act."""
    act, ids = request.POST.get("act", ""), request.POST.getlist("signal")
    limits = {name: filters[name] for name in ("label", "shared_by") if name in filters}
    ticked = {"signals": [uid for uid in map(uuid_or_none, ids) if uid]}
    acts: dict[str, Any] = {
        "adopt": (writes.adopt, AdoptIn, ticked, _("Adopted.")),
        "adopt-matching": (writes.adopt, AdoptIn, limits, _("Adopted.")),
        "unadopt": (writes.unadopt, UnadoptIn, ticked, _("The adoptions are undone.")),
        "unadopt-matching": (writes.unadopt, UnadoptIn, limits, _("The adoptions are undone.")),
    }
    if act == "answer":
        form = AdoptionForm(request.POST, kind=actor_of(request).kind, prefix="answer")
        _carry_out(request, writes.answer, form.message(), uid=uid, done=_("Answered."))
    elif act in acts:
        write, message, chosen, done = acts[act]
        body = message.model_validate(chosen) if any(chosen.values()) else None
        _carry_out(request, write, body, uid=uid, done=done)
    else:
        raise Http404
    query = urlencode(filters)
    return redirect(reverse("crisis-closing", kwargs={"uid": uid}) + (f"?{query}" if query else ""))


def _carry_out(
    request: SignedInRequest,
    write: Callable[..., AdoptionOut],
    body: AdoptIn | UnadoptIn | AdoptionAnswerIn | None,
    *,
    uid: UUID,
    done: str,
) -> None:
    """Call a write with what the page sent, and show on the next page whether it succeeded."""
    if body is None:
        messages.error(request, _("Select signals, or one of the answers."))
        return
    by, now = actor_of(request), datetime.now(UTC)
    carry_out(request, lambda: write(uid, body=body, by=by, now=now), done=done)
