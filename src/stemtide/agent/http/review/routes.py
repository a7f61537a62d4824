# SPDX-License-Identifier: Apache-2.0
"""Routes of the review page. docs/use/review.md says what people do there."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from stemtide.agent.config.settings import Config
from stemtide.agent.counters import Counters
from stemtide.agent.http.match_requests import BadRequestError
from stemtide.agent.http.review.access import (
    ROOT,
    SIGN_IN,
    PageError,
    ReviewForm,
    check_form,
    read_form,
)
from stemtide.agent.http.review.pages import HEADERS, render, static_file
from stemtide.agent.review import decisions, exposure, locks, queue, sessions
from stemtide.agent.review.account import read_account
from stemtide.agent.review.decisions import DecisionCount, ReviewVerdict
from stemtide.agent.review.pictures import PictureError, Pictures
from stemtide.agent.review.queue import QueueItem
from stemtide.agent.review.sessions import ReviewSession
from stemtide.agent.store.database import Store
from stemtide.fingerprints.sandbox.pool import Sandbox
from stemtide.protocol.enums import Standing

_SHOWN = 100
_PREVIEWED = 20

_COOKIE = "stemtide-review-"
_DONE = {
    ReviewVerdict.BLOCK: "Blocked",
    ReviewVerdict.PASS: "Let pass",
    ReviewVerdict.ESCALATE: "Escalated",
    ReviewVerdict.DISPUTE: "Let pass and disputed",
}

_VERDICTS = {
    ReviewVerdict.BLOCK: "blocked",
    ReviewVerdict.PASS: "let pass",
    ReviewVerdict.ESCALATE: "escalated",
    ReviewVerdict.DISPUTE: "let pass and disputed",
}
_STANDINGS = {
    Standing.NEW: "new, so its word alone does not count",
    Standing.MEMBER: "a member",
    Standing.TRUSTED: "trusted",
    Standing.SUSPENDED: "suspended",
}

_Page = Callable[[Request, "ReviewVisit"], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class ReviewVisit:
    """A request of a person who is signed in. form: empty unless it is a POST."""

    session: ReviewSession
    form: ReviewForm
    now: float

    def address(self, page: str = "", **query: str) -> str:
        """Return the address of a page of this session."""
        rest = f"?{urlencode(query)}" if query else ""
        return f"{ROOT}/s/{self.session.path}{'/' if page else ''}{page}{rest}"


class ReviewRoutes:
    """Routes of the review page. wake: called on the event loop after a decision."""

    def __init__(
        self,
        *,
        config: Config,
        store: Store,
        counters: Counters,
        sandbox: Sandbox,
        decoders: ThreadPoolExecutor,
        wake: Callable[[], None],
    ) -> None:
        self._config = config
        self._settings = config.review
        self._store = store
        self._tally = counters
        self._wake = wake
        self._pictures = Pictures(config, sandbox=sandbox, decoders=decoders)

    def routes(self) -> list[Route]:
        """Return the routes; none if the page is off."""
        if not self._settings.enabled:
            return []
        folder = f"{ROOT}/s/{{path}}"
        pages: dict[str, _Page] = {"": self.queue, "/queue": self.queue_part, "/next": self.next}
        pages |= {"/item": self.item, "/all": self.all, "/picture": self.picture}
        forms = {"/decide": self.decide, "/undo": self.undo, "/look": self.look}
        forms |= {"/letters": self.letters, "/leave": self.leave, "/sign-out": self.sign_out}
        return [
            Route(ROOT, self.closed, methods=["GET"]),
            Route(SIGN_IN, self.sign_in, methods=["GET", "POST"]),
            Route(f"{ROOT}/static/{{name}}", self.static, methods=["GET"]),
            *(
                Route(folder + end, self._for_person(page), methods=["GET"])
                for end, page in pages.items()
            ),
            *(
                Route(folder + end, self._for_person(page), methods=["POST"])
                for end, page in forms.items()
            ),
        ]

    # -- access ----------------------------------------------------------------------------------

    def _for_person(self, page: _Page) -> Callable[[Request], Awaitable[Response]]:
        """Return a page that only the person of its session gets."""

        async def answer(request: Request) -> Response:
            now = time.time()
            try:
                session = await asyncio.to_thread(self._session, request, now)
                form = ReviewForm({})
                if request.method == "POST":
                    form = await read_form(request)
                    check_form(form, session)
                return await page(request, ReviewVisit(session, form, now))
            except PageError as error:
                return _refused(str(error), status=error.status)
            except BadRequestError as error:
                return _refused(error.detail, status=413)

        return answer

    def _session(self, request: Request, now: float) -> ReviewSession:
        """Return the session of a request. raises: PageError."""
        path = request.path_params["path"]
        cookie = request.cookies.get(_COOKIE + path, "")
        session = sessions.find_session(
            self._store, path=path, cookie=cookie, settings=self._settings, now=now
        )
        if session is None:
            raise PageError("You are signed out. Ask for a new link to sign in.", status=403)
        return session

    async def closed(self, _request: Request) -> Response:
        """GET /review: say how to get in."""
        return _refused("To sign in, open a link that was made on this machine.", status=403)

    async def static(self, request: Request) -> Response:
        """GET /review/static/{name}: a file of the page."""
        file = static_file(request.path_params["name"])
        if file is None:
            return _refused("There is no such file.", status=404)
        return Response(file[0], media_type=file[1], headers=HEADERS)

    async def sign_in(self, request: Request) -> Response:
        """GET and POST /review/sign-in: ask for a name, and begin a session."""
        now = time.time()
        try:
            if request.method == "GET":
                token = request.query_params.get("link", "")
                await self._check_link(token, now)
                return self._ask_name(token)
            form = await read_form(request)
            return await self._begin(form, now)
        except PageError as error:
            return _refused(str(error), status=error.status)
        except BadRequestError as error:
            return _refused(error.detail, status=413)

    async def _check_link(self, token: str, now: float) -> None:
        if not await asyncio.to_thread(sessions.is_link, self._store, token, now=now):
            raise PageError(
                "This link was used already, or is older than 15 minutes. Ask for a new one.",
                status=403,
            )

    def _ask_name(self, token: str, *, name: str = "", error: str = "") -> Response:
        values = {"token": token, "name": name, "error": error, "most": sessions.MAX_NAME}
        return render("sign_in.html", values, status=400 if error else 200)

    async def _begin(self, form: ReviewForm, now: float) -> Response:
        token = form.text("link")
        name = sessions.clean_name(form.text("name"))
        if not name:
            await self._check_link(token, now)
            error = f"Enter your name, of at most {sessions.MAX_NAME} letters."
            return self._ask_name(token, name=form.text("name")[:100], error=error)
        signed_in = await asyncio.to_thread(
            sessions.sign_in, self._store, token, person=name, settings=self._settings, now=now
        )
        if signed_in is None:
            await self._check_link("", now)
            raise AssertionError  # _check_link raises
        visit = ReviewVisit(signed_in.session, form, now)
        response = _redirect(visit.address())
        response.set_cookie(
            _COOKIE + signed_in.session.path,
            signed_in.cookie,
            path=visit.address(),
            httponly=True,
            samesite="strict",
        )
        return response

    # -- the queue -------------------------------------------------------------------------------

    def _items(self, visit: ReviewVisit) -> list[QueueItem]:
        return queue.read_queue(self._store, config=self._config, now=visit.now)

    async def queue(self, _request: Request, visit: ReviewVisit) -> Response:
        """GET …: the queue. Whoever opens it gives up what they had open."""
        await asyncio.to_thread(locks.release_locks, self._store, visit.session)
        return await asyncio.to_thread(self._queue_page, visit, "queue.html")

    async def queue_part(self, _request: Request, visit: ReviewVisit) -> Response:
        """GET …/queue: the rows of the queue, for htmx."""
        return await asyncio.to_thread(self._queue_page, visit, "_queue.html")

    def _queue_page(self, visit: ReviewVisit, template: str) -> Response:
        items = self._items(visit)
        values = self._values(visit, is_whole=template == "queue.html")
        return render(
            template,
            values
            | {
                "items": items[:_SHOWN],
                "total": len(items),
                "late": sum(item.due_at < visit.now for item in items),
                "escalated": sum(bool(item.escalated) for item in items),
            },
        )

    def _values(self, visit: ReviewVisit, *, is_whole: bool = True) -> dict[str, Any]:
        """Return what every page shows. is_whole: not only a part of a page."""
        session, now = visit.session, visit.now
        last = decisions.last_decision(self._store, session.person, now=now)
        return {
            "visit": visit,
            "session": session,
            "now": now,
            "settings": self._settings,
            "verdicts": _VERDICTS,
            "standings": _STANDINGS,
            "notice": sessions.take_notice(self._store, session) if is_whole else "",
            "last": last[0] if last else None,
            "last_number": last[1] if last else 0,
            "exposure": exposure.read_exposure(
                self._store.read, session.person, settings=self._settings, now=now
            ),
        }

    async def next(self, _request: Request, visit: ReviewVisit) -> Response:
        """GET …/next: the most urgent content that nobody has open."""
        return await asyncio.to_thread(self._go_on, visit)

    def _go_on(self, visit: ReviewVisit) -> Response:
        item = queue.next_item(self._items(visit), visit.session, now=visit.now)
        return _redirect(visit.address("item", ref=item.ref) if item else visit.address())

    # -- one item --------------------------------------------------------------------------------

    async def item(self, request: Request, visit: ReviewVisit) -> Response:
        """GET …/item?ref=: what is known of content, and what may be decided."""
        ref = request.query_params.get("ref", "")
        look = request.query_params.get("look", "")
        is_clear = request.query_params.get("clear") == "1"
        return await asyncio.to_thread(self._item_page, visit, ref, look, is_clear=is_clear)

    def _item_page(self, visit: ReviewVisit, ref: str, look: str, *, is_clear: bool) -> Response:
        account = read_account(self._store, ref, policies=self._config.policies)
        if account is None or not account.is_held:
            self._note(visit, "That content is not held any more.")
            return _redirect(visit.address())
        lock = locks.take_lock(
            self._store, ref, session=visit.session, settings=self._settings, now=visit.now
        )
        items = self._items(visit)
        item = next((item for item in items if item.ref == ref), None)
        is_asked = exposure.picture_ref(self._store, look, session=visit.session, now=visit.now)
        values = {
            "account": account,
            "item": item,
            "lock": lock,
            "is_mine": lock.session == visit.session.key,
            "same": len(queue.same_items(items, item)) if item else 1,
            "history": decisions.decisions_about(self._store, ref),
            "has_pictures": self._pictures.is_set_up,
            "look": look if is_asked == ref else "",
            "is_clear": is_clear,
        }
        return render("item.html", self._values(visit) | values)

    async def all(self, request: Request, visit: ReviewVisit) -> Response:
        """GET …/all?ref=: a preview of one decision about all content of the same cluster."""
        ref = request.query_params.get("ref", "")
        return await asyncio.to_thread(self._all_page, visit, ref)

    def _all_page(self, visit: ReviewVisit, ref: str) -> Response:
        same = self._same(visit, ref)
        if not same:
            self._note(visit, "That content is not held any more.")
            return _redirect(visit.address())
        values = {
            "ref": ref,
            "same": same[:_PREVIEWED],
            "total": len(same),
            "taken": sum(
                bool(item.lock and item.lock.session != visit.session.key) for item in same
            ),
        }
        return render("all.html", self._values(visit) | values)

    def _same(self, visit: ReviewVisit, ref: str) -> list[QueueItem]:
        """Return the held content that one decision about content may take along, this first."""
        items = self._items(visit)
        item = next((item for item in items if item.ref == ref), None)
        return queue.same_items(items, item) if item else []

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
            refs = [item.ref for item in self._same(visit, refs[0]) if item.at <= shown_at]
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
        self._note(visit, _sentence(_DONE[verdict], count))
        return self._go_on(visit)

    async def undo(self, _request: Request, visit: ReviewVisit) -> Response:
        """POST …/undo: take the last decision back, and open its content."""
        response = await asyncio.to_thread(self._undo, visit)
        self._wake()
        return response

    def _undo(self, visit: ReviewVisit) -> Response:
        batch = visit.form.text("batch")
        last = decisions.last_decision(self._store, visit.session.person, now=visit.now)
        if last is None or last[0].batch != batch:
            self._note(visit, "There is no decision to take back.")
            return _redirect(visit.address())
        count = decisions.take_back(
            self._store,
            batch=batch,
            session=visit.session,
            config=self._config,
            now=decisions.utc(visit.now),
        )
        self._tally.add("review undone", count.decided)
        self._note(visit, _sentence("Taken back", count))
        is_one = last[1] == 1 and count.decided
        return _redirect(visit.address("item", ref=last[0].ref) if is_one else visit.address())

    def _note(self, visit: ReviewVisit, text: str) -> None:
        sessions.set_notice(self._store, visit.session, text)

    # -- pictures --------------------------------------------------------------------------------

    async def look(self, _request: Request, visit: ReviewVisit) -> Response:
        """POST …/look: count a picture for the person, and show the page with it."""
        ref = visit.form.ref
        if not self._pictures.is_set_up:
            raise PageError("No pictures are available: picture_url is not set.", status=400)
        look = await asyncio.to_thread(self._count_picture, visit, ref)
        if not look:
            return _redirect(visit.address("item", ref=ref))
        try:
            await self._pictures.show(ref, look=look, is_veiled=True)
        except PictureError as error:
            await asyncio.to_thread(exposure.take_picture_back, self._store, look)
            await asyncio.to_thread(self._note, visit, f"There is no picture: {error}.")
            return _redirect(visit.address("item", ref=ref))
        self._tally.add("review_pictures")
        return _redirect(visit.address("item", ref=ref, look=look))

    def _count_picture(self, visit: ReviewVisit, ref: str) -> str:
        account = read_account(self._store, ref, policies=self._config.policies)
        if account is None or not account.is_held:
            return ""
        return exposure.ask_for_picture(
            self._store, ref, session=visit.session, settings=self._settings, now=visit.now
        )

    async def picture(self, request: Request, visit: ReviewVisit) -> Response:
        """GET …/picture?look=: a picture that the person asked for, small and grey."""
        look = request.query_params.get("look", "")
        is_veiled = request.query_params.get("clear") != "1"
        ref = await asyncio.to_thread(
            exposure.picture_ref, self._store, look, session=visit.session, now=visit.now
        )
        if not ref:
            raise PageError("This picture was not asked for, or too long ago.", status=404)
        try:
            content = await self._pictures.show(ref, look=look, is_veiled=is_veiled)
        except PictureError as error:
            raise PageError(f"There is no picture: {error}.", status=502) from error
        return Response(content, media_type="image/jpeg", headers=HEADERS)

    # -- the session -----------------------------------------------------------------------------

    async def letters(self, _request: Request, visit: ReviewVisit) -> Response:
        """POST …/letters: switch the keys of one letter on or off."""
        letters = not visit.session.letters
        await asyncio.to_thread(sessions.set_letters, self._store, visit.session, letters=letters)
        return _redirect(visit.address())

    async def leave(self, _request: Request, visit: ReviewVisit) -> Response:
        """POST …/leave: give content back to the queue."""
        await asyncio.to_thread(locks.release_locks, self._store, visit.session)
        return _redirect(visit.address())

    async def sign_out(self, _request: Request, visit: ReviewVisit) -> Response:
        """POST …/sign-out: end the session."""
        await asyncio.to_thread(sessions.end_session, self._store, visit.session)
        response = _refused("You are signed out. Ask for a new link to sign in.", status=200)
        response.delete_cookie(_COOKIE + visit.session.path, path=visit.address())
        return response


def _redirect(address: str) -> Response:
    return RedirectResponse(address, status_code=303, headers=HEADERS)


def _refused(text: str, *, status: int) -> Response:
    """Return a page that says one thing, without a session."""
    return render("alone.html", {"text": text}, status=status)


def _sentence(done: str, count: DecisionCount) -> str:
    """Return what was done, in words."""
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
