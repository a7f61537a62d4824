# SPDX-License-Identifier: Apache-2.0
"""One page to activate a crisis: rating, tests with evidence, a measure, and the proposal.

Every change is saved by itself with JavaScript, and by a button without; a national measure, which
is never changed, by a button alone. What somebody else answered meanwhile is never overwritten:
both answers are shown.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from stemtide.hub.desk.auth.people import SignedInRequest, actor_of, signed_in
from stemtide.hub.desk.crises import offers
from stemtide.hub.desk.crises.forms import CheckForm, MeasureForm, TriageForm
from stemtide.hub.desk.crises.targets import Room
from stemtide.hub.desk.error_messages import error_text
from stemtide.hub.desk.forms import is_insisted, personal_kinds, personal_warning
from stemtide.hub.desk.officer import personal
from stemtide.hub.platform.errors import ConflictError, InvalidError
from stemtide.hub.platform.permissions import allows
from stemtide.hub.rooms.crises.reads import crises, life as life_reads
from stemtide.hub.rooms.crises.rules import crises as rules, moves
from stemtide.hub.rooms.crises.writes import crises as writes, moves as moves_writes
from stemtide.hub.rooms.parties.reads.parties import Actor, party_titles
from stemtide.protocol.enums import CheckAnswer, ProposalAct
from stemtide.protocol.messages.crises import CheckOut, ProposalIn, TriageIn

_AT_THE_TOP = frozenset({"confirm", "refuse", "withdraw"})
_DIGITS = 16
_SHORTEST, _LONGEST = 3, 2000
"""Letters of a reason, as the message takes it."""


@dataclass(frozen=True, slots=True)
class TestRow:
    """A test with its form. basis: what the page showed; newer: another answer saved meanwhile."""

    check: CheckOut
    form: CheckForm
    basis: str
    newer: bool = False

    @property
    def is_personal(self) -> bool:
        """Whether the basis that was typed looks like it has personal data."""
        self.form.is_valid()  # it looks for personal data
        return bool(self.form.personal)


@require_safe
@signed_in
def activation(request: SignedInRequest, uid: UUID) -> HttpResponse:
    """Show the page to those who answer its tests or confirm its proposal, others the room."""
    by, now = actor_of(request), datetime.now(UTC)
    room = _room(uid, by=by, now=now)
    if not _may_answer(room) and not _top_offers(room, uid):
        return redirect("crisis", uid=uid)
    return _page(request, room)


@require_POST
@signed_in
def save(request: SignedInRequest, uid: UUID) -> HttpResponse:
    """Save what was changed; with do=propose also propose the activation."""
    by, now = actor_of(request), datetime.now(UTC)
    room = _room(uid, by=by, now=now)
    rules.check_triage(room.facts, by=by)
    problems: list[str] = []
    try:
        _save_rating(request.POST, room)
        _save_answers(request.POST, room, problems=problems)
        if not request.headers.get("HX-Request"):
            _save_measure(request.POST, room, problems=problems)
        if request.POST.get("do") == "propose" and not problems:
            _propose(request, room)
            messages.success(request, _("Proposed. Another person confirms it."))
            return redirect("crisis", uid=uid)
    except (ConflictError, InvalidError) as error:
        problems.append(error_text(error))
    room = _room(uid, by=by, now=now)
    if request.headers.get("HX-Request"):
        context = _context(request, room, typed=request.POST) | {"problems": problems}
        return render(request, "desk/activation/_state.html", context)
    if problems:
        return _page(request, room, typed=request.POST, problems=problems)
    messages.success(request, _("Saved."))
    return redirect("crisis-activation", uid=uid)


def _propose(request: SignedInRequest, room: Room) -> None:
    """Propose the activation. raises: InvalidError, ConflictError, NotAllowedError."""
    reason = request.POST.get("reason", "").strip()
    if kinds := personal.kinds_to_warn_of(request, "reason", text=reason):
        raise InvalidError("reason", personal_warning(kinds))
    if len(reason) < _SHORTEST:
        raise InvalidError("reason", "say why: write at least {least} letters", least=_SHORTEST)
    body = ProposalIn(act=ProposalAct.ACTIVATE, reason=reason[:_LONGEST])
    moves_writes.propose(room.life.id, body=body, by=room.by, now=room.now)


def _room(uid: UUID, *, by: Actor, now: datetime) -> Room:
    """Return the input of the rules. raises: NotFoundError."""
    facts = crises.facts_of(uid, viewer=by.party)
    return offers.rules_input(life_reads.life(uid, viewer=by.party), facts=facts, by=by, now=now)


def _may_answer(room: Room) -> bool:
    """Whether the reader may rate the warning and answer its tests."""
    return allows(rules.check_triage, room.facts, by=room.by)


def _top_offers(room: Room, uid: UUID) -> list[object]:
    """Return the forms that decide on a proposal that waits."""
    choices = offers.form_choices(room.facts, uid=uid, others=(), by=room.by)
    offered = offers.offers(room, around=choices).get("next", [])
    return [offer for offer in offered if offer.action.name in _AT_THE_TOP and not offer.reason]


def _page(
    request: SignedInRequest,
    room: Room,
    *,
    typed: Mapping[str, str] | None = None,
    problems: list[str] | None = None,
) -> HttpResponse:
    """Render the whole page. typed: what was sent and is not saved."""
    context = _context(request, room, typed=typed) | {"problems": problems or []}
    return render(request, "desk/activation/page.html", context, status=409 if problems else 200)


def _context(
    request: SignedInRequest, room: Room, *, typed: Mapping[str, str] | None
) -> dict[str, object]:
    """Return the template context."""
    life, uid = room.life, room.life.id
    is_fragment = bool(request.headers.get("HX-Request"))
    choices = offers.form_choices(room.facts, uid=uid, others=(), by=room.by)
    rated = life.triages[-1] if life.triages else None
    initial = {"harm": rated.harm, "virality": rated.virality} if rated else {}
    rating = TriageForm(typed, around=choices, prefix="triage", initial=initial)
    top = _top_offers(room, uid)
    if not rated and not top:
        rating.fields["harm"].widget.attrs["autofocus"] = True
    return {
        "now": room.now,
        "life": life,
        "titles": party_titles(),
        "proposals": life.proposals,
        "top": top,
        "may_answer": _may_answer(room),
        "may_propose": allows(moves.check_may_activate, room.facts, by=room.by),
        "missing": _missing(room, typed=typed or {}),
        "measure": _measure_form(room, typed=typed) if _may_record(room) else None,
        "rating": rating,
        "rows": [_row(check, typed=typed, is_fragment=is_fragment) for check in life.checks],
        "reason": (typed or {}).get("reason", ""),
        "is_reason_personal": bool(personal_kinds((typed or {}).get("reason"))),
        "is_reason_insisted": is_insisted(typed or {}, name="reason"),
        "is_fragment": is_fragment,
    }


def _row(check: CheckOut, *, typed: Mapping[str, str] | None, is_fragment: bool) -> TestRow:
    """Return a test with its form, filled in with what was typed or saved.

    Saving by itself never overwrites the answer of somebody else: the basis stays. The button
    does, once the page has shown that answer.
    """
    basis = _fingerprint(check.answer, check.evidence)
    initial = {"answer": check.answer, "evidence": check.evidence}
    form = CheckForm(typed, prefix=check.test, initial=initial)
    sent_basis = (typed or {}).get(f"{check.test}-basis", basis)
    newer = sent_basis != basis and _typed(check, typed or {}) not in {None, basis, sent_basis}
    return TestRow(check, form, sent_basis if newer and is_fragment else basis, newer=newer)


def _missing(room: Room, *, typed: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return what activation still lacks: the anchor of its field, and the words.

    A national measure that is typed is saved with the proposal: it is not missing.
    """
    facts, framework = room.facts, room.facts.framework
    lacking = [
        (f"#test-{check.test}", _(check.question))
        for check in room.life.checks
        if check.answer is not CheckAnswer.YES
    ]
    if len(set(facts.countries)) < framework.needs_countries:
        lacking.append(("", _("Countries concerned: at least %s") % framework.needs_countries))
    if facts.measures + all(_typed_measure(typed)) < framework.needs_measures:
        text = _("National measures that were considered: at least %s")
        anchor = "#measure" if _may_record(room) else ""
        lacking.append((anchor, text % framework.needs_measures))
    return lacking


