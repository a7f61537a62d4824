# SPDX-License-Identifier: Apache-2.0
"""Page to try a match: how the agent would decide about a file, an address or a hash, and why.

Nothing is stored, counted or sent because of it.
"""

from starlette.requests import Request
from starlette.responses import Response

from stemtide.agent.http.review.access import PageError
from stemtide.agent.http.review.pages import render
from stemtide.agent.http.review.views import ReviewViews, ReviewVisit
from stemtide.agent.recognise.answers import Answer
from stemtide.agent.recognise.pipeline import Recogniser, SubmittedContent, new_ref
from stemtide.agent.store.database import Store
from stemtide.fingerprints.kinds import SIZE_BYTES, Fingerprint, Fingerprints, Kind
from stemtide.fingerprints.url.canonical import UrlError
from stemtide.fingerprints.url.reach import fingerprints_of_url
from stemtide.protocol.sync.allowlists import is_hex

FOLDER = "try"
_MAX_TEXT = 2000
_SHOWN = 50
_BY_LENGTH = {
    2 * SIZE_BYTES[Kind.MD5]: (Kind.MD5,),
    2 * SIZE_BYTES[Kind.SHA256]: (Kind.SHA256, Kind.PDQ),
}
"""Kinds that a value in hex may be of, by its digits."""


class TrialPages:
    """Page to try a match."""

    def __init__(self, *, store: Store, views: ReviewViews, recogniser: Recogniser) -> None:
        self._store = store
        self._views = views
        self._recogniser = recogniser

    async def form(self, _request: Request, visit: ReviewVisit) -> Response:
        """GET …/try: a form for a file, an address or a fingerprint."""
        return self._page(visit)

    async def match(self, _request: Request, visit: ReviewVisit) -> Response:
        """POST …/try/match: compare it, and show the decision with its reasons."""
        text, blob = visit.form.text("text").strip()[:_MAX_TEXT], visit.form.files.get("file")
        try:
            item = SubmittedContent(new_ref(), blob, None if blob else _prints_of(text))
        except UrlError as error:
            return self._page(visit, text=text, error=f"That is no address: {error}")
        except PageError as error:
            return self._page(visit, text=text, error=str(error))
        (answer,) = await self._recogniser.recognise([item], look_only=True)
        return self._page(visit, text="" if blob else text, answer=answer)

    def _page(
        self, visit: ReviewVisit, *, text: str = "", error: str = "", answer: Answer | None = None
    ) -> Response:
        values = {
            "text": text,
            "error": error,
            "answer": answer,
            "matches": answer.matches[:_SHOWN] if answer else [],
            "is_ready": self._store.origin is not None,
            "place": FOLDER,
        }
        status = 400 if error else 200
        return render("try.html", self._views.values(visit) | values, status=status)


def _prints_of(text: str) -> Fingerprints:
    """Return the fingerprints that a text means. raises: UrlError, PageError if it is empty."""
    if not text:
        raise PageError("Choose a file, or enter an address or a fingerprint.", status=400)
    for digits, kinds in _BY_LENGTH.items():
        if is_hex(text, digits=digits):
            value = bytes.fromhex(text)
            return Fingerprints(tuple(Fingerprint(kind, value) for kind in kinds))
    return fingerprints_of_url(text)
