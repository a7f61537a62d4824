# SPDX-License-Identifier: Apache-2.0
"""Routes of the review page. docs/use/review.md describes it for moderators."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from stemtide.agent.config.settings import Config
from stemtide.agent.counters import Counters
from stemtide.agent.http.match_requests import BadRequestError
from stemtide.agent.http.review import banks, earlier, hub, own_list, signals, trial
from stemtide.agent.http.review.access import (
    ROOT,
    PageError,
    SentForm,
    check_form,
    read_file_form,
)
from stemtide.agent.http.review.pages import HEADERS, static_file
from stemtide.agent.http.review.sign_in import COOKIE, SIGNED_OUT, SignInPages
from stemtide.agent.http.review.views import (
    PictureChoice,
    ReviewViews,
    ReviewVisit,
    format_times,
    redirect,
)
from stemtide.agent.recognise.pipeline import Recogniser
from stemtide.agent.review import (
    blind_checks,
    decisions,
    exposure,
    locks,
    questions,
    sessions,
)
from stemtide.agent.review.account import present_reasons
from stemtide.agent.review.blind_checks import BlindCheck
from stemtide.agent.review.decisions import DecisionCount, ReviewVerdict
from stemtide.agent.review.kept_files import KeptFiles
from stemtide.agent.review.other_outcomes import read_other_outcomes
from stemtide.agent.review.pictures import FRAMES, HeldPictures, PictureError, encode
from stemtide.agent.review.sessions import ReviewSession
from stemtide.agent.store.database import Store
from stemtide.fingerprints.sandbox.pool import Sandbox

_DIGITS = 18
_TIME = re.compile(r"[0-9]{1,6}\.[0-9]")
_BY_ITSELF = ("/queue", f"/{earlier.PART}")
"""Pages ask for these by themselves, also while nobody is there."""

_DONE = {
    ReviewVerdict.BLOCK: "Blocked",
    ReviewVerdict.PASS: "Let pass",
    ReviewVerdict.ESCALATE: "Escalated",
    ReviewVerdict.DISPUTE: "Let pass and disputed",
}
_Page = Callable[[Request, ReviewVisit], Awaitable[Response]]


class ReviewRoutes:
    """Routes of the review page.

    wake:   called on the event loop after a decision.
    search: returns the state of the search of the upload journal; None if it is off.
    """

    def __init__(
        self,
        *,
        config: Config,
        store: Store,
        counters: Counters,
        sandbox: Sandbox,
        decoders: ThreadPoolExecutor,
        recogniser: Recogniser,
        kept_files: KeptFiles,
        wake: Callable[[], None],
        search: Callable[[], dict[str, Any] | None],
    ) -> None:
        self._config = config
        self._settings = config.review
        self._store = store
        self._tally = counters
        self._wake = wake
        self._views = ReviewViews(config, store, kept_files=kept_files)
        self._pictures = HeldPictures(
            config, kept_files=kept_files, sandbox=sandbox, decoders=decoders
        )
        self._sign_in = SignInPages(config=config, store=store)
        self._hub = hub.HubPages(config=config, views=self._views)
        self._trial = trial.TrialPages(store=store, views=self._views, recogniser=recogniser)
        self._earlier = earlier.EarlierPages(
            config=config, counters=counters, views=self._views, search=search
        )
        self._signals = signals.SignalPages(
            config=config, store=store, views=self._views, wake=wake
        )
        self._banks = banks.BankPages(config=config, store=store, views=self._views, wake=wake)
        self._own_list = own_list.OwnListPages(
            config=config,
            store=store,
            views=self._views,
            sandbox=sandbox,
            decoders=decoders,
            wake=wake,
        )

    def routes(self) -> list[Route]:
        """Return the routes; none if the page is off."""
        if not self._settings.enabled:
            return []
        folder = f"{ROOT}/s/{{path}}"
        return [
            *self._sign_in.routes(),
            Route(f"{ROOT}/static/{{name}}", self.static, methods=["GET"]),
            *(
                Route(folder + end, self._for_person(page), methods=["GET"])
                for end, page in self._pages().items()
            ),
            *(
                Route(folder + end, self._for_person(page), methods=["POST"])
                for end, page in self._forms().items()
            ),
        ]

    def _pages(self) -> dict[str, _Page]:
        """Return the pages by the end of their address."""
        return {
            "": self.queue,
            "/queue": self.queue_part,
            "/next": self.next,
            "/item": self.item,
            "/all": self.all,
            "/picture": self.picture,
            "/check": self.check,
            f"/{hub.FOLDER}": self._hub.work,
            f"/{hub.FOLDER}/referral": self._hub.referral,
            f"/{own_list.FOLDER}": self._own_list.entries,
            f"/{own_list.FOLDER}/entry": self._own_list.entry,
            f"/{own_list.FOLDER}/file": self._own_list.file,
            f"/{trial.FOLDER}": self._trial.form,
            f"/{signals.FOLDER}": self._signals.signal,
            f"/{earlier.FOLDER}": self._earlier.page,
            f"/{earlier.PART}": self._earlier.part,
            f"/{own_list.BANKS}": self._banks.banks,
            f"/{own_list.BANKS}/bank": self._banks.edit,
        }

    def _forms(self) -> dict[str, _Page]:
        """Return the handlers of forms, by the end of their address."""
        return {
            "/decide": self.decide,
            "/undo": self.undo,
            "/question": self.question,
            "/look": self.look,
            "/answer": self.answer,
            "/letters": self.letters,
            "/leave": self.leave,
            "/sign-out": self.sign_out,
            f"/{hub.FOLDER}/answer": self._hub.answer,
            f"/{hub.FOLDER}/join": self._hub.join,
            f"/{own_list.FOLDER}/add": self._own_list.add,
            f"/{own_list.FOLDER}/import": self._own_list.import_file,
            f"/{own_list.FOLDER}/end": self._own_list.end,
            f"/{own_list.FOLDER}/restore": self._own_list.restore,
            f"/{own_list.FOLDER}/change": self._own_list.change,
            f"/{trial.FOLDER}/match": self._trial.match,
            f"/{signals.FOLDER}/off": self._signals.switch_off,
            f"/{signals.FOLDER}/on": self._signals.switch_on,
            f"/{own_list.BANKS}/create": self._banks.create,
            f"/{own_list.BANKS}/change": self._banks.change,
            f"/{own_list.BANKS}/delete": self._banks.delete,
            f"/{own_list.BANKS}/restore": self._banks.restore,
        }

    # -- access ----------------------------------------------------------------------------------

    def _for_person(self, page: _Page) -> Callable[[Request], Awaitable[Response]]:
        """Return a page that only the person of its session gets."""

        async def answer(request: Request) -> Response:
            now = time.time()
            try:
                session = await asyncio.to_thread(self._session, request, now)
                self._sign_in.check_reviewers(request)
                form = SentForm({})
                if request.method == "POST":
                    form = await read_file_form(request, self._config)
                    check_form(form, session)
                return await page(request, ReviewVisit(session, form, now))
            except PageError as error:
                response = self._sign_in.refused(str(error), status=error.status)
                response.headers["HX-Redirect"] = ROOT  # a page that updates itself leaves as well
                return response
            except BadRequestError as error:
                return self._sign_in.refused(error.detail, status=413)

        return answer

    def _session(self, request: Request, now: float) -> ReviewSession:
        """Return the session of a request. raises: PageError."""
        path = request.path_params["path"]
        cookie = request.cookies.get(COOKIE + path, "")
        session = sessions.find_session(
            self._store,
            path=path,
            cookie=cookie,
            settings=self._settings,
            now=now,
            is_active=not request.url.path.endswith(_BY_ITSELF),
        )
        if session is None:
            raise PageError(SIGNED_OUT, status=403)
        return session

    async def static(self, request: Request) -> Response:
        """GET /review/static/{name}: a file of the page."""
        file = static_file(request.path_params["name"])
        if file is None:
            return self._sign_in.refused("There is no such file.", status=404)
        return Response(file[0], media_type=file[1], headers=HEADERS)

    # -- pages -----------------------------------------------------------------------------------

    async def queue(self, _request: Request, visit: ReviewVisit) -> Response:
        """GET …: the queue. Opening it frees the content that the person had open."""
        await asyncio.to_thread(locks.release_locks, self._store, visit.session)
        return await asyncio.to_thread(self._views.queue, visit)

    async def queue_part(self, request: Request, visit: ReviewVisit) -> Response:
        """GET …/queue: the rows of the queue, for htmx."""
        state = request.query_params.get("state", "")
        return await asyncio.to_thread(self._views.queue_part, visit, state)

    async def next(self, _request: Request, visit: ReviewVisit) -> Response:
        """GET …/next: the most urgent content that nobody has open."""
        return await asyncio.to_thread(self._views.next, visit)

    async def item(self, request: Request, visit: ReviewVisit) -> Response:
        """GET …/item?ref=: an item of held content, with the decisions that are possible."""
        ref, signal = request.query_params.get("ref", ""), request.query_params.get("others", "")
        others = await read_other_outcomes(self._config, signal) if signal else None
        return await asyncio.to_thread(self._views.item, visit, ref, _choice(request), others)

    async def all(self, request: Request, visit: ReviewVisit) -> Response:
        """GET …/all?ref=: a preview of one decision about all content of the same cluster."""
        ref = request.query_params.get("ref", "")
        return await asyncio.to_thread(self._views.all, visit, ref)

    async def check(self, request: Request, visit: ReviewVisit) -> Response:
        """GET …/check: a blind check; without a number the oldest one for this person."""
        number = request.query_params.get("number", "")
        if not number:
            return await asyncio.to_thread(self._views.next_check, visit)
        check = await asyncio.to_thread(self._find_check, visit, number)
        if check is None:
            return await asyncio.to_thread(self._views.not_held, visit)
        return await asyncio.to_thread(self._views.check, visit, check, _choice(request))

    def _find_check(self, visit: ReviewVisit, number: str) -> BlindCheck | None:
        seq = int(number) if number.isascii() and number.isdigit() and len(number) < _DIGITS else 0
        return blind_checks.find_check(self._store, seq, session=visit.session)

    # -- decisions -------------------------------------------------------------------------------

    async def decide(self, _request: Request, visit: ReviewVisit) -> Response:
        """POST …/decide: decide about content, or about all of its cluster that the person saw."""
        form = visit.form
        try:
            verdict = ReviewVerdict(form.text("verdict"))
        except ValueError as error:
            raise PageError("Choose a decision.", status=400) from error
        reason = " ".join(form.text("reason").split())[: decisions.MAX_REASON]
        if verdict in decisions.NEEDS_REASON and not reason:
            raise PageError("Say why: the next person, or the sharer, needs it.", status=400)
        response = await asyncio.to_thread(self._decide, visit, verdict, reason)
        self._wake()
        return response

    def _decide(self, visit: ReviewVisit, verdict: ReviewVerdict, reason: str) -> Response:
        refs = [visit.form.ref]
        if until := visit.form.text("until"):
            shown_at = _number(until)
            refs = [item.ref for item in self._views.same(visit, refs[0]) if item.at <= shown_at]
        count = decisions.decide_items(
            self._store,
            refs,
            verdict=verdict,
            reason=reason,
            session=visit.session,
            config=self._config,
            now=decisions.utc(visit.now),
        )
        self._tally.add(f"review {verdict}", count.decided)
        self._views.note(visit, _sentence(_DONE[verdict], count))
        return self._views.next(visit)

    async def question(self, _request: Request, visit: ReviewVisit) -> Response:
        """POST …/question: send the sharer of the signal a question. The content stays held."""
        text = " ".join(visit.form.text("reason").split())[: decisions.MAX_REASON]
        if not text:
            raise PageError("Write the question: the sharer reads it.", status=400)
        response = await asyncio.to_thread(self._question, visit, text)
        self._wake()
        return response

    def _question(self, visit: ReviewVisit, text: str) -> Response:
        ref, now = visit.form.ref, decisions.utc(visit.now)
        refused = questions.queue_question(
            self._store, ref, text=text, session=visit.session, now=now
        )
        done = "The question goes to the sharer. The content stays held; the answer comes here."
        self._views.note(visit, refused or done)
        return redirect(visit.address("item", ref=ref))

    async def undo(self, _request: Request, visit: ReviewVisit) -> Response:
        """POST …/undo: take the last decision back, and open its content."""
        response = await asyncio.to_thread(self._undo, visit)
        self._wake()
        return response

    def _undo(self, visit: ReviewVisit) -> Response:
        batch = visit.form.text("batch")
        last = decisions.last_decision(self._store, visit.session.person, now=visit.now)
        if last is None or last[0].batch != batch:
            self._views.note(visit, "There is no decision to take back.")
            return redirect(visit.address())
        count = decisions.take_back(
            self._store,
            batch=batch,
            session=visit.session,
            config=self._config,
            now=decisions.utc(visit.now),
        )
        self._tally.add("review undone", count.decided)
        self._views.note(visit, _sentence("Taken back", count))
        is_one = last[1] == 1 and count.decided
        return redirect(visit.address("item", ref=last[0].ref) if is_one else visit.address())

    async def answer(self, _request: Request, visit: ReviewVisit) -> Response:
        """POST …/answer: make a blind check."""
        verdict = visit.form.text("verdict")
        if verdict not in blind_checks.ANSWERS:
            raise PageError("Choose a decision.", status=400)
        response = await asyncio.to_thread(self._answer, visit, ReviewVerdict(verdict))
        self._wake()
        return response

    def _answer(self, visit: ReviewVisit, verdict: ReviewVerdict) -> Response:
        check = self._find_check(visit, visit.form.text("number"))
        agrees = check and blind_checks.answer_check(
            self._store,
            check.number,
            verdict=verdict,
            session=visit.session,
            config=self._config,
            now=decisions.utc(visit.now),
        )
        if agrees is None:
            self._views.note(visit, "This blind check is not needed any more.")
        elif agrees:
            self._views.note(visit, "Thank you: your colleague decided the same.")
        else:
            text = "Your colleague decided otherwise: it is held again. Talk about it."
            self._views.note(visit, text)
        if agrees is not None:
            self._tally.add(f"review {'agreed' if agrees else 'disagreed'}")
        return self._views.next_check(visit)

    # -- pictures --------------------------------------------------------------------------------

    async def look(self, _request: Request, visit: ReviewVisit) -> Response:
        """POST …/look: count a picture for the person, and show the page with it."""
        if not self._pictures.is_set_up:
            raise PageError(
                "No pictures are available: neither picture_url nor keep_files_hours is set.",
                status=400,
            )
        ref, number = visit.form.ref, visit.form.text("number")
        page = {"page": "check", "number": number} if number else {"page": "item", "ref": ref}
        look = await asyncio.to_thread(self._count_picture, visit, ref, number)
        if not look:
            return redirect(visit.address(**page))
        try:
            pictures = await self._pictures.find(ref, look=look)
            await asyncio.to_thread(self._count_frames, visit, look, len(pictures) - 1)
        except PictureError as error:
            await asyncio.to_thread(exposure.take_picture_back, self._store, look)
            await asyncio.to_thread(self._views.note, visit, f"There is no picture: {error}.")
            return redirect(visit.address(**page))
        self._tally.add("review_pictures", len(pictures))
        times = format_times(picture.at_s for picture in pictures)
        return redirect(visit.address(**page, look=look, **({"at": times} if times else {})))

    def _count_frames(self, visit: ReviewVisit, look: str, number: int) -> None:
        """Count the other frames of a film. raises: PictureError if the person may see no more."""
        settings, session = self._settings, visit.session
        refused = number and exposure.count_frames(
            self._store, look, number, session=session, settings=settings, now=visit.now
        )
        if refused:
            raise PictureError(
                f"a film counts as {number + 1} pictures, and {refused.left + 1} are left today"
            )

    def _count_picture(self, visit: ReviewVisit, ref: str, number: str) -> str:
        """Count a picture of content that the person may decide about; "" if it is not shown."""
        if number:
            check = self._find_check(visit, number)
            is_open = check is not None and check.ref == ref
        else:
            is_open = decisions.is_waiting(present_reasons(self._store, ref))
        if not is_open:
            return ""
        return exposure.ask_for_picture(
            self._store, ref, session=visit.session, settings=self._settings, now=visit.now
        )

    async def picture(self, request: Request, visit: ReviewVisit) -> Response:
        """GET …/picture?look=: a picture that the person asked for, small and grey."""
        look = request.query_params.get("look", "")
        is_veiled = request.query_params.get("clear") != "1"
        number = _digit(request.query_params.get("frame", "1"))
        ref = await asyncio.to_thread(
            exposure.picture_ref, self._store, look, session=visit.session, now=visit.now
        )
        if not ref:
            raise PageError("This picture was not asked for, or too long ago.", status=404)
        try:
            pictures = await self._pictures.find(ref, look=look)
        except PictureError as error:
            raise PageError(f"There is no picture: {error}.", status=502) from error
        if not 1 <= number <= len(pictures):
            raise PageError("There is no such frame.", status=404)
        content = await asyncio.to_thread(encode, pictures[number - 1], is_veiled=is_veiled)
        return Response(content, media_type="image/jpeg", headers=HEADERS)

    # -- the session -----------------------------------------------------------------------------

    async def letters(self, _request: Request, visit: ReviewVisit) -> Response:
        """POST …/letters: switch the keys of one letter on or off."""
        letters = not visit.session.letters
        await asyncio.to_thread(sessions.set_letters, self._store, visit.session, letters=letters)
        return redirect(visit.address())

    async def leave(self, _request: Request, visit: ReviewVisit) -> Response:
        """POST …/leave: give content back to the queue."""
        await asyncio.to_thread(locks.release_locks, self._store, visit.session)
        return redirect(visit.address())

    async def sign_out(self, _request: Request, visit: ReviewVisit) -> Response:
        """POST …/sign-out: end the session."""
        await asyncio.to_thread(sessions.end_session, self._store, visit.session)
        response = self._sign_in.refused(SIGNED_OUT, status=200)
        response.delete_cookie(COOKIE + visit.session.path, path=visit.address())
        return response


def _choice(request: Request) -> PictureChoice:
    """Return which picture a person wants to see."""
    query = request.query_params
    times = [text for text in query.get("at", "").split("_") if _TIME.fullmatch(text)]
    return PictureChoice(
        query.get("look", ""),
        clear=_digit(query.get("clear", "0")),
        times=tuple(float(text) for text in times[:FRAMES]),
        passages=query.get("passages") == "1",
    )


def _digit(text: str) -> int:
    """Return the number of a frame; 0 for none."""
    return int(text) if len(text) == 1 and text.isascii() and text.isdigit() else 0


def _sentence(done: str, count: DecisionCount) -> str:
    """Return a sentence about decisions."""
    text = f"{done}: {count.decided}."
    if count.locked:
        text += f" Left out, because somebody else has them open: {count.locked}."
    if count.gone:
        text += f" Left out, because they have changed since: {count.gone}."
    return text


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise PageError("This form cannot be read.", status=400) from error
