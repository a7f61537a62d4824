# SPDX-License-Identifier: Apache-2.0
"""A referral as its provider reads it: what is asked, what is known of it, and the answer."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from stemtide.hub.crises import reads as crises
from stemtide.hub.desk import entries, rechecks
from stemtide.hub.desk.inbox_forms import AcknowledgeForm, AnswerForm, ReinstateForm
from stemtide.hub.desk.people import SignedInRequest, actor_of, signed_in, writing
from stemtide.hub.desk.referral_steps import steps_of
from stemtide.hub.desk.refusals import without_field
from stemtide.hub.desk.situation import titles_of
from stemtide.hub.desk.situation_forms import OrderForm
from stemtide.hub.parties.reads import Actor
from stemtide.hub.parties.rules import ConflictError, InvalidError, allows
from stemtide.hub.referrals import reads, reads_inbox as known, rules, writes_answers as writes
from stemtide.hub.referrals.reads_inbox import Met, SaidBefore
from stemtide.protocol.crises import CrisisOut
from stemtide.protocol.referrals import ReferralOut
from stemtide.protocol.words import Outcome
from stemtide.protocol.words_referrals import Answer, ReceiptVia


@dataclass(frozen=True, slots=True)
class Known:
    """What the hub knows that helps to answer. crisis: None where there is none to be seen."""

    met: Met
    before: SaidBefore | None
    crisis: CrisisOut | None


@require_safe
@signed_in
def referral(request: SignedInRequest, uid: UUID) -> HttpResponse:
    """One referral. Opened by somebody who acts for the provider, it is received."""
    by, now = actor_of(request), datetime.now(UTC)
    found = reads.referral(uid, viewer=by.party)
    if found.provider != by.name:
        return redirect("referral", uid=uid)
    may_receive = request.method == "GET" and by.role in rules.WRITING_ROLES
    if may_receive and found.received_at is None:
        writes.record_receipt(uid, provider=by.party, via=ReceiptVia.DESK, at=now, by=by)
    return render(request, "desk/inbox/referral.html", _facts(request, uid))


@require_safe
@signed_in
def blocks(request: SignedInRequest, uid: UUID) -> HttpResponse:
    """The parts of a referral's page that change, for HTMX to swap in."""
    facts = {**_facts(request, uid), "is_fragment": True}
    return render(request, "desk/inbox/_referral_blocks.html", facts)


@require_POST
@signed_in
@writing
def act(request: SignedInRequest, uid: UUID, verb: str) -> HttpResponse:
    """Acknowledge or answer a referral, or say that its content is there again."""
    if verb not in _DO:
        raise Http404
    by = actor_of(request)
    row = reads.find(uid, viewer=by.party)
    rules.check_hand(reads.facts(row, viewer=by.party), _HAND[verb], by=by)
    form = _form(request, uid, verb=verb)
    body = form.order() if form.is_valid() else None  # type: ignore[attr-defined]  # each has it
    if body is not None:
        try:
            _DO[verb](uid, body=body, by=by, now=datetime.now(UTC))
        except ConflictError as error:  # the form that was sent stands on the page no more
            messages.error(request, without_field(error))
            return redirect("inbox-referral", uid=uid)
        except InvalidError as error:
            field = error.field if error.field in form.fields else None
            form.add_error(field, without_field(error))
        else:
            messages.success(request, _DONE[verb]())
            return redirect("inbox-referral", uid=uid)
    form.mark_errors()
    facts = _facts(request, uid, bound={verb: form})
    return render(request, "desk/inbox/referral.html", facts, status=422)


_DO: dict[str, Callable[..., ReferralOut]] = {
    "acknowledge": writes.acknowledge,
    "answer": writes.answer,
    "reinstate": writes.reinstate,
}
_HAND = {"acknowledge": "acknowledge", "answer": "remove", "reinstate": "reinstate"}
"""A move of the machine whose hand each verb needs."""

_DONE = {
    "acknowledge": lambda: _("Acknowledged. The sender sees it."),
    "answer": lambda: _("Answered. The sender sees it at once."),
    "reinstate": lambda: _("Noted. The sender is told."),
}


