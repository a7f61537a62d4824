# SPDX-License-Identifier: Apache-2.0
"""Referrals at the desk: the list, the form with its search before sending, the page of each."""

from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _, gettext_noop
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from stemtide.hub.desk import entries, rechecks
from stemtide.hub.desk.people import SignedInRequest, actor_of, carry_out, signed_in, writing
from stemtide.hub.desk.referral_forms import (
    AssessForm,
    ContextForm,
    DropForm,
    SendForm,
    TakeBackForm,
)
from stemtide.hub.desk.referral_steps import steps_of
from stemtide.hub.desk.referral_words import PHRASES
from stemtide.hub.desk.refusals import without_field
from stemtide.hub.desk.situation import titles_of
from stemtide.hub.desk.situation_forms import OrderForm, uuid_or_none
from stemtide.hub.parties import reads as parties
from stemtide.hub.parties.reads import Actor
from stemtide.hub.parties.rules import (
    ConflictError,
    InvalidError,
    allows,
    check_person_may_lead,
)
from stemtide.hub.referrals import reads, reads_search as searches, rules, writes
from stemtide.protocol.referrals import ReferralOut, ReferralSearchOut, SearchIn, SendIn
from stemtide.protocol.words import PartyKind
from stemtide.protocol.words_referrals import ReferralState

AT_ONCE = 50
"""Referrals on one page of the list."""

_GROUPS = {
    "waiting": tuple(rules.AWAITING),
    "ours": (ReferralState.ASSESSED, ReferralState.HELD),
}
"""States that are asked for together: the provider has not decided; the sender has not."""


@require_safe
@signed_in
def referrals(request: SignedInRequest) -> HttpResponse:
    """The referrals that the reader's party made or got, the latest first."""
    viewer, by = request.user.party, actor_of(request)
    asked = {
        name: request.GET.get(name, "")[:60] for name in ("state", "provider", "reference", "batch")
    }
    states = _GROUPS.get(asked["state"]) or tuple(
        referral_state for referral_state in ReferralState if referral_state.value == asked["state"]
    )
    filters = reads.Filters(
        states=states,
        provider=asked["provider"],
        reference=asked["reference"].strip(),
        batch=uuid_or_none(asked["batch"]),
    )
    page = request.GET.get("page", "1")
    number = int(page) if page.isdecimal() and len(page) < 6 else 1  # noqa: PLR2004  # digits
    rows, more = reads.latest(viewer=viewer, filters=filters, limit=AT_ONCE, page=number)
    facts = {
        "now": datetime.now(UTC),
        "titles": titles_of(request),
        "rows": rows,
        "counts": reads.counts(viewer=viewer),
        "asked": asked,
        "is_narrowed": any(asked.values()),
        "states": PHRASES["referral"].items(),
        "providers": _providers(request),
        "before": number - 1,
        "after": number + 1 if more else 0,
        "may_refer": allows(rules.check_assess, kind=by.kind, role=by.role),
        "refers": by.kind in rules.REFERRING,
        "may_lead": allows(check_person_may_lead, by.role),
    }
    return render(request, "desk/referrals/referrals.html", facts)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@writing
def new(request: SignedInRequest) -> HttpResponse:
    """The form for content that was assessed. Nothing is sent that was not searched for first."""
    by = actor_of(request)
    rules.check_assess(kind=by.kind, role=by.role)
    providers = _providers(request)
    if request.method != "POST":
        first = {name: request.GET.get(name, "") for name in ("url", "provider", "signals")}
        first["crisis"] = str(uuid_or_none(request.GET.get("crisis")) or "")
        return _show_form(request, AssessForm(providers=providers, initial=first), by=by)
    form = AssessForm(request.POST, providers=providers)
    body = form.order() if form.is_valid() else None
    wanted = form.search() if body is not None else None
    found = _searched(form, wanted, by=by) if wanted is not None else None
    if body is None or found is None:
        return _show_form(request, form, by=by, status=422)
    key = f"{body.provider} {found.canonical}"
    what = request.POST.get("do", "search")
    if what == "search" or form.cleaned_data["searched"] != key:
        return _show_form(request, form, by=by, found=found, key=key)
    try:
        if what == "send":
            how = SendIn(despite=form.cleaned_data["despite"])
            made = writes.refer(body, how=how, by=by, now=datetime.now(UTC))
        else:
            made = writes.assess(body, by=by, now=datetime.now(UTC))
    except (ConflictError, InvalidError) as error:
        _mark(form, error)
        return _show_form(request, form, by=by, found=found, key=key, status=422)
    messages.success(request, _done(made))
    return redirect("referral", uid=made.id)


@require_safe
@signed_in
def referral(request: SignedInRequest, uid: UUID) -> HttpResponse:
    """One referral: what it says, the time of each step, and what may be done now."""
    by, now = actor_of(request), datetime.now(UTC)
    found = reads.referral(uid, viewer=by.party)
    if found.provider == by.name:
        return redirect("inbox-referral", uid=uid)
    return render(request, "desk/referrals/referral.html", _facts(request, found, by=by, now=now))


