# SPDX-License-Identifier: Apache-2.0
"""The page of a signal, and the actions on it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from stemtide.hub.desk import ledger_sentences, long_fingerprints
from stemtide.hub.desk.actions import Offer, perform, sent_offer, why_not_yet
from stemtide.hub.desk.auth.people import SignedInRequest, actor_of, carry_out, signed_in
from stemtide.hub.desk.forms import WithdrawForm
from stemtide.hub.desk.signals import names, opinions, runaways, sightings
from stemtide.hub.desk.signals.content_acts import ActedContent, ContentAct, content_acts
from stemtide.hub.platform.errors import NotFoundError
from stemtide.hub.platform.permissions import (
    WRITING_ROLES,
    allows,
    check_person_may_lead,
    check_person_may_write,
)
from stemtide.hub.rooms.approvals.reads import approvals
from stemtide.hub.rooms.crises.reads import crises
from stemtide.hub.rooms.local_features import reads as local_features
from stemtide.hub.rooms.media import reads as media, rules as media_rules
from stemtide.hub.rooms.parties.reads import parties
from stemtide.hub.rooms.parties.reads.parties import Actor, party_titles
from stemtide.hub.rooms.propagation import reads as propagation
from stemtide.hub.rooms.signals import outlier_rules
from stemtide.hub.rooms.signals.reads import (
    opinions as opinion_reads,
    outliers,
    signals as reads,
)
from stemtide.hub.rooms.signals.rules import signals as rules
from stemtide.hub.rooms.signals.writes import outliers as outliers_writes, signals as writes
from stemtide.protocol.enums import Opinion, PartyKind, Role, SignalState
from stemtide.protocol.messages.crises import CrisisOut
from stemtide.protocol.messages.signals import SignalOut
from stemtide.protocol.sync.agents import OutlierDecisionIn


@require_safe
@signed_in
def signal(request: SignedInRequest, uid: UUID) -> HttpResponse:
    """Show the page. Of a signal that waits, or waited, for a second look, show that."""
    viewer = request.user.party
    waiting = approvals.waiting_signal(uid, viewer=viewer)
    waiting = waiting or approvals.ended_signal(uid, viewer=viewer)
    if waiting is not None:
        return redirect("approval", uid=waiting.approval.uid)
    return _page(request, uid)


@require_POST
@signed_in
def withdraw(request: SignedInRequest, uid: UUID) -> HttpResponse:
    """Withdraw the signal for the person's party."""
    form = WithdrawForm(request.POST, prefix="withdraw")
    body = form.message()
    if body is None:
        return _page(request, uid, withdraw_form=form)
    is_taken = carry_out(
        request,
        lambda: writes.withdraw(
            uid,
            body=body,
            by=request.user.party,
            now=datetime.now(UTC),
            actor_ref=request.user.ref,
            role=Role(request.user.role),
        ),
        done=_withdrawn_text,
        form=form,
    )
    return redirect("signal", uid=uid) if is_taken else _page(request, uid, withdraw_form=form)


def _withdrawn_text(signal_out: SignalOut) -> str:
    """Return the result of a withdrawal."""
    if signal_out.state is SignalState.LIVE:
        return _(
            "The withdrawal waits for a second person, because your party has withdrawn many"
            " signals today. Until then agents hold what it matches."
        )
    return _("Withdrawn. Agents forget it as they hear of it: see the board.")


@require_POST
@signed_in
def act(request: SignedInRequest, uid: UUID, verb: str) -> HttpResponse:
    """Give the opinion of the person's party, or decide on or answer about a dispute."""
    offer = sent_offer(request, opinions.ACTIONS | runaways.ACTIONS, verb)
    if not perform(request, offer, uid):
        return _page(request, uid, refused_offer=offer)
    return redirect("signal", uid=uid)


