# SPDX-License-Identifier: Apache-2.0
"""Referrals at the desk: the list, the form with its search before sending, each page."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _, gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from stemtide.hub.desk import ledger_sentences, rechecks
from stemtide.hub.desk.actions import (
    Action,
    ActorFacts,
    action_table,
    available,
    by_name,
    itself_blocked,
    itself_if,
    only_later,
    perform,
    sent_offer,
)
from stemtide.hub.desk.auth.people import SignedInRequest, actor_of, signed_in, writers_only
from stemtide.hub.desk.forms import crisis_choices, initial_crisis, page_number, uuid_or_none
from stemtide.hub.desk.labels.referrals import LABELS
from stemtide.hub.desk.officer import personal
from stemtide.hub.desk.referrals.forms import (
    AssessForm,
    ContextForm,
    DropForm,
    SendForm,
    TakeBackForm,
)
from stemtide.hub.desk.referrals.steps import steps_of
from stemtide.hub.platform.errors import ConflictError, InvalidError
from stemtide.hub.platform.permissions import allows, check_person_may_lead
from stemtide.hub.rooms.parties.reads import parties
from stemtide.hub.rooms.parties.reads.parties import Actor, party_titles
from stemtide.hub.rooms.referrals.reads import referrals as reads, search
from stemtide.hub.rooms.referrals.rules import referrals as rules
from stemtide.hub.rooms.referrals.writes import referrals as writes
from stemtide.protocol.enums import PartyKind
from stemtide.protocol.enums.referrals import FindingKind, ReferralState
from stemtide.protocol.messages.referrals import (
    Finding,
    ReferralOut,
    ReferralSearchOut,
    SearchIn,
    SendIn,
)

AT_ONCE = 50
"""Referrals on one page of the list."""

_GROUPS = {
    "waiting": tuple(rules.AWAITING),
    "ours": (ReferralState.ASSESSED, ReferralState.HELD),
}
"""Groups of states that can be selected: the provider has to decide; the sender has to."""


@require_safe
@signed_in
def referrals(request: SignedInRequest) -> HttpResponse:
    """List the referrals that the reader's party sent or received, latest first."""
    viewer, by = request.user.party, actor_of(request)
    query = {
        name: request.GET.get(name, "")[:60] for name in ("state", "provider", "reference", "batch")
    }
    states = _GROUPS.get(query["state"]) or tuple(
        referral_state for referral_state in ReferralState if referral_state.value == query["state"]
    )
    filters = reads.Filters(
        states=states,
        provider=query["provider"],
        reference=query["reference"].strip(),
        batch=uuid_or_none(query["batch"]),
    )
    number = page_number(request.GET.get("page"))
    rows, more = reads.latest(viewer=viewer, filters=filters, limit=AT_ONCE, page=number)
    context = {
        "now": datetime.now(UTC),
        "titles": party_titles(),
        "rows": rows,
        "counts": reads.counts(viewer=viewer),
        "asked": query,
        "is_narrowed": any(query.values()),
        "states": LABELS["referral"].items(),
        "providers": _providers(),
        "before": number - 1,
        "after": number + 1 if more else 0,
        "may_refer": allows(rules.check_assess, kind=by.kind, role=by.role),
        "refers": by.kind in rules.REFERRING,
        "may_lead": allows(check_person_may_lead, by.role),
    }
    return render(request, "desk/referrals/referrals.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@writers_only
def new(request: SignedInRequest) -> HttpResponse:
    """Assess content and refer it, after a search that finds nothing or whose findings were shown.

    The search is for referrals and holds of the same content.
    """
    by = actor_of(request)
    rules.check_assess(kind=by.kind, role=by.role)
    build = partial(AssessForm, providers=_providers(), crises=crisis_choices(viewer=by.party))
    if request.method != "POST":
        return _show_form(request, build(initial=_initial(request, by=by)), by=by)
    form = build(request.POST)
    body = form.message()
    search_in = form.search() if body is not None else None
    search_out = _search(form, search_in, by=by) if search_in is not None else None
    if body is None or search_out is None:
        return _show_form(request, form, by=by, status=422)
    key = f"{body.provider} {search_out.canonical}"
    action = request.POST.get("do", "search")
    is_shown = form.cleaned_data["searched"] == key
    is_clear = action == "send" and not _to_be_shown(search_out, by=by)
    if action == "search" or not (is_shown or is_clear):
        return _show_form(request, form, by=by, search_out=search_out, key=key)
    try:
        if action == "send":
            options = SendIn(despite=form.cleaned_data["despite"])
            referral_out = writes.refer(body, assessment=options, by=by, now=datetime.now(UTC))
        else:
            referral_out = writes.assess(body, by=by, now=datetime.now(UTC))
    except (ConflictError, InvalidError) as error:
        form.add_refusal(error)
        return _show_form(request, form, by=by, search_out=search_out, key=key, status=422)
    messages.success(request, _done_text(referral_out))
    return redirect("referral", uid=referral_out.id)


@require_safe
@signed_in
def referral(request: SignedInRequest, uid: UUID) -> HttpResponse:
    """Show one referral: its text, the time of each step, and the available actions."""
    by, now = actor_of(request), datetime.now(UTC)
    referral_out = reads.referral(uid, viewer=by.party)
    if referral_out.provider == by.name:
        return redirect("inbox-referral", uid=uid)
    return render(
        request, "desk/referrals/referral.html", _context(request, referral_out, by=by, now=now)
    )


@require_safe
@signed_in
def blocks(request: SignedInRequest, uid: UUID) -> HttpResponse:
    """Render the parts of a referral's page that change, for HTMX to swap in."""
    by, now = actor_of(request), datetime.now(UTC)
    referral_out = reads.referral(uid, viewer=by.party)
    context = {**_context(request, referral_out, by=by, now=now), "is_fragment": True}
    return render(request, "desk/referrals/_blocks.html", context)


@require_POST
@signed_in
@writers_only
def act(request: SignedInRequest, uid: UUID, verb: str) -> HttpResponse:
    """Send, drop, withdraw or explain a referral."""
    reads.find(uid, viewer=request.user.party)
    offer = sent_offer(request, _ACTIONS, verb)
    if not perform(request, offer, uid):
        return personal.show_again(request, offer.form)
    return redirect("referral", uid=uid)


def _may_send(page: ActorFacts) -> bool:
    """Whether the actor may send a referral that was not sent yet."""
    is_unsent = page.facts.state in {ReferralState.ASSESSED, ReferralState.HELD}
    return is_unsent and allows(rules.check_hand, page.facts, "send", by=page.by)


def _may_move(move: str) -> Callable[[ActorFacts], list[str]]:
    """Return a function that gives the referral as target if the actor may make a move."""
    return itself_if(lambda page: allows(rules.check_move, page.facts, move, by=page.by))


def _move_later(move: str) -> Callable[[ActorFacts], dict[str, str]]:
    """Return a function that says in which later state the actor may make a move."""

    def why(page: ActorFacts) -> str:
        may = allows(rules.check_hand, page.facts, move, by=page.by)
        return only_later("referral", page.facts.state, move) if may else ""

    return itself_blocked(why)


_ACTIONS = action_table(
    Action(
        "send",
        SendForm,
        writes.send,
        gettext_lazy("Done. See below where it stands."),
        itself_if(_may_send),
    ),
    Action("drop", DropForm, writes.drop, gettext_lazy("Not referred."), _may_move("drop")),
    Action(
        "withdraw",
        TakeBackForm,
        writes.take_back,
        gettext_lazy("Withdrawn. The provider is notified."),
        _may_move("withdraw"),
        title=gettext_lazy("Withdraw the referral"),
        blocked=_move_later("withdraw"),
    ),
    Action(
        "explain",
        ContextForm,
        writes.explain,
        gettext_lazy("Sent again, with the context."),
        _may_move("explain"),
        title=gettext_lazy("Give the context"),
        blocked=_move_later("explain"),
    ),
)


def _other_findings(
    referral_out: ReferralOut, *, by: Actor, now: datetime
) -> ReferralSearchOut | None:
    """Return what else concerns the content of a referral; None if its address is erased."""
    if not referral_out.url:
        return None
    search_in = SearchIn(
        url=referral_out.url,
        provider=referral_out.provider,
        signals=tuple(referral_out.signals),
        exercise=referral_out.exercise,
    )
    return _without_itself(search.search(search_in, viewer=by.party, now=now), referral_out)


def _context(
    request: SignedInRequest, referral_out: ReferralOut, *, by: Actor, now: datetime
) -> dict[str, object]:
    """Return the template context of a referral's page."""
    facts = rules.ReferralFacts(
        state=referral_out.state,
        sender=referral_out.sender,
        provider=referral_out.provider,
        is_sent=referral_out.sent_at is not None,
    )
    all_offers = available(_ACTIONS.values(), ActorFacts(facts, by))
    offers = by_name(all_offers)
    return {
        "now": now,
        "titles": party_titles(),
        "referral": referral_out,
        "steps": steps_of(referral_out),
        "search": _other_findings(referral_out, by=by, now=now) if "send" in offers else None,
        "offers": offers,
        "all_offers": all_offers,
        "rechecks": rechecks.of_request(request, referral=referral_out.id),
        "may_refer": allows(rules.check_assess, kind=by.kind, role=by.role),
        "entries": ledger_sentences.of_request(reads.history(referral_out.id, viewer=by.party)),
    }


def _without_itself(search_out: ReferralSearchOut, referral_out: ReferralOut) -> ReferralSearchOut:
    """Return the findings of a search without the referral itself."""
    findings = [finding for finding in search_out.findings if finding.referral != referral_out.id]
    return search_out.model_copy(update={"findings": findings})


def _search(form: AssessForm, search_in: SearchIn, *, by: Actor) -> ReferralSearchOut | None:
    """Search before sending. Return None if the search is refused; the form then shows why."""
    try:
        return search.search(search_in, viewer=by.party, now=datetime.now(UTC))
    except InvalidError as error:
        form.add_refusal(error)
        return None


def _to_be_shown(search_out: ReferralSearchOut, *, by: Actor) -> list[Finding]:
    """Return what a sender has to see before sending: all but its own referrals elsewhere."""
    return [
        finding
        for finding in search_out.findings
        if finding.kind is not FindingKind.SIMILAR or finding.party != by.name
    ]


def _initial(request: SignedInRequest, *, by: Actor) -> dict[str, object]:
    """Return the fields that the address of the form fills in. like: a referral to copy."""
    if like := uuid_or_none(request.GET.get("like")):
        return _initial_like(reads.referral(like, viewer=by.party), by=by)
    names = ("url", "provider", "signals", "language")
    initial: dict[str, object] = {name: request.GET.get(name, "") for name in names}
    initial["labels"] = request.GET.getlist("labels")
    initial["exercise"] = request.GET.get("exercise") == "1"
    crisis = uuid_or_none(request.GET.get("crisis"))
    return initial | initial_crisis(crisis, viewer=by.party)


def _initial_like(referral_out: ReferralOut, *, by: Actor) -> dict[str, object]:
    """Return the fields of another referral of the same content, but where it is."""
    names = ("content_type", "labels", "reason", "language", "ideology", "exercise")
    initial: dict[str, object] = {name: getattr(referral_out, name) for name in names}
    initial["signals"] = " ".join(map(str, referral_out.signals))
    return initial | initial_crisis(referral_out.crisis, viewer=by.party)


def _show_form(
    request: SignedInRequest,
    form: AssessForm,
    *,
    by: Actor,
    search_out: ReferralSearchOut | None = None,
    key: str = "",
    status: int = 200,
) -> HttpResponse:
    """Render the form with the search's findings. key: the search, sent along with the form."""
    context = {
        "now": datetime.now(UTC),
        "titles": party_titles(),
        "form": form,
        "search": search_out,
        "searched": key,
        "may_lead": allows(check_person_may_lead, by.role),
    }
    return render(request, "desk/referrals/new.html", context, status=status)


def _done_text(referral_out: ReferralOut) -> str:
    """Return the confirmation for a new referral, by its state."""
    if referral_out.state is ReferralState.SENT:
        return _("Sent. The provider decides under its own terms.")
    if referral_out.state is ReferralState.HELD:
        return _("The referral waits: another party placed a hold on this content.")
    return _("Recorded. Nothing was sent.")


def _providers() -> list[tuple[str, str]]:
    """Return providers as (name, title)."""
    party_rows = parties.parties()
    return [(party.name, party.title) for party in party_rows if party.kind == PartyKind.PROVIDER]