def _form(request: SignedInRequest, uid: UUID, *, verb: str) -> OrderForm:
    """The form of a verb, filled in as it was sent."""
    if verb == "answer":
        by = actor_of(request)
        found = reads.referral(uid, viewer=by.party)
        first = _beforehand(_known(found, by=by), found)
        # All answers: one that is not open any more is refused with how the referral stands now.
        return AnswerForm(request.POST, prefix=verb, answers=tuple(Answer), initial=first)
    kind = AcknowledgeForm if verb == "acknowledge" else ReinstateForm
    return kind(request.POST, prefix=verb)


def _answers_open(request: SignedInRequest, uid: UUID) -> list[Answer]:
    """The answers that the reader may give to a referral now."""
    by = actor_of(request)
    facts = reads.facts(reads.find(uid, viewer=by.party), viewer=by.party)
    return [answer for answer in Answer if allows(rules.check_answer, facts, answer, by=by)]


def _facts(
    request: SignedInRequest, uid: UUID, *, bound: dict[str, OrderForm] | None = None
) -> dict[str, object]:
    """What the page shows. bound: a form that was sent and refused."""
    by, now = actor_of(request), datetime.now(UTC)
    found = reads.referral(uid, viewer=by.party)
    rules.check_inbox(by.kind)
    facts = reads.facts(reads.find(uid, viewer=by.party), viewer=by.party)
    helpful = _known(found, by=by)
    answers = _answers_open(request, uid)
    forms: dict[str, OrderForm] = {
        "acknowledge": AcknowledgeForm(prefix="acknowledge"),
        "answer": AnswerForm(prefix="answer", answers=answers, initial=_beforehand(helpful, found)),
        "reinstate": ReinstateForm(prefix="reinstate"),
    }
    return {
        "now": now,
        "titles": titles_of(request),
        "referral": found,
        "known": helpful,
        "is_blocked": helpful.met.counts.get(Outcome.BLOCKED, 0) > 0,
        "steps": steps_of(found),
        "may": {
            "answer": bool(answers),
            "acknowledge": allows(rules.check_move, facts, "acknowledge", by=by),
            "reinstate": allows(rules.check_move, facts, "reinstate", by=by),
        },
        "forms": forms | (bound or {}),
        "rechecks": rechecks.of_request(request, referral=uid),
        "entries": entries.in_words(reads.history(uid, viewer=by.party), viewer=by.party),
    }


def _known(found: ReferralOut, *, by: Actor) -> Known:
    """What is known that helps to answer."""
    row = reads.find(found.id, viewer=by.party)
    crisis = crises.crisis(found.crisis, viewer=by.party) if found.crisis else None
    return Known(
        met=known.met(row, viewer=by.party),
        before=known.said_before(row, viewer=by.party),
        crisis=crisis,
    )


def _beforehand(helpful: Known, found: ReferralOut) -> dict[str, object]:
    """What the form of the answer holds when it opens: the page says from where each is.

    1. What the provider answered before about the same address. Not under which reference: two
       senders who were told the same one would learn that they ask about the same.
    2. That its agents blocked the content, since when; and the countries of the crisis.
    3. Its own reference of this referral. One that was answered begins empty otherwise.
    """
    if found.answer is not None:
        return {"reference": found.provider_reference}
    first: dict[str, object] = {}
    if helpful.crisis is not None:
        first["countries"] = ", ".join(helpful.crisis.countries)  # 2
    if helpful.met.counts.get(Outcome.BLOCKED):
        first |= {"answer": Answer.REMOVED.value, "measure_at": _to_minute(helpful.met.first_at)}
    if helpful.before is not None:  # 1
        said = helpful.before
        first |= {
            "answer": said.answer.value,
            "measure_at": _to_minute(said.measure_at),
            "reason": said.reason.value if said.reason else "",
        }
        if said.countries:
            first["countries"] = ", ".join(said.countries)
    if found.provider_reference:  # 3
        first["reference"] = found.provider_reference
    return first


def _to_minute(moment: datetime | None) -> datetime | None:
    """A moment as a field for it holds it: a browser sends no seconds back."""
    return moment.replace(second=0, microsecond=0) if moment else None
