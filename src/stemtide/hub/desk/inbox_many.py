# SPDX-License-Identifier: Apache-2.0
"""Several referrals at once at their provider: a batch as it came, and one answer to many."""

from collections.abc import Callable, Collection
from datetime import UTC, datetime
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _, ngettext
from django.views.decorators.http import require_POST, require_safe

from stemtide.hub.desk.inbox import page_asked, states_asked, uuids
from stemtide.hub.desk.inbox_forms import AnswerForm
from stemtide.hub.desk.inbox_words import PHRASES
from stemtide.hub.desk.people import SignedInRequest, actor_of, signed_in, writing
from stemtide.hub.desk.refusals import without_field
from stemtide.hub.desk.situation import titles_of
from stemtide.hub.parties.reads import Actor
from stemtide.hub.parties.rules import InvalidError, allows, check_person_may_write
from stemtide.hub.referrals import reads as referrals, reads_inbox as reads, rules, writes_answers
from stemtide.protocol.referrals import AcknowledgeIn
from stemtide.protocol.words_referrals import Answer, ReceiptVia, ReferralState

AT_ONCE = 50
"""Referrals of a batch on one page."""

PART = 200
"""Referrals that are answered in one transaction: others wait no longer than that takes."""

ANSWERS = tuple(answer for answer in Answer if answer is not Answer.NEEDS_CONTEXT)
"""What may be said of several at once: a question is about one."""


@require_safe
@signed_in
def parcel(request: SignedInRequest, uid: UUID) -> HttpResponse:
    """A batch as it came to the reader's provider. Opened by who acts for it, it is received."""
    by = actor_of(request)
    facts = _parcel_facts(request, uid)
    if request.method == "GET" and by.role in rules.WRITING_ROLES:
        fresh = referrals.unreceived(viewer=by.party, batch=uid)
        for part in _parts(fresh):
            writes_answers.record_receipts(
                part, provider=by.party, via=ReceiptVia.DESK, at=datetime.now(UTC), by=by
            )
    return render(request, "desk/inbox/parcel.html", facts)


@require_safe
@signed_in
def parcel_blocks(request: SignedInRequest, uid: UUID) -> HttpResponse:
    """The parts of a batch's page that change, for HTMX to swap in."""
    facts = {**_parcel_facts(request, uid), "is_fragment": True}
    return render(request, "desk/inbox/_parcel_blocks.html", facts)


@require_POST
@signed_in
@writing
def parcel_act(request: SignedInRequest, uid: UUID, verb: str) -> HttpResponse:
    """Acknowledge or answer all of a batch that wait."""
    if verb not in {"acknowledge", "answer"}:
        raise Http404
    by = actor_of(request)
    rules.check_inbox(by.kind)
    reads.parcel(uid, viewer=by.party)
    waiting = reads.undecided(viewer=by.party, batch=uid)
    form = _say(request, waiting, verb=verb, by=by)
    if form is None:
        return redirect("inbox-batch", uid=uid)
    facts = {**_parcel_facts(request, uid), "form": form}
    return render(request, "desk/inbox/parcel.html", facts, status=422)


@require_POST
@signed_in
@writing
def several(request: SignedInRequest) -> HttpResponse:
    """Acknowledge the referrals that were ticked, or answer them: first the form, then the act.

    do: acknowledge; choose, which shows the form; answer. batch: the batch whose page it came from.
    """
    by = actor_of(request)
    rules.check_inbox(by.kind)
    found = reads.undecided(viewer=by.party, uids=uuids(request, "uid"))
    batch = uuids(request, "batch")
    back = redirect("inbox-batch", uid=batch[0]) if batch else redirect("inbox")
    what = request.POST.get("do", "choose")
    if not found:
        messages.error(request, _("Nothing was ticked that still waits for an answer."))
        return back
    form: AnswerForm | None = AnswerForm(prefix="answer", answers=ANSWERS)
    if what in {"acknowledge", "answer"}:
        form = _say(request, found, verb=what, by=by)
        if form is None:
            return back
    facts = {
        "now": datetime.now(UTC),
        "titles": titles_of(request),
        "rows": [referrals.referral(uid, viewer=by.party) for uid in found[:AT_ONCE]],
        "uids": found,
        "batch": batch[0] if batch else "",
        "form": form,
    }
    status = 422 if what == "answer" else 200
    return render(request, "desk/inbox/several.html", facts, status=status)


def _say(
    request: SignedInRequest, uids: Collection[UUID], *, verb: str, by: Actor
) -> AnswerForm | None:
    """Say something of several referrals; the form where it does not fit, None once it is said."""
    if verb == "acknowledge":
        done = _many(
            uids,
            lambda some: writes_answers.acknowledge_many(
                some, body=AcknowledgeIn(), by=by, now=datetime.now(UTC)
            ),
        )
        messages.success(request, _said_acknowledged(done))
        return None
    answering = AnswerForm(request.POST, prefix=verb, answers=ANSWERS)
    said = answering.order() if answering.is_valid() else None
    if said is not None:
        try:
            done = _many(
                uids,
                lambda some: writes_answers.answer_many(
                    some, body=said, by=by, now=datetime.now(UTC)
                ),
            )
        except InvalidError as error:
            field = error.field if error.field in answering.fields else None
            answering.add_error(field, without_field(error))
        else:
            messages.success(request, _said_answered(done))
            return None
    answering.mark_errors()
    return answering


def _many(uids: Collection[UUID], say: Callable[[Collection[UUID]], int]) -> int:
    """Say something of referrals, part by part; of how many it was said."""
    return sum(say(part) for part in _parts(uids))


def _parts(uids: Collection[UUID]) -> list[list[UUID]]:
    """Some ids, in parts that are written in one transaction each."""
    every = list(uids)
    return [every[first : first + PART] for first in range(0, len(every), PART)]


def _said_acknowledged(done: int) -> str:
    """How many were acknowledged."""
    said = ngettext("%(count)d referral acknowledged.", "%(count)d referrals acknowledged.", done)
    return said % {"count": done}


def _said_answered(done: int) -> str:
    """How many were answered."""
    said = ngettext("%(count)d referral answered.", "%(count)d referrals answered.", done)
    return said % {"count": done}


def _parcel_facts(request: SignedInRequest, uid: UUID) -> dict[str, object]:
    """What the page of a batch shows."""
    viewer, by = request.user.party, actor_of(request)
    rules.check_inbox(by.kind)
    found = reads.parcel(uid, viewer=viewer)
    state = request.GET.get("state", "all")[:60]
    number = page_asked(request)
    rows, more = reads.of_parcel(
        uid, viewer=viewer, states=states_asked(state), limit=AT_ONCE, page=number
    )
    return {
        "now": datetime.now(UTC),
        "titles": titles_of(request),
        "parcel": found,
        "counts": [
            (referral_state, found.counts[referral_state])
            for referral_state in ReferralState
            if referral_state in found.counts
        ],
        "rows": rows,
        "asked": state,
        "query": request.GET.urlencode(),
        "states": [(count.value, PHRASES["referral_in"][count]) for count in found.counts],
        "before": number - 1,
        "after": number + 1 if more else 0,
        "may_answer": allows(check_person_may_write, by.role),
        "form": AnswerForm(prefix="answer", answers=ANSWERS),
    }