def _may_record(room: Room) -> bool:
    """Whether activation lacks a national measure that the reader may record."""
    is_lacking = room.facts.measures < room.facts.framework.needs_measures
    return is_lacking and allows(rules.check_measure, room.facts, by=room.by)


def _measure_form(room: Room, *, typed: Mapping[str, str] | None) -> MeasureForm:
    """Return the form of a national measure, for the reader's own country first."""
    choices = offers.form_choices(room.facts, uid=room.life.id, others=(), by=room.by)
    initial = {"country": room.by.party.country}
    return MeasureForm(typed, around=choices, prefix="measure", initial=initial)


def _typed_measure(typed: Mapping[str, str]) -> list[str]:
    """Return a measure and why it does not suffice, as they were sent."""
    return [typed.get(f"measure-{name}", "").strip() for name in ("measure", "insufficient")]


def _save_measure(typed: Mapping[str, str], room: Room, *, problems: list[str]) -> None:
    """Record the national measure that was sent, if activation lacks one."""
    if not any(_typed_measure(typed)) or not _may_record(room):
        return
    form = _measure_form(room, typed=typed)
    body = form.message()
    if body is None:
        warned = [str(error) for name in form.personal for error in form.errors.get(name, [])]
        problems.extend(warned or [_("National measure: say which, and why it does not suffice.")])
        return
    writes.consider(room.life.id, body=body, by=room.by, now=room.now)


