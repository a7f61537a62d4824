# SPDX-License-Identifier: Apache-2.0
"""Page of content that came before its signal: the search of the upload journal, and scans."""

import asyncio
from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from stemtide.agent.config.settings import Config
from stemtide.agent.counters import Counters
from stemtide.agent.http.review.pages import render
from stemtide.agent.http.review.views import ReviewViews, ReviewVisit
from stemtide.agent.journal.scans import read_scans

FOLDER = "earlier"
PART = f"{FOLDER}/part"
"""The page asks for this part by itself."""

_SHOWN = 50


class EarlierPages:
    """Page of earlier content.

    search: returns the state of the search of the journal, as in /health; None if it is off.
    """

    def __init__(
        self,
        *,
        config: Config,
        counters: Counters,
        views: ReviewViews,
        search: Callable[[], dict[str, Any] | None],
    ) -> None:
        self._config = config
        self._tally = counters
        self._views = views
        self._search = search

    async def page(self, _request: Request, visit: ReviewVisit) -> Response:
        """GET …/earlier: what is searched and scanned, and how far it is."""
        return await asyncio.to_thread(self._page, visit)

    async def part(self, _request: Request, visit: ReviewVisit) -> Response:
        """GET …/earlier/part: the same without the page around it, for htmx."""
        return await asyncio.to_thread(self._part, visit)

    def _page(self, visit: ReviewVisit) -> Response:
        return render("earlier.html", self._views.values(visit) | self._values(visit))

    def _part(self, visit: ReviewVisit) -> Response:
        return render("_earlier.html", self._values(visit))

    def _values(self, visit: ReviewVisit) -> dict[str, Any]:
        scans = read_scans(self._config.data_dir)
        return {
            "visit": visit,
            "now": visit.now,
            "place": FOLDER,
            "is_on": self._config.journal.enabled,
            "days": self._config.journal.days,
            "search": self._search(),
            "acted": self._tally.total("retro_matches"),
            "scans": scans[:_SHOWN],
            "left_out": len(scans[_SHOWN:]),
        }