@require_POST
@signed_in
def judge(request: SignedInRequest, uid: UUID, outlier: UUID) -> HttpResponse:
    """Decide whether uploads that were set aside as outliers count."""
    is_counted = {"count": True, "discard": False}.get(request.POST.get("decision", ""))
    if is_counted is None:
        return _page(request, uid)
    carry_out(
        request,
        lambda: outliers_writes.decide_outlier(
            outlier,
            body=OutlierDecisionIn(is_counted=is_counted),
            by=request.user.party,
            now=datetime.now(UTC),
            actor_ref=request.user.ref,
            role=Role(request.user.role),
        ),
        done=_("These uploads count.") if is_counted else _("These uploads do not count."),
    )
    return redirect("signal", uid=uid)


def _page(
    request: SignedInRequest,
    uid: UUID,
    *,
    withdraw_form: WithdrawForm | None = None,
    refused_offer: Offer | None = None,
) -> HttpResponse:
    """Render the page, with forms for the allowed actions; 422 if a form was refused."""
    viewer = request.user.party
    signal_out = reads.signal(uid, viewer=viewer)
    summary = long_fingerprints.describe(signal_out.kind, signal_out.value)
    if summary:
        signal_out = signal_out.model_copy(update={"value": summary.digest})
    context = {
        "now": datetime.now(UTC),
        "viewer": viewer,
        "local_sent_at": local_features.sent_at(reads.find(uid, viewer=viewer)),
        "content_name": _name(signal_out, viewer=viewer),
        "signal": signal_out,
        "print": summary,
        "titles": party_titles(),
        "waiting_end": next(iter(approvals.waiting_ends(uid, viewer=viewer)), None),
        "crisis": _crisis(signal_out, request=request),
        "sightings": sightings.summary(viewer=viewer, signal=uid),
        "partners": sightings.partners(viewer=viewer, signal=uid),
        "propagation": propagation.signal_propagation(uid, viewer=viewer),
        "outliers": outliers.outliers(viewer=viewer, signal=uid),
        "entries": ledger_sentences.about(f"signal:{uid}", viewer=viewer),
        **_previews(signal_out, request=request),
        "withdraw_form": withdraw_form or WithdrawForm(prefix="withdraw"),
        **_opinions(signal_out, request=request, refused=refused_offer),
        **_allowed(signal_out, request=request),
    }
    context["content_acts"] = [
        *_own_acts(signal_out, context, by=actor_of(request)),
        *content_acts(_content(signal_out, request=request), by=actor_of(request)),
    ]
    status = 422 if withdraw_form or refused_offer else 200
    return render(request, "desk/signal.html", context, status=status)


def _name(signal_out: SignalOut, *, viewer: parties.Viewer) -> str:
    """Return the name of a signal; one that waits, or waited, for a second look has no title."""
    stored = reads.several([signal_out.id], viewer=viewer)
    if stored:
        return names.signal_name(stored[0])
    return names.content_name(
        title="",
        kinds=[signal_out.kind],
        url=signal_out.url or "",
        since=signal_out.shared_at,
        lasts_ms=None,
        shared_by=signal_out.shared_by,
    )


def _own_acts(signal_out: SignalOut, context: Mapping[str, Any], *, by: Actor) -> list[ContentAct]:
    """Return ways to the forms on the page itself: what the party says, and the withdrawal."""
    acts = [
        ContentAct(
            offer.action.name, offer.action.title, f"#verb-{offer.id}-form", reason=offer.reason
        )
        for offer in context["opinion_offers"]
        if offer.action.name not in {"seen", "name", "remove-local"}
    ]
    acts += [
        ContentAct(offer.action.name, offer.action.title, "", reason=offer.reason)
        for offer in context["runaway_offers"]
        if offer.reason
    ]
    facts = _facts(signal_out)
    ended = why_not_yet(rules.check_withdraw, facts, kind=by.kind, name=by.name)
    if context["may_withdraw"] or (ended and by.role in WRITING_ROLES):
        acts.append(ContentAct("withdraw", _("Withdraw it"), "#withdraw-title", reason=ended))
    return acts