def _save_rating(typed: Mapping[str, str], room: Room) -> None:
    """Rate the warning if both levels are chosen and differ from the last rating."""
    harm, virality = typed.get("triage-harm", ""), typed.get("triage-virality", "")
    if not (harm.isdecimal() and virality.isdecimal()) or max(len(harm), len(virality)) > 2:  # noqa: PLR2004  # levels
        return
    last = room.life.triages[-1] if room.life.triages else None
    if last is not None and (last.harm, last.virality) == (int(harm), int(virality)):
        return
    body = TriageIn(harm=int(harm), virality=int(virality))
    writes.triage(room.life.id, body=body, by=room.by, now=room.now)


def _save_answers(typed: Mapping[str, str], room: Room, *, problems: list[str]) -> None:
    """Save the answers that were changed here. problems: gets those that others changed too."""
    for check in room.life.checks:
        sent, saved = _typed(check, typed), _fingerprint(check.answer, check.evidence)
        basis = typed.get(f"{check.test}-basis", "")
        if sent is None or sent in {saved, basis}:
            continue
        if basis != saved:
            problems.append(_("Somebody else answered this meanwhile: %s") % _(check.question))
            continue
        form = CheckForm(typed, prefix=check.test)
        body = form.message()
        if body is None:
            errors = form.errors.get("evidence") or [_("Choose an answer: %s") % _(check.question)]
            problems.extend(map(str, errors))
            continue
        writes.answer(room.life.id, test=check.test, body=body, by=room.by, now=room.now)


def _typed(check: CheckOut, typed: Mapping[str, str]) -> str | None:
    """Return the fingerprint of what was typed for a test; None if nothing was sent."""
    answer = typed.get(f"{check.test}-answer")
    if answer is None:
        return None
    evidence = typed.get(f"{check.test}-evidence", "").replace("\r\n", "\n").strip()
    return _fingerprint(answer, evidence)


def _fingerprint(answer: str, evidence: str) -> str:
    """Return a short digest of an answer with its evidence."""
    return hashlib.sha256(f"{answer}\n{evidence.strip()}".encode()).hexdigest()[:_DIGITS]
