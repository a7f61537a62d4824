# SPDX-License-Identifier: Apache-2.0
"""Several referrals at once at their provider: a batch, and one answer to many referrals."""

from collections.abc import Callable, Collection
from datetime import UTC, datetime
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _, ngettext
from django.views.decorators.http import require_POST, require_safe

from stemtide.hub.desk.auth.people import SignedInRequest, actor_of, signed_in, writers_only
from stemtide.hub.desk.forms import page_number
from stemtide.hub.desk.inbox.forms import AnswerForm
from stemtide.hub.desk.inbox.views import requested_states, uuids
from stemtide.hub.desk.labels.inbox import LABELS
from stemtide.hub.platform.errors import InvalidError
from stemtide.hub.platform.permissions import WRITING_ROLES, allows, check_person_may_write
from stemtide.hub.rooms.parties.reads.parties import Actor, party_titles
from stemtide.hub.rooms.referrals.reads import inbox as reads, referrals
from stemtide.hub.rooms.referrals.rules import referrals as rules
from stemtide.hub.rooms.referrals.writes import answers
from stemtide.protocol.enums.referrals import Answer, ReceiptVia, ReferralState
from stemtide.protocol.messages.referrals import AcknowledgeIn

AT_ONCE = 50
"""Referrals of a batch on one page."""

PART = 200
"""Referrals answered in one transaction: bounds how long other writes wait."""

ANSWERS = tuple(answer for answer in Answer if answer is not Answer.NEEDS_CONTEXT)
"""Answers that may be given to several referrals at once; a question is about one referral."""


@require_safe
@signed_in
def batch_page(request: SignedInRequest, uid: UUID) -> HttpResponse:
    """Show a batch to its provider. Opened by somebody who acts for it, it counts as received."""
    by = actor_of(request)
    context = _parcel_context(request, uid)
    if request.method == "GET" and by.role in WRITING_ROLES:
        unreceived = referrals.unreceived(viewer=by.party, batch=uid)
        for part in _parts(unreceived):
            answers.record_receipts(
                part, provider=by.party, via=ReceiptVia.DESK, at=datetime.now(UTC), by=by
            )
    return render(request, "desk/inbox/parcel.html", context)


@require_safe
@signed_in
def batch_blocks(request: SignedInRequest, uid: UUID) -> HttpResponse:
    """Render the parts of a batch's page that change, for HTMX to swap in."""
    context = {**_parcel_context(request, uid), "is_fragment": True}
    return render(request, "desk/inbox/_parcel_blocks.html", context)


@require_POST
@signed_in
@writers_only
def batch_act(request: SignedInRequest, uid: UUID, verb: str) -> HttpResponse:
    """Acknowledge or answer all referrals of a batch that wait."""
    if verb not in {"acknowledge", "answer"}:
        raise Http404
    by = actor_of(request)
    rules.check_inbox(by.kind)
    reads.parcel(uid, viewer=by.party)
    waiting = reads.undecided(viewer=by.party, batch=uid)
    form = _answer(request, waiting, verb=verb, by=by)
    if form is None:
        return redirect("inbox-batch", uid=uid)
    context = {**_parcel_context(request, uid), "form": form}
    return render(request, "desk/inbox/parcel.html", context, status=422)


@require_POST
@signed_in
@writers_only
def answer_several(request: SignedInRequest) -> HttpResponse:
    """Acknowledge the ticked referrals, or answer them: first the form, then the answer.

    do: acknowledge; choose, which shows the form; answer. batch: the batch whose page it came from.
    """
    by = actor_of(request)
    rules.check_inbox(by.kind)
    undecided = reads.undecided(viewer=by.party, uids=uuids(request, "uid"))
    batch = uuids(request, "batch")
    back = redirect("inbox-batch", uid=batch[0]) if batch else redirect("inbox")
    action = request.POST.get("do", "choose")
    if not undecided:
        messages.error(request, _("Select at least one referral that still waits for an answer."))
        return back
    form: AnswerForm | None = AnswerForm(prefix="answer", answers=ANSWERS)
    if action in {"acknowledge", "answer"}:
        form = _answer(request, undecided, verb=action, by=by)
        if form is None:
            return back
    context = {
        "now": datetime.now(UTC),
        "titles": party_titles(),
        "rows": [referrals.referral(uid, viewer=by.party) for uid in undecided[:AT_ONCE]],
        "uids": undecided,
        "batch": batch[0] if batch else "",
        "form": form,
    }
    status = 422 if action == "answer" else 200
    return render(request, "desk/inbox/several.html", context, status=status)


def _answer(
    request: SignedInRequest, uids: Collection[UUID], *, verb: str, by: Actor
) -> AnswerForm | None:
    """Acknowledge or answer referrals. Return the form if it is invalid, None if it is done."""
    if verb == "acknowledge":
        done = _in_parts(
            uids,
            lambda part: answers.acknowledge_many(
                part, body=AcknowledgeIn(), by=by, now=datetime.now(UTC)
            ),
        )
        messages.success(request, _acknowledged_text(done))
        return None
    form = AnswerForm(request.POST, prefix=verb, answers=ANSWERS)
    body = form.message()
    if body is not None:
        try:
            done = _in_parts(
                uids,
                lambda part: answers.answer_many(part, body=body, by=by, now=datetime.now(UTC)),
            )
        except InvalidError as error:
            form.add_refusal(error)
        else:
            messages.success(request, _answered_text(done))
            return None
    return form


def _in_parts(uids: Collection[UUID], write: Callable[[Collection[UUID]], int]) -> int:
    """Call a write for the ids part by part. Return how many referrals it changed."""
    return sum(write(part) for part in _parts(uids))


def _parts(uids: Collection[UUID]) -> list[list[UUID]]:
    """Split ids into parts that are written in one transaction each."""
    all_uids = list(uids)
    return [all_uids[first : first + PART] for first in range(0, len(all_uids), PART)]


def _acknowledged_text(done: int) -> str:
    """Return the message for so many acknowledged referrals."""
    text = ngettext("%(count)d referral acknowledged.", "%(count)d referrals acknowledged.", done)
    return text % {"count": done}


def _answered_text(done: int) -> str:
    """Return the message for so many answered referrals."""
    text = ngettext("%(count)d referral answered.", "%(count)d referrals answered.", done)
    return text % {"count": done}


def _parcel_context(request: SignedInRequest, uid: UUID) -> dict[str, object]:
    """Return the template context of a batch."""
    viewer, by = request.user.party, actor_of(request)
    rules.check_inbox(by.kind)
    parcel_out = reads.parcel(uid, viewer=viewer)
    state = request.GET.get("state", "all")[:60]
    number = page_number(request.GET.get("page"))
    rows, more = reads.of_parcel(
        uid, viewer=viewer, states=requested_states(state), limit=AT_ONCE, page=number
    )
    return {
        "now": datetime.now(UTC),
        "titles": party_titles(),
        "parcel": parcel_out,
        "counts": [
            (referral_state, parcel_out.counts[referral_state])
            for referral_state in ReferralState
            if referral_state in parcel_out.counts
        ],
        "rows": rows,
        "asked": state,
        "query": request.GET.urlencode(),
        "states": [(count.value, LABELS["referral_in"][count]) for count in parcel_out.counts],
        "before": number - 1,
        "after": number + 1 if more else 0,
        "may_answer": allows(check_person_may_write, by.role),
        "form": AnswerForm(prefix="answer", answers=ANSWERS),
    }
