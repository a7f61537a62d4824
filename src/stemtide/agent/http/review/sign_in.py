# SPDX-License-Identifier: Apache-2.0
"""Pages to sign in to the review page: by a link, at the hub, or at an OpenID provider."""

import asyncio
import time
from urllib.parse import urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from stemtide.agent.config.review import SignInBy
from stemtide.agent.config.settings import Config
from stemtide.agent.http.match_requests import BadRequestError
from stemtide.agent.http.review.access import (
    AT_PROVIDER,
    BACK,
    ROOT,
    SIGN_IN,
    PageError,
    SentForm,
    read_form,
)
from stemtide.agent.http.review.pages import render
from stemtide.agent.http.review.views import ReviewVisit, redirect
from stemtide.agent.review import openid, sessions
from stemtide.agent.review.hub_work import HubWorkError, ask_hub
from stemtide.agent.review.openid import ReviewSignInError
from stemtide.agent.review.sessions import ReviewSignIn
from stemtide.agent.store.database import Store
from stemtide.client.calls import agents
from stemtide.protocol.sync.agents import ReviewPageIn, ReviewPageOut

COOKIE = "stemtide-review-"
SIGNED_OUT = "You are signed out. Sign in again."

_BROWSER = "stemtide-sign-in"
_REGISTERED_FOR_S, _FAILED_FOR_S = 60.0, 5.0
"""For so long sign-ins do not ask the hub: others on this machine could use the key's rate up."""

_REFUSED = (401, 403)
"""Answers of the hub to a key that does not count any more."""


