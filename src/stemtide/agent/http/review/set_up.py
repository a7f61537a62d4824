# SPDX-License-Identifier: Apache-2.0
"""Pages on which one person sets an agent up in a browser, before the agent runs.

The address has a secret part, which only the terminal knows that started it. As on the review page,
requests from other machines, other pages and through proxies are refused.
"""

import asyncio
import hmac
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from stemtide.agent.config.settings import Config
from stemtide.agent.http.match_requests import BadRequestError
from stemtide.agent.http.review.access import ROOT, SIGN_IN, PageError, read_form, refusal
from stemtide.agent.http.review.pages import HEADERS, render, static_file
from stemtide.agent.review.first_match import FirstMatch, match_test_picture
from stemtide.agent.review.sessions import make_link
from stemtide.agent.review.set_up import FIELDS, PROPOSED, SetUpError, SetUpResult, set_up
from stemtide.agent.store.database import Store
from stemtide.agent.store.schema import StoreError
from stemtide.fingerprints.limits import SandboxError
from stemtide.fingerprints.sandbox.pool import Sandbox
from stemtide.fingerprints.sandbox.walls import refusal as wall_refusal

PATH = "/set-up"
_KEEP_S = 600
_Page = Callable[[Request], Awaitable[Response]]


@dataclass(slots=True)
class _Progress:
    """The set-up so far. trouble: why nothing could be matched."""

    result: SetUpResult | None = None
    match: FirstMatch | None = None
    trouble: str = ""


class SetUpPages:
    """Pages of the set-up. file: the agent.toml to write. stop: called when all is done."""

    def __init__(self, *, file: Path, port: int, token: str, stop: Callable[[], None]) -> None:
        self._file = file
        self._port = port
        self._token = token
        self._stop = stop
        self._done = _Progress()
        self._turn = asyncio.Lock()

    def app(self) -> Starlette:
        """Return the application."""
        folder = f"{PATH}/{{token}}"
        return Starlette(
            routes=[
                Route(folder, self._guarded(self.form), methods=["GET"]),
                Route(folder, self._guarded(self.save), methods=["POST"]),
                Route(f"{folder}/picture", self._guarded(self.picture), methods=["GET"]),
                Route(f"{folder}/start", self._guarded(self.start), methods=["POST"]),
                Route(f"{ROOT}/static/{{name}}", self.static, methods=["GET"]),
            ]
        )

    def _guarded(self, page: _Page) -> _Page:
        """Return a page that only the link opens, from this machine and this page."""

        async def answer(request: Request) -> Response:
            headers = request.headers
            is_link = request.method == "GET"
            why = refusal(headers, request.url.hostname or "", is_link=is_link)
            origin = headers.get("origin")
            if origin is not None and origin.partition("://")[2] != headers.get("host", ""):
                why = "Origin: another page may not set the agent up"
            is_ours = hmac.compare_digest(
                request.path_params["token"].encode(), self._token.encode()
            )
            if why or not is_ours:
                text = why or "This is not the link that the terminal shows."
                return render("set_up_alone.html", {"text": text}, status=403)
            try:
                return await page(request)
            except PageError as error:
                return render("set_up_alone.html", {"text": str(error)}, status=error.status)
            except BadRequestError as error:
                return render("set_up_alone.html", {"text": error.detail}, status=413)

        return answer

    async def static(self, request: Request) -> Response:
        """GET /review/static/{name}: a file of the pages.

        The browser keeps it: the last page is shown while this server stops.
        """
        file = static_file(request.path_params["name"])
        if file is None:
            return Response(status_code=404, headers=HEADERS)
        caching = {"Cache-Control": f"private, max-age={_KEEP_S}"}
        return Response(file[0], media_type=file[1], headers=HEADERS | caching)

    async def form(self, _request: Request) -> Response:
        """GET: the form; once it was sent, its result."""
        if self._done.result:
            return self._result(self._done.result)
        answers = dict.fromkeys(FIELDS, "") | {"name": "uploads-1", "port": str(self._port)}
        return self._form(answers | {"policy": "standard"})

    def _form(self, answers: dict[str, str], *, error: SetUpError | None = None) -> Response:
        values = {
            "action": f"{PATH}/{self._token}",
            "answers": answers,
            "proposed": PROPOSED,
            "file": self._file,
            "field": error.field if error else "",
            "error": str(error) if error else "",
        }
        return render("set_up.html", values, status=400 if error else 200)

    async def save(self, request: Request) -> Response:
        """POST: check the answers, write the files, and show a first match."""
        form = await read_form(request)
        answers = {name: form.text(name).strip() for name in FIELDS}
        async with self._turn:
            if self._done.result is None:
                try:
                    self._done.result = await set_up(answers, file=self._file)
                except SetUpError as error:
                    return self._form(answers, error=error)
                await asyncio.to_thread(self._match, self._done.result.config)
        return self._result(self._done.result)

    def _match(self, config: Config) -> None:
        try:
            with Sandbox() as sandbox:
                if why := wall_refusal(sandbox.walls(), accepted=config.accept_missing_walls):
                    self._done.trouble = f"The agent will not start: accept_missing_walls {why}"
                    return
                self._done.match = match_test_picture(sandbox, config.policies)
        except SandboxError as error:
            self._done.trouble = f"The agent will not start: {error}"

    def _result(self, result: SetUpResult) -> Response:
        values = {
            "action": f"{PATH}/{self._token}",
            "result": result,
            "file": self._file,
            "match": self._done.match,
            "trouble": self._done.trouble,
        }
        return render("set_up_done.html", values)

    async def picture(self, _request: Request) -> Response:
        """GET …/picture: the test picture, altered."""
        if self._done.match is None:
            return Response(status_code=404, headers=HEADERS)
        return Response(self._done.match.picture, media_type="image/jpeg", headers=HEADERS)

    async def start(self, _request: Request) -> Response:
        """POST …/start: end the set-up, so that the agent starts; link to its review page."""
        if self._done.result is None:
            raise PageError("Answer the questions first.", status=400)
        try:
            link = await asyncio.to_thread(_review_link, self._done.result.config)
        except StoreError as error:
            raise PageError(f"The agent will not start: {error}", status=500) from error
        done = render("set_up_start.html", {"link": link})
        done.background = BackgroundTask(self._stop)
        return done


def _review_link(config: Config) -> str:
    """Create the agent's store, and return a link to sign in to the review page."""
    with Store(config.data_dir):
        pass
    token = make_link(config.data_dir, now=time.time())
    return f"http://{config.host}:{config.port}{SIGN_IN}?link={token}"