def _facts(signal_out: SignalOut) -> rules.SignalFacts:
    """Return the rules' input about a signal."""
    ended_at = signal_out.withdrawn_at or signal_out.expires_at
    return rules.SignalFacts(
        state=signal_out.state, shared_by=signal_out.shared_by, ended_at=ended_at
    )


def _content(signal_out: SignalOut, *, request: SignedInRequest) -> ActedContent:
    """Return the values for the forms of acts on a signal."""
    crisis = _crisis(signal_out, request=request)
    is_live = signal_out.state is SignalState.LIVE
    is_own = is_live and signal_out.shared_by == request.user.party.name
    return ActedContent(
        signals=(signal_out.id,) if is_live else (),
        own=(signal_out.id,) if is_own else (),
        crisis=crisis.id if crisis else None,
        exercise=signal_out.exercise,
        url=signal_out.url or "",
        labels=tuple(signal_out.labels),
        language=signal_out.language or "",
        sharers=(signal_out.shared_by,),
    )


def _opinions(
    signal_out: SignalOut, *, request: SignedInRequest, refused: Offer | None
) -> dict[str, object]:
    """Return the opinions of parties, what they amount to, and what the viewer's party may do."""
    by = actor_of(request)
    kinds = {party.name: PartyKind(party.kind) for party in parties.parties()}
    row = reads.find(signal_out.id, viewer=by.party)
    questions = opinion_reads.questions_of(row, viewer=by.party)
    local = local_features.facts(row) if local_features.sent_at(row) else None
    page = opinions.PageFacts(signal_out, by, kinds, tuple(questions), local)
    own = page.own_opinion
    return {
        "opinion_rows": opinions.rows(page, refused=refused),
        "question_rows": opinions.question_rows(page, refused=refused),
        "opinion_offers": opinions.own_offers(page, refused=refused),
        "basis_sentence": opinions.basis_sentence(
            signal_out,
            sharer=kinds[signal_out.shared_by],
            others=reads.count_other_sharers(signal_out.id, viewer=by.party),
        ),
        **runaways.context(signal_out.id, page, refused=refused),
        "is_disputed_by_own": own is not None and own.opinion is Opinion.DISPUTE,
    }


def _allowed(signal_out: SignalOut, *, request: SignedInRequest) -> dict[str, bool]:
    """Return which forms to show, by the rules that the writes enforce."""
    facts = _facts(signal_out)
    party, may_write = request.user.party, allows(check_person_may_write, Role(request.user.role))
    kind = PartyKind(party.kind)
    return {
        "may_withdraw": may_write
        and allows(rules.check_withdraw, facts, kind=kind, name=party.name),
        "may_judge": allows(check_person_may_lead, Role(request.user.role))
        and allows(
            outlier_rules.check_judge,
            kind=PartyKind(party.kind),
            name=party.name,
            shared_by=signal_out.shared_by,
        ),
    }


def _previews(signal_out: SignalOut, *, request: SignedInRequest) -> dict[str, object]:
    """Return the signal's previews, and the viewer's actions by the rules of the writes."""
    by = actor_of(request)
    facts = media.facts(reads.find(signal_out.id, viewer=by.party), viewer=by.party)
    may_write = allows(check_person_may_write, Role(request.user.role))
    return {
        "previews": media.previews(signal_out.id, viewer=by.party),
        "may_send_preview": may_write
        and allows(media_rules.check_add, facts, kind=by.kind, name=by.party.name),
        "may_look": allows(media_rules.check_look, facts, kind=by.kind, role=by.role),
        "may_destroy": may_write
        and allows(
            media_rules.check_destroy, facts, destroyed_at=None, kind=by.kind, name=by.party.name
        ),
    }


def _crisis(signal_out: SignalOut, *, request: SignedInRequest) -> CrisisOut | None:
    """Return the signal's crisis, if the viewer may see it."""
    if signal_out.crisis is None:
        return None
    try:
        return crises.crisis(signal_out.crisis, viewer=request.user.party)
    except NotFoundError:
        # A party may see a signal before it may see the crisis.
        return None