@require_safe
@signed_in
def blocks(request: SignedInRequest, uid: UUID) -> HttpResponse:
    """The parts of a referral's page that change, for HTMX to swap in."""
    by, now = actor_of(request), datetime.now(UTC)
    found = reads.referral(uid, viewer=by.party)
    facts = {**_facts(request, found, by=by, now=now), "is_fragment": True}
    return render(request, "desk/referrals/_blocks.html", facts)


@require_POST
@signed_in
@writing
def act(request: SignedInRequest, uid: UUID, verb: str) -> HttpResponse:
    """Send, drop, withdraw or explain a referral."""
    if verb not in _ACTS:
        raise Http404
    kind, do, done = _ACTS[verb]
    by = actor_of(request)
    reads.find(uid, viewer=by.party)
    form = kind(request.POST, prefix=verb)
    body = form.order() if form.is_valid() else None  # type: ignore[attr-defined]  # each has it
    if body is None:
        first = next(iter(form.errors.items()))
        messages.error(request, f"{form[first[0]].label}: {first[1][0]}")
        return redirect("referral", uid=uid)
    carry_out(
        request,
        lambda: do(uid, body=body, by=by, now=datetime.now(UTC)),
        done=_(done),
    )
    return redirect("referral", uid=uid)


_ACTS: dict[str, tuple[type[OrderForm], Callable[..., ReferralOut], str]] = {
    "send": (SendForm, writes.send, gettext_noop("Done. See below where it stands.")),
    "drop": (DropForm, writes.drop, gettext_noop("Not referred.")),
    "withdraw": (TakeBackForm, writes.take_back, gettext_noop("Withdrawn. The provider is told.")),
    "explain": (ContextForm, writes.explain, gettext_noop("Sent again, with the context.")),
}
"""Each verb: its form, the write, and what is said when it is done."""


def _facts(
    request: SignedInRequest, found: ReferralOut, *, by: Actor, now: datetime
) -> dict[str, object]:
    """What the page of a referral shows."""
    known = rules.ReferralFacts(
        state=found.state,
        sender=found.sender,
        provider=found.provider,
        is_sent=found.sent_at is not None,
    )
    may = {
        "send": allows(rules.check_hand, known, "send", by=by)
        and found.state in {ReferralState.ASSESSED, ReferralState.HELD},
        **{
            verb: allows(rules.check_move, known, verb, by=by)
            for verb in ("drop", "withdraw", "explain")
        },
    }
    wanted = SearchIn(
        url=found.url,
        provider=found.provider,
        signals=tuple(found.signals),
        exercise=found.exercise,
    )
    return {
        "now": now,
        "titles": titles_of(request),
        "referral": found,
        "steps": steps_of(found),
        "search": _others(searches.search(wanted, viewer=by.party, now=now), found)
        if may["send"]
        else None,
        "may": may,
        "forms": {verb: kind(prefix=verb) for verb, (kind, _do, _said) in _ACTS.items()},
        "rechecks": rechecks.of_request(request, referral=found.id),
        "entries": entries.in_words(reads.history(found.id, viewer=by.party), viewer=by.party),
    }


def _others(search: ReferralSearchOut, found: ReferralOut) -> ReferralSearchOut:
    """What a search found besides the referral itself."""
    findings = [finding for finding in search.findings if finding.referral != found.id]
    return search.model_copy(update={"findings": findings})


def _searched(form: AssessForm, wanted: SearchIn, *, by: Actor) -> ReferralSearchOut | None:
    """What the search before sending finds; None where it is refused: then the form says why."""
    try:
        return searches.search(wanted, viewer=by.party, now=datetime.now(UTC))
    except InvalidError as error:
        _mark(form, error)
        return None


def _show_form(
    request: SignedInRequest,
    form: AssessForm,
    *,
    by: Actor,
    found: ReferralSearchOut | None = None,
    key: str = "",
    status: int = 200,
) -> HttpResponse:
    """The form, with what was found under it. key: what was searched for, to be sent along."""
    form.mark_errors()
    facts = {
        "now": datetime.now(UTC),
        "titles": titles_of(request),
        "form": form,
        "search": found,
        "searched": key,
        "may_lead": allows(check_person_may_lead, by.role),
    }
    return render(request, "desk/referrals/new.html", facts, status=status)


def _mark(form: OrderForm, error: ConflictError | InvalidError) -> None:
    """Show a refusal beside its field, or above the form."""
    field = error.field if isinstance(error, InvalidError) and error.field in form.fields else None
    form.add_error(field, without_field(error))


def _done(made: ReferralOut) -> str:
    """What became of a new referral."""
    if made.state is ReferralState.SENT:
        return _("Sent. The provider decides under its own terms.")
    if made.state is ReferralState.HELD:
        return _("It waits: somebody asked that this content be left alone for now.")
    return _("Recorded. Nothing was sent.")


def _providers(request: SignedInRequest) -> list[tuple[str, str]]:
    """Providers by name and title."""
    found = parties.parties(viewer=request.user.party)
    return [(one.name, one.title) for one in found if one.kind == PartyKind.PROVIDER]
