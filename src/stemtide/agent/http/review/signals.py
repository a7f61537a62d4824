# SPDX-License-Identifier: Apache-2.0
"""Page of a signal of the hub, where a person can switch it off at this agent alone."""

import asyncio
from collections.abc import Callable
from functools import partial

from starlette.requests import Request
from starlette.responses import Response

from stemtide.agent.config.settings import Config
from stemtide.agent.http.review.own_list import BANKS
from stemtide.agent.http.review.pages import render
from stemtide.agent.http.review.views import ReviewViews, ReviewVisit, redirect
from stemtide.agent.recognise.own_list import MAX_WORDS, MIN_WORDS, ReleasesError
from stemtide.agent.review.account import count_stopped
from stemtide.agent.review.decisions import utc
from stemtide.agent.store.database import Store
from stemtide.agent.store.switched_off import read_switch
from stemtide.agent.sync import switches

FOLDER = "signal"


class SignalPages:
    """Page of a signal. wake: called if actions changed."""

    def __init__(
        self, *, config: Config, store: Store, views: ReviewViews, wake: Callable[[], None]
    ) -> None:
        self._config = config
        self._store = store
        self._views = views
        self._wake = wake

    async def signal(self, request: Request, visit: ReviewVisit) -> Response:
        """GET …/signal?id=: a signal, and whether it is switched off here."""
        return await asyncio.to_thread(self._page, visit, request.query_params.get("id", ""))

    def _page(self, visit: ReviewVisit, uid: str, **more: object) -> Response:
        """Return the page. more: an error, or a question, in its form."""
        signal = self._store.find_ids([uid]).get(uid)
        switch = read_switch(self._store.read, uid)
        if signal is None and switch is None:
            self._views.note(visit, "The agent does not have this signal.")
            return redirect(visit.address())
        sharer = self._store.parties([signal]).trust_of(signal.shared_by) if signal else None
        values = {
            "uid": uid,
            "signal": signal,
            "sharer": sharer,
            "switch": switch,
            "stopped": count_stopped(self._store, uid),
            "reason": visit.form.text("reason"),
            "error": "",
            "releases": 0,
            "place": BANKS,
        }
        status = 400 if more else 200
        page = self._views.values(visit) | values | more
        return render("signal.html", page, status=status)

    async def switch_off(self, _request: Request, visit: ReviewVisit) -> Response:
        """POST …/signal/off: switch it off here, with a reason."""
        uid, why = visit.form.text("id"), " ".join(visit.form.text("reason").split())
        again = partial(asyncio.to_thread, partial(self._page, visit, uid))
        if not MIN_WORDS <= len(why) <= MAX_WORDS:
            return await again(error=f"Say why, in {MIN_WORDS} to {MAX_WORDS} letters.")
        try:
            changed = await asyncio.to_thread(self._switch_off, visit, uid, why)
        except ReleasesError as error:
            return await again(releases=error.number)
        self._wake()
        text = (
            "The agent does not have this signal any more."
            if changed is None
            else f"Switched off here. Its matches are only logged. Actions that changed: {changed}."
        )
        await asyncio.to_thread(self._views.note, visit, text)
        return redirect(visit.address(FOLDER, id=uid))

    def _switch_off(self, visit: ReviewVisit, uid: str, why: str) -> int | None:
        return switches.switch_off(
            self._store,
            uid,
            why=why,
            by=visit.session.person,
            config=self._config,
            now=utc(visit.now),
            may_release=visit.form.text("may_release") == "1",
        )

    async def switch_on(self, _request: Request, visit: ReviewVisit) -> Response:
        """POST …/signal/on: switch it on again, for new uploads."""
        uid = visit.form.text("id")
        is_changed = await asyncio.to_thread(
            switches.switch_on, self._store, uid, config=self._config
        )
        self._wake()
        text = "It is on again, for new uploads." if is_changed else "It was not switched off."
        await asyncio.to_thread(self._views.note, visit, text)
        return redirect(visit.address(FOLDER, id=uid))
