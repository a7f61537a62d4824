# SPDX-License-Identifier: Apache-2.0
"""Pages of work at the hub: the list, a referral and its answer, answers to invitations."""

import asyncio
from uuid import UUID

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response

from stemtide.agent.config.settings import Config
from stemtide.agent.http.review.access import PageError
from stemtide.agent.http.review.pages import render
from stemtide.agent.http.review.views import ReviewViews, ReviewVisit, redirect
from stemtide.agent.review.hub_work import HubWorkError, ask_hub, read_work
from stemtide.client.calls import crises, referrals
from stemtide.protocol.enums.referrals import Answer, ReferralState, RefusalReason
from stemtide.protocol.messages.crises import OptionalReasonIn
from stemtide.protocol.messages.referrals import AnswerIn, ReferralOut
from stemtide.protocol.validation import field_problems, summary

FOLDER = "hub"
_ANSWERS = {
    Answer.REMOVED: "We removed it",
    Answer.DISABLED: "We disabled access to it",
    Answer.GEO_BLOCKED: "We blocked it in some countries",
    Answer.REFUSED: "We leave it where it is",
    Answer.NOT_FOUND: "It is not there",
    Answer.NEEDS_CONTEXT: "We need to know more",
}
_REASONS = {
    RefusalReason.WITHIN_TERMS: "within our terms",
    RefusalReason.NEWS_OR_EDUCATION: "news, education, art or research",
    RefusalReason.COUNTER_SPEECH: "speaks against terrorism",
    RefusalReason.NOT_OURS: "not on our service",
    RefusalReason.NO_GROUNDS_GIVEN: "no grounds were given",
    RefusalReason.UNDER_COMPLAINT: "a complaint about it is open",
    RefusalReason.OTHER: "another reason, in the note",
}
_FIELDS = ("answer", "countries", "reason", "question", "note", "reference")
_OPEN = {ReferralState.SENT, ReferralState.ACKNOWLEDGED}


class HubPages:
    """Pages of work at the hub, read and answered with the agent's key."""

    def __init__(self, *, config: Config, views: ReviewViews) -> None:
        self._config = config
        self._views = views

    async def work(self, _request: Request, visit: ReviewVisit) -> Response:
        """GET …/hub: the work that waits for the provider at the hub."""
        work = await read_work(self._config)
        return await asyncio.to_thread(self._page, visit, "hub.html", work=work)

    async def referral(self, request: Request, visit: ReviewVisit) -> Response:
        """GET …/hub/referral?id=: a referral, with a form to answer it."""
        uid = _uid(request.query_params.get("id", ""))
        return await self._referral(visit, uid, dict.fromkeys(_FIELDS, ""))

    async def _referral(
        self, visit: ReviewVisit, uid: UUID, form: dict[str, str], error: str = ""
    ) -> Response:
        try:
            referral: ReferralOut = await ask_hub(self._config, referrals.read_referral(uid=uid))
        except HubWorkError as failure:
            return await self._done(visit, f"The hub could not be asked: {failure}")
        return await asyncio.to_thread(
            self._page,
            visit,
            "hub_referral.html",
            referral=referral,
            is_open=referral.state in _OPEN,
            answers=_ANSWERS,
            reasons=_REASONS,
            form=form,
            error=error,
        )

    def _page(self, visit: ReviewVisit, template: str, **values: object) -> Response:
        shown = {"hub_url": self._config.hub_url.rstrip("/"), "place": FOLDER}
        status = 400 if values.get("error") else 200
        return render(template, self._views.values(visit) | shown | values, status=status)

    async def answer(self, _request: Request, visit: ReviewVisit) -> Response:
        """POST …/hub/answer: answer a referral."""
        uid = _uid(visit.form.text("id"))
        form = {name: visit.form.text(name).strip() for name in _FIELDS}
        try:
            call = referrals.answer_referral(_answer_of(form), uid=uid)
            answered = await ask_hub(self._config, call)
        except ValidationError as error:
            return await self._referral(visit, uid, form, summary(field_problems(error)))
        except HubWorkError as error:
            return await self._referral(visit, uid, form, f"The hub did not take it: {error}")
        return await self._done(visit, f"Answered: {answered.reference}.")

    async def join(self, _request: Request, visit: ReviewVisit) -> Response:
        """POST …/hub/join: join a crisis, or decline."""
        uid = _uid(visit.form.text("id"))
        verdict = visit.form.text("verdict")
        if verdict not in {"join", "decline"}:
            raise PageError("Choose to join or to decline the crisis.", status=400)
        joins = verdict == "join"
        decline = crises.decline_crisis(OptionalReasonIn(), uid=uid)
        try:
            crisis = await ask_hub(self._config, crises.join_crisis(uid=uid) if joins else decline)
        except HubWorkError as error:
            return await self._done(visit, f"The hub did not take it: {error}")
        return await self._done(visit, f"{'Joined' if joins else 'Declined'}: {crisis.name}.")

    async def _done(self, visit: ReviewVisit, text: str) -> Response:
        await asyncio.to_thread(self._views.note, visit, text)
        return redirect(visit.address(FOLDER))


def _uid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise PageError("There is no such thing at the hub.", status=404) from error


def _answer_of(form: dict[str, str]) -> AnswerIn:
    """Return the answer of a form, without the fields of other answers. raises: ValidationError."""
    answer = form["answer"]
    countries = form["countries"].replace(",", " ").upper().split()
    return AnswerIn.model_validate(
        {
            "answer": answer,
            "countries": countries if answer == Answer.GEO_BLOCKED else (),
            "reason": form["reason"] or None if answer == Answer.REFUSED else None,
            "question": form["question"] if answer == Answer.NEEDS_CONTEXT else "",
            "note": form["note"],
            "reference": form["reference"],
        },
        strict=False,
    )