class SignInPages:
    """Pages to sign in, and the check that people may still review."""

    def __init__(self, *, config: Config, store: Store) -> None:
        self._config = config
        self._settings = config.review
        self._store = store
        self._checked_at = self._registered_at = float("-inf")
        self._registered = self._registered_address = self._trouble = ""
        self._registering = asyncio.Lock()
        self._checks: set[asyncio.Task[None]] = set()

    def routes(self) -> list[Route]:
        """Return the routes."""
        by_link = [
            Route(ROOT, self.closed, methods=["GET"]),
            Route(SIGN_IN, self.sign_in, methods=["GET", "POST"]),
        ]
        if self._settings.sign_in is SignInBy.LINK:
            return by_link
        return [
            *by_link,
            Route(AT_PROVIDER, self.at_provider, methods=["GET"]),
            Route(BACK, self.back, methods=["GET"]),
        ]

    def refused(self, text: str, *, status: int, why: str = "") -> Response:
        """Return a page that says one thing, without a session, and how to sign in."""
        return render("alone.html", {"text": text, "why": why, "at": self._at}, status=status)

    @property
    def _at(self) -> str:
        """Return the name of the OpenID provider; "" for none."""
        if self._settings.openid:
            return urlsplit(self._settings.openid.issuer).hostname or ""
        return "the hub" if self._settings.sign_in is SignInBy.HUB else ""

    async def closed(self, _request: Request) -> Response:
        """GET /review: say how to get in."""
        if self._at:
            return self.refused("Sign in to review", status=200)
        return self.refused("To sign in, open a link that was made on this machine.", status=403)

    # -- by a link -------------------------------------------------------------------------------

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
            return self.refused(str(error), status=error.status)
        except BadRequestError as error:
            return self.refused(error.detail, status=413)

    async def _check_link(self, token: str, now: float) -> None:
        if not await asyncio.to_thread(sessions.is_link, self._store, token, now=now):
            raise PageError(
                "This link was used already, or is older than 15 minutes. Ask for a new one.",
                status=403,
            )

    def _ask_name(self, token: str, *, name: str = "", error: str = "") -> Response:
        values = {"token": token, "name": name, "error": error, "most": sessions.MAX_NAME}
        at = {"at": self._at, "link": urlencode({"link": token})}
        return render("sign_in.html", values | at, status=400 if error else 200)

    async def _begin(self, form: SentForm, now: float) -> Response:
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
        return _with_cookie(redirect(visit.address()), signed_in, visit)

    # -- at an OpenID provider -------------------------------------------------------------------

    async def at_provider(self, request: Request) -> Response:
        """GET /review/sign-in/with: begin a sign-in, and lead to the provider."""
        own, link = _own_address(request), request.query_params.get("link", "")
        if request.url.netloc != urlsplit(own).netloc:  # where the cookie has to be
            query = f"?{urlencode({'link': link})}" if link else ""
            return redirect(f"{own}{AT_PROVIDER}{query}")
        try:
            provider = await openid.read_provider(self._issuer)
            client = await self._client_id(f"{own}{BACK}")
        except ReviewSignInError as error:
            return self._failed(error)
        begun = await asyncio.to_thread(
            openid.begin,
            self._store,
            provider,
            client_id=client,
            address=f"{own}{BACK}",
            scopes="openid profile" if self._settings.openid else "openid",
            link=sessions.digest(link) if link else "",
            now=time.time(),
        )
        response = redirect(begun.address)
        # Lax: the provider's site leads back to us.
        response.set_cookie(
            _BROWSER,
            begun.browser,
            path=SIGN_IN,
            httponly=True,
            samesite="lax",
            max_age=int(openid.SIGN_IN_TERM.total_seconds()),
        )
        return response

    async def back(self, request: Request) -> Response:
        """GET /review/sign-in/back: the provider leads here, with a code."""
        query, now = request.query_params, time.time()
        try:
            sign_in = await asyncio.to_thread(
                openid.take,
                self._store,
                state=query.get("state", ""),
                browser=request.cookies.get(_BROWSER, ""),
                now=now,
            )
            provider = await openid.read_provider(self._issuer)
            openid.check_answer(query, provider)
            person = await openid.finish(
                sign_in,
                provider,
                code=query.get("code", ""),
                settings=self._settings.openid,
                now=now,
            )
        except ReviewSignInError as error:
            return self._failed(error)
        signed_in = await asyncio.to_thread(
            sessions.sign_in_proved,
            self._store,
            subject=person.subject,
            name=person.name,
            link=person.link,
            settings=self._settings,
            now=now,
        )
        visit = ReviewVisit(signed_in.session, SentForm({}), now)
        # No redirect: browsers send no strict cookie while another site leads.
        response = render("signed_in.html", {"visit": visit, "person": signed_in.session.person})
        response.delete_cookie(_BROWSER, path=SIGN_IN)
        return _with_cookie(response, signed_in, visit)

    @property
    def _issuer(self) -> str:
        openid_settings = self._settings.openid
        return openid_settings.issuer if openid_settings else self._config.hub_url

    async def _client_id(self, address: str) -> str:
        """Return the agent's id at the provider; the hub gives it when it is asked.

        raises: ReviewSignInError.
        """
        if self._settings.openid:
            return self._settings.openid.client_id
        async with self._registering:
            kept_s = _REGISTERED_FOR_S if self._registered else _FAILED_FOR_S
            is_old = time.monotonic() - self._registered_at > kept_s
            # The hub knows one address of an agent: the last one.
            if is_old or address != self._registered_address:
                try:
                    self._registered = (await self._register(address)).client_id
                except HubWorkError as error:
                    self._registered, self._trouble = "", str(error)
                self._registered_at, self._registered_address = time.monotonic(), address
            if not self._registered:
                raise ReviewSignInError(
                    f"the hub does not open its sign-in to this agent: {self._trouble}"
                )
            return self._registered

    async def _register(self, address: str) -> ReviewPageOut:
        """Register the agent's address at the hub. raises: HubWorkError."""
        body = ReviewPageIn(address=address)
        answer: ReviewPageOut = await ask_hub(
            self._config, agents.register_review_page(body, name=self._config.name)
        )
        return answer

    def _failed(self, error: ReviewSignInError) -> Response:
        why = str(error)
        return self.refused("You are not signed in", status=403, why=f"{why[:1].upper()}{why[1:]}.")

    # -- who may still review --------------------------------------------------------------------

    def check_reviewers(self, request: Request) -> None:
        """Ask the hub, every heartbeat_s at most, who may review; end the sessions of all others.

        Nobody waits for it, and if the hub does not answer, sessions go on until their term. If it
        refuses the agent's key, they end.
        """
        now = time.monotonic()
        is_due = now - self._checked_at >= self._config.heartbeat_s
        if is_due and self._settings.sign_in is SignInBy.HUB:
            self._checked_at = now
            check = asyncio.create_task(self._end_others(f"{_own_address(request)}{BACK}"))
            self._checks.add(check)
            check.add_done_callback(self._checks.discard)

    async def _end_others(self, address: str) -> None:
        try:
            people = (await self._register(address)).people
        except HubWorkError as error:
            if error.status not in _REFUSED:
                return
            people = []  # the key was revoked, or its party is suspended
        await asyncio.to_thread(
            sessions.end_sessions_of_others,
            self._store,
            issuer=self._config.hub_url,
            people=people,
        )


def _own_address(request: Request) -> str:
    """Return the address at which this agent listens: no other program can be there.

    source: RFC 8252 section 8.3: the literal address, because a name may mean another one.
    """
    host, port = request.scope["server"]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _with_cookie(response: Response, signed_in: ReviewSignIn, visit: ReviewVisit) -> Response:
    """Set the cookie of a session."""
    response.set_cookie(
        COOKIE + signed_in.session.path,
        signed_in.cookie,
        path=visit.address(),
        httponly=True,
        samesite="strict",
    )
    return response
